//! The one stream that the engine emits and every output consumes.
//!
//! The journal (`events.jsonl`) is this stream, one JSON object a line. Formats are versioned by [`FORMAT`]; a reader ignores kinds
//! it does not know, and nothing that was ever written changes its meaning.

use std::collections::BTreeMap;

use levelfield_provider::{Fingerprint, Probe, ResourceRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::verdict::{Judgement, Verdict};

mod parts;
mod read;

pub use parts::{CallStats, Proof, Stage, Stamp};

/// Version of the journal's and the record's format.
pub const FORMAT: u32 = 1;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Wall-clock time, UTC. For people only: clocks jump.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Milliseconds since the run began, from a clock that does not jump. Goes on across a resume.
    pub elapsed_ms: u64,
    /// What happened.
    pub kind: EventKind,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "events are moved once, from the engine to its consumers")]
pub enum EventKind {
    /// The run begins. Until `run-sealed` it is incomplete, whatever else is in the journal.
    RunStarted {
        /// Who runs what.
        header: RunHeader,
        /// Everything that is selected, by id, as the guideline states it.
        behaviors: BTreeMap<String, BehaviorInfo>,
        /// The targets, each with the ids selected on it.
        manifest: Vec<TargetManifest>,
    },
    /// An interrupted run goes on.
    RunResumed {
        /// Behaviours that still lack a verdict.
        remaining: u32,
    },
    /// A target answered its first call.
    TargetStarted {
        /// The target.
        target: String,
        /// What identifies it.
        fingerprint: Fingerprint,
        /// Declared and probed capabilities.
        capabilities: Vec<CapabilityRow>,
    },
    /// A round on a target entered a stage of its timeline.
    StageEntered {
        /// The target.
        target: String,
        /// Round, from 1.
        round: u32,
        /// The stage.
        stage: Stage,
    },
    /// A named wait began.
    WaitStarted {
        /// The target.
        target: String,
        /// What is waited for: `node running`.
        wait: String,
        /// The most it may take, in seconds on the target's clock.
        limit_s: f64,
    },
    /// A named wait ended.
    WaitEnded {
        /// The target.
        target: String,
        /// What was waited for.
        wait: String,
        /// How long it took, in seconds on the target's clock.
        took_s: f64,
        /// Whether it was met.
        met: bool,
    },
    /// A resource is recorded on the target.
    Created {
        /// The target.
        target: String,
        /// What and which.
        resource: ResourceRef,
    },
    /// A resource is gone from the target.
    Deleted {
        /// The target.
        target: String,
        /// What and which.
        resource: ResourceRef,
    },
    /// A subject reached one of the five stamps of a login.
    Stamped {
        /// The target.
        target: String,
        /// Round, from 1.
        round: u32,
        /// Which stamp.
        stamp: Stamp,
        /// Seconds on the target's clock since the node was requested.
        seconds: f64,
    },
    /// A behaviour is being observed.
    BehaviorStarted {
        /// The target.
        target: String,
        /// Behaviour id.
        behavior: String,
        /// Round, from 1.
        round: u32,
        /// Attempt, from 1.
        attempt: u32,
    },
    /// A behaviour was observed at one stage; the evidence is stored.
    Observed {
        /// The target.
        target: String,
        /// Behaviour id.
        behavior: String,
        /// Round, from 1.
        round: u32,
        /// Attempt, from 1.
        attempt: u32,
        /// The stage at which it was read.
        stage: Stage,
        /// SHA-256 of the evidence, in hex.
        evidence: String,
    },
    /// All of an attempt's evidence was judged.
    Judged {
        /// The target.
        target: String,
        /// Behaviour id.
        behavior: String,
        /// Round, from 1.
        round: u32,
        /// Attempt, from 1.
        attempt: u32,
        /// How long the observation took, in wall seconds.
        seconds: f64,
        /// What the judge said.
        judgement: Judgement,
    },
    /// A behaviour has its verdict on a target: rounds folded, waivers applied.
    Concluded {
        /// The target.
        target: String,
        /// Behaviour id.
        behavior: String,
        /// The verdict.
        verdict: Verdict,
    },
    /// A waiver matched a behaviour that passes: the waiver is stale.
    WaiverStale {
        /// The target.
        target: String,
        /// Behaviour id.
        behavior: String,
        /// Owner and tracker of the waiver.
        waiver: String,
    },
    /// Calls made to a target's API so far, by operation. Every process counts from zero: after a resume the record adds up.
    CallsCounted {
        /// The target.
        target: String,
        /// Counts by operation.
        calls: BTreeMap<String, CallStats>,
    },
    /// A target's inventory was read at the end: the proof of empty, or what is left.
    InventoryProven {
        /// The target.
        target: String,
        /// The proof.
        proof: Proof,
    },
    /// Something a reader should know that belongs to no behaviour.
    Warned {
        /// The target, if it concerns one.
        target: Option<String>,
        /// What.
        message: String,
    },
    /// The run was asked to stop.
    Interrupted {
        /// By what: `SIGINT`, `SIGTERM`.
        by: String,
    },
    /// Every selected behaviour has a verdict, and every target's inventory was read.
    RunSealed {
        /// SHA-256 over the evidence ids in manifest order, in hex.
        evidence_digest: String,
    },
}

