//! The guest probes: typed facts about a node, asked for over SSH by the commands of the guest contract.
//!
//! A [`Guest`] wraps a [`Shell`] and answers each question with a type of its own, or with a [`GuestError`] that says what was run
//! and what came back. A command that is missing is told apart from one that failed, and from an answer that cannot be read;
//! none of them is ever an empty answer. Parsing is done by pure functions that take any bytes.

mod accounts;
mod alter;
mod error;
mod files;
mod network;
mod parse;
mod put_back;
mod system;

#[cfg(test)]
mod tests;

pub use accounts::{Account, AuthorizedKey, AuthorizedKeys};
pub use alter::{Alteration, AlteredFile};
pub use error::{GuestError, GuestErrorKind};
pub use network::{HttpAnswer, HttpOutcome, HttpProbe, Interface, Ping, Route};
pub use put_back::LoginRules;
pub use system::{ClockReading, Disk, OsRelease, TimeSource};

use crate::remote::{Command, Output, Shell};

/// One account of one node, as seen from inside.
#[derive(Clone, Debug)]
pub struct Guest {
    shell: Shell,
}

impl Guest {
    /// The guest behind `shell`.
    pub fn new(shell: Shell) -> Self {
        Self { shell }
    }

    /// The shell that the questions are asked through.
    pub fn shell(&self) -> &Shell {
        &self.shell
    }

    /// `words` as root: behind `sudo -n`, unless the session is root's already.
    fn root<W: Into<String>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let command = Command::new(words);
        if self.shell.is_root() { command } else { command.with_sudo() }
    }

    /// Runs `command`; any end of it is an answer, but for a command that is missing and a `sudo` that refuses.
    async fn ask(&self, command: &Command) -> Result<Output, GuestError> {
        let output = self.shell.run(command).await.map_err(|failure| GuestError::session(command, failure))?;
        error::classify(command, &output).map_or(Ok(output), Err)
    }

    /// Runs `command`, which must end with status 0.
    async fn demand(&self, command: &Command) -> Result<Output, GuestError> {
        let output = self.ask(command).await?;
        if output.ok() { Ok(output) } else { Err(GuestError::failed(command, &output)) }
    }

    /// Runs `command`, which must end with status 0, and reads what it wrote.
    async fn read<T>(
        &self,
        command: &Command,
        what: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, GuestError> {
        let output = self.demand(command).await?;
        parse(&output.text()).ok_or_else(|| GuestError::unreadable(command, what, &output))
    }
}
