//! Safe markup: every value is escaped on its way into the page unless its type says that it is markup already.
//!
//! The page is kept well-formed as XML too, so that a test can parse it: void elements are closed, attributes have values, and
//! characters that XML 1.0 forbids never reach it.

use std::fmt::{self, Write as _};

/// Writes markup with `{}` places; each argument is escaped as text that is also safe inside a double-quoted attribute.
///
/// The format string goes through `concat!`, which rules out inline captures: nothing gets around the escaping.
macro_rules! html {
    ($out:expr, $format:literal $(, $value:expr)* $(,)?) => {
        ::std::io::Write::write_fmt($out, format_args!(concat!($format) $(, $crate::html::markup::Shown(&$value))*))
    };
}

pub(super) use html;

/// A value that can be put into the page.
pub(super) trait Show {
    /// Writes it, escaped.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// The bridge from [`Show`] to `format_args!`.
pub(super) struct Shown<'a, T: ?Sized>(pub &'a T);

impl<T: Show + ?Sized> fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

/// Text that is markup already, and goes into the page as it is.
#[derive(Clone, Copy)]
pub(super) struct Markup<S>(pub S);

impl<S: fmt::Display> Show for Markup<S> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Show + ?Sized> Show for &T {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).show(f)
    }
}

impl Show for String {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().show(f)
    }
}

impl<T: Show> Show for Option<T> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().map_or(Ok(()), |value| value.show(f))
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Show for $number {
            fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        })*
    };
}
numbers!(u8 u32 u64 usize);

impl Show for str {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut clean = 0;
        for (at, character) in self.char_indices() {
            let Some(replacement) = Replacement::of(character) else { continue };
            f.write_str(&self[clean..at])?;
            match replacement {
                Replacement::Entity(entity) => f.write_str(entity)?,
                Replacement::Picture(picture) => f.write_char(picture)?,
                Replacement::Named => write!(f, "[U+{:04X}]", u32::from(character))?,
            }
            clean = at + character.len_utf8();
        }
        f.write_str(&self[clean..])
    }
}

/// What stands in the page for a character that may not.
enum Replacement {
    /// An entity for a character that means something in markup.
    Entity(&'static str),
    /// A visible picture of a control character.
    Picture(char),
    /// The name of a character that would change how the text around it reads, or that XML forbids.
    Named,
}

impl Replacement {
    fn of(character: char) -> Option<Self> {
        Some(match character {
            '&' => Self::Entity("&amp;"),
            '<' => Self::Entity("&lt;"),
            '>' => Self::Entity("&gt;"),
            '"' => Self::Entity("&quot;"),
            '\'' => Self::Entity("&#39;"),
            '\n' | '\t' => return None,
            '\u{0}'..='\u{1f}' => Self::Picture(char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}')),
            '\u{7f}' => Self::Picture('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{fffe}'
            | '\u{ffff}' => Self::Named,
            _ => return None,
        })
    }
}

/// The anchor made of `parts`, the same in every report: safe in an attribute and an address, and different for different parts.
pub(super) fn anchor(parts: &[&str]) -> String {
    let mut id = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            id.push('/');
        }
        for character in part.chars() {
            match character {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' => id.push(character),
                _ => {
                    let _ = write!(id, "_{:x}_", u32::from(character));
                }
            }
        }
    }
    id
}

/// Text in which web addresses can be followed. Only `http` and `https` ones, and only as links that a reader sees.
pub(super) struct Linked<'a>(pub &'a str);

impl Show for Linked<'_> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(start) = [rest.find("https://"), rest.find("http://")].into_iter().flatten().min() {
            rest[..start].show(f)?;
            let address = &rest[start..];
            let end = address.find(|c: char| c.is_whitespace() || c.is_control() || "<>\"'`".contains(c));
            let whole = &address[..end.unwrap_or(address.len())];
            let link = whole.trim_end_matches(['.', ',', ';', ':', ')', ']', '!', '?']);
            write!(f, "<a href=\"{0}\" rel=\"noreferrer\">{0}</a>", Shown(link))?;
            rest = &address[link.len()..];
        }
        rest.show(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            Shown("</script><img src=x onerror='a&b'>\"").to_string(),
            "&lt;/script&gt;&lt;img src=x onerror=&#39;a&amp;b&#39;&gt;&quot;"
        );
    }

    #[test]
    fn characters_that_hide_or_break_things_become_visible() {
        assert_eq!(
            Shown("a\u{0}b\u{1b}[31m\r\u{202e}c\u{ffff}\n\td").to_string(),
            "a\u{2400}b\u{241b}[31m\u{240d}[U+202E]c[U+FFFF]\n\td"
        );
    }

    #[test]
    fn anchors_are_plain_and_never_collide() {
        assert_eq!(anchor(&["result", "aws-like", "login/x"]), "result/aws-like/login_2f_x");
        assert_ne!(anchor(&["a b"]), anchor(&["a_20_b"]));
        assert_ne!(anchor(&["a", "b"]), anchor(&["a/b"]));
        assert!(anchor(&["\"><é"]).chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(
            Shown(&Linked("see https://a.example/x?y=1&z (and javascript:alert).")).to_string(),
            "see <a href=\"https://a.example/x?y=1&amp;z\" rel=\"noreferrer\">https://a.example/x?y=1&amp;z</a> \
             (and javascript:alert)."
        );
        assert_eq!(Shown(&Linked("https://")).to_string(), "<a href=\"https://\" rel=\"noreferrer\">https://</a>");
    }
}
