//! Evidence: what was observed, as structured data, stored under the hash of its content.
//!
//! The store is one append-only file of JSON lines. An append that a crash tore is ignored on the next opening, and a piece of
//! evidence whose content does not hash to its id is an error, so that a stranger can trust the bundle as far as the ids go.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

use levelfield_reports::{blocks, event::Stage};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use sha2::{Digest, Sha256};

use crate::hindrance::Hindrance;

/// The name of the store in its folder.
const FILE: &str = "observations.jsonl";

/// One observation of one behaviour at one stage. `S` is the form in which what was seen is at hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence<S = Value> {
    /// Behaviour id.
    pub behavior: String,
    /// The stage at which it was read.
    pub stage: Stage,
    /// What was seen, or what kept it from being seen.
    pub observed: Observed<S>,
}

/// What was seen, or why nothing was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observed<S = Value> {
    /// The behaviour's own typed evidence.
    Seen(S),
    /// What kept it from being seen.
    Hindered(Hindrance),
}

/// A behaviour's own evidence, in one of the forms in which it is at hand. Text is read without a detour over a value, which takes
/// twice as long.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// As it was observed.
    Value(&'a Value),
    /// As it is stored.
    Text(&'a RawValue),
}

impl<'a> From<&'a Value> for Seen<'a> {
    fn from(seen: &'a Value) -> Self {
        Self::Value(seen)
    }
}

impl<'a> From<&'a &RawValue> for Seen<'a> {
    fn from(seen: &'a &RawValue) -> Self {
        Self::Text(seen)
    }
}

impl Seen<'_> {
    /// Reads it as the evidence that it should be. Both forms of it read alike.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read<E: DeserializeOwned>(self) -> serde_json::Result<E> {
        match self {
            Self::Value(value) => E::deserialize(value),
            // What is wrong is said of the value, as it is while observing.
            Self::Text(text) => serde_json::from_str(text.get())
                .or_else(|_| E::deserialize(&serde_json::from_str::<Value>(text.get())?)),
        }
    }
}

/// A failure to keep or find evidence.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The file could not be read or written.
    #[error("cannot {action} evidence in {path}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A line's content does not belong to its id.
    #[error(
        "evidence {id} in {path} was altered: its content hashes to {actual}; no verdict can rest on it, use an untouched copy"
    )]
    Altered {
        /// The id claimed.
        id: String,
        /// The hash found.
        actual: String,
        /// The file.
        path: PathBuf,
    },
    /// A line is no evidence at all.
    #[error(
        "line {line} of the evidence in {path} was altered: it cannot be read; no verdict can rest on it, use an untouched copy"
    )]
    Garbled {
        /// The line, from 1.
        line: usize,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// No evidence of that id.
    #[error("no evidence {0} in the store")]
    Unknown(String),
}

impl EvidenceError {
    /// The same, for a line that has `lines` others before the first that was counted.
    fn further_down(mut self, lines: usize) -> Self {
        if let Self::Garbled { line, .. } = &mut self {
            *line += lines;
        }
        self
    }
}

#[derive(Deserialize)]
struct Line<S> {
    id: String,
    evidence: Evidence<S>,
}

/// The evidence of one run.
pub struct EvidenceStore {
    path: PathBuf,
    inner: Mutex<Inner>,
}

/// Where each piece's line begins and how long it is, by id.
type Index = HashMap<String, (u64, usize)>;

struct Inner {
    file: File,
    end: u64,
    index: Index,
}

impl EvidenceStore {
    /// Opens (or begins) the store in `folder`. A torn last line is cut off.
    pub fn open(folder: &Path) -> Result<Self, EvidenceError> {
        let path = folder.join(FILE);
        let io = |action| {
            let path = path.clone();
            move |source| EvidenceError::Io { action, path, source }
        };
        std::fs::create_dir_all(folder).map_err(io("create"))?;
        let file = OpenOptions::new().create(true).read(true).append(true).open(&path).map_err(io("open"))?;
        let (index, end) = index(&file).map_err(io("read"))?;
        file.set_len(end).map_err(io("mend"))?;
        Ok(Self { path, inner: Mutex::new(Inner { file, end, index }) })
    }

    /// Opens the store in `folder` for reading alone: nothing in it is touched, not even a line that is being written just now.
    pub fn read(folder: &Path) -> Result<Self, EvidenceError> {
        let path = folder.join(FILE);
        let io = |action| {
            let path = path.clone();
            move |source| EvidenceError::Io { action, path, source }
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            // A run that was killed at its very beginning has none.
            Err(e) if e.kind() == io::ErrorKind::NotFound => File::open("/dev/null").map_err(io("open"))?,
            Err(e) => return Err(io("open")(e)),
        };
        let (index, end) = index(&file).map_err(io("read"))?;
        Ok(Self { path, inner: Mutex::new(Inner { file, end, index }) })
    }

