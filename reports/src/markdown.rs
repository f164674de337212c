//! `report.md`: the report for people who read it in a merge request, a wiki or an editor.
//!
//! Everything is written in one pass over the record. Whatever targets and machines said is shown as text, never obeyed as markup.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
};

use levelfield_provider::Presence;

use crate::{
    atomic::{self, WriteError},
    diff,
    event::Stamp,
    overall::{self, Overall},
    record::{BehaviorResult, Record, StepMark, TargetRecord},
    stats, steps, text,
    verdict::Verdict,
};

pub(crate) mod escape;
mod reproduce;

pub use reproduce::reproduce;

use escape::{block, code, inline};

/// Writes `record` to `path`.
///
/// # Errors
/// When the file cannot be written.
pub fn write(record: &Record, path: &Path) -> Result<(), WriteError> {
    atomic::write(path, |out| render(record, out)).map(drop)
}

/// Writes `record` as Markdown.
///
/// # Errors
/// When `out` fails.
pub fn render(record: &Record, mut out: impl Write) -> io::Result<()> {
    let out: &mut dyn Write = &mut out;
    head(record, out)?;
    step_table(record, out)?;
    counts(record, out)?;
    deviations(record, out)?;
    failures(record, out)?;
    inconclusives(record, out)?;
    waivers(record, out)?;
    left_out(record, out)?;
    stamps(record, out)?;
    capabilities(record, out)?;
    calls(record, out)?;
    proofs(record, out)?;
    foot(record, out)
}

fn head(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let overall = Overall::of(record, None);
    let run = &record.run;
    // A sign beside the words: green is for what is complete and good, and for nothing else.
    let sign = match (overall.is_green(), overall.conformance) {
        (true, _) => "🟢",
        (false, overall::Conformance::Failed) => "🔴",
        (false, _) => "🟡",
    };
    writeln!(out, "# {sign} Levelfield: {}\n", overall.headline())?;
    writeln!(
        out,
        "Run {}, guideline {}, profile {}, {} {}, {:.1} s, seen from {}.\n",
        code(&run.id),
        inline(&run.guideline),
        inline(&run.profile),
        record.targets.len(),
        if record.targets.len() == 1 { "target" } else { "targets" },
        record.seconds,
        inline(&run.vantage)
    )?;
    if let Some(by) = &record.interrupted {
        writeln!(out, "**The run was interrupted by {}.**\n", inline(by))?;
    }
    if !overall.sealed {
        writeln!(out, "**The run is not complete. Nothing here is a statement on the whole profile.**\n")?;
    }
    if !overall.whole {
        let how = if run.selection == "all()" { "see what was left out".to_owned() } else { code(&run.selection) };
        writeln!(out, "Only a part of the profile was selected: {how}.\n")?;
    }
    for target in &overall.left_behind {
        writeln!(out, "**Something was left behind on {}, or may have been; see below.**\n", inline(target))?;
    }
    Ok(())
}

/// A table row of `first` and one cell for each target.
fn row(
    out: &mut dyn Write,
    record: &Record,
    first: &str,
    mut cell: impl FnMut(&TargetRecord) -> String,
) -> io::Result<()> {
    write!(out, "| {first} |")?;
    for target in &record.targets {
        write!(out, " {} |", cell(target))?;
    }
    writeln!(out)
}

fn table_head(out: &mut dyn Write, record: &Record, first: &str) -> io::Result<()> {
    row(out, record, first, |t| inline(&t.name))?;
    row(out, record, "---", |_| "---".to_owned())
}

fn step_table(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## The eight steps\n")?;
    table_head(out, record, "step")?;
    for step in 1..=steps::STEPS {
        row(out, record, &format!("{step} {}", steps::title(step)), |target| {
            let mark = target.steps.iter().find(|r| r.step == step).map_or(StepMark::NotMeasured, |r| r.mark);
            match mark {
                StepMark::No => format!("**{}**", mark.word()),
                mark => mark.word().to_owned(),
            }
        })?;
    }
    writeln!(out)?;
    for target in &record.targets {
        for step in &target.steps {
            let mut notes = Vec::new();
            if !step.because.is_empty() {
                let ids: Vec<String> = step.because.iter().take(20).map(|id| code(id)).collect();
                notes.push(format!("{} because of {}", step.mark.word(), ids.join(", ")));
            }
            if !step.patterns.is_empty() {
                let patterns: Vec<String> = step.patterns.iter().map(|p| code(p)).collect();
                notes.push(format!("by another way: {}", patterns.join(", ")));
            }
            if !notes.is_empty() {
                writeln!(out, "- {}, step {}: {}", inline(&target.name), step.step, notes.join("; "))?;
            }
        }
    }
    writeln!(out, "\n`?` is inconclusive, `-` not measured.\n")
}

