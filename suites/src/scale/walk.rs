//! One node's walk through all eight steps, and where it ended: small enough to be kept for a thousand nodes.

use std::collections::BTreeMap;

use levelfield_kit::{
    Ctx, Hindrance, journey,
    subject::{Answer, Block, Facts, Subject},
};
use levelfield_reports::{InconclusiveReason, event::Stamp};
use serde::{Deserialize, Serialize};

/// What became of one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Walked {
    /// The target's id for it, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<String>,
    /// Seconds from the request to each stamp that was reached.
    pub(super) stamps: BTreeMap<Stamp, f64>,
    /// Where it stopped; nothing when it came to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stopped: Option<Stopped>,
}

/// Where a node stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Stopped {
    /// The behaviour that owns the step.
    pub(super) owner: String,
    /// What was seen.
    pub(super) detail: String,
    /// Why that says nothing of the target, where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) undecided: Option<InconclusiveReason>,
}

impl Stopped {
    fn at(owner: &str, detail: impl Into<String>) -> Self {
        Self { owner: owner.to_owned(), detail: detail.into(), undecided: None }
    }

    fn by(block: &Block) -> Self {
        let detail = block.detail();
        match &block.hindrance {
            // What the first node met may have its cause in a step that another behaviour owns.
            Hindrance::Inconclusive { reason: InconclusiveReason::Prerequisite(owner), .. } => Self::at(owner, detail),
            Hindrance::Inconclusive { reason, .. } if !block.explained => {
                Self { undecided: Some(reason.clone()), ..Self::at(block.owner, detail) }
            }
            _ => Self::at(block.owner, detail),
        }
    }
}

/// Walks steps 7 and 8 with a node that was delivered, and ends its life. It leaves no session open.
pub(super) async fn walk_on(ctx: &Ctx, subject: &Subject) {
    journey::harden(ctx, subject).await;
    journey::seal(ctx, subject).await;
    journey::terminate(ctx, subject).await;
}

/// What became of a node that was walked as far as it came; and it is removed with all that belongs to it.
pub(super) async fn conclude(ctx: &Ctx, subject: &Subject, stopped: Option<Stopped>) -> Walked {
    let walked = subject.read(|s| Walked {
        node: s.node.as_ref().map(|node| node.id.clone()),
        stamps: s.facts.stamps.iter().map(|(stamp, seconds)| (*stamp, to_millis(*seconds))).collect(),
        stopped,
    });
    // What is gone already need not be asked to go.
    subject.update(|s| {
        if s.facts.terminated.as_ref().is_some_and(|t| t.gone.met()) {
            s.node = None;
        }
        if s.facts.sealed.as_ref().and_then(|f| f.outside.as_ref()).is_some_and(|answer| answer.accepted().is_some()) {
            s.key_pair = None;
        }
    });
    ctx.discard(subject).await;
    walked
}

/// Where a node stopped that was to come to its end: delivered and gone again, with all that lies between or without.
pub(super) fn stopped(subject: &Subject) -> Option<Stopped> {
    subject.read(|s| s.block.as_ref().map(Stopped::by).or_else(|| stopped_unblocked(&s.facts)))
}

/// A step that was not brought about although nothing kept the journey from going on.
fn stopped_unblocked(facts: &Facts) -> Option<Stopped> {
    let passwords = facts.hardened.as_ref().and_then(|hardened| hardened.passwords.as_ref());
    if passwords.is_some_and(|alteration| alteration.settled_ms.is_none()) {
        return Some(Stopped::at("login/password-login-removed", "the server still offers passwords"));
    }
    if let Some(Answer::Refused { message, .. }) = facts.sealed.as_ref().and_then(|sealed| sealed.outside.as_ref()) {
        return Some(Stopped::at("allocation/key-removed", message));
    }
    let owner = "allocation/terminate";
    let Some(end) = &facts.terminated else { return Some(Stopped::at(owner, "its end was not seen")) };
    if let Answer::Refused { message, .. } = &end.first {
        return Some(Stopped::at(owner, message));
    }
    if !end.gone.met() {
        return Some(Stopped::at(owner, end.gone.sentence()));
    }
    let loud = end.silent.as_ref().filter(|silent| !silent.met())?;
    Some(Stopped::at(owner, loud.sentence()))
}

/// The step at which most of `walked` stopped, of those that say something of the target.
pub(super) fn most_stopped<'w>(walked: impl Iterator<Item = &'w Walked>) -> Option<&'w Stopped> {
    let stops: Vec<&Stopped> = walked.filter_map(|w| w.stopped.as_ref()).filter(|s| s.undecided.is_none()).collect();
    let count = |owner: &str| stops.iter().filter(|s| s.owner == owner).count();
    // The first of those that are alike, so that the same evidence gives the same words.
    stops.iter().rev().max_by_key(|s| count(&s.owner)).copied()
}

/// The first reason for which a node's fate says nothing of the target.
pub(super) fn first_undecided<'w>(
    walked: impl Iterator<Item = &'w Walked>,
) -> Option<(&'w Stopped, InconclusiveReason)> {
    walked.filter_map(|w| w.stopped.as_ref()).find_map(|s| s.undecided.clone().map(|reason| (s, reason)))
}

/// A thousandth of a second is far below what any stamp can tell.
pub(super) fn to_millis(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
