//! The record, turned so that a page can be written from it: behaviours as rows, targets as columns.

use std::collections::HashMap;

use super::{
    Limits,
    markup::anchor,
    standing::{Standing, Tally},
};
use crate::{
    event::BehaviorInfo,
    overall::{Conformance, Overall, conformance},
    record::{BehaviorResult, Record},
    verdict::Verdict,
};

/// Everything that the sections of the page share.
pub(super) struct View<'a> {
    pub(super) record: &'a Record,
    pub(super) limits: &'a Limits,
    /// Behaviours in the guideline's order, a suite's together.
    pub(super) rows: Vec<Row<'a>>,
    /// One for each target.
    pub(super) tallies: Vec<Tally>,
    pub(super) overall: Overall,
}

/// A behaviour on all targets.
pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    pub(super) suite: &'a str,
    pub(super) info: Option<&'a BehaviorInfo>,
    /// One for each target; nothing where the behaviour is not in the target's manifest.
    pub(super) cells: Vec<Option<&'a BehaviorResult>>,
    /// How much of each cell the page shows.
    pub(super) shapes: Vec<Shape>,
}

/// How much of a result the page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// With its reasons and evidence.
    Full,
    /// As one line.
    Line,
    /// Not beyond the matrix and the counts, for which its behaviour has a note.
    Counted,
}

impl<'a> View<'a> {
    pub(super) fn new(record: &'a Record, limits: &'a Limits) -> Self {
        let mut rows: Vec<Row<'a>> = Vec::with_capacity(record.behaviors.len());
        let mut suites: HashMap<&str, usize> = HashMap::new();
        let mut index: HashMap<&str, usize> = HashMap::with_capacity(record.behaviors.len());
        let mut row_of = |id: &'a str, rows: &mut Vec<Row<'a>>| {
            *index.entry(id).or_insert_with(|| {
                let suite = id.split_once('/').map_or("", |(suite, _)| suite);
                let next = suites.len();
                suites.entry(suite).or_insert(next);
                let info = record.behaviors.get(id);
                let targets = record.targets.len();
                rows.push(Row { id, suite, info, cells: vec![None; targets], shapes: vec![Shape::Counted; targets] });
                rows.len() - 1
            })
        };
        for (column, target) in record.targets.iter().enumerate() {
            for result in &target.results {
                let row = row_of(&result.id, &mut rows);
                rows[row].cells[column] = Some(result);
            }
        }
        for id in record.behaviors.keys() {
            row_of(id, &mut rows);
        }
        rows.sort_by_key(|row| suites.get(row.suite).copied());
        shape(&mut rows, limits);
        Self {
            record,
            limits,
            rows,
            tallies: record.targets.iter().map(Tally::of).collect(),
            overall: Overall::of(record, None),
        }
    }

    /// All targets together.
    pub(super) fn tally(&self) -> Tally {
        self.tallies.iter().copied().fold(Tally::default(), Tally::and)
    }

    /// What the run may be called.
    pub(super) fn standing(&self) -> Standing {
        self.standing_as(self.overall.conformance)
    }

    /// What one target may be called.
    pub(super) fn standing_of(&self, target: usize) -> Standing {
        self.standing_as(conformance(self.record, &self.record.targets[target]))
    }

    fn standing_as(&self, conformance: Conformance) -> Standing {
        Standing { conformance, sealed: self.overall.sealed, whole: self.overall.whole }
    }

    /// How many targets tables show as columns.
    pub(super) fn columns(&self) -> usize {
        self.record.targets.len().min(self.limits.columns)
    }

    /// The note on targets that tables do not show, if there are any.
    pub(super) fn columns_note(&self) -> Option<String> {
        let hidden = self.record.targets.len() - self.columns();
        (hidden > 0).then(|| {
            format!(
                "{} of {} targets are shown here as columns; {hidden} more are under “Targets” and “Behaviours”.",
                self.columns(),
                self.record.targets.len()
            )
        })
    }

    /// Every result with its row and its target's number, behaviour by behaviour.
    pub(super) fn results(&self) -> impl Iterator<Item = (&Row<'a>, usize, &'a BehaviorResult)> {
        self.rows.iter().flat_map(|row| {
            row.cells.iter().enumerate().filter_map(move |(target, cell)| cell.map(|result| (row, target, result)))
        })
    }

    /// The anchor of the result of `row` on a target, or of its behaviour where the page only counts it.
    pub(super) fn link(&self, row: &Row<'_>, target: usize) -> String {
        match row.shapes[target] {
            Shape::Counted => behavior_anchor(row.id),
            Shape::Full | Shape::Line => result_anchor(&self.record.targets[target].name, row.id),
        }
    }
}

/// Decides how much of each result is shown: what is not a pass comes first.
fn shape(rows: &mut [Row<'_>], limits: &Limits) {
    let passes = rows.iter().flat_map(|row| row.cells.iter().flatten()).filter(|result| is_quiet(result)).count();
    let (mut failures, mut lines) = (limits.full_failures, limits.lines);
    for quiet in [false, true] {
        for row in &mut *rows {
            for (cell, shape) in row.cells.iter().zip(&mut row.shapes) {
                if !cell.is_some_and(|result| is_quiet(result) == quiet) {
                    continue;
                }
                if quiet && passes <= limits.full_passes {
                    *shape = Shape::Full;
                } else if !quiet && failures > 0 {
                    failures -= 1;
                    *shape = Shape::Full;
                } else if lines > 0 {
                    lines -= 1;
                    *shape = Shape::Line;
                }
            }
        }
    }
}

/// Whether a result is a plain pass, with nothing that a reader must see.
pub(super) fn is_quiet(result: &BehaviorResult) -> bool {
    matches!(result.verdict, Verdict::Pass) && !result.flaky && result.stale_waiver.is_none()
}

impl Row<'_> {
    /// The requirement.
    pub(super) fn title(&self) -> &str {
        self.info.map_or("The guideline's text is not in this record.", |info| info.title.as_str())
    }

    /// Whether it is a plain pass wherever it is in the manifest.
    pub(super) fn passes_everywhere(&self) -> bool {
        let mut cells = self.cells.iter().flatten().peekable();
        cells.peek().is_some() && cells.all(|result| is_quiet(result))
    }
}

/// The anchor of a behaviour.
pub(super) fn behavior_anchor(id: &str) -> String {
    anchor(&["behaviour", id])
}

/// The anchor of a deviation's pattern.
pub(super) fn deviation_anchor(pattern: &str) -> String {
    anchor(&["deviation", pattern])
}

/// The anchor of a target.
pub(super) fn target_anchor(name: &str) -> String {
    anchor(&["target", name])
}

/// The anchor of a result.
pub(super) fn result_anchor(target: &str, id: &str) -> String {
    anchor(&["result", target, id])
}
