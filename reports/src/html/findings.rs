//! What a reader acts on: what to mend, what works in another way, what was excused, and what can't be relied on.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::{
    frame::capped,
    markup::{Linked, html},
    view::{Row, View, behavior_anchor, deviation_anchor, target_anchor},
    words,
};
use crate::{
    record::BehaviorResult,
    verdict::{InconclusiveReason, Verdict},
};

/// All of it.
pub(super) fn write(out: &mut dyn Write, view: &View<'_>) -> io::Result<()> {
    to_mend(out, view)?;
    other_ways(out, view)?;
    excused(out, view)
}

/// A result that is not met, with its row.
type Finding<'a> = (&'a Row<'a>, &'a BehaviorResult);

/// Failures and open verdicts, target by target, the worst first; what waits for something else stands with that.
fn to_mend(out: &mut dyn Write, view: &View<'_>) -> io::Result<()> {
    html!(out, "<section id=\"mend\" aria-labelledby=\"mend-title\">\n<h2 id=\"mend-title\">What to mend</h2>\n")?;
    let mut by_target: Vec<Vec<Finding<'_>>> = vec![Vec::new(); view.record.targets.len()];
    for (row, target, result) in view.results() {
        if result.verdict.severity() >= 2 {
            by_target[target].push((row, result));
        }
    }
    if by_target.iter().all(Vec::is_empty) {
        let nothing =
            if view.overall.sealed { "Nothing failed and nothing was left open." } else { "Nothing failed so far." };
        return html!(out, "<p class=\"empty\">{}</p>\n</section>\n", nothing);
    }
    let (mut shown, mut all) = (0, 0);
    for (column, (target, mut findings)) in view.record.targets.iter().zip(by_target).enumerate() {
        let mut waiting: BTreeMap<&str, Vec<&Row<'_>>> = BTreeMap::new();
        findings.retain(|(row, result)| match &result.verdict {
            Verdict::Inconclusive { reason: InconclusiveReason::Prerequisite(id) } => {
                waiting.entry(id).or_default().push(row);
                false
            }
            _ => true,
        });
        findings.sort_by_key(|(_, result)| std::cmp::Reverse(result.verdict.severity()));
        all += findings.len() + waiting.len();
        if findings.is_empty() && waiting.is_empty() || shown >= view.limits.rows {
            continue;
        }
        html!(
            out,
            "<h3><a href=\"#{}\">{}</a></h3>\n<ul class=\"findings\">\n",
            target_anchor(&target.name),
            target.name
        )?;
        for (row, result) in findings.iter().take(view.limits.rows - shown) {
            html!(
                out,
                "<li><span class=\"state {}\"><i>{}</i>{}</span><div><a href=\"#{}\">{}</a> <span class=\"title\">{}</span><p>{}</p></div></li>\n",
                result.verdict.state(),
                words::sign(result.verdict.state()),
                words::state(&result.verdict),
                view.link(row, column),
                row.id,
                row.title(),
                result.summary
            )?;
        }
        shown += findings.len().min(view.limits.rows - shown);
        for (prerequisite, rows) in waiting.iter().take(view.limits.rows - shown) {
            html!(
                out,
                "<li><span class=\"state inconclusive\"><i>?</i>inconclusive</span><div>{} for <a href=\"#{}\">{}</a><p>",
                if rows.len() == 1 {
                    "1 behaviour waits".to_owned()
                } else {
                    format!("{} behaviours wait", rows.len())
                },
                if view.rows.iter().any(|row| row.id == *prerequisite) {
                    behavior_anchor(prerequisite)
                } else {
                    "behaviours".to_owned()
                },
                prerequisite
            )?;
            for (index, row) in rows.iter().enumerate().take(view.limits.rows) {
                let comma = if index > 0 { ", " } else { "" };
                html!(out, "{}<a href=\"#{}\">{}</a>", comma, view.link(row, column), row.id)?;
            }
            if rows.len() > view.limits.rows {
                html!(out, " and {} more", rows.len() - view.limits.rows)?;
            }
            html!(out, "</p></div></li>\n")?;
        }
        shown += waiting.len().min(view.limits.rows - shown);
        html!(out, "</ul>\n")?;
    }
    capped(out, all, shown, "findings", "All of them are in the matrix and under “Behaviours”.")?;
    html!(out, "</section>\n")
}

/// One accepted alternative and where it was seen.
#[derive(Default)]
struct OtherWay<'a> {
    texts: Vec<(&'a str, &'a str)>,
    seen: BTreeMap<usize, Vec<&'a Row<'a>>>,
}

