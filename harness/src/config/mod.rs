//! What a run is asked to do: targets, waivers, guideline — read from `levelfield.yaml`, or embedded for a first look.

mod connect;
mod embedded;
mod model;
mod secret;

use std::path::{Path, PathBuf};

use levelfield_provider::ProviderError;
use levelfield_yaml::{YamlError, YamlSource};
use time::{Date, OffsetDateTime, macros::format_description};

pub use connect::{connect, persona};
pub use embedded::{EMBEDDED, embedded};
pub use model::{Config, ProviderConfig, SimConfig, TargetConfig, Waiver};
pub use secret::{SecretRef, SecretRefError};

/// The configuration that is read when none is named and the file is there.
pub const DEFAULT_PATH: &str = "levelfield.yaml";

/// Version of the configuration's format.
pub const FORMAT: u32 = 1;

/// For mistakes that nothing can be suggested for.
const NONE: [&str; 0] = [];

/// The longest that a waiver may be in force.
const MOST_WAIVER_DAYS: i64 = 90;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file says something that means nothing.
    #[error(transparent)]
    Yaml(#[from] Box<YamlError>),
    /// A secret that is referred to is not there.
    #[error("target `{target}`: cannot get {what}")]
    Secret {
        /// The target.
        target: String,
        /// What refers to it.
        what: &'static str,
        /// Why it is not there.
        #[source]
        source: SecretRefError,
    },
    /// The configuration's file cannot be read.
    #[error("cannot read the configuration; name its file with --config, or leave that out for the embedded targets")]
    File(#[source] Box<YamlError>),
    /// A target does not answer.
    #[error("target `{target}`: cannot use {what}; {next}")]
    Unreachable {
        /// The target.
        target: String,
        /// What was called, and where.
        what: String,
        /// What to do about it.
        next: &'static str,
        /// What came back.
        #[source]
        source: Box<ProviderError>,
    },
    /// A target's provider could not be made.
    #[error("target `{target}`: cannot use its provider")]
    Provider {
        /// The target.
        target: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A target is of a kind whose provider is not in this build.
    #[error(
        "target `{target}`: this levelfield was built without the provider `{kind}`; in its source folder, \
         `cargo build --release -p levelfield --features {kind}` makes one that has it"
    )]
    LeftOut {
        /// The target.
        target: String,
        /// The kind of provider, which is the feature's name too.
        kind: &'static str,
    },
    /// A target that was asked for by name is not configured.
    #[error("no target is called `{name}`: {}", levelfield_yaml::help(Some(name), known).unwrap_or_default())]
    UnknownTarget {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
}

impl From<YamlError> for ConfigError {
    fn from(error: YamlError) -> Self {
        Self::Yaml(Box::new(error))
    }
}

impl ConfigError {
    fn provider(target: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Provider { target: target.to_owned(), source: source.into() }
    }
}

/// A failure of a provider while it was being connected.
impl From<(&str, ProviderError)> for ConfigError {
    fn from((target, error): (&str, ProviderError)) -> Self {
        Self::provider(target, error)
    }
}

/// Reads the configuration at `path`; without a path, the default file if it is there, else the embedded targets.
///
/// # Errors
/// Every mistake in the file, with its line and the valid values.
pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    let path = match path {
        Some(path) => path.to_owned(),
        None if Path::new(DEFAULT_PATH).exists() => PathBuf::from(DEFAULT_PATH),
        None => return embedded(),
    };
    parse(&YamlSource::open(&path).map_err(|e| ConfigError::File(Box::new(e)))?)
}

/// Reads a configuration from its text.
///
/// # Errors
/// Every mistake in it, with its line and the valid values.
pub fn parse(source: &YamlSource) -> Result<Config, ConfigError> {
    let config: Config = source.parse()?;
    check(&config, source, OffsetDateTime::now_utc().date())?;
    Ok(config)
}

fn check(config: &Config, source: &YamlSource, today: Date) -> Result<(), ConfigError> {
    if config.format != FORMAT {
        let message = format!("format {} is not known to this version", config.format);
        return Err(source.error_at("format", message, vec![FORMAT.to_string()]).into());
    }
    if config.targets.is_empty() {
        return Err(source.error_at("targets", "no target is configured", NONE).into());
    }
    for (index, target) in config.targets.iter().enumerate() {
        let path = format!("targets[{index}].name");
        if !is_name(&target.name) {
            let message = format!("`{}` is no name: use letters, digits, `-`, `_` and `.`", target.name);
            return Err(source.error_at(path.as_str(), message, NONE).into());
        }
        if config.targets[..index].iter().any(|other| other.name == target.name) {
            let message = format!("two targets are called `{}`", target.name);
            return Err(source.error_at(path.as_str(), message, NONE).into());
        }
    }
    for (index, waiver) in config.waivers.iter().enumerate() {
        check_waiver(config, waiver, index, source, today)?;
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn check_waiver(
    config: &Config,
    waiver: &Waiver,
    index: usize,
    source: &YamlSource,
    today: Date,
) -> Result<(), ConfigError> {
    let names: Vec<String> = config.targets.iter().map(|t| t.name.clone()).collect();
    if !names.contains(&waiver.target) {
        let message = format!("no target is called `{}`", waiver.target);
        return Err(source.error_at(format!("waivers[{index}].target").as_str(), message, names).into());
    }
    let path = format!("waivers[{index}].expires");
    let Some(expires) = waiver.expires_on() else {
        let message = format!("`{}` is no date: write it as 2026-12-31", waiver.expires);
        return Err(source.error_at(path.as_str(), message, NONE).into());
    };
    if (expires - today).whole_days() > MOST_WAIVER_DAYS {
        let message = format!("a waiver may be in force for {MOST_WAIVER_DAYS} days at most");
        let latest = today + time::Duration::days(MOST_WAIVER_DAYS);
        return Err(source.error_at(path.as_str(), message, vec![date(latest)]).into());
    }
    Ok(())
}

fn date(date: Date) -> String {
    date.format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}
