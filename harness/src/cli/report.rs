//! `report`, `compare`, `merge` and `baseline`: everything that only reads records.

use std::path::Path;

use levelfield_reports::{
    Record, atomic,
    baseline::Baseline,
    compare as comparing, json, merge as merging,
    overall::{Outcome, Overall},
    text,
};

use super::{
    args::{BaselineArgs, CompareArgs, ComparePrint, MergeArgs, ReportArgs},
    failure::{Failure, OrUsage as _},
    output::Output,
};
use crate::{
    engine::folder::RunFolder,
    store::{self, Format},
};

/// Writes reports again from a run's journal; the outcome is the run's.
pub(super) fn report(args: &ReportArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let folder = RunFolder::find(&args.run, &args.home).or_usage()?;
    let record = Record::from_journal(&folder.journal()).or_usage()?;
    let formats: &[Format] = if args.format.is_empty() { &Format::ALL } else { &args.format };
    let into = args.out.as_deref().unwrap_or(folder.path());
    std::fs::create_dir_all(into).or_usage()?;
    for path in store::write(&folder, &record, formats, into).or_incomplete()? {
        output.print(&path.display().to_string());
    }
    // Whoever only writes the reports again is told no more than whoever ran it.
    Ok(Overall::of(&record, None).outcome)
}

/// Shows runs side by side, and what changed between them; the outcome is that of the last.
pub(super) fn compare(args: &CompareArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let records: Vec<Record> = args.runs.iter().map(|run| read(run, &args.home)).collect::<Result<_, _>>()?;
    let comparison = comparing::compare(&records);
    output.print(&match args.format {
        ComparePrint::Text => comparison.to_text(output.style()),
        ComparePrint::Md => comparison.to_markdown(),
        ComparePrint::Html => comparison.to_html(),
        ComparePrint::Json => comparison.to_json().or_incomplete()?,
    });
    for record in records.iter().filter(|r| !r.is_sealed()) {
        output.note(&format!("run {} is incomplete: `levelfield resume` goes on with it", record.run.id));
    }
    // The newest run is the one that the others are held against.
    Ok(records.last().map_or(Outcome::Good, |newest| Overall::of(newest, None).outcome))
}

/// Puts the parts of a partitioned run together.
pub(super) fn merge(args: &MergeArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let parts: Vec<Record> = args.parts.iter().map(|part| read(part, &args.home)).collect::<Result<_, _>>()?;
    let record = merging::merge(parts).or_usage()?;
    std::fs::create_dir_all(&args.out).or_usage()?;
    json::write(&record, &args.out.join("run.json")).or_incomplete()?;
    levelfield_reports::junit::write(&record, &args.out.join("junit")).or_incomplete()?;
    levelfield_reports::markdown::write(&record, &args.out.join("report.md")).or_incomplete()?;
    atomic::write(&args.out.join("report.html"), |out| {
        levelfield_reports::html::write(&record, &levelfield_reports::html::NoEvidence, out)
    })
    .or_incomplete()?;
    output.print(&text::render(&record, output.style()));
    Ok(Overall::of(&record, None).outcome)
}

/// Writes the verdicts of a run as a baseline.
pub(super) fn baseline(args: &BaselineArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let record = read(&args.run, &args.home)?;
    if !record.is_sealed() {
        return Err(Failure::usage(anyhow::anyhow!(
            "run {} is not complete; a baseline of it would gate on verdicts that nobody has: `levelfield resume` it first",
            record.run.id
        )));
    }
    let baseline = Baseline::of(&record);
    match &args.out {
        Some(path) => {
            baseline.write(path).or_incomplete()?;
            output.note(&format!("wrote {}", path.display()));
        }
        None => output.print(&baseline.to_yaml()),
    }
    Ok(Outcome::Good)
}

/// A record: from a run's journal, or from a `run.json` that was merged or sent from elsewhere.
fn read(word: &str, home: &Path) -> Result<Record, Failure> {
    let path = Path::new(word);
    let file = if path.is_dir() { path.join("run.json") } else { path.to_owned() };
    match RunFolder::find(word, home) {
        Ok(folder) => Record::from_journal(&folder.journal()).or_usage(),
        Err(_) if file.is_file() => json::read(&file).or_usage(),
        Err(error) => Err(Failure::usage(error)),
    }
}
