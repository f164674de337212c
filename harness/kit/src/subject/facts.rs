//! What the transitions of a node's life leave to be judged: one fact for each.

use std::{collections::BTreeMap, net::IpAddr};

use levelfield_provider::{FailureClass, Node, NodeAddress, ProviderError};
use levelfield_reports::event::Stamp;
use serde::{Deserialize, Serialize};

use crate::{
    guest::Alteration,
    hindrance::Hindrance,
    remote::{HostKey, LoginFailure},
    triage::Triage,
    wait::Waited,
};

/// What a call answered, as evidence, where a refusal is as telling as an acceptance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer<T> {
    /// The target did it.
    Accepted(T),
    /// The target refused.
    Refused {
        /// The failure's class.
        class: FailureClass,
        /// The target's words.
        message: String,
        /// The input that it named as the culprit.
        culprit: Option<String>,
    },
}

impl<T> Answer<T> {
    /// The answer in `outcome`.
    ///
    /// # Errors
    /// A failure that is no answer: quota, throttling, a broken connection.
    pub fn of(outcome: Result<T, ProviderError>) -> Result<Self, Hindrance> {
        match outcome {
            Ok(value) => Ok(Self::Accepted(value)),
            Err(error) => match error.class {
                FailureClass::Invalid
                | FailureClass::NotFound
                | FailureClass::Conflict
                | FailureClass::Forbidden
                | FailureClass::Unexpected => {
                    Ok(Self::Refused { class: error.class, message: error.message, culprit: error.culprit })
                }
                _ => Err(error.into()),
            },
        }
    }

    /// The value, if it was accepted.
    pub fn accepted(&self) -> Option<&T> {
        match self {
            Self::Accepted(value) => Some(value),
            Self::Refused { .. } => None,
        }
    }

    /// The same answer about something else.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Accepted(value) => Answer::Accepted(f(value)),
            Self::Refused { class, message, culprit } => Answer::Refused { class, message, culprit },
        }
    }
}

/// How a thing was chosen from the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chosen {
    /// By the standard's own way.
    Found {
        /// Its id.
        id: String,
    },
    /// The standard's way found nothing; the configuration named this one.
    Configured {
        /// Its id.
        id: String,
        /// Why the standard's way found nothing.
        because: String,
    },
}

impl Chosen {
    /// The id that a request names.
    pub fn id(&self) -> &str {
        match self {
            Self::Found { id } | Self::Configured { id, .. } => id,
        }
    }
}

/// Steps 2 and 3, as far as the request needs them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Choice {
    /// The network, where the target has networks to choose from.
    pub network: Option<Chosen>,
    /// The flavor.
    pub flavor: Chosen,
    /// The image.
    pub image: Chosen,
    /// The image's distribution, where the catalogue tells.
    pub distribution: Option<String>,
    /// The account that the image or the configuration states.
    pub stated_account: Option<String>,
    /// The zone asked for.
    pub zone: Option<String>,
}

/// Step 4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Requested {
    /// Seconds until the request returned that was answered, without those before it that failed for a passing reason.
    pub returned_s: f64,
    /// The node as the request returned it.
    pub first: Node,
    /// The node as the first describe after the request showed it, if it showed it at all.
    pub described: Option<Node>,
    /// The zone that was asked for.
    pub zone_asked: Option<String>,
    /// Until the API said running.
    pub running: Waited<Node>,
}

/// How a node is reached from outside: what step 5 is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressPattern {
    /// A public address comes with the node. The AWS way.
    Default,
    /// The target attaches a floating address by itself.
    AddedByTarget,
    /// Only IPv6 is public.
    Ipv6,
    /// A port of a shared address is forwarded.
    PortForwarding,
    /// A floating address that the user had to request and attach.
    FloatingOnRequest,
    /// The node exists already; its address was configured.
    Existing,
    /// None at all.
    None,
}

/// Step 5, the address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Addressed {
    /// The pattern.
    pub pattern: AddressPattern,
    /// The address that the way in uses.
    pub address: Option<NodeAddress>,
    /// Every address that the API stated once the node was running.
    pub listed: Vec<NodeAddress>,
    /// Until a public address was known without any further call.
    pub by_default: Waited<NodeAddress>,
    /// Seconds from the request until the address was known, whatever the pattern.
    pub known_s: Option<f64>,
}

/// One account that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tried {
    /// The account.
    pub account: String,
    /// What refused it, or nothing when it was accepted.
    pub failure: Option<LoginFailure>,
    /// What was said instead of running anything, where the key was accepted and that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
}

/// Which account let the key in, and under which host key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Accepted {
    /// The account.
    pub account: String,
    /// The host key presented.
    pub host_key: HostKey,
}

/// Step 6.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LoggedIn {
    /// The account that image or configuration states.
    pub stated: Option<String>,
    /// Until the first accepted login.
    pub accepted: Waited<Accepted>,
    /// The accounts of the last round of trying, in order.
    pub tried: Vec<Tried>,
    /// Seconds from the request to the login.
    pub since_request_s: f64,
    /// Why it failed, rung by rung, when it did.
    pub triage: Option<Triage>,
}

/// What became of one login as root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RootLogin {
    /// SHA-256 fingerprint of the operator's key.
    pub key: String,
    /// What refused it, or nothing when it was accepted.
    pub failure: Option<LoginFailure>,
}

/// Step 7.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hardened {
    /// Adding the operator's keys.
    pub keys: Alteration,
    /// One login per operator key.
    pub logins: Vec<RootLogin>,
    /// Turning password login off; absent when root could not log in, because then nothing more is changed.
    pub passwords: Option<Alteration>,
}

/// Step 8.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sealed {
    /// Taking the key out of the node.
    pub inside: Alteration,
    /// Taking the key out of the target; absent where the target holds no keys.
    pub outside: Option<Answer<()>>,
}

/// Who a node is, as far as it must stay itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Identity {
    /// The target's id.
    pub id: String,
    /// The node's own hostname.
    pub hostname: String,
    /// Private addresses by API.
    pub private: Vec<IpAddr>,
    /// Public addresses by API.
    pub public: Vec<IpAddr>,
    /// SHA-256 of the host key presented.
    pub host_key: String,
    /// Changes with every boot.
    pub boot_id: String,
}

/// A reboot, or a stop and a start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Survived {
    /// Before.
    pub before: Identity,
    /// Until a login found another boot.
    pub back: Waited<Identity>,
}

/// The end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Terminated {
    /// The request to terminate.
    pub first: Answer<()>,
    /// Until the listing showed it terminated (`true`) or not at all (`false`).
    pub gone: Waited<bool>,
    /// Until its SSH port answered no more; absent where it was never reached.
    pub silent: Option<Waited<()>>,
    /// The public addresses it had.
    pub had: Vec<IpAddr>,
}

/// Everything known of a subject.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Steps 2 and 3.
    pub choice: Option<Choice>,
    /// When each stamp between request and login was reached: seconds since the request, on the target's clock.
    pub stamps: BTreeMap<Stamp, f64>,
    /// Step 4.
    pub requested: Option<Requested>,
    /// Step 5, the address.
    pub addressed: Option<Addressed>,
    /// Step 5, its port.
    pub reached: Option<Waited<()>>,
    /// Step 6.
    pub logged_in: Option<LoggedIn>,
    /// Step 7.
    pub hardened: Option<Hardened>,
    /// Step 8.
    pub sealed: Option<Sealed>,
    /// Reboot.
    pub rebooted: Option<Survived>,
    /// Stop and start.
    pub restarted: Option<Survived>,
    /// Termination.
    pub terminated: Option<Terminated>,
}
