//! Reads a selection by recursive descent, to a bounded depth.

use levelfield_provider::Capability;

use super::{
    FilterError, Words,
    expr::{Expr, StepIs},
    lexer::{Token, tokens},
};
use crate::guideline::model::Status;

/// How deep parentheses and negations may stand in each other.
const MAX_DEPTH: usize = 64;

pub(super) const PREDICATES: [&str; 8] = ["suite", "step", "level", "status", "id", "needs", "all", "none"];

/// The meaning of `text`, and its predicates with their places.
pub(super) fn parse(text: &str) -> Result<(Expr, Words), FilterError> {
    let mut parser = Parser { text, tokens: tokens(text)?, next: 0, words: Vec::new() };
    let expr = parser.or(0)?;
    match parser.peek() {
        None => Ok((expr, parser.words)),
        Some(Token::Close) => Err(parser.error("this closes nothing")),
        Some(_) => Err(parser.error("expected `and`, `or` or the end")),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<(usize, Token<'t>)>,
    next: usize,
    words: Words,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.next).map(|(_, token)| *token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |(at, _)| *at)
    }

    fn take(&mut self, token: Token<'_>) -> bool {
        let next_is_it = self.peek() == Some(token);
        self.next += usize::from(next_is_it);
        next_is_it
    }

    /// A mistake at the next token.
    fn error(&self, message: impl Into<String>) -> FilterError {
        let (text, message) = (self.text.to_owned(), message.into());
        FilterError { text, at: self.at(), message, word: None, candidates: Vec::new() }
    }

    /// The word `word` at `at` is none of `valid`.
    fn unknown<'c>(&self, at: usize, what: &str, word: &str, valid: impl IntoIterator<Item = &'c str>) -> FilterError {
        FilterError {
            text: self.text.to_owned(),
            at,
            message: format!("unknown {what} `{word}`"),
            word: Some(word.to_owned()),
            candidates: valid.into_iter().map(str::to_owned).collect(),
        }
    }

    fn or(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let first = self.and(depth)?;
        self.rest(first, Token::Or, Expr::Or, |parser| parser.and(depth))
    }

    fn and(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let first = self.not(depth)?;
        self.rest(first, Token::And, Expr::And, |parser| parser.not(depth))
    }

    fn rest(
        &mut self,
        first: Expr,
        operator: Token<'_>,
        join: fn(Vec<Expr>) -> Expr,
        mut part: impl FnMut(&mut Self) -> Result<Expr, FilterError>,
    ) -> Result<Expr, FilterError> {
        let mut parts = vec![first];
        while self.take(operator) {
            parts.push(part(self)?);
        }
        // One part alone is itself.
        if parts.len() > 1 { Ok(join(parts)) } else { Ok(parts.remove(0)) }
    }

    fn not(&mut self, depth: usize) -> Result<Expr, FilterError> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        if self.take(Token::Not) {
            return Ok(Expr::Not(Box::new(self.not(depth + 1)?)));
        }
        if self.take(Token::Open) {
            let inner = self.or(depth + 1)?;
            self.close()?;
            return Ok(inner);
        }
        let at = self.at();
        let Some(Token::Word(word)) = self.peek() else {
            let message = if self.text.trim().is_empty() { "the selection is empty" } else { "expected a predicate" };
            return Err(self.error(format!("{message}: `suite(login)`, or a word of an id")));
        };
        self.next += 1;
        if self.take(Token::Open) {
            return self.predicate(at, word);
        }
        // As a part of an id, `all` would be a small selection (it is in `allocation`) and no mistake.
        if PREDICATES.contains(&word) {
            let form = if matches!(word, "all" | "none") { format!("{word}()") } else { format!("{word}(…)") };
            self.next -= 1;
            return Err(self.error(format!("`{word}` is a predicate: write `{form}`")));
        }
        let expr = Expr::Word(word.to_owned());
        self.words.push((expr.clone(), at..at + word.len()));
        Ok(expr)
    }

    fn close(&mut self) -> Result<(), FilterError> {
        if self.take(Token::Close) { Ok(()) } else { Err(self.error("expected `)`")) }
    }

    /// Reads what follows `name(`, which began at `at`.
    fn predicate(&mut self, at: usize, name: &str) -> Result<Expr, FilterError> {
        if !PREDICATES.contains(&name) {
            return Err(self.unknown(at, "predicate", name, PREDICATES));
        }
        if name == "all" || name == "none" {
            if !self.take(Token::Close) {
                return Err(self.error(format!("`{name}` takes no word: write `{name}()`")));
            }
            return Ok(if name == "all" { Expr::All } else { Expr::None });
        }
        let start = self.at();
        let word = match self.peek() {
            Some(Token::Word(word)) => word,
            // No id is called so, but nothing else can be meant here.
            Some(Token::Not) if self.text[start..].starts_with("not") => "not",
            Some(Token::And) if self.text[start..].starts_with("and") => "and",
            Some(Token::Or) if self.text[start..].starts_with("or") => "or",
            _ => return Err(self.error(format!("`{name}` takes one word"))),
        };
        self.next += 1;
        let expr = self.argument(name, start, word)?;
        self.close()?;
        self.words.push((expr.clone(), start..start + word.len()));
        Ok(expr)
    }

    fn argument(&self, name: &str, at: usize, word: &str) -> Result<Expr, FilterError> {
        Ok(match name {
            "suite" => Expr::Suite(word.to_owned()),
            "level" => Expr::Level(word.to_owned()),
            "status" => {
                Expr::Status(word.parse().map_err(|_| self.unknown(at, "status", word, Status::ALL.map(Status::id)))?)
            }
            "needs" => Expr::Needs(
                word.parse().map_err(|_| self.unknown(at, "capability", word, Capability::ALL.map(Capability::id)))?,
            ),
            "step" => Expr::Step(match word {
                "any" => StepIs::Any,
                "none" => StepIs::None,
                digit => match digit.parse() {
                    Ok(step @ 1..=8) if digit.len() == 1 => StepIs::Number(step),
                    _ => {
                        let valid = ["1", "2", "3", "4", "5", "6", "7", "8", "any", "none"];
                        return Err(self.unknown(at, "step", word, valid));
                    }
                },
            }),
            _ => Expr::Id(word.to_owned()),
        })
    }
}