fn counts(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## Verdicts\n\n| target | | counts |\n| --- | --- | --- |")?;
    for target in &record.targets {
        let words = overall::standing(record, target);
        writeln!(out, "| {} | {words} | {} |", inline(&target.name), text::counts(target))?;
    }
    writeln!(out)
}

fn each<'a>(
    record: &'a Record,
    keep: impl Fn(&BehaviorResult) -> bool + 'a,
) -> impl Iterator<Item = (&'a TargetRecord, &'a BehaviorResult)> {
    record.targets.iter().flat_map(|t| t.results.iter().map(move |r| (t, r))).filter(move |(_, r)| keep(r))
}

fn deviations(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let mut first = true;
    for (target, result) in each(record, |_| true) {
        for deviation in result.deviations() {
            if std::mem::take(&mut first) {
                writeln!(out, "## Deviations: works, but not the AWS way\n")?;
                writeln!(out, "| target | behaviour | pattern | what it costs automation | work-around |")?;
                writeln!(out, "| --- | --- | --- | --- | --- |")?;
            }
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                inline(&target.name),
                code(&result.id),
                code(&deviation.pattern),
                inline(&deviation.effect),
                inline(&deviation.work_around)
            )?;
        }
    }
    if first { Ok(()) } else { writeln!(out) }
}

fn failures(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let mut first = true;
    for (target, result) in each(record, |r| matches!(r.verdict, Verdict::Fail { .. })) {
        if std::mem::take(&mut first) {
            writeln!(out, "## Failures\n")?;
        }
        let reason = result.verdict.reason().unwrap_or_default();
        writeln!(out, "### {}: {} ({})\n", inline(&target.name), code(&result.id), inline(&reason))?;
        writeln!(out, "{}\n", inline(&result.summary))?;
        if let Some(info) = record.behavior(&result.id) {
            writeln!(out, "- requirement ({}): {}", inline(&info.level), inline(&info.title))?;
            writeln!(out, "- why it matters: {}", inline(&info.why))?;
            writeln!(out, "- reference: {}", inline(&info.reference))?;
        }
        if let Some(rate) = &result.rate {
            let (low, high) = (rate.low * 100.0, rate.high * 100.0);
            writeln!(
                out,
                "- passed in {} of {} rounds (95 % interval {low:.0} % to {high:.0} %)",
                rate.passed, rate.of
            )?;
        }
        let deciding = result.deciding();
        for reading in deciding.iter().flat_map(|a| &a.readings) {
            writeln!(out, "- evidence at {}: {}", reading.stage.id(), code(&reading.evidence))?;
        }
        writeln!(out)?;
        if let Some(difference) = deciding.and_then(|a| a.judgement.difference.as_ref()) {
            writeln!(out, "{}", block("diff", &diff::unified(difference)))?;
        }
    }
    Ok(())
}

