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
#[error(
    "cannot {action} the journal {path}; nothing more was started, and what had been made was removed as far as the target let it: \
     `levelfield reap --run {}` makes sure",
    folder(path)
)]
pub struct JournalWriteError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn folder(journal: &Path) -> std::path::Display<'_> {
    journal.parent().unwrap_or(journal).display()
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
    /// Writes `first` to stable storage, then runs until every sender of events is gone. Nothing may be made on a target before the
    /// journal says on whose account.
    ///
    /// # Errors
    /// When the journal cannot be opened or `first` cannot be written.
    pub fn start(
        mut self,
        journal: &Path,
        first: EventKind,
    ) -> Result<JoinHandle<Result<(), JournalWriteError>>, JournalWriteError> {
        let failed = |action| move |source| JournalWriteError { action, path: journal.to_owned(), source };
        let mut file = OpenOptions::new().create(true).append(true).open(journal).map_err(failed("open"))?;
        mend(journal, &mut file).map_err(failed("mend"))?;
        let began = Instant::now();
        self.take(&mut file, began, first).and_then(|()| file.sync_data()).map_err(failed("begin"))?;
        let path = journal.to_owned();
        // On a thread of its own: a behaviour that computes for a second must not hold up the journal.
        Ok(tokio::task::spawn_blocking(move || self.run(file, path, began)))
    }

    fn run(mut self, mut file: File, path: PathBuf, began: Instant) -> Result<(), JournalWriteError> {
        let mut broken = None;
        while let Some(kind) = self.events.blocking_recv() {
            // Behind a line that is missing, none may follow: the journal would tell another story.
            if broken.is_none()
                && let Err(source) = self.take(&mut file, began, kind)
            {
                self.interrupt.ask();
                broken = Some(JournalWriteError { action: "write", path: path.clone(), source });
            }
        }
        match broken {
            None => file.sync_all().map_err(|source| JournalWriteError { action: "flush", path, source }),
            Some(error) => Err(error),
        }
    }

    /// Stamps, redacts and writes one event, and shows it.
    fn take(&mut self, file: &mut File, began: Instant, kind: EventKind) -> io::Result<()> {
        let elapsed_ms = self.already_ms + u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let event = self.redacted(Event { at: OffsetDateTime::now_utc(), elapsed_ms, kind })?;
        append(file, &event)?;
        for onlooker in &mut self.onlookers {
            onlooker.see(&event);
        }
        Ok(())
    }

    fn redacted(&self, event: Event) -> io::Result<Event> {
        if self.redactor.is_empty() {
            return Ok(event);
        }
        let mut value = serde_json::to_value(&event)?;
        self.redactor.redact_json(&mut value);
        serde_json::from_value(value).map_err(|_| {
            io::Error::other(format!(
                "a secret of the configuration is a word that `{}` events need; use a longer one",
                event.kind.id()
            ))
        })
    }
}

/// Cuts off what a crash or a full disk left of a last line; one that is whole but for its end is ended.
fn mend(path: &Path, file: &mut File) -> io::Result<()> {
    let text = std::fs::read(path)?;
    let end = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    match &text[end..] {
        [] => Ok(()),
        last if serde_json::from_slice::<Event>(last).is_ok() => file.write_all(b"\n"),
        _ => file.set_len(end as u64),
    }
}

fn append(file: &mut File, event: &Event) -> io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    // One write a line: what kill -9 leaves is whole lines, and at worst one torn one.
    file.write_all(&line)
}
