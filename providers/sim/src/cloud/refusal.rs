//! How the simulated cloud refuses a call.

use levelfield_provider::FailureClass;

/// The result of a call to the cloud.
pub(crate) type Answer<T> = Result<T, Refusal>;

/// A refused call, as the control plane puts it on the wire.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// Why, by the classes of the provider's interface.
    pub(crate) class: FailureClass,
    /// For people.
    pub(crate) message: String,
    /// The input to blame.
    pub(crate) culprit: Option<String>,
    /// Wall seconds after which to ask again.
    pub(crate) retry_after: Option<f64>,
}

impl Refusal {
    /// A refusal of `class`.
    pub(crate) fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), culprit: None, retry_after: None }
    }

    /// What is asked for does not exist.
    pub(crate) fn missing(what: &str, id: &str) -> Self {
        Self::new(FailureClass::NotFound, format!("there is no {what} `{id}`")).blaming(id)
    }

    /// The request is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Invalid, message)
    }

    /// Something of that name or in that state is in the way.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Conflict, message)
    }

    /// The account's limit of `what` is reached.
    pub(crate) fn quota(what: &str, limit: u32) -> Self {
        Self::new(FailureClass::Quota, format!("the account's limit of {limit} {what} is reached"))
    }

    /// The target has no addresses left.
    pub(crate) fn capacity(what: &str) -> Self {
        Self::new(FailureClass::Capacity, format!("no {what} is left"))
    }

    /// Naming `culprit` as the input to blame.
    pub(crate) fn blaming(mut self, culprit: &str) -> Self {
        self.culprit = Some(culprit.to_owned());
        self
    }
}
