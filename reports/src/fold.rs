//! Makes the record of a run from its events, and keeps the rules while doing so.
//!
//! What the events claim is checked, not copied: a behaviour passes only if an attempt at it was judged a pass and none a failure,
//! a conclusion may make a verdict worse but never better, a waiver covers only what the evidence shows as not met, and a run is
//! sealed only if it says so and every selected behaviour has a verdict.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use levelfield_provider::ResourceRef;

use crate::{
    abreast,
    event::{CallStats, Event, EventKind, FORMAT, Proof, Stamp, TargetManifest},
    record::{Attempt, BehaviorResult, Reading, Record, RunStatus, TargetRecord},
    snug, steps,
    verdict::Verdict,
};

mod conclude;

/// Why events make no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// There is no beginning, so nothing says what was selected.
    #[error("the events do not begin with `run-started`, so nothing says what was selected; the journal is not whole")]
    NoBeginning,
    /// There are two beginnings.
    #[error("the events hold a second run, `{second}`, behind `{first}`; a journal holds one run")]
    TwoRuns {
        /// The first run's id.
        first: String,
        /// The second run's id.
        second: String,
    },
}

impl Record {
    /// The record that these events make, in the order in which they were emitted.
    ///
    /// # Errors
    /// When they do not begin with `run-started`, or hold it twice.
    pub fn from_events(events: impl IntoIterator<Item = Event>) -> Result<Self, FoldError> {
        let mut folding = Folding::default();
        for event in events {
            folding.take(event);
        }
        folding.finish()
    }
}

/// A record in the making, event by event.
#[derive(Default)]
pub(crate) struct Folding {
    begun: Option<Fold>,
    failed: Option<FoldError>,
}

impl Folding {
    /// Adds the next event. Those after one that makes no sense are of no account.
    pub(crate) fn take(&mut self, event: Event) {
        if self.failed.is_some() {
            return;
        }
        let taken = match &mut self.begun {
            Some(fold) => fold.take(event),
            None => Fold::begin(event).map(|fold| self.begun = Some(fold)),
        };
        self.failed = taken.err();
    }

    /// The record, once there are no more events.
    pub(crate) fn finish(self) -> Result<Record, FoldError> {
        match (self.failed, self.begun) {
            (None, Some(fold)) => Ok(fold.finish()),
            (failed, _) => Err(failed.unwrap_or(FoldError::NoBeginning)),
        }
    }
}

/// Milliseconds as seconds.
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// A number that JSON can hold: a clock that gave nonsense gives 0.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

/// The record so far.
struct Fold {
    record: Record,
    targets: Vec<TargetFold>,
    by_name: HashMap<String, usize>,
    /// The digest, while the last word is that the run is sealed.
    sealed: Option<String>,
}

/// One target so far.
struct TargetFold {
    manifest: TargetManifest,
    record: TargetRecord,
    behaviors: HashMap<String, BehaviorFold>,
    stamps: BTreeMap<Stamp, BTreeMap<u32, f64>>,
    /// Calls of processes before the last resume.
    calls_before: BTreeMap<String, CallStats>,
    /// Created and not deleted, as far as the events say.
    open: BTreeSet<ResourceRef>,
    /// Milliseconds at its first and last event.
    span: Option<(u64, u64)>,
}

/// One behaviour on one target so far.
#[derive(Default)]
struct BehaviorFold {
    /// Readings of attempts that are not judged yet.
    open: BTreeMap<(u32, u32), Vec<Reading>>,
    attempts: Vec<Attempt>,
    concluded: Option<Verdict>,
    stale_waiver: Option<String>,
}

impl TargetFold {
    fn new(manifest: TargetManifest) -> Self {
        Self {
            record: TargetRecord {
                name: manifest.target.clone(),
                provider: manifest.provider.clone(),
                fingerprint: None,
                capabilities: Vec::new(),
                steps: Vec::new(),
                results: Vec::new(),
                stamps: BTreeMap::new(),
                calls: BTreeMap::new(),
                proof: None,
                pace: finite(manifest.pace),
                seconds: 0.0,
            },
            behaviors: manifest.selected.iter().map(|id| (id.clone(), BehaviorFold::default())).collect(),
            manifest,
            stamps: BTreeMap::new(),
            calls_before: BTreeMap::new(),
            open: BTreeSet::new(),
            span: None,
        }
    }
}

