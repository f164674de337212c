//! The inside of a node: files, accounts, boots, and the commands of the guest contract.

mod boot;
mod commands;
mod files;
mod host_key;
mod policy;
mod user_data;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

use russh::keys::{PrivateKey, PublicKey};

pub(crate) use commands::{Exec, Output, wants_input};
pub(crate) use policy::{Policy, RootLogin};

use self::files::{Actor, Files};
use crate::{Mutation, Persona, cloud::Stock, sync::lock};

/// What a node is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hardware {
    pub(crate) vcpus: u32,
    pub(crate) memory_mib: u64,
    pub(crate) disk_gib: u64,
    /// As `uname -m` prints it.
    pub(crate) machine: &'static str,
}

/// The inside of one node.
#[derive(Debug)]
pub(crate) struct Guest {
    /// The node's id.
    pub(crate) id: String,
    name: String,
    hardware: Hardware,
    stock: Arc<Stock>,
    key: Option<String>,
    user_data: Option<String>,
    pace: f64,
    mutations: BTreeSet<Mutation>,
    inside: Mutex<Inside>,
}

/// What changes in a node.
#[derive(Debug)]
struct Inside {
    files: Files,
    passwords: BTreeMap<String, String>,
    hostname: String,
    boots: u32,
    boot_id: String,
    booted_at: Instant,
    console: String,
    policy: Policy,
    reloaded: bool,
    host_key: Option<PrivateKey>,
    /// Logins to the default account so far.
    logins: u32,
}

impl Guest {
    /// A node that was not booted yet.
    pub(crate) fn new(
        persona: &Persona,
        id: &str,
        name: &str,
        stock: &Arc<Stock>,
        hardware: Hardware,
        key: Option<String>,
        user_data: Option<String>,
    ) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            hardware,
            stock: Arc::clone(stock),
            key,
            user_data,
            pace: persona.pace,
            mutations: persona.mutations.clone(),
            inside: Mutex::new(Inside {
                files: Files::default(),
                passwords: BTreeMap::new(),
                hostname: String::new(),
                boots: 0,
                boot_id: String::new(),
                booted_at: Instant::now(),
                console: String::new(),
                policy: Policy { password: false, keyboard: false, root: RootLogin::ByKey },
                reloaded: false,
                host_key: None,
                logins: 0,
            }),
        }
    }

    fn has(&self, mutation: Mutation) -> bool {
        self.mutations.contains(&mutation)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        lock(&self.inside)
    }

    /// What was written to the console so far.
    pub(crate) fn console(&self) -> String {
        self.inside().console.clone()
    }

    /// The SSH server's key; `None` before the first boot.
    pub(crate) fn host_key(&self) -> Option<PrivateKey> {
        self.inside().host_key.clone()
    }

    /// The account that the node key logs in to.
    fn account(&self) -> &str {
        &self.stock.account
    }

    /// Whether there is such an account.
    pub(crate) fn knows(&self, account: &str) -> bool {
        account == "root" || account == self.account()
    }

    /// What the SSH server permits now.
    pub(crate) fn policy(&self) -> Policy {
        let inside = self.inside();
        let mut policy = inside.policy;
        let stays = self.has(Mutation::PasswordLoginStays) && inside.reloaded;
        let returns = self.has(Mutation::PasswordLoginReturns) && inside.boots > 1;
        if stays || returns {
            policy.password = true;
        }
        policy
    }

    /// Whether the SSH server says that it takes passwords.
    pub(crate) fn offers_password(&self) -> bool {
        self.policy().password
    }

    /// Whether `password` logs in to `account`.
    pub(crate) fn accepts_password(&self, account: &str, password: &str) -> bool {
        let policy = self.policy();
        let root_by_password = policy.root == RootLogin::Yes;
        policy.password
            && (account != "root" || root_by_password && !self.bars_root())
            && self.inside().passwords.get(account).is_some_and(|set| set == password)
    }

    fn bars_root(&self) -> bool {
        self.stock.root_login_barred || self.has(Mutation::RootLoginBarred)
    }

    /// Whether `key` logs in to `account`.
    pub(crate) fn accepts_key(&self, account: &str, key: &PublicKey) -> bool {
        if !self.knows(account) {
            return false;
        }
        if account == "root" && (self.bars_root() || self.policy().root == RootLogin::No) {
            return false;
        }
        let listed = self.inside().files.text(&keys_path(account));
        if listed.lines().any(|line| authorises(line, key)) {
            return true;
        }
        let of_metadata = self.key.as_deref().is_some_and(|known| authorises(known, key));
        of_metadata && account != "root" && self.has(Mutation::OldKeyStays)
    }

    /// Counts a login; `false` if the server is to refuse it all the same.
    pub(crate) fn count_login(&self, account: &str) -> bool {
        if account == "root" {
            return true;
        }
        let mut inside = self.inside();
        inside.logins += 1;
        !(self.has(Mutation::LoginFlaps) && inside.logins > 1 && (inside.logins - 1).is_multiple_of(3))
    }

    /// Whether obsolete algorithms are on offer.
    pub(crate) fn is_obsolete(&self) -> bool {
        self.has(Mutation::ObsoleteAlgorithmsOffered)
    }
}

