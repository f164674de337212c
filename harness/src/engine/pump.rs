//! The pump: takes every event, stamps and redacts it, writes it to the journal, and hands it to whoever looks on.
//!
//! The journal is the truth, so it is written first. When it cannot be written any more (a full disk), the run is asked to stop: it
//! cleans up, and can then not be read as complete.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use levelfield_reports::{Event, EventKind, redact::Redactor};
use time::OffsetDateTime;
use tokio::{sync::mpsc::UnboundedReceiver, task::JoinHandle};

use super::interrupt::Interrupt;

/// Somebody who looks on: the terminal, a program that reads events.
pub trait Onlooker: Send {
    /// One thing that happened.
    fn see(&mut self, event: &Event);
}

/// A journal that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the journal {path}; nothing more was started, and what had been made was removed")]
pub struct JournalWriteError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// What the pump needs.
pub struct Pump {
    /// Events as they come.
    pub events: UnboundedReceiver<EventKind>,
    /// In front of everything that is written.
    pub redactor: Redactor,
    /// Milliseconds that the run had taken when an earlier process left it.
    pub already_ms: u64,
    /// Whom to ask to stop when the journal cannot be written.
    pub interrupt: Interrupt,
    /// Who looks on.
    pub onlookers: Vec<Box<dyn Onlooker>>,
}

impl Pump {
    /// Runs until every sender of events is gone.
    ///
    /// # Errors
    /// When the journal cannot be opened.
    pub fn start(self, journal: &Path) -> Result<JoinHandle<Result<(), JournalWriteError>>, JournalWriteError> {
        let failed = |action, source| JournalWriteError { action, path: journal.to_owned(), source };
        let mut file = OpenOptions::new().create(true).append(true).open(journal).map_err(|e| failed("open", e))?;
        // A torn last line of an earlier process must not swallow the next one.
        if std::fs::read(journal).is_ok_and(|text| text.last().is_some_and(|b| *b != b'\n')) {
            file.write_all(b"\n").map_err(|e| failed("mend", e))?;
        }
        let path = journal.to_owned();
        Ok(tokio::spawn(self.run(file, path)))
    }

    async fn run(mut self, mut file: File, path: PathBuf) -> Result<(), JournalWriteError> {
        let began = Instant::now();
        let mut broken = None;
        while let Some(kind) = self.events.recv().await {
            let elapsed_ms = self.already_ms + u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let event = Event { at: OffsetDateTime::now_utc(), elapsed_ms, kind };
            let Some(event) = self.redacted(event) else { continue };
            if broken.is_none()
                && let Err(source) = append(&mut file, &event)
            {
                self.interrupt.ask();
                broken = Some(JournalWriteError { action: "write", path: path.clone(), source });
            }
            for onlooker in &mut self.onlookers {
                onlooker.see(&event);
            }
        }
        match broken {
            None => file.sync_all().map_err(|source| JournalWriteError { action: "flush", path, source }),
            Some(error) => Err(error),
        }
    }

    fn redacted(&self, event: Event) -> Option<Event> {
        if self.redactor.is_empty() {
            return Some(event);
        }
        let mut value = serde_json::to_value(&event).ok()?;
        self.redactor.redact_json(&mut value);
        serde_json::from_value(value).ok()
    }
}

fn append(file: &mut File, event: &Event) -> io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    // One write a line: what kill -9 leaves is whole lines, and at worst one torn one.
    file.write_all(&line)
}
