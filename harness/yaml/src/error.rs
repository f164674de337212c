//! What is wrong with a text, and how it is shown.

use std::{fmt, ops::Deref};

use crate::{nearest, path::KeyPath};

/// A mistake in a YAML text. Its fields are those of [`Diagnostic`]; it prints as three or four plain lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct YamlError(Box<Diagnostic>);

/// The parts of a [`YamlError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as it was named by whoever read it.
    pub file: String,
    /// Where; none if the mistake is the file's as a whole.
    pub position: Option<Position>,
    /// The key path of the value at fault; the root where none could be told.
    pub path: KeyPath,
    /// What is wrong, as one sentence without a full stop.
    pub message: String,
    /// The line at fault, cut to a readable length, without control characters.
    pub source_line: Option<String>,
    /// The word that stands in the text, if `candidates` are what may stand there instead.
    pub word: Option<String>,
    /// Everything that is valid at that place.
    pub candidates: Vec<String>,
    /// What to do about it, where candidates don't say.
    pub hint: Option<String>,
    /// How many characters of the line are left of the caret in `source_line`.
    caret: usize,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl YamlError {
    /// A mistake of the file as a whole: it can't be read, is too large, is empty.
    pub fn whole_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(Diagnostic {
            file: file.into(),
            position: None,
            path: KeyPath::root(),
            message: one_line(&message.into()),
            source_line: None,
            word: None,
            candidates: Vec::new(),
            hint: None,
            caret: 0,
        }))
    }

    /// The same mistake at `position` of `text`.
    pub(crate) fn at(mut self, text: &str, position: Option<Position>) -> Self {
        self.0.position = position;
        if let Some((line, caret)) = position.and_then(|position| excerpt(text, position)) {
            self.0.source_line = Some(line);
            self.0.caret = caret;
        }
        self
    }

    /// The same mistake with its key path.
    pub(crate) fn with_path(mut self, path: KeyPath) -> Self {
        self.0.path = path;
        self
    }

    /// The same mistake with what may stand there instead of `word`.
    #[must_use]
    pub fn with_candidates(mut self, word: Option<&str>, candidates: Vec<String>) -> Self {
        self.0.word = word.map(str::to_owned);
        self.0.candidates = candidates;
        self
    }

    /// The same mistake with advice: one sentence without a full stop.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(one_line(&hint.into()));
        self
    }

    /// The candidate that was most likely meant.
    pub fn meant(&self) -> Option<&str> {
        self.0.word.as_deref().and_then(|word| nearest::nearest(word, &self.0.candidates))
    }
}

impl Deref for YamlError {
    type Target = Diagnostic;

    fn deref(&self) -> &Diagnostic {
        &self.0
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        if let (Some(position), Some(line)) = (self.position, &self.source_line) {
            write!(f, "\n{:5} | {line}\n{:5} | {:caret$}^", position.line, "", "", caret = self.caret)?;
        }
        if let Some(help) = nearest::help(self.word.as_deref(), &self.candidates) {
            write!(f, "\nhelp: {help}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhelp: {hint}")?;
        }
        Ok(())
    }
}

/// Characters shown left and right of a caret in a line that is too long to be shown whole.
const LEFT: usize = 60;
const RIGHT: usize = 60;

/// The line at `position`, fit to be printed, and the characters in it before the caret.
fn excerpt(text: &str, position: Position) -> Option<(String, usize)> {
    let line = text.split('\n').nth(position.line.checked_sub(1)?)?;
    // A parser that is at the end of its input points behind the last line.
    if line.is_empty() && position.column <= 1 {
        return None;
    }
    let line = line.strip_suffix('\r').unwrap_or(line);
    let chars: Vec<char> = line.chars().map(printable).collect();
    let caret = position.column.saturating_sub(1).min(chars.len());
    let from = if chars.len() > LEFT + RIGHT { caret.saturating_sub(LEFT) } else { 0 };
    let to = if chars.len() > LEFT + RIGHT { (caret + RIGHT).min(chars.len()) } else { chars.len() };
    let mut shown = String::new();
    if from > 0 {
        shown.push('…');
    }
    shown.extend(&chars[from..to]);
    if to < chars.len() {
        shown.push('…');
    }
    Some((shown, caret - from + usize::from(from > 0)))
}

/// A character that keeps its column and can't move a terminal's cursor or turn its text around.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// The longest message; a file can hold a key of a megabyte.
const MESSAGE: usize = 400;

fn one_line(text: &str) -> String {
    let mut line: String = text.chars().take(MESSAGE).map(printable).collect();
    if text.chars().nth(MESSAGE).is_some() {
        line.push('…');
    }
    line
}
