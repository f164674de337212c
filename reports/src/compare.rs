//! Several runs or targets side by side, and what changed for one target from run to run.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    event::Stamp,
    overall,
    record::{BehaviorResult, Record, StepMark, TargetRecord},
    stats, steps,
    verdict::Verdict,
};

mod render;

/// What a comparison shows. The order of every list of cells is that of [`Comparison::columns`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// One column for each target of each run, in the order given.
    pub columns: Vec<Column>,
    /// The eight rows.
    pub steps: Vec<StepLine>,
    /// Every behaviour that is in any of the runs.
    pub behaviors: Vec<BehaviorLine>,
    /// Median seconds to each stamp, on the target's clock.
    pub stamps: Vec<StampLine>,
    /// Accepted other ways that were seen anywhere.
    pub deviations: Vec<DeviationLine>,
    /// What changed for targets that are in more than one run, from each run to the next.
    pub changes: Vec<TargetChanges>,
}

/// One target of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// The target.
    pub target: String,
    /// Kind of provider.
    pub provider: String,
    /// The run's id.
    pub run: String,
    /// The guideline's edition.
    pub guideline: String,
    /// Whether the run may be read as complete.
    pub sealed: bool,
    /// What its verdicts come to, in words.
    pub standing: &'static str,
}

/// One of the eight rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepLine {
    /// 1 to 8.
    pub step: u8,
    /// What it asks.
    pub title: &'static str,
    /// The marks.
    pub marks: Vec<StepMark>,
}

/// One behaviour.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BehaviorLine {
    /// Behaviour id.
    pub id: String,
    /// Its verdicts in words; none where it is not in the run's manifest.
    pub verdicts: Vec<Option<String>>,
    /// Whether all verdicts are alike.
    pub alike: bool,
}

/// One stamp.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StampLine {
    /// Which.
    pub stamp: Stamp,
    /// Median seconds; none where nothing was measured.
    pub medians: Vec<Option<f64>>,
}

/// One accepted other way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviationLine {
    /// Behaviour id.
    pub behavior: String,
    /// Its name in the guideline.
    pub pattern: String,
    /// What it costs automation.
    pub effect: String,
    /// What users do about it.
    pub work_around: String,
    /// Where it was seen.
    pub seen: Vec<bool>,
}

/// What changed for one target from one run to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetChanges {
    /// The target.
    pub target: String,
    /// The earlier run's id.
    pub from: String,
    /// The later run's id.
    pub to: String,
    /// Behaviours that fail now and did not, with the verdicts of both runs.
    pub new_failures: Vec<Changed>,
    /// Behaviours that failed and pass now.
    pub fixed: Vec<Changed>,
    /// Behaviours whose verdict changed in another way, or that are in one run only.
    pub other: Vec<Changed>,
    /// Behaviours with the same verdict on other evidence.
    pub other_evidence: Vec<String>,
}

impl TargetChanges {
    /// Whether no verdict changed.
    pub fn is_quiet(&self) -> bool {
        self.new_failures.is_empty() && self.fixed.is_empty() && self.other.is_empty()
    }
}

/// A verdict that changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Changed {
    /// Behaviour id.
    pub behavior: String,
    /// What it was, in words; `absent` where it was not in the run.
    pub was: String,
    /// What it is, in words.
    pub now: String,
}

/// Puts every target of every record side by side, in the order given.
pub fn compare(records: &[Record]) -> Comparison {
    let columns: Vec<(&Record, &TargetRecord)> =
        records.iter().flat_map(|record| record.targets.iter().map(move |target| (record, target))).collect();
    Comparison {
        columns: columns.iter().map(|(record, target)| column(record, target)).collect(),
        steps: (1..=steps::STEPS).map(|step| step_line(step, &columns)).collect(),
        behaviors: behavior_lines(&columns),
        stamps: stamp_lines(&columns),
        deviations: deviation_lines(&columns),
        changes: changes(records),
    }
}

fn column(record: &Record, target: &TargetRecord) -> Column {
    Column {
        target: target.name.clone(),
        provider: target.provider.clone(),
        run: record.run.id.clone(),
        guideline: record.run.guideline.clone(),
        sealed: record.is_sealed(),
        standing: overall::standing(record, target),
    }
}

fn step_line(step: u8, columns: &[(&Record, &TargetRecord)]) -> StepLine {
    let mark = |t: &TargetRecord| t.steps.iter().find(|r| r.step == step).map_or(StepMark::NotMeasured, |row| row.mark);
    StepLine { step, title: steps::title(step), marks: columns.iter().map(|(_, t)| mark(t)).collect() }
}