    /// Puts everything that was kept on stable storage.
    pub fn sync(&self) -> Result<(), EvidenceError> {
        let inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        inner.file.sync_data().map_err(|e| self.io("flush", e))
    }

    /// Keeps `evidence` and returns its id. The same content is kept once.
    pub fn put(&self, evidence: &Evidence) -> Result<String, EvidenceError> {
        // Keys are sorted by serde_json's map and struct order is fixed, so equal evidence has equal bytes.
        let content = serde_json::to_string(evidence).map_err(|e| self.io("write", io::Error::other(e)))?;
        let id = hash(content.as_bytes());
        let mut inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if inner.index.contains_key(&id) {
            return Ok(id);
        }
        let line = format!("{{\"id\":\"{id}\",\"evidence\":{content}}}\n");
        if let Err(error) = inner.file.write_all(line.as_bytes()) {
            // What a full disk took of it is no evidence, and the next piece must stand where the index says.
            let _ = inner.file.set_len(inner.end);
            return Err(self.io("write", error));
        }
        let start = inner.end;
        inner.end += line.len() as u64;
        inner.index.insert(id.clone(), (start, line.len()));
        Ok(id)
    }

    /// The evidence called `id`, checked against its hash.
    pub fn get(&self, id: &str) -> Result<Evidence, EvidenceError> {
        let mut inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (start, length) = *inner.index.get(id).ok_or_else(|| EvidenceError::Unknown(id.to_owned()))?;
        let mut line = vec![0; length];
        inner.file.seek(SeekFrom::Start(start)).map_err(|e| self.io("read", e))?;
        inner.file.read_exact(&mut line).map_err(|e| self.io("read", e))?;
        drop(inner);
        parse(&line, 0, &self.path).map(|(_, evidence)| evidence)
    }

    fn io(&self, action: &'static str, source: io::Error) -> EvidenceError {
        EvidenceError::Io { action, path: self.path.clone(), source }
    }
}

/// Reads every piece of evidence in `folder` in one pass, each checked against its hash, has `work` done on it, and hands what that
/// gives to `take`, in the order in which the pieces were kept. The work is done side by side, and no piece is kept after it.
///
/// What was seen stays the text that it is: whoever wants it reads it right into its type.
///
/// # Errors
/// When the file cannot be read, or for the first piece that was altered.
pub fn each<T: Send>(
    folder: &Path,
    work: impl Fn(&str, &Evidence<&RawValue>) -> T + Sync,
    mut take: impl FnMut(T),
) -> Result<(), EvidenceError> {
    let path = folder.join(FILE);
    let failed = |source| EvidenceError::Io { action: "read", path: path.clone(), source };
    let file = match File::open(&path) {
        Ok(file) => file,
        // A run that was killed at its very beginning has none.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(failed(e)),
    };
    let on_block = |block: &[u8]| {
        let mut done = Done { lines: 0, results: Vec::new(), failed: None };
        // What a crash left of a last line is no evidence.
        for line in blocks::lines(block).filter(|line| line.ends_with(b"\n")) {
            done.lines += 1;
            match parse(line, done.lines, &path) {
                Ok((id, evidence)) => done.results.push(work(&id, &evidence)),
                Err(error) => {
                    done.failed = Some(error);
                    break;
                }
            }
        }
        done
    };
    let mut lines = 0;
    blocks::each(file, failed, on_block, |done| {
        done.results.into_iter().for_each(&mut take);
        let before = lines;
        lines += done.lines;
        done.failed.map_or(Ok(()), |error| Err(error.further_down(before)))
    })
}

/// What became of a block of lines.
struct Done<T> {
    lines: usize,
    results: Vec<T>,
    failed: Option<EvidenceError>,
}

