//! Why a persona could not be had.

use levelfield_yaml::YamlError;

/// A persona that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PersonaError {
    /// No embedded persona has that name.
    #[error("no persona `{name}` is embedded; there are {}", .known.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// The text is no persona, or one that no cloud can be; the message names line and key.
    #[error(transparent)]
    Malformed(#[from] YamlError),
}
