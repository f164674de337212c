//! Facts about the machine and its operating system.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::{Guest, GuestError, GuestErrorKind, parse};
use crate::remote::Command;

/// What `/etc/os-release` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OsRelease {
    /// `ID`: the distribution in lower case. `linux` where it is not stated, as os-release(5) has it.
    pub id: String,
    /// `VERSION_ID`, which rolling distributions lack.
    pub version_id: Option<String>,
    /// `PRETTY_NAME`.
    pub pretty_name: Option<String>,
    /// Everything it says.
    pub all: BTreeMap<String, String>,
}

/// A block device that is no partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Disk {
    /// The kernel's name: `vda`.
    pub name: String,
    /// The kind by lsblk's word: `disk`, `rom`, `loop`.
    pub kind: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// The guest's clock against the clock of the machine that the harness runs on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClockReading {
    /// How many seconds the guest's clock is ahead.
    pub offset_s: f64,
    /// Half the round trip of the question, in seconds: the true offset lies within this of the stated one.
    pub uncertainty_s: f64,
}

/// What keeps the clock right, as systemd tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TimeSource {
    /// Whether a time service is switched on.
    pub enabled: bool,
    /// Whether the kernel takes the clock to be synchronised.
    pub synchronised: bool,
}

/// How often the clock is asked; the answer with the shortest round trip counts.
const CLOCK_QUESTIONS: usize = 3;

impl Guest {
    /// Whether a command can be run: `true` is, and ends well.
    pub async fn responds(&self) -> Result<(), GuestError> {
        self.demand(&Command::new(["true"])).await.map(|_| ())
    }

    /// The name of the account that commands run as.
    pub async fn account(&self) -> Result<String, GuestError> {
        self.line(&["id", "-un"], "an account name").await
    }

    /// The number of the account that commands run as.
    pub async fn uid(&self) -> Result<u32, GuestError> {
        self.read(&Command::new(["id", "-u"]), "a user id", parse::number).await
    }

    /// Whether the account becomes root without a password. `sudo` that is missing is an error, not a no.
    pub async fn sudo_works(&self) -> Result<bool, GuestError> {
        match self.ask(&Command::new(["sudo", "-n", "true"])).await {
            Ok(output) => Ok(output.ok()),
            Err(GuestError { kind: GuestErrorKind::Denied, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The hostname.
    pub async fn hostname(&self) -> Result<String, GuestError> {
        self.line(&["hostname"], "a hostname").await
    }

    /// The machine by the kernel's word: `x86_64`.
    pub async fn machine(&self) -> Result<String, GuestError> {
        self.line(&["uname", "-m"], "a machine name").await
    }

    /// The operating system, by its own account.
    pub async fn os_release(&self) -> Result<OsRelease, GuestError> {
        self.read(&Command::new(["cat", "/etc/os-release"]), "os-release", parse::os_release).await
    }

    /// How many processors are available.
    pub async fn cpus(&self) -> Result<u32, GuestError> {
        self.read(&Command::new(["nproc"]), "a number of processors", parse::number).await
    }

    /// Memory that the kernel has to give, in KiB: a little less than the machine's, because the kernel itself is not in it.
    pub async fn memory_kib(&self) -> Result<u64, GuestError> {
        self.read(&Command::new(["cat", "/proc/meminfo"]), "meminfo", parse::memory_kib).await
    }

    /// Block devices that are no partitions.
    pub async fn disks(&self) -> Result<Vec<Disk>, GuestError> {
        let command = Command::new(["lsblk", "-b", "-d", "-n", "-o", "NAME,TYPE,SIZE"]);
        self.read(&command, "a list of disks", parse::disks).await
    }

    /// The guest's clock against the local wall clock, with the round trip halved.
    pub async fn clock(&self) -> Result<ClockReading, GuestError> {
        let command = Command::new(["date", "-u", "+%s.%N"]);
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut best: Option<ClockReading> = None;
        for _ in 0..CLOCK_QUESTIONS {
            let asked = now();
            let there = self.read(&command, "seconds since the epoch", parse::seconds).await?;
            let told = now();
            let reading = ClockReading {
                offset_s: there - f64::midpoint(asked, told),
                uncertainty_s: (told - asked).abs() / 2.0,
            };
            if best.is_none_or(|best| reading.uncertainty_s < best.uncertainty_s) {
                best = Some(reading);
            }
        }
        best.ok_or_else(|| GuestError::argument(&command.line(), "the clock was never asked"))
    }

    /// What keeps the clock right.
    pub async fn time_source(&self) -> Result<TimeSource, GuestError> {
        let command = Command::new(["timedatectl", "show", "-p", "NTP", "-p", "NTPSynchronized"]);
        self.read(&command, "timedatectl's properties", parse::time_source).await
    }

    /// What tells this boot from every other.
    pub async fn boot_id(&self) -> Result<String, GuestError> {
        let command = Command::new(["cat", "/proc/sys/kernel/random/boot_id"]);
        self.read(&command, "a boot id", parse::boot_id).await
    }

    /// What the kernel's random pool holds, in bits: 256 at most since Linux 5.18.
    pub async fn entropy_bits(&self) -> Result<u32, GuestError> {
        let command = Command::new(["cat", "/proc/sys/kernel/random/entropy_avail"]);
        self.read(&command, "a number of bits", parse::number).await
    }

    /// Seconds since the guest was booted.
    pub async fn uptime_s(&self) -> Result<f64, GuestError> {
        let first = |text: &str| parse::seconds(text.split_whitespace().next()?);
        self.read(&Command::new(["cat", "/proc/uptime"]), "an uptime", first).await
    }

    async fn line(&self, words: &[&str], what: &str) -> Result<String, GuestError> {
        self.read(&Command::new(words.iter().copied()), what, parse::one_line).await
    }
}
