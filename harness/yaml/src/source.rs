//! A text with its name: parsed, and asked for the place of a mistake afterwards.

use std::{fs, io::Read as _, path::Path};

use serde::de::{DeserializeOwned, Unexpected};
use serde_yaml::{Deserializer, Value};

use crate::{
    error::{Position, YamlError},
    locate,
    path::{KeyPath, Segment},
    words::{self, Said},
};

/// The largest text that is read, in bytes. Nothing that a person writes for Levelfield comes near.
pub const MAX_BYTES: usize = 1024 * 1024;

/// A YAML text and the name that diagnostics call it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlSource {
    name: String,
    text: String,
}

impl YamlSource {
    /// `text`, called `name` in diagnostics.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        // A byte order mark would move the columns of the first line.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Self { name: name.into(), text }
    }

    /// The file at `path`, called by that path.
    ///
    /// # Errors
    ///
    /// It can't be read, is larger than [`MAX_BYTES`], or is not UTF-8.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, YamlError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let unreadable = |error: &std::io::Error| {
            let cause = match error.kind() {
                std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
                std::io::ErrorKind::PermissionDenied => "it may not be read: permission denied".to_owned(),
                _ => format!("it can't be read: {error}"),
            };
            YamlError::whole_file(&name, cause)
        };
        let file = fs::File::open(path).map_err(|e| unreadable(&e))?;
        if file.metadata().map_err(|e| unreadable(&e))?.is_dir() {
            return Err(YamlError::whole_file(&name, "it is a folder, not a file"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
        Self::from_bytes(name, bytes)
    }

    /// `bytes`, called `name` in diagnostics.
    ///
    /// # Errors
    ///
    /// They are more than [`MAX_BYTES`], or are not UTF-8.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, YamlError> {
        let name = name.into();
        check_size(&name, bytes.len())?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let bad = error.as_bytes()[good];
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let position = position_of(&text, good);
                let message = format!("not UTF-8: byte 0x{bad:02x} at offset {good}");
                Err(YamlError::whole_file(name, message)
                    .at(&text, Some(position))
                    .with_hint("save the file as UTF-8 text"))
            }
        }
    }

    /// The name that diagnostics call the text by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads the text as a `T`.
    ///
    /// # Errors
    ///
    /// The text is larger than [`MAX_BYTES`], is not YAML, gives a key twice, or does not fit `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, YamlError> {
        check_size(&self.name, self.text.len())?;
        check_depth(&self.name, &self.text)?;
        // A value refuses keys given twice at any depth; maps of a type would take the last one in silence.
        let value: Value = self.deserialize()?;
        self.deserialize().map_err(|error| match value {
            Value::Null => YamlError::whole_file(&self.name, "nothing in it"),
            _ => error,
        })
    }

    /// A mistake at the value that `path` names, found after parsing: for a value that is of the right type and still wrong.
    ///
    /// `candidates` are what may stand there instead; with them, the value in the text is compared to find what was meant.
    #[must_use]
    pub fn error_at(
        &self,
        path: impl Into<KeyPath>,
        message: impl Into<String>,
        candidates: impl IntoIterator<Item = impl Into<String>>,
    ) -> YamlError {
        let path = path.into();
        let position = locate::nearest_value(&self.text, &path);
        let word = self.scalar_at(&path);
        let candidates = candidates.into_iter().map(Into::into).collect();
        YamlError::whole_file(&self.name, message)
            .at(&self.text, position)
            .with_path(path)
            .with_candidates(word.as_deref(), candidates)
    }

    /// A mistake at the key that `path` ends in, found after parsing: for a key that should not stand there.
    #[must_use]
    pub fn error_at_key(
        &self,
        path: impl Into<KeyPath>,
        message: impl Into<String>,
        candidates: impl IntoIterator<Item = impl Into<String>>,
    ) -> YamlError {
        let path = path.into();
        let (position, word) = match path.last() {
            Some(Segment::Key(key)) => (locate::key(&self.text, path.parent().segments(), key, 1), Some(key.clone())),
            _ => (None, None),
        };
        let position = position.or_else(|| locate::nearest_value(&self.text, &path));
        let candidates = candidates.into_iter().map(Into::into).collect();
        YamlError::whole_file(&self.name, message)
            .at(&self.text, position)
            .with_path(path)
            .with_candidates(word.as_deref(), candidates)
    }

    /// The scalar at `path` as text.
    fn scalar_at(&self, path: &KeyPath) -> Option<String> {
        match self.value_at(path)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            _ => None,
        }
    }

    fn value_at(&self, path: &KeyPath) -> Option<Value> {
        check_depth(&self.name, &self.text).ok()?;
        let mut value: Value = serde_yaml::from_str(&self.text).ok()?;
        for segment in path.segments() {
            let next = match segment {
                Segment::Key(key) => value.get_mut(key.as_str()),
                Segment::Index(index) => value.get_mut(*index),
            };
            value = std::mem::take(next?);
        }
        Some(value)
    }

    /// Reads the value at `path` of a text that parsed as a `T`: for parts whose type is known only after the rest is read. A
    /// value that is not there is read as an empty mapping.
    ///
    /// # Errors
    ///
    /// The value does not fit `T`.
    pub fn parse_at<T: DeserializeOwned>(&self, path: impl Into<KeyPath>) -> Result<T, YamlError> {
        let path = path.into();
        let value = self.value_at(&path).unwrap_or_else(|| Value::Mapping(serde_yaml::Mapping::new()));
        serde_path_to_error::deserialize(value).map_err(|error| {
            let below = KeyPath::from(error.path());
            let whole = below.segments().iter().cloned().fold(path, KeyPath::then);
            self.diagnose(&error.inner().to_string(), None, &whole)
        })
    }

    fn deserialize<T: DeserializeOwned>(&self) -> Result<T, YamlError> {
        let mut track = serde_path_to_error::Track::new();
        let deserializer = Deserializer::from_str(&self.text);
        T::deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track)).map_err(|error| {
            let path = KeyPath::from(&track.path());
            let stated = error.location().map(|at| Position { line: at.line(), column: at.column() });
            let message = words::without_place(&error.to_string(), stated.map(|p| (p.line, p.column)));
            self.diagnose(words::without_path(&message, &path), stated, &path)
        })
    }

    /// Turns what serde says about the value at `path` into a diagnostic; `stated` is the place that the parser gave.
    fn diagnose(&self, message: &str, stated: Option<Position>, path: &KeyPath) -> YamlError {
        let text = &self.text;
        let report = |message: String, position: Option<Position>, path: KeyPath| {
            YamlError::whole_file(&self.name, message).at(text, position).with_path(path)
        };
        match words::read(message) {
            Said::UnknownKey { key, valid } => {
                let owner = self.owner(path, &key);
                let position = locate::key(text, owner.segments(), &key, 1).or(stated);
                let message = format!("unknown key `{key}`{}", owner.within());
                report(message, position, owner.key(&key)).with_candidates(Some(&key), valid)
            }
            Said::UnknownValue { word, valid } => {
                let message = format!("unknown value `{word}` for {}", path.place());
                // Below a tag that selects a variant, the path ends at the mapping that holds the tag.
                let position = locate::nearest_value(text, path).or(stated);
                report(message, position, path.clone()).with_candidates(Some(&word), valid)
            }
            Said::MissingKey(key) => {
                let position = locate::nearest_value(text, path).or(stated);
                report(format!("missing key `{key}`{}", path.within()), position, path.clone())
            }
            Said::Twice(Some(key)) => {
                let owner = self.owner(path, &key);
                let position = locate::key(text, owner.segments(), &key, 2).or(stated);
                report(format!("key `{key}` is given twice{}", owner.within()), position, owner.key(key))
            }
            Said::Twice(None) => report(format!("a key is given twice{}", path.within()), stated, path.clone()),
            Said::WrongValue { found, expected } => {
                let (path, place) = self.blame(path, &found);
                let position = locate::nearest_value(text, &path).or(stated);
                report(words::wrong_value(&place, &found, &expected), position, path)
            }
            Said::WholeFile(message) => YamlError::whole_file(&self.name, message),
            Said::Other(message) => {
                // The reader below the parser counts bytes and knows no lines.
                let (message, offset) = match message.rsplit_once(" at position ") {
                    Some((head, offset)) => (head.to_owned(), offset.parse().ok()),
                    None => (message, None),
                };
                let position = offset.map(|offset| position_of(text, offset)).or(stated);
                let hint = position.and_then(|position| tab_hint(text, position));
                let error = report(message, position.or_else(|| locate::nearest_value(text, path)), path.clone());
                hint.into_iter().fold(error, YamlError::with_hint)
            }
        }
    }

    /// The value that serde `found` of a wrong type, and its name for a sentence.
    ///
    /// Below a tag that selects a variant serde forgets where it was, and its path ends at the mapping that holds the tag. The
    /// value is then looked for below that mapping, by what serde says it looks like.
    fn blame(&self, path: &KeyPath, found: &str) -> (KeyPath, String) {
        let value = self.value_at(path);
        if found == "map" || !matches!(value, Some(Value::Mapping(_))) {
            return (path.clone(), path.place());
        }
        let mut alike = Vec::new();
        collect_alike(&value.unwrap_or_default(), path, found, &mut alike);
        match alike.as_slice() {
            [only] => (only.clone(), only.place()),
            _ => (path.clone(), format!("a value in {}", path.place())),
        }
    }

    /// The mapping that `key` belongs to, of a path that may or may not end in `key`.
    fn owner(&self, path: &KeyPath, key: &str) -> KeyPath {
        let ends_in_key = path.last() == Some(&Segment::Key(key.to_owned()));
        if ends_in_key && locate::key(&self.text, path.segments(), key, 1).is_none() {
            path.parent()
        } else {
            path.clone()
        }
    }
}

