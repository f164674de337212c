//! The signature: the eight steps of allocating a node, measured on each target.

use std::io::{self, Write};

use super::{
    markup::html,
    view::{View, deviation_anchor, target_anchor},
};
use crate::{
    record::{StepMark, StepRow, TargetRecord},
    steps,
};

/// How many of a cell's behaviours are named before the rest is only counted.
const NAMED: usize = 4;

/// The table of the eight steps.
pub(super) fn write(out: &mut dyn Write, view: &View<'_>) -> io::Result<()> {
    html!(
        out,
        r#"<section id="steps" aria-labelledby="steps-title">
<h2 id="steps-title">The eight steps of allocating a node</h2>
<p class="intro">Measured, not asserted. Each mark follows from the core behaviours of its step; under it stand the pattern where a target
departs from AWS’s, and the behaviours that keep it from YES.</p>
"#
    )?;
    if view.record.targets.is_empty() {
        return html!(out, "<p class=\"empty\">No target was measured.</p>\n</section>\n");
    }
    html!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"steps-title\"><table class=\"steps stack{}\">\n<thead><tr><th scope=\"col\">Step</th>",
        if view.columns() > 2 { "" } else { " few" }
    )?;
    let targets = &view.record.targets[..view.columns()];
    for target in targets {
        html!(out, "<th scope=\"col\"><a href=\"#{}\">{}</a></th>", target_anchor(&target.name), target.name)?;
    }
    html!(out, "</tr></thead>\n<tbody>\n")?;
    for number in 1..=steps::STEPS {
        html!(
            out,
            "<tr><th scope=\"row\"><span class=\"stepnumber\">{}</span><span class=\"steptitle\">{}</span></th>",
            number,
            steps::title(number)
        )?;
        for (column, target) in targets.iter().enumerate() {
            html!(out, "<td data-label=\"{}\"><div>", target.name)?;
            match target.steps.iter().find(|row| row.step == number) {
                Some(row) => cell(out, view, column, row)?,
                None => mark(out, StepMark::NotMeasured)?,
            }
            html!(out, "</div></td>")?;
        }
        html!(out, "</tr>\n")?;
    }
    html!(out, "</tbody></table></div>\n")?;
    if let Some(note) = view.columns_note() {
        html!(out, "<p class=\"capped\">{}</p>\n", note)?;
    }
    if !view.overall.sealed {
        html!(out, "<p class=\"capped\">The run is not sealed: marks may change with what is missing.</p>\n")?;
    }
    html!(out, "</section>\n")
}

fn mark(out: &mut dyn Write, mark: StepMark) -> io::Result<()> {
    let (class, spoken) = match mark {
        StepMark::Yes => ("yes", "YES"),
        StepMark::Partial => ("partial", "PARTIAL"),
        StepMark::No => ("no", "NO"),
        StepMark::Inconclusive => ("open", "inconclusive"),
        StepMark::NotMeasured => ("unmeasured", "not measured"),
    };
    html!(out, "<span class=\"mark {}\" title=\"{}\">{}</span>", class, spoken, mark.word())
}

fn cell(out: &mut dyn Write, view: &View<'_>, column: usize, row: &StepRow) -> io::Result<()> {
    let target = &view.record.targets[column];
    mark(out, row.mark)?;
    for pattern in row.patterns.iter().take(NAMED) {
        html!(out, "<a class=\"pattern\" href=\"#{}\">{}</a>", deviation_link(target, pattern), pattern)?;
    }
    for id in row.because.iter().take(NAMED) {
        // A waived one is named with a remark after its id.
        let bare = id.split_once(' ').map_or(id.as_str(), |(bare, _)| bare);
        let link =
            view.rows.iter().find(|row| row.id == bare).map_or("behaviours".to_owned(), |row| view.link(row, column));
        html!(out, "<a class=\"because\" href=\"#{}\">{}</a>", link, id)?;
    }
    let more = row.because.len().saturating_sub(NAMED) + row.patterns.len().saturating_sub(NAMED);
    if more > 0 {
        html!(out, "<a class=\"because\" href=\"#mend\">and {} more</a>", more)?;
    }
    Ok(())
}

/// Where the words on a pattern are, if any result carries them.
fn deviation_link(target: &TargetRecord, pattern: &str) -> String {
    let described =
        target.results.iter().flat_map(|result| result.deviations()).any(|deviation| deviation.pattern == pattern);
    if described { deviation_anchor(pattern) } else { "deviations".to_owned() }
}
