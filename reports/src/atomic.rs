//! Writes a file so that a reader finds the whole of it or the one before, never a part.
//!
//! The text goes to a temporary file in the same folder, is forced to the disk, and is renamed over the old file.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Why a file could not be written. The file that was there before, if any, is untouched.
#[derive(Debug, thiserror::Error)]
#[error("writing {}: {doing}: {source}{}", path.display(), advice(source))]
pub struct WriteError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// What was being done: `creating its folder`, `filling a temporary file beside it`.
    pub doing: &'static str,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// What a person can do about it, to follow the message.
fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space, then write the reports again with `levelfield report`"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; the folder can't be written to: make it writable or choose another"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::AlreadyExists => {
            "; something of another kind stands at this path: move it away or choose another"
        }
        _ => "",
    }
}

/// Writes what `fill` gives to `path`, making its folder if there is none. Returns how many bytes were written.
///
/// # Errors
/// When the disk is full, the folder can't be written to, or `fill` fails. `path` is then as it was.
pub fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<u64, WriteError> {
    let bytes = write_one(path, fill)?;
    sync_folder(folder_of(path));
    Ok(bytes)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Puts renames in `folder` on the disk. Some file systems can't; every file is whole all the same.
pub(crate) fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// As [`write()`], for one of many files: [`sync_folder`] is to follow the last.
pub(crate) fn write_one(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<u64, WriteError> {
    let failed = |doing| move |source| WriteError { path: path.to_owned(), doing, source };
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(failed("creating its folder"))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".levelfield-").suffix(".part");
    // Readable like any file the user makes: the mask of the process applies.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let temporary = builder.tempfile_in(folder).map_err(failed("creating a temporary file beside it"))?;
    let doing = "filling a temporary file beside it";
    let mut out = Counted { out: BufWriter::with_capacity(1 << 16, temporary), bytes: 0 };
    fill(&mut out).map_err(failed(doing))?;
    let temporary = out.out.into_inner().map_err(|error| failed(doing)(error.into_error()))?;
    temporary.as_file().sync_all().map_err(failed("forcing a temporary file to the disk"))?;
    temporary.persist(path).map_err(|error| failed("renaming a temporary file to it")(error.error))?;
    Ok(out.bytes)
}

/// Writes `bytes` to `path`.
///
/// # Errors
/// As [`write()`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<u64, WriteError> {
    write(path, |out| out.write_all(bytes))
}

/// A file name for a name that people chose: what is not a letter, a digit, `.`, `_` or `-` is written as `_`.
///
/// Two names that differ only in such characters get different file names, since a short digest is then added.
pub fn file_name(name: &str) -> String {
    use sha2::{Digest, Sha256};

    const LONGEST: usize = 100;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let safe: String = name.chars().take(LONGEST).map(|c| if plain(c) { c } else { '_' }).collect();
    if safe == name && !name.is_empty() && !name.starts_with('.') {
        return safe;
    }
    format!("{}-{}", safe.trim_start_matches('.'), hex(&Sha256::digest(name.as_bytes())[..4]))
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string can't fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// Counts what goes through.
struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        write_bytes(&path, b"old").unwrap();
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let error = write(&path, |out| {
            out.write_all(b"half")?;
            Err(full())
        })
        .unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names_in(folder.path()), ["run.json"]);
        let message = error.to_string().replace(&folder.path().display().to_string(), "FOLDER");
        insta::assert_snapshot!(message, @"writing FOLDER/run.json: filling a temporary file beside it: no storage space; free some space, then write the reports again with `levelfield report`");
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("junit"), "").unwrap();
        let error = write_bytes(&folder.path().join("junit/a.xml"), b"").unwrap_err();
        assert!(error.to_string().contains("move it away"), "{error}");
    }

    #[test]
    fn the_folder_is_made_and_the_bytes_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c.txt");
        assert_eq!(write_bytes(&path, b"12345").unwrap(), 5);
        assert_eq!(fs::read(path).unwrap(), b"12345");
    }

    #[test]
    fn file_names_are_safe_and_distinct() {
        assert_eq!(file_name("aws-like"), "aws-like");
        assert!(!file_name("../../etc/passwd").contains('/'));
        assert!(!file_name("..").starts_with('.'));
        assert_ne!(file_name("a/b"), file_name("a:b"));
        assert!(!file_name("").is_empty());
    }
}
