//! Each behaviour in full: what it asks for and why, what AWS does, and what was seen on each target.

use std::io::{self, Write};

use super::{
    attempts,
    evidence::Evidence,
    markup::{Linked, Markup, html},
    view::{Row, Shape, View, behavior_anchor, deviation_anchor, is_quiet, result_anchor},
    words,
};
use crate::{
    record::{BehaviorResult, TargetRecord},
    verdict::Verdict,
};

/// All behaviours, a suite's together.
pub(super) fn write(out: &mut dyn Write, view: &View<'_>, evidence: &mut Evidence<'_>) -> io::Result<()> {
    html!(
        out,
        r#"<section id="behaviours" aria-labelledby="behaviours-title">
<h2 id="behaviours-title">Behaviours</h2>
<p class="intro">What each asks for, and what was seen. Those that pass everywhere are closed.</p>
<form class="tools" id="tools" hidden="" role="search">
<label>Find <input type="search" id="find" placeholder="behaviour, word, target" autocomplete="off" /></label>
<label>Show <select id="show"><option value="">everything</option><option value="open">all that is not a pass</option><option value="fail">fail</option><option value="inconclusive">inconclusive</option><option value="missing">missing</option><option value="waived">waived</option><option value="flaky">flaky or intermittent</option><option value="deviates">deviations</option></select></label>
<button type="button" id="expand">Open all</button><button type="button" id="collapse">Close all</button>
<output id="found" aria-live="polite"></output>
</form>
"#
    )?;
    if view.rows.is_empty() {
        html!(out, "<p class=\"empty\">Nothing was selected.</p>\n")?;
    }
    let mut suite = None;
    for row in &view.rows {
        if suite != Some(row.suite) {
            suite = Some(row.suite);
            html!(out, "<h3 class=\"suite\">{}</h3>\n", row.suite)?;
        }
        behavior(out, view, row, evidence)?;
    }
    html!(out, "</section>\n")
}

fn behavior(out: &mut dyn Write, view: &View<'_>, row: &Row<'_>, evidence: &mut Evidence<'_>) -> io::Result<()> {
    let quiet = row.passes_everywhere();
    html!(
        out,
        "<details class=\"behaviour\" id=\"{}\" data-states=\"{}\"{}><summary><span class=\"id\">{}</span>",
        behavior_anchor(row.id),
        states(row),
        Markup(if quiet { "" } else { " open=\"\"" }),
        row.id
    )?;
    counts(out, row)?;
    html!(out, "<span class=\"title\">{}</span></summary>\n<div class=\"body\">\n", row.title())?;
    if let Some(info) = row.info {
        html!(
            out,
            "<dl class=\"about\"><div><dt>Why it matters</dt><dd>{}</dd></div><div><dt>What AWS does</dt><dd>{}</dd></div><div class=\"level\"><dt>Level</dt><dd>{}, {}",
            Linked(&info.why),
            Linked(&info.reference),
            info.level,
            info.status
        )?;
        if let Some(step) = info.step {
            html!(out, ", <a href=\"#steps\">step {}</a>", step)?;
        }
        html!(out, "</dd></div></dl>\n")?;
    }
    let mut counted = 0;
    for ((target, result), shape) in view.record.targets.iter().zip(&row.cells).zip(&row.shapes) {
        let Some(result) = result else { continue };
        match shape {
            Shape::Full => full(out, view, target, result, evidence)?,
            Shape::Line => line(out, target, result)?,
            Shape::Counted => counted += 1,
        }
    }
    if counted > 0 {
        html!(
            out,
            "<p class=\"capped\">The page is full: {} of this behaviour only counted above; run.json has them all.</p>\n",
            if counted == 1 { "1 result is".to_owned() } else { format!("{} results are", words::grouped(counted)) }
        )?;
    }
    if row.cells.iter().all(Option::is_none) {
        html!(out, "<p class=\"empty\">It is in no target’s manifest.</p>\n")?;
    }
    html!(out, "</div>\n</details>\n")
}

