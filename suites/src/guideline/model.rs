//! What a guideline states, as its files spell it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use levelfield_provider::Capability;
use levelfield_reports::event::BehaviorInfo;
use levelfield_yaml::YamlSource;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    filter::Filter,
    profiles::{ProfileBody, Profiles},
};

/// Version of the format of a guideline's files.
pub const FORMAT: u32 = 1;

/// One edition of the standard, read and checked.
#[derive(Clone, Debug)]
pub struct Guideline {
    /// The edition: `2026.11`.
    pub edition: String,
    /// Its title.
    pub title: String,
    /// What it is and whom it is for, in Markdown.
    pub preface: String,
    /// The eight steps of node allocation, in order.
    pub steps: Vec<Step>,
    /// Named selections, in the file's order.
    pub profiles: Profiles,
    /// The suites, in order.
    pub suites: Vec<Suite>,
    /// What is not judged, and why.
    pub untested: Vec<Untested>,
    /// Every behaviour: by suite, and within a suite in its file's order.
    pub behaviors: Vec<Behavior>,
    pub(super) selects: BTreeMap<String, Filter>,
    pub(super) sha256: String,
    pub(super) sources: BTreeMap<String, YamlSource>,
}

/// `edition.yaml`: everything of an edition but its behaviours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EditionFile {
    /// Version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub format: u32,
    /// The edition, as year and month: `2026.11`. Also the name of the folder.
    #[schemars(regex(pattern = r"^\d{4}\.\d{2}$"))]
    pub edition: String,
    /// The edition's title.
    pub title: String,
    /// What the standard is and whom it is for, in Markdown.
    pub preface: String,
    /// The eight steps of node allocation, in order.
    pub steps: Vec<Step>,
    /// Named selections of behaviours.
    #[schemars(with = "BTreeMap<String, ProfileBody>")]
    pub profiles: Profiles,
    /// The suites, in the order of the standard. Each has a file of its name.
    pub suites: Vec<Suite>,
    /// What is not judged.
    #[serde(default)]
    pub untested: Vec<Untested>,
}

/// `<suite>.yaml`: the behaviours of one suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SuiteFile {
    /// The suite, as in the file's name.
    #[schemars(regex(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"))]
    pub suite: String,
    /// Its behaviours.
    pub behaviors: Vec<Behavior>,
}

/// One of the eight steps of node allocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// Which one, 1 to 8.
    #[schemars(range(min = 1, max = 8))]
    pub step: u8,
    /// What is done.
    pub title: String,
    /// What an automation needs it for.
    pub why: String,
}

/// A suite of behaviours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Suite {
    /// Its name, the first half of its behaviours' ids.
    #[schemars(regex(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"))]
    pub suite: String,
    /// What it is about.
    pub title: String,
    /// What an automation needs it for.
    pub why: String,
}

/// Something that the standard does not judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Untested {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Behavior {
    /// `suite/name`; stable for ever, never reused.
    #[schemars(regex(pattern = "^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$"))]
    pub id: String,
    /// The step of node allocation it belongs to, 1 to 8; none for what goes beyond the steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 8))]
    pub step: Option<u8>,
    /// The requirement, in one sentence.
    pub title: String,
    /// Who must fulfil it.
    pub level: Level,
    /// Whether it counts.
    pub status: Status,
    /// What a target must be able to do for it to be observed.
    #[serde(default)]
    pub needs: Vec<Capability>,
    /// What AWS does, and where that is documented.
    pub reference: Reference,
    /// What breaks for automation where it does not hold.
    pub why: String,
    /// Other ways that are accepted, each reported as a deviation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// The parameters of its judge. Their types belong to the behaviour's code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expect: BTreeMap<String, serde_json::Value>,
    /// The violations that the check is proven to catch. None only for what was removed.
    #[serde(default)]
    pub mutations: Vec<String>,
}

impl Behavior {
    /// The suite, from the id.
    pub fn suite(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }
}

impl From<&Behavior> for BehaviorInfo {
    fn from(behavior: &Behavior) -> Self {
        Self {
            title: behavior.title.clone(),
            step: behavior.step,
            level: behavior.level.to_string(),
            status: behavior.status.to_string(),
            why: behavior.why.trim_end().to_owned(),
            reference: behavior.reference.to_string(),
            needs: behavior.needs.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What AWS does, or what an RFC demands, and where that is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reference {
    /// What it does.
    pub behavior: String,
    /// Where it is documented: an address, or an RFC and its clause.
    pub source: String,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.behavior.trim_end(), self.source.trim_end())
    }
}

/// Another way that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Alternative {
    /// Its name, as evidence reports it.
    pub pattern: String,
    /// What is accepted.
    pub accepts: String,
    /// What that means for automation.
    pub effect: String,
    /// What automation can do about it.
    pub work_around: String,
}

/// Who must fulfil a behaviour.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every target.
    Core,
    /// Targets that claim it.
    Extended,
    /// Targets that claim the add-on of this name.
    AddOn(String),
}

impl Level {
    /// The word that files, filters and reports use.
    pub fn id(&self) -> &str {
        match self {
            Self::Core => "core",
            Self::Extended => "extended",
            Self::AddOn(name) => name,
        }
    }
}

impl From<&str> for Level {
    fn from(word: &str) -> Self {
        match word {
            "core" => Self::Core,
            "extended" => Self::Extended,
            name => Self::AddOn(name.to_owned()),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|word| Self::from(word.as_str()))
    }
}

impl JsonSchema for Level {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Level".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Who must fulfil a behaviour: every target (`core`), those that claim it (`extended`), or those that claim the add-on named here.",
            "type": "string",
            "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
            "examples": ["core", "extended"],
        })
    }
}

/// Whether a behaviour counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It counts.
    Required,
    /// It is observed and reported, and will count in a later edition.
    Advisory,
    /// It still counts, and will not in a later edition.
    Deprecated,
    /// It is kept for its id alone and never run.
    Removed,
}

impl Status {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Required, Self::Advisory, Self::Deprecated, Self::Removed];

    /// The word that files, filters and reports use.
    pub fn id(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Advisory => "advisory",
            Self::Deprecated => "deprecated",
            Self::Removed => "removed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A word that names no [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown status `{0}`")]
pub struct UnknownStatus(pub String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.into_iter().find(|status| status.id() == word).ok_or_else(|| UnknownStatus(word.to_owned()))
    }
}

/// Whether `word` is lower-case words joined by single hyphens.
pub(super) fn is_kebab(word: &str) -> bool {
    word.split('-')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

impl Guideline {
    /// The behaviours that `filter` selects, in the guideline's order. What was removed is never selected.
    pub fn select<'g>(&'g self, filter: &'g Filter) -> impl Iterator<Item = &'g Behavior> {
        self.behaviors.iter().filter(|behavior| behavior.status != Status::Removed && filter.selects(behavior))
    }

    /// SHA-256 over the files in order, each as name, NUL, content; in hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Every level that a behaviour has: core, extended, then the add-ons by name.
    pub fn levels(&self) -> BTreeSet<&Level> {
        self.behaviors.iter().map(|behavior| &behavior.level).collect()
    }
}
