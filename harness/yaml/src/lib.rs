//! YAML read with diagnostics: file, line, key, and what was meant.
//!
//! Every file that a person writes for Levelfield (configurations, guidelines, waivers) is read here, so every mistake in one is
//! answered in the same four lines:
//!
//! ```text
//! levelfield.yaml:12:7: unknown key `flavour` in targets[0].use
//!    12 |       flavour: small
//!       |       ^
//! help: did you mean `flavor`? valid here: flavor, image, network
//! ```
//!
//! A text is bounded in size, parsed once into a [`serde_yaml::Value`] (which refuses keys given twice, at any depth), and once
//! into its type. What serde forgets about a mistake's place is found again from the key path. A caller that finds a mistake
//! later, in a text that parsed, makes the same diagnostic with [`YamlSource::error_at`].

mod error;
mod locate;
mod nearest;
mod path;
mod source;
mod words;

use std::path::Path;

use serde::de::DeserializeOwned;

pub use error::{Diagnostic, Position, YamlError};
pub use nearest::{help, nearest};
pub use path::{KeyPath, Segment};
pub use source::{MAX_BYTES, YamlSource};

/// Reads `text` as a `T`. Diagnostics call the text `name`.
///
/// # Errors
///
/// The text is larger than [`MAX_BYTES`], is not YAML, gives a key twice, or does not fit `T`.
pub fn read_str<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, YamlError> {
    YamlSource::new(name, text).parse()
}

/// Reads the file at `path` as a `T`.
///
/// # Errors
///
/// Those of [`read_str`], and: the file can't be read, or is not UTF-8.
pub fn read_file<T: DeserializeOwned>(path: impl AsRef<Path>) -> Result<T, YamlError> {
    YamlSource::open(path)?.parse()
}
