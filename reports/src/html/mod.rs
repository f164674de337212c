//! The report that people read: one HTML file that needs nothing beside it.
//!
//! [`write()`] turns a [`Record`] into a page that opens from a disk, a mail or a CI artefact store: style and script are inside, no
//! request leaves it, and a content policy in its head makes sure of that. It reads well without script, without colour, on paper
//! and on a phone.
//!
//! The page follows its reader's questions. Does it conform, and where not (header, signature, what to mend); what works in another
//! way and what that costs (deviations); what was excused (waivers, flaky); everything at a glance (matrix, measures); what was tested
//! (targets); and at last each verdict with its reasons, down to the evidence (behaviours).
//!
//! Nothing is left out silently: wherever one of the [`Limits`] applies, the page says what is not shown and where it is.
//!
//! All markup goes through the `html!` macro, which escapes every argument that is not `Markup` itself.

mod attempts;
mod behaviors;
mod diff;
mod evidence;
mod findings;
mod frame;
mod markup;
mod matrix;
mod signature;
mod standing;
mod targets;
mod timing;
mod view;
mod words;

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Write},
};

use self::{evidence::Evidence, view::View};
use crate::Record;

/// Where the page finds the text of a piece of evidence.
pub trait EvidenceSource {
    /// The evidence with this SHA-256, as JSON laid out for reading; nothing if it is not there.
    fn get(&self, sha256: &str) -> Option<String>;

    /// The file that holds it, relative to the report, for the notes on evidence that is not embedded.
    fn file_name(&self, sha256: &str) -> String {
        format!("evidence/{sha256}.json")
    }
}

/// Evidence by its SHA-256.
impl EvidenceSource for BTreeMap<String, String> {
    fn get(&self, sha256: &str) -> Option<String> {
        BTreeMap::get(self, sha256).cloned()
    }
}

/// No evidence at hand: the page names the files instead.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvidence;

impl EvidenceSource for NoEvidence {
    fn get(&self, _sha256: &str) -> Option<String> {
        None
    }
}

/// How much of a large run the page shows. Whatever a limit leaves out is stated where it would have been.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of one piece of embedded evidence.
    pub evidence_item: usize,
    /// Bytes of all embedded evidence. Passes get half of it at most, so that they never crowd out a failure's.
    pub evidence_total: usize,
    /// Results other than passes that are shown in full.
    pub full_failures: usize,
    /// Passes that are shown in full, in a run that has no more than this many.
    pub full_passes: usize,
    /// Results that are shown as one line once the full ones are used up.
    pub lines: usize,
    /// Cells of the matrix. Above it, rows that pass on every target are folded, then rows are cut.
    pub matrix_cells: usize,
    /// Targets that tables show as columns.
    pub columns: usize,
    /// Rounds of one result that the strip shows.
    pub strip: usize,
    /// Attempts of one result that are shown with their own words and evidence.
    pub attempts: usize,
    /// Rows of each list of findings, deviations, waivers and measures.
    pub rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            evidence_item: 48 * 1024,
            evidence_total: 6 * 1024 * 1024,
            full_failures: 2_000,
            full_passes: 1_000,
            lines: 10_000,
            matrix_cells: 20_000,
            columns: 40,
            strip: 200,
            attempts: 12,
            rows: 300,
        }
    }
}

/// Writes the page for `record`, within the default [`Limits`].
pub fn write(record: &Record, evidence: &dyn EvidenceSource, out: &mut dyn Write) -> io::Result<()> {
    write_within(record, evidence, &Limits::default(), out)
}

/// Writes the page for `record` within `limits`.
pub fn write_within(
    record: &Record,
    evidence: &dyn EvidenceSource,
    limits: &Limits,
    out: &mut dyn Write,
) -> io::Result<()> {
    let view = View::new(record, limits);
    let mut evidence = Evidence::new(evidence, limits);
    let mut buffered = BufWriter::with_capacity(64 * 1024, out);
    let out: &mut dyn Write = &mut buffered;
    frame::open(out, &view)?;
    signature::write(out, &view)?;
    findings::write(out, &view)?;
    matrix::write(out, &view)?;
    targets::write(out, &view)?;
    behaviors::write(out, &view, &mut evidence)?;
    frame::close(out, &view)?;
    out.flush()
}
