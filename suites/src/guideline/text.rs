//! Behaviours as plain text, for a terminal.

use std::fmt::Write as _;

use super::model::{Behavior, Guideline};

/// Columns of a line of prose.
const WIDTH: usize = 100;

/// Columns before a section's text.
const INDENT: usize = 13;

/// Everything the guideline says of `behavior`, for someone who has to fix a target.
pub fn explain(guideline: &Guideline, behavior: &Behavior) -> String {
    let mut out = format!("{}\n", behavior.id);
    paragraph(&mut out, "  ", &behavior.title, 2);
    out.push('\n');
    section(&mut out, "Level", &format!("{}, {}", behavior.level, behavior.status));
    let step = behavior.step.and_then(|number| guideline.steps.iter().find(|step| step.step == number));
    match step {
        Some(step) => section(&mut out, "Step", &format!("{}: {}", step.step, step.title)),
        None => section(&mut out, "Step", "none: it goes beyond the eight steps"),
    }
    if !behavior.needs.is_empty() {
        let needs: Vec<_> = behavior.needs.iter().map(|need| need.id()).collect();
        section(&mut out, "Needs", &needs.join(", "));
    }
    section(&mut out, "Why", &behavior.why);
    section(&mut out, "Reference", &behavior.reference.behavior);
    section(&mut out, "", &behavior.reference.source);
    for (at, (name, value)) in behavior.expect.iter().enumerate() {
        section(&mut out, if at == 0 { "Parameters" } else { "" }, &format!("{name}: {}", plain(value)));
    }
    if !behavior.mutations.is_empty() {
        section(&mut out, "Catches", &behavior.mutations.join(", "));
    }
    if !behavior.alternatives.is_empty() {
        out.push_str("\nAccepted instead, and reported as a deviation:\n");
        for alternative in &behavior.alternatives {
            paragraph(&mut out, "  ", &format!("{}: {}", alternative.pattern, flat(&alternative.accepts)), 4);
            paragraph(&mut out, "    Effect: ", &alternative.effect, 6);
            paragraph(&mut out, "    Work-around: ", &alternative.work_around, 6);
        }
    }
    out
}

fn section(out: &mut String, name: &str, text: &str) {
    let lead = if name.is_empty() { " ".repeat(INDENT) } else { format!("{name:INDENT$}") };
    paragraph(out, &lead, text, INDENT);
}

/// Writes `text` after `lead`, filled to [`WIDTH`]; lines after the first are indented by `indent`.
fn paragraph(out: &mut String, lead: &str, text: &str, indent: usize) {
    let mut line = lead.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = " ".repeat(indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

/// `text` on one line.
pub(super) fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A parameter's value: text as it is, lists with commas, anything else as JSON.
pub(super) fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A table of behaviours, one a line: id, level, step, status, title.
pub fn list<'b>(behaviors: impl IntoIterator<Item = &'b Behavior>) -> String {
    let rows: Vec<[String; 5]> = behaviors
        .into_iter()
        .map(|behavior| {
            let step = behavior.step.map_or_else(|| "-".to_owned(), |step| step.to_string());
            let (level, status) = (behavior.level.to_string(), behavior.status.to_string());
            [behavior.id.clone(), level, step, status, flat(&behavior.title)]
        })
        .collect();
    let header = ["BEHAVIOUR", "LEVEL", "STEP", "STATUS", "REQUIREMENT"].map(str::to_owned);
    let width = |column: usize| {
        std::iter::once(&header).chain(&rows).map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2), width(3)];
    let mut out = String::new();
    for row in std::iter::once(&header).chain(&rows) {
        for (cell, width) in row.iter().zip(widths) {
            // Writing to a string can't fail.
            let _ = write!(out, "{cell:width$}  ");
        }
        out.push_str(&row[4]);
        out.push('\n');
    }
    out
}
