//! A run's folder: where the journal, the ledger, the evidence and the reports are.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use levelfield_kit::evidence::{EvidenceError, EvidenceStore};

use crate::config::Config;

/// Where runs are kept unless `--out` says otherwise.
pub const DEFAULT_HOME: &str = "levelfield-runs";

/// A run's folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refused.
    #[error("cannot {action} {path}; free or correct it, or choose another folder with --out")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process is at work in it.
    #[error("another levelfield is at work in {0}; wait for it, or choose another folder with --out")]
    Busy(PathBuf),
    /// It holds a run already.
    #[error("{0} holds a run already; `levelfield resume` goes on with it, `--out` names another folder")]
    Taken(PathBuf),
    /// It holds no run.
    #[error("{path} holds no run; name a run's id or folder, and with --home the folder of runs{}", hint(known))]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// Runs that are known in the home folder.
        known: Vec<String>,
    },
    /// The run in it was killed before it began.
    #[error("the run in {0} was killed before it began, and made nothing; start a new one, here or elsewhere")]
    NeverBegan(PathBuf),
    /// What it says of its configuration cannot be read.
    #[error("cannot read the configuration of the run in {path}")]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its evidence cannot be used.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

fn hint(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; runs here: {}", known.join(", ")) }
}

/// A run's folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

/// The right to write into a run's folder, until it is dropped. The system releases it when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl RunFolder {
    /// Makes the folder for a new run and takes it.
    ///
    /// # Errors
    /// When it cannot be made, holds a run already, or is taken.
    pub fn create(path: PathBuf) -> Result<(Self, Lock), FolderError> {
        let folder = Self { path };
        std::fs::create_dir_all(&folder.path).map_err(folder.io("create"))?;
        let lock = folder.lock()?;
        if folder.has_begun() {
            return Err(FolderError::Taken(folder.path));
        }
        Ok((folder, lock))
    }

    /// Finds the folder of a run that exists: a path, or a run's id below `home`, or `latest`.
    ///
    /// # Errors
    /// When there is no journal in it.
    pub fn find(word: &str, home: &Path) -> Result<Self, FolderError> {
        for path in [PathBuf::from(word), home.join(word)] {
            // `latest` is a link, and is itself moved when the run goes on.
            let path = if path.is_symlink() { path.canonicalize().unwrap_or(path) } else { path };
            let folder = Self { path };
            if folder.journal().is_file() || folder.ledger().is_file() {
                return Ok(folder);
            }
        }
        let mut known: Vec<String> = std::fs::read_dir(home)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.path().join("events.jsonl").is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        known.sort();
        Err(FolderError::NoRun { path: home.join(word), known })
    }

    /// Whether the run in it got as far as saying what it is. One that was killed before made nothing.
    pub fn has_begun(&self) -> bool {
        std::fs::read(self.journal()).is_ok_and(|text| text.contains(&b'\n'))
    }

    /// Every run below `home`.
    pub fn all(home: &Path) -> Vec<Self> {
        let mut folders: Vec<Self> = std::fs::read_dir(home)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| !entry.path().is_symlink())
            .map(|entry| Self { path: entry.path() })
            .filter(|folder| folder.ledger().is_file())
            .collect();
        folders.sort_by(|a, b| a.path.cmp(&b.path));
        folders
    }

    /// Takes the folder.
    ///
    /// # Errors
    /// When another process has it.
    pub fn lock(&self) -> Result<Lock, FolderError> {
        let path = self.path.join(".lock");
        let file = File::create(&path).map_err(|source| FolderError::Io { action: "create", path, source })?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(FolderError::Busy(self.path.clone())),
            Err(TryLockError::Error(source)) => {
                Err(FolderError::Io { action: "lock", path: self.path.clone(), source })
            }
        }
    }

    /// Lets `latest` in the home folder point here. That it cannot (a file system without links) is no reason to fail, and a home
    /// folder that nobody has yet is not made for a link alone.
    pub fn mark_latest(&self, home: &Path) {
        #[cfg(unix)]
        if let (Ok(home), Ok(path)) = (home.canonicalize(), self.path.canonicalize()) {
            let name = path.strip_prefix(&home).unwrap_or(&path);
            let (link, fresh) = (home.join("latest"), home.join(format!(".latest-{}", std::process::id())));
            if std::os::unix::fs::symlink(name, &fresh).is_ok() && std::fs::rename(&fresh, &link).is_err() {
                let _ = std::fs::remove_file(&fresh);
            }
        }
    }

    /// Writes down the configuration that the run uses, so that it can be resumed and reaped. It holds references, no secrets.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_config(&self, config: &Config) -> Result<(), FolderError> {
        let path = self.path.join("config.yaml");
        let text = serde_yaml::to_string(config)
            .map_err(|source| FolderError::Config { path: path.clone(), source: Box::new(source) })?;
        levelfield_reports::atomic::write_bytes(&path, text.as_bytes())
            .map(drop)
            .map_err(|source| FolderError::Config { path, source: Box::new(source) })
    }

    /// The configuration that the run uses.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn config(&self) -> Result<Config, FolderError> {
        let path = self.path.join("config.yaml");
        levelfield_yaml::read_file(&path).map_err(|source| FolderError::Config { path, source: Box::new(source) })
    }

    /// The folder of the evidence.
    pub fn evidence_folder(&self) -> PathBuf {
        self.path.join("evidence")
    }

    /// The evidence, to read and nothing else.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn stored_evidence(&self) -> Result<EvidenceStore, FolderError> {
        Ok(EvidenceStore::read(&self.evidence_folder())?)
    }

    /// The evidence, to add to.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn evidence(&self) -> Result<EvidenceStore, FolderError> {
        Ok(EvidenceStore::open(&self.evidence_folder())?)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// The ledger.
    pub fn ledger(&self) -> PathBuf {
        self.path.join("ledger.jsonl")
    }

    fn io(&self, action: &'static str) -> impl FnOnce(io::Error) -> FolderError {
        let path = self.path.clone();
        move |source| FolderError::Io { action, path, source }
    }
}
