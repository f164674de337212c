//! How a question to a guest can fail.

use crate::remote::{Command, Output, RunFailure};

/// A question that got no usable answer: what was run, and what came back.
#[derive(Debug, thiserror::Error)]
#[error("`{command}`: {kind}")]
pub struct GuestError {
    /// The line that was sent.
    pub command: String,
    /// What came back.
    pub kind: GuestErrorKind,
}

/// What came back instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuestErrorKind {
    /// The node has no such command (status 127).
    #[error("the node has no such command")]
    Missing,
    /// `sudo` would not do it without a password.
    #[error("the account may not become root without a password")]
    Denied,
    /// It ended otherwise than it should.
    #[error("ended with {}{}", ending(*status, signal.as_deref()), if stderr.is_empty() { String::new() } else { format!(": {stderr}") })]
    Failed {
        /// The exit status; -1 when a signal ended it.
        status: i32,
        /// The signal that ended it, without `SIG`.
        signal: Option<String>,
        /// The beginning of its error stream.
        stderr: String,
    },
    /// It ended well, and what it wrote is no answer to the question.
    #[error("its answer cannot be read as {what}: {answer:?}")]
    Unreadable {
        /// What was expected.
        what: String,
        /// The beginning of what it wrote.
        answer: String,
    },
    /// There was no session, or it broke.
    #[error("{0}")]
    Session(RunFailure),
}

fn ending(status: i32, signal: Option<&str>) -> String {
    signal.map_or_else(|| format!("status {status}"), |signal| format!("signal {signal}"))
}

/// The most characters of an answer or a complaint that an error quotes.
const QUOTE: usize = 400;

fn quote(text: &str) -> String {
    text.trim().chars().take(QUOTE).collect()
}

impl GuestError {
    /// The word used in reports.
    pub fn code(&self) -> &'static str {
        match &self.kind {
            GuestErrorKind::Missing => "command-missing",
            GuestErrorKind::Denied => "sudo-denied",
            GuestErrorKind::Failed { .. } => "command-failed",
            GuestErrorKind::Unreadable { .. } => "answer-unreadable",
            GuestErrorKind::Session(failure) => failure.code(),
        }
    }

    pub(super) fn session(command: &Command, failure: RunFailure) -> Self {
        Self { command: command.line(), kind: GuestErrorKind::Session(failure) }
    }

    pub(super) fn failed(command: &Command, output: &Output) -> Self {
        let stderr = quote(&output.complaint());
        let kind = GuestErrorKind::Failed { status: output.status, signal: output.signal.clone(), stderr };
        Self { command: command.line(), kind }
    }

    pub(super) fn unreadable(command: &Command, what: &str, output: &Output) -> Self {
        Self::unreadable_text(command, what, &output.text())
    }

    pub(super) fn unreadable_text(command: &Command, what: &str, answer: &str) -> Self {
        let kind = GuestErrorKind::Unreadable { what: what.to_owned(), answer: quote(answer) };
        Self { command: command.line(), kind }
    }

    /// An argument that must not reach the node.
    pub(super) fn argument(command: &str, what: &str) -> Self {
        let kind = GuestErrorKind::Session(RunFailure::Local { why: what.to_owned() });
        Self { command: command.to_owned(), kind }
    }
}

/// The error in an output that no question wants for an answer: a missing command, a `sudo` that refuses.
pub(super) fn classify(command: &Command, output: &Output) -> Option<GuestError> {
    if output.ok() {
        return None;
    }
    let kind = if output.status == 127 {
        GuestErrorKind::Missing
    } else if command.words().first().is_some_and(|word| word == "sudo") {
        sudo_refusal(&output.complaint())?
    } else {
        return None;
    };
    Some(GuestError { command: command.line(), kind })
}

fn sudo_refusal(complaint: &str) -> Option<GuestErrorKind> {
    let said = |words: &[&str]| complaint.lines().any(|line| words.iter().any(|word| line.contains(word)));
    if said(&["sudo: a password is required", "sudo: a terminal is required", "is not in the sudoers file"])
        || said(&[
            "may not run sudo",
            "is not allowed to run sudo",
            "is not allowed to execute",
            "sudo: I'm afraid I can't do that",
        ])
    {
        Some(GuestErrorKind::Denied)
    } else if complaint.lines().any(|line| line.starts_with("sudo: ") && line.ends_with(": command not found")) {
        Some(GuestErrorKind::Missing)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: i32, stderr: &str) -> Output {
        let stderr = stderr.as_bytes().to_vec();
        Output { status, signal: None, stdout: Vec::new(), stderr, truncated: false, took_ms: 1 }
    }

    #[test]
    fn missing_denied_and_failed_are_told_apart() {
        let plain = Command::new(["nproc"]);
        let root = Command::new(["nproc"]).with_sudo();
        let kind = |command, status, stderr| classify(command, &ended(status, stderr)).map(|e| e.kind);
        assert_eq!(kind(&plain, 127, "sh: 1: nproc: not found"), Some(GuestErrorKind::Missing));
        assert_eq!(kind(&root, 1, "sudo: nproc: command not found"), Some(GuestErrorKind::Missing));
        assert_eq!(kind(&root, 1, "sudo: a password is required"), Some(GuestErrorKind::Denied));
        assert_eq!(kind(&root, 1, "debian is not in the sudoers file."), Some(GuestErrorKind::Denied));
        assert_eq!(kind(&root, 1, "nproc: no"), None);
        assert_eq!(kind(&plain, 1, "sudo: a password is required"), None);
    }

    #[test]
    fn an_error_says_what_was_run_and_what_came_back() {
        let error = GuestError::failed(&Command::new(["cat", "a b"]), &ended(1, "no\n"));
        assert_eq!(error.to_string(), "`cat 'a b'`: ended with status 1: no");
    }
}
