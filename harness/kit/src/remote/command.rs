//! One command with plain arguments, and what came back.

use std::{borrow::Cow, fmt, time::Duration};

/// The most bytes kept of each output stream. The rest is read and dropped, and [`Output::truncated`] says so.
pub const OUTPUT_LIMIT: usize = 1 << 20;

/// An argument vector to run on a node, as the guest contract has it: no pipes, no redirection, no variables.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    words: Vec<String>,
    stdin: Vec<u8>,
    within: Option<Duration>,
}

impl Command {
    /// The program and its arguments.
    pub fn new<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self { words: words.into_iter().map(Into::into).collect(), stdin: Vec::new(), within: None }
    }

    /// With `bytes` on its standard input, which otherwise is empty.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// With a deadline of its own, in wall-clock time, instead of the client's default.
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.within = Some(within);
        self
    }

    /// As root: behind `sudo -n`.
    #[must_use]
    pub fn with_sudo(mut self) -> Self {
        self.words.splice(0..0, ["sudo".to_owned(), "-n".to_owned()]);
        self
    }

    /// The program and its arguments.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// What its standard input is fed.
    pub fn input(&self) -> &[u8] {
        &self.stdin
    }

    /// Its own deadline, if it has one.
    pub fn deadline(&self) -> Option<Duration> {
        self.within
    }

    /// The line that is sent: each word quoted for a POSIX shell, joined by single spaces.
    pub fn line(&self) -> String {
        self.words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
    }
}

/// The line and the size of the input; never the input, which may hold a password.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({}", self.line())?;
        if !self.stdin.is_empty() {
            write!(f, " < {} bytes", self.stdin.len())?;
        }
        f.write_str(")")
    }
}

/// `word` as a POSIX shell reads it back unchanged: bare where that is safe, in single quotes elsewhere.
fn quote(word: &str) -> Cow<'_, str> {
    let bare = |c: char| c.is_ascii_alphanumeric() || "_-./:,@+%".contains(c);
    if !word.is_empty() && word.chars().all(bare) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

/// What a command that ended left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit status; -1 when a signal ended it.
    pub status: i32,
    /// The signal that ended it, without `SIG`: `KILL`.
    pub signal: Option<String>,
    /// Standard output, up to [`OUTPUT_LIMIT`] bytes.
    pub stdout: Vec<u8>,
    /// The error stream, up to [`OUTPUT_LIMIT`] bytes.
    pub stderr: Vec<u8>,
    /// Whether more was written to either stream than was kept.
    pub truncated: bool,
    /// From before the channel was opened until the end was known, in milliseconds.
    pub took_ms: u64,
}

impl Output {
    /// Whether it ended by itself with status 0.
    pub fn ok(&self) -> bool {
        self.status == 0 && self.signal.is_none()
    }

    /// Standard output, decoded leniently.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// The error stream, decoded leniently, without the white space around it.
    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_needs_quotes_is_quoted() {
        let command = Command::new(["curl", "-H", "Name: value", "http://a/?b=c&d", "", "it's", "a=b"]);
        assert_eq!(command.line(), r"curl -H 'Name: value' 'http://a/?b=c&d' '' 'it'\''s' 'a=b'");
        assert!(!format!("{:?}", Command::new(["chpasswd"]).stdin("a:canary")).contains("canary"));
        assert_eq!(Command::new(["cat", "/x"]).with_sudo().line(), "sudo -n cat /x");
    }

    proptest! {
        #[test]
        fn a_shell_reads_every_word_back(words in proptest::collection::vec("[^\0]{0,12}", 1..6)) {
            let line = Command::new(words.clone()).line();
            prop_assert_eq!(shlex::split(&line), Some(words));
        }
    }
}
