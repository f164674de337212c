//! Reads a guideline: the embedded one, or a folder.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    fs,
    path::{Path, PathBuf},
};

use levelfield_yaml::{YamlError, YamlSource, help};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::{
    embedded,
    filter::Filter,
    model::{Behavior, EditionFile, Guideline, SuiteFile},
    profiles::Profile,
    validate,
};

/// The file that every other is listed in.
const EDITION_FILE: &str = "edition.yaml";

/// A guideline that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum GuidelineError {
    /// Mistakes in its files: as many as one reading finds.
    #[error("{}", Blocks(.0))]
    Invalid(Vec<YamlError>),
    /// Neither an edition that is known nor a folder.
    #[error("`{word}` is neither an edition of the guideline nor a folder with one\nhelp: known editions: {known}")]
    Unknown {
        /// What was asked for.
        word: String,
        /// The edition that is embedded.
        known: &'static str,
    },
}

impl From<YamlError> for GuidelineError {
    fn from(error: YamlError) -> Self {
        Self::Invalid(vec![error])
    }
}

/// Diagnostics one after the other, with an empty line between.
struct Blocks<'e>(&'e [YamlError]);

impl fmt::Display for Blocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if at == 0 { "" } else { "\n\n" })?;
        }
        Ok(())
    }
}

/// An id that no behaviour of the guideline has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no behaviour of guideline {edition} is called `{id}`{}", help_line(.near))]
pub struct UnknownBehavior {
    /// The id.
    pub id: String,
    /// The edition that was searched.
    pub edition: String,
    /// Ids that were probably meant, nearest first.
    pub near: Vec<String>,
}

fn help_line(near: &[String]) -> String {
    match near {
        [] => "\nhelp: `levelfield list` shows them all".to_owned(),
        near => format!("\nhelp: did you mean {}?", near.join(", ")),
    }
}

/// A name that no profile of the guideline has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no profile of guideline {edition} is called `{name}`\nhelp: {}",
    help(Some(.name), .known).unwrap_or_default()
)]
pub struct UnknownProfile {
    /// The name.
    pub name: String,
    /// The edition that was searched.
    pub edition: String,
    /// The names that exist.
    pub known: Vec<String>,
}

/// Where a guideline's files are.
trait Files {
    /// The file called `name`.
    fn open(&self, name: &str) -> Result<YamlSource, YamlError>;
    /// The names of all YAML files there.
    fn names(&self) -> Vec<String>;
}

struct Embedded;

impl Files for Embedded {
    fn open(&self, name: &str) -> Result<YamlSource, YamlError> {
        let shown = format!("guidelines/{}/{name}", embedded::EDITION);
        match embedded::FILES.iter().find(|(file, _)| *file == name) {
            Some((_, text)) => Ok(YamlSource::new(shown, *text)),
            None => Err(YamlError::whole_file(shown, "there is no such file in this program")),
        }
    }

    fn names(&self) -> Vec<String> {
        embedded::FILES.iter().map(|(name, _)| (*name).to_owned()).collect()
    }
}

struct Folder(PathBuf);

impl Files for Folder {
    fn open(&self, name: &str) -> Result<YamlSource, YamlError> {
        YamlSource::open(self.0.join(name))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.strip_suffix(".yaml").is_some_and(|stem| !stem.starts_with('.')))
            .collect();
        names.sort();
        names
    }
}

impl Guideline {
    /// The edition that ships inside the program.
    ///
    /// # Errors
    ///
    /// It has mistakes; a test keeps that from being released.
    pub fn embedded() -> Result<Self, GuidelineError> {
        read(&Embedded)
    }

