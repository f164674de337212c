//! Two-stage interruption: the first signal asks the run to stop and clean up, the second leaves at once and says what that costs.

use tokio_util::sync::CancellationToken;

/// The wish to stop. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    token: CancellationToken,
}

impl Interrupt {
    /// A wish that nobody has yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the run was asked to stop.
    pub fn asked(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Asks the run to stop.
    pub fn ask(&self) {
        self.token.cancel();
    }

    /// Ends when the run is asked to stop.
    pub async fn wished(&self) {
        self.token.cancelled().await;
    }

    /// Listens for SIGINT and SIGTERM for as long as the process lives. The first one asks; the second one calls `leave`, which must
    /// not return.
    pub fn listen(&self, asked: impl Fn(&str) + Send + 'static, leave: impl Fn() + Send + 'static) {
        let interrupt = self.clone();
        tokio::spawn(async move {
            loop {
                let signal = next_signal().await;
                if interrupt.asked() {
                    leave();
                    return;
                }
                interrupt.ask();
                asked(signal);
            }
        });
    }
}

#[cfg(unix)]
async fn next_signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
            "SIGINT"
        }
    }
}

#[cfg(not(unix))]
async fn next_signal() -> &'static str {
    let _ = tokio::signal::ctrl_c().await;
    "SIGINT"
}
