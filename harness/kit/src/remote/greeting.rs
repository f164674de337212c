//! What an SSH server says before anything is encrypted: its banner, and the algorithms it offers.
//!
//! The SSH library tells only what was agreed on in the end. What a server would also have agreed to stands in its first packet, so
//! that is read here, from a connection of its own. All sizes are bounded; the parsers never panic.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Duration, Instant, timeout_at},
};

use super::{LoginFailure, Phase, Remote, wire};

/// A server's banner and the algorithms that it offers, each list in the server's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Greeting {
    /// The identification line, without line end: `SSH-2.0-OpenSSH_9.2p1 Debian-2`.
    pub banner: String,
    /// Lines that came before it.
    pub preamble: Vec<String>,
    /// Key exchange methods.
    pub kex: Vec<String>,
    /// Signature algorithms of host keys.
    pub host_key: Vec<String>,
    /// Ciphers from client to server.
    pub ciphers_to_server: Vec<String>,
    /// Ciphers from server to client.
    pub ciphers_to_client: Vec<String>,
    /// Message authentication codes from client to server.
    pub macs_to_server: Vec<String>,
    /// Message authentication codes from server to client.
    pub macs_to_client: Vec<String>,
    /// Compression from client to server.
    pub compression_to_server: Vec<String>,
    /// Compression from server to client.
    pub compression_to_client: Vec<String>,
}

/// The most bytes up to the end of the banner.
const BANNER_LIMIT: usize = 8 * 1024;
/// How long the server is given to speak first.
const SPEAK_AFTER: Duration = Duration::from_secs(1);
/// The largest packet that must be understood (RFC 4253, section 6.1).
const PACKET_LIMIT: usize = 35_000;
/// The message number of `SSH_MSG_KEXINIT`, and of those that may come before it.
const KEXINIT: u8 = 20;
const DISCONNECT: u8 = 1;
const IGNORE: u8 = 2;
const DEBUG: u8 = 4;

impl Remote {
    /// Reads a server's banner and the algorithms it offers, and hangs up.
    pub async fn greet(&self, address: SocketAddr) -> Result<Greeting, LoginFailure> {
        let _turn = self.connect_turn().await;
        let stream = wire::connect(address, self.limits().connect).await.map_err(LoginFailure::Unreachable)?;
        let deadline = Instant::now() + self.limits().handshake;
        let mut reader = Reader { stream, buffer: Vec::new() };
        let (banner, preamble) = timeout_at(deadline, reader.banner())
            .await
            .map_err(|_| LoginFailure::TimedOut { phase: Phase::Banner })??;
        timeout_at(deadline, reader.algorithms())
            .await
            .map_err(|_| LoginFailure::TimedOut { phase: Phase::Handshake })?
            .map(|lists| Greeting { banner, preamble, ..lists })
    }
}

struct Reader {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Reader {
    async fn banner(&mut self) -> Result<(String, Vec<String>), LoginFailure> {
        // Some servers wait for the client's line before they send their own. But one that hangs up on words that it did not
        // read may take its own last words with it.
        let mut patience = Some(Instant::now() + SPEAK_AFTER);
        loop {
            if let Some(lines) = take_banner(&mut self.buffer) {
                if patience.is_some() {
                    self.speak().await?;
                }
                return Ok(lines);
            }
            if let Some(until) = patience {
                let silent = self.buffer.is_empty() && timeout_at(until, self.stream.readable()).await.is_err();
                if silent {
                    self.speak().await?;
                    patience = None;
                }
            }
            if self.buffer.len() > BANNER_LIMIT {
                return Err(LoginFailure::NoBanner { why: format!("the peer kept talking: {:?}", said(&self.buffer)) });
            }
            if !self.more().await.map_err(|why| LoginFailure::NoBanner { why })? {
                let why = format!("the peer closed the connection after saying {:?}", said(&self.buffer));
                return Err(LoginFailure::NoBanner { why });
            }
        }
    }

    async fn speak(&mut self) -> Result<(), LoginFailure> {
        let sent = self.stream.write_all(b"SSH-2.0-Levelfield\r\n").await;
        sent.map_err(|e| LoginFailure::Disconnected { why: e.to_string() })
    }

    async fn algorithms(&mut self) -> Result<Greeting, LoginFailure> {
        loop {
            match take_packet(&mut self.buffer).map_err(|why| LoginFailure::Handshake { why })? {
                Some(payload) => match payload.first() {
                    Some(&KEXINIT) => {
                        return parse_kexinit(&payload).ok_or_else(|| LoginFailure::Handshake {
                            why: "the list of algorithms is malformed".to_owned(),
                        });
                    }
                    Some(&(IGNORE | DEBUG)) => {}
                    Some(&DISCONNECT) => {
                        return Err(LoginFailure::Disconnected { why: "by the server's own message".to_owned() });
                    }
                    other => {
                        return Err(LoginFailure::Handshake { why: format!("unexpected message {other:?}") });
                    }
                },
                None => {
                    if !self.more().await.map_err(|why| LoginFailure::Disconnected { why })? {
                        return Err(LoginFailure::Disconnected {
                            why: "closed after the banner, before the algorithms".to_owned(),
                        });
                    }
                }
            }
        }
    }

