//! The SSH server of every node: real handshakes, a policy read from the node's own files at each attempt, commands run in
//! the simulated guest.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::FutureExt as _;
use russh::{
    Channel, ChannelId, ChannelOpenFailure, Disconnect, MethodKind, MethodSet, Preferred, Pty, SshId, cipher, kex, mac,
    server::{Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey},
};
use tokio::{io::BufReader, net::TcpStream};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    cloud::Cloud,
    guest::{Exec, Guest, Output, wants_input},
};

/// The most that a command may be given on its standard input, in bytes.
const INPUT: usize = 1 << 20;
/// The most channels that one connection may have open.
const CHANNELS: usize = 16;
/// How long a connection may be idle, wall time.
const IDLE: Duration = Duration::from_mins(10);
/// How much of a connection is read ahead, in bytes.
const BUFFER: usize = 4096;
/// How long a client may take to greet, wall time.
const GREETING: Duration = Duration::from_secs(20);

/// Serves one connection to `guest`'s SSH server until it ends, or until the node's power goes off.
pub(crate) async fn serve(cloud: Arc<Cloud>, guest: Arc<Guest>, stream: TcpStream, power: CancellationToken) {
    let Some(config) = config(&guest) else { return };
    let sessions = Arc::clone(&cloud.sessions);
    let node = Node { cloud, guest, account: String::new(), inputs: HashMap::new(), running: HashMap::new() };
    // A packet is read in two pieces, its length first: one read of the socket gives both, and often the next packet too.
    let stream = BufReader::with_capacity(BUFFER, stream);
    let greeting = tokio::time::timeout(GREETING, russh::server::run_stream(Arc::new(config), stream, node));
    let Some(Ok(Ok(session))) = power.run_until_cancelled(greeting).await else { return };
    sessions.fetch_add(1, Ordering::Relaxed);
    let handle = session.handle();
    tokio::select! {
        _ = session => {}
        () = power.cancelled() => {
            let _ = handle.disconnect(Disconnect::ByApplication, String::new(), String::new()).await;
        }
    }
}

fn config(guest: &Guest) -> Option<Config> {
    let mut preferred = Preferred::DEFAULT;
    if guest.is_obsolete() {
        preferred.kex = with(&preferred.kex, &[kex::DH_G14_SHA1, kex::DH_G1_SHA1]);
        preferred.cipher = with(&preferred.cipher, &[cipher::AES_256_CBC, cipher::AES_128_CBC]);
        preferred.mac = with(&preferred.mac, &[mac::HMAC_SHA1]);
    }
    Some(Config {
        server_id: SshId::Standard(Cow::Borrowed("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7")),
        methods: methods(guest),
        // Nothing is gained by slowing down guesses at a simulated password.
        auth_rejection_time: Duration::ZERO,
        keys: vec![guest.host_key()?],
        inactivity_timeout: Some(IDLE),
        max_auth_attempts: 6,
        preferred,
        nodelay: true,
        ..Config::default()
    })
}

fn with<T: Clone>(usual: &[T], more: &[T]) -> Cow<'static, [T]> {
    Cow::Owned([usual, more].concat())
}

/// The authentication methods on offer.
fn methods(guest: &Guest) -> MethodSet {
    let mut methods = MethodSet::from(&[MethodKind::PublicKey][..]);
    if guest.offers_password() {
        methods.push(MethodKind::Password);
    }
    if guest.policy().keyboard {
        methods.push(MethodKind::KeyboardInteractive);
    }
    methods
}

/// One connection.
struct Node {
    cloud: Arc<Cloud>,
    guest: Arc<Guest>,
    /// The account that logged in; empty before.
    account: String,
    /// Commands that wait for the end of their input.
    inputs: HashMap<ChannelId, (String, Vec<u8>)>,
    running: HashMap<ChannelId, AbortOnDropHandle<()>>,
}

