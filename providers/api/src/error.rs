//! How a provider says that something went wrong: what was being done, of which class the failure is, what was left behind.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ResourceRef;

/// The result of a provider's call.
pub type Result<T, E = ProviderError> = std::result::Result<T, E>;

/// Why a call failed, as far as the caller's next move depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The target refused the request as wrong. Asking again gives the same answer.
    Invalid,
    /// The thing named does not exist (or not yet: see eventual consistency).
    NotFound,
    /// A thing of that name or in that state is in the way.
    Conflict,
    /// The credentials were not accepted.
    Unauthorized,
    /// The credentials were accepted and do not permit this.
    Forbidden,
    /// The account's limit is reached.
    Quota,
    /// The target has no room left.
    Capacity,
    /// Too many calls: wait and ask again.
    Throttled,
    /// The target's service failed for a reason of its own (5xx).
    Unavailable,
    /// The connection failed or broke.
    Transport,
    /// No answer in time; whether the call took effect is not known.
    Timeout,
    /// The target has no such operation.
    Unsupported,
    /// An answer that cannot be read as any answer to this call.
    Unexpected,
    /// The harness could not do its own part; nothing was asked of the target.
    Local,
}

impl FailureClass {
    /// Whether the same call may succeed a moment later without anything having been mended.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable | Self::Transport | Self::Timeout)
    }

    /// The id used in evidence and reports.
    pub fn id(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Quota => "quota",
            Self::Capacity => "capacity",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Transport => "transport",
            Self::Timeout => "timeout",
            Self::Unsupported => "unsupported",
            Self::Unexpected => "unexpected",
            Self::Local => "local",
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// What a failed call may have left on the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftBehind {
    /// Certainly nothing.
    Nothing,
    /// These resources.
    These(Vec<ResourceRef>),
    /// The call may or may not have taken effect; only the inventory can tell.
    Unknown,
}

/// A failed call.
///
/// Reads as a sentence: `import key "lf-…": the target refused it (invalid): key is not OpenSSH format`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation}: {message} ({class})")]
pub struct ProviderError {
    /// What was being done, to what: `create node "lf-ab12-subject"`.
    pub operation: String,
    /// The class that decides about retry and verdict.
    pub class: FailureClass,
    /// What came back, in the target's own words where it had any.
    pub message: String,
    /// The input that the target named as the culprit, if it named one.
    pub culprit: Option<String>,
    /// What the call may have left on the target.
    pub left_behind: LeftBehind,
    /// How long the target asked the caller to wait.
    pub retry_after: Option<Duration>,
    /// The error beneath.
    #[source]
    pub source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl ProviderError {
    /// A failure of `operation` that left nothing behind.
    pub fn new(operation: impl Into<String>, class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            operation: operation.into(),
            class,
            message: message.into(),
            culprit: None,
            left_behind: LeftBehind::Nothing,
            retry_after: None,
            source: None,
        }
    }

    /// The call that a target of this kind does not have.
    pub fn unsupported(operation: impl Into<String>) -> Self {
        Self::new(operation, FailureClass::Unsupported, "this target has no such operation")
    }

    /// With the input that the target named as the culprit.
    #[must_use]
    pub fn culprit(mut self, culprit: impl Into<String>) -> Self {
        self.culprit = Some(culprit.into());
        self
    }

    /// With what the call may have left behind.
    #[must_use]
    pub fn leaving(mut self, left_behind: LeftBehind) -> Self {
        self.left_behind = left_behind;
        self
    }

    /// With the wait that the target asked for.
    #[must_use]
    pub fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// With the error beneath.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }
}
