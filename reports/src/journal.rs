//! Reads a run's journal (`events.jsonl`) back: one event a line, as far as a crash let it be written.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    Record,
    event::{Event, EventKind},
    fold::FoldError,
};

/// What a journal holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// The events, in the order in which they were written.
    pub events: Vec<Event>,
    /// What was passed over in reading: a torn line, kinds of a later version.
    pub warnings: Vec<String>,
}

/// Why a journal, or the record in it, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file could not be opened or read.
    #[error("reading the journal {}: {source}; name the run's folder, which holds `events.jsonl`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line that is not the last cannot be understood.
    #[error(
        "reading the journal {}, line {line}: {source}; the file was changed, or a later version of levelfield wrote it",
        path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The events make no record.
    #[error("making a record of the journal {}: {source}", path.display())]
    Fold {
        /// The file.
        path: PathBuf,
        /// Why.
        source: FoldError,
    },
}

/// Reads the journal at `path`.
///
/// A crash may tear the last line: it is passed over with a warning, also when a resumed run wrote on behind it. Events of kinds
/// that this version does not know are passed over with a warning.
///
/// # Errors
/// When the file cannot be read, or another line cannot be understood.
pub fn read_journal(path: &Path) -> Result<Journal, JournalError> {
    let failed = |source| JournalError::Read { path: path.to_owned(), source };
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?);
    let mut journal = Journal { events: Vec::new(), warnings: Vec::new() };
    let mut unknown: Vec<String> = Vec::new();
    // A line that could not be understood, kept until what follows tells whether a crash tore it.
    let mut torn: Option<(usize, serde_json::Error)> = None;
    let mut buffer = Vec::new();
    let mut line = 0;
    loop {
        buffer.clear();
        if reader.read_until(b'\n', &mut buffer).map_err(failed)? == 0 {
            break;
        }
        line += 1;
        let whole = buffer.last() == Some(&b'\n');
        let text = buffer.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let parsed = match serde_json::from_slice::<Event>(text) {
            Ok(event) => Ok(Some(event)),
            Err(error) => match kind_of(text) {
                Some(kind) if !EventKind::IDS.contains(&kind.as_str()) => {
                    if !unknown.contains(&kind) {
                        unknown.push(kind);
                    }
                    Ok(None)
                }
                _ => Err(error),
            },
        };
        if let Some((at, source)) = torn.take() {
            match &parsed {
                Ok(Some(Event { kind: EventKind::RunResumed { .. }, .. })) => journal.warnings.push(torn_warning(at)),
                _ => return Err(JournalError::Line { path: path.to_owned(), line: at, source }),
            }
        }
        match parsed {
            Ok(Some(event)) => journal.events.push(event),
            Ok(None) => {}
            Err(_) if !whole => journal.warnings.push(torn_warning(line)),
            Err(source) => torn = Some((line, source)),
        }
    }
    if let Some((line, source)) = torn {
        return Err(JournalError::Line { path: path.to_owned(), line, source });
    }
    if !unknown.is_empty() {
        let kinds = unknown.join(", ");
        journal.warnings.push(format!("events of unknown kinds were passed over: {kinds}; a later version wrote them"));
    }
    Ok(journal)
}

fn torn_warning(line: usize) -> String {
    format!("line {line} of the journal is torn and was passed over: the run was cut off while writing it")
}

/// The kind that a line states, if it is an event at all.
fn kind_of(text: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Shape {
        kind: Kind,
    }
    #[derive(Deserialize)]
    struct Kind {
        event: String,
    }
    serde_json::from_slice::<Shape>(text).ok().map(|shape| shape.kind.event)
}

impl Record {
    /// The record of the run whose journal is at `path`. What was passed over in reading is among its warnings.
    ///
    /// # Errors
    /// When the journal cannot be read, or makes no record.
    pub fn from_journal(path: &Path) -> Result<Self, JournalError> {
        let journal = read_journal(path)?;
        let mut record =
            Self::from_events(journal.events).map_err(|source| JournalError::Fold { path: path.to_owned(), source })?;
        record.warnings.extend(journal.warnings);
        Ok(record)
    }
}
