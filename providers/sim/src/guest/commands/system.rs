//! Commands about the machine, its accounts, its clock and its services.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Output;
use crate::{
    Mutation,
    guest::{Guest, files::Actor, policy::Policy},
};

/// How far ahead a wrong clock is.
const CLOCK_OFF: Duration = Duration::from_secs(90);

/// Runs `command` if it is one of these.
pub(super) fn run(guest: &Guest, actor: Actor<'_>, command: &str, arguments: &[&str], stdin: &str) -> Option<Output> {
    let is_root = actor.account == "root";
    Some(match (command, arguments) {
        ("true", _) => Output::default(),
        ("false", _) => Output { status: 1, ..Output::default() },
        ("id", ["-un"]) | ("whoami", []) => Output::ok(format!("{}\n", actor.account)),
        ("id", ["-u"]) => Output::ok(if is_root { "0\n" } else { "1000\n" }),
        ("hostname", []) => Output::ok(format!("{}\n", guest.inside().hostname)),
        ("uname", ["-m"]) => Output::ok(format!("{}\n", guest.hardware.machine)),
        ("nproc", []) => Output::ok(format!("{}\n", guest.hardware.vcpus)),
        ("lsblk", _) => Output::ok(format!("vda disk {}\n", guest.hardware.disk_gib << 30)),
        ("date", arguments) => date(guest, arguments),
        ("timedatectl", ["show", ..]) => {
            let set = if guest.has(Mutation::NoTimeSource) { "no" } else { "yes" };
            Output::ok(format!("NTP={set}\nNTPSynchronized={set}\n"))
        }
        ("getent", ["passwd", names @ ..]) => passwd(guest, names),
        ("sshd", ["-t" | "-T"]) if !is_root => Output::fail(1, "sshd: no hostkeys available -- exiting."),
        ("sshd", ["-t"]) => match Policy::read(&guest.inside().files) {
            Ok(_) => Output::default(),
            Err(bad) => Output::fail(255, bad.to_string()),
        },
        ("sshd", ["-T"]) => effective(guest),
        ("systemctl", ["reload" | "restart" | "reload-or-restart", unit]) => reload(guest, is_root, unit),
        ("chpasswd", _) if !is_root => Output::fail(1, "chpasswd: Permission denied."),
        ("chpasswd", _) => chpasswd(guest, stdin),
        _ => return None,
    })
}

fn date(guest: &Guest, arguments: &[&str]) -> Output {
    // A clock before 1970 is not worth a failure of its own.
    let mut now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if guest.has(Mutation::ClockOff) {
        now += CLOCK_OFF;
    }
    match arguments.last() {
        Some(&"+%s.%N") => Output::ok(format!("{}.{:09}\n", now.as_secs(), now.subsec_nanos())),
        Some(&"+%s") => Output::ok(format!("{}\n", now.as_secs())),
        _ => Output::fail(1, "date: invalid date format"),
    }
}

fn passwd(guest: &Guest, names: &[&str]) -> Output {
    let all = guest.inside().files.text("/etc/passwd");
    let wanted = |line: &&str| names.is_empty() || line.split(':').next().is_some_and(|name| names.contains(&name));
    let mut lines = all.lines().filter(wanted).collect::<Vec<_>>().join("\n");
    if !lines.is_empty() {
        lines.push('\n');
    }
    let status = if lines.is_empty() { 2 } else { 0 };
    Output { status, ..Output::ok(lines) }
}

fn effective(guest: &Guest) -> Output {
    let on_disk = Policy::read(&guest.inside().files);
    match on_disk {
        Ok(policy) => Output::ok(policy.effective()),
        Err(bad) => Output::fail(255, bad.to_string()),
    }
}

fn reload(guest: &Guest, is_root: bool, unit: &str) -> Output {
    let unit = unit.strip_suffix(".service").unwrap_or(unit);
    if unit != guest.stock.ssh_unit {
        return Output::fail(5, format!("Failed to reload {unit}.service: Unit {unit}.service not found."));
    }
    if !is_root {
        return Output::fail(4, format!("Failed to reload {unit}.service: Interactive authentication required."));
    }
    let mut inside = guest.inside();
    match Policy::read(&inside.files) {
        Ok(policy) => {
            inside.policy = policy;
            inside.reloaded = true;
            Output::default()
        }
        Err(_) => Output::fail(1, format!("Job for {unit}.service failed.")),
    }
}

fn chpasswd(guest: &Guest, stdin: &str) -> Output {
    for (index, line) in stdin.lines().enumerate() {
        let Some((account, password)) = line.split_once(':') else {
            return Output::fail(1, format!("chpasswd: line {}: missing new password", index + 1));
        };
        if !guest.knows(account) {
            return Output::fail(1, format!("chpasswd: line {}: user '{account}' does not exist", index + 1));
        }
        guest.inside().passwords.insert(account.to_owned(), password.to_owned());
    }
    Output::default()
}

impl Guest {
    /// The files that the kernel makes up when they are read.
    pub(super) fn kernel_file(&self, path: &str) -> Option<String> {
        Some(match path {
            "/proc/meminfo" => {
                // The kernel keeps some three hundredths for itself.
                let total = self.hardware.memory_mib * 1024 * 97 / 100;
                format!("MemTotal:       {total} kB\nMemFree:        {} kB\n", total / 2)
            }
            "/proc/uptime" => {
                let up = self.uptime();
                format!("{up:.2} {:.2}\n", up * f64::from(self.hardware.vcpus))
            }
            "/proc/sys/kernel/random/entropy_avail" => {
                if self.has(Mutation::EntropyStarved) {
                    "12\n".into()
                } else {
                    "256\n".into()
                }
            }
            "/proc/sys/kernel/random/boot_id" => format!("{}\n", self.inside().boot_id),
            _ => return None,
        })
    }

    fn uptime(&self) -> f64 {
        self.inside().booted_at.elapsed().as_secs_f64() * self.pace
    }
}