/// What the filter goes by.
fn states(row: &Row<'_>) -> String {
    let mut words: Vec<&str> = Vec::new();
    for result in row.cells.iter().flatten() {
        words.push(result.verdict.state());
        if !is_quiet(result) {
            words.push("open");
        }
        if result.flaky || result.rate.as_ref().is_some_and(|rate| rate.passed > 0 && rate.passed < rate.of) {
            words.push("flaky");
        }
        if !result.deviations().is_empty() {
            words.push("deviates");
        }
    }
    words.sort_unstable();
    words.dedup();
    words.join(" ")
}

/// How many targets have which verdict.
fn counts(out: &mut dyn Write, row: &Row<'_>) -> io::Result<()> {
    html!(out, "<span class=\"counts\">")?;
    for state in ["fail", "missing", "inconclusive", "waived", "unsupported", "not-selected", "pass"] {
        let count = row.cells.iter().flatten().filter(|result| result.verdict.state() == state).count();
        if count > 0 {
            html!(
                out,
                "<span class=\"state {}\"><i>{}</i>{} {}</span>",
                state,
                words::sign(state),
                count,
                state.replace('-', " ")
            )?;
        }
    }
    html!(out, "</span>")
}

/// A result that is only named.
fn line(out: &mut dyn Write, target: &TargetRecord, result: &BehaviorResult) -> io::Result<()> {
    let state = result.verdict.state();
    html!(
        out,
        "<p class=\"line\" id=\"{}\"><span class=\"state {}\"><i>{}</i>{}</span> <b>{}</b> {}</p>\n",
        result_anchor(&target.name, &result.id),
        state,
        words::sign(state),
        words::state(&result.verdict),
        target.name,
        result.summary
    )
}

fn full(
    out: &mut dyn Write,
    view: &View<'_>,
    target: &TargetRecord,
    result: &BehaviorResult,
    evidence: &mut Evidence<'_>,
) -> io::Result<()> {
    let state = result.verdict.state();
    html!(
        out,
        "<details class=\"result {}\" id=\"{}\"{}><summary><span class=\"state {}\"><i>{}</i>{}</span><b class=\"on\">{}</b><span class=\"summary\">{}</span><span class=\"extra\">",
        state,
        result_anchor(&target.name, &result.id),
        Markup(if result.verdict.severity() >= 2 { " open=\"\"" } else { "" }),
        state,
        words::sign(state),
        words::state(&result.verdict),
        target.name,
        result.summary
    )?;
    if result.flaky {
        html!(out, "<em>flaky</em> ")?;
    }
    if let Some(rate) = &result.rate {
        html!(out, "{}/{} ", rate.passed, rate.of)?;
    }
    html!(out, "{}</span></summary>\n<div class=\"body\">\n", words::duration(result.seconds()))?;
    if let Some(reason) = reason(&result.verdict) {
        html!(out, "<p class=\"reason\">{}</p>\n", reason)?;
    }
    if let Some(waiver) = &result.stale_waiver {
        html!(out, "<p class=\"reason\">A waiver covers this although it passes, and can go: {}</p>\n", waiver)?;
    }
    for deviation in result.deviations() {
        html!(
            out,
            "<div class=\"way\"><a href=\"#{}\"><code>{}</code></a><p>{}</p><p><b>Work-around:</b> {}</p></div>\n",
            deviation_anchor(&deviation.pattern),
            deviation.pattern,
            Linked(&deviation.effect),
            Linked(&deviation.work_around)
        )?;
    }
    attempts::write(out, view, result, evidence)?;
    html!(out, "</div>\n</details>\n")
}

/// The verdict's reason in a sentence, where there is more to it than the state.
fn reason(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Pass => None,
        Verdict::Fail { reason } => Some(format!("Reason: {reason}")),
        Verdict::Inconclusive { reason } => Some(format!("Nothing follows from the evidence: {reason}")),
        Verdict::Unsupported { capability } => Some(format!("Declared and probed absent: {capability}")),
        Verdict::Waived { waiver, .. } => Some(format!("Waived by {waiver}. Beneath: {}", verdict.beneath())),
        Verdict::NotSelected { why } => Some(format!("Not selected: {why}")),
        Verdict::Missing => Some("The run ended before it had a verdict.".to_owned()),
    }
}