/// The evidence of a line and its id, checked against each other.
fn parse<'a, S: Deserialize<'a>>(
    line: &'a [u8],
    number: usize,
    path: &Path,
) -> Result<(String, Evidence<S>), EvidenceError> {
    let garbled = |source| EvidenceError::Garbled { line: number, path: path.to_owned(), source };
    // Whether it is text is found out faster for the line than for every word in it.
    let parsed = std::str::from_utf8(line).map_or_else(|_| serde_json::from_slice(line), serde_json::from_str);
    let parsed: Line<S> = parsed.map_err(garbled)?;
    // What is hashed is what is on the disk, not what a newer version of this program would write for it.
    let content = line
        .strip_prefix(br#"{"id":""#)
        .and_then(|rest| rest.strip_prefix(parsed.id.as_bytes()))
        .and_then(|rest| rest.strip_prefix(br#"","evidence":"#))
        .map(|rest| rest.strip_suffix(b"\n").unwrap_or(rest))
        .and_then(|rest| rest.strip_suffix(b"}"))
        .unwrap_or_default();
    let actual = hash(content);
    if actual == parsed.id {
        Ok((parsed.id, parsed.evidence))
    } else {
        Err(EvidenceError::Altered { id: parsed.id, actual, path: path.to_owned() })
    }
}

/// Where each whole line begins and how long it is, and where the last of them ends.
fn index(file: &File) -> io::Result<(Index, u64)> {
    let mut index = HashMap::new();
    let mut end = 0u64;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if read == 0 || line.last() != Some(&b'\n') {
            return Ok((index, end));
        }
        if let Some(id) = id_of(&line) {
            index.insert(id.to_owned(), (end, read));
        }
        end += read as u64;
    }
}

fn hash(content: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    Sha256::digest(content).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn id_of(line: &[u8]) -> Option<&str> {
    let rest = line.strip_prefix(br#"{"id":""#)?;
    std::str::from_utf8(rest.get(..64)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(n: u32) -> Evidence {
        Evidence {
            behavior: "login/key-accepted".to_owned(),
            stage: Stage::Delivered,
            observed: Observed::Seen(serde_json::json!({ "b": n, "a": [1, 2] })),
        }
    }

    fn ids(folder: &Path) -> Result<Vec<String>, EvidenceError> {
        let mut ids = Vec::new();
        each(folder, |id, _| id.to_owned(), |id| ids.push(id))?;
        Ok(ids)
    }

    #[test]
    fn what_is_put_comes_back_and_equal_content_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = EvidenceStore::open(folder.path()).unwrap();
        let id = store.put(&seen(1)).unwrap();
        assert_eq!(store.put(&seen(1)).unwrap(), id);
        assert_ne!(store.put(&seen(2)).unwrap(), id);
        assert_eq!(store.get(&id).unwrap(), seen(1));
        drop(store);
        let store = EvidenceStore::open(folder.path()).unwrap();
        assert_eq!(store.get(&id).unwrap(), seen(1));
        assert_eq!(ids(folder.path()).unwrap().len(), 2);
    }

    #[test]
    fn a_torn_line_is_cut_off_and_writing_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = EvidenceStore::open(folder.path()).unwrap();
        let id = store.put(&seen(1)).unwrap();
        drop(store);
        let path = folder.path().join("observations.jsonl");
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"id\":\"abc");
        std::fs::write(&path, text).unwrap();
        let store = EvidenceStore::open(folder.path()).unwrap();
        store.put(&seen(3)).unwrap();
        assert_eq!(ids(folder.path()).unwrap().len(), 2);
        assert_eq!(store.get(&id).unwrap(), seen(1));
    }

    #[test]
    fn altered_evidence_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = EvidenceStore::open(folder.path()).unwrap();
        let id = store.put(&seen(1)).unwrap();
        drop(store);
        let path = folder.path().join("observations.jsonl");
        let text = std::fs::read_to_string(&path).unwrap().replace("\"b\":1", "\"b\":7");
        std::fs::write(&path, text).unwrap();
        let store = EvidenceStore::open(folder.path()).unwrap();
        assert!(matches!(store.get(&id), Err(EvidenceError::Altered { .. })));
        assert!(matches!(ids(folder.path()), Err(EvidenceError::Altered { .. })));
    }
    #[test]
    fn a_large_store_is_read_in_order_and_a_garbled_line_is_named_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("observations.jsonl");
        let store = EvidenceStore::open(folder.path()).unwrap();
        // More than a block of lines.
        let put: Vec<String> = (0..12_000).map(|n| store.put(&seen(n)).unwrap()).collect();
        assert_eq!(ids(folder.path()).unwrap(), put);
        let mut lines: Vec<String> = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        lines[10_999].insert(0, ' ');
        lines[11_000] = "{}".to_owned();
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        assert!(matches!(ids(folder.path()), Err(EvidenceError::Altered { .. })));
        lines.remove(10_999);
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        assert!(matches!(ids(folder.path()), Err(EvidenceError::Garbled { line: 11_000, .. })));
    }
}
