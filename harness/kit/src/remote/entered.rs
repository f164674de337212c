//! What a session that was let in is good for: a server may take a key and run nothing that it is asked for.

use super::{Command, RunFailure, Session};

/// The most of what was said instead that is kept, in characters.
const KEPT: usize = 400;

/// What a session is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// Commands run.
    Commands {
        /// The account that they run as.
        runs_as: String,
    },
    /// The command asked for did not run: a forced command, or a shell that lets nobody in.
    TurnedAway {
        /// What was said instead.
        said: String,
    },
}

impl Session {
    /// Asks for the account that commands run as, which tells whether any run at all.
    ///
    /// # Errors
    /// Whatever keeps a command from an answer.
    pub async fn entered(&self) -> Result<Entered, RunFailure> {
        let output = self.run(&Command::new(["id", "-un"])).await?;
        let said = output.text().trim().to_owned();
        // A forced command answers in words of its own; only the one asked for answers with one bare name.
        if output.ok() && !said.is_empty() && !said.contains(char::is_whitespace) {
            return Ok(Entered::Commands { runs_as: said });
        }
        let said = if said.is_empty() { output.complaint() } else { said };
        Ok(Entered::TurnedAway { said: said.chars().take(KEPT).collect() })
    }
}
