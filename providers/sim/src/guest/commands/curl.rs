//! `curl`: real HTTP over real sockets, to the metadata service, to other nodes, and to the simulated outside.
//!
//! The source address is the node's own, so that whoever answers sees what a real network would show. `https` is answered
//! by the same servers without TLS; whether the certificate would have been trusted is decided here.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Exec, Output};
use crate::{
    Mutation,
    net::{Dial, dial, mapped},
    outside,
};

/// Where every cloud has its metadata service.
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
/// The most of an answer that is read, in bytes.
const LARGEST: u64 = 4 << 20;

struct Request {
    method: String,
    headers: Vec<String>,
    show_head: bool,
    six: bool,
    insecure: bool,
    seconds: f64,
    https: bool,
    host: String,
    port: u16,
    path: String,
}

/// Where a request goes: from which address to which socket.
enum Route {
    To {
        source: Option<IpAddr>,
        target: SocketAddr,
    },
    /// Packets are dropped on the way.
    Nowhere,
    Refused,
    NoSuchName,
}

/// `curl -sS -i -m SECONDS [-X METHOD] [-H 'Name: value']… URL`
pub(super) async fn run(exec: &Exec, arguments: &[&str]) -> Output {
    let request = match read(arguments) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let (host, port) = (&request.host, request.port);
    // Nobody waits for a silent network longer than the target's clock says, real connections get the time they were given.
    let silence = exec.cloud.clock.wall(request.seconds);
    let patience = Duration::try_from_secs_f64(request.seconds).unwrap_or(Duration::MAX);
    let timed_out =
        || Output::fail(28, format!("curl: (28) Connection timed out after {} milliseconds", request.seconds * 1e3));
    match route(exec, &request) {
        Route::NoSuchName => Output::fail(6, format!("curl: (6) Could not resolve host: {host}")),
        Route::Refused => {
            Output::fail(7, format!("curl: (7) Failed to connect to {host} port {port}: Connection refused"))
        }
        Route::Nowhere => {
            tokio::time::sleep(silence).await;
            timed_out()
        }
        Route::To { source, target } => match dial(source, target, patience.min(Duration::from_secs(2))).await {
            Dial::Open(_) if request.https && !request.insecure && exec.cloud.has(Mutation::TlsIntercepted) => {
                Output::fail(60, "curl: (60) SSL certificate problem: unable to get local issuer certificate")
            }
            Dial::Open(stream) => match tokio::time::timeout(patience, exchange(stream, &request)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Output::fail(56, "curl: (56) Recv failure: Connection reset by peer"),
                Err(_) => timed_out(),
            },
            Dial::Refused | Dial::Impossible => {
                Output::fail(7, format!("curl: (7) Failed to connect to {host} port {port}: Connection refused"))
            }
            Dial::Silent => timed_out(),
        },
    }
}

fn route(exec: &Exec, request: &Request) -> Route {
    let Some(facts) = exec.facts() else { return Route::Refused };
    let (cloud, block) = (&exec.cloud, exec.cloud.block);
    let Some(address) = exec.resolve(&request.host, request.six) else { return Route::NoSuchName };
    if address == METADATA {
        if cloud.has(Mutation::MetadataServiceDown) {
            return Route::Nowhere;
        }
        let target = SocketAddr::new(block.metadata().into(), cloud.ports.metadata);
        return Route::To { source: Some(facts.private.into()), target };
    }
    let four = match address.to_canonical() {
        IpAddr::V4(four) => four,
        IpAddr::V6(_) => return Route::Refused,
    };
    let by_six = address.is_ipv6();
    // The machine's own loopback address is every node's: what a node means by it is its own processes.
    if four == Ipv4Addr::LOCALHOST && request.port != cloud.ports.outside {
        return match cloud.inside(&exec.guest.id, request.port) {
            Some(target) => Route::To { source: None, target },
            None => Route::Refused,
        };
    }
    if facts.network.contains(&four) {
        if !cloud.peers_connected() && four != facts.private {
            return Route::Nowhere;
        }
        return Route::To { source: Some(facts.private.into()), target: SocketAddr::new(address, request.port) };
    }
    let is_outside = [block.outside(), block.outside_six()].contains(&four)
        || four.is_loopback() && request.port == cloud.ports.outside;
    if !is_outside && !block.whole().contains(&four) {
        return Route::Refused;
    }
    let cut_off = cloud.has(Mutation::NoEgress)
        || by_six && (cloud.has(Mutation::Ipv6NoEgress) || facts.six.is_none())
        || cloud.has(Mutation::MirrorBlocked) && outside::is_mirror(&request.host) && !request.https
        || cloud.has(Mutation::StaticServiceUnreachable) && outside::is_static(&request.host);
    if cut_off {
        return Route::Nowhere;
    }
    let source = if by_six { facts.six.map(IpAddr::V6) } else { Some(facts.public.unwrap_or(block.router()).into()) };
    let target = match (is_outside, by_six) {
        (true, true) => SocketAddr::new(mapped(block.outside_six()).into(), cloud.ports.outside),
        (true, false) => SocketAddr::new(block.outside().into(), cloud.ports.outside),
        (false, _) => SocketAddr::new(address, request.port),
    };
    Route::To { source, target }
}

