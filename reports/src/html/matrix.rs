//! Every verdict at a glance, and the measures of the targets side by side.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::{
    frame::capped,
    markup::html,
    view::{Row, View, behavior_anchor, target_anchor},
    words,
};
use crate::{
    record::BehaviorResult,
    stats::{self, Spread},
    verdict::Measure,
};

/// With more columns than this, cells show the sign alone.
const WORDY: usize = 6;

/// With more rows than this, the matrix scrolls in a frame of its own and keeps its head in sight.
const TALL: usize = 120;

/// The matrix and the measures.
pub(super) fn write(out: &mut dyn Write, view: &View<'_>) -> io::Result<()> {
    html!(
        out,
        r#"<section id="matrix" aria-labelledby="matrix-title">
<h2 id="matrix-title">Verdict matrix</h2>
<p class="intro">A row for each behaviour, a column for each target. Every cell leads to its reasons.</p>
"#
    )?;
    let targets = &view.record.targets[..view.columns()];
    if targets.is_empty() || view.rows.is_empty() {
        return html!(out, "<p class=\"empty\">Nothing was selected.</p>\n</section>\n");
    }
    let folds = view.rows.len() * targets.len() > view.limits.matrix_cells;
    let most = (view.limits.matrix_cells / targets.len()).max(1);
    let rows: Vec<&Row<'_>> = view.rows.iter().filter(|row| !folds || !row.passes_everywhere()).collect();
    let terse = targets.len() > WORDY;
    html!(
        out,
        "<div class=\"scroll{}\" tabindex=\"0\" role=\"region\" aria-labelledby=\"matrix-title\"><table class=\"matrix{}\">\n<thead><tr><th scope=\"col\">Behaviour</th>",
        if rows.len() > TALL { " tall" } else { "" },
        if terse { " terse" } else { "" }
    )?;
    for target in targets {
        html!(out, "<th scope=\"col\"><a href=\"#{}\">{}</a></th>", target_anchor(&target.name), target.name)?;
    }
    html!(out, "</tr></thead>\n")?;
    let mut suite = None;
    for row in rows.iter().take(most) {
        if suite != Some(row.suite) {
            if suite.is_some() {
                html!(out, "</tbody>\n")?;
            }
            suite = Some(row.suite);
            html!(
                out,
                "<tbody><tr class=\"suite\"><th scope=\"rowgroup\" colspan=\"{}\">{}</th></tr>\n",
                targets.len() + 1,
                row.suite
            )?;
        }
        html!(
            out,
            "<tr><th scope=\"row\"><a href=\"#{}\" title=\"{}\">{}</a></th>",
            behavior_anchor(row.id),
            row.title(),
            name(row)
        )?;
        for (target, result) in row.cells.iter().enumerate().take(targets.len()) {
            match result {
                Some(result) => cell(out, result, &view.link(row, target), terse)?,
                None => html!(out, "<td class=\"absent\" title=\"not in this target’s manifest\"></td>")?,
            }
        }
        html!(out, "</tr>\n")?;
    }
    if suite.is_some() {
        html!(out, "</tbody>")?;
    }
    html!(out, "</table></div>\n")?;
    if folds {
        html!(
            out,
            "<p class=\"capped\">The run is large: {} that pass on every target are not in the matrix; they are under “Behaviours”.</p>\n",
            words::count(view.rows.len() - rows.len(), "behaviour")
        )?;
    }
    capped(out, rows.len(), most, "rows", "The others are under “Behaviours”.")?;
    if let Some(note) = view.columns_note() {
        html!(out, "<p class=\"capped\">{}</p>\n", note)?;
    }
    html!(out, "</section>\n")?;
    measures(out, view)
}

/// The behaviour's name within its suite.
fn name<'a>(row: &Row<'a>) -> &'a str {
    row.id.split_once('/').map_or(row.id, |(_, name)| name)
}