fn inconclusives(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let mut reasons: BTreeMap<String, Vec<(&TargetRecord, &BehaviorResult)>> = BTreeMap::new();
    for (target, result) in each(record, |_| true) {
        let reason = match &result.verdict {
            Verdict::Inconclusive { reason } => reason.to_string(),
            Verdict::Missing => "missing".to_owned(),
            Verdict::Unsupported { capability } if overall::weigh(record, target, result).is_some() => {
                format!("unsupported where it may not be: {capability}")
            }
            _ => continue,
        };
        reasons.entry(reason).or_default().push((target, result));
    }
    if reasons.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Not found out\n")?;
    for (reason, results) in reasons {
        writeln!(out, "### {} ({})\n", inline(&reason), results.len())?;
        for (target, result) in results {
            writeln!(out, "- {}: {}: {}", inline(&target.name), code(&result.id), inline(&result.summary))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn waivers(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let mut first = true;
    for (target, result) in each(record, |r| r.stale_waiver.is_some() || matches!(r.verdict, Verdict::Waived { .. })) {
        if std::mem::take(&mut first) {
            writeln!(
                out,
                "## Waivers\n\n| target | behaviour | verdict beneath | waiver |\n| --- | --- | --- | --- |"
            )?;
        }
        let (beneath, waiver) = match &result.verdict {
            Verdict::Waived { waiver, beneath } => (inline(&beneath.to_string()), inline(waiver)),
            verdict => {
                let waiver = inline(result.stale_waiver.as_deref().unwrap_or_default());
                (inline(&verdict.to_string()), format!("**stale, can go:** {waiver}"))
            }
        };
        writeln!(out, "| {} | {} | {beneath} | {waiver} |", inline(&target.name), code(&result.id))?;
    }
    if first { Ok(()) } else { writeln!(out) }
}

fn left_out(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let mut first = true;
    for (target, result) in each(record, |_| true) {
        let Verdict::NotSelected { why } = &result.verdict else { continue };
        if std::mem::take(&mut first) {
            writeln!(out, "## Left out on purpose\n")?;
        }
        writeln!(out, "- {}: {}: {}", inline(&target.name), code(&result.id), inline(why))?;
    }
    if first { Ok(()) } else { writeln!(out) }
}

fn stamps(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    if record.targets.iter().all(|t| t.stamps.is_empty()) {
        return Ok(());
    }
    writeln!(out, "## From request to login\n\nSeconds on the target's clock since the node was requested.\n")?;
    writeln!(out, "| target | stamp | nodes | min | p50 | p90 | p99 | max |")?;
    writeln!(out, "| --- | --- | --: | --: | --: | --: | --: | --: |")?;
    for target in &record.targets {
        for stamp in Stamp::ALL {
            let Some(s) = target.stamps.get(&stamp).and_then(|values| stats::spread(values)) else { continue };
            writeln!(
                out,
                "| {} | {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
                inline(&target.name),
                stamp.title(),
                s.count,
                s.min,
                s.p50,
                s.p90,
                s.p99,
                s.max
            )?;
        }
    }
    writeln!(out)
}

fn capabilities(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    if record.targets.iter().all(|t| t.capabilities.is_empty()) {
        return Ok(());
    }
    writeln!(
        out,
        "## Capabilities\n\n| target | capability | declared | probed | proven by |\n| --- | --- | --- | --- | --- |"
    )?;
    for target in &record.targets {
        for row in &target.capabilities {
            let declared = if row.declared { "yes" } else { "no" };
            let probed = row.probed.as_ref().map_or("not probed".to_owned(), |probe| {
                let word = match probe.presence {
                    Presence::Present => "present",
                    Presence::Absent => "absent",
                    Presence::Unknown => "unknown",
                };
                format!("{word}: {}", inline(&probe.note))
            });
            let shown: Vec<String> = row.proven_by.iter().take(3).map(|id| code(id)).collect();
            let more = match row.proven_by.len() {
                0 => "nothing".to_owned(),
                n if n > 3 => format!(" and {} more", n - 3),
                _ => String::new(),
            };
            let name = inline(&target.name);
            writeln!(
                out,
                "| {name} | {} | {declared} | {probed} | {}{more} |",
                code(&row.capability),
                shown.join(", ")
            )?;
        }
    }
    writeln!(out)
}

fn calls(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    if record.targets.iter().all(|t| t.calls.is_empty()) {
        return Ok(());
    }
    writeln!(out, "## Calls\n\n| target | operation | made | retried | failed |\n| --- | --- | --: | --: | --- |")?;
    for target in &record.targets {
        for (operation, stats) in &target.calls {
            let failed: Vec<String> = stats.failed.iter().map(|(class, n)| format!("{n} {}", inline(class))).collect();
            let (name, failed) = (inline(&target.name), failed.join(", "));
            writeln!(out, "| {name} | {} | {} | {} | {failed} |", code(operation), stats.made, stats.retried)?;
        }
    }
    writeln!(out)
}

fn proofs(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## What is left on the targets\n")?;
    for target in &record.targets {
        writeln!(out, "- {}: {}", inline(&target.name), inline(&text::proof(target)))?;
    }
    writeln!(out)
}

fn foot(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    if !record.warnings.is_empty() {
        writeln!(out, "## Warnings\n")?;
        for warning in &record.warnings {
            writeln!(out, "- {}", inline(warning))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "## Reproduce\n\n{}", block("sh", &reproduce(record)))?;
    let run = &record.run;
    writeln!(out, "levelfield {}, guideline sha256 {}", inline(&run.version), code(&run.guideline_sha256))
}