    /// Reads what is there; false at the end.
    async fn more(&mut self) -> Result<bool, String> {
        let mut chunk = [0; 4096];
        let count = self.stream.read(&mut chunk).await.map_err(|e| e.to_string())?;
        self.buffer.extend_from_slice(&chunk[..count]);
        Ok(count > 0)
    }
}

/// The beginning of what a peer said, for people.
fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().chars().take(200).collect()
}

/// Takes everything up to the end of the banner line off `buffer`, once it is all there.
fn take_banner(buffer: &mut Vec<u8>) -> Option<(String, Vec<String>)> {
    let mut preamble = Vec::new();
    let mut from = 0;
    while let Some(length) = buffer[from..].iter().position(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(&buffer[from..from + length]).trim_end().to_owned();
        from += length + 1;
        if line.starts_with("SSH-") {
            buffer.drain(..from);
            return Some((line, preamble));
        }
        preamble.push(line);
    }
    None
}

/// Takes the payload of one unencrypted packet off `buffer`, once it is all there.
fn take_packet(buffer: &mut Vec<u8>) -> Result<Option<Vec<u8>>, String> {
    let Some((length, rest)) = buffer.split_first_chunk::<4>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if !(2..=PACKET_LIMIT).contains(&length) {
        return Err(format!("a packet of {length} bytes"));
    }
    let Some(packet) = rest.get(..length) else { return Ok(None) };
    let padding = usize::from(packet[0]);
    let Some(end) = length.checked_sub(padding).filter(|end| *end > 1) else {
        return Err(format!("a packet of {length} bytes with {padding} bytes of padding"));
    };
    let payload = packet[1..end].to_vec();
    buffer.drain(..4 + length);
    Ok(Some(payload))
}

/// Reads the name lists of a `SSH_MSG_KEXINIT` payload (RFC 4253, section 7.1).
fn parse_kexinit(payload: &[u8]) -> Option<Greeting> {
    // Message number and 16 random bytes.
    let mut rest = payload.get(17..)?;
    let mut next = || {
        let list = super::public::first_string(rest)?;
        rest = &rest[4 + list.len()..];
        let text = std::str::from_utf8(list).ok()?;
        Some(text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>())
    };
    Some(Greeting {
        kex: next()?,
        host_key: next()?,
        ciphers_to_server: next()?,
        ciphers_to_client: next()?,
        macs_to_server: next()?,
        macs_to_client: next()?,
        compression_to_server: next()?,
        compression_to_client: next()?,
        ..Greeting::default()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(lists: &[&str]) -> Vec<u8> {
        let mut payload = vec![KEXINIT];
        payload.extend([7; 16]);
        for list in lists {
            payload.extend(u32::try_from(list.len()).unwrap().to_be_bytes());
            payload.extend(list.as_bytes());
        }
        payload.extend([0; 5]);
        let mut packet = u32::try_from(payload.len() + 1 + 4).unwrap().to_be_bytes().to_vec();
        packet.push(4);
        packet.extend(payload);
        packet.extend([0; 4]);
        packet
    }

    #[test]
    fn the_lists_are_read_in_order() {
        let mut buffer = packet(&["a,b", "ssh-ed25519", "c", "d", "e", "f", "none", "zlib", "", ""]);
        buffer.extend(b"rest");
        let payload = take_packet(&mut buffer).unwrap().unwrap();
        assert_eq!(buffer, b"rest");
        let greeting = parse_kexinit(&payload).unwrap();
        assert_eq!(greeting.kex, ["a", "b"]);
        assert_eq!(greeting.host_key, ["ssh-ed25519"]);
        assert_eq!(greeting.macs_to_client, ["f"]);
        assert_eq!(greeting.compression_to_client, ["zlib"]);
    }

    #[test]
    fn a_packet_in_pieces_is_waited_for() {
        let whole = packet(&["a"; 10]);
        for cut in 0..whole.len() {
            assert_eq!(take_packet(&mut whole[..cut].to_vec()), Ok(None), "{cut}");
        }
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        assert!(take_packet(&mut vec![0xff; 8]).is_err());
        assert!(take_packet(&mut vec![0, 0, 0, 0, 0]).is_err());
        assert!(take_packet(&mut vec![0, 0, 0, 3, 9, 0, 0]).is_err());
    }

    #[test]
    fn lines_before_the_banner_are_kept() {
        let mut buffer = b"hello\r\nSSH-2.0-x y\r\nmore".to_vec();
        assert_eq!(take_banner(&mut buffer), Some(("SSH-2.0-x y".to_owned(), vec!["hello".to_owned()])));
        assert_eq!(buffer, b"more");
        assert_eq!(take_banner(&mut b"SSH-2.0-unfinished".to_vec()), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = take_banner(&mut bytes.clone());
            let _ = take_packet(&mut bytes.clone());
            let _ = parse_kexinit(&bytes);
            let mut small = vec![0, 0, 0, 40];
            small.extend(bytes);
            let _ = take_packet(&mut small);
        }
    }
}