fn cell(out: &mut dyn Write, result: &BehaviorResult, link: &str, terse: bool) -> io::Result<()> {
    let state = result.verdict.state();
    html!(
        out,
        "<td class=\"{}\"><a href=\"#{}\" title=\"{}: {}\"><i>{}</i><span>{}</span>",
        state,
        link,
        words::state(&result.verdict),
        result.summary,
        words::sign(state),
        words::state(&result.verdict)
    )?;
    if !terse {
        if result.flaky {
            html!(out, "<em>flaky</em>")?;
        }
        if let Some(rate) = result.rate.as_ref().filter(|rate| rate.passed < rate.of) {
            html!(out, "<em>{}/{}</em>", rate.passed, rate.of)?;
        }
        if !result.deviations().is_empty() {
            html!(out, "<em>deviates</em>")?;
        }
    }
    html!(out, "</a></td>")
}

/// One measure: its behaviour, name and unit, and each target's value.
struct MeasureRow<'a> {
    id: &'a str,
    name: &'a str,
    unit: &'a str,
    values: Vec<Option<Spread>>,
}

/// The same numbers of all targets beside each other.
fn measures(out: &mut dyn Write, view: &View<'_>) -> io::Result<()> {
    let columns = view.columns();
    let mut all = 0;
    let mut rows: Vec<MeasureRow<'_>> = Vec::new();
    for row in &view.rows {
        let mut by_name: BTreeMap<(&str, &str), Vec<Option<Spread>>> = BTreeMap::new();
        for (column, result) in row.cells.iter().enumerate().take(columns) {
            for ((name, unit), values) in result.map(values).unwrap_or_default() {
                by_name.entry((name, unit)).or_insert_with(|| (0..columns).map(|_| None).collect())[column] =
                    stats::spread(&values);
            }
        }
        all += by_name.len();
        if rows.len() < view.limits.rows {
            rows.extend(by_name.into_iter().map(|((name, unit), values)| MeasureRow {
                id: row.id,
                name,
                unit,
                values,
            }));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    html!(
        out,
        r#"<section id="measures" aria-labelledby="measures-title">
<h2 id="measures-title">Measures side by side</h2>
<p class="intro">Over several rounds the median, with the lowest and the highest value beneath.</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="measures-title"><table class="measures">
<thead><tr><th scope="col">Measure</th>"#
    )?;
    for target in &view.record.targets[..columns] {
        html!(out, "<th scope=\"col\" class=\"num\">{}</th>", target.name)?;
    }
    html!(out, "</tr></thead>\n<tbody>\n")?;
    let shown = rows.len();
    for row in rows {
        html!(out, "<tr><th scope=\"row\">{} <a href=\"#{}\">{}</a></th>", row.name, behavior_anchor(row.id), row.id)?;
        for value in row.values {
            match value {
                None => html!(out, "<td class=\"num none\">–</td>")?,
                Some(spread) => {
                    html!(out, "<td class=\"num\">{}", words::measure(spread.p50, row.unit))?;
                    if spread.count > 1 {
                        html!(out, "<small>{} … {}</small>", words::number(spread.min), words::number(spread.max))?;
                    }
                    html!(out, "</td>")?;
                }
            }
        }
        html!(out, "</tr>\n")?;
    }
    html!(out, "</tbody></table></div>\n")?;
    capped(out, all, shown, "measures", "The others are with their results.")?;
    html!(out, "</section>\n")
}

/// The measures of the last attempt of each round, by name and unit.
fn values(result: &BehaviorResult) -> BTreeMap<(&str, &str), Vec<f64>> {
    let mut by_name: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    let last_of_rounds = result
        .attempts
        .iter()
        .enumerate()
        .filter(|(index, attempt)| result.attempts.get(index + 1).is_none_or(|next| next.round != attempt.round));
    for (_, attempt) in last_of_rounds {
        for Measure { name, value, unit } in &attempt.judgement.measures {
            by_name.entry((name, unit)).or_default().push(*value);
        }
    }
    by_name
}
