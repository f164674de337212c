//! The closed set of verdicts, and what a judge says beside one.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::snug;

/// What became of one behaviour on one target.
///
/// The set is closed. Nothing turns one into another, save that a failure under a waiver is shown as waived with the verdict
/// beneath it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Verdict {
    /// The evidence shows the behaviour.
    Pass,
    /// The evidence shows its violation.
    Fail {
        /// A short code in kebab case, stable enough to group by: `not-listed`, `password-accepted`.
        reason: String,
    },
    /// The evidence decides nothing.
    Inconclusive {
        /// Why.
        reason: InconclusiveReason,
    },
    /// The target declares that it lacks what the behaviour needs, and a probe agreed.
    Unsupported {
        /// The capability that is absent.
        capability: String,
    },
    /// Not met, and a waiver in force says that this is known.
    Waived {
        /// Who owns the waiver and where it is tracked, in one line.
        waiver: String,
        /// The verdict without the waiver.
        beneath: Box<Verdict>,
    },
    /// Part of the profile, and left out of this run on purpose.
    NotSelected {
        /// Why.
        why: String,
    },
    /// Selected, and the run ended without a verdict.
    Missing,
}

impl Verdict {
    /// A failure for `reason`.
    pub fn fail(reason: impl Into<String>) -> Self {
        Self::Fail { reason: reason.into() }
    }

    /// The state's name: `pass`, `fail`, `inconclusive`, `unsupported`, `waived`, `not-selected`, `missing`.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail { .. } => "fail",
            Self::Inconclusive { .. } => "inconclusive",
            Self::Unsupported { .. } => "unsupported",
            Self::Waived { .. } => "waived",
            Self::NotSelected { .. } => "not-selected",
            Self::Missing => "missing",
        }
    }

    /// The reason code, where the state has one.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Fail { reason } => Some(reason.clone()),
            Self::Inconclusive { reason } => Some(reason.to_string()),
            Self::Unsupported { capability } => Some(capability.clone()),
            Self::Waived { beneath, .. } => beneath.reason(),
            Self::NotSelected { why } => Some(why.clone()),
            Self::Pass | Self::Missing => None,
        }
    }

    /// What the evidence says, whatever a waiver says of it.
    pub fn beneath(&self) -> &Self {
        match self {
            Self::Waived { beneath, .. } => beneath.beneath(),
            other => other,
        }
    }

    /// How bad it is for the whole: fail, missing, inconclusive, then everything that does no harm.
    pub fn severity(&self) -> u8 {
        match self {
            Self::Fail { .. } => 4,
            Self::Missing => 3,
            Self::Inconclusive { .. } => 2,
            Self::Unsupported { .. } | Self::Waived { .. } | Self::NotSelected { .. } => 1,
            Self::Pass => 0,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            Some(reason) => write!(f, "{} ({reason})", self.state()),
            None => f.write_str(self.state()),
        }
    }
}

/// Why evidence decides nothing. The list is closed, so that "inconclusive" cannot become a drawer for everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InconclusiveReason {
    /// The account's limit was reached.
    Quota,
    /// The target had no room, or its service failed for a reason of its own.
    Capacity,
    /// The credentials were not accepted or do not permit a call.
    Credentials,
    /// The target kept asking to wait.
    Throttled,
    /// The network between harness and target failed.
    RunnerNetwork,
    /// The image lacks what the check itself needs.
    Image,
    /// Something with no contractual maximum took longer than the harness waits.
    TimeoutOutsideContract,
    /// The harness itself failed.
    Harness,
    /// What this behaviour builds on was not there; the id is the behaviour that owns it.
    Prerequisite(String),
    /// The run was interrupted.
    Interrupted,
}

impl InconclusiveReason {
    /// Whether another attempt may find the cause gone.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Capacity | Self::Throttled | Self::RunnerNetwork)
    }
}

impl fmt::Display for InconclusiveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quota => f.write_str("quota"),
            Self::Capacity => f.write_str("capacity"),
            Self::Credentials => f.write_str("credentials"),
            Self::Throttled => f.write_str("throttled"),
            Self::RunnerNetwork => f.write_str("runner-network"),
            Self::Image => f.write_str("image"),
            Self::TimeoutOutsideContract => f.write_str("timeout-outside-contract"),
            Self::Harness => f.write_str("harness"),
            Self::Prerequisite(id) => write!(f, "prerequisite: {id}"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// What a judge says: the verdict, one line for people, and what else the evidence shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// One line: what was seen, in the reader's words.
    pub summary: String,
    /// Accepted other ways that were seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "snug::list")]
    pub deviations: Vec<Deviation>,
    /// Numbers worth showing.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "snug::list")]
    pub measures: Vec<Measure>,
    /// Expected against observed, where the verdict rests on a comparison of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

impl Judgement {
    fn new(verdict: Verdict, summary: impl Into<String>) -> Self {
        Self { verdict, summary: summary.into(), deviations: Vec::new(), measures: Vec::new(), difference: None }
    }

    /// The behaviour is there.
    pub fn pass(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Pass, summary)
    }

    /// The behaviour is violated.
    pub fn fail(reason: impl Into<String>, summary: impl Into<String>) -> Self {
        Self::new(Verdict::fail(reason), summary)
    }

    /// The evidence decides nothing.
    pub fn inconclusive(reason: InconclusiveReason, summary: impl Into<String>) -> Self {
        Self::new(Verdict::Inconclusive { reason }, summary)
    }

    /// The target lacks `capability`, as declared.
    pub fn unsupported(capability: impl Into<String>, summary: impl Into<String>) -> Self {
        Self::new(Verdict::Unsupported { capability: capability.into() }, summary)
    }

    /// Reports that the accepted alternative `pattern` was seen. Effect and work-around come from the guideline.
    #[must_use]
    pub fn deviating(mut self, pattern: impl Into<String>) -> Self {
        self.deviations.push(Deviation { pattern: pattern.into(), effect: String::new(), work_around: String::new() });
        self
    }

    /// With a number worth showing.
    #[must_use]
    pub fn measured(mut self, name: impl Into<String>, value: f64, unit: impl Into<String>) -> Self {
        self.measures.push(Measure { name: name.into(), value, unit: unit.into() });
        self
    }

    /// With the texts that were compared.
    #[must_use]
    pub fn comparing(mut self, expected: impl Into<String>, observed: impl Into<String>) -> Self {
        self.difference = Some(Difference { expected: expected.into(), observed: observed.into() });
        self
    }
}

/// Something that works, but not the AWS way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deviation {
    /// Which accepted alternative, by the guideline's name for it.
    pub pattern: String,
    /// What it costs automation.
    pub effect: String,
    /// What users do about it.
    pub work_around: String,
}

/// A number that evidence gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measure {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// In which unit: `s`, `ms`, `count`, `bytes`.
    pub unit: String,
}

/// Two texts that should have been alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// What should have been seen.
    pub expected: String,
    /// What was seen.
    pub observed: String,
}
