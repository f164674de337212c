//! Why an observation could not be made: data, kept as evidence, judged like everything else.

use levelfield_provider::{Capability, FailureClass, ProviderError};
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

use crate::{
    guest::{GuestError, GuestErrorKind},
    remote::LoginFailure,
};

/// What kept a behaviour from being observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hindrance", rename_all = "kebab-case")]
pub enum Hindrance {
    /// Nothing can be said.
    Inconclusive {
        /// Why, from the closed list.
        reason: InconclusiveReason,
        /// What was being done and what came back.
        detail: String,
    },
    /// The target lacks a capability.
    Unsupported {
        /// Which.
        capability: Capability,
        /// How that showed.
        detail: String,
    },
    /// The target refused an ordinary call that every target of the standard must accept. That is a violation.
    Refused {
        /// The failure's class.
        class: FailureClass,
        /// What was being done and what came back.
        detail: String,
    },
}

impl Hindrance {
    /// Nothing can be said, for `reason`.
    pub fn inconclusive(reason: InconclusiveReason, detail: impl Into<String>) -> Self {
        Self::Inconclusive { reason, detail: detail.into() }
    }

    /// What `owner` is responsible for was not there.
    pub fn prerequisite(owner: &str, detail: impl Into<String>) -> Self {
        Self::inconclusive(InconclusiveReason::Prerequisite(owner.to_owned()), detail)
    }

    /// The harness itself could not do its part.
    pub fn harness(detail: impl Into<String>) -> Self {
        Self::inconclusive(InconclusiveReason::Harness, detail)
    }

    /// Whether another attempt may find the cause gone. A refusal is never asked about twice.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Inconclusive { reason, .. } if reason.is_transient())
    }

    /// The verdict that a hindrance stands for.
    pub fn judgement(&self) -> Judgement {
        match self {
            Self::Inconclusive { reason, detail } => Judgement::inconclusive(reason.clone(), detail),
            Self::Unsupported { capability, detail } => Judgement::unsupported(capability.id(), detail),
            Self::Refused { detail, .. } => Judgement::fail("refused", detail),
        }
    }
}

/// An error with every cause beneath it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

impl From<ProviderError> for Hindrance {
    fn from(error: ProviderError) -> Self {
        let detail = chain(&error);
        let reason = match error.class {
            FailureClass::Quota => InconclusiveReason::Quota,
            FailureClass::Capacity | FailureClass::Unavailable => InconclusiveReason::Capacity,
            FailureClass::Unauthorized | FailureClass::Forbidden => InconclusiveReason::Credentials,
            FailureClass::Local => InconclusiveReason::Harness,
            FailureClass::Throttled => InconclusiveReason::Throttled,
            FailureClass::Transport | FailureClass::Timeout => InconclusiveReason::RunnerNetwork,
            FailureClass::Unsupported => {
                return Self::inconclusive(
                    InconclusiveReason::Harness,
                    format!("{detail}; the behaviour should have named the capability it needs"),
                );
            }
            class @ (FailureClass::Invalid
            | FailureClass::NotFound
            | FailureClass::Conflict
            | FailureClass::Unexpected) => return Self::Refused { class, detail },
        };
        Self::inconclusive(reason, detail)
    }
}

impl From<GuestError> for Hindrance {
    fn from(error: GuestError) -> Self {
        let detail = chain(&error);
        match error.kind {
            GuestErrorKind::Missing => Self::inconclusive(InconclusiveReason::Image, detail),
            GuestErrorKind::Denied => Self::prerequisite("login/sudo-without-password", detail),
            GuestErrorKind::Session(_) => Self::inconclusive(InconclusiveReason::RunnerNetwork, detail),
            GuestErrorKind::Failed { .. } | GuestErrorKind::Unreadable { .. } => {
                Self::inconclusive(InconclusiveReason::Image, detail)
            }
        }
    }
}

impl From<LoginFailure> for Hindrance {
    fn from(failure: LoginFailure) -> Self {
        Self::prerequisite("login/key-accepted", format!("log in: {failure}"))
    }
}
