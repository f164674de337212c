//! A listener that rules open and close, with what a packet filter does to a closed port: nothing answers.
//!
//! No right to filter packets is needed. Linux drops a SYN when the listener's accept queue is full (and
//! `net.ipv4.tcp_abort_on_overflow` is 0, as it is by default). So to close a gate its backlog is set to 0, accepting stops,
//! and one connection of the gate's own fills the queue; to open it again the backlog is set back and the filler is
//! accepted and thrown away.

use std::{
    io,
    net::{IpAddr, Shutdown, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ipnet::IpNet;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

const BACKLOG: i32 = 1024;

/// What a gate does with a connection that it lets in.
pub(crate) type Service = Arc<dyn Fn(TcpStream, SocketAddr) + Send + Sync>;

/// The sources that a gate lets in: none at all closes it.
pub(crate) type Sources = Vec<IpNet>;

/// A listening socket whose backlog changes while it lives, and that never listens again once it was let go of.
#[derive(Debug)]
struct Socket {
    listener: TcpListener,
    /// Held while the backlog is set: a socket that is made to listen after it was shut down listens anew, and would keep the address.
    closed: Mutex<bool>,
}

impl Socket {
    fn listen(&self, backlog: i32) -> io::Result<()> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(io::ErrorKind::NotConnected.into());
        }
        SockRef::from(&self.listener).listen(backlog)
    }

    fn close(&self) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }
}

/// One address and port, open to some sources or closed. Dropping it frees the address.
#[derive(Debug)]
pub(crate) struct Gate {
    socket: Arc<Socket>,
    address: SocketAddr,
    sources: watch::Sender<Sources>,
    stop: CancellationToken,
}

impl Gate {
    /// Listens on `address` (port 0 picks a free one), letting in `sources` and handing each connection to `service`.
    ///
    /// # Errors
    /// Whatever binding the address fails with.
    pub(crate) fn open(address: SocketAddr, sources: Sources, service: Service) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        // One that is to let nobody in is closed from the start: a connection that the kernel takes before the first rule is looked
        // at would count as let in.
        let closed = sources.is_empty();
        let listener = socket.listen(if closed { 0 } else { BACKLOG.unsigned_abs() })?;
        let address = listener.local_addr()?;
        let filler = if closed { fill_at_once(address) } else { None };
        let stop = CancellationToken::new();
        let (sender, receiver) = watch::channel(sources);
        let socket = Arc::new(Socket { listener, closed: Mutex::new(false) });
        let run = keep(Arc::clone(&socket), receiver, service, filler);
        tokio::spawn(stop.clone().run_until_cancelled_owned(run));
        Ok(Self { socket, address, sources: sender, stop })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets in `sources` from now on, and nobody else.
    pub(crate) fn admit(&self, sources: Sources) {
        self.sources.send_if_modified(|now| {
            let changed = *now != sources;
            *now = sources;
            changed
        });
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.stop.cancel();
        // The task lets go of the listener in its own time; the address must be free for another gate at once.
        self.socket.close();
    }
}

/// A connection of a gate's own that fills its queue, and where it comes from.
type Filler = (TcpStream, SocketAddr);

async fn keep(
    socket: Arc<Socket>,
    mut sources: watch::Receiver<Sources>,
    service: Service,
    mut filler: Option<Filler>,
) {
    loop {
        let admitted = sources.borrow_and_update().clone();
        if admitted.is_empty() {
            if filler.is_none() {
                filler = shut(&socket).await;
            }
            if sources.changed().await.is_err() {
                return;
            }
            continue;
        }
        let thrown_away = filler.take().map(|(_, address)| address);
        if socket.listen(BACKLOG).is_err() {
            return;
        }
        loop {
            tokio::select! {
                changed = sources.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                accepted = socket.listener.accept() => match accepted {
                    Ok((_, peer)) if Some(peer) == thrown_away => {}
                    Ok((stream, peer)) if admits(&admitted, peer.ip()) => service(stream, peer),
                    Ok(_) => {}
                    // Out of file descriptors or alike: what is pending stays pending until there is room again.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
            }
        }
    }
}

/// Fills the queue of a listener that nobody had the time to find yet. It does not wait: the kernel connects loopback addresses
/// within the call.
fn fill_at_once(address: SocketAddr) -> Option<Filler> {
    let filler = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok()?;
    filler.set_nonblocking(true).ok()?;
    let filler = TcpStream::from_std(filler).ok()?;
    let from = filler.local_addr().ok()?;
    Some((filler, from))
}

/// Makes the kernel drop whatever comes, and returns the connection that fills the queue.
async fn shut(socket: &Socket) -> Option<Filler> {
    socket.listen(0).ok()?;
    let drained = async { while socket.listener.accept().await.is_ok() {} };
    // Whoever got into the queue before it was shortened is thrown out; an empty queue leaves the branch pending.
    tokio::select! {
        biased;
        () = drained => {}
        () = tokio::task::yield_now() => {}
    }
    let target = socket.listener.local_addr().ok()?;
    // A stranger that was faster fills the queue just as well, and the kernel then never answers the filler.
    let filler = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(target)).await.ok()?.ok()?;
    let address = filler.local_addr().ok()?;
    Some((filler, address))
}

