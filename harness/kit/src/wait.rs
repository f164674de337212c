//! Named, bounded, measured waits on the target's clock.
//!
//! No sleep stands for a condition: between two looks a wait pauses, and what ends it is always a condition or its limit. The
//! limit of a wait that the guideline bounds is part of the contract, and how long it took is evidence.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use levelfield_provider::ProviderError;
use levelfield_reports::EventKind;
use serde::{Deserialize, Serialize, Serializer, de::value::UnitDeserializer, ser::SerializeStruct as _};
use tokio::time::Instant;

use crate::{events::Events, hindrance::Hindrance};

/// Converts between seconds on the target's clock and durations here.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pace: f64,
}

impl Clock {
    /// A clock on which `pace` seconds pass while one passes here.
    pub fn new(pace: f64) -> Self {
        Self { pace: if pace.is_finite() && pace > 0.0 { pace } else { 1.0 } }
    }

    /// How long `seconds` of the target take here.
    pub fn wall(self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64(seconds / self.pace).unwrap_or(Duration::ZERO)
    }

    /// Seconds that passed on the target's clock since `instant`.
    pub fn since(self, instant: Instant) -> f64 {
        instant.elapsed().as_secs_f64() * self.pace
    }
}

/// What one look found.
pub enum Look<T> {
    /// The condition holds.
    Met(T),
    /// Not yet; in words, what was seen.
    NotYet(String),
    /// It can never hold any more; in words, why.
    Never(String),
}

/// The outcome of a wait, as evidence.
///
/// Written with a `met` of its own, because a condition that is met by nothing in particular has the value `()`, which JSON cannot
/// tell from none.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Stored<T>", bound(deserialize = "T: serde::de::DeserializeOwned"))]
pub struct Waited<T> {
    /// What was waited for.
    pub wait: String,
    /// The most it was given, in seconds on the target's clock.
    pub limit_s: f64,
    /// How long it took, in seconds on the target's clock.
    pub took_s: f64,
    /// What met the condition; nothing when the limit passed first.
    pub value: Option<T>,
    /// What the last look saw, when the condition was not met.
    pub last: Option<String>,
}

impl<T: Serialize> Serialize for Waited<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Waited", 6)?;
        fields.serialize_field("wait", &self.wait)?;
        fields.serialize_field("limit-s", &self.limit_s)?;
        fields.serialize_field("took-s", &self.took_s)?;
        fields.serialize_field("met", &self.value.is_some())?;
        fields.serialize_field("value", &self.value)?;
        fields.serialize_field("last", &self.last)?;
        fields.end()
    }
}

/// A [`Waited`] as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Stored<T> {
    wait: String,
    limit_s: f64,
    took_s: f64,
    met: bool,
    value: Option<T>,
    last: Option<String>,
}

impl<T: serde::de::DeserializeOwned> From<Stored<T>> for Waited<T> {
    fn from(stored: Stored<T>) -> Self {
        let Stored { wait, limit_s, took_s, met, value, last } = stored;
        let nothing = || T::deserialize(UnitDeserializer::<serde::de::value::Error>::new()).ok();
        let value = if met { value.or_else(nothing) } else { None };
        Self { wait, limit_s, took_s, value, last }
    }
}

impl<T> Waited<T> {
    /// Whether the condition was met in time.
    pub fn met(&self) -> bool {
        self.value.is_some()
    }

    /// One line for people: `node running after 4.2 s (limit 120 s)`.
    pub fn sentence(&self) -> String {
        match (&self.value, &self.last) {
            (Some(_), _) => format!("{} after {:.1} s (limit {:.0} s)", self.wait, self.took_s, self.limit_s),
            (None, Some(last)) => {
                format!("no {} within {:.0} s: last seen {last}", self.wait, self.limit_s.min(self.took_s.ceil()))
            }
            (None, None) => format!("no {} within {:.0} s", self.wait, self.limit_s),
        }
    }
}

/// Looks again and again until the condition holds or the limit has passed.
#[derive(Clone)]
pub struct Waiter {
    clock: Clock,
    events: Events,
    target: String,
}

/// The first pause between two looks, in seconds on the target's clock; it grows by half up to [`LONGEST_PAUSE_S`].
const FIRST_PAUSE_S: f64 = 0.4;
const LONGEST_PAUSE_S: f64 = 3.0;
/// A pause is never shorter than this here, however fast the target's clock runs: polling must not be a storm.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

impl Waiter {
    /// A waiter on `clock` that reports its waits for `target`.
    pub fn new(clock: Clock, events: Events, target: &str) -> Self {
        Self { clock, events, target: target.to_owned() }
    }

