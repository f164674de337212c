//! The page around the sections: its head, the answer at the top, the way through, and the legend at the end.

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::{
    markup::{Markup, html},
    standing::{Standing, Tally},
    view::{View, target_anchor},
    words,
};
use crate::{event::Proof, overall::Conformance};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Everything up to the first section.
pub(super) fn open(out: &mut dyn Write, view: &View<'_>) -> io::Result<()> {
    let standing = view.standing();
    html!(
        out,
        r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<meta name="referrer" content="no-referrer" />
<title>{}: {} – Levelfield</title>
<style>{}</style>
</head>
<body id="top" class="{}">
<a class="skip" href="#main">To the report</a>
"##,
        digest(STYLE),
        digest(SCRIPT),
        standing.words(),
        view.record.run.id,
        Markup(STYLE),
        if view.overall.sealed { "sealed" } else { "unsealed" },
    )?;
    header(out, view, standing)?;
    navigation(out, standing)?;
    html!(out, "<main id=\"main\">\n")
}

fn digest(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}

fn header(out: &mut dyn Write, view: &View<'_>, standing: Standing) -> io::Result<()> {
    let run = &view.record.run;
    html!(
        out,
        r#"<header class="masthead {}">
<p class="kicker"><b>Levelfield</b> <span>Interop conformance report</span></p>
<h1><span>{}</span></h1>
<p class="lead">{}</p>
"#,
        standing.class(),
        standing.words(),
        lead(view, standing),
    )?;
    notices(out, view)?;
    standings(out, view)?;
    html!(out, "<dl class=\"facts\">\n")?;
    fact(out, "Run", &run.id)?;
    fact(out, "Began", &words::moment(view.record.started))?;
    fact(out, "Took", &words::duration(view.record.seconds))?;
    fact(out, "From", &run.vantage)?;
    html!(
        out,
        "<div><dt>Guideline</dt><dd>{} <code title=\"{}\">{}</code></dd></div>\n",
        run.guideline,
        run.guideline_sha256,
        words::short(&run.guideline_sha256)
    )?;
    let profile =
        if run.selection == "all()" { run.profile.clone() } else { format!("{}: {}", run.profile, run.selection) };
    fact(out, "Profile", &profile)?;
    fact(out, "Rounds", &words::grouped(u64::from(run.rounds)))?;
    fact(out, "Tool", &format!("levelfield {}", run.version))?;
    if let Some(digest) = &view.record.evidence_digest {
        html!(
            out,
            "<div><dt>Evidence</dt><dd><code title=\"{}\">{}</code></dd></div>\n",
            digest,
            words::short(digest)
        )?;
    }
    html!(out, "</dl>\n</header>\n")
}

fn fact(out: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    html!(out, "<div><dt>{}</dt><dd>{}</dd></div>\n", name, value)
}

/// The answer in a sentence or two.
fn lead(view: &View<'_>, standing: Standing) -> String {
    let tally = view.tally();
    let targets = words::count(view.record.targets.len(), "target");
    let selected = tally.all() - tally.not_selected;
    let decided = tally.pass + tally.fail + tally.waived + tally.unsupported;
    let pass = words::grouped(tally.pass as u64);
    match standing.conformance {
        Conformance::Failed => {
            let failing = view.tallies.iter().filter(|tally| tally.fail > 0).count();
            let of = if view.record.targets.len() > 1 { format!("{failing} of ") } else { String::new() };
            let fails = format!("{} on {of}{targets}", words::count(tally.fail, "failure"));
            let open = selected - decided;
            if !standing.sealed {
                format!(
                    "{fails}. The run was not completed, so there may be more: {decided} of {selected} verdicts are in."
                )
            } else if open > 0 {
                format!("{fails}; {} could not be decided, {pass} pass.", words::count(open, "verdict"))
            } else {
                format!("{fails}; {pass} pass.")
            }
        }
        _ if selected == 0 => "Nothing was selected, so there is nothing to conclude from.".to_owned(),
        _ if !standing.sealed => format!(
            "{decided} of {selected} verdicts on {targets} are in. The run was not completed and can’t be read as a pass, \
             whatever passes below."
        ),
        Conformance::Missing => {
            format!(
                "Nothing failed on {targets}, but what must be there is missing: {decided} of {selected} verdicts are in."
            )
        }
        Conformance::Inconclusive => format!(
            "Nothing failed on {targets}, but {} could not be decided, so conformance is open.",
            words::count(tally.inconclusive, "behaviour")
        ),
        Conformance::Conformant | Conformance::Waived if !standing.whole => format!(
            "{pass} of the selected behaviours pass on {targets}. This run covers a part of its profile and says nothing of the rest."
        ),
        Conformance::Waived => format!(
            "Nothing failed on {targets} but what a waiver covers: {pass} pass, {} waived.",
            if tally.waived == 1 { "1 is".to_owned() } else { format!("{} are", words::grouped(tally.waived as u64)) }
        ),
        Conformance::Conformant => {
            format!("Everything that the profile asks for was measured on {targets}, and nothing failed: {pass} pass.")
        }
    }
}