/// What works, but not the AWS way.
fn other_ways(out: &mut dyn Write, view: &View<'_>) -> io::Result<()> {
    html!(
        out,
        r#"<section id="deviations" aria-labelledby="deviations-title">
<h2 id="deviations-title">Works, but not the AWS way</h2>
<p class="intro">Each deviation with what it costs automation, and what users do about it.</p>
"#
    )?;
    let mut ways: BTreeMap<&str, OtherWay<'_>> = BTreeMap::new();
    for (row, target, result) in view.results() {
        for deviation in result.deviations() {
            let way = ways.entry(&deviation.pattern).or_default();
            let text = (deviation.effect.as_str(), deviation.work_around.as_str());
            if text != ("", "") && !way.texts.contains(&text) {
                way.texts.push(text);
            }
            let rows = way.seen.entry(target).or_default();
            if rows.last().is_none_or(|last| last.id != row.id) {
                rows.push(row);
            }
        }
    }
    if ways.is_empty() {
        return html!(out, "<p class=\"empty\">No deviation was seen.</p>\n</section>\n");
    }
    for (pattern, way) in ways.iter().take(view.limits.rows) {
        html!(
            out,
            "<article class=\"deviation\" id=\"{}\">\n<h3><code>{}</code></h3>\n<dl>\n",
            deviation_anchor(pattern),
            pattern
        )?;
        for (effect, work_around) in &way.texts {
            html!(
                out,
                "<div><dt>What it costs</dt><dd>{}</dd></div><div><dt>Work-around</dt><dd>{}</dd></div>\n",
                Linked(effect),
                Linked(work_around)
            )?;
        }
        html!(out, "<div class=\"wide\"><dt>Seen on</dt><dd>")?;
        for (index, (target, rows)) in way.seen.iter().enumerate().take(view.limits.columns) {
            html!(out, "{}<b>{}</b> in ", if index > 0 { "; " } else { "" }, view.record.targets[*target].name)?;
            for (index, row) in rows.iter().enumerate().take(view.limits.columns) {
                html!(
                    out,
                    "{}<a href=\"#{}\">{}</a>",
                    if index > 0 { ", " } else { "" },
                    view.link(row, *target),
                    row.id
                )?;
            }
            if rows.len() > view.limits.columns {
                html!(out, " and {} more", rows.len() - view.limits.columns)?;
            }
        }
        if way.seen.len() > view.limits.columns {
            html!(out, "; and on {} more targets", way.seen.len() - view.limits.columns)?;
        }
        html!(out, "</dd></div>\n</dl>\n</article>\n")?;
    }
    capped(out, ways.len(), view.limits.rows, "deviations", "The others are with their results.")?;
    html!(out, "</section>\n")
}

/// One line of the table of waivers, stale waivers and flaky passes.
struct Excuse<'a> {
    kind: &'static str,
    target: usize,
    row: &'a Row<'a>,
    what: String,
}

/// Waivers, waivers that are no longer needed, and results that needed more than one attempt or do not hold in every round.
fn excused(out: &mut dyn Write, view: &View<'_>) -> io::Result<()> {
    let mut excuses = Vec::new();
    for (row, target, result) in view.results() {
        let mut push = |kind, what| {
            excuses.push(Excuse { kind, target, row, what });
        };
        if let Verdict::Waived { waiver, beneath } = &result.verdict {
            push("waived", format!("{beneath} beneath. {waiver}"));
        }
        if let Some(waiver) = &result.stale_waiver {
            push("stale waiver", format!("The behaviour passes; the waiver can go. {waiver}"));
        }
        if result.flaky {
            push("flaky", "A round passed only after another attempt.".to_owned());
        }
        if let Some(rate) = result.rate.as_ref().filter(|rate| rate.passed > 0 && rate.passed < rate.of) {
            push("intermittent", format!("{} of {} rounds pass.", rate.passed, rate.of));
        }
    }
    html!(
        out,
        "<section id=\"excused\" aria-labelledby=\"excused-title\">\n<h2 id=\"excused-title\">Waivers and flaky results</h2>\n"
    )?;
    if excuses.is_empty() {
        return html!(
            out,
            "<p class=\"empty\">No waiver applied, and no result needed a second attempt.</p>\n</section>\n"
        );
    }
    html!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"excused-title\"><table class=\"list\"><thead><tr><th scope=\"col\">What</th><th scope=\"col\">Target</th><th scope=\"col\">Behaviour</th><th scope=\"col\">Why</th></tr></thead>\n<tbody>\n"
    )?;
    for excuse in excuses.iter().take(view.limits.rows) {
        html!(
            out,
            "<tr><td><b>{}</b></td><td>{}</td><td><a href=\"#{}\">{}</a></td><td>{}</td></tr>\n",
            excuse.kind,
            view.record.targets[excuse.target].name,
            view.link(excuse.row, excuse.target),
            excuse.row.id,
            Linked(&excuse.what)
        )?;
    }
    html!(out, "</tbody></table></div>\n")?;
    capped(out, excuses.len(), view.limits.rows, "entries", "The others are with their results.")?;
    html!(out, "</section>\n")
}
