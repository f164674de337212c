//! Expected against observed, line by line, with the words that differ set off.

use std::{
    io::{self, Write},
    time::Duration,
};

use similar::{ChangeTag, DiffOp, DiffTag, TextDiff};

use super::{frame::capped, markup::html};
use crate::verdict::Difference;

/// Bytes of each text that are compared.
const BYTES: usize = 32 * 1024;
/// Lines that are shown.
const LINES: usize = 200;
/// Unchanged lines around a change.
const CONTEXT: usize = 3;
/// Comparing gives up on finding the shortest way after this long; what it shows is right all the same.
const PATIENCE: Duration = Duration::from_millis(20);

/// Writes the comparison.
pub(super) fn write(out: &mut dyn Write, difference: &Difference) -> io::Result<()> {
    let (expected, observed) = (head(&difference.expected), head(&difference.observed));
    html!(
        out,
        "<figure class=\"diff\"><figcaption><del>− expected</del> <ins>+ observed</ins></figcaption><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Expected and observed\"><table>\n"
    )?;
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(expected, observed);
    let mut lines = Lines { shown: 0, all: 0 };
    for (index, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            lines.write(out, "gap", "⋯", |_| Ok(()))?;
        }
        for op in group {
            block(out, &diff, op, &mut lines)?;
        }
    }
    if lines.all == 0 {
        lines.write(out, "same", " ", |out| html!(out, "The two are the same."))?;
    }
    html!(out, "</table></div></figure>\n")?;
    capped(out, lines.all, lines.shown, "lines", "The evidence has the rest.")?;
    if expected.len() < difference.expected.len() || observed.len() < difference.observed.len() {
        html!(out, "<p class=\"capped\">Only the first {} KiB of each text are compared here.</p>\n", BYTES / 1024)?;
    }
    Ok(())
}

/// The beginning of a text, cut between characters.
fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(BYTES)]
}

/// Counts the lines as they are written, and stops writing at the limit.
struct Lines {
    shown: usize,
    all: usize,
}

impl Lines {
    fn write(
        &mut self,
        out: &mut dyn Write,
        class: &str,
        sign: &str,
        text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        self.all += 1;
        if self.shown == LINES {
            return Ok(());
        }
        self.shown += 1;
        html!(out, "<tr class=\"{}\"><td>{}</td><td>", class, sign)?;
        text(out)?;
        html!(out, "</td></tr>\n")
    }
}

fn block(out: &mut dyn Write, diff: &TextDiff<'_, '_, str>, op: &DiffOp, lines: &mut Lines) -> io::Result<()> {
    if op.tag() == DiffTag::Replace {
        let old: String = op.old_range().filter_map(|index| diff.old_slice(index)).collect();
        let new: String = op.new_range().filter_map(|index| diff.new_slice(index)).collect();
        let words = TextDiff::configure().timeout(PATIENCE).diff_words(old.as_str(), new.as_str());
        side(out, &words, ChangeTag::Delete, lines)?;
        return side(out, &words, ChangeTag::Insert, lines);
    }
    for change in diff.iter_changes(op) {
        let (class, sign) = match change.tag() {
            ChangeTag::Equal => ("same", " "),
            ChangeTag::Delete => ("expected", "−"),
            ChangeTag::Insert => ("observed", "+"),
        };
        lines.write(out, class, sign, |out| html!(out, "{}", change.value().trim_end_matches('\n')))?;
    }
    Ok(())
}

/// One side of a replaced block: its lines, the words that only it has set off.
fn side(out: &mut dyn Write, words: &TextDiff<'_, '_, str>, side: ChangeTag, lines: &mut Lines) -> io::Result<()> {
    let (class, sign) = if side == ChangeTag::Delete { ("expected", "−") } else { ("observed", "+") };
    let mut line: Vec<(bool, &str)> = Vec::new();
    let mut emit =
        |line: &mut Vec<(bool, &str)>| {
            let parts = std::mem::take(line);
            lines.write(out, class, sign, |out| {
                parts.iter().try_for_each(|(differs, text)| {
                    if *differs { html!(out, "<em>{}</em>", *text) } else { html!(out, "{}", *text) }
                })
            })
        };
    for change in words.iter_all_changes().filter(|change| change.tag() == side || change.tag() == ChangeTag::Equal) {
        let differs = change.tag() == side;
        for piece in change.value().split_inclusive('\n') {
            let text = piece.trim_end_matches('\n');
            if !text.is_empty() {
                line.push((differs, text));
            }
            if piece.ends_with('\n') {
                emit(&mut line)?;
            }
        }
    }
    if line.is_empty() { Ok(()) } else { emit(&mut line) }
}
