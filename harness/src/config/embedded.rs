//! The targets that a newcomer's first run uses: three simulated clouds in this very process.

use levelfield_yaml::YamlSource;

use super::{Config, ConfigError, parse};

/// The embedded configuration's text: a working example of the format.
pub const EMBEDDED: &str = include_str!("../../targets/embedded.yaml");

/// The embedded targets.
///
/// # Errors
/// None that a released program shows: the text is checked by a test.
pub fn embedded() -> Result<Config, ConfigError> {
    parse(&YamlSource::new("the embedded configuration", EMBEDDED))
}