/// What a reader must know before the numbers.
fn notices(out: &mut dyn Write, view: &View<'_>) -> io::Result<()> {
    let mut notices: Vec<(&str, String)> = Vec::new();
    if !view.overall.sealed {
        let by = view.record.interrupted.as_deref().map_or(String::new(), |by| format!(" It was interrupted by {by}."));
        notices.push(("Not sealed", format!("Selected behaviours lack a verdict, or an inventory was not read.{by}")));
    }
    if let Some(partition) = &view.record.run.partition {
        notices.push(("Partition", format!("This is part {partition} of a divided run.")));
    }
    for target in &view.record.targets {
        match &target.proof {
            Some(Proof::Left { resources }) => notices.push((
                "Left behind",
                format!(
                    "{} on {}. “levelfield reap” removes them.",
                    words::count(resources.len(), "resource"),
                    target.name
                ),
            )),
            Some(Proof::Unknown { resources, .. }) => notices.push((
                "Perhaps left behind",
                format!(
                    "The inventory of {} could not be read; {} may be there.",
                    target.name,
                    words::count(resources.len(), "resource")
                ),
            )),
            _ => {}
        }
    }
    notices.extend(view.record.warnings.iter().map(|warning| ("Warning", warning.clone())));
    if notices.is_empty() {
        return Ok(());
    }
    html!(out, "<ul class=\"notices\">\n")?;
    for (name, text) in notices.iter().take(view.limits.rows) {
        html!(out, "<li><b>{}</b> {}</li>\n", name, text)?;
    }
    html!(out, "</ul>\n")?;
    capped(out, notices.len(), view.limits.rows, "notices", "run.json has them all.")
}

/// The note under a list that was cut.
pub(super) fn capped(out: &mut dyn Write, all: usize, shown: usize, what: &str, rest: &str) -> io::Result<()> {
    if all <= shown {
        return Ok(());
    }
    html!(
        out,
        "<p class=\"capped\">The first {} of {} {} are shown. {}</p>\n",
        words::grouped(shown as u64),
        words::grouped(all as u64),
        what,
        rest
    )
}

/// One line for each target: its standing and its numbers.
fn standings(out: &mut dyn Write, view: &View<'_>) -> io::Result<()> {
    if view.record.targets.is_empty() {
        return html!(out, "<p class=\"capped\">No target is in this record.</p>\n");
    }
    let total = view.tally();
    let used: Vec<&str> = total
        .by_state()
        .iter()
        .filter(|(state, count)| *count > 0 || matches!(*state, "pass" | "fail"))
        .map(|(state, _)| *state)
        .collect();
    html!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Targets and their numbers\"><table class=\"standings\">\n<thead><tr><th scope=\"col\">Target</th><th scope=\"col\">Standing</th>"
    )?;
    for state in &used {
        html!(out, "<th scope=\"col\" class=\"num\">{}</th>", state.replace('-', " "))?;
    }
    html!(out, "<td class=\"barhead\"></td></tr></thead>\n<tbody>\n")?;
    for (index, target) in view.record.targets.iter().enumerate().take(view.limits.rows) {
        let standing = view.standing_of(index);
        let tally = view.tallies[index];
        html!(
            out,
            "<tr><th scope=\"row\"><a href=\"#{}\">{}</a></th><td class=\"standing {}\">{}</td>",
            target_anchor(&target.name),
            target.name,
            standing.class(),
            standing.words()
        )?;
        for (state, count) in tally.by_state().iter().filter(|(state, _)| used.contains(state)) {
            let class = if *count == 0 { "none" } else { state };
            html!(out, "<td class=\"num {}\">{}</td>", class, words::grouped(*count as u64))?;
        }
        html!(out, "<td class=\"barcell\">")?;
        bar(out, tally)?;
        html!(out, "</td></tr>\n")?;
    }
    html!(out, "</tbody></table></div>\n")?;
    capped(out, view.record.targets.len(), view.limits.rows, "targets", "The others are under “Targets”.")
}

