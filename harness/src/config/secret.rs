//! Secrets by reference: a configuration names where a secret is, never the secret.

use std::{io, path::PathBuf};

use levelfield_kit::remote::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file; white space at its end does not count.
    File(PathBuf),
}

/// Why a secret is not there.
#[derive(Debug, thiserror::Error)]
pub enum SecretRefError {
    /// The environment variable is not set, or is empty.
    #[error("the environment variable {0} is not set; set it to the secret")]
    NotSet(String),
    /// The file cannot be read.
    #[error("cannot read {path}; put the secret into it, or correct the path")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is empty.
    #[error("{0} is empty; put the secret into it")]
    Empty(PathBuf),
}

impl SecretRef {
    /// The secret itself.
    ///
    /// # Errors
    /// Why it is not there, and what to do.
    pub fn read(&self) -> Result<Secret, SecretRefError> {
        match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(text) if !text.is_empty() => Ok(Secret::new(text)),
                _ => Err(SecretRefError::NotSet(name.clone())),
            },
            Self::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| SecretRefError::Unreadable { path: path.clone(), source })?;
                match text.trim_end() {
                    "" => Err(SecretRefError::Empty(path.clone())),
                    text => Ok(Secret::new(text)),
                }
            }
        }
    }
}
