//! The configuration's own words.

use levelfield_aws::AwsConfig;
use levelfield_kit::settings::{Budget, Choices, Scale, Services, Settings};
use levelfield_openstack::OpenStackConfig;
use levelfield_static::StaticConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{Date, macros::format_description};

use super::SecretRef;

/// A configuration file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// Version of this format: 1.
    pub format: u32,
    /// The guideline: an edition that this program ships, or the path of a folder. The newest edition when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guideline: Option<String>,
    /// The targets, in the order of the reports.
    pub targets: Vec<TargetConfig>,
    /// Failures that are known and owned, each for a while.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TargetConfig {
    /// Its name in reports and file names: letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// How it is driven.
    // A map of one key, as people write it, where the format would otherwise ask for a `!tag`.
    #[serde(with = "serde_yaml::with::singleton_map_recursive")]
    #[schemars(with = "ProviderConfig")]
    pub provider: ProviderConfig,
    /// Site-specific choices for where the catalogue decides nothing.
    #[serde(rename = "use", default)]
    pub choices: Choices,
    /// What nodes must be able to reach.
    #[serde(default)]
    pub services: Services,
    /// How much of it may be in use at one time.
    #[serde(default)]
    pub budget: Budget,
    /// How many nodes the scale add-on asks for.
    #[serde(default)]
    pub scale: Scale,
}

impl TargetConfig {
    /// The part that behaviours see.
    pub fn settings(&self) -> Settings {
        Settings {
            choices: self.choices.clone(),
            services: self.services.clone(),
            budget: self.budget.clone(),
            scale: self.scale.clone(),
        }
    }
}

/// How a target is driven: the kind of provider, and what that kind needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderConfig {
    /// A simulated cloud: one of the embedded personas, a persona file, or a sim that is running already.
    Sim(SimConfig),
    /// Machines that exist already.
    Static(StaticConfig),
    /// An OpenStack cloud, by its name in `clouds.yaml`.
    #[serde(rename = "openstack")]
    OpenStack(OpenStackConfig),
    /// An AWS account in one region, or another endpoint that speaks EC2's API.
    Aws(AwsConfig),
}

impl ProviderConfig {
    /// The kind, as a configuration names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sim(_) => "sim",
            Self::Static(_) => "static",
            Self::OpenStack(_) => "openstack",
            Self::Aws(_) => "aws",
        }
    }
}

/// A simulated cloud.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SimConfig {
    /// An embedded persona, by name; or the path of a persona file.
    pub persona: String,
    /// Ways in which it violates the standard, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mutations: Vec<String>,
    /// Seed of its randomness; the persona's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// URL of a sim that is running already, as `levelfield sim` prints it; started inside this process when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The token of a sim that is running already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretRef>,
}

/// A failure that is known and owned, for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Waiver {
    /// The target it is for.
    pub target: String,
    /// The behaviour it is for.
    pub behavior: String,
    /// The edition of the guideline it is for.
    pub guideline: String,
    /// Who owns it.
    pub owner: String,
    /// Where it is tracked.
    pub tracker: String,
    /// Why it is accepted for now.
    pub reason: String,
    /// The last day on which it is in force: `2026-12-31`, at most 90 days ahead.
    pub expires: String,
}

impl Waiver {
    /// The last day on which it is in force.
    pub fn expires_on(&self) -> Option<Date> {
        Date::parse(&self.expires, format_description!("[year]-[month]-[day]")).ok()
    }

    /// Whether it is in force on `today` for a behaviour on a target under an edition.
    pub fn covers(&self, target: &str, behavior: &str, edition: &str, today: Date) -> bool {
        self.target == target
            && self.behavior == behavior
            && self.guideline == edition
            && self.expires_on().is_some_and(|expires| today <= expires)
    }

    /// One line for reports.
    pub fn line(&self) -> String {
        format!("{} ({}, until {}): {}", self.owner, self.tracker, self.expires, self.reason)
    }
}
