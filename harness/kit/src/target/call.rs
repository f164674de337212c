//! One call on a target: bounded in time, made again while it fails for a passing reason, counted.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

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
        let outcome = loop {
            match self.call_once(operation, backoff.attempt > 1, make()).await {
                Err(error)
                    if error.class.is_transient()
                        && self.silence.leaves_hope(error.class, backoff.attempt)
                        && backoff.pause(&error).await => {}
                outcome => break outcome,
            }
        };
        self.silence.learn(operation, outcome.as_ref().err().map(|error| error.class));
        outcome
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

/// The attempts at a call while another one was given up for want of an answer.
const ATTEMPTS_IN_SILENCE: u32 = 3;

/// Which operations the target stopped answering, however often they were asked for.
///
/// A cloud that vanished is found out by the first call that all attempts are spent on. To spend them on every call after it would keep
/// the end of the run, and the word on what is left behind, waiting for many minutes.
#[derive(Default)]
pub(super) struct Silence {
    operations: Mutex<BTreeSet<String>>,
}

impl Silence {
    /// Whether a call that failed like this is to be made again after so many attempts.
    fn leaves_hope(&self, failure: FailureClass, attempts: u32) -> bool {
        attempts < ATTEMPTS_IN_SILENCE || !is_silence(failure) || self.operations().is_empty()
    }

    /// Notes how a call ended for good.
    fn learn(&self, operation: &str, failure: Option<FailureClass>) {
        if failure.is_some_and(is_silence) {
            self.operations().insert(operation.to_owned());
        } else {
            self.operations().remove(operation);
        }
    }

    fn operations(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_silence(failure: FailureClass) -> bool {
    matches!(failure, FailureClass::Transport | FailureClass::Timeout)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_call_got_no_answer_others_are_given_up_sooner() {
        let silence = Silence::default();
        let (transport, throttled) = (FailureClass::Transport, FailureClass::Throttled);
        assert!(silence.leaves_hope(transport, 9));
        silence.learn("node", Some(transport));
        for (failure, attempts, hope) in
            [(transport, 1, true), (transport, 2, true), (transport, 3, false), (throttled, 9, true)]
        {
            assert_eq!(silence.leaves_hope(failure, attempts), hope, "{failure} {attempts}");
        }
        // Another part of it answers; the one that did not still has to.
        silence.learn("networks", None);
        assert!(!silence.leaves_hope(transport, 3));
        silence.learn("node", Some(FailureClass::NotFound));
        assert!(silence.leaves_hope(transport, 9));
    }
}
