//! The client itself: the limits that all its sessions share, and the plain TCP knock.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Knock, wire};

/// Limits that every session of a [`Remote`] shares. Durations are wall-clock time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteLimits {
    /// The longest wait for a TCP connection.
    pub connect: Duration,
    /// The longest wait for a banner, and again for handshake and authentication together. Also bounds the opening of a channel.
    pub handshake: Duration,
    /// The deadline of a command that has none of its own.
    pub command: Duration,
    /// Handshakes going on at once. They cost the CPU of both ends; 64 keep a processor busy over a slow network too.
    pub handshakes_at_once: usize,
    /// Connections waiting for an answer or a banner at once. They cost a file descriptor each and nothing else.
    pub connects_at_once: usize,
}

impl Default for RemoteLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(30),
            command: Duration::from_mins(1),
            handshakes_at_once: 64,
            connects_at_once: 256,
        }
    }
}

/// The SSH client: a cheap handle whose clones share limits.
///
/// Must be used inside a tokio runtime with its I/O driver on.
#[derive(Clone, Debug)]
pub struct Remote(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: RemoteLimits,
    handshakes: Semaphore,
    connects: Semaphore,
}

impl Default for Remote {
    fn default() -> Self {
        Self::new(RemoteLimits::default())
    }
}

impl Remote {
    /// A client with these limits. A limit of 0 at once counts as 1.
    pub fn new(limits: RemoteLimits) -> Self {
        let handshakes = Semaphore::new(limits.handshakes_at_once.clamp(1, Semaphore::MAX_PERMITS));
        let connects = Semaphore::new(limits.connects_at_once.clamp(1, Semaphore::MAX_PERMITS));
        Self(Arc::new(Shared { limits, handshakes, connects }))
    }

    /// The limits given.
    pub fn limits(&self) -> &RemoteLimits {
        &self.0.limits
    }

    /// Tries a plain TCP connection, and closes it again without a word.
    ///
    /// `within` is wall-clock time and counts from when the attempt begins, which may be later where many are under way.
    pub async fn knock(&self, address: SocketAddr, within: Duration) -> Knock {
        let _turn = self.connect_turn().await;
        match wire::connect(address, within).await {
            Ok(_) => Knock::Open,
            Err(knock) => knock,
        }
    }

    pub(super) async fn connect_turn(&self) -> SemaphorePermit<'_> {
        self.0.connects.acquire().await.expect("the semaphore is never closed")
    }

    pub(super) async fn handshake_turn(&self) -> SemaphorePermit<'_> {
        self.0.handshakes.acquire().await.expect("the semaphore is never closed")
    }
}
