//! The alterations that the harness makes in a node: who may log in, and how.
//!
//! Only in nodes that the run created, or that the configuration declares alterable. Each answers with what it did.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::{Guest, GuestError, files::says_absent, parse};
use crate::remote::HostKey;

/// What was done to a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Alteration {
    /// What it was for.
    pub what: String,
    /// The files that were changed.
    pub files: Vec<AlteredFile>,
    /// The SSH server's settings that matter, as it stated them afterwards.
    pub settings: BTreeMap<String, String>,
    /// How long after the reload the server behaved accordingly, in milliseconds; absent if it was not reloaded, or did not.
    pub settled_ms: Option<u64>,
    /// What else a reader should know.
    pub notes: Vec<String>,
}

/// A file that was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AlteredFile {
    /// The file.
    pub path: String,
    /// Whether it was there before.
    pub existed: bool,
    /// Lines that are new in it.
    pub added: Vec<String>,
    /// Lines that are gone from it.
    pub removed: Vec<String>,
}

impl AlteredFile {
    fn between(path: &str, before: Option<&str>, after: &str) -> Self {
        // Line by line, each as often as it occurs.
        let missing = |from: &str, text: &str| -> Vec<String> {
            let mut there: Vec<&str> = text.lines().collect();
            let gone = |line: &&str| match there.iter().position(|known| known == line) {
                Some(at) => {
                    there.swap_remove(at);
                    false
                }
                None => !line.is_empty(),
            };
            from.lines().filter(gone).map(str::to_owned).collect()
        };
        let old = before.unwrap_or_default();
        Self {
            path: path.to_owned(),
            existed: before.is_some(),
            added: missing(after, old),
            removed: missing(old, after),
        }
    }
}

const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-levelfield.conf";
const MAIN: &str = "/etc/ssh/sshd_config";
const ROOT_BY_KEY: &str = "PermitRootLogin prohibit-password\n";
const KEYS_ONLY: &str =
    "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n";
/// Where OpenSSH reads keys from, if it does not say.
const KEY_FILES: &str = ".ssh/authorized_keys .ssh/authorized_keys2";
/// The settings that alterations are about.
const RELEVANT: [&str; 5] =
    ["passwordauthentication", "kbdinteractiveauthentication", "permitrootlogin", "pubkeyauthentication", "allowusers"];
/// How long a reloaded server may take to behave accordingly.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);
/// How many greetings in a row count as settled.
const GREETINGS: u32 = 5;
/// The most accounts whose keys are gone through.
const ACCOUNTS: usize = 500;

impl Guest {
    /// Gives root exactly these public keys, in OpenSSH's one-line form. What stood in root's `authorized_keys` is kept beside it as
    /// `authorized_keys.before-levelfield`.
    pub async fn install_root_keys(&self, keys: &[String]) -> Result<Alteration, GuestError> {
        if let Some(bad) = keys.iter().find(|key| key.contains('\n') || HostKey::from_line(key).is_err()) {
            return Err(GuestError::argument("tee", &format!("not a public key: {bad:?}")));
        }
        let root = self.every_account().await?.into_iter().find(|account| account.uid == 0);
        let home = root.map_or_else(|| "/root".to_owned(), |root| root.home.trim_end_matches('/').to_owned());
        let mut alteration = Alteration { what: "root's login keys".to_owned(), ..Alteration::default() };

        let (folder, path) = (format!("{home}/.ssh"), format!("{home}/.ssh/authorized_keys"));
        let before = self.text_as_root(&path).await?;
        let after = keys.iter().flat_map(|key| [key.trim(), "\n"]).collect::<String>();
        if let Some(text) = &before {
            if !text.trim().is_empty() {
                let kept = format!("{path}.before-levelfield");
                self.demand(&self.root(["cp", "-p", &path, &kept])).await?;
                alteration.notes.push(format!("the keys that were there are kept in {kept}"));
            }
            // `tee` writes in place, so mode and owner stay.
            self.demand(&self.root(["tee", &path]).stdin(after.as_bytes())).await?;
        } else {
            self.make_folder_as_root(&folder, "0700").await?;
            self.write_file_as_root(&path, after.as_bytes(), "0600").await?;
        }
        alteration.files.push(AlteredFile::between(&path, before.as_deref(), &after));
        Ok(alteration)
    }

    /// Tells a server that lets no root in to do so by key, and adds that to `alteration`. Whether there was anything to tell.
    pub async fn let_root_in_by_key(&self, alteration: &mut Alteration) -> Result<bool, GuestError> {
        let settings = self.sshd_settings().await?;
        if !matches!(settings.get("permitrootlogin").map(String::as_str), Some("no" | "forced-commands-only")) {
            alteration.settings = relevant(&settings);
            return Ok(false);
        }
        self.configure_sshd(ROOT_BY_KEY, &[("permitrootlogin", "without-password")], alteration).await?;
        alteration.settled_ms = self.settled().await;
        Ok(true)
    }

