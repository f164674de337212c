//! A running sim: the cloud and its servers, for use in this process or as a process of its own.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::Arc,
};

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Persona,
    cloud::{Cloud, Ports},
    control, metadata,
    net::{Block, mapped},
    outside,
    random::Seed,
};

/// Why a sim could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket of the sim's own could not be had.
    #[error("cannot listen on {address} for the sim's {service}")]
    Listen {
        /// What should have listened.
        service: &'static str,
        /// Where.
        address: SocketAddr,
        /// The error beneath.
        source: io::Error,
    },
    /// The provider's own part could not be set up.
    #[error(transparent)]
    Client(Box<levelfield_provider::ProviderError>),
}

/// The UDP port that a sim holds on its router's address for as long as its block is its own.
const CLAIM: u16 = 4711;

/// A simulated cloud, running. Dropping it stops it.
pub struct SimServer {
    cloud: Arc<Cloud>,
    token: String,
    tasks: TaskTracker,
    /// Shows other sims on this machine that the block is taken.
    _claim: UdpSocket,
}

impl SimServer {
    /// Starts a cloud like `persona` on loopback addresses of its own.
    ///
    /// # Errors
    /// [`StartError::Listen`] if the machine gives it no sockets.
    #[expect(clippy::unused_async, reason = "it needs the runtime that its caller then has")]
    pub async fn start(persona: Persona) -> Result<Self, StartError> {
        let random = rand::random::<u64>();
        let (block, claim) = claim_block(random)?;
        let any = |service, ip: IpAddr| listen(service, SocketAddr::new(ip, 0));
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        // The control plane's port number is unique on this machine, and with it every node's SSH address.
        let control = any("control plane", localhost)?;
        let echo = any("echo", localhost)?;
        let metadata = any("metadata service", block.metadata().into())?;
        let outside = any("outside", localhost)?;
        let ports =
            Ports { ssh: port(&control), echo: port(&echo), metadata: port(&metadata), outside: port(&outside) };
        let inner = listen("outside", SocketAddr::new(block.outside().into(), ports.outside))?;
        // Without IPv6 on this machine nodes have none, and the outside needs none.
        let six = listen("outside", SocketAddr::new(mapped(block.outside_six()).into(), ports.outside)).ok();

        let stop = CancellationToken::new();
        let cloud = Cloud::new(persona, block, ports, stop.clone());
        let token = Seed::new(random).hex(&["control plane token"], 40);
        let tasks = TaskTracker::new();
        let serve = |listener, router| {
            tasks.spawn(stop.clone().run_until_cancelled_owned(serve(listener, router)));
        };
        serve(control, control::router(Arc::clone(&cloud), &token));
        serve(metadata, metadata::router(Arc::clone(&cloud)));
        for listener in [Some(outside), Some(inner), six].into_iter().flatten() {
            serve(listener, outside::router());
        }
        // Nothing answers there; the number is kept from others as long as the sim runs.
        tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
            let _kept = echo;
            std::future::pending::<()>().await;
        }));
        tasks.close();
        Ok(Self { cloud, token, tasks, _claim: claim })
    }

    /// The control plane's URL, without a slash at its end.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.cloud.ports.ssh)
    }

    /// The credential that the control plane asks for.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The URL, without a slash at its end, of what stands for the world outside: `/echo` answers with the caller's address.
    pub fn outside_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.cloud.ports.outside)
    }

    /// SSH sessions that the nodes served so far, refused logins included.
    pub fn sessions(&self) -> u64 {
        self.cloud.sessions.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Stops everything, and returns when the sim's own servers are gone.
    pub async fn shutdown(self) {
        self.cloud.close();
        self.tasks.wait().await;
    }
}

impl Drop for SimServer {
    fn drop(&mut self) {
        self.cloud.close();
    }
}

async fn serve(listener: TcpListener, router: Router) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    // It only ends with the process or by being cancelled.
    let _ = axum::serve(listener, service).await;
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}

/// A block that no other sim on this machine has: what listens in the nodes of two sims would meet otherwise. The search begins
/// where `random` leads.
fn claim_block(random: u64) -> Result<(Block, UdpSocket), StartError> {
    let claim = |block: Block| {
        let address = SocketAddr::new(block.router().into(), CLAIM);
        let socket = UdpSocket::bind(address);
        socket.map(|socket| (block, socket)).map_err(|source| StartError::Listen { service: "block", address, source })
    };
    let mut taken = claim(Block::new(random));
    for step in 1..Block::COUNT {
        if taken.is_ok() {
            break;
        }
        taken = claim(Block::new(random.wrapping_add(step)));
    }
    taken
}

fn listen(service: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(1024)
    };
    bound().map_err(|source| StartError::Listen { service, address, source })
}
