//! Putting login rules back: for machines that existed before the run and go on existing after it.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{Guest, GuestError};

/// Files that hold login rules for the whole machine.
const RULES: [&str; 3] = ["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/00-levelfield.conf", "/etc/shadow"];
/// What the harness's own alteration leaves beside root's keys.
const ASIDE: &str = ".before-levelfield";

/// Login rules as they were: the content of each file, or that there was none. Kept in memory only; it holds password hashes.
pub struct LoginRules {
    files: BTreeMap<String, Option<Vec<u8>>>,
    aside: Vec<String>,
}

impl Guest {
    /// Reads everything that the harness's alterations may change: the SSH server's settings, passwords, every account's keys.
    ///
    /// # Errors
    /// When one of the files cannot be read as root. Nothing may be altered then.
    pub async fn login_rules(&self) -> Result<LoginRules, GuestError> {
        let mut paths: Vec<String> = RULES.iter().map(|path| (*path).to_owned()).collect();
        let mut aside = Vec::new();
        for account in self.every_account().await? {
            let home = account.home.trim_end_matches('/');
            paths.push(format!("{home}/.ssh/authorized_keys"));
            paths.push(format!("{home}/.ssh/authorized_keys2"));
            if account.uid == 0 {
                let path = format!("{home}/.ssh/authorized_keys{ASIDE}");
                if self.read_file(&path, true).await?.is_none() {
                    aside.push(path);
                }
            }
        }
        let mut files = BTreeMap::new();
        for path in paths {
            if let Entry::Vacant(vacant) = files.entry(path) {
                let content = self.read_file(vacant.key(), true).await?;
                vacant.insert(content);
            }
        }
        Ok(LoginRules { files, aside })
    }

    /// Puts login rules back as they were and reloads the SSH server. Only files that differ are touched.
    ///
    /// # Errors
    /// The first file that could not be put back.
    pub async fn put_back(&self, rules: &LoginRules) -> Result<(), GuestError> {
        for (path, before) in &rules.files {
            if self.read_file(path, true).await? == *before {
                continue;
            }
            match before {
                // Written in place, so that mode and owner stay.
                Some(content) => drop(self.demand(&self.root(["tee", path]).stdin(content.clone())).await?),
                None => self.remove_file_as_root(path).await?,
            }
        }
        for path in &rules.aside {
            self.remove_file_as_root(path).await?;
        }
        self.reload_sshd().await
    }
}
