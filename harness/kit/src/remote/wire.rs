//! One TCP connection with libssh2 on top, driven by the runtime's readiness events.

use std::{
    io,
    net::{Shutdown, SocketAddr},
    os::fd::AsFd,
    sync::Arc,
};

use tokio::{
    io::Interest,
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

use super::{Knock, LoginFailure};

/// libssh2's codes, where a decision hangs on them.
pub(super) mod code {
    pub(crate) const BANNER_RECV: i32 = -2;
    pub(crate) const SOCKET_SEND: i32 = -7;
    pub(crate) const TIMEOUT: i32 = -9;
    pub(crate) const SOCKET_DISCONNECT: i32 = -13;
    pub(crate) const PROTO: i32 = -14;
    pub(crate) const PASSWORD_EXPIRED: i32 = -15;
    pub(crate) const FILE: i32 = -16;
    pub(crate) const AUTHENTICATION_FAILED: i32 = -18;
    pub(crate) const PUBLICKEY_UNVERIFIED: i32 = -19;
    pub(crate) const CHANNEL_FAILURE: i32 = -21;
    pub(crate) const CHANNEL_REQUEST_DENIED: i32 = -22;
    pub(crate) const INVAL: i32 = -34;
    pub(crate) const EAGAIN: i32 = -37;
    pub(crate) const SOCKET_RECV: i32 = -43;
    pub(crate) const BAD_SOCKET: i32 = -45;
}

/// Why a step did not end well.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The deadline passed.
    Deadline,
    /// libssh2 says no.
    Failed(ssh2::Error),
}

/// Whether the connection, and not the request, is at fault.
pub(super) fn is_disconnect(error: &ssh2::Error) -> bool {
    matches!(
        number(error),
        code::SOCKET_SEND | code::SOCKET_DISCONNECT | code::SOCKET_RECV | code::BAD_SOCKET | code::TIMEOUT
    )
}

/// libssh2's number of an error.
pub(super) fn number(error: &ssh2::Error) -> i32 {
    match error.code() {
        ssh2::ErrorCode::Session(number) | ssh2::ErrorCode::SFTP(number) => number,
    }
}

/// What a read or write on a channel says, in terms of libssh2's error again.
pub(super) fn unwrap_io(session: &ssh2::Session, error: &io::Error) -> ssh2::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        return again();
    }
    ssh2::Error::last_session_error(session).unwrap_or_else(ssh2::Error::unknown)
}

/// The error by which libssh2 asks to be called again.
pub(super) fn again() -> ssh2::Error {
    ssh2::Error::from_errno(ssh2::ErrorCode::Session(code::EAGAIN))
}

/// Opens a TCP connection, or says why not.
pub(super) async fn connect(address: SocketAddr, within: std::time::Duration) -> Result<TcpStream, Knock> {
    match timeout(within, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => {
            // Each step of the protocol is a small packet that the peer waits for.
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(Knock::Refused),
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Err(Knock::TimedOut),
        Ok(Err(error)) => Err(Knock::Unreachable { why: error.to_string() }),
        Err(_) => Err(Knock::TimedOut),
    }
}

/// A connection. Dropping it says goodbye if that takes no waiting, and always ends the TCP connection.
pub(super) struct Wire {
    /// libssh2's half. Its handshake must have been begun before anything else is asked of it.
    pub(super) session: ssh2::Session,
    stream: Arc<TcpStream>,
    /// Whether libssh2 knows its socket, which it learns in the handshake. Until then it would write to descriptor 0.
    begun: bool,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Result<Self, LoginFailure> {
        let stream = Arc::new(stream);
        let mut session = ssh2::Session::new().map_err(|e| LoginFailure::Local { why: e.to_string() })?;
        session.set_tcp_stream(Arc::clone(&stream));
        session.set_blocking(false);
        session.set_banner("SSH-2.0-Levelfield").map_err(|e| LoginFailure::Local { why: e.to_string() })?;
        Ok(Self { session, stream, begun: false })
    }

    /// The key exchange.
    pub(super) async fn handshake(&mut self, deadline: Instant) -> Result<(), Stopped> {
        // A second handle on the same session, because the call wants one of its own.
        let mut session = self.session.clone();
        let outcome = session.handshake();
        self.begun = true;
        match outcome {
            Err(error) if number(&error) == code::EAGAIN => {}
            outcome => return outcome.map_err(Stopped::Failed),
        }
        self.drive(deadline, move |_| session.handshake()).await
    }

    /// Calls `step` until it gives anything but "again", waiting in between until the socket is ready for it.
    ///
    /// libssh2 keeps its place between calls, so `step` must make the same call each time.
    pub(super) async fn drive<T>(
        &self,
        deadline: Instant,
        mut step: impl FnMut(&ssh2::Session) -> Result<T, ssh2::Error>,
    ) -> Result<T, Stopped> {
        let mut interest = None;
        loop {
            if Instant::now() >= deadline {
                return Err(Stopped::Deadline);
            }
            let mut attempt = || match step(&self.session) {
                Err(error) if number(&error) == code::EAGAIN => None,
                outcome => Some(outcome),
            };
            let outcome = match interest {
                None => attempt(),
                Some(wanted) => {
                    let ready = self.stream.async_io(wanted, || match attempt() {
                        Some(outcome) => Ok(Some(outcome)),
                        // Another direction is wanted now: wait anew instead of clearing this one's readiness.
                        None if self.wanted() != wanted => Ok(None),
                        None => Err(io::ErrorKind::WouldBlock.into()),
                    });
                    match timeout_at(deadline, ready).await {
                        Err(_) => return Err(Stopped::Deadline),
                        Ok(Err(_)) => {
                            return Err(Stopped::Failed(ssh2::Error::from_errno(ssh2::ErrorCode::Session(
                                code::BAD_SOCKET,
                            ))));
                        }
                        Ok(Ok(outcome)) => outcome,
                    }
                }
            };
            match outcome {
                Some(outcome) => return outcome.map_err(Stopped::Failed),
                None => interest = Some(self.wanted()),
            }
        }
    }

    fn wanted(&self) -> Interest {
        match self.session.block_directions() {
            ssh2::BlockDirections::Outbound | ssh2::BlockDirections::Both => Interest::READABLE | Interest::WRITABLE,
            ssh2::BlockDirections::None | ssh2::BlockDirections::Inbound => Interest::READABLE,
        }
    }

    /// Whether the peer has closed its side, as far as this side has heard.
    pub(super) fn is_closed(&self) -> bool {
        use futures_util::FutureExt as _;
        !matches!(self.stream.peek(&mut [0]).now_or_never(), None | Some(Ok(1..)))
    }

    /// Ends the TCP connection now, whatever libssh2 is in the middle of.
    pub(super) fn shut(&self) {
        // A second handle on the same socket, because libssh2 owns the first; without a free descriptor the drop has to do.
        if let Ok(handle) = self.stream.as_fd().try_clone_to_owned() {
            let _ = std::net::TcpStream::from(handle).shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.begun {
            let _ = self.session.disconnect(None, "done", None);
        }
        // libssh2 frees nothing while it waits for the peer to close a channel; on a dead socket it waits for nothing.
        self.shut();
    }
}
