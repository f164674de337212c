//! `judge`: verdicts again, from stored evidence alone.

use std::collections::HashMap;

use levelfield_kit::evidence::Evidence;
use levelfield_reports::{
    InconclusiveReason, Judgement, Record, Verdict,
    event::{BehaviorInfo, Stage},
    overall::{Outcome, Overall},
    record::BehaviorResult,
    text,
};
use levelfield_suites::{Standard, guideline::Guideline};

use super::{
    args::{JudgeArgs, Print},
    failure::{Failure, OrUsage as _},
    output::Output,
};
use crate::{
    engine::folder::RunFolder,
    store::{self, Format},
};

/// Gives verdicts again and says which are others than the run's own.
pub(super) fn judge(args: &JudgeArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let folder = RunFolder::find(&args.run, &args.home).or_usage()?;
    let record = Record::from_journal(&folder.journal()).or_usage()?;
    let word = args.guideline.as_deref().unwrap_or(&record.run.guideline);
    let standard = Standard::of(Guideline::find(word).or_usage()?).or_usage()?;
    let evidence = store::evidence(&folder).or_incomplete()?;
    let judged = again(&record, &standard, &evidence);
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out).or_usage()?;
        for path in store::write(&folder, &judged, &Format::ALL, out).or_incomplete()? {
            output.note(&format!("wrote {}", path.display()));
        }
    }
    match args.format {
        Print::Json => {
            let mut json = Vec::new();
            levelfield_reports::json::render(&judged, &mut json).or_incomplete()?;
            output.print(&String::from_utf8_lossy(&json));
        }
        Print::Text => {
            output.print(&text::step_table(&judged, output.style()));
            output.print(&differences(&record, &judged));
        }
    }
    Ok(Overall::of(&judged, None).outcome)
}

/// The record with every attempt judged again under `standard`.
pub(crate) fn again(record: &Record, standard: &Standard, evidence: &HashMap<String, Evidence>) -> Record {
    let mut judged = record.clone();
    let guideline = standard.guideline();
    judged.run.guideline.clone_from(&guideline.edition);
    guideline.sha256().clone_into(&mut judged.run.guideline_sha256);
    for (id, info) in &mut judged.behaviors {
        if let Ok(stated) = guideline.behavior(id) {
            *info = BehaviorInfo::from(stated);
        }
    }
    for result in judged.targets.iter_mut().flat_map(|t| &mut t.results) {
        let Some(behavior) = standard.behavior(&result.id).filter(|_| !result.attempts.is_empty()) else {
            // Left out, or never observed: nothing to judge.
            continue;
        };
        let expect = standard.expect(&result.id);
        for attempt in &mut result.attempts {
            let readings: Option<Vec<(Stage, &_)>> =
                attempt.readings.iter().map(|r| Some((r.stage, &evidence.get(&r.evidence)?.observed))).collect();
            attempt.judgement = match readings {
                Some(readings) => {
                    let mut judgement = behavior.judge_all(&readings, &expect);
                    standard.fill_deviations(&mut judgement, &result.id);
                    judgement
                }
                None => Judgement::inconclusive(InconclusiveReason::Harness, "the evidence is not in the run's folder"),
            };
        }
        // A waiver stays in force; what it covers is what the evidence shows now.
        let waived = match &result.verdict {
            Verdict::Waived { waiver, .. } => Some(waiver.clone()),
            _ => None,
        };
        let stale_waiver = result.stale_waiver.take();
        *result = BehaviorResult::of(&result.id, std::mem::take(&mut result.attempts), None, judged.run.rounds);
        result.stale_waiver = stale_waiver;
        if let (Some(waiver), failed @ Verdict::Fail { .. }) = (waived, &result.verdict) {
            result.verdict = Verdict::Waived { waiver, beneath: Box::new(failed.clone()) };
        }
    }
    judged.derive();
    judged
}

fn differences(record: &Record, judged: &Record) -> String {
    let mut lines = Vec::new();
    let mut same = 0;
    for (before, after) in record.targets.iter().zip(&judged.targets) {
        for (was, is) in before.results.iter().zip(&after.results) {
            if was.verdict == is.verdict {
                same += 1;
            } else {
                lines
                    .push(format!("{} {}: was {}, is {}: {}", before.name, is.id, was.verdict, is.verdict, is.summary));
            }
        }
    }
    lines.push(format!(
        "judged again under guideline {}: {same} verdicts the same, {} others",
        judged.run.guideline,
        lines.len()
    ));
    lines.join("\n")
}
