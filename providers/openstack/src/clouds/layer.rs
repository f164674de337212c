//! Keys with their origins, laid over each other: a profile, the cloud, its secrets, its region.

use std::{collections::BTreeMap, rc::Rc};

use levelfield_yaml::{KeyPath, YamlSource};
use serde_yaml::{Mapping, Value};

use super::{error::CloudsError, keys, surroundings::Surroundings};

/// Where a value was read.
#[derive(Clone)]
pub(super) enum Origin {
    /// In a file.
    File {
        /// The file.
        source: Rc<YamlSource>,
        /// The place in it.
        path: KeyPath,
        /// Whether it is a profile, which the cloud's own words go before.
        profile: bool,
    },
    /// In the environment; the variable's name.
    Variable(String),
}

impl Origin {
    pub(super) fn file(source: &Rc<YamlSource>, path: KeyPath, profile: bool) -> Self {
        Self::File { source: Rc::clone(source), path, profile }
    }

    /// The key `key` below this place.
    fn below(&self, key: &str) -> Self {
        match self {
            Self::File { source, path, profile } => Self::file(source, path.clone().key(key), *profile),
            Self::Variable(_) => self.clone(),
        }
    }

    /// The list item `index` below this place, counted from 0.
    pub(super) fn item(&self, index: usize) -> Self {
        match self {
            Self::File { source, path, profile } => Self::file(source, path.clone().index(index), *profile),
            Self::Variable(_) => self.clone(),
        }
    }

    pub(super) fn is_profile(&self) -> bool {
        matches!(self, Self::File { profile: true, .. })
    }

    /// `FILE:LINE`, or the variable's name. Nothing of the value.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Variable(name) => name.clone(),
            Self::File { source, path, .. } => {
                let none: [&str; 0] = [];
                match source.error_at_key(path, "", none).position {
                    Some(position) => format!("{}:{}", source.name(), position.line),
                    None => source.name().to_owned(),
                }
            }
        }
    }

    /// What the reader calls the value: `` `password` in clouds.dev.auth ``, or the variable.
    pub(super) fn subject(&self, key: &str) -> String {
        match self {
            Self::Variable(name) => format!("`{name}`"),
            Self::File { path, .. } => match path.last() {
                Some(levelfield_yaml::Segment::Key(written)) => format!("`{written}` in {}", path.parent()),
                _ => format!("`{key}` in {path}"),
            },
        }
    }

    /// A mistake at this place.
    pub(super) fn wrong(&self, key: &str, problem: impl Into<String>, advice: impl Into<String>) -> CloudsError {
        CloudsError::Setting {
            place: self.place(),
            key: key.to_owned(),
            problem: problem.into(),
            advice: advice.into(),
        }
    }
}

/// A value and where it was read.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

impl Entry {
    /// The value as a text; none if it is null or empty.
    ///
    /// Whole numbers are texts that somebody forgot to quote (ids often are); other numbers and truth values could have been
    /// written in more than one way, so their text is lost.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, CloudsError> {
        let what = match &self.value {
            Value::Null => return Ok(None),
            Value::String(text) => return Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Value::Number(number) if number.is_i64() || number.is_u64() => return Ok(Some(number.to_string())),
            Value::Number(_) => "a number with a fraction or exponent",
            Value::Bool(_) => "a truth value",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
            Value::Tagged(_) => "a tagged value",
        };
        let problem = format!("{} is {what}, not a text", self.origin.subject(key));
        Err(self.origin.wrong(key, problem, "write one text, in quotes"))
    }

    /// The value as a yes or no, in the words of YAML 1.1; none if it is null or empty.
    pub(super) fn truth(&self, key: &str, advice: &str) -> Result<Option<bool>, CloudsError> {
        if let Value::Bool(truth) = self.value {
            return Ok(Some(truth));
        }
        let Some(text) = self.text(key)? else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(Some(true)),
            "false" | "no" | "off" | "0" => Ok(Some(false)),
            _ => Err(self.origin.wrong(key, format!("{} is neither true nor false", self.origin.subject(key)), advice)),
        }
    }
}

/// Keys of a cloud, and those of its `auth`. All of them in the spelling of openstacksdk.
#[derive(Default)]
pub(super) struct Layer {
    pub(super) top: BTreeMap<String, Entry>,
    pub(super) auth: BTreeMap<String, Entry>,
}

impl Layer {
    /// The keys of a cloud, or of one region's values.
    pub(super) fn of_mapping(mapping: &Mapping, origin: &Origin) -> Result<Self, CloudsError> {
        let mut top = entries(mapping, origin)?;
        let auth = match top.remove("auth") {
            None | Some(Entry { value: Value::Null, .. }) => BTreeMap::new(),
            Some(Entry { value: Value::Mapping(auth), origin }) => entries(&auth, &origin)?,
            Some(Entry { origin, .. }) => {
                let problem = format!("{} is no mapping", origin.subject("auth"));
                return Err(origin.wrong("auth", problem, "write `auth_url` and the others below it"));
            }
        };
        Ok(Self { top, auth })
    }

    /// The variables, as keys of a cloud: `OS_AUTH_URL` is `auth_url`.
    pub(super) fn of_variables(surroundings: &Surroundings) -> Self {
        let mut top = BTreeMap::new();
        for name in surroundings.variables.keys() {
            let Some(written) = name.strip_prefix("OS_").map(str::to_ascii_lowercase) else { continue };
            let Some(value) = surroundings.variable(name) else { continue };
            if keys::is_variable(&written) {
                let entry = Entry { value: Value::String(value.to_owned()), origin: Origin::Variable(name.clone()) };
                insert(&mut top, &written, entry);
            }
        }
        Self { top, auth: BTreeMap::new() }
    }

    /// Lays `upper` over this: its keys win.
    pub(super) fn cover(&mut self, upper: Self) {
        let said = |(_, entry): &(String, Entry)| !entry.value.is_null();
        self.top.extend(upper.top.into_iter().filter(said));
        self.auth.extend(upper.auth.into_iter().filter(said));
    }

    /// Moves what belongs into `auth` there. What stands outside wins, as it does for openstacksdk.
    pub(super) fn gather(&mut self) {
        let outside: Vec<String> = self.top.keys().filter(|key| keys::is_auth(key)).cloned().collect();
        for key in outside {
            if let Some(entry) = self.top.remove(&key).filter(|entry| !entry.value.is_null()) {
                self.auth.insert(key, entry);
            }
        }
    }
}

fn entries(mapping: &Mapping, origin: &Origin) -> Result<BTreeMap<String, Entry>, CloudsError> {
    let mut entries = BTreeMap::new();
    for (key, value) in mapping {
        let Some(written) = key.as_str() else {
            return Err(origin.wrong("", "a key here is no text", "put the key in quotes"));
        };
        insert(&mut entries, written, Entry { value: value.clone(), origin: origin.below(written) });
    }
    Ok(entries)
}

/// Puts an entry under the spelling of openstacksdk. An older spelling never takes the place of the current one.
fn insert(entries: &mut BTreeMap<String, Entry>, written: &str, entry: Entry) {
    let spelled = written.replace('-', "_");
    let current = keys::current(&spelled);
    if current == spelled {
        entries.insert(spelled, entry);
    } else {
        entries.entry(current.to_owned()).or_insert(entry);
    }
}