impl EventKind {
    /// The id of every kind, as the journal writes it.
    pub const IDS: [&'static str; 19] = [
        "run-started",
        "run-resumed",
        "target-started",
        "stage-entered",
        "wait-started",
        "wait-ended",
        "created",
        "deleted",
        "stamped",
        "behavior-started",
        "observed",
        "judged",
        "concluded",
        "waiver-stale",
        "calls-counted",
        "inventory-proven",
        "warned",
        "interrupted",
        "run-sealed",
    ];

    /// The id of this kind, as the journal writes it.
    pub fn id(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "run-started",
            Self::RunResumed { .. } => "run-resumed",
            Self::TargetStarted { .. } => "target-started",
            Self::StageEntered { .. } => "stage-entered",
            Self::WaitStarted { .. } => "wait-started",
            Self::WaitEnded { .. } => "wait-ended",
            Self::Created { .. } => "created",
            Self::Deleted { .. } => "deleted",
            Self::Stamped { .. } => "stamped",
            Self::BehaviorStarted { .. } => "behavior-started",
            Self::Observed { .. } => "observed",
            Self::Judged { .. } => "judged",
            Self::Concluded { .. } => "concluded",
            Self::WaiverStale { .. } => "waiver-stale",
            Self::CallsCounted { .. } => "calls-counted",
            Self::InventoryProven { .. } => "inventory-proven",
            Self::Warned { .. } => "warned",
            Self::Interrupted { .. } => "interrupted",
            Self::RunSealed { .. } => "run-sealed",
        }
    }
}

/// Who runs what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunHeader {
    /// The run's id, unique and sortable by time.
    pub id: String,
    /// Version of the tool.
    pub version: String,
    /// The guideline's edition: `2026.11`.
    pub guideline: String,
    /// SHA-256 of the guideline's text, in hex.
    pub guideline_sha256: String,
    /// The profile.
    pub profile: String,
    /// The selection within it, as an expression; `all()` when nothing was left out.
    pub selection: String,
    /// Rounds asked for with `--repeat`.
    pub rounds: u32,
    /// The part this run is of a partitioned one: `hash:1/4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// Name of the machine the harness ran on: the vantage point.
    pub vantage: String,
}

/// What the guideline says of one behaviour, as far as reports show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BehaviorInfo {
    /// The requirement, in one sentence.
    pub title: String,
    /// The step of node allocation it belongs to, 1 to 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u8>,
    /// `core`, `extended`, or an add-on's name.
    pub level: String,
    /// `required`, `advisory`, `deprecated`.
    pub status: String,
    /// What breaks for automation.
    pub why: String,
    /// What AWS does and where that is documented, or the RFC clause.
    pub reference: String,
    /// The capabilities it needs, by id. A pass proves them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

/// What is selected on one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetManifest {
    /// The target.
    pub target: String,
    /// Kind of provider.
    pub provider: String,
    /// Seconds on the target's clock for one second here; 1 for anything real.
    pub pace: f64,
    /// Selected behaviour ids, in the guideline's order.
    pub selected: Vec<String>,
    /// Ids of the profile that are left out on this target, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, String>,
}

/// One capability: declared, probed, proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CapabilityRow {
    /// The capability's id.
    pub capability: String,
    /// Whether the target declares it.
    pub declared: bool,
    /// What a probe saw, if one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probed: Option<Probe>,
    /// The behaviours that passed with it; filled in when the record is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proven_by: Vec<String>,
}
