//! Verdicts again, from stored evidence alone.
//!
//! Each piece of evidence is read once, checked, and judged for every reading that names it; the pieces themselves are not kept, as
//! those of a large run would not fit into memory. What a judge says of one reading depends on nothing else, so that the order does
//! not matter, and pieces are judged side by side. So are the results that follow from them.

use std::{collections::HashMap, mem, path::Path};

use levelfield_kit::{
    Behavior, behavior,
    evidence::{self, Evidence, EvidenceError},
};
use levelfield_reports::{
    InconclusiveReason, Judgement, Record, Verdict, abreast,
    event::BehaviorInfo,
    record::{Attempt, BehaviorResult},
};
use levelfield_suites::Standard;
use serde_json::{Value, value::RawValue};

/// `record` with every attempt judged again under `standard`, on the evidence in `folder`.
///
/// # Errors
/// When the evidence cannot be read, or was altered.
pub fn judge(mut record: Record, standard: &Standard, folder: &Path) -> Result<Record, EvidenceError> {
    let checks = Checks::of(standard);
    let mut judged = judge_readings(&record, &checks, folder)?;
    let guideline = standard.guideline();
    record.run.guideline.clone_from(&guideline.edition);
    guideline.sha256().clone_into(&mut record.run.guideline_sha256);
    for (id, info) in &mut record.behaviors {
        if let Ok(stated) = guideline.behavior(id) {
            *info = BehaviorInfo::from(stated);
        }
    }
    let rounds = record.run.rounds;
    let results = results(&mut record, &checks, &mut judged);
    abreast::each(results, |(result, judged)| {
        let mut judged = judged.iter_mut().map(Option::take);
        for attempt in &mut result.attempts {
            attempt.judgement = match of_attempt(attempt, judged.by_ref()) {
                Some(mut judgement) => {
                    standard.fill_deviations(&mut judgement, &result.id);
                    judgement
                }
                None => Judgement::inconclusive(InconclusiveReason::Harness, "the evidence is not in the run's folder"),
            };
        }
        conclude(result, rounds);
    });
    record.derive();
    Ok(record)
}

/// The results that are judged again, each with its part of `judged`, which stands in the record's order.
fn results<'a>(
    record: &'a mut Record,
    checks: &Checks<'_>,
    mut judged: &'a mut [Option<Judgement>],
) -> Vec<(&'a mut BehaviorResult, &'a mut [Option<Judgement>])> {
    let mut results = Vec::new();
    for result in record.targets.iter_mut().flat_map(|t| &mut t.results) {
        if checks.of_result(result).is_some() {
            let readings = result.attempts.iter().map(|attempt| attempt.readings.len()).sum();
            let (own, others) = judged.split_at_mut(readings);
            results.push((result, own));
            judged = others;
        }
    }
    results
}

/// The result that the attempts give now. A waiver stays in force; what it covers is what the evidence shows now.
fn conclude(result: &mut BehaviorResult, rounds: u32) {
    let waived = match &result.verdict {
        Verdict::Waived { waiver, .. } => Some(waiver.clone()),
        _ => None,
    };
    let stale_waiver = result.stale_waiver.take();
    *result = BehaviorResult::of(&result.id, mem::take(&mut result.attempts), None, rounds);
    result.stale_waiver = stale_waiver;
    if let (Some(waiver), failed @ Verdict::Fail { .. }) = (waived, &result.verdict) {
        result.verdict = Verdict::Waived { waiver, beneath: Box::new(failed.clone()) };
    }
}

/// What judges a behaviour, and by which parameters.
struct Check<'a> {
    behavior: &'a Behavior,
    expect: Value,
}

/// The checks of a standard, by behaviour.
struct Checks<'a>(HashMap<&'a str, Check<'a>>);

impl<'a> Checks<'a> {
    fn of(standard: &'a Standard) -> Self {
        let check = |entry: levelfield_suites::Entry<'a>| Check { behavior: entry.code, expect: entry.expect() };
        Self(standard.entries().map(|entry| (entry.code.id, check(entry))).collect())
    }

    /// The check for a result; none where it was left out or never observed, so that there is nothing to judge.
    fn of_result(&self, result: &BehaviorResult) -> Option<&Check<'a>> {
        self.0.get(result.id.as_str()).filter(|_| !result.attempts.is_empty())
    }
}

/// A reading that is to be judged.
struct Wanted<'a> {
    /// The evidence's id with its beginning as a number: most comparisons end there, without a look at text somewhere in memory.
    id: (u64, &'a str),
    check: &'a Check<'a>,
    /// Its number among those of the record.
    number: usize,
}

/// An id of evidence with its first digits as a number. One that is no hash only takes longer to find.
fn numbered(id: &str) -> (u64, &str) {
    (id.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0), id)
}

/// The judgement of each reading that has a check, in the record's order; nothing for one whose evidence is not there.
fn judge_readings(
    record: &Record,
    checks: &Checks<'_>,
    folder: &Path,
) -> Result<Vec<Option<Judgement>>, EvidenceError> {
    let mut wanted: Vec<Wanted<'_>> = Vec::new();
    for result in record.targets.iter().flat_map(|t| &t.results) {
        let Some(check) = checks.of_result(result) else { continue };
        for reading in result.attempts.iter().flat_map(|a| &a.readings) {
            wanted.push(Wanted { id: numbered(&reading.evidence), check, number: wanted.len() });
        }
    }
    let mut judged: Vec<Option<Judgement>> = wanted.iter().map(|_| None).collect();
    wanted.sort_unstable_by_key(|reading| reading.id);
    let judge = |id: &str, evidence: &Evidence<&RawValue>| {
        let id = numbered(id);
        let first = wanted.partition_point(|reading| reading.id < id);
        let readings = wanted[first..].iter().take_while(|reading| reading.id == id);
        readings
            .map(|Wanted { check, number, .. }| (*number, check.behavior.judge(&evidence.observed, &check.expect)))
            .collect::<Vec<_>>()
    };
    evidence::each(folder, judge, |judgements| {
        for (number, judgement) in judgements {
            judged[number] = Some(judgement);
        }
    })?;
    Ok(judged)
}

/// The judgement of an attempt, out of the next ones of `judged`; nothing if evidence of it is not there.
fn of_attempt(attempt: &Attempt, judged: &mut impl Iterator<Item = Option<Judgement>>) -> Option<Judgement> {
    // All of them are taken, also where one is missing: the next attempt's follow.
    let judged: Vec<_> = judged.take(attempt.readings.len()).collect();
    let judged: Option<Vec<Judgement>> = judged.into_iter().collect();
    let stages = attempt.readings.iter().map(|reading| reading.stage);
    judged.map(|judged| behavior::worst(stages.zip(judged)))
}
