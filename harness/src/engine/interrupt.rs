//! Two-stage interruption: the first signal asks the run to stop and clean up, the second leaves at once and says what that costs.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// The wish to stop. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    token: CancellationToken,
    by: Arc<OnceLock<String>>,
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

    /// Asks the run to stop because it cannot go on by itself.
    pub fn ask(&self) {
        self.token.cancel();
    }

    /// What is cancelled when the run is asked to stop, for those who know nothing of interrupts.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Asks the run to stop because somebody outside wants it to.
    pub fn ask_by(&self, who: &str) {
        // The first one is the cause.
        let _ = self.by.set(who.to_owned());
        self.token.cancel();
    }

    /// Who outside wanted the run to stop, if anyone did.
    pub fn by(&self) -> Option<&str> {
        self.by.get().map(String::as_str)
    }

    /// Ends when the run is asked to stop.
    pub async fn wished(&self) {
        self.token.cancelled().await;
    }

    /// Listens for SIGINT and SIGTERM for as long as the process lives. The first one asks; the second one calls `leave`, which must
    /// not return.
    pub fn listen(&self, asked: impl Fn(&str) + Send + 'static, leave: impl Fn() + Send + 'static) {
        let interrupt = self.clone();
        // On a thread of its own, so that it is heard whatever the run is at. Without one, signals keep their ordinary effect.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        // Listening from here on, and without a gap between two signals.
        let mut signals = {
            let _inside = runtime.enter();
            Signals::new()
        };
        let listening = async move {
            let mut heard = false;
            loop {
                let signal = signals.next().await;
                if std::mem::replace(&mut heard, true) {
                    leave();
                    return;
                }
                interrupt.ask_by(signal);
                asked(signal);
            }
        };
        std::thread::spawn(move || runtime.block_on(listening));
    }
}

/// The signals that ask to stop.
#[cfg(unix)]
struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self { interrupt: signal(SignalKind::interrupt()).ok(), terminate: signal(SignalKind::terminate()).ok() }
    }

    async fn next(&mut self) -> &'static str {
        async fn heard(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                // A signal that cannot be listened for keeps its ordinary effect.
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = heard(&mut self.interrupt) => "SIGINT",
            () = heard(&mut self.terminate) => "SIGTERM",
        }
    }
}

/// The signals that ask to stop.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) -> &'static str {
        let _ = tokio::signal::ctrl_c().await;
        "SIGINT"
    }
}