impl Fold {
    fn begin(event: Event) -> Result<Self, FoldError> {
        let Event { at, elapsed_ms, kind: EventKind::RunStarted { header, behaviors, manifest } } = event else {
            return Err(FoldError::NoBeginning);
        };
        let record = Record {
            format: FORMAT,
            run: header,
            status: RunStatus::Incomplete,
            started: at - std::time::Duration::from_millis(elapsed_ms),
            seconds: seconds(elapsed_ms),
            interrupted: None,
            evidence_digest: None,
            behaviors,
            targets: Vec::with_capacity(manifest.len()),
            warnings: Vec::new(),
        };
        let targets: Vec<_> = manifest.into_iter().map(TargetFold::new).collect();
        let by_name = targets.iter().enumerate().map(|(i, t)| (t.manifest.target.clone(), i)).collect();
        Ok(Self { record, targets, by_name, sealed: None })
    }

    fn take(&mut self, event: Event) -> Result<(), FoldError> {
        self.record.seconds = self.record.seconds.max(seconds(event.elapsed_ms));
        match event.kind {
            EventKind::RunStarted { header, .. } => {
                return Err(FoldError::TwoRuns { first: self.record.run.id.clone(), second: header.id });
            }
            EventKind::RunResumed { .. } => self.resume(),
            EventKind::RunSealed { evidence_digest } => self.sealed = Some(evidence_digest),
            EventKind::Interrupted { by } => self.record.interrupted = Some(by),
            EventKind::Warned { target, message } => {
                let message = target.map_or(message.clone(), |target| format!("{target}: {message}"));
                self.record.warnings.push(message);
            }
            EventKind::TargetStarted { target, fingerprint, capabilities } => {
                if let Some(fold) = self.target(&target, event.elapsed_ms) {
                    fold.record.fingerprint = Some(fingerprint);
                    fold.record.capabilities = capabilities;
                }
            }
            EventKind::StageEntered { target, .. }
            | EventKind::WaitStarted { target, .. }
            | EventKind::WaitEnded { target, .. }
            | EventKind::BehaviorStarted { target, .. } => {
                self.target(&target, event.elapsed_ms);
            }
            EventKind::Created { target, resource } => {
                if let Some(fold) = self.target(&target, event.elapsed_ms) {
                    fold.open.insert(resource);
                }
            }
            EventKind::Deleted { target, resource } => {
                if let Some(fold) = self.target(&target, event.elapsed_ms) {
                    fold.open.remove(&resource);
                }
            }
            EventKind::Stamped { target, round, stamp, seconds } => {
                if let Some(fold) = self.target(&target, event.elapsed_ms) {
                    fold.stamps.entry(stamp).or_default().insert(round, finite(seconds));
                }
            }
            EventKind::Observed { target, behavior, round, attempt, stage, evidence } => {
                if let Some(fold) = self.behavior(&target, &behavior, event.elapsed_ms) {
                    let open = fold.open.entry((round, attempt)).or_default();
                    // A resumed run reads again what was not judged yet; the later reading is the one that is judged.
                    open.retain(|reading| reading.stage != stage);
                    snug::push(open, Reading { stage, evidence });
                }
            }
            EventKind::Judged { target, behavior, round, attempt, seconds, mut judgement } => {
                if let Some(fold) = self.behavior(&target, &behavior, event.elapsed_ms) {
                    judgement.measures.iter_mut().for_each(|measure| measure.value = finite(measure.value));
                    let readings = fold.open.remove(&(round, attempt)).unwrap_or_default();
                    let seconds = finite(seconds);
                    snug::push(&mut fold.attempts, Attempt { round, attempt, seconds, readings, judgement });
                }
            }
            EventKind::Concluded { target, behavior, verdict } => {
                if let Some(fold) = self.behavior(&target, &behavior, event.elapsed_ms) {
                    fold.concluded = Some(verdict);
                }
            }
            EventKind::WaiverStale { target, behavior, waiver } => {
                if let Some(fold) = self.behavior(&target, &behavior, event.elapsed_ms) {
                    fold.stale_waiver = Some(waiver);
                }
            }
            EventKind::CallsCounted { target, calls } => {
                if let Some(fold) = self.target(&target, event.elapsed_ms) {
                    fold.record.calls = add_calls(fold.calls_before.clone(), &calls);
                }
            }
            EventKind::InventoryProven { target, proof } => {
                if let Some(fold) = self.target(&target, event.elapsed_ms) {
                    fold.record.proof = Some(proof);
                }
            }
        }
        Ok(())
    }

    /// What was sealed, interrupted or proven is so no more: the run goes on.
    fn resume(&mut self) {
        self.sealed = None;
        self.record.interrupted = None;
        for target in &mut self.targets {
            target.record.proof = None;
            target.calls_before = target.record.calls.clone();
            // What was read and not judged is read again, from the first stage on.
            target.behaviors.values_mut().for_each(|behavior| behavior.open.clear());
        }
    }

