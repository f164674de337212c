//! One file of clouds: found, read, and asked for one of its clouds.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
};

use levelfield_yaml::{KeyPath, YamlError, YamlSource};
use serde_yaml::{Mapping, Value};

use super::{
    error::CloudsError,
    layer::{Layer, Origin},
    surroundings::Surroundings,
};

/// A file that was read, and the mapping in it whose keys are names of clouds.
pub(super) struct CloudsFile {
    pub(super) path: PathBuf,
    source: Rc<YamlSource>,
    section: &'static str,
    clouds: Mapping,
}

/// What a kind of file is called, and where its clouds are.
pub(super) struct Kind {
    /// The variable that names a file of this kind.
    pub(super) variable: &'static str,
    /// Beginnings of its name.
    pub(super) stems: &'static [&'static str],
    /// The key that its clouds stand below.
    pub(super) section: &'static str,
}

/// The clouds.
pub(super) const CLOUDS: Kind = Kind { variable: "OS_CLIENT_CONFIG_FILE", stems: &["clouds"], section: "clouds" };
/// What of them is kept apart.
pub(super) const SECURE: Kind = Kind { variable: "OS_CLIENT_SECURE_FILE", stems: &["secure"], section: "clouds" };
/// What public clouds have in common for all of their users.
pub(super) const PROFILES: Kind =
    Kind { variable: "OS_CLIENT_VENDOR_FILE", stems: &["clouds-public", "public-clouds"], section: "public-clouds" };

impl Kind {
    /// The first file of this kind, and none if there is none; a file that a variable names must be there.
    pub(super) fn find(&self, surroundings: &Surroundings) -> Result<Option<CloudsFile>, CloudsError> {
        if let Some(named) = surroundings.variable(self.variable) {
            let path = surroundings.resolve(named);
            let advice = format!("{} names it: put the file there, or correct or unset the variable", self.variable);
            return self.open(&path, &advice).map(Some);
        }
        // A link that leads nowhere is a mistake to tell, so the link counts as a file.
        let there = |path: &PathBuf| path.symlink_metadata().is_ok_and(|is| !is.is_dir());
        let found = surroundings.places(self.stems).into_iter().find(there);
        found.map_or(Ok(None), |path| self.open(&path, "correct it, or name another in ").map(Some))
    }

    fn open(&self, path: &Path, advice: &str) -> Result<CloudsFile, CloudsError> {
        let advice = if advice.ends_with(' ') { format!("{advice}{}", self.variable) } else { advice.to_owned() };
        let source = YamlSource::open(path).map_err(|error| file_error(&error, &advice))?;
        let mut root = if source.text().trim().is_empty() {
            Value::Null
        } else {
            source.parse::<Value>().map_err(|error| file_error(&error, &advice))?
        };
        let wrong = |place: String, problem: String| CloudsError::File {
            place,
            problem,
            advice: format!("the clouds stand below `{}:`", self.section),
        };
        root.apply_merge()
            .map_err(|error| wrong(source.name().to_owned(), format!("a merge key can't be applied: {error}")))?;
        let source = Rc::new(source);
        let clouds = match root {
            // A file without a word in it says nothing, which is different from saying something wrong.
            Value::Null => Mapping::new(),
            Value::Mapping(mut root) => match root.remove(self.section) {
                Some(Value::Mapping(clouds)) => clouds,
                Some(Value::Null) => Mapping::new(),
                Some(_) => {
                    let place = Origin::file(&source, KeyPath::root().key(self.section), false).place();
                    return Err(wrong(place, format!("`{}` is no mapping", self.section)));
                }
                None => {
                    let keys: Vec<_> = root.keys().filter_map(Value::as_str).map(|key| format!("`{key}`")).collect();
                    let problem = format!("no key `{}`, only {}", self.section, keys.join(", "));
                    return Err(wrong(source.name().to_owned(), problem));
                }
            },
            _ => return Err(wrong(source.name().to_owned(), "no mapping".to_owned())),
        };
        Ok(CloudsFile { path: path.to_owned(), source, section: self.section, clouds })
    }
}

impl CloudsFile {
    /// The clouds' names, in the file's order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.clouds.keys().filter_map(Value::as_str)
    }

    /// What the file says about the cloud `name`.
    pub(super) fn cloud(&self, name: &str, profile: bool) -> Result<Option<Layer>, CloudsError> {
        let origin = self.origin(name, profile);
        match self.clouds.get(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(Layer::default())),
            Some(Value::Mapping(keys)) => Layer::of_mapping(keys, &origin).map(Some),
            Some(_) => {
                Err(origin.wrong(name, format!("the cloud `{name}` is no mapping"), "write its keys below its name"))
            }
        }
    }

    /// Where the cloud `name` stands.
    pub(super) fn origin(&self, name: &str, profile: bool) -> Origin {
        Origin::file(&self.source, KeyPath::root().key(self.section).key(name), profile)
    }
}

/// The parts of a diagnostic that can't hold a secret: its excerpt of the file is left out.
fn file_error(error: &YamlError, advice: &str) -> CloudsError {
    let place = match error.position {
        Some(position) => format!("{}:{}", error.file, position.line),
        None => error.file.clone(),
    };
    let advice = error.hint.clone().unwrap_or_else(|| advice.to_owned());
    CloudsError::File { place, problem: error.message.clone(), advice }
}
