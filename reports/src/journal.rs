//! Reads a run's journal (`events.jsonl`) back: one event a line, as far as a crash let it be written.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    Record, blocks,
    event::{Event, EventKind},
    fold::{FoldError, Folding},
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
    let mut events = Vec::new();
    let warnings = each_event(path, |event| events.push(event))?;
    Ok(Journal { events, warnings })
}

/// Hands every event of the journal at `path` to `take`, as [`read_journal`] reads them, and returns the warnings.
fn each_event(path: &Path, mut take: impl FnMut(Event)) -> Result<Vec<String>, JournalError> {
    let failed = |source| JournalError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut reading = Reading::default();
    let lines = |block: &[u8]| blocks::lines(block).map(Line::of).collect::<Vec<_>>();
    blocks::each(file, failed, lines, |lines| {
        for line in lines {
            let understood = reading.line(line);
            understood
                .map(|event| event.into_iter().for_each(&mut take))
                .map_err(|(line, source)| JournalError::Line { path: path.to_owned(), line, source })?;
        }
        Ok(())
    })?;
    reading.end().map_err(|(line, source)| JournalError::Line { path: path.to_owned(), line, source })
}

/// What a line says.
#[allow(clippy::large_enum_variant, reason = "nearly every line is an event")]
enum Line {
    /// Nothing.
    Blank,
    /// What happened.
    Event(Event),
    /// Something of a kind that this version does not know.
    Unknown(String),
    /// It cannot be understood; `whole` if it has its end.
    Garbled { source: serde_json::Error, whole: bool },
}

impl Line {
    fn of(text: &[u8]) -> Self {
        let whole = text.last() == Some(&b'\n');
        let text = text.trim_ascii();
        if text.is_empty() {
            return Self::Blank;
        }
        // Whether it is text is found out faster for the line than for every word in it.
        let parsed = std::str::from_utf8(text).map_or_else(|_| serde_json::from_slice(text), serde_json::from_str);
        match parsed {
            Ok(event) => Self::Event(event),
            Err(source) => match kind_of(text) {
                Some(kind) if !EventKind::IDS.contains(&kind.as_str()) => Self::Unknown(kind),
                _ => Self::Garbled { source, whole },
            },
        }
    }
}

/// A line that cannot be understood, by its number, and why.
type Garbled = (usize, serde_json::Error);

/// How far the reading of a journal is.
#[derive(Default)]
struct Reading {
    line: usize,
    warnings: Vec<String>,
    unknown: Vec<String>,
    /// A line that could not be understood, kept until what follows tells whether a crash tore it.
    torn: Option<Garbled>,
}

impl Reading {
    /// The event of the next line, if it is one.
    fn line(&mut self, line: Line) -> Result<Option<Event>, Garbled> {
        self.line += 1;
        if let Line::Blank = line {
            return Ok(None);
        }
        if let Some((at, source)) = self.torn.take() {
            match &line {
                Line::Event(Event { kind: EventKind::RunResumed { .. }, .. }) => self.warnings.push(torn_warning(at)),
                _ => return Err((at, source)),
            }
        }
        match line {
            Line::Event(event) => return Ok(Some(event)),
            Line::Unknown(kind) if !self.unknown.contains(&kind) => self.unknown.push(kind),
            Line::Garbled { whole: false, .. } => self.warnings.push(torn_warning(self.line)),
            Line::Garbled { source, .. } => self.torn = Some((self.line, source)),
            Line::Blank | Line::Unknown(_) => {}
        }
        Ok(None)
    }

    /// The warnings, once there are no more lines.
    fn end(mut self) -> Result<Vec<String>, Garbled> {
        if let Some(torn) = self.torn {
            return Err(torn);
        }
        if !self.unknown.is_empty() {
            let kinds = self.unknown.join(", ");
            let unknown = format!("events of unknown kinds were passed over: {kinds}; a later version wrote them");
            self.warnings.push(unknown);
        }
        Ok(self.warnings)
    }
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
        // Folded as they are read: the events of a large run take several times the memory of its record.
        let mut folding = Folding::default();
        let warnings = each_event(path, |event| folding.take(event))?;
        let mut record = folding.finish().map_err(|source| JournalError::Fold { path: path.to_owned(), source })?;
        record.warnings.extend(warnings);
        Ok(record)
    }
}