impl Node {
    fn refusal(&self) -> Auth {
        Auth::Reject { proceed_with_methods: Some(methods(&self.guest)), partial_success: false }
    }

    fn login(&mut self, account: &str, accepted: bool) -> Auth {
        if accepted && self.guest.count_login(account) {
            account.clone_into(&mut self.account);
            return Auth::Accept;
        }
        self.refusal()
    }

    fn start(
        &mut self,
        channel: ChannelId,
        line: String,
        input: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let (cloud, guest) = (Arc::clone(&self.cloud), Arc::clone(&self.guest));
        let exec = Exec { cloud, guest, account: self.account.clone() };
        let input = String::from_utf8_lossy(input).into_owned();
        let mut command = Box::pin(async move { exec.run(&line, &input).await });
        // Most commands end at once, and what they printed leaves with the server's answer, in as few packets as a real one's.
        if let Some(output) = (&mut command).now_or_never() {
            return answer(session, channel, output);
        }
        let handle = session.handle();
        let task = tokio::spawn(async move { deliver(&handle, channel, command.await).await });
        self.running.insert(channel, AbortOnDropHandle::new(task));
        Ok(())
    }
}

/// Says what a command printed and how it ended, if it ended while it was asked for.
fn answer(session: &mut Session, channel: ChannelId, output: Output) -> Result<(), russh::Error> {
    if !output.stdout.is_empty() {
        session.data(channel, output.stdout)?;
    }
    if !output.stderr.is_empty() {
        session.extended_data(channel, 1, output.stderr)?;
    }
    session.exit_status_request(channel, output.status)?;
    session.eof(channel)?;
    session.close(channel)
}

/// The same for a command that took its time. A client that is gone is told nothing.
async fn deliver(handle: &Handle, channel: ChannelId, output: Output) {
    if !output.stdout.is_empty() {
        let _ = handle.data(channel, output.stdout).await;
    }
    if !output.stderr.is_empty() {
        let _ = handle.extended_data(channel, 1, output.stderr).await;
    }
    let _ = handle.exit_status_request(channel, output.status).await;
    let _ = handle.eof(channel).await;
    let _ = handle.close(channel).await;
}

impl Handler for Node {
    type Error = russh::Error;

    async fn auth_none(&mut self, _account: &str) -> Result<Auth, Self::Error> {
        Ok(self.refusal())
    }

    async fn auth_password(&mut self, account: &str, password: &str) -> Result<Auth, Self::Error> {
        let accepted = self.guest.accepts_password(account, password);
        Ok(self.login(account, accepted))
    }

    async fn auth_publickey_offered(&mut self, account: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        Ok(if self.guest.accepts_key(account, offer.public_key) { Auth::Accept } else { self.refusal() })
    }

    async fn auth_publickey(&mut self, account: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let accepted = self.guest.accepts_key(account, key.public_key);
        Ok(self.login(account, accepted))
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        // A channel that this side closed first is over without its client's word.
        self.running.retain(|_, command| !command.is_finished());
        if self.inputs.len() + self.running.len() < CHANNELS {
            reply.accept().await;
        } else {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)?;
        let line = String::from_utf8_lossy(data).into_owned();
        if wants_input(&line) {
            self.inputs.insert(channel, (line, vec![]));
        } else {
            self.start(channel, line, &[], session)?;
        }
        Ok(())
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        if let Some((_, input)) = self.inputs.get_mut(&channel) {
            if input.len() + data.len() > INPUT {
                self.inputs.remove(&channel);
                session.close(channel)?;
            } else {
                input.extend_from_slice(data);
            }
        }
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        if let Some((line, input)) = self.inputs.remove(&channel) {
            self.start(channel, line, &input, session)?;
        }
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        self.inputs.remove(&channel);
        self.running.remove(&channel);
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_success(channel)?;
        let line = "There is no shell here: name a command.\r\n";
        answer(session, channel, Output { stderr: line.into(), status: 1, ..Output::default() })
    }
}
