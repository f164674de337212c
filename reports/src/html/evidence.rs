//! Evidence within the page: embedded once, closed, up to a limit; beyond it the file that holds it is named.

use std::{
    collections::HashSet,
    io::{self, Write},
};

use super::{
    EvidenceSource, Limits,
    markup::{anchor, html},
    words,
};
use crate::record::Reading;

/// The source with what the page has already taken from it.
pub(super) struct Evidence<'a> {
    source: &'a dyn EvidenceSource,
    embedded: HashSet<String>,
    item: usize,
    left: usize,
    left_for_passes: usize,
}

impl<'a> Evidence<'a> {
    pub(super) fn new(source: &'a dyn EvidenceSource, limits: &Limits) -> Self {
        Self {
            source,
            embedded: HashSet::new(),
            item: limits.evidence_item,
            left: limits.evidence_total,
            left_for_passes: limits.evidence_total / 2,
        }
    }

    /// Writes one reading, for an attempt that is a pass or is not.
    pub(super) fn write(&mut self, out: &mut dyn Write, reading: &Reading, pass: bool) -> io::Result<()> {
        let hash = reading.evidence.as_str();
        if self.embedded.contains(hash) {
            return html!(
                out,
                "<p class=\"evidence\"><b>{}</b> the same evidence as <a href=\"#{}\"><code>{}</code></a></p>\n",
                reading.stage.id(),
                anchor(&["evidence", hash]),
                words::short(hash)
            );
        }
        let budget = if pass { self.left.min(self.left_for_passes) } else { self.left };
        if budget == 0 {
            return self.name(out, reading, "not embedded, the page is full");
        }
        let Some(text) = self.source.get(hash) else {
            return self.name(out, reading, "not embedded");
        };
        if text.len() > self.item {
            let size = format!("not embedded, {} KiB", words::grouped(text.len() as u64 / 1024));
            return self.name(out, reading, &size);
        }
        if text.len() > budget {
            return self.name(out, reading, "not embedded, the page is full");
        }
        self.left -= text.len();
        if pass {
            self.left_for_passes -= text.len();
        }
        self.embedded.insert(hash.to_owned());
        html!(
            out,
            "<details class=\"evidence\" id=\"{}\"><summary><b>{}</b> evidence <code title=\"{}\">{}</code></summary><pre tabindex=\"0\">{}</pre></details>\n",
            anchor(&["evidence", hash]),
            reading.stage.id(),
            hash,
            words::short(hash),
            text
        )
    }

    fn name(&self, out: &mut dyn Write, reading: &Reading, why: &str) -> io::Result<()> {
        html!(
            out,
            "<p class=\"evidence\"><b>{}</b> evidence in <code>{}</code> ({})</p>\n",
            reading.stage.id(),
            self.source.file_name(&reading.evidence),
            why
        )
    }
}
