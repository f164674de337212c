//! The record of a run (`run.json`): the fold of its journal.

use std::collections::BTreeMap;

use levelfield_provider::Fingerprint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    event::{BehaviorInfo, CallStats, CapabilityRow, Proof, RunHeader, Stage, Stamp},
    snug,
    verdict::{Deviation, Judgement, Verdict},
};

/// Everything that is known of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Version of this format.
    pub format: u32,
    /// Who ran what.
    pub run: RunHeader,
    /// Whether every selected behaviour has a verdict and every inventory was read.
    pub status: RunStatus,
    /// When it began, UTC.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String")]
    pub started: OffsetDateTime,
    /// How long it took, in seconds, by a clock that does not jump.
    pub seconds: f64,
    /// What interrupted it, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// SHA-256 over the evidence ids, once sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_digest: Option<String>,
    /// The behaviours of the manifest, as the guideline states them.
    pub behaviors: BTreeMap<String, BehaviorInfo>,
    /// One entry a target, in the order of the configuration.
    pub targets: Vec<TargetRecord>,
    /// Warnings that belong to no behaviour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Record {
    /// What the guideline says of a behaviour, if the manifest states it.
    pub fn behavior(&self, id: &str) -> Option<&BehaviorInfo> {
        self.behaviors.get(id)
    }

    /// Whether a behaviour is of the core. One that the manifest does not describe is taken for core: nothing is excused by an omission.
    pub fn is_core(&self, id: &str) -> bool {
        self.behaviors.get(id).is_none_or(|info| info.level == "core")
    }

    /// Whether it may be read as complete.
    pub fn is_sealed(&self) -> bool {
        self.status == RunStatus::Sealed
    }
}

/// Whether a run may be read as complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// It may not. This is how every run begins.
    Incomplete,
    /// It may.
    Sealed,
}

/// What is known of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetRecord {
    /// The target's name in the configuration.
    pub name: String,
    /// Kind of provider.
    pub provider: String,
    /// What identifies it; absent when it never answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// Declared, probed and proven capabilities.
    pub capabilities: Vec<CapabilityRow>,
    /// The eight rows; those the selection does not reach are marked as not measured.
    pub steps: Vec<StepRow>,
    /// One entry for every behaviour of the manifest: the selected ones in the guideline's order, then those left out.
    pub results: Vec<BehaviorResult>,
    /// Seconds from the request to each stamp, on the target's clock, one entry a round.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stamps: BTreeMap<Stamp, Vec<f64>>,
    /// Calls made, by operation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calls: BTreeMap<String, CallStats>,
    /// What is left on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Seconds on the target's clock for one second here; 1 for anything real.
    pub pace: f64,
    /// Wall seconds spent on it here.
    pub seconds: f64,
}

/// One of the eight steps on one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepRow {
    /// 1 to 8.
    pub step: u8,
    /// The mark.
    pub mark: StepMark,
    /// Behaviours that keep it from YES, by id; ` (waived)` follows the id where a waiver is in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// Accepted alternatives that were seen in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
}

/// The mark of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepMark {
    /// All core behaviours pass.
    Yes,
    /// Core behaviours pass and an extended one fails, or a core one passes in some rounds and fails in others.
    Partial,
    /// A core behaviour fails in every round.
    No,
    /// A core or extended behaviour has no pass and no fail, and nothing makes the mark NO. Never any of the three above.
    Inconclusive,
    /// No core behaviour of the step was selected.
    NotMeasured,
}

impl StepMark {
    /// The word in the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "YES",
            Self::Partial => "PARTIAL",
            Self::No => "NO",
            Self::Inconclusive => "?",
            Self::NotMeasured => "-",
        }
    }
}

/// What became of one behaviour on one target, over all rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BehaviorResult {
    /// Behaviour id.
    pub id: String,
    /// The verdict: the worst of its rounds, waivers applied.
    pub verdict: Verdict,
    /// One line: the judge's summary of the round that decided.
    pub summary: String,
    /// Whether a round passed only after another attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flaky: bool,
    /// Rounds that passed, with a confidence interval; absent with a single round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Owner and tracker of a waiver that matched although the behaviour passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_waiver: Option<String>,
    /// Every attempt of every round, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "snug::list")]
    pub attempts: Vec<Attempt>,
}

impl BehaviorResult {
    /// The attempt that the verdict rests on: the first with that verdict, else the last. None if nothing was judged.
    pub fn deciding(&self) -> Option<&Attempt> {
        let beneath = self.verdict.beneath();
        self.attempts.iter().find(|a| a.judgement.verdict == *beneath).or_else(|| self.attempts.last())
    }

    /// The accepted other ways that were seen in any attempt, each once.
    pub fn deviations(&self) -> Vec<&Deviation> {
        let mut seen: Vec<&Deviation> = Vec::new();
        for deviation in self.attempts.iter().flat_map(|a| &a.judgement.deviations) {
            if !seen.iter().any(|d| d.pattern == deviation.pattern) {
                seen.push(deviation);
            }
        }
        seen
    }

    /// The suite: what stands before the id's slash.
    pub fn suite(&self) -> &str {
        self.id.split_once('/').map_or(self.id.as_str(), |(suite, _)| suite)
    }

    /// Wall seconds over all attempts.
    pub fn seconds(&self) -> f64 {
        self.attempts.iter().map(|a| a.seconds).sum()
    }
}

/// One attempt at one behaviour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// Round, from 1.
    pub round: u32,
    /// Attempt within the round, from 1.
    pub attempt: u32,
    /// How long the observation took, in wall seconds.
    pub seconds: f64,
    /// What was read, and where it is stored.
    #[serde(deserialize_with = "snug::list")]
    pub readings: Vec<Reading>,
    /// What the judge said.
    pub judgement: Judgement,
}

/// A piece of stored evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// The stage at which it was read.
    pub stage: Stage,
    /// SHA-256 of the evidence, in hex.
    pub evidence: String,
}

/// A success rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rate {
    /// Rounds that passed.
    pub passed: u32,
    /// Rounds with a pass or a fail.
    pub of: u32,
    /// Lower end of the 95 % Wilson interval.
    pub low: f64,
    /// Upper end of the 95 % Wilson interval.
    pub high: f64,
}