    /// The edition in the folder at `path`.
    ///
    /// # Errors
    ///
    /// A file can't be read, or has mistakes.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, GuidelineError> {
        read(&Folder(path.as_ref().to_owned()))
    }

    /// The edition called `word`, or the one in the folder of that path.
    ///
    /// # Errors
    ///
    /// There is neither, or it has mistakes.
    pub fn find(word: &str) -> Result<Self, GuidelineError> {
        if word == embedded::EDITION {
            return Self::embedded();
        }
        if Path::new(word).is_dir() {
            return Self::load(word);
        }
        Err(GuidelineError::Unknown { word: word.to_owned(), known: embedded::EDITION })
    }

    /// The behaviour called `id`.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn behavior(&self, id: &str) -> Result<&Behavior, UnknownBehavior> {
        self.behaviors.iter().find(|behavior| behavior.id == id).ok_or_else(|| UnknownBehavior {
            id: id.to_owned(),
            edition: self.edition.clone(),
            near: self.near(id),
        })
    }

    /// Up to three ids near to `id`: those with its name in whatever suite, then by spelling.
    fn near(&self, id: &str) -> Vec<String> {
        let name = id.rsplit('/').next().unwrap_or(id);
        let ids = || self.behaviors.iter().map(|behavior| behavior.id.as_str());
        let own_name = |known: &str| known.rsplit('/').next() == Some(name);
        let mut near: Vec<_> = ids().filter(|known| own_name(known)).map(str::to_owned).collect();
        let mut spelled: Vec<_> = ids()
            .filter(|known| !own_name(known))
            .map(|known| {
                let short = known.rsplit('/').next().unwrap_or(known);
                (strsim::jaro_winkler(id, known).max(strsim::jaro_winkler(name, short)), known)
            })
            .filter(|(alike, _)| *alike > 0.85)
            .collect();
        spelled.sort_by(|a, b| b.0.total_cmp(&a.0));
        if !near.is_empty() {
            return near;
        }
        near.extend(spelled.into_iter().map(|(_, known)| known.to_owned()));
        near.truncate(3);
        near
    }

    /// The profile called `name` and what it selects.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn profile(&self, name: &str) -> Result<(&Profile, &Filter), UnknownProfile> {
        self.profiles.get(name).zip(self.selects.get(name)).ok_or_else(|| UnknownProfile {
            name: name.to_owned(),
            edition: self.edition.clone(),
            known: self.profiles.iter().map(|profile| profile.name.clone()).collect(),
        })
    }

    /// The `expect` section of the behaviour `id` as the type that its judge takes. A missing section is an empty one.
    ///
    /// # Errors
    ///
    /// The section does not fit `T`; the diagnostic points into the guideline's file.
    pub fn expectation<T: DeserializeOwned>(&self, id: &str) -> Result<T, YamlError> {
        match self.place(id) {
            Some((source, at)) => source.parse_at(format!("behaviors[{at}].expect")),
            None => Err(YamlError::whole_file(&self.edition, format!("no behaviour is called `{id}`"))),
        }
    }

    /// A mistake in the entry of behaviour `id`, found after reading, at `path` below the entry: `mutations[0]`.
    #[must_use]
    pub fn error_at(&self, id: &str, path: &str, message: impl Into<String>, candidates: Vec<String>) -> YamlError {
        match self.place(id) {
            Some((source, at)) => source.error_at(format!("behaviors[{at}].{path}"), message, candidates),
            None => YamlError::whole_file(&self.edition, message),
        }
    }

    /// The file that states `id`, and the entry's index in it.
    fn place(&self, id: &str) -> Option<(&YamlSource, usize)> {
        let (suite, _) = id.split_once('/')?;
        let mut of_suite = self.behaviors.iter().filter(|behavior| behavior.suite() == suite);
        Some((self.sources.get(suite)?, of_suite.position(|behavior| behavior.id == id)?))
    }
}

/// Reads and checks all files.
fn read(files: &impl Files) -> Result<Guideline, GuidelineError> {
    let source = files.open(EDITION_FILE)?;
    let edition: EditionFile = source.parse()?;
    // Names of suites become names of files: they are checked before anything is opened.
    let mut errors = validate::edition(&edition, &source, &files.names());
    if !errors.is_empty() {
        return Err(GuidelineError::Invalid(errors));
    }
    let mut digest = Sha256::new();
    hash(&mut digest, EDITION_FILE, &source);
    let mut sources = BTreeMap::new();
    let mut behaviors = Vec::new();
    for suite in &edition.suites {
        let name = format!("{}.yaml", suite.suite);
        let opened = files.open(&name).and_then(|source| Ok((source.parse::<SuiteFile>()?, source)));
        match opened {
            Ok((file, source)) => {
                hash(&mut digest, &name, &source);
                errors.extend(validate::suite(&file, &suite.suite, &source));
                behaviors.extend(file.behaviors);
                sources.insert(suite.suite.clone(), source);
            }
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(GuidelineError::Invalid(errors));
    }
    let mut guideline = Guideline {
        edition: edition.edition,
        title: edition.title,
        preface: edition.preface,
        steps: edition.steps,
        profiles: edition.profiles,
        suites: edition.suites,
        untested: edition.untested,
        behaviors,
        selects: BTreeMap::new(),
        sha256: hex(&digest.finalize()),
        sources,
    };
    let errors = validate::whole(&mut guideline, &source);
    if errors.is_empty() { Ok(guideline) } else { Err(GuidelineError::Invalid(errors)) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a string can't fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn hash(digest: &mut Sha256, name: &str, source: &YamlSource) {
    digest.update(name.as_bytes());
    digest.update([0]);
    digest.update(source.text().as_bytes());
}
