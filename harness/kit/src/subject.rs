//! The subject: one node, what is known of it, and the way in to it.
//!
//! A subject lives through the stages of the timeline. Every transition leaves a fact, and facts are what the behaviours about
//! that transition observe. Where the journey could not go on, the block names the behaviour that owns the reason, so that one
//! root cause gives one failure and everything behind it is inconclusive for a stated reason.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use levelfield_provider::{FailureClass, Group, KeyPair, Node, NodeAddress, ProviderError, Scope};
use levelfield_reports::{InconclusiveReason, event::Stamp};
use serde::{Deserialize, Serialize};

use crate::{
    guest::{Alteration, LoginRules},
    hindrance::Hindrance,
    remote::{Credential, Door, HostKey, LoginFailure, NodeKey},
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
    /// The first request to terminate.
    pub first: Answer<()>,
    /// Until the listing showed it terminated (`true`) or not at all (`false`).
    pub gone: Waited<bool>,
    /// Until its SSH port answered no more; absent where it was never reached.
    pub silent: Option<Waited<()>>,
    /// A second request to terminate.
    pub second: Answer<()>,
    /// The public addresses it had.
    pub had: Vec<IpAddr>,
    /// Those that the account's address list still holds, attached to nothing of ours, and that came with the node.
    pub held: Vec<IpAddr>,
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

/// Why the journey could not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The behaviour that owns the reason.
    pub owner: &'static str,
    /// What the owner says of it when it has no fact to show.
    pub hindrance: Hindrance,
    /// Whether a fact of the owner's shows it in full: then it is the target's doing, and the owner's to judge.
    pub explained: bool,
}

impl Block {
    /// A block owned by `owner`.
    pub fn new(owner: &'static str, hindrance: impl Into<Hindrance>) -> Self {
        Self { owner, hindrance: hindrance.into(), explained: false }
    }

    /// A block that a fact of `owner` explains in full.
    pub fn explained(owner: &'static str, detail: impl Into<String>) -> Self {
        Self { owner, hindrance: Hindrance::harness(detail), explained: true }
    }

    /// What was seen, in words.
    pub fn detail(&self) -> &str {
        match &self.hindrance {
            Hindrance::Inconclusive { detail, .. }
            | Hindrance::Unsupported { detail, .. }
            | Hindrance::Refused { detail, .. } => detail,
        }
    }

    /// What `behavior` says of it: the owner its own reason, everyone else that a prerequisite is missing.
    pub fn seen_by(&self, behavior: &str) -> Hindrance {
        if behavior == self.owner {
            return self.hindrance.clone();
        }
        match &self.hindrance {
            // An interrupted run is nobody's prerequisite; and what kept the owner from its step is everyone's, so that the one
            // cause is named wherever it shows.
            Hindrance::Inconclusive {
                reason: InconclusiveReason::Interrupted | InconclusiveReason::Prerequisite(_),
                ..
            } => self.hindrance.clone(),
            _ => Hindrance::prerequisite(self.owner, self.detail()),
        }
    }
}

/// The way in to a node.
#[derive(Clone)]
pub struct Way {
    /// Where, and as whom.
    pub door: Door,
    /// With what.
    pub credential: Credential,
    /// The host key that was presented at the first login.
    pub host_key: Option<HostKey>,
}

/// One node of a run, and everything known of it.
pub struct Subject {
    /// What it is for: `subject`, `peer`, or a behaviour's own word.
    pub role: String,
    /// The round it belongs to, from 1.
    pub round: u32,
    /// The image that it has to be of, by id or name; the journey's own choice where absent.
    pub image: Option<String>,
    state: RwLock<State>,
}

