//! Accounts, the keys that open them, and the SSH server that decides.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Guest, GuestError, parse};
use crate::remote::{Command, HostKey, Secret};

/// An account of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its home folder.
    pub home: String,
    /// Its login shell.
    pub shell: String,
}

impl Account {
    /// Whether its shell lets anybody in. Whether the SSH server does is another question.
    pub fn can_log_in(&self) -> bool {
        let shell = self.shell.rsplit('/').next().unwrap_or_default();
        !matches!(shell, "nologin" | "false" | "true" | "sync" | "halt" | "shutdown" | "git-shell")
    }
}

/// A key that opens an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AuthorizedKey {
    /// The key.
    pub public: HostKey,
    /// The options before it, which may restrict it to a forced command.
    pub options: Option<String>,
    /// The comment after it.
    pub comment: String,
}

/// The content of an `authorized_keys` file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AuthorizedKeys {
    /// The file.
    pub path: String,
    /// Its keys, in order. None too where there is no such file.
    pub keys: Vec<AuthorizedKey>,
    /// Lines that are neither keys nor comments, cut at 200 characters.
    pub unreadable: Vec<String>,
}

impl Guest {
    /// The accounts whose shell lets somebody in.
    pub async fn accounts(&self) -> Result<Vec<Account>, GuestError> {
        let mut accounts = self.every_account().await?;
        accounts.retain(Account::can_log_in);
        Ok(accounts)
    }

    pub(super) async fn every_account(&self) -> Result<Vec<Account>, GuestError> {
        self.read(&Command::new(["getent", "passwd"]), "passwd lines", parse::passwd).await
    }

    /// The keys in `.ssh/authorized_keys` of an account's home. Read as root if the account is another one's.
    pub async fn authorized_keys(&self, account: &str) -> Result<AuthorizedKeys, GuestError> {
        let command = Command::new(["getent", "passwd"]);
        let found = self.every_account().await?.into_iter().find(|known| known.name == account);
        let Some(found) = found else {
            return Err(GuestError::unreadable_text(&command, &format!("a line about {account}"), "(no such account)"));
        };
        let path = format!("{}/.ssh/authorized_keys", found.home.trim_end_matches('/'));
        let bytes = self.read_file(&path, account != self.shell().door().account).await?.unwrap_or_default();
        Ok(parse::authorized_keys(&path, &String::from_utf8_lossy(&bytes)))
    }

    /// The SSH server's effective settings, by keyword in lower case. `Match` blocks are not in them.
    pub async fn sshd_settings(&self) -> Result<BTreeMap<String, String>, GuestError> {
        self.read(&self.root(["sshd", "-T"]), "the SSH server's settings", parse::sshd_settings).await
    }

    /// Sets an account's password.
    pub async fn set_password(&self, account: &str, password: &Secret) -> Result<(), GuestError> {
        if account.contains([':', '\n']) || password.expose().contains('\n') {
            return Err(GuestError::argument("chpasswd", "an account or password that would break the line"));
        }
        let line = format!("{account}:{}\n", password.expose());
        self.demand(&self.root(["chpasswd"]).stdin(line)).await.map(|_| ())
    }

    /// Checks the SSH server's settings and has it read them again.
    ///
    /// It answers before the server did so: what is new is in force a moment later.
    pub async fn reload_sshd(&self) -> Result<(), GuestError> {
        self.demand(&self.root(["sshd", "-t"])).await?;
        self.reload_checked_sshd().await
    }

    pub(super) async fn reload_checked_sshd(&self) -> Result<(), GuestError> {
        let debian = self.ask(&self.root(["systemctl", "reload", "ssh"])).await?;
        if debian.ok() {
            return Ok(());
        }
        self.demand(&self.root(["systemctl", "reload", "sshd"])).await.map(|_| ())
    }
}
