//! The record as JSON (`run.json`), and the JSON Schema that describes it.

use std::{
    fs::File,
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
};

use crate::{
    atomic::{self, WriteError},
    event::FORMAT,
    record::Record,
};

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("reading the record {}: {source}; name the run's folder, which holds `run.json`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no record.
    #[error("reading the record {}: {source}; write it again from the journal with `levelfield report`", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It is of a format that this version does not know.
    #[error("reading the record {}: its format is {found}, this version reads {FORMAT}; use a later levelfield", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format that it states.
        found: u32,
    },
}

/// Writes `record` as indented JSON.
///
/// # Errors
/// When `out` fails.
pub fn render(record: &Record, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, record)?;
    out.write_all(b"\n")
}

/// Writes `record` to `path`.
///
/// # Errors
/// When the file cannot be written.
pub fn write(record: &Record, path: &Path) -> Result<(), WriteError> {
    atomic::write(path, |out| render(record, out)).map(drop)
}

/// Reads the record at `path`.
///
/// # Errors
/// When it cannot be read, is no record, or is of a format that this version does not know.
pub fn read(path: &Path) -> Result<Record, ReadError> {
    let file = File::open(path).map_err(|source| ReadError::Read { path: path.to_owned(), source })?;
    let record: Record = serde_json::from_reader(BufReader::with_capacity(1 << 16, file))
        .map_err(|source| ReadError::Parse { path: path.to_owned(), source })?;
    if record.format == FORMAT {
        Ok(record)
    } else {
        Err(ReadError::Format { path: path.to_owned(), found: record.format })
    }
}

/// The JSON Schema (2020-12) of [`Record`], as `reports/schema/run.schema.json` holds it.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Record).to_value();
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".into(), "Record of a Levelfield run".into());
    }
    schema
}
