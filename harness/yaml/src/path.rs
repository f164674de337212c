//! Names a place in a YAML text by keys and indices: `behaviors[3].needs[0]`.

use std::{fmt, iter::Peekable, str::Chars};

/// A place in a text, from its root.
///
/// Reads from and prints as `targets[0].use.flavor`. A key with other characters than letters, digits, `_`, `-` and `/` stands in
/// brackets and quotes: `limits["a.b"]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<Segment>);

/// One step of a [`KeyPath`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A key of a mapping.
    Key(String),
    /// An item of a list, from 0.
    Index(usize),
}

impl KeyPath {
    /// The whole text.
    pub fn root() -> Self {
        Self::default()
    }

    /// This path and one key more.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.push(Segment::Key(key.into()));
        self
    }

    /// This path and one item more; items count from 0.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(Segment::Index(index));
        self
    }

    /// This path and one step more.
    #[must_use]
    pub fn then(mut self, step: Segment) -> Self {
        self.0.push(step);
        self
    }

    /// The steps, from the root.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The last step; none for the root.
    pub fn last(&self) -> Option<&Segment> {
        self.0.last()
    }

    /// The path without its last step; the root's is the root.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// Names the place for a sentence: `` `vcpus` in targets[0].use ``, `targets[0]`, `the file`.
    pub(crate) fn place(&self) -> String {
        match self.last() {
            None => "the file".to_owned(),
            Some(Segment::Index(_)) => self.to_string(),
            Some(Segment::Key(key)) => format!("`{key}`{}", self.parent().within()),
        }
    }

    /// ` in targets[0]`, or nothing for the root.
    pub(crate) fn within(&self) -> String {
        if self.0.is_empty() { String::new() } else { format!(" in {self}") }
    }
}

impl From<&serde_path_to_error::Path> for KeyPath {
    fn from(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment as Step;
        let mut segments = Vec::new();
        for step in path {
            match step {
                Step::Map { key } => segments.push(Segment::Key(key.clone())),
                Step::Seq { index } => segments.push(Segment::Index(*index)),
                // A variant's name is no step in the text, and nothing below an unknown one can be named.
                Step::Enum { .. } => {}
                Step::Unknown => break,
            }
        }
        Self(segments)
    }
}

impl From<&str> for KeyPath {
    /// Reads what [`Display`](fmt::Display) prints. Text that is no path is taken as keys, as far as that goes.
    fn from(text: &str) -> Self {
        let mut path = Self::root();
        let mut chars = text.chars().peekable();
        while let Some(&c) = chars.peek() {
            match c {
                '.' => {
                    chars.next();
                }
                '[' => {
                    chars.next();
                    path.0.push(bracket(&mut chars));
                }
                _ => {
                    let mut key = String::new();
                    while let Some(c) = chars.next_if(|c| !matches!(c, '.' | '[')) {
                        key.push(c);
                    }
                    path.0.push(Segment::Key(key));
                }
            }
        }
        path
    }
}

/// Reads what follows an opening bracket, the closing one included.
fn bracket(chars: &mut Peekable<Chars<'_>>) -> Segment {
    let mut word = String::new();
    if chars.next_if_eq(&'"').is_some() {
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => word.extend(chars.next()),
                _ => word.push(c),
            }
        }
        chars.next_if_eq(&']');
        return Segment::Key(word);
    }
    for c in chars.by_ref() {
        if c == ']' {
            break;
        }
        word.push(c);
    }
    word.parse().map_or(Segment::Key(word), Segment::Index)
}

impl From<String> for KeyPath {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&KeyPath> for KeyPath {
    fn from(path: &KeyPath) -> Self {
        path.clone()
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if plain(key) => write!(f, "{}{key}", if at == 0 { "" } else { "." })?,
                Segment::Key(key) => write!(f, "[\"{}\"]", key.replace('\\', "\\\\").replace('"', "\\\""))?,
            }
        }
        Ok(())
    }
}

fn plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_usual_forms() {
        let path = KeyPath::from("behaviors[3].needs[0]");
        assert_eq!(path, KeyPath::root().key("behaviors").index(3).key("needs").index(0));
        assert_eq!(KeyPath::root().key("a.b").index(1).to_string(), "[\"a.b\"][1]");
        assert_eq!(path.parent().to_string(), "behaviors[3].needs");
    }

    fn segment() -> impl Strategy<Value = Segment> {
        prop_oneof![any::<String>().prop_map(Segment::Key), (0..1000_usize).prop_map(Segment::Index)]
    }

    proptest! {
        #[test]
        fn reads_what_it_prints(segments in proptest::collection::vec(segment(), 0..6)) {
            let path = KeyPath(segments);
            prop_assert_eq!(KeyPath::from(path.to_string()), path);
        }

        #[test]
        fn reads_anything(text in any::<String>()) {
            let _ = KeyPath::from(text);
        }
    }
}