/// Whether a packet filter with these sources lets `peer` in. An IPv6 listener names its peers by mapped addresses, which
/// only rules for IPv6 cover.
fn admits(sources: &[IpNet], peer: IpAddr) -> bool {
    sources.iter().any(|source| source.contains(&peer))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::{
        super::{Dial, dial},
        *,
    };

    fn greeter() -> Service {
        Arc::new(|stream, _| {
            tokio::spawn(async move {
                let _ = stream.writable().await;
                let _ = stream.try_write(b"hello");
            });
        })
    }

    /// Whether the gate drops what comes, or answers; `None` while it is between the two.
    async fn answers(address: SocketAddr) -> Option<bool> {
        match dial(None, address, Duration::from_millis(200)).await {
            Dial::Open(mut stream) => {
                let mut text = String::new();
                let read = stream.read_to_string(&mut text);
                tokio::time::timeout(Duration::from_millis(200), read).await.ok()?.ok()?;
                (text == "hello").then_some(true)
            }
            Dial::Silent => Some(false),
            Dial::Refused | Dial::Impossible => None,
        }
    }

    /// Polls until the gate answers as `wanted`, three times in a row.
    async fn settles(address: SocketAddr, wanted: bool) -> bool {
        let mut in_a_row = 0;
        for _ in 0..40 {
            in_a_row = if answers(address).await == Some(wanted) { in_a_row + 1 } else { 0 };
            if in_a_row == 3 {
                return true;
            }
        }
        false
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_gate_drops_when_closed_and_answers_when_opened() {
        let all: IpNet = "0.0.0.0/0".parse().unwrap();
        let gate = Gate::open("127.213.7.7:0".parse().unwrap(), vec![], greeter()).unwrap();
        for _ in 0..3 {
            assert!(settles(gate.address(), false).await, "a closed gate answered");
            gate.admit(vec![all]);
            assert!(settles(gate.address(), true).await, "an open gate did not answer");
            gate.admit(vec![]);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_gate_that_opens_closed_lets_nobody_in_first() {
        for _ in 0..100 {
            let gate = Gate::open("127.213.7.9:0".parse().unwrap(), vec![], greeter()).unwrap();
            let first = dial(None, gate.address(), Duration::from_millis(5)).await;
            assert!(matches!(first, Dial::Silent), "{first:?}");
        }
    }

    #[tokio::test]
    async fn the_address_of_a_dropped_gate_is_free_at_once() {
        let gate = Gate::open("127.213.7.8:0".parse().unwrap(), vec![], greeter()).unwrap();
        let address = gate.address();
        for _ in 0..10 {
            assert!(Gate::open(address, vec![], greeter()).is_err(), "two gates at one address");
        }
        drop(gate);
        assert!(Gate::open(address, vec![], greeter()).is_ok());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_gate_dropped_while_it_closes_listens_no_more() {
        let all: IpNet = "0.0.0.0/0".parse().unwrap();
        let mut address = "127.213.7.10:0".parse().unwrap();
        for _ in 0..2000 {
            let gate =
                Gate::open(address, vec![all], greeter()).unwrap_or_else(|e| panic!("{address} is not free: {e}"));
            address = gate.address();
            gate.admit(vec![]);
            // On the other worker the gate closes at this moment, or did, or will.
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn sources_are_matched_by_family() {
        let sources = vec!["127.0.0.0/24".parse().unwrap()];
        assert!(admits(&sources, "127.0.0.9".parse().unwrap()));
        assert!(!admits(&sources, "127.0.1.9".parse().unwrap()));
        assert!(!admits(&sources, "::ffff:127.0.0.9".parse().unwrap()));
    }
}
