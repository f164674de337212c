//! Everything a run leaves in its folder beside journal, ledger and evidence: the reports, each written from the record alone.

use std::path::PathBuf;

use levelfield_kit::evidence::EvidenceStore;
use levelfield_reports::{
    Record,
    atomic::{self, WriteError},
    html::{self, EvidenceSource},
    json, junit, markdown,
};

use crate::engine::folder::{FolderError, RunFolder};

/// A kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One file a target, for CI.
    Junit,
    /// The record itself.
    Json,
    /// For people, in a repository or an issue.
    Md,
    /// For people, in a browser, offline.
    Html,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Json, Self::Junit, Self::Md, Self::Html];
}

/// Reports that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or its evidence cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Writes reports of a run into a folder and returns their paths.
///
/// # Errors
/// When one cannot be written; those before it are whole.
pub fn write(
    run: &RunFolder,
    record: &Record,
    formats: &[Format],
    into: &std::path::Path,
) -> Result<Vec<PathBuf>, StoreError> {
    let mut written = Vec::new();
    for format in formats {
        match format {
            Format::Json => {
                let path = into.join("run.json");
                json::write(record, &path)?;
                written.push(path);
            }
            Format::Junit => written.extend(junit::write(record, &into.join("junit"))?),
            Format::Md => {
                let path = into.join("report.md");
                markdown::write(record, &path)?;
                written.push(path);
            }
            Format::Html => {
                let path = into.join("report.html");
                let evidence = Shown { store: run.stored_evidence()? };
                atomic::write(&path, |out| html::write(record, &evidence, out))?;
                written.push(path);
            }
        }
    }
    Ok(written)
}

/// Evidence as the HTML report shows it.
struct Shown {
    store: EvidenceStore,
}

impl EvidenceSource for Shown {
    fn get(&self, sha256: &str) -> Option<String> {
        serde_json::to_string_pretty(&self.store.get(sha256).ok()?).ok()
    }

    fn file_name(&self, sha256: &str) -> String {
        format!("evidence/observations.jsonl#{sha256}")
    }
}
