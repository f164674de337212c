//! The files of a node: paths, contents, owners, modes. Nothing else of a file system is simulated.

use std::{collections::BTreeMap, sync::Arc};

/// Who acts on files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor<'a> {
    pub(crate) account: &'a str,
    pub(crate) home: &'a str,
}

impl Actor<'_> {
    pub(crate) const ROOT: Actor<'static> = Actor { account: "root", home: "/root" };

    fn is_root(self) -> bool {
        self.account == "root"
    }
}

/// One file or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) content: Arc<str>,
    pub(crate) owner: String,
    pub(crate) mode: u32,
    pub(crate) folder: bool,
}

/// Why a file could not be had, in the words that the C library has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    #[error("No such file or directory")]
    Missing,
    #[error("Permission denied")]
    Forbidden,
    #[error("Is a directory")]
    Folder,
    #[error("File too large")]
    TooLarge,
    #[error("No space left on device")]
    Full,
}

/// The largest content of a file, in bytes, and the most files of a node.
const LARGEST: usize = 1 << 20;
const MOST: usize = 1024;

/// All files of a node.
#[derive(Debug, Default)]
pub(crate) struct Files(BTreeMap<String, File>);

impl Files {
    /// Puts a file of root's there.
    pub(crate) fn put(&mut self, path: &str, mode: u32, content: impl Into<Arc<str>>) {
        self.put_owned(path, "root", mode, content);
    }

    /// Puts a file of `owner`'s there.
    pub(crate) fn put_owned(&mut self, path: &str, owner: &str, mode: u32, content: impl Into<Arc<str>>) {
        let file = File { content: content.into(), owner: owner.to_owned(), mode, folder: false };
        self.0.insert(clean(path), file);
    }

    /// Makes a folder, and sets owner and mode of one that is there.
    pub(crate) fn folder(&mut self, path: &str, owner: &str, mode: u32) {
        let file = File { content: "".into(), owner: owner.to_owned(), mode, folder: true };
        self.0.insert(clean(path), file);
    }

    /// The content of a file, whoever asks; empty if there is none.
    pub(crate) fn text(&self, path: &str) -> Arc<str> {
        self.0.get(&clean(path)).map_or_else(|| "".into(), |file| Arc::clone(&file.content))
    }

    /// The file itself.
    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.0.get(&clean(path))
    }

    /// The file itself, to alter owner and mode.
    pub(crate) fn get_mut(&mut self, path: &str) -> Option<&mut File> {
        self.0.get_mut(&clean(path))
    }

    /// The paths below a folder, in order.
    pub(crate) fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a File)> {
        self.0
            .iter()
            .map(|(path, file)| (path.as_str(), file))
            .filter(move |(path, _)| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    }

    /// Reads a file as `actor`.
    pub(crate) fn read(&self, path: &str, actor: Actor<'_>) -> Result<Arc<str>, Denied> {
        let path = clean(path);
        if !self.may_enter(&path, actor) {
            return Err(Denied::Forbidden);
        }
        let file = self.0.get(&path).ok_or(Denied::Missing)?;
        match file {
            file if file.folder => Err(Denied::Folder),
            file if actor.is_root() || file.owner == actor.account || file.mode & 0o004 != 0 => {
                Ok(Arc::clone(&file.content))
            }
            _ => Err(Denied::Forbidden),
        }
    }

    /// Writes, or appends to, a file as `actor`. A new one is the actor's, with mode 0644.
    pub(crate) fn write(&mut self, path: &str, actor: Actor<'_>, content: &str, append: bool) -> Result<(), Denied> {
        let path = clean(path);
        if !self.may_enter(&path, actor) {
            return Err(Denied::Forbidden);
        }
        let Some(file) = self.0.get_mut(&path) else {
            let own = path.starts_with(&format!("{}/", actor.home)) || path.starts_with("/tmp/");
            if !own && !actor.is_root() {
                return Err(Denied::Forbidden);
            }
            if self.0.len() >= MOST {
                return Err(Denied::Full);
            }
            return fitting("", content).map(|content| self.put_owned(&path, actor.account, 0o644, content));
        };
        if file.folder {
            return Err(Denied::Folder);
        }
        if !actor.is_root() && file.owner != actor.account && file.mode & 0o002 == 0 {
            return Err(Denied::Forbidden);
        }
        file.content = fitting(if append { &file.content } else { "" }, content)?;
        Ok(())
    }

    /// Removes a file as `actor`.
    pub(crate) fn remove(&mut self, path: &str, actor: Actor<'_>) -> Result<(), Denied> {
        let path = clean(path);
        let file = self.0.get(&path).ok_or(Denied::Missing)?;
        if file.folder {
            return Err(Denied::Folder);
        }
        if !actor.is_root() && file.owner != actor.account {
            return Err(Denied::Forbidden);
        }
        self.0.remove(&path);
        Ok(())
    }

    /// Whether `actor` may pass the folders on the way to `path`: the innermost one that is known decides.
    fn may_enter(&self, path: &str, actor: Actor<'_>) -> bool {
        if actor.is_root() {
            return true;
        }
        let mut folder = path;
        while let Some((parent, _)) = folder.rsplit_once('/') {
            if let Some(file) = self.0.get(parent).filter(|file| file.folder) {
                return file.owner == actor.account || file.mode & 0o001 != 0;
            }
            folder = parent;
        }
        true
    }
}

fn fitting(before: &str, added: &str) -> Result<Arc<str>, Denied> {
    if before.len() + added.len() > LARGEST {
        return Err(Denied::TooLarge);
    }
    Ok(format!("{before}{added}").into())
}

/// `path` without double and trailing slashes, `.` and `..`.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = vec![];
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: Actor<'static> = Actor { account: "admin", home: "/home/admin" };

    #[test]
    fn modes_and_owners_decide() {
        let mut files = Files::default();
        files.put("/etc/shadow", 0o600, "secret");
        files.put("/etc/hostname", 0o644, "node");
        files.folder("/root", "root", 0o700);
        files.put("/root/open", 0o644, "within");
        assert_eq!(files.read("/etc/shadow", ADMIN), Err(Denied::Forbidden));
        assert_eq!(&*files.read("/etc/shadow", Actor::ROOT).unwrap(), "secret");
        assert_eq!(&*files.read("/etc//hostname", ADMIN).unwrap(), "node");
        assert_eq!(files.read("/root/open", ADMIN), Err(Denied::Forbidden));
        assert_eq!(files.read("/nowhere", ADMIN), Err(Denied::Missing));
        assert_eq!(files.write("/etc/hostname", ADMIN, "x", false), Err(Denied::Forbidden));
        assert_eq!(files.write("/home/admin/a", ADMIN, "x", false), Ok(()));
        assert_eq!(files.write("/home/admin/a", ADMIN, "y", true), Ok(()));
        assert_eq!(&*files.text("/home/admin/a"), "xy");
        assert_eq!(files.write("/home/admin/big", ADMIN, &"x".repeat(LARGEST + 1), false), Err(Denied::TooLarge));
    }

    #[test]
    fn paths_are_cleaned() {
        assert_eq!(clean("/a/./b//../c/"), "/a/c");
        assert_eq!(clean("../.."), "/");
    }
}
