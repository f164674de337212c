//! What a command failed for, and the exit code that stands for it.

use levelfield_reports::overall::Outcome;

/// A command that could not be carried out.
pub(super) struct Failure {
    outcome: Outcome,
    error: anyhow::Error,
}

impl Failure {
    /// The command line or the configuration is wrong.
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { outcome: Outcome::Usage, error: error.into() }
    }

    /// Something kept the command from being finished.
    pub(super) fn incomplete(error: impl Into<anyhow::Error>) -> Self {
        Self { outcome: Outcome::Incomplete, error: error.into() }
    }

    /// The same, with what was being done before the rest.
    pub(super) fn while_doing(self, what: String) -> Self {
        Self { error: self.error.context(what), ..self }
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The error and every cause beneath it.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for cause in self.error.chain() {
            let text = cause.to_string();
            // Transparent wrappers say the same thing twice.
            if lines.last().is_none_or(|last| !last.contains(&text)) {
                lines.push(text);
            }
        }
        lines
    }
}

/// Shorthand for the `?` of commands whose errors are the caller's.
pub(super) trait OrUsage<T> {
    /// The value, or a failure with the exit code for usage.
    fn or_usage(self) -> Result<T, Failure>;
    /// The value, or a failure with the exit code for an incomplete run.
    fn or_incomplete(self) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrUsage<T> for Result<T, E> {
    fn or_usage(self) -> Result<T, Failure> {
        self.map_err(Failure::usage)
    }

    fn or_incomplete(self) -> Result<T, Failure> {
        self.map_err(Failure::incomplete)
    }
}
