//! The language that selects behaviours, in profiles and on the command line.
//!
//! ```text
//! suite(login)  step(3)  step(any)  step(none)  level(core)  status(advisory)  id(login/*)  needs(ipv6)  all()  none()
//! mtu                       a bare word: every id that contains it; an exact id, or with * and ? a pattern, works too
//! not x   x and y   x or y  or  !x  x & y  x | y;  `not` binds tightest, `or` least;  parentheses group
//! ```
//!
//! `*` stands for any characters, `?` for one. A word without them must exist in the guideline, so a typo is a mistake and not an
//! empty selection.

mod expr;
mod lexer;
mod parser;

#[cfg(test)]
mod tests;

use std::{fmt, ops::Range};

use levelfield_yaml::help;

use super::model::{Behavior, Guideline};

pub use expr::{Expr, StepIs};

/// A selection of behaviours: its text, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    text: String,
    expr: Expr,
    words: Words,
}

/// The predicates of a selection in the text's order, each with the place of the word that it is about.
type Words = Vec<(Expr, Range<usize>)>;

impl Filter {
    /// Reads `text`. Whether the words in it exist in a guideline is for [`check`](Self::check) to say.
    ///
    /// # Errors
    ///
    /// The text is no expression, or names a predicate, step, status or capability that does not exist.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let (expr, words) = parser::parse(text)?;
        Ok(Self { text: text.to_owned(), expr, words })
    }

    /// Everything.
    pub fn all() -> Self {
        Self { text: Expr::All.to_string(), expr: Expr::All, words: Vec::new() }
    }

    /// What both this and `other` select: a profile and what was asked for within it.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        const BEFORE: &str = "(";
        const BETWEEN: &str = ") and (";
        let moved = BEFORE.len() + self.text.len() + BETWEEN.len();
        let text = format!("{BEFORE}{}{BETWEEN}{})", self.text, other.text);
        let shift =
            |words: Words, by: usize| words.into_iter().map(move |(word, at)| (word, at.start + by..at.end + by));
        let words = shift(self.words, BEFORE.len()).chain(shift(other.words, moved)).collect();
        Self { text, expr: Expr::And(vec![self.expr, other.expr]), words }
    }

    /// What the text means.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Whether `behavior` is selected.
    pub fn selects(&self, behavior: &Behavior) -> bool {
        self.expr.selects(behavior)
    }

    /// Checks that every exact word stands for something in `guideline`.
    ///
    /// # Errors
    ///
    /// A suite, level, id or bare word matches no behaviour. A pattern may match none.
    pub fn check(&self, guideline: &Guideline) -> Result<(), FilterError> {
        for (predicate, at) in &self.words {
            let Some((word, known)) = predicate.exact(guideline) else { continue };
            if !guideline.behaviors.iter().any(|behavior| predicate.selects(behavior)) {
                return Err(FilterError {
                    text: self.text.clone(),
                    at: at.start,
                    message: format!("no behaviour of the guideline matches `{predicate}`"),
                    word: Some(word.to_owned()),
                    candidates: known,
                });
            }
        }
        Ok(())
    }
}

impl fmt::Display for Filter {
    /// The expression in its plain spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

/// A mistake in a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The whole selection.
    pub text: String,
    /// Where the mistake begins, in bytes.
    pub at: usize,
    /// What is wrong, as one sentence without a full stop.
    pub message: String,
    /// The word that stands there, if `candidates` are what may stand there instead.
    pub word: Option<String>,
    /// Everything that is valid there.
    pub candidates: Vec<String>,
}

impl FilterError {
    /// The column of the mistake in characters, from 1.
    pub fn column(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }
}

impl std::error::Error for FilterError {}

/// Characters of a long selection shown on either side of its mistake.
const SHOWN: usize = 60;

/// Candidates shown where there are many: the whole list of ids would bury the mistake.
const FEW: usize = 24;

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caret = self.column() - 1;
        let from = caret.saturating_sub(SHOWN);
        let shown = self.text.chars().skip(from).take(2 * SHOWN);
        let shown: String = shown.map(|c| if c.is_control() { ' ' } else { c }).collect();
        write!(f, "in the selection: {}", self.message)?;
        if !shown.trim().is_empty() {
            write!(f, "\n  {shown}\n  {:width$}^", "", width = caret - from)?;
        }
        if self.candidates.len() > FEW {
            let near = self.word.as_deref().and_then(|word| levelfield_yaml::nearest(word, &self.candidates));
            return near.map_or(Ok(()), |near| write!(f, "\nhelp: did you mean `{near}`?"));
        }
        match help(self.word.as_deref(), &self.candidates) {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}