    /// Waits until a server that was told to reload greets as often in a row as leaves no doubt that it is through with it: how long that
    /// took, in milliseconds, or `None` after ten seconds. Whether it lets root in cannot be asked without root's private key.
    async fn settled(&self) -> Option<u64> {
        let began = Instant::now();
        let mut in_a_row = 0;
        while Instant::now() < began + SETTLE_WITHIN {
            let greeted = self.shell().pool().remote().greet(self.shell().door().address).await.is_ok();
            in_a_row = if greeted { in_a_row + 1 } else { 0 };
            if in_a_row == GREETINGS {
                return Some(millis(began));
            }
            sleep(Duration::from_millis(200)).await;
        }
        None
    }

    /// Ends password login for every account, by a drop-in file, or at the top of the main file where drop-ins have no effect; then waits
    /// until the server offers it no more, for ten seconds at most.
    pub async fn disable_password_login(&self) -> Result<Alteration, GuestError> {
        let mut alteration = Alteration { what: "password login".to_owned(), ..Alteration::default() };
        let wanted = [
            ("passwordauthentication", "no"),
            ("kbdinteractiveauthentication", "no"),
            ("permitrootlogin", "without-password"),
        ];
        self.configure_sshd(KEYS_ONLY, &wanted, &mut alteration).await?;
        let began = Instant::now();
        while Instant::now() < began + SETTLE_WITHIN {
            let offered = self.shell().pool().remote().offered_methods(self.shell().door()).await;
            let passwords = |method: &String| method == "password" || method == "keyboard-interactive";
            if offered.is_ok_and(|offer| !offer.none_accepted && !offer.methods.iter().any(passwords)) {
                alteration.settled_ms = Some(millis(began));
                return Ok(alteration);
            }
            sleep(Duration::from_millis(200)).await;
        }
        alteration.notes.push("the server still offered passwords ten seconds after the reload".to_owned());
        Ok(alteration)
    }