/// The numbers as one bar; the same as the columns beside it, so it is hidden from readers who hear the page.
fn bar(out: &mut dyn Write, tally: Tally) -> io::Result<()> {
    html!(out, "<svg class=\"bar\" width=\"100%\" height=\"8\" aria-hidden=\"true\">")?;
    let all = tally.all().max(1) as f64;
    let mut left = 0.0;
    for (state, count) in tally.by_state().into_iter().filter(|(_, count)| *count > 0) {
        let width = count as f64 / all * 100.0;
        html!(
            out,
            "<rect class=\"{}\" x=\"{}%\" width=\"{}%\" height=\"8\" />",
            state,
            Markup(format_args!("{left:.2}")),
            Markup(format_args!("{width:.2}"))
        )?;
        left += width;
    }
    html!(out, "</svg>")
}

fn navigation(out: &mut dyn Write, standing: Standing) -> io::Result<()> {
    html!(
        out,
        r##"<nav aria-label="Sections"><div>
<a class="standing {}" href="#top">{}</a>
<a href="#steps">Eight steps</a>
<a href="#mend">To mend</a>
<a href="#deviations">Deviations</a>
<a href="#matrix">Matrix</a>
<a href="#targets">Targets</a>
<a href="#behaviours">Behaviours</a>
<a href="#legend">Legend</a>
</div></nav>
"##,
        standing.class(),
        standing.words(),
    )
}

/// The legend and everything after it.
pub(super) fn close(out: &mut dyn Write, view: &View<'_>) -> io::Result<()> {
    html!(
        out,
        r#"</main>
<footer id="legend" aria-labelledby="legend-title">
<h2 id="legend-title">How to read this report</h2>
<div class="legend">
<dl>
"#
    )?;
    for (state, meaning) in [
        ("pass", "The evidence shows the behaviour."),
        ("fail", "The evidence shows its violation."),
        ("missing", "Selected, and the run ended without a verdict."),
        (
            "inconclusive",
            "The evidence decides nothing, for one of a closed list of reasons. Never counted as a pass or a fail.",
        ),
        (
            "unsupported",
            "The target declares that it lacks the capability, and a probe agreed. Legal outside core only.",
        ),
        ("waived", "Not met, known, owned and tracked; the verdict beneath is always shown."),
        ("not-selected", "Part of the profile, left out of this run on purpose."),
    ] {
        html!(
            out,
            "<div><dt class=\"state {}\"><i>{}</i>{}</dt><dd>{}</dd></div>\n",
            state,
            words::sign(state),
            state.replace('-', " "),
            meaning
        )?;
    }
    html!(out, "</dl>\n<dl>\n")?;
    for (class, mark, meaning) in [
        (
            "yes",
            "YES",
            "All core behaviours of the step pass, by the AWS pattern or by an accepted alternative, which is named.",
        ),
        (
            "partial",
            "PARTIAL",
            "Core behaviours pass, but an extended one fails, or a core one passes in some rounds only.",
        ),
        ("no", "NO", "A core behaviour fails in every round."),
        ("open", "?", "A core or extended behaviour has neither a pass nor a fail. Never one of the three above."),
        ("unmeasured", "-", "No core behaviour of the step was selected."),
    ] {
        html!(out, "<div><dt><span class=\"mark {}\">{}</span></dt><dd>{}</dd></div>\n", class, mark, meaning)?;
    }
    html!(
        out,
        r#"</dl>
</div>
<p>Levelfield asks for AWS behaviour where operations depend on it, not for AWS interfaces. Verdicts follow from the evidence alone, and
can be computed again from the run’s folder. This page was written from the record of run <code>{}</code>, format {}; the record
(<code>run.json</code>) and the journal (<code>events.jsonl</code>) hold everything that a page may abridge.</p>
</footer>
<script>{}</script>
</body>
</html>
"#,
        view.record.run.id,
        view.record.format,
        Markup(SCRIPT),
    )
}
