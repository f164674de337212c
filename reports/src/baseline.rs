//! The known verdicts of a target, to gate a nightly run on: anything that differs is red, better or worse.
//!
//! A baseline never changes a verdict in a report. It changes only what a run's exit code answers: not "is it conformant?" but "is
//! it as we know it?".

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use levelfield_yaml::YamlError;
use serde::{Deserialize, Serialize};

use crate::{
    atomic::{self, WriteError},
    record::Record,
    verdict::Verdict,
};

/// Version of the file's format.
pub const BASELINE_FORMAT: u32 = 1;

/// The known verdicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of this format.
    pub format: u32,
    /// The guideline's edition that the verdicts are of.
    pub guideline: String,
    /// The profile.
    pub profile: String,
    /// The verdicts by target and behaviour id.
    pub targets: BTreeMap<String, BTreeMap<String, Known>>,
}

/// What is known of one behaviour on one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The verdict's state.
    pub state: State,
    /// The reason code, where the state has a stable one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The states of a verdict, by the names in [`Verdict::state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "they are those of `Verdict`, and explained there")]
pub enum State {
    Pass,
    Fail,
    Inconclusive,
    Unsupported,
    Waived,
    NotSelected,
    Missing,
}

impl Known {
    fn of(verdict: &Verdict) -> Self {
        let state = match verdict {
            Verdict::Pass => State::Pass,
            Verdict::Fail { .. } => State::Fail,
            Verdict::Inconclusive { .. } => State::Inconclusive,
            Verdict::Unsupported { .. } => State::Unsupported,
            Verdict::Waived { .. } => State::Waived,
            Verdict::NotSelected { .. } => State::NotSelected,
            Verdict::Missing => State::Missing,
        };
        // Why something was left out is prose, which may change from day to day.
        let reason = if state == State::NotSelected { None } else { verdict.reason() };
        Self { state, reason }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Unsupported => "unsupported",
            Self::Waived => "waived",
            Self::NotSelected => "not-selected",
            Self::Missing => "missing",
        })
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{} ({reason})", self.state),
            None => write!(f, "{}", self.state),
        }
    }
}

/// One way in which a run differs from a baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The run was made under another edition.
    Guideline {
        /// The baseline's.
        was: String,
        /// The run's.
        now: String,
    },
    /// A behaviour has another verdict, better or worse.
    Verdict {
        /// The target.
        target: String,
        /// Behaviour id.
        behavior: String,
        /// What the baseline states.
        was: Known,
        /// What the run found.
        now: Known,
    },
    /// A behaviour that the baseline does not know.
    New {
        /// The target.
        target: String,
        /// Behaviour id.
        behavior: String,
        /// What the run found.
        now: Known,
    },
    /// A behaviour that the baseline states and the run does not hold.
    Gone {
        /// The target.
        target: String,
        /// Behaviour id.
        behavior: String,
        /// What the baseline states.
        was: Known,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guideline { was, now } => write!(f, "guideline: the baseline is of {was}, the run of {now}"),
            Self::Verdict { target, behavior, was, now } if now.state == State::Pass => {
                write!(f, "{target}: {behavior}: passes, where the baseline says {was}")
            }
            Self::Verdict { target, behavior, was, now } => {
                write!(f, "{target}: {behavior}: {now}, where the baseline says {was}")
            }
            Self::New { target, behavior, now } => {
                write!(f, "{target}: {behavior}: {now}, and not in the baseline")
            }
            Self::Gone { target, behavior, was } => {
                write!(f, "{target}: {behavior}: not in the run, where the baseline says {was}")
            }
        }
    }
}

impl Baseline {
    /// The verdicts of `record`.
    pub fn of(record: &Record) -> Self {
        let targets = record.targets.iter().map(|target| {
            let known = target.results.iter().map(|r| (r.id.clone(), Known::of(&r.verdict))).collect();
            (target.name.clone(), known)
        });
        Self {
            format: BASELINE_FORMAT,
            guideline: record.run.guideline.clone(),
            profile: record.run.profile.clone(),
            targets: targets.collect(),
        }
    }

    /// Reads the baseline at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, is no YAML, or is no baseline of a format that this version knows. The error names file, line
    /// and key.
    pub fn read(path: &Path) -> Result<Self, YamlError> {
        Self::parse(&levelfield_yaml::YamlSource::open(path)?)
    }

    /// Reads a baseline from its text.
    ///
    /// # Errors
    /// When the text is no YAML, or is no baseline of a format that this version knows. The error names line and key.
    pub fn parse(source: &levelfield_yaml::YamlSource) -> Result<Self, YamlError> {
        let baseline: Self = source.parse()?;
        if baseline.format != BASELINE_FORMAT {
            let at = levelfield_yaml::KeyPath::root().key("format");
            let message = format!("format {} is not known; this version writes {BASELINE_FORMAT}", baseline.format);
            return Err(source
                .error_at(at, message, [] as [&str; 0])
                .with_hint("write the baseline again with `levelfield baseline RUN`"));
        }
        Ok(baseline)
    }

    /// Writes it to `path`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        atomic::write_bytes(path, self.to_yaml().as_bytes()).map(drop)
    }

    /// The file's text.
    pub fn to_yaml(&self) -> String {
        let comment = "# The known verdicts, as a run found them. `levelfield run --baseline FILE` answers with 0 while a run finds\n\
                       # the same, and with 1 on any difference, an unexpected pass included. Verdicts in reports never change.\n";
        // Strings, numbers and maps with string keys: nothing here that YAML can't hold.
        format!("{comment}{}", serde_yaml::to_string(self).unwrap_or_default())
    }

    /// Everything in which `record` differs. Empty: the run is as it is known.
    pub fn gate(&self, record: &Record) -> Vec<Change> {
        let found = Self::of(record);
        let mut changes = Vec::new();
        if found.guideline != self.guideline {
            changes.push(Change::Guideline { was: self.guideline.clone(), now: found.guideline.clone() });
        }
        let none = BTreeMap::new();
        let targets: BTreeSet<&String> = self.targets.keys().chain(found.targets.keys()).collect();
        for target in targets {
            let was = self.targets.get(target).unwrap_or(&none);
            let now = found.targets.get(target).unwrap_or(&none);
            let ids: BTreeSet<&String> = was.keys().chain(now.keys()).collect();
            for id in ids {
                let (target, behavior) = (target.clone(), id.clone());
                match (was.get(id).cloned(), now.get(id).cloned()) {
                    (Some(was), Some(now)) if was != now => {
                        changes.push(Change::Verdict { target, behavior, was, now });
                    }
                    (None, Some(now)) => changes.push(Change::New { target, behavior, now }),
                    (Some(was), None) => changes.push(Change::Gone { target, behavior, was }),
                    _ => {}
                }
            }
        }
        changes
    }
}
