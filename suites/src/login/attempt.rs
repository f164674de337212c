//! Real login attempts, told apart by what they really gave: a refusal, a session, a message and nothing more, or no answer.

use levelfield_kit::{
    Ctx,
    remote::{Credential, Door, Entered, HostKey, LoginFailure},
    subject::Way,
};
use serde::{Deserialize, Serialize};

/// One account that was tried, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Attempt {
    /// The account.
    pub(super) account: String,
    /// What came of it.
    pub(super) entry: Entry,
}

/// What a real login attempt gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Entry {
    /// The server heard the credential out and said no.
    Refused {
        /// The methods that it offers instead.
        methods: Vec<String>,
    },
    /// The credential was accepted, and commands run.
    Session {
        /// The account that they run as.
        runs_as: String,
    },
    /// The credential was accepted, and the command asked for did not run: a forced command, or a shell that lets nobody in.
    TurnedAway {
        /// What was said instead.
        said: String,
    },
    /// The password was accepted, and has to be changed before anything else.
    Expired,
    /// The attempt came to no answer.
    Undecided {
        /// The failure's code.
        code: String,
        /// The failure.
        why: String,
    },
}

impl Attempt {
    /// Whether commands run.
    pub(super) fn gave_a_session(&self) -> bool {
        matches!(self.entry, Entry::Session { .. })
    }

    /// Whether the server took the credential for good, whatever it did afterwards.
    pub(super) fn was_accepted(&self) -> bool {
        matches!(self.entry, Entry::Session { .. } | Entry::TurnedAway { .. } | Entry::Expired)
    }

    /// Why nothing is known, if so.
    pub(super) fn undecided(&self) -> Option<String> {
        match &self.entry {
            Entry::Undecided { code, why } => Some(format!("{}: {why} ({code})", self.account)),
            _ => None,
        }
    }
}

/// How often an attempt that comes to no answer is made.
const TRIES: usize = 3;

/// Tries to log in to `account` of the node behind `way`, and to do something there.
pub(super) async fn attempt(ctx: &Ctx, way: &Way, account: &str, credential: &Credential) -> Attempt {
    let door = Door::new(way.door.address, account);
    let mut entry = enter(ctx, &door, credential, way.host_key.as_ref()).await;
    for _ in 1..TRIES {
        if !matches!(entry, Entry::Undecided { .. }) {
            break;
        }
        entry = enter(ctx, &door, credential, way.host_key.as_ref()).await;
    }
    Attempt { account: account.to_owned(), entry }
}

async fn enter(ctx: &Ctx, door: &Door, credential: &Credential, host_key: Option<&HostKey>) -> Entry {
    let session = match ctx.remote.login(door, credential, host_key).await {
        Ok(session) => session,
        Err(LoginFailure::Refused { methods, .. }) => return Entry::Refused { methods },
        Err(LoginFailure::PasswordExpired) => return Entry::Expired,
        Err(failure) => return Entry::Undecided { code: failure.code().to_owned(), why: failure.to_string() },
    };
    match session.entered().await {
        Ok(Entered::Commands { runs_as }) => Entry::Session { runs_as },
        Ok(Entered::TurnedAway { said }) => Entry::TurnedAway { said },
        Err(failure) => Entry::Undecided { code: failure.code().to_owned(), why: failure.to_string() },
    }
}

/// The accounts of `attempts` for which `is` holds, as a reader wants them.
pub(super) fn accounts(attempts: &[Attempt], is: impl Fn(&Attempt) -> bool) -> Option<String> {
    let names: Vec<&str> = attempts.iter().filter(|a| is(a)).map(|a| a.account.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The first attempt of which nothing is known, in words.
pub(super) fn first_undecided(attempts: &[Attempt]) -> Option<String> {
    attempts.iter().find_map(Attempt::undecided)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An attempt at `account` that gave `entry`.
    pub(crate) fn tried(account: &str, entry: Entry) -> Attempt {
        Attempt { account: account.to_owned(), entry }
    }

    /// A plain refusal.
    pub(crate) fn refused() -> Entry {
        Entry::Refused { methods: vec!["publickey".to_owned()] }
    }

    /// A session of that account.
    pub(crate) fn session(account: &str) -> Entry {
        Entry::Session { runs_as: account.to_owned() }
    }

    /// What cloud images do to root.
    pub(crate) fn turned_away() -> Entry {
        Entry::TurnedAway { said: "Please login as the user \"debian\"".to_owned() }
    }

    /// No answer.
    pub(crate) fn undecided() -> Entry {
        Entry::Undecided { code: "port-timed-out".to_owned(), why: "nothing answered in time".to_owned() }
    }

    #[test]
    fn only_a_command_that_runs_is_a_session() {
        for (entry, accepted, gives_session) in [
            (refused(), false, false),
            (session("root"), true, true),
            (turned_away(), true, false),
            (Entry::Expired, true, false),
            (undecided(), false, false),
        ] {
            let attempt = tried("root", entry);
            assert_eq!((attempt.was_accepted(), attempt.gave_a_session()), (accepted, gives_session), "{attempt:?}");
        }
    }
}