    fn target(&mut self, name: &str, elapsed_ms: u64) -> Option<&mut TargetFold> {
        self.target_index(name, elapsed_ms).map(|index| &mut self.targets[index])
    }

    fn target_index(&mut self, name: &str, elapsed_ms: u64) -> Option<usize> {
        let Some(&index) = self.by_name.get(name) else {
            let warning = format!("the journal speaks of target `{name}`, which is not in the manifest");
            warn_once(&mut self.record.warnings, warning);
            return None;
        };
        let span = &mut self.targets[index].span;
        *span = Some(match *span {
            Some((first, last)) => (first, last.max(elapsed_ms)),
            None => (elapsed_ms, elapsed_ms),
        });
        Some(index)
    }

    fn behavior(&mut self, target: &str, id: &str, elapsed_ms: u64) -> Option<&mut BehaviorFold> {
        let index = self.target_index(target, elapsed_ms)?;
        let behavior = self.targets[index].behaviors.get_mut(id);
        if behavior.is_none() {
            let warning = format!("the journal speaks of `{id}` on `{target}`, where it is not selected");
            warn_once(&mut self.record.warnings, warning);
        }
        behavior
    }

    fn finish(mut self) -> Record {
        let rounds = self.record.run.rounds;
        for mut fold in std::mem::take(&mut self.targets) {
            let name = fold.manifest.target.clone();
            for id in &fold.manifest.selected {
                let Some(behavior) = fold.behaviors.remove(id) else {
                    self.record.warnings.push(format!("`{id}` is selected twice on `{name}`; it has one result"));
                    continue;
                };
                let (result, warning) = conclude::conclude(id, behavior, rounds);
                self.record.warnings.extend(warning.map(|what| format!("{name}: {id}: {what}")));
                fold.record.results.push(result);
            }
            for (id, why) in &fold.manifest.left_out {
                if !fold.manifest.selected.contains(id) {
                    fold.record.results.push(conclude::left_out(id, why));
                }
            }
            fold.record.stamps =
                fold.stamps.into_iter().map(|(stamp, rounds)| (stamp, rounds.into_values().collect())).collect();
            fold.record.seconds = fold.span.map_or(0.0, |(first, last)| seconds(last - first));
            if fold.record.proof.is_none() && !fold.open.is_empty() {
                let why = "the run ended before the inventory was read".to_owned();
                fold.record.proof = Some(Proof::Unknown { resources: fold.open.into_iter().collect(), why });
            }
            self.record.targets.push(fold.record);
        }
        self.record.derive();
        let missing = self.record.targets.iter().flat_map(|t| &t.results).any(|r| r.verdict == Verdict::Missing);
        if let (Some(digest), false) = (self.sealed, missing) {
            self.record.status = RunStatus::Sealed;
            self.record.evidence_digest = Some(digest);
        }
        self.record
    }
}

fn warn_once(warnings: &mut Vec<String>, warning: String) {
    if !warnings.contains(&warning) {
        warnings.push(warning);
    }
}

impl Record {
    /// Fills in what follows from the results: the eight rows of every target, and which behaviours proved a capability.
    ///
    /// To be called again after results were changed, as judging stored evidence under another guideline does.
    pub fn derive(&mut self) {
        abreast::each(self.targets.iter_mut().collect(), |target| {
            target.steps = steps::rows(&self.behaviors, &target.results);
            target.capabilities.iter_mut().for_each(|row| row.proven_by.clear());
            for result in target.results.iter().filter(|r| r.verdict == Verdict::Pass) {
                let Some(info) = self.behaviors.get(&result.id) else { continue };
                for row in target.capabilities.iter_mut().filter(|row| info.needs.contains(&row.capability)) {
                    row.proven_by.push(result.id.clone());
                }
            }
        });
    }
}

impl BehaviorResult {
    /// The result of `attempts`, with what was `concluded` from them, under the rules of the [fold](self).
    ///
    /// `rounds` is the number of rounds asked for. Without a conclusion, fewer rounds than that make the result missing.
    pub fn of(id: &str, attempts: Vec<Attempt>, concluded: Option<Verdict>, rounds: u32) -> Self {
        conclude::conclude(id, BehaviorFold { attempts, concluded, ..BehaviorFold::default() }, rounds).0
    }
}

pub(crate) fn add_calls(
    mut sum: BTreeMap<String, CallStats>,
    calls: &BTreeMap<String, CallStats>,
) -> BTreeMap<String, CallStats> {
    for (operation, stats) in calls {
        let into = sum.entry(operation.clone()).or_default();
        into.made += stats.made;
        into.retried += stats.retried;
        for (class, count) in &stats.failed {
            *into.failed.entry(class.clone()).or_default() += count;
        }
    }
    sum
}
