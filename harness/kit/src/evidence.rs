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

use levelfield_reports::event::Stage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::hindrance::Hindrance;

/// One observation of one behaviour at one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Behaviour id.
    pub behavior: String,
    /// The stage at which it was read.
    pub stage: Stage,
    /// What was seen, or what kept it from being seen.
    pub observed: Observed,
}

/// What was seen, or why nothing was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observed {
    /// The behaviour's own typed evidence.
    Seen(Value),
    /// What kept it from being seen.
    Hindered(Hindrance),
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

#[derive(Deserialize)]
struct Line {
    id: String,
    evidence: Evidence,
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
        let path = folder.join("observations.jsonl");
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
        let path = folder.join("observations.jsonl");
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
        self.parse(&line, 0).map(|(_, evidence)| evidence)
    }

    /// Every piece of evidence, read in one pass and each checked against its hash.
    pub fn all(&self) -> Result<HashMap<String, Evidence>, EvidenceError> {
        let mut inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        inner.file.seek(SeekFrom::Start(0)).map_err(|e| self.io("read", e))?;
        let mut reader = BufReader::new(&inner.file).take(inner.end);
        let mut all = HashMap::new();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(|e| self.io("read", e))? == 0 {
                break;
            }
            let (id, evidence) = self.parse(&line, number)?;
            all.insert(id, evidence);
        }
        Ok(all)
    }

    fn parse(&self, line: &[u8], number: usize) -> Result<(String, Evidence), EvidenceError> {
        let garbled = |source| EvidenceError::Garbled { line: number, path: self.path.clone(), source };
        let parsed: Line = serde_json::from_slice(line).map_err(garbled)?;
        // What is hashed is what is on the disk, not what a newer version of this program would write for it.
        let prefix = format!("{{\"id\":\"{}\",\"evidence\":", parsed.id);
        let content = line
            .strip_prefix(prefix.as_bytes())
            .map(|rest| rest.strip_suffix(b"\n").unwrap_or(rest))
            .and_then(|rest| rest.strip_suffix(b"}"))
            .unwrap_or_default();
        let actual = hash(content);
        if actual == parsed.id {
            Ok((parsed.id, parsed.evidence))
        } else {
            Err(EvidenceError::Altered { id: parsed.id, actual, path: self.path.clone() })
        }
    }

    fn io(&self, action: &'static str, source: io::Error) -> EvidenceError {
        EvidenceError::Io { action, path: self.path.clone(), source }
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
    use std::fmt::Write as _;
    Sha256::digest(content).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
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
        assert_eq!(store.all().unwrap().len(), 2);
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
        assert_eq!(store.all().unwrap().len(), 2);
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
        assert!(matches!(store.all(), Err(EvidenceError::Altered { .. })));
    }
}
