//! What a node's SSH server permits: read from its configuration files as OpenSSH reads them, where the first value wins.

use super::files::Files;

/// Who may log in as root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RootLogin {
    /// By any method.
    Yes,
    /// By key only.
    #[default]
    ByKey,
    /// Not at all.
    No,
}

/// The settings in effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) password: bool,
    pub(crate) keyboard: bool,
    pub(crate) root: RootLogin,
}

/// A line that `sshd -t` would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} line {line}: {why}")]
pub(crate) struct BadLine {
    path: String,
    line: usize,
    why: String,
}

const MAIN: &str = "/etc/ssh/sshd_config";
const FOLDER: &str = "/etc/ssh/sshd_config.d";

impl Policy {
    /// The settings that `files` amount to.
    ///
    /// # Errors
    /// The first line that is not understood.
    pub(crate) fn read(files: &Files) -> Result<Self, BadLine> {
        let mut settings = Settings::default();
        settings.file(files, MAIN, true)?;
        Ok(Self {
            // OpenSSH's own defaults.
            password: settings.password.unwrap_or(true),
            keyboard: settings.keyboard.unwrap_or(true),
            root: settings.root.unwrap_or_default(),
        })
    }

    /// As `sshd -T` prints it, with some of the settings that do not change.
    pub(crate) fn effective(self) -> String {
        let yes = |on| if on { "yes" } else { "no" };
        let root = match self.root {
            RootLogin::Yes => "yes",
            RootLogin::ByKey => "without-password",
            RootLogin::No => "no",
        };
        format!(
            "port 22\naddressfamily any\npermitrootlogin {root}\npubkeyauthentication yes\npasswordauthentication {}\n\
             kbdinteractiveauthentication {}\nusepam yes\nauthorizedkeysfile .ssh/authorized_keys\n",
            yes(self.password),
            yes(self.keyboard),
        )
    }
}

#[derive(Default)]
struct Settings {
    password: Option<bool>,
    keyboard: Option<bool>,
    root: Option<RootLogin>,
}

impl Settings {
    fn file(&mut self, files: &Files, path: &str, may_include: bool) -> Result<(), BadLine> {
        for (index, line) in files.text(path).lines().enumerate() {
            let bad = |why: String| BadLine { path: path.to_owned(), line: index + 1, why };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (keyword, value) = line.split_once([' ', '\t', '=']).unwrap_or((line, ""));
            let value = value.trim().trim_matches('"');
            match keyword.to_ascii_lowercase().as_str() {
                "include" if may_include && value.starts_with(FOLDER) => {
                    let below: Vec<_> = files.below(FOLDER).map(|(path, _)| path.to_owned()).collect();
                    for path in below
                        .iter()
                        .filter(|path| std::path::Path::new(path).extension().is_some_and(|is| is == "conf"))
                    {
                        self.file(files, path, false)?;
                    }
                }
                // What follows holds for some connections only, and none of those here.
                "match" => return Ok(()),
                "passwordauthentication" => {
                    let on = yes_no(value).ok_or_else(|| bad(format!("unsupported option \"{value}\".")))?;
                    self.password.get_or_insert(on);
                }
                "kbdinteractiveauthentication" | "challengeresponseauthentication" => {
                    let on = yes_no(value).ok_or_else(|| bad(format!("unsupported option \"{value}\".")))?;
                    self.keyboard.get_or_insert(on);
                }
                "permitrootlogin" => {
                    let root = match value {
                        "yes" => RootLogin::Yes,
                        "no" => RootLogin::No,
                        "prohibit-password" | "without-password" => RootLogin::ByKey,
                        _ => return Err(bad(format!("unsupported option \"{value}\"."))),
                    };
                    self.root.get_or_insert(root);
                }
                _ if value.is_empty() => return Err(bad(format!("Bad configuration option: {keyword}"))),
                _ => {}
            }
        }
        Ok(())
    }
}

fn yes_no(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(files: &[(&str, &str)]) -> Result<Policy, BadLine> {
        let mut all = Files::default();
        for (path, text) in files {
            all.put(path, 0o644, *text);
        }
        Policy::read(&all)
    }

    #[test]
    fn the_first_value_wins_in_the_order_of_inclusion() {
        let include =
            "Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\n";
        let read = policy(&[
            (MAIN, include),
            ("/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n"),
            ("/etc/ssh/sshd_config.d/00-levelfield.conf", "passwordauthentication no\nPermitRootLogin=yes\n"),
            ("/etc/ssh/sshd_config.d/00-off.conf.bak", "PermitRootLogin no\n"),
        ]);
        assert_eq!(read, Ok(Policy { password: false, keyboard: false, root: RootLogin::Yes }));
    }

    #[test]
    fn without_an_include_the_folder_does_not_count() {
        let read = policy(&[
            (MAIN, "# nothing\nMatch User git\n  PasswordAuthentication no\n"),
            ("/etc/ssh/sshd_config.d/00-levelfield.conf", "PasswordAuthentication no\n"),
        ]);
        assert_eq!(read, Ok(Policy { password: true, keyboard: true, root: RootLogin::ByKey }));
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = policy(&[(MAIN, "\nPasswordAuthentication maybe\n")]).unwrap_err();
        assert_eq!(error.to_string(), "/etc/ssh/sshd_config line 2: unsupported option \"maybe\".");
    }
}