fn check_size(name: &str, bytes: usize) -> Result<(), YamlError> {
    if bytes > MAX_BYTES {
        return Err(YamlError::whole_file(name, format!("larger than {MAX_BYTES} bytes, the most that is read")));
    }
    Ok(())
}

/// Lists and mappings in flow style that may stand in each other. The parser's own limit is lower, but it is asked only after a
/// scan whose time grows with the square of the depth.
const MAX_FLOW_DEPTH: usize = 256;

fn check_depth(name: &str, text: &str) -> Result<(), YamlError> {
    let mut depth = 0_usize;
    // Brackets in quotes and comments are counted too: hundreds of them left open are as unlikely there.
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_FLOW_DEPTH {
            return Err(YamlError::whole_file(name, words::TOO_DEEP).at(text, Some(position_of(text, offset))));
        }
    }
    Ok(())
}

/// Adds the paths of the values below `value` that serde describes as `found`.
fn collect_alike(value: &Value, path: &KeyPath, found: &str, alike: &mut Vec<KeyPath>) {
    let described = match value {
        Value::Bool(truth) => Unexpected::Bool(*truth).to_string(),
        Value::String(text) => Unexpected::Str(text).to_string(),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => Unexpected::Unsigned(number).to_string(),
            (_, Some(number), _) => Unexpected::Signed(number).to_string(),
            (.., Some(number)) => Unexpected::Float(number).to_string(),
            _ => return,
        },
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                collect_alike(item, &path.clone().index(index), found, alike);
            }
            Unexpected::Seq.to_string()
        }
        Value::Mapping(entries) => {
            for (key, value) in entries {
                if let Value::String(key) = key {
                    collect_alike(value, &path.clone().key(key), found, alike);
                }
            }
            return;
        }
        Value::Null | Value::Tagged(_) => return,
    };
    if described == found {
        alike.push(path.clone());
    }
}

/// The position of the byte at `offset`.
fn position_of(text: &str, offset: usize) -> Position {
    let before = &text[..text.floor_char_boundary(offset)];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    Position { line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
}

/// The advice for a line that is indented with tabs.
fn tab_hint(text: &str, position: Position) -> Option<&'static str> {
    let line = text.lines().nth(position.line.checked_sub(1)?)?;
    let indent = &line[..line.len() - line.trim_start().len()];
    indent.contains('\t').then_some("YAML is indented with spaces, never with tabs")
}