fn home(account: &str) -> String {
    if account == "root" { "/root".to_owned() } else { format!("/home/{account}") }
}

fn keys_path(account: &str) -> String {
    format!("{}/.ssh/authorized_keys", home(account))
}

/// Whether a line of authorized keys lets `key` in. A line with a forced command, as cloud images put it in front of root's,
/// lets nobody in.
fn authorises(line: &str, key: &PublicKey) -> bool {
    // Options come first and make the line no plain key.
    PublicKey::from_openssh(line.trim()).is_ok_and(|listed| listed.key_data() == key.key_data())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::random::Seed;

    /// A booted Debian node with the given key and user data.
    pub(crate) fn guest(key: Option<&str>, user_data: Option<&str>, mutations: &[Mutation]) -> Guest {
        let persona = Persona::embedded("aws-like").unwrap().with_mutations(mutations.iter().copied());
        let catalog = crate::cloud::Catalog::new(&persona, Seed::new(1), crate::net::Block::new(1));
        let hardware = Hardware { vcpus: 2, memory_mib: 4096, disk_gib: 8, machine: "x86_64" };
        let (key, user_data) = (key.map(str::to_owned), user_data.map(str::to_owned));
        let guest = Guest::new(&persona, "node-1", "web-1", &catalog.first_image().unwrap(), hardware, key, user_data);
        guest.boot(Seed::new(1));
        guest
    }

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti node";

    #[test]
    fn the_key_logs_in_to_the_default_account_only() {
        let guest = guest(Some(KEY), None, &[]);
        let key = PublicKey::from_openssh(KEY).unwrap();
        assert!(guest.accepts_key("admin", &key));
        assert!(!guest.accepts_key("root", &key));
        assert!(!guest.accepts_key("debian", &key));
        assert!(!guest.offers_password());
        let host = guest.host_key().unwrap();
        guest.boot(Seed::new(1));
        assert_eq!(host.public_key(), guest.host_key().unwrap().public_key());
    }

    #[test]
    fn mutations_change_what_they_say() {
        let key = PublicKey::from_openssh(KEY).unwrap();
        assert!(!guest(Some(KEY), None, &[Mutation::NodeKeyNotInstalled]).accepts_key("admin", &key));
        assert!(guest(Some(KEY), None, &[Mutation::RootOpenAtFirst]).accepts_key("root", &key));
        let renewed = guest(Some(KEY), None, &[Mutation::RebootRegeneratesHostKeys]);
        let before = renewed.host_key().unwrap();
        renewed.boot(Seed::new(1));
        assert_ne!(before.public_key(), renewed.host_key().unwrap().public_key());
        assert!(renewed.console().contains("-----BEGIN SSH HOST KEY KEYS-----"));
        assert!(!guest(None, None, &[Mutation::HostKeyUnpublished]).console().contains("SSH HOST KEY"));
    }

    #[test]
    fn user_data_runs_once() {
        let text = "#cloud-config\nwrite_files:\n- {path: /var/lib/levelfield/boots, append: true, content: \"ran\\n\"}\n\
                    - {path: /etc/ssh/ssh_known_hosts, append: true, content: \"host key\\n\"}\n";
        for (mutations, expected) in [
            (&[][..], ("ran\n", "host key\n")),
            (&[Mutation::UserDataEveryBoot], ("ran\nran\n", "host key\nhost key\n")),
            (&[Mutation::UserDataIgnored], ("", "host key\n")),
            (&[Mutation::TrustNotInstalled], ("ran\n", "")),
        ] {
            let guest = guest(None, Some(text), mutations);
            guest.boot(Seed::new(1));
            let inside = guest.inside();
            let found = (inside.files.text("/var/lib/levelfield/boots"), inside.files.text("/etc/ssh/ssh_known_hosts"));
            assert_eq!((&*found.0, &*found.1), expected);
        }
    }

    #[test]
    fn every_third_login_flaps_after_the_first() {
        let flapping = guest(None, None, &[Mutation::LoginFlaps]);
        let logins: Vec<_> = (0..7).map(|_| flapping.count_login("admin")).collect();
        assert_eq!(logins, [true, true, true, false, true, true, false]);
    }
}
