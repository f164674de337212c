//! The commands that a node answers: those of the guest contract, each with the words of the real one.

mod curl;
mod files;
mod network;
mod ping;
mod system;

use std::sync::Arc;

use super::{Actor, Guest, home};
use crate::{Mutation, cloud::Cloud};

/// A key that nobody asked for.
pub(super) const VENDOR_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGMLoJRIr1IhVPOO92he8fRLDz6UMPgIKaA84k9ADzdU support@vendor";

/// What a command printed, and its exit status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) status: u32,
}

impl Output {
    /// Success, with something printed.
    fn ok(stdout: impl Into<Vec<u8>>) -> Self {
        Self { stdout: stdout.into(), ..Self::default() }
    }

    /// Failure, with a complaint.
    fn fail(status: u32, complaint: impl Into<String>) -> Self {
        let mut complaint: String = complaint.into();
        complaint.push('\n');
        Self { stderr: complaint.into_bytes(), status, ..Self::default() }
    }
}

/// Whether the command in `line` reads its standard input.
pub(crate) fn wants_input(line: &str) -> bool {
    let words = shlex::split(line).unwrap_or_default();
    let command = words.iter().map(String::as_str).find(|word| !matches!(*word, "sudo" | "-n" | "--"));
    matches!(command, Some("tee" | "chpasswd"))
}

/// A command about to be run in a node.
pub(crate) struct Exec {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) guest: Arc<Guest>,
    pub(crate) account: String,
}

impl Exec {
    /// Runs the command in `line`. Ends when the command does; dropping the future kills it.
    pub(crate) async fn run(&self, line: &str, stdin: &str) -> Output {
        let Some(argv) = shlex::split(line) else {
            return Output::fail(2, "sh: 1: Syntax error: Unterminated quoted string");
        };
        let (account, argv) = match self.guest.without_sudo(&self.account, &argv) {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let home = home(account);
        let actor = Actor { account, home: &home };
        if let Some(output) = run_inside(&self.guest, actor, argv, stdin) {
            return output;
        }
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["ip", rest @ ..] => network::ip(self, rest),
            ["getent", "ahosts", name] => network::ahosts(self, name),
            ["curl", rest @ ..] => curl::run(self, rest).await,
            ["ping", rest @ ..] => ping::run(self, rest).await,
            ["timeout", seconds, "python3", "-m", "http.server", rest @ ..] => {
                network::http_server(self, seconds, rest).await
            }
            ["python3", "-m", "http.server", rest @ ..] => network::http_server(self, "86400", rest).await,
            [] => Output::default(),
            [command, ..] => Output::fail(127, format!("sh: 1: {command}: not found")),
        }
    }
}

impl Guest {
    /// The account that a command runs as, and the command without `sudo`.
    fn without_sudo<'a>(&self, account: &'a str, argv: &'a [String]) -> Result<(&'a str, &'a [String]), Output> {
        let [sudo, rest @ ..] = argv else { return Ok((account, argv)) };
        if sudo != "sudo" {
            return Ok((account, argv));
        }
        let asked = rest.iter().take_while(|word| word.starts_with('-')).count();
        let allowed = account == "root"
            || !self.has(Mutation::SudoAsksPassword)
                && self.inside().files.text("/etc/sudoers.d/90-cloud-init-users").contains(&format!("{account} ALL"));
        if allowed { Ok(("root", &rest[asked..])) } else { Err(Output::fail(1, "sudo: a password is required")) }
    }
}

/// Runs a command of user data as root; those that need the network are not there yet.
pub(super) fn run_at_boot(guest: &Guest, argv: &[String]) {
    let argv = guest.without_sudo("root", argv).map_or(argv, |(_, argv)| argv);
    let _ = run_inside(guest, Actor::ROOT, argv, "");
}

