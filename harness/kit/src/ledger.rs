//! The ledger: everything a run makes on its targets, written down before it is made.
//!
//! An entry begins with an intent and ends with a deletion, or with the certainty that nothing came to be. Whatever is killed in
//! between leaves an open entry, and `reap` finds the resource by the entry's tag. Entries are on stable storage before the call that
//! creates; intents that come together share one flush.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use levelfield_provider::{Kind, ResourceRef};
use levelfield_reports::redact::Redactor;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The entry that the line belongs to, counted from 1.
    pub entry: u64,
    /// When it was written, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What is recorded.
    #[serde(flatten)]
    pub step: Step,
}

/// A step in the life of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Something is about to be made.
    Intend {
        /// On which target.
        target: String,
        /// Of which kind.
        kind: Kind,
        /// Under which name.
        name: String,
        /// When anyone may reap it: seconds since the epoch, UTC.
        expires: i64,
    },
    /// It exists, under the target's id.
    Created {
        /// The target's id.
        id: String,
    },
    /// It certainly does not exist: the target refused, and said so.
    Refused,
    /// It may exist: the call broke off.
    Unknown {
        /// What came back.
        why: String,
    },
    /// It is gone, as the target confirmed.
    Deleted,
}

/// What is known of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counted from 1.
    pub number: u64,
    /// On which target.
    pub target: String,
    /// Of which kind.
    pub kind: Kind,
    /// Under which name.
    pub name: String,
    /// When anyone may reap it: seconds since the epoch, UTC.
    pub expires: i64,
    /// The target's id, once known.
    pub id: Option<String>,
    /// Whether it may still exist.
    pub open: bool,
}

impl Entry {
    /// The resource, once its id is known.
    pub fn resource(&self) -> Option<ResourceRef> {
        self.id.as_ref().map(|id| ResourceRef::new(self.kind, id))
    }
}

/// A failure to keep or read a ledger. A run that cannot write its ledger creates nothing.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the ledger {path}; nothing is created that it does not hold")]
pub struct LedgerError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// What the writer is asked: a line to write, or nothing but an answer once everything before is written.
type Order = (Option<Line>, oneshot::Sender<io::Result<()>>);

/// The ledger of one run, open for writing.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    next: AtomicU64,
    redactor: Redactor,
    /// Cancelled when a line cannot be written, before whoever wrote it is told.
    stops: Arc<OnceLock<CancellationToken>>,
    writer: mpsc::UnboundedSender<Order>,
}

impl Ledger {
    /// Opens (or begins) the ledger at `path`. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the file cannot be read or opened for appending.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let wrap = |action| move |source| LedgerError { action, path: path.to_owned(), source };
        // Numbers of lines that were lost may be used again, numbers that were read never.
        let known = if path.exists() { read(path)?.keys().next_back().copied().unwrap_or(0) } else { 0 };
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(wrap("open"))?;
        mend(path, &mut file).map_err(wrap("mend"))?;
        let (writer, lines) = mpsc::unbounded_channel();
        let stops = Arc::new(OnceLock::new());
        tokio::task::spawn_blocking({
            let stops = Arc::clone(&stops);
            move || write_all(file, lines, &stops)
        });
        Ok(Self {
            path: path.to_owned(),
            next: AtomicU64::new(known + 1),
            redactor: Redactor::default(),
            stops,
            writer,
        })
    }

    /// The same ledger, in which what came back from a target is written without secrets.
    #[must_use]
    pub fn redacted_by(self, redactor: Redactor) -> Self {
        Self { redactor, ..self }
    }

    /// Has `run` cancelled when a line cannot be written: a run without a ledger must end.
    #[must_use]
    pub fn stopping(self, run: CancellationToken) -> Self {
        // Set once: a ledger belongs to one run.
        let _ = self.stops.set(run);
        self
    }

    /// Every entry so far, by number; also those whose writer did not wait for them to be written.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn entries(&self) -> Result<BTreeMap<u64, Entry>, LedgerError> {
        self.order(None).await?;
        read(&self.path)
    }

    /// Writes down that something is about to be made, and returns the entry's number once that is on stable storage.
    ///
    /// # Errors
    /// When the line could not be written: nothing may be created then.
    pub async fn intend(&self, target: &str, kind: Kind, name: &str, expires: i64) -> Result<u64, LedgerError> {
        let entry = self.next.fetch_add(1, Ordering::Relaxed);
        let step = Step::Intend { target: target.to_owned(), kind, name: name.to_owned(), expires };
        self.write(entry, step).await?;
        Ok(entry)
    }

    /// Writes down what became of an entry.
    ///
    /// # Errors
    /// When the line could not be written.
    pub async fn record(&self, entry: u64, step: Step) -> Result<(), LedgerError> {
        self.write(entry, step).await
    }

    async fn write(&self, entry: u64, step: Step) -> Result<(), LedgerError> {
        let step = match step {
            Step::Unknown { why } => Step::Unknown { why: self.redactor.redact(&why).into_owned() },
            other => other,
        };
        self.order(Some(Line { entry, at: OffsetDateTime::now_utc(), step })).await
    }

    async fn order(&self, line: Option<Line>) -> Result<(), LedgerError> {
        let (done, result) = oneshot::channel();
        let gone = || io::Error::other("its writer ended");
        let outcome = match self.writer.send((line, done)) {
            Ok(()) => result.await.unwrap_or_else(|_| Err(gone())),
            Err(_) => Err(gone()),
        };
        outcome.map_err(|source| LedgerError { action: "write", path: self.path.clone(), source })
    }
}