/// What changes during a subject's life.
#[derive(Clone, Default)]
pub struct State {
    /// The node-specific key.
    pub node_key: Option<NodeKey>,
    /// The key pair on the target.
    pub key_pair: Option<KeyPair>,
    /// The group that the node is in.
    pub group: Option<Group>,
    /// A floating address that the harness requested for it.
    pub floating: Option<String>,
    /// The node, as the API last showed it.
    pub node: Option<Node>,
    /// The operator's keys.
    pub operator_keys: Vec<NodeKey>,
    /// Login rules as they were before anything was altered, where the node outlives the run and may be altered.
    pub rules_before: Option<Arc<LoginRules>>,
    /// The way in.
    pub way: Option<Way>,
    /// Facts so far.
    pub facts: Facts,
    /// Why the journey ended early.
    pub block: Option<Block>,
}

impl Subject {
    /// A subject of which nothing is known yet.
    pub fn new(role: impl Into<String>, round: u32) -> Self {
        Self { role: role.into(), round, image: None, state: RwLock::default() }
    }

    /// Of this image, whatever the journey would choose.
    #[must_use]
    pub fn of_image(mut self, image: impl Into<String>) -> Self {
        self.image = Some(image.into());
        self
    }

    /// A copy of everything known.
    pub fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads without copying.
    pub fn read<T>(&self, f: impl FnOnce(&State) -> T) -> T {
        f(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what is known.
    pub fn update<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes why the journey cannot go on. The first reason stays.
    pub fn block(&self, block: Block) {
        self.update(|s| {
            s.block.get_or_insert(block);
        });
    }

    /// Why the journey ended early, if it did.
    pub fn blocked(&self) -> Option<Block> {
        self.read(|s| s.block.clone())
    }

    /// A fact, as `behavior` may use it.
    ///
    /// # Errors
    /// Why there is none, in the terms of `behavior`.
    pub fn fact<T>(&self, behavior: &str, pick: impl FnOnce(&Facts) -> Option<T>) -> Result<T, Hindrance> {
        self.read(|s| {
            pick(&s.facts).ok_or_else(|| match &s.block {
                Some(block) => block.seen_by(behavior),
                None => Hindrance::harness(format!("the journey of the {} never came so far", self.role)),
            })
        })
    }

    /// The node, as the API last showed it.
    ///
    /// # Errors
    /// Why there is none, in the terms of `behavior`.
    pub fn node(&self, behavior: &str) -> Result<Node, Hindrance> {
        self.read(|s| {
            s.node.clone().ok_or_else(|| match &s.block {
                Some(block) => block.seen_by(behavior),
                None => Hindrance::harness(format!("the {} was never requested", self.role)),
            })
        })
    }

    /// The way in.
    ///
    /// # Errors
    /// Why there is none, in the terms of `behavior`.
    pub fn way(&self, behavior: &str) -> Result<Way, Hindrance> {
        self.read(|s| {
            s.way.clone().ok_or_else(|| match &s.block {
                Some(block) => block.seen_by(behavior),
                None => Hindrance::harness(format!("the {} was never logged in to", self.role)),
            })
        })
    }
}

/// A node's addresses of one scope, sorted.
pub fn addresses(node: &Node, scope: Scope) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = node.addresses_in(scope).map(|a| a.address).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use levelfield_reports::InconclusiveReason;

    use super::*;

    #[test]
    fn one_root_cause_is_one_verdict_and_prerequisites_for_the_rest() {
        let subject = Subject::new("subject", 1);
        let quota = ProviderError::new("create node `a`", FailureClass::Quota, "8 of 8 in use");
        subject.block(Block::new("allocation/node-requested", quota));
        let seen = |behavior: &str| subject.fact(behavior, |f| f.requested.clone()).unwrap_err();
        assert_eq!(
            seen("allocation/node-requested"),
            Hindrance::inconclusive(InconclusiveReason::Quota, "create node `a`: 8 of 8 in use (quota)")
        );
        assert_eq!(
            seen("login/key-accepted"),
            Hindrance::prerequisite("allocation/node-requested", "create node `a`: 8 of 8 in use (quota)")
        );
    }
}