    /// Takes a public key out of the `authorized_keys` of every account, in every file that the SSH server reads keys from.
    pub async fn remove_key_everywhere(&self, public_key: &str) -> Result<Alteration, GuestError> {
        let key = HostKey::from_line(public_key).map_err(|e| GuestError::argument("tee", &e.to_string()))?;
        let what = format!("the key {}", key.sha256);
        let mut alteration = Alteration { what, ..Alteration::default() };
        let patterns =
            self.sshd_settings().await?.get("authorizedkeysfile").cloned().unwrap_or_else(|| KEY_FILES.to_owned());
        let mut accounts = self.every_account().await?;
        if accounts.len() > ACCOUNTS {
            alteration
                .notes
                .push(format!("only the first {ACCOUNTS} of {} accounts were gone through", accounts.len()));
            accounts.truncate(ACCOUNTS);
        }
        let mut paths: Vec<String> = Vec::new();
        for account in &accounts {
            for pattern in patterns.split_whitespace().filter(|pattern| *pattern != "none") {
                let path = key_file(pattern, &account.name, account.uid, &account.home);
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
        for path in self.existing_as_root(&paths).await? {
            let Some(before) = self.text_as_root(&path).await? else { continue };
            let after = without_key(&before, &key);
            if after == before {
                continue;
            }
            // `tee` writes in place, so mode and owner stay.
            self.demand(&self.root(["tee", &path]).stdin(after.as_bytes())).await?;
            alteration.files.push(AlteredFile::between(&path, Some(&before), &after));
        }
        Ok(alteration)
    }

    /// Puts `lines` where the SSH server gives them precedence, and reloads it. `wanted` is what it must then state.
    async fn configure_sshd(
        &self,
        lines: &str,
        wanted: &[(&str, &str)],
        alteration: &mut Alteration,
    ) -> Result<(), GuestError> {
        let met = |settings: &BTreeMap<String, String>| {
            wanted.iter().all(|(keyword, value)| {
                // `prohibit-password` has an older name, which servers print.
                let stated = settings.get(*keyword).map(String::as_str);
                stated == Some(*value) || (stated == Some("prohibit-password") && *value == "without-password")
            })
        };
        let before = self.text_as_root(DROP_IN).await?;
        let settings = match self.configure_drop_in(lines, before.as_deref()).await? {
            Some(settings) if met(&settings) => {
                alteration.files.push(AlteredFile::between(DROP_IN, before.as_deref(), lines));
                settings
            }
            ineffective => {
                if ineffective.is_some() {
                    self.restore(DROP_IN, before.as_deref()).await?;
                }
                alteration.notes.push(format!("{DROP_IN} has no effect here, so the lines are at the top of {MAIN}"));
                self.configure_main(lines, alteration).await?
            }
        };
        if !met(&settings) {
            alteration.notes.push("the server still states other settings than those asked for".to_owned());
        }
        alteration.settings = relevant(&settings);
        // That it states its settings means that it can read them.
        self.reload_checked_sshd().await
    }

    /// Makes `lines` the drop-in file, and returns what the server then states; nothing where there is no folder for such files.
    async fn configure_drop_in(
        &self,
        lines: &str,
        before: Option<&str>,
    ) -> Result<Option<BTreeMap<String, String>>, GuestError> {
        let command = self.root(["tee", DROP_IN]).stdin(lines);
        let written = self.ask(&command).await?;
        if says_absent(&written) {
            return Ok(None);
        }
        if !written.ok() {
            return Err(GuestError::failed(&command, &written));
        }
        match self.sshd_settings().await {
            Ok(settings) => Ok(Some(settings)),
            Err(error) => {
                self.restore(DROP_IN, before).await?;
                Err(error)
            }
        }
    }

    /// Puts `lines` at the top of the main file, where the first value wins.
    async fn configure_main(
        &self,
        lines: &str,
        alteration: &mut Alteration,
    ) -> Result<BTreeMap<String, String>, GuestError> {
        let before = self.text_as_root(MAIN).await?.unwrap_or_default();
        let after = format!("{lines}{}", before.strip_prefix(ROOT_BY_KEY).unwrap_or(&before));
        self.demand(&self.root(["tee", MAIN]).stdin(after.as_bytes())).await?;
        match self.sshd_settings().await {
            Ok(settings) => {
                alteration.files.push(AlteredFile::between(MAIN, Some(&before), &after));
                Ok(settings)
            }
            Err(error) => {
                self.restore(MAIN, Some(&before)).await?;
                Err(error)
            }
        }
    }

    async fn restore(&self, path: &str, before: Option<&str>) -> Result<(), GuestError> {
        match before {
            Some(text) => self.demand(&self.root(["tee", path]).stdin(text)).await.map(|_| ()),
            None => self.remove_file_as_root(path).await,
        }
    }

    /// A file of root's as text. One that is not text is an error, because writing it back would change it.
    async fn text_as_root(&self, path: &str) -> Result<Option<String>, GuestError> {
        let bytes = self.read_file(path, true).await?;
        bytes
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| GuestError::unreadable_text(&self.root(["cat", path]), "text", "(other bytes)"))
    }
}

fn relevant(settings: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    settings
        .iter()
        .filter(|(keyword, _)| RELEVANT.contains(&keyword.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The file that a pattern of `AuthorizedKeysFile` means for an account: `sshd_config(5)`, section "TOKENS".
fn key_file(pattern: &str, account: &str, uid: u32, home: &str) -> String {
    let mut path = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match (character, character == '%') {
            (_, false) => path.push(character),
            (_, true) => match characters.next() {
                Some('h') => path.push_str(home),
                Some('u') => path.push_str(account),
                Some('U') => path.push_str(&uid.to_string()),
                other => path.extend(other),
            },
        }
    }
    if path.starts_with('/') { path } else { format!("{}/{path}", home.trim_end_matches('/')) }
}

/// The lines that do not hold `key`, whatever options stand before it.
fn without_key(text: &str, key: &HostKey) -> String {
    let blob = STANDARD.decode(&key.blob).unwrap_or_default();
    let holds = |line: &str| {
        let read = parse::authorized_keys("", line);
        read.keys.iter().any(|found| found.public == *key)
            // Also where the line is not one that this side understands.
            || line.split_ascii_whitespace().any(|word| STANDARD.decode(word).is_ok_and(|bytes| bytes == blob))
    };
    text.split_inclusive('\n').filter(|line| line.trim_start().starts_with('#') || !holds(line)).collect()
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn patterns_of_key_files() {
        for (pattern, path) in [
            (".ssh/authorized_keys", "/home/a/.ssh/authorized_keys"),
            ("%h/.ssh/keys", "/home/a/.ssh/keys"),
            ("/etc/keys/%u-%U-%%", "/etc/keys/a-7-%"),
        ] {
            assert_eq!(key_file(pattern, "a", 7, "/home/a"), path);
        }
    }

    #[test]
    fn only_the_one_key_is_taken_out() {
        let (ours, other) = (
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ",
        );
        let key = HostKey::from_line(ours).unwrap();
        let text = format!("# {ours}\n{other} b\ncommand=\"x y\" {ours} c\n{ours}\nnonsense");
        assert_eq!(without_key(&text, &key), format!("# {ours}\n{other} b\nnonsense"));
    }

    #[test]
    fn a_change_names_its_lines() {
        let change = AlteredFile::between("/f", Some("a\nb\n"), "b\nb\n\nc\n");
        assert_eq!((change.added, change.removed), (vec!["b".to_owned(), "c".to_owned()], vec!["a".to_owned()]));
    }
}
