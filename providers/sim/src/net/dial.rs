//! Connecting from a chosen address, without ever leaving the loopback network.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::net::{TcpSocket, TcpStream};

/// How an attempt to connect ended.
#[derive(Debug)]
pub(crate) enum Dial {
    /// Connected.
    Open(TcpStream),
    /// Answered with a refusal.
    Refused,
    /// Not answered in time.
    Silent,
    /// The address is not on the loopback network, or no socket was to be had.
    Impossible,
}

/// Connects from `source` to `target` within `patience` (wall time).
pub(crate) async fn dial(source: Option<IpAddr>, target: SocketAddr, patience: Duration) -> Dial {
    if !target.ip().to_canonical().is_loopback() {
        return Dial::Impossible;
    }
    let Ok(socket) = socket(source, target) else { return Dial::Impossible };
    match tokio::time::timeout(patience, socket.connect(target)).await {
        Ok(Ok(stream)) => Dial::Open(stream),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Dial::Refused,
        Ok(Err(_)) => Dial::Impossible,
        Err(_) => Dial::Silent,
    }
}

fn socket(source: Option<IpAddr>, target: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if target.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::new(source, 0))?;
    }
    Ok(socket)
}
