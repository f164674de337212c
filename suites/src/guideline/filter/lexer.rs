//! Cuts a selection into tokens.

use super::FilterError;

/// A piece of a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Open,
    Close,
    Not,
    And,
    Or,
    Word(&'t str),
}

/// The tokens of `text`, each with the byte it begins at.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token<'_>)>, FilterError> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let token = match c {
            c if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            '!' => Token::Not,
            '&' | '|' => {
                // `&&` and `||` are what fingers type.
                rest.next_if(|(_, next)| *next == c);
                if c == '&' { Token::And } else { Token::Or }
            }
            c if in_word(c) => {
                let mut end = at + c.len_utf8();
                while let Some((next, c)) = rest.next_if(|(_, c)| in_word(*c)) {
                    end = next + c.len_utf8();
                }
                match &text[at..end] {
                    "not" => Token::Not,
                    "and" => Token::And,
                    "or" => Token::Or,
                    word => Token::Word(word),
                }
            }
            _ => {
                return Err(FilterError {
                    text: text.to_owned(),
                    at,
                    message: format!("`{}` has no meaning here", c.escape_debug()),
                    word: None,
                    candidates: Vec::new(),
                });
            }
        };
        tokens.push((at, token));
    }
    Ok(tokens)
}

/// What words are made of: ids, and the two characters of patterns.
pub(super) fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '*' | '?')
}
