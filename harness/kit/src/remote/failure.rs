//! How reaching, logging in and running can fail. Every type here is evidence.

use serde::{Deserialize, Serialize};

use super::HostKey;

/// What a plain TCP connection attempt met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Knock {
    /// The connection was accepted.
    #[error("the port accepts connections")]
    Open,
    /// The host answered that nobody listens there.
    #[error("the connection was refused")]
    Refused,
    /// Nothing came back in time: filtered, or no such host.
    #[error("nothing answered in time")]
    TimedOut,
    /// The network, or the machine that the harness runs on, gave up for another reason.
    #[error("not reachable: {why}")]
    Unreachable {
        /// The operating system's words.
        why: String,
    },
}

impl Knock {
    /// The word used in reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Refused => "refused",
            Self::TimedOut => "timed-out",
            Self::Unreachable { .. } => "unreachable",
        }
    }
}

/// Where in a conversation something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Connected, waiting for the server's first line.
    Banner,
    /// Negotiating algorithms and keys.
    Handshake,
    /// Presenting a credential.
    Authentication,
    /// Opening a channel for a command; the command was not sent yet.
    Channel,
    /// The command was sent.
    Command,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Banner => "banner",
            Self::Handshake => "handshake",
            Self::Authentication => "authentication",
            Self::Channel => "channel",
            Self::Command => "command",
        })
    }
}

/// Why a login did not come about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LoginFailure {
    /// No TCP connection.
    #[error("{0}")]
    Unreachable(Knock),
    /// Connected, and what came first was not an SSH server's banner.
    #[error("no SSH banner: {why}")]
    NoBanner {
        /// What came instead.
        why: String,
    },
    /// Algorithms or keys could not be agreed on.
    #[error("handshake failed: {why}")]
    Handshake {
        /// The library's words.
        why: String,
    },
    /// The server proved to hold a host key other than the expected one.
    #[error("host key mismatch: expected {} {}, got {} {}", expected.algorithm, expected.sha256, presented.algorithm, presented.sha256)]
    HostKeyMismatch {
        /// The key that was known.
        expected: Box<HostKey>,
        /// The key that the server holds.
        presented: Box<HostKey>,
    },
    /// The server declined the credential.
    #[error("login refused ({why}); the server offers {}", if methods.is_empty() { "nothing".to_owned() } else { methods.join(", ") })]
    Refused {
        /// The methods that the server offers instead.
        methods: Vec<String>,
        /// The library's words, for each method tried.
        why: String,
    },
    /// The server accepted the password, and demands a new one before it lets anybody in. Not a refusal.
    #[error("the password was accepted and has expired")]
    PasswordExpired,
    /// The server ended the connection in the middle.
    #[error("disconnected: {why}")]
    Disconnected {
        /// The library's words.
        why: String,
    },
    /// The peer fell silent.
    #[error("timed out in phase {phase}")]
    TimedOut {
        /// Where it fell silent.
        phase: Phase,
    },
    /// The attempt failed on this side: an unreadable key, no file descriptor left.
    #[error("failed here, not there: {why}")]
    Local {
        /// What was wrong.
        why: String,
    },
}

impl LoginFailure {
    /// The word used in reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(knock) => match knock {
                Knock::Open | Knock::Unreachable { .. } => "unreachable",
                Knock::Refused => "port-refused",
                Knock::TimedOut => "port-timed-out",
            },
            Self::NoBanner { .. } => "no-banner",
            Self::Handshake { .. } => "handshake",
            Self::HostKeyMismatch { .. } => "host-key-mismatch",
            Self::Refused { .. } => "refused",
            Self::PasswordExpired => "password-expired",
            Self::Disconnected { .. } => "disconnected",
            Self::TimedOut { .. } => "timed-out",
            Self::Local { .. } => "local",
        }
    }

    /// Whether the server heard the credential out and said no. Anything else leaves open what it would have said.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

/// Why a command gave no exit status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RunFailure {
    /// No session to run it in.
    #[error("login: {failure}")]
    Login {
        /// Why.
        failure: LoginFailure,
    },
    /// The server would not open a channel or start the command.
    #[error("the server would not run it: {why}")]
    Refused {
        /// The library's words.
        why: String,
    },
    /// The connection ended first.
    #[error("disconnected in phase {phase}: {why}")]
    Disconnected {
        /// Whether the command had been sent.
        phase: Phase,
        /// The library's words.
        why: String,
    },
    /// The deadline passed; the connection was torn down. The command may still be running over there.
    #[error("no end after {after_ms} ms in phase {phase}")]
    TimedOut {
        /// Whether the command had been sent.
        phase: Phase,
        /// The deadline that passed, in milliseconds.
        after_ms: u64,
        /// The end of what it had written to its error stream, decoded leniently.
        stderr: String,
    },
    /// The attempt failed on this side: a NUL byte in a word, say.
    #[error("failed here, not there: {why}")]
    Local {
        /// What was wrong.
        why: String,
    },
}

impl RunFailure {
    /// The word used in reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Login { failure } => failure.code(),
            Self::Refused { .. } => "run-refused",
            Self::Disconnected { .. } => "run-disconnected",
            Self::TimedOut { .. } => "run-timed-out",
            Self::Local { .. } => "run-local",
        }
    }

    /// Whether it is certain that the command did not begin, so that sending it again cannot do it twice.
    pub(super) fn before_command(&self) -> bool {
        matches!(self, Self::Disconnected { phase: Phase::Channel, .. } | Self::TimedOut { phase: Phase::Channel, .. })
    }
}

impl From<LoginFailure> for RunFailure {
    fn from(failure: LoginFailure) -> Self {
        Self::Login { failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_read_back_from_evidence() {
        for failure in [
            LoginFailure::Unreachable(Knock::Unreachable { why: "no route".to_owned() }),
            LoginFailure::Unreachable(Knock::Refused),
            LoginFailure::Refused { methods: vec!["publickey".to_owned()], why: "no".to_owned() },
            LoginFailure::TimedOut { phase: Phase::Banner },
            LoginFailure::PasswordExpired,
        ] {
            let text = serde_json::to_string(&failure).unwrap();
            assert_eq!(serde_json::from_str::<LoginFailure>(&text).unwrap(), failure, "{text}");
            let run = RunFailure::from(failure);
            let text = serde_json::to_string(&run).unwrap();
            assert_eq!(serde_json::from_str::<RunFailure>(&text).unwrap(), run, "{text}");
        }
    }

    #[test]
    fn only_a_heard_no_is_a_refusal() {
        assert!(LoginFailure::Refused { methods: vec![], why: String::new() }.is_refusal());
        assert!(!LoginFailure::PasswordExpired.is_refusal());
        assert!(!LoginFailure::Disconnected { why: String::new() }.is_refusal());
    }
}
