//! Files of the guest, read and written.

use super::{Guest, GuestError};
use crate::remote::{Command, Output};

/// How many paths one command is given: a request to run one must fit into one packet.
const PATHS_AT_ONCE: usize = 100;

/// Whether a command complained of a path that leads nowhere.
pub(super) fn says_absent(output: &Output) -> bool {
    output.status == 1 && output.complaint().lines().any(is_absence)
}

fn is_absence(complaint: &str) -> bool {
    ["No such file or directory", "Not a directory"].iter().any(|words| complaint.contains(words))
}

impl Guest {
    /// The content of a file of at most 1 MiB; `None` if there is none.
    pub async fn read_file(&self, path: &str, as_root: bool) -> Result<Option<Vec<u8>>, GuestError> {
        let words = ["cat", path];
        let command = if as_root { self.root(words) } else { Command::new(words) };
        let output = self.ask(&command).await?;
        if output.ok() && output.truncated {
            return Err(GuestError::unreadable_text(&command, "a file of at most 1 MiB", "(longer)"));
        }
        if output.ok() {
            return Ok(Some(output.stdout));
        }
        if says_absent(&output) {
            return Ok(None);
        }
        Err(GuestError::failed(&command, &output))
    }

    /// Those of `paths` that are there, as root sees it.
    pub(super) async fn existing_as_root(&self, paths: &[String]) -> Result<Vec<String>, GuestError> {
        let mut existing = Vec::new();
        for some in paths.chunks(PATHS_AT_ONCE) {
            let words = ["ls", "-d", "--"].into_iter().chain(some.iter().map(String::as_str));
            let command = self.root(words);
            let output = self.ask(&command).await?;
            // It names those that are there, whatever it says of the others.
            let complaint = output.complaint();
            if output.status > 2 || !complaint.lines().filter(|line| line.starts_with("ls:")).all(is_absence) {
                return Err(GuestError::failed(&command, &output));
            }
            existing
                .extend(output.text().lines().filter(|line| some.iter().any(|path| path == line)).map(str::to_owned));
        }
        Ok(existing)
    }

    /// Writes a file as root: its content first, then its mode (octal: `0644`).
    ///
    /// A file that is there keeps its place and owner: links to it see the new content. A new one is root's, and has the mode that root's
    /// umask gives it until the other is set, so secrets belong in a folder that is closed.
    pub async fn write_file_as_root(&self, path: &str, bytes: &[u8], mode: &str) -> Result<(), GuestError> {
        self.demand(&self.root(["tee", path]).stdin(bytes)).await?;
        self.demand(&self.root(["chmod", mode, path])).await.map(|_| ())
    }

    /// Makes a folder and those above it, as root and root's, with this mode.
    pub async fn make_folder_as_root(&self, path: &str, mode: &str) -> Result<(), GuestError> {
        self.demand(&self.root(["install", "-d", "-m", mode, "-o", "root", "-g", "root", path])).await.map(|_| ())
    }

    /// Removes a file as root. One that is not there is fine.
    pub async fn remove_file_as_root(&self, path: &str) -> Result<(), GuestError> {
        self.demand(&self.root(["rm", "-f", path])).await.map(|_| ())
    }

    /// The lines of `/etc/ssh/ssh_known_hosts` that are neither empty nor comments. Without the file there are none.
    pub async fn known_hosts(&self) -> Result<Vec<String>, GuestError> {
        let bytes = self.read_file("/etc/ssh/ssh_known_hosts", false).await?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(lines.map(str::to_owned).collect())
    }
}
