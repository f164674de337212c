//! The terminal's form: the eight rows side by side, then what to know of each target. Readable without colour.

use std::fmt::Write;

use anstyle::{AnsiColor, Style as Ansi};

use crate::{
    overall::{self, Overall},
    record::{Record, StepMark, TargetRecord},
    sanitize, steps,
    verdict::Verdict,
};

/// Whether text carries colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// None: for files, pipes, and whoever asks for none.
    #[default]
    Plain,
    /// ANSI escapes.
    Colored,
}

impl Style {
    fn paint(self, with: Ansi, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colored => format!("{with}{text}{with:#}"),
        }
    }

    /// A headline or a title.
    pub fn bold(self, text: &str) -> String {
        self.paint(Ansi::new().bold(), text)
    }

    /// What is good.
    pub fn good(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    /// What is bad.
    pub fn bad(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default(), text)
    }

    /// What is neither.
    pub fn doubt(self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default(), text)
    }

    fn mark(self, mark: StepMark, width: usize) -> String {
        let word = format!("{:<width$}", mark.word());
        match mark {
            StepMark::Yes => self.good(&word),
            StepMark::No => self.bad(&word),
            StepMark::Partial | StepMark::Inconclusive => self.doubt(&word),
            StepMark::NotMeasured => word,
        }
    }
}

/// The eight rows of all targets, side by side. The lines have no blanks at their ends.
pub fn step_table(record: &Record, style: Style) -> String {
    let names: Vec<_> = record.targets.iter().map(|t| sanitize::line(&t.name)).collect();
    let widths: Vec<usize> = names.iter().map(|n| n.chars().count().max("PARTIAL".len())).collect();
    let titles: Vec<String> = (1..=steps::STEPS).map(|step| format!("{step} {}", steps::title(step))).collect();
    let first = titles.iter().map(String::len).max().unwrap_or_default();
    let mut out = format!("{:<first$}", "step");
    for (name, width) in names.iter().zip(&widths) {
        let _ = write!(out, "  {name:<width$}");
    }
    end_line(&mut out);
    for (title, step) in titles.iter().zip(1..) {
        let _ = write!(out, "{title:<first$}");
        let last = record.targets.len().saturating_sub(1);
        for (column, (target, width)) in record.targets.iter().zip(&widths).enumerate() {
            let mark = target.steps.iter().find(|r| r.step == step).map_or(StepMark::NotMeasured, |r| r.mark);
            // The last column needs no filling, which also keeps blanks out of the coloured part.
            let _ = write!(out, "  {}", style.mark(mark, if column == last { 0 } else { *width }));
        }
        end_line(&mut out);
    }
    out
}