async fn exchange(mut stream: TcpStream, request: &Request) -> std::io::Result<Output> {
    let Request { method, path, host, port, https, .. } = request;
    let usual = *port == if *https { 443 } else { 80 };
    let host = if usual { host.clone() } else { format!("{host}:{port}") };
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\nConnection: close\r\n"
    );
    for header in &request.headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    if method != "GET" && method != "HEAD" {
        head.push_str("Content-Length: 0\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await?;
    if request.show_head {
        return Ok(Output::ok(answer));
    }
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    Ok(Output::ok(&answer[body..]))
}

fn read(arguments: &[&str]) -> Result<Request, Output> {
    let mut request = Request {
        method: "GET".into(),
        headers: vec![],
        show_head: false,
        six: false,
        insecure: false,
        seconds: 300.0,
        https: false,
        host: String::new(),
        port: 0,
        path: String::new(),
    };
    let usage = || Output::fail(2, "curl: try 'curl --help' for more information");
    let mut url = None;
    let mut words = arguments.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "-m" | "--max-time" | "--connect-timeout" => {
                request.seconds = words.next().and_then(|text| text.parse().ok()).ok_or_else(usage)?;
            }
            "-X" | "--request" => words.next().ok_or_else(usage)?.clone_into(&mut request.method),
            "-H" | "--header" => {
                let header = words.next().filter(|header| !header.contains(['\r', '\n'])).ok_or_else(usage)?;
                request.headers.push(header.to_owned());
            }
            "-o" | "-A" | "-w" => drop(words.next().ok_or_else(usage)?),
            flags if flags.starts_with('-') && !flags.starts_with("--") => {
                request.show_head |= flags.contains('i');
                request.six |= flags.contains('6');
                request.insecure |= flags.contains('k');
            }
            flag if flag.starts_with("--") => {}
            word => url = Some(word),
        }
    }
    let url = url.ok_or_else(usage)?;
    let malformed = || Output::fail(3, "curl: (3) URL rejected: Malformed input to a URL function");
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    request.https = match scheme {
        "http" => false,
        "https" => true,
        other => return Err(Output::fail(1, format!("curl: (1) Protocol \"{other}\" not supported"))),
    };
    let cut = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(cut);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse().map_err(|_| malformed())?)),
        _ => (authority, None),
    };
    if host.is_empty() || url.contains(|c: char| c.is_ascii_control() || c == ' ') {
        return Err(malformed());
    }
    host.clone_into(&mut request.host);
    request.port = port.unwrap_or(if request.https { 443 } else { 80 });
    request.path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_as_curl_reads_them() {
        let request = read(&["-sS", "-i", "-m", "5", "-X", "PUT", "-H", "A: b", "http://169.254.169.254/latest/x?y"])
            .ok()
            .unwrap();
        assert_eq!((request.method.as_str(), request.port, request.path.as_str()), ("PUT", 80, "/latest/x?y"));
        assert!(request.show_head && request.headers == ["A: b"]);
        let six = read(&["https://[::1]:8443"]).ok().unwrap();
        assert_eq!((six.host.as_str(), six.port, six.path.as_str(), six.https), ("[::1]", 8443, "/", true));
        for (arguments, status) in [
            (&["-sS"][..], 2),
            (&["http://:80/"], 3),
            (&["http://a:b/"], 3),
            (&["gopher://a/"], 1),
            (&["-H", "a: b\r\nc: d", "http://a/"], 2),
        ] {
            assert_eq!(read(arguments).err().unwrap().status, status, "{arguments:?}");
        }
    }
}
