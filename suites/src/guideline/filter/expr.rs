//! What a selection means: a tree of predicates, asked of one behaviour at a time.

use std::{collections::BTreeSet, fmt};

use levelfield_provider::Capability;

use crate::guideline::model::{Behavior, Guideline, Status};

/// A selection's meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// `all()`: everything.
    All,
    /// `none()`: nothing.
    None,
    /// `suite(x)`: the suite matches the pattern.
    Suite(String),
    /// `step(x)`: the step is this one, any, or none.
    Step(StepIs),
    /// `level(x)`: the level matches the pattern.
    Level(String),
    /// `status(x)`: the status is this one.
    Status(Status),
    /// `id(x)`: the id matches the pattern.
    Id(String),
    /// `needs(x)`: the capability is among those needed.
    Needs(Capability),
    /// A bare word: the id is, contains, or as a pattern matches it.
    Word(String),
    /// Not this.
    Not(Box<Expr>),
    /// All of these, two or more.
    And(Vec<Expr>),
    /// At least one of these, two or more.
    Or(Vec<Expr>),
}

/// What a `step(…)` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepIs {
    /// This step, 1 to 8.
    Number(u8),
    /// One of the eight.
    Any,
    /// None of them.
    None,
}

impl Expr {
    /// Whether `behavior` is selected.
    pub fn selects(&self, behavior: &Behavior) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Suite(pattern) => matches(pattern, behavior.suite()),
            Self::Step(StepIs::Number(step)) => behavior.step == Some(*step),
            Self::Step(StepIs::Any) => behavior.step.is_some(),
            Self::Step(StepIs::None) => behavior.step.is_none(),
            Self::Level(pattern) => matches(pattern, behavior.level.id()),
            Self::Status(status) => behavior.status == *status,
            Self::Id(pattern) => matches(pattern, &behavior.id),
            Self::Needs(capability) => behavior.needs.contains(capability),
            Self::Word(word) if is_pattern(word) => matches(word, &behavior.id),
            Self::Word(word) if word.contains('/') => behavior.id == *word,
            Self::Word(word) => behavior.id.contains(word),
            Self::Not(expr) => !expr.selects(behavior),
            Self::And(all) => all.iter().all(|expr| expr.selects(behavior)),
            Self::Or(any) => any.iter().any(|expr| expr.selects(behavior)),
        }
    }

    /// The levels that the expression names without a pattern.
    pub(in crate::guideline) fn levels(&self) -> BTreeSet<&str> {
        match self {
            Self::Level(level) if !is_pattern(level) => BTreeSet::from([level.as_str()]),
            // What is left out is not asked for.
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::levels).collect(),
            _ => BTreeSet::new(),
        }
    }

    /// The word of a predicate that must exist in the guideline, and the words that do; none for a pattern or a closed set.
    pub(super) fn exact(&self, guideline: &Guideline) -> Option<(&str, Vec<String>)> {
        let owned = |words: BTreeSet<&str>| words.into_iter().map(str::to_owned).collect();
        let behaviors = &guideline.behaviors;
        match self {
            Self::Suite(word) if !is_pattern(word) => {
                Some((word, guideline.suites.iter().map(|suite| suite.suite.clone()).collect()))
            }
            Self::Level(word) if !is_pattern(word) => {
                Some((word, guideline.levels().into_iter().map(|level| level.id().to_owned()).collect()))
            }
            Self::Id(word) if !is_pattern(word) => {
                Some((word, owned(behaviors.iter().map(|b| b.id.as_str()).collect())))
            }
            Self::Word(word) if !is_pattern(word) => {
                let names = behaviors.iter().flat_map(|b| [b.id.as_str(), b.id.rsplit('/').next().unwrap_or(&b.id)]);
                Some((word, owned(names.collect())))
            }
            _ => None,
        }
    }

    /// How tightly the outermost operator binds.
    fn rank(&self) -> u8 {
        match self {
            Self::Or(_) => 0,
            Self::And(_) => 1,
            _ => 2,
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Expr], word: &str| {
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    write!(f, " {word} ")?;
                }
                if part.rank() <= self.rank() { write!(f, "({part})")? } else { write!(f, "{part}")? }
            }
            Ok(())
        };
        match self {
            Self::All => f.write_str("all()"),
            Self::None => f.write_str("none()"),
            Self::Suite(word) => write!(f, "suite({word})"),
            Self::Step(StepIs::Number(step)) => write!(f, "step({step})"),
            Self::Step(StepIs::Any) => f.write_str("step(any)"),
            Self::Step(StepIs::None) => f.write_str("step(none)"),
            Self::Level(word) => write!(f, "level({word})"),
            Self::Status(status) => write!(f, "status({status})"),
            Self::Id(word) => write!(f, "id({word})"),
            Self::Needs(capability) => write!(f, "needs({capability})"),
            Self::Word(word) => f.write_str(word),
            Self::Not(expr) if expr.rank() < 2 => write!(f, "not ({expr})"),
            Self::Not(expr) => write!(f, "not {expr}"),
            Self::And(parts) => joined(f, parts, "and"),
            Self::Or(parts) => joined(f, parts, "or"),
        }
    }
}

fn is_pattern(word: &str) -> bool {
    word.contains(['*', '?'])
}

/// Whether all of `text` matches `pattern`. Time is the product of both lengths at most.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go back to: behind the last star, and the text it has not swallowed yet.
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                retry = Some((p, t));
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after_star, from)) = retry else { return false };
                p = after_star;
                t = from + 1;
                retry = Some((after_star, t));
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_whole_words() {
        for (pattern, text, expected) in [
            ("login/*", "login/key-accepted", true),
            ("*key*", "login/old-key-refused", true),
            ("*-refused", "login/old-key-refused", true),
            ("login/?oot-key-added", "login/root-key-added", true),
            ("login", "login/key-accepted", false),
            ("*", "", true),
            ("?", "", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
