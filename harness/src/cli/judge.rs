//! `judge`: verdicts again, from stored evidence alone.

use levelfield_reports::{
    Record, Verdict,
    overall::{Outcome, Overall},
    text,
};
use levelfield_suites::{Standard, guideline::Guideline};

use super::{
    args::{JudgeArgs, Print},
    failure::{Failure, OrUsage as _},
    output::Output,
};
use crate::{
    engine::{
        again,
        folder::{FolderError, RunFolder},
    },
    store::{self, Format},
};

/// Gives verdicts again and says which are others than the run's own.
pub(super) fn judge(args: &JudgeArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let folder = RunFolder::find(&args.run, &args.home).or_usage()?;
    let record = Record::from_journal(&folder.journal()).or_usage()?;
    let word = args.guideline.as_deref().unwrap_or(&record.run.guideline);
    let standard = Standard::of(Guideline::find(word).or_usage()?).or_usage()?;
    let before = verdicts(&record);
    let judged =
        again::judge(record, &standard, &folder.evidence_folder()).map_err(FolderError::from).or_incomplete()?;
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
            output.print(&differences(&before, &judged));
        }
    }
    let outcome = Overall::of(&judged, None).outcome;
    // The process is about to end, and a large record takes a while to be taken apart.
    std::mem::forget(judged);
    Ok(outcome)
}

/// The verdict of every result of every target. They are all that is kept of the record as it was, since a large one is there once.
fn verdicts(record: &Record) -> Vec<Vec<Verdict>> {
    record.targets.iter().map(|target| target.results.iter().map(|result| result.verdict.clone()).collect()).collect()
}

fn differences(before: &[Vec<Verdict>], judged: &Record) -> String {
    let mut lines = Vec::new();
    let mut same = 0;
    for (before, target) in before.iter().zip(&judged.targets) {
        for (was, is) in before.iter().zip(&target.results) {
            if *was == is.verdict {
                same += 1;
            } else {
                lines.push(format!("{} {}: was {was}, is {}: {}", target.name, is.id, is.verdict, is.summary));
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
