//! Accounts, their keys, and the SSH server's settings.

use std::collections::BTreeMap;

use crate::{
    guest::{Account, AuthorizedKey, AuthorizedKeys},
    remote::HostKey,
};

/// `getent passwd`, line by line; lines of another shape (NIS remnants such as `+::::::`) are left out. `None` if nothing is left.
pub(in crate::guest) fn passwd(text: &str) -> Option<Vec<Account>> {
    let accounts: Vec<Account> = text
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, uid, _, _, home, shell] = fields[..] else { return None };
            let uid = uid.parse().ok()?;
            (!name.is_empty()).then(|| Account {
                name: name.to_owned(),
                uid,
                home: home.to_owned(),
                // An empty field means the standard shell: passwd(5).
                shell: if shell.is_empty() { "/bin/sh".to_owned() } else { shell.to_owned() },
            })
        })
        .collect();
    (!accounts.is_empty()).then_some(accounts)
}

/// An `authorized_keys` file: `sshd(8)`, section "`AUTHORIZED_KEYS` FILE FORMAT".
pub(in crate::guest) fn authorized_keys(path: &str, text: &str) -> AuthorizedKeys {
    let mut keys = Vec::new();
    let mut unreadable = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match authorized_key(line) {
            Some(key) => keys.push(key),
            None => unreadable.push(line.chars().take(200).collect()),
        }
    }
    AuthorizedKeys { path: path.to_owned(), keys, unreadable }
}

/// One line: options, if any, before the key, in which a quoted part may hold white space.
pub(in crate::guest) fn authorized_key(line: &str) -> Option<AuthorizedKey> {
    let (options, key) = if HostKey::from_line(line).is_ok() {
        (None, line)
    } else {
        let end = options_end(line);
        (Some(line[..end].to_owned()).filter(|options| !options.is_empty()), line[end..].trim_start())
    };
    let public = HostKey::from_line(key).ok()?;
    let comment = key.split_ascii_whitespace().skip(2).collect::<Vec<_>>().join(" ");
    Some(AuthorizedKey { public, options, comment })
}

/// Where the options end: at the first white space outside quotes.
fn options_end(line: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b' ' | b'\t' if !quoted => return at,
            _ => {}
        }
    }
    line.len()
}

/// `sshd -T`: a keyword in lower case and its value on each line; values of a keyword that comes again are joined by spaces.
pub(in crate::guest) fn sshd_settings(text: &str) -> Option<BTreeMap<String, String>> {
    let mut settings = BTreeMap::<String, String>::new();
    for line in text.lines() {
        let Some((keyword, value)) = line.trim().split_once(' ') else { continue };
        settings
            .entry(keyword.to_ascii_lowercase())
            .and_modify(|all| {
                all.push(' ');
                all.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }
    ["port", "permitrootlogin", "passwordauthentication"]
        .iter()
        .any(|word| settings.contains_key(*word))
        .then_some(settings)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn passwd_of_debian_12() {
        let text = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n+::::::\n\
                    debian:x:1000:1000:Debian:/home/debian:/bin/bash\nold:x:1001:1001::/home/old:\n";
        let accounts = passwd(text).unwrap();
        let names: Vec<&str> = accounts.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names, ["root", "daemon", "debian", "old"]);
        let login: Vec<bool> = accounts.iter().map(Account::can_log_in).collect();
        assert_eq!(login, [true, false, true, true]);
        assert_eq!(passwd("garbage\n"), None);
    }

    #[test]
    fn keys_with_and_without_options() {
        let cloud_init = format!(
            "no-port-forwarding,command=\"echo 'Please login as the user \\\"debian\\\" rather than \\\"root\\\".';sleep 10\" {KEY} me"
        );
        let text = format!("# comment\n\n{KEY} a b\n{cloud_init}\nssh-ed25519 broken\n");
        let read = authorized_keys("/root/.ssh/authorized_keys", &text);
        assert_eq!(read.keys.len(), 2);
        assert_eq!((read.keys[0].comment.as_str(), &read.keys[0].options), ("a b", &None));
        assert!(read.keys[1].options.as_deref().unwrap().ends_with("sleep 10\""));
        assert_eq!(read.keys[0].public, read.keys[1].public);
        assert_eq!(read.unreadable, ["ssh-ed25519 broken"]);
    }

    #[test]
    fn sshd_settings_of_debian_12() {
        let text = "port 22\naddressfamily any\npermitrootlogin without-password\npasswordauthentication no\n\
                    acceptenv LANG\nacceptenv LC_*\n";
        let settings = sshd_settings(text).unwrap();
        assert_eq!(settings["permitrootlogin"], "without-password");
        assert_eq!(settings["acceptenv"], "LANG LC_*");
        assert_eq!(sshd_settings("nothing here"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).{0,200}") {
            let _ = (passwd(&text), authorized_keys("x", &text), sshd_settings(&text));
            let _ = authorized_key(&format!("{text}\" {KEY}"));
            let _ = authorized_key(&format!("a=\"{text} {KEY}"));
        }
    }
}
