//! Facts about the machine and its operating system.

use std::{collections::BTreeMap, str::FromStr};

use crate::guest::{Disk, OsRelease, TimeSource};

/// The one line that there is.
pub(in crate::guest) fn one_line(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.lines().count() == 1).then(|| text.to_owned())
}

/// A whole number on a line of its own.
pub(in crate::guest) fn number<N: FromStr>(text: &str) -> Option<N> {
    text.trim().parse().ok()
}

/// A number of seconds, as `date +%s.%N` or `/proc/uptime` write it. Where `date` knows no `%N`, whole seconds.
pub(in crate::guest) fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let text = text.strip_suffix(".%N").or_else(|| text.strip_suffix(".N")).unwrap_or(text);
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|_: &f64| plain)
}

/// A UUID, in lower case.
pub(in crate::guest) fn boot_id(text: &str) -> Option<String> {
    let id = one_line(text)?.to_ascii_lowercase();
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    let hex = id.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    (hex && parts == [8, 4, 4, 4, 12]).then_some(id)
}

/// os-release(5): assignments of a shell, quoted or not.
pub(in crate::guest) fn os_release(text: &str) -> Option<OsRelease> {
    let mut all = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.split_once('=')?;
        let value = shlex::split(value).map_or_else(|| value.trim_matches('"').to_owned(), |words| words.concat());
        all.insert(name.trim().to_owned(), value);
    }
    if !all.contains_key("ID") && !all.contains_key("NAME") {
        return None;
    }
    let take = |name: &str| all.get(name).filter(|value: &&String| !value.is_empty()).cloned();
    Some(OsRelease {
        id: take("ID").unwrap_or_else(|| "linux".to_owned()),
        version_id: take("VERSION_ID"),
        pretty_name: take("PRETTY_NAME"),
        all,
    })
}

/// `MemTotal` of `/proc/meminfo`, in KiB.
pub(in crate::guest) fn memory_kib(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let mut words = line.split_whitespace();
    let amount = words.next()?.parse().ok()?;
    matches!(words.next(), Some("kB") | None).then_some(amount)
}

/// `lsblk -b -d -n -o NAME,TYPE,SIZE`. No line at all is a machine without a disk, as one that boots from the network.
pub(in crate::guest) fn disks(text: &str) -> Option<Vec<Disk>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let (name, kind, bytes) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
            words.next().is_none().then(|| Disk { name: name.to_owned(), kind: kind.to_owned(), bytes })
        })
        .collect()
}

/// `timedatectl show -p NTP -p NTPSynchronized`.
pub(in crate::guest) fn time_source(text: &str) -> Option<TimeSource> {
    let property = |name: &str| {
        let value = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='))?;
        match value {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    };
    Some(TimeSource { enabled: property("NTP")?, synchronised: property("NTPSynchronized")? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEBIAN: &str = r#"PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
SUPPORT_URL="https://www.debian.org/support"
BUG_REPORT_URL="https://bugs.debian.org/"
"#;

    #[test]
    fn os_release_of_debian_12() {
        let release = os_release(DEBIAN).unwrap();
        assert_eq!(release.id, "debian");
        assert_eq!(release.version_id.as_deref(), Some("12"));
        assert_eq!(release.pretty_name.as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(release.all.len(), 9);
    }

    #[test]
    fn os_release_without_id_or_version() {
        let release = os_release("NAME='Arch \\ Linux'\n# x\n\nBUILD_ID=rolling").unwrap();
        assert_eq!((release.id.as_str(), release.version_id), ("linux", None));
        for text in ["", "no assignment", "FOO=bar"] {
            assert_eq!(os_release(text), None, "{text:?}");
        }
    }

    #[test]
    fn single_answers() {
        assert_eq!(one_line("web-1\n").as_deref(), Some("web-1"));
        assert_eq!(one_line("a\nb"), None);
        assert_eq!(one_line("\n"), None);
        assert_eq!(number::<u32>("4\n"), Some(4));
        assert_eq!(number::<u32>("-4"), None);
        assert_eq!(seconds("1795270000.125000000\n"), Some(1_795_270_000.125));
        assert_eq!(seconds("1795270000.N"), Some(1_795_270_000.0));
        for text in ["", "inf", "NaN", "-1", "1e9", "1.2.3"] {
            assert_eq!(seconds(text), None, "{text:?}");
        }
        let id = "01dd1ae7-b0d2-4c65-9d4a-5e8e4b3dd6a0";
        assert_eq!(boot_id(&format!("{id}\n")).as_deref(), Some(id));
        assert_eq!(boot_id("01dd1ae7"), None);
    }

    #[test]
    fn memory_and_disks_of_debian_12() {
        let meminfo = "MemTotal:        2014788 kB\nMemFree:          512 kB\n";
        assert_eq!(memory_kib(meminfo), Some(2_014_788));
        assert_eq!(memory_kib("MemTotal: 3 pages"), None);
        let lsblk = "sr0  rom   1073741312\nvda  disk 10737418240\n";
        let listed = disks(lsblk).unwrap();
        assert_eq!(listed[1], Disk { name: "vda".to_owned(), kind: "disk".to_owned(), bytes: 10_737_418_240 });
        assert_eq!(disks(""), Some(Vec::new()));
        assert_eq!(disks("vda disk 10G"), None);
        assert_eq!(disks("vda disk 10 extra"), None);
    }

    #[test]
    fn time_source_of_debian_12() {
        let source = time_source("NTP=yes\nNTPSynchronized=no\n").unwrap();
        assert!(source.enabled && !source.synchronised);
        assert_eq!(time_source("NTPSynchronized=yes"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).{0,200}") {
            let _ = (one_line(&text), number::<u64>(&text), seconds(&text), boot_id(&text), os_release(&text));
            let _ = (memory_kib(&text), disks(&text), time_source(&text), memory_kib(&format!("MemTotal:{text}")));
        }
    }
}