fn by_id(target: &TargetRecord) -> BTreeMap<&str, &BehaviorResult> {
    target.results.iter().map(|r| (r.id.as_str(), r)).collect()
}

fn behavior_lines(columns: &[(&Record, &TargetRecord)]) -> Vec<BehaviorLine> {
    let results: Vec<BTreeMap<&str, &BehaviorResult>> = columns.iter().map(|(_, t)| by_id(t)).collect();
    let ids: BTreeSet<&str> = results.iter().flat_map(|r| r.keys().copied()).collect();
    ids.into_iter()
        .map(|id| {
            let verdicts: Vec<Option<String>> =
                results.iter().map(|r| r.get(id).map(|result| result.verdict.to_string())).collect();
            let alike = verdicts.windows(2).all(|pair| pair[0] == pair[1]);
            BehaviorLine { id: id.to_owned(), verdicts, alike }
        })
        .collect()
}

fn stamp_lines(columns: &[(&Record, &TargetRecord)]) -> Vec<StampLine> {
    let line = |stamp| StampLine {
        stamp,
        medians: columns.iter().map(|(_, t)| t.stamps.get(&stamp).and_then(|v| stats::median(v))).collect(),
    };
    Stamp::ALL.into_iter().map(line).filter(|line| line.medians.iter().any(Option::is_some)).collect()
}

fn deviation_lines(columns: &[(&Record, &TargetRecord)]) -> Vec<DeviationLine> {
    let mut lines: BTreeMap<(String, String), DeviationLine> = BTreeMap::new();
    for (at, (_, target)) in columns.iter().enumerate() {
        for result in &target.results {
            for deviation in result.deviations() {
                let line =
                    lines.entry((result.id.clone(), deviation.pattern.clone())).or_insert_with(|| DeviationLine {
                        behavior: result.id.clone(),
                        pattern: deviation.pattern.clone(),
                        effect: deviation.effect.clone(),
                        work_around: deviation.work_around.clone(),
                        seen: vec![false; columns.len()],
                    });
                line.seen[at] = true;
            }
        }
    }
    lines.into_values().collect()
}

fn changes(records: &[Record]) -> Vec<TargetChanges> {
    let mut last: BTreeMap<&str, (&Record, &TargetRecord)> = BTreeMap::new();
    let mut changes = Vec::new();
    for record in records {
        for target in &record.targets {
            if let Some((from, was)) = last.insert(&target.name, (record, target)) {
                changes.push(change(from, was, record, target));
            }
        }
    }
    changes
}

fn change(from: &Record, was: &TargetRecord, to: &Record, now: &TargetRecord) -> TargetChanges {
    let mut changes = TargetChanges {
        target: now.name.clone(),
        from: from.run.id.clone(),
        to: to.run.id.clone(),
        new_failures: Vec::new(),
        fixed: Vec::new(),
        other: Vec::new(),
        other_evidence: Vec::new(),
    };
    let (was, now) = (by_id(was), by_id(now));
    let ids: BTreeSet<&str> = was.keys().chain(now.keys()).copied().collect();
    for id in ids {
        let (old, new) = (was.get(id), now.get(id));
        let verdict = |r: Option<&&BehaviorResult>| r.map(|r| r.verdict.clone());
        let (old_verdict, new_verdict) = (verdict(old), verdict(new));
        if old_verdict == new_verdict {
            if old.map(|r| evidence(r)) != new.map(|r| evidence(r)) {
                changes.other_evidence.push(id.to_owned());
            }
            continue;
        }
        let word = |v: &Option<Verdict>| v.as_ref().map_or("absent".to_owned(), ToString::to_string);
        let entry = Changed { behavior: id.to_owned(), was: word(&old_verdict), now: word(&new_verdict) };
        let fails = |v: &Option<Verdict>| v.as_ref().is_some_and(|v| matches!(v.beneath(), Verdict::Fail { .. }));
        match (fails(&old_verdict), fails(&new_verdict)) {
            (false, true) => changes.new_failures.push(entry),
            (true, false) if new_verdict == Some(Verdict::Pass) => changes.fixed.push(entry),
            _ => changes.other.push(entry),
        }
    }
    changes
}

/// The evidence ids that a verdict rests on.
fn evidence(result: &BehaviorResult) -> Vec<&str> {
    result.attempts.iter().flat_map(|a| &a.readings).map(|r| r.evidence.as_str()).collect()
}
