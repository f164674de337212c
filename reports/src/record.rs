//! The record of a run (`run.json`): the fold of its journal.

use std::collections::BTreeMap;

use levelfield_provider::Fingerprint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    event::{BehaviorInfo, CallStats, CapabilityRow, Proof, RunHeader, Stage, Stamp},
    verdict::{Judgement, Verdict},
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
    /// The eight rows, as far as the selection reaches.
    pub steps: Vec<StepRow>,
    /// One entry for every behaviour of the manifest, in the guideline's order.
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
    /// Behaviours that keep it from YES.
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
    /// Core behaviours pass, an extended one fails, or the success rate is below 1.
    Partial,
    /// A core behaviour fails.
    No,
    /// A core behaviour has no pass and no fail. Never any of the three above.
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
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