/// Writes lines as they come; those that wait together share one flush to stable storage.
fn write_all(mut file: File, mut lines: mpsc::UnboundedReceiver<Order>, stops: &OnceLock<CancellationToken>) {
    let mut torn = false;
    while let Some(first) = lines.blocking_recv() {
        let mut batch = vec![first];
        while let Ok(next) = lines.try_recv() {
            batch.push(next);
        }
        let mut text = Vec::new();
        for line in batch.iter().filter_map(|(line, _)| line.as_ref()) {
            if serde_json::to_writer(&mut text, line).is_ok() {
                text.push(b'\n');
            }
        }
        let mut outcome = Ok(());
        if !text.is_empty() {
            // What a failed write left of a line must not swallow the next one.
            if torn {
                text.insert(0, b'\n');
            }
            outcome = file.write_all(&text).and_then(|()| file.sync_data());
            torn = outcome.is_err();
        }
        if let (Err(_), Some(run)) = (&outcome, stops.get()) {
            run.cancel();
        }
        for (_, done) in batch {
            let copy = outcome.as_ref().map(|&()| ()).map_err(|e| io::Error::new(e.kind(), e.to_string()));
            let _ = done.send(copy);
        }
    }
}

/// Ends a torn last line, so that the next one stands alone.
fn mend(path: &Path, file: &mut File) -> io::Result<()> {
    let text = std::fs::read(path)?;
    if !text.is_empty() && text.last() != Some(&b'\n') {
        file.write_all(b"\n")?;
    }
    Ok(())
}

/// Reads a ledger: every entry, by number. Lines that a crash tore are passed over, because the write that tore was never
/// acknowledged and so nothing was done on its account.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path) -> Result<BTreeMap<u64, Entry>, LedgerError> {
    let wrap = |source| LedgerError { action: "read", path: path.to_owned(), source };
    let mut entries = BTreeMap::new();
    for line in BufReader::new(File::open(path).map_err(wrap)?).split(b'\n') {
        let Ok(line) = serde_json::from_slice::<Line>(&line.map_err(wrap)?) else { continue };
        apply(&mut entries, line);
    }
    Ok(entries)
}

fn apply(entries: &mut BTreeMap<u64, Entry>, line: Line) {
    match line.step {
        Step::Intend { target, kind, name, expires } => {
            let entry = Entry { number: line.entry, target, kind, name, expires, id: None, open: true };
            entries.insert(line.entry, entry);
        }
        step => {
            let Some(entry) = entries.get_mut(&line.entry) else { return };
            match step {
                // Also where it was taken for gone before.
                Step::Created { id } => (entry.id, entry.open) = (Some(id), true),
                Step::Refused | Step::Deleted => entry.open = false,
                Step::Unknown { .. } | Step::Intend { .. } => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn entries_stay_open_until_deleted_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let ledger = Ledger::open(&path).unwrap();
        let mut numbers = Vec::new();
        for name in ["made", "gone", "refused", "unknown"] {
            numbers.push(ledger.intend("t", Kind::Node, name, 9).await.unwrap());
        }
        ledger.record(numbers[0], Step::Created { id: "i-1".to_owned() }).await.unwrap();
        ledger.record(numbers[1], Step::Created { id: "i-2".to_owned() }).await.unwrap();
        ledger.record(numbers[1], Step::Deleted).await.unwrap();
        ledger.record(numbers[2], Step::Refused).await.unwrap();
        ledger.record(numbers[3], Step::Unknown { why: "reset".to_owned() }).await.unwrap();

        let open: Vec<_> = read(&path).unwrap().into_values().filter(|e| e.open).map(|e| (e.name, e.id)).collect();
        assert_eq!(open, [("made".to_owned(), Some("i-1".to_owned())), ("unknown".to_owned(), None)]);
    }

    #[tokio::test]
    async fn a_number_is_never_given_twice_although_a_line_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let ledger = Ledger::open(&path).unwrap();
        for name in ["a", "b", "c"] {
            ledger.intend("t", Kind::Node, name, 9).await.unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains("\"entry\":2,")).collect();
        std::fs::write(&path, kept.join("\n") + "\n").unwrap();
        assert_eq!(Ledger::open(&path).unwrap().intend("t", Kind::Node, "d", 9).await.unwrap(), 4);
    }

    #[tokio::test]
    async fn what_a_target_said_is_written_without_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let ledger = Ledger::open(&path).unwrap().redacted_by(Redactor::new([("token", "hunter2hunter2")]));
        let entry = ledger.intend("t", Kind::Node, "a", 9).await.unwrap();
        ledger.record(entry, Step::Unknown { why: "bad token hunter2hunter2".to_owned() }).await.unwrap();
        assert!(!std::fs::read_to_string(&path).unwrap().contains("hunter2"));
    }

    #[tokio::test]
    async fn a_ledger_goes_on_where_a_crash_tore_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let first = Ledger::open(&path).unwrap().intend("t", Kind::KeyPair, "a", 9).await.unwrap();
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"entry\":2,\"at\":\"20");
        std::fs::write(&path, text).unwrap();
        let second = Ledger::open(&path).unwrap().intend("t", Kind::KeyPair, "b", 9).await.unwrap();
        assert_eq!((first, second), (1, 2));
        assert_eq!(read(&path).unwrap().len(), 2);
    }
}