fn end_line(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

/// The whole: headline, the eight rows, and for every target what fails, what was not found out, what deviates and what is left.
pub fn render(record: &Record, style: Style) -> String {
    let overall = Overall::of(record, None);
    let headline = overall.headline();
    let headline = match overall.is_green() {
        true => style.good(headline),
        false if overall.conformance == overall::Conformance::Failed => style.bad(headline),
        false => style.doubt(headline),
    };
    let run = &record.run;
    let mut out = format!(
        "{headline}: run {}, guideline {}, profile {}, {:.1} s\n\n",
        sanitize::line(&run.id),
        sanitize::line(&run.guideline),
        sanitize::line(&run.profile),
        record.seconds
    );
    out.push_str(&step_table(record, style));
    for target in &record.targets {
        findings(&mut out, record, target, style);
    }
    if let Some(by) = &record.interrupted {
        let _ = writeln!(
            out,
            "\ninterrupted by {}: go on with `levelfield resume {}`",
            sanitize::line(by),
            sanitize::line(&run.id)
        );
    } else if !overall.sealed {
        let _ = writeln!(out, "\nthe run is not complete: go on with `levelfield resume {}`", sanitize::line(&run.id));
    }
    for warning in &record.warnings {
        let _ = writeln!(out, "{} {}", style.doubt("warning:"), sanitize::line(warning));
    }
    out
}

/// How many results have each state, worst first: `2 fail, 1 inconclusive, 9 pass`.
pub fn counts(target: &TargetRecord) -> String {
    const ORDER: [&str; 7] = ["fail", "missing", "inconclusive", "waived", "unsupported", "not-selected", "pass"];
    let mut counts = [0_usize; ORDER.len()];
    for result in &target.results {
        if let Some(at) = ORDER.iter().position(|state| *state == result.verdict.state()) {
            counts[at] += 1;
        }
    }
    let shown: Vec<String> =
        ORDER.iter().zip(counts).filter(|(_, n)| *n > 0).map(|(state, n)| format!("{n} {state}")).collect();
    if shown.is_empty() { "nothing selected".to_owned() } else { shown.join(", ") }
}

fn findings(out: &mut String, record: &Record, target: &TargetRecord, style: Style) {
    let name = sanitize::line(&target.name);
    let _ = writeln!(out, "\n{} {}", style.bold(&format!("{name}:")), counts(target));
    for result in &target.results {
        let summary = sanitize::short_line(&result.summary, 300);
        let word = match &result.verdict {
            Verdict::Fail { .. } => style.bad("fail        "),
            Verdict::Missing => style.bad("missing     "),
            Verdict::Inconclusive { .. } => style.doubt("inconclusive"),
            Verdict::Waived { .. } => style.doubt("waived      "),
            Verdict::Unsupported { .. } if overall::weigh(record, target, result).is_some() => {
                style.bad("unsupported ")
            }
            Verdict::Pass if result.flaky => style.doubt("flaky pass  "),
            _ => continue,
        };
        let reason = result.verdict.reason().map_or(String::new(), |r| format!(" ({})", sanitize::short_line(&r, 100)));
        let _ = writeln!(out, "  {word}  {}{reason}: {summary}", sanitize::line(&result.id));
    }
    for result in &target.results {
        for deviation in result.deviations() {
            let _ = writeln!(
                out,
                "  {}  {}: {}",
                style.doubt("deviation   "),
                sanitize::line(&result.id),
                sanitize::short_line(&deviation.pattern, 100)
            );
            for (what, text) in [("effect", &deviation.effect), ("work-around", &deviation.work_around)] {
                if !text.is_empty() {
                    let _ = writeln!(out, "                {what}: {}", sanitize::short_line(text, 300));
                }
            }
        }
    }
    for result in &target.results {
        if let Some(waiver) = &result.stale_waiver {
            let (id, waiver) = (sanitize::line(&result.id), sanitize::short_line(waiver, 200));
            let _ = writeln!(out, "  {}  {id} passes, the waiver can go: {waiver}", style.doubt("stale waiver"));
        }
    }
    let _ = writeln!(out, "  {}", proof(target));
}

/// What is left on a target, in one line.
pub fn proof(target: &TargetRecord) -> String {
    use crate::event::Proof;

    let list = |resources: &[levelfield_provider::ResourceRef]| {
        let words: Vec<String> =
            resources.iter().take(20).map(|r| sanitize::short_line(&r.to_string(), 200).into_owned()).collect();
        let more = if resources.len() > 20 { format!(" and {} more", resources.len() - 20) } else { String::new() };
        format!("{}{more}", words.join(", "))
    };
    match &target.proof {
        Some(Proof::Empty { created }) => format!("nothing left: all {created} resources are gone, by the inventory"),
        Some(Proof::NothingCreated) => "nothing left: nothing was created".to_owned(),
        Some(Proof::Left { resources }) => {
            format!("LEFT BEHIND: {}; remove with `levelfield reap`", list(resources))
        }
        Some(Proof::Unknown { resources, why }) => {
            let open = if resources.is_empty() { "unknown what".to_owned() } else { list(resources) };
            format!("MAY BE LEFT: {open} ({}); look with `levelfield reap`", sanitize::short_line(why, 200))
        }
        None => "no proof: the inventory was not read".to_owned(),
    }
}