    /// Waits for `name`, at most `limit_s` seconds on the target's clock. Always looks at least once, and once more at the limit.
    pub async fn wait<T, F, Fut>(&self, name: &str, limit_s: f64, mut look: F) -> Waited<T>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Look<T>>,
    {
        let start = Instant::now();
        let deadline = start + self.clock.wall(limit_s);
        self.emit(EventKind::WaitStarted { target: self.target.clone(), wait: name.to_owned(), limit_s });
        let mut pause_s = FIRST_PAUSE_S;
        let (value, last) = loop {
            let last_look = Instant::now() >= deadline;
            let seen = match look().await {
                Look::Met(value) => break (Some(value), None),
                Look::Never(why) => break (None, Some(why)),
                Look::NotYet(seen) => seen,
            };
            if last_look {
                break (None, Some(seen));
            }
            let pause = self.clock.wall(pause_s).max(SHORTEST_PAUSE);
            tokio::time::sleep_until((Instant::now() + pause).min(deadline)).await;
            pause_s = (pause_s * 1.5).min(LONGEST_PAUSE_S);
        };
        let took_s = self.clock.since(start);
        let met = value.is_some();
        self.emit(EventKind::WaitEnded { target: self.target.clone(), wait: name.to_owned(), took_s, met });
        Waited { wait: name.to_owned(), limit_s, took_s, value, last }
    }

    /// The same for looks that call the target. Where the last of them got no answer, nothing is known of the condition: that is the
    /// failed call's to say, and not that the condition does not hold.
    ///
    /// # Errors
    /// How the last call failed, if it did so for a passing reason and the condition was not met.
    pub async fn ask<T, F, Fut>(&self, name: &str, limit_s: f64, mut look: F) -> Result<Waited<T>, Hindrance>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Look<T>, ProviderError>>,
    {
        let unanswered = Mutex::new(None);
        let waited = self
            .wait(name, limit_s, || {
                let (asked, unanswered) = (look(), &unanswered);
                async move {
                    let (look, failed) = match asked.await {
                        Ok(look) => (look, None),
                        Err(error) => (Look::NotYet(error.to_string()), Some(error).filter(|e| e.class.is_transient())),
                    };
                    *unanswered.lock().unwrap_or_else(PoisonError::into_inner) = failed;
                    look
                }
            })
            .await;
        match unanswered.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) if !waited.met() => Err(error.into()),
            _ => Ok(waited),
        }
    }

    fn emit(&self, kind: EventKind) {
        self.events.emit(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter() -> Waiter {
        Waiter::new(Clock::new(1.0), Events::discard(), "t")
    }

    #[tokio::test(start_paused = true)]
    async fn a_condition_that_comes_true_ends_the_wait() {
        let mut looks = 0;
        let waited = waiter()
            .wait("third look", 60.0, || {
                looks += 1;
                let look = if looks == 3 { Look::Met(looks) } else { Look::NotYet(format!("look {looks}")) };
                async move { look }
            })
            .await;
        assert_eq!(waited.value, Some(3));
        assert!(waited.took_s >= 1.0 && waited.took_s < 60.0, "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_call_without_an_answer_leaves_open_is_not_denied() {
        use levelfield_provider::FailureClass;
        for (class, last, unknown) in [
            (FailureClass::Transport, true, true),
            (FailureClass::Throttled, true, true),
            (FailureClass::Transport, false, false),
            (FailureClass::NotFound, true, false),
        ] {
            let mut looks = 0;
            let waited = waiter()
                .ask("node running", 5.0, || {
                    looks += 1;
                    let fails = looks == 1 || last;
                    let error = ProviderError::new("read node", class, "so it ended");
                    async move { if fails { Err(error) } else { Ok(Look::<()>::NotYet("pending".to_owned())) } }
                })
                .await;
            assert_eq!(waited.is_err(), unknown, "{class}, last: {last}");
        }
    }

    #[test]
    fn what_was_met_by_nothing_in_particular_reads_back_as_met() {
        for value in [Some(()), None] {
            let waited = Waited { wait: "w".to_owned(), limit_s: 1.0, took_s: 0.5, value, last: None };
            let text = serde_json::to_string(&waited).unwrap();
            assert_eq!(serde_json::from_str::<Waited<()>>(&text).unwrap(), waited, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_ends_it_with_what_was_last_seen() {
        let waited: Waited<()> = waiter().wait("never", 5.0, || async { Look::NotYet("pending".to_owned()) }).await;
        assert!(!waited.met());
        assert_eq!(waited.sentence(), "no never within 5 s: last seen pending");
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_never_hold_is_not_waited_for() {
        let waited: Waited<()> = waiter().wait("hopeless", 500.0, || async { Look::Never("failed".to_owned()) }).await;
        assert!(waited.took_s < 1.0);
        assert_eq!(waited.last.as_deref(), Some("failed"));
    }
}
