//! What a run comes to: its outcome, and the exit code that scripts rely on.
//!
//! The whole is the worst of fail, missing, inconclusive and pass. A waiver takes a known failure out of that sum and the outcome
//! is then "conformant with waivers", never plain "conformant". `unsupported` in the core counts as missing, since every target
//! must have the core, and so does `unsupported` where the target declares the capability or a probe found it.

use levelfield_provider::Presence;

use crate::{
    baseline::{Baseline, Change},
    event::Proof,
    record::{BehaviorResult, Record, TargetRecord},
    verdict::Verdict,
};

/// What verdicts come to, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conformance {
    /// Everything that counts passes.
    Conformant,
    /// Everything that counts passes or fails under a waiver in force.
    Waived,
    /// Something was observed and decides nothing.
    Inconclusive,
    /// Something has no verdict, or nothing passed at all.
    Missing,
    /// Something fails.
    Failed,
}

/// How a run ended, as a script sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Conformant, with waivers or without; or, with a baseline, every verdict as the baseline states it.
    Good,
    /// A behaviour failed; or, with a baseline, something differs from it.
    Failed,
    /// The command line or the configuration is wrong. Never the outcome of a record: nothing was run.
    Usage,
    /// Inconclusive, or not complete.
    Incomplete,
    /// Good or incomplete, and something was left behind on a target, or may have been.
    LeftBehind,
    /// It was interrupted and not taken up again.
    Interrupted,
}

impl Outcome {
    /// The exit code. These numbers are part of the interface and never change their meaning.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::LeftBehind => 4,
            // 128 + SIGINT, as shells count.
            Self::Interrupted => 130,
        }
    }
}

/// What a run comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Overall {
    /// How it ended.
    pub outcome: Outcome,
    /// What the verdicts come to, apart from all else.
    pub conformance: Conformance,
    /// Whether it may be read as complete.
    pub sealed: bool,
    /// Whether the whole profile was selected. A part of it can pass, and that is not yet conformance.
    pub whole: bool,
    /// Targets on which something was left behind, or may have been.
    pub left_behind: Vec<String>,
    /// What differs from the baseline, if there is one.
    pub changes: Option<Vec<Change>>,
}

impl Overall {
    /// What `record` comes to, gated on `baseline` if there is one. A baseline changes the outcome and no verdict.
    pub fn of(record: &Record, baseline: Option<&Baseline>) -> Self {
        let conformance = record.targets.iter().map(|t| conformance(record, t)).max().unwrap_or(Conformance::Missing);
        let sealed = record.is_sealed();
        let whole = is_whole(record);
        let left_behind: Vec<String> =
            record.targets.iter().filter(|t| may_hold_leftovers(t)).map(|t| t.name.clone()).collect();
        let changes = baseline.map(|b| b.gate(record));
        let verdicts = match &changes {
            Some(changes) if changes.is_empty() => Outcome::Good,
            Some(_) => Outcome::Failed,
            None => match conformance {
                Conformance::Conformant | Conformance::Waived => Outcome::Good,
                Conformance::Inconclusive | Conformance::Missing => Outcome::Incomplete,
                Conformance::Failed => Outcome::Failed,
            },
        };
        let outcome = match verdicts {
            _ if record.interrupted.is_some() => Outcome::Interrupted,
            Outcome::Good | Outcome::Incomplete if !left_behind.is_empty() => Outcome::LeftBehind,
            Outcome::Good if !sealed => Outcome::Incomplete,
            verdicts => verdicts,
        };
        Self { outcome, conformance, sealed, whole, left_behind, changes }
    }

    /// The headline in a few words: `conformant` only for a sealed run of a whole profile in which everything that counts passes.
    pub fn headline(&self) -> &'static str {
        words(self.conformance, self.sealed, self.whole)
    }

    /// Whether the headline may be shown in green.
    pub fn is_green(&self) -> bool {
        self.sealed && matches!(self.conformance, Conformance::Conformant | Conformance::Waived)
    }
}

/// Whether all of its profile was selected: no expression, no part of a partition, and nothing left out on any target.
pub fn is_whole(record: &Record) -> bool {
    record.targets.iter().all(|target| is_whole_on(record, target))
}

/// As [`is_whole`], for one target.
fn is_whole_on(record: &Record, target: &TargetRecord) -> bool {
    let left_out = target.results.iter().any(|r| matches!(r.verdict, Verdict::NotSelected { .. }));
    record.run.selection == "all()" && record.run.partition.is_none() && !left_out
}

/// What one target may be called: as [`Overall::headline`], for its own verdicts.
pub fn standing(record: &Record, target: &TargetRecord) -> &'static str {
    words(conformance(record, target), record.is_sealed(), is_whole_on(record, target))
}

/// `conformant` only for what is complete and whole.
fn words(conformance: Conformance, sealed: bool, whole: bool) -> &'static str {
    match (conformance, sealed, whole) {
        (Conformance::Failed, false, _) => "not conformant, and incomplete",
        (Conformance::Failed, true, _) => "not conformant",
        (_, false, _) | (Conformance::Missing, true, _) => "incomplete",
        (Conformance::Inconclusive, true, _) => "inconclusive",
        (Conformance::Waived, true, true) => "conformant with waivers",
        (Conformance::Waived, true, false) => "the selected part passes, with waivers",
        (Conformance::Conformant, true, true) => "conformant",
        (Conformance::Conformant, true, false) => "the selected part passes",
    }
}

/// What one target's verdicts come to.
pub fn conformance(record: &Record, target: &TargetRecord) -> Conformance {
    let selected = || target.results.iter().filter(|r| !matches!(r.verdict, Verdict::NotSelected { .. }));
    // A part of a partitioned run may hold nothing of a target.
    if record.run.partition.is_some() && selected().next().is_none() {
        return Conformance::Conformant;
    }
    let worst = selected().filter_map(|r| weigh(record, target, r)).max();
    worst.unwrap_or(Conformance::Missing)
}

/// What one result counts for in the whole. None: nothing, as it is legally unsupported or not selected.
pub fn weigh(record: &Record, target: &TargetRecord, result: &BehaviorResult) -> Option<Conformance> {
    match &result.verdict {
        Verdict::Pass => Some(Conformance::Conformant),
        Verdict::Fail { .. } => Some(Conformance::Failed),
        Verdict::Inconclusive { .. } => Some(Conformance::Inconclusive),
        Verdict::Missing => Some(Conformance::Missing),
        Verdict::Waived { .. } => Some(Conformance::Waived),
        Verdict::Unsupported { capability } => {
            (!unsupported_is_legal(record, target, &result.id, capability)).then_some(Conformance::Missing)
        }
        Verdict::NotSelected { .. } => None,
    }
}

/// Whether `unsupported` may stand: outside the core, and not against the target's own declaration or what a probe saw.
fn unsupported_is_legal(record: &Record, target: &TargetRecord, id: &str, capability: &str) -> bool {
    let contradicted = target
        .capabilities
        .iter()
        .filter(|row| row.capability == capability)
        .any(|row| row.declared || row.probed.as_ref().is_some_and(|p| p.presence == Presence::Present));
    !record.is_core(id) && !contradicted
}

/// Whether something of the run is on the target, or nobody knows.
fn may_hold_leftovers(target: &TargetRecord) -> bool {
    match &target.proof {
        Some(Proof::Empty { .. } | Proof::NothingCreated) | None => false,
        Some(Proof::Left { .. } | Proof::Unknown { .. }) => true,
    }
}
