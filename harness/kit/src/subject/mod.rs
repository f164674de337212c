//! The subject: one node, what is known of it, and the way in to it.
//!
//! A subject lives through the stages of the timeline. Every transition leaves a fact, and facts are what the behaviours about
//! that transition observe. Where the journey could not go on, the block names the behaviour that owns the reason, so that one
//! root cause gives one failure and everything behind it is inconclusive for a stated reason.

mod facts;

use std::{
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use levelfield_provider::{Group, KeyPair, Node, Scope};
use levelfield_reports::InconclusiveReason;

use crate::{
    guest::LoginRules,
    hindrance::Hindrance,
    remote::{Credential, Door, HostKey, NodeKey},
};

pub use facts::{
    Accepted, AddressPattern, Addressed, Answer, Choice, Chosen, Facts, Hardened, Identity, LoggedIn, Requested,
    RootLogin, Sealed, Survived, Terminated, Tried,
};

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
    /// A group that it shares with others and that is removed by whoever made it; the journey makes it one of its own where absent.
    pub shared_group: Option<Group>,
    state: RwLock<State>,
}

/// What changes during a subject's life.
#[derive(Clone, Default)]
pub struct State {
    /// The node-specific key.
    pub node_key: Option<NodeKey>,
    /// The key pair on the target.
    pub key_pair: Option<KeyPair>,
    /// The group that was made for the node alone.
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
        Self { role: role.into(), round, image: None, shared_group: None, state: RwLock::default() }
    }

    /// Of this image, whatever the journey would choose.
    #[must_use]
    pub fn of_image(mut self, image: impl Into<String>) -> Self {
        self.image = Some(image.into());
        self
    }

    /// In this group, beside others.
    #[must_use]
    pub fn in_group(mut self, group: Option<Group>) -> Self {
        self.shared_group = group;
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

    /// The group that it is in: one that it shares, or its own.
    pub fn group(&self) -> Option<Group> {
        self.shared_group.clone().or_else(|| self.read(|s| s.group.clone()))
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
    use levelfield_provider::{FailureClass, ProviderError};
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