/// Runs a command that needs nothing but the node itself; `None` if it is none of those.
fn run_inside(guest: &Guest, actor: Actor<'_>, argv: &[String], stdin: &str) -> Option<Output> {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let (command, arguments) = words.split_first()?;
    files::run(guest, actor, command, arguments, stdin).or_else(|| system::run(guest, actor, command, arguments, stdin))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::guest, *};

    fn sh(guest: &Guest, account: &str, line: &str, stdin: &str) -> (u32, String) {
        let argv = shlex::split(line).unwrap();
        let output = match guest.without_sudo(account, &argv) {
            Err(refusal) => refusal,
            Ok((account, argv)) => {
                let home = home(account);
                run_inside(guest, Actor { account, home: &home }, argv, stdin).unwrap_or_else(|| Output::fail(127, ""))
            }
        };
        (output.status, String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }

    #[test]
    fn commands_answer_as_the_real_ones_do() {
        let guest = guest(None, None, &[]);
        for (line, status, text) in [
            ("true", 0, ""),
            ("id -un", 0, "admin\n"),
            ("id -u", 0, "1000\n"),
            ("sudo -n id -u", 0, "0\n"),
            ("hostname", 0, "web-1\n"),
            ("uname -m", 0, "x86_64\n"),
            ("nproc", 0, "2\n"),
            ("cat /nowhere", 1, "cat: /nowhere: No such file or directory\n"),
            ("cat /root/.ssh/authorized_keys", 1, "cat: /root/.ssh/authorized_keys: Permission denied\n"),
            ("sudo -n cat /root/.ssh/authorized_keys", 0, ""),
            ("sudo -n sshd -t", 0, ""),
            ("sudo -n systemctl reload ssh", 0, ""),
            ("sudo -n systemctl reload sshd", 5, "Failed to reload sshd.service: Unit sshd.service not found.\n"),
            ("timedatectl show -p NTP -p NTPSynchronized", 0, "NTP=yes\nNTPSynchronized=yes\n"),
            ("cat /proc/sys/kernel/random/entropy_avail", 0, "256\n"),
            ("lsblk -b -d -n -o NAME,TYPE,SIZE", 0, "vda disk 8589934592\n"),
            ("sudo -n install -d -m 0700 -o admin -g admin /srv/x", 0, ""),
            ("sudo -n rm -f /nowhere", 0, ""),
            ("sudo -n chmod 0600 /etc/os-release", 0, ""),
            ("cat /etc/os-release", 1, "cat: /etc/os-release: Permission denied\n"),
            ("nonsense", 127, "\n"),
        ] {
            assert_eq!(sh(&guest, "admin", line, ""), (status, text.to_owned()), "{line}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let guest = guest(None, None, &[]);
        assert_eq!(sh(&guest, "admin", "tee /etc/x", "a").0, 1);
        assert_eq!(sh(&guest, "admin", "sudo -n tee /etc/x", "a\n"), (0, "a\n".into()));
        assert_eq!(sh(&guest, "admin", "sudo -n tee -a /etc/x", "b\n").0, 0);
        assert_eq!(sh(&guest, "admin", "cat /etc/x", ""), (0, "a\nb\n".into()));
    }

    #[test]
    fn hardening_takes_effect_on_reload() {
        let guest = guest(None, None, &[]);
        let drop_in = "/etc/ssh/sshd_config.d/00-levelfield.conf";
        sh(&guest, "admin", &format!("sudo -n tee {drop_in}"), "PasswordAuthentication yes\nPermitRootLogin no\n");
        assert!(!guest.offers_password());
        sh(&guest, "admin", "sudo -n systemctl reload ssh", "");
        assert!(guest.offers_password());
        assert_eq!(sh(&guest, "admin", "sudo -n chpasswd", "admin:geheim\n").0, 0);
        assert!(guest.accepts_password("admin", "geheim"));
        assert!(!guest.accepts_password("admin", "other"));
        assert!(sh(&guest, "admin", "sudo -n sshd -T", "").1.contains("permitrootlogin no\n"));
    }

    #[test]
    fn mutations_show() {
        let stern = guest(None, None, &[Mutation::SudoAsksPassword]);
        assert_eq!(sh(&stern, "admin", "sudo -n true", ""), (1, "sudo: a password is required\n".into()));
        let starved = guest(None, None, &[Mutation::EntropyStarved]);
        assert_eq!(sh(&starved, "admin", "cat /proc/sys/kernel/random/entropy_avail", "").1, "12\n");
        let owned = guest(None, None, &[Mutation::RootKeepsForeignKey]);
        sh(&owned, "root", "tee /root/.ssh/authorized_keys", "ssh-ed25519 AAAA operator\n");
        assert!(sh(&owned, "root", "cat /root/.ssh/authorized_keys", "").1.contains("support@vendor"));
    }

    #[test]
    fn only_two_commands_read_their_input() {
        assert!(wants_input("sudo -n tee -a '/etc/a b'"));
        assert!(wants_input("chpasswd"));
        assert!(!wants_input("cat tee"));
        assert!(!wants_input("'"));
    }
}
