//! One call on a target: bounded in time, made again while it fails for a passing reason, counted.

use std::{future::Future, sync::PoisonError, time::Duration};

use levelfield_provider::{FailureClass, LeftBehind, ProviderError};

use super::{Patience, Result, Target};
use crate::wait::Clock;

impl Target {
    /// Makes a call, again while it fails for a passing reason, and counts.
    pub(super) async fn call<T, F, Fut>(&self, operation: &str, make: F) -> Result<T>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let mut backoff = self.backoff();
        loop {
            match self.call_once(operation, backoff.attempt > 1, make()).await {
                Err(error) if error.class.is_transient() && backoff.pause(&error).await => {}
                outcome => return outcome,
            }
        }
    }

    pub(super) async fn call_once<T>(
        &self,
        operation: &str,
        again: bool,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let seconds = self.patience.call_timeout_s;
        let outcome = tokio::time::timeout(Duration::from_secs_f64(seconds), call).await.unwrap_or_else(|_| {
            Err(ProviderError::new(operation, FailureClass::Timeout, format!("no answer within {seconds} s"))
                .leaving(LeftBehind::Unknown))
        });
        self.count(operation, again, outcome.as_ref().err().map(|e| e.class));
        outcome
    }

    pub(super) fn backoff(&self) -> Backoff {
        Backoff { clock: self.clock, patience: self.patience, attempt: 1, pause_s: self.patience.first_pause_s }
    }

    fn count(&self, operation: &str, again: bool, failed: Option<FailureClass>) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = calls.entry(operation.to_owned()).or_default();
        stats.made += 1;
        stats.retried += u64::from(again);
        if let Some(class) = failed {
            *stats.failed.entry(class.id().to_owned()).or_default() += 1;
        }
    }
}

/// The pauses between the attempts at one call.
pub(super) struct Backoff {
    clock: Clock,
    patience: Patience,
    pub(super) attempt: u32,
    pause_s: f64,
}

impl Backoff {
    /// Pauses before the next attempt, as long as the target asked for or twice as long as last time; false when there is none.
    pub(super) async fn pause(&mut self, error: &ProviderError) -> bool {
        if self.attempt >= self.patience.attempts {
            return false;
        }
        self.attempt += 1;
        let longest = self.clock.wall(self.patience.longest_pause_s);
        tokio::time::sleep(error.retry_after.unwrap_or_else(|| self.clock.wall(self.pause_s)).min(longest)).await;
        self.pause_s *= 2.0;
        true
    }
}
