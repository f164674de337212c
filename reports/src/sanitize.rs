//! Makes text from a target harmless for the place it is shown in.
//!
//! Evidence holds what strangers' machines said: serial consoles are full of terminal escapes, and a banner may hold anything. No
//! report passes such text on as it came.

use std::borrow::Cow;

/// What stands for a character that may not be shown.
const REPLACEMENT: char = '\u{FFFD}';
const ESC: char = '\u{1B}';

/// Without terminal escapes, without characters that XML 1.0 forbids, lines ended by `\n` alone. Tabs and line ends stay.
///
/// What XML allows and a terminal or a reader may trip over is replaced too: C1 controls, DEL, and overrides of the writing
/// direction.
pub fn text(input: &str) -> Cow<'_, str> {
    if input.chars().all(is_harmless) {
        return Cow::Borrowed(input);
    }
    let mut out = String::with_capacity(input.len());
    let mut rest = input;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            ESC => rest = after_escape(rest),
            // The one-character form of `ESC [`.
            '\u{9B}' => rest = after_control_sequence(rest),
            '\r' if rest.starts_with('\n') => {}
            '\r' => out.push('\n'),
            c if is_harmless(c) => out.push(c),
            _ => out.push(REPLACEMENT),
        }
    }
    Cow::Owned(out)
}

/// As [`text`], on one line: every run of white space is one blank, and there is none at the ends.
pub fn line(input: &str) -> Cow<'_, str> {
    let clean = text(input);
    let single = !clean.starts_with(' ')
        && !clean.ends_with(' ')
        && !clean.contains("  ")
        && !clean.contains(|c: char| c.is_whitespace() && c != ' ');
    if single {
        return clean;
    }
    let mut out = String::with_capacity(clean.len());
    for word in clean.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    Cow::Owned(out)
}

/// As [`text`], and at most `most` bytes of it, cut between two characters, with a marker that says how long it was.
///
/// The marker comes on top of `most`. The work done grows with `most`, not with the input.
pub fn short_text(input: &str, most: usize) -> Cow<'_, str> {
    shorten(input, most, text)
}

/// As [`line()`], and at most `most` bytes of it, with the marker of [`short_text`].
pub fn short_line(input: &str, most: usize) -> Cow<'_, str> {
    shorten(input, most, line)
}

fn shorten(input: &str, most: usize, clean: impl Fn(&str) -> Cow<'_, str>) -> Cow<'_, str> {
    // What is dropped in cleaning may make room, but eight times the length is enough of an offer.
    let offered = &input[..input.floor_char_boundary(most.saturating_mul(8).saturating_add(64))];
    let mut kept = clean(offered);
    if offered.len() == input.len() && kept.len() <= most {
        return kept;
    }
    let gap = if kept.contains('\n') { "\n" } else { " " };
    let end = kept.floor_char_boundary(most);
    kept.to_mut().truncate(end);
    Cow::Owned(format!("{kept}{gap}[truncated: {} bytes in all]", input.len()))
}

/// For the inside of a CDATA section: its end mark is split over two sections. What is read back is the same text.
pub fn cdata(input: &str) -> Cow<'_, str> {
    if input.contains("]]>") { Cow::Owned(input.replace("]]>", "]]]]><![CDATA[>")) } else { Cow::Borrowed(input) }
}

/// Whether a character may be shown anywhere as it is.
fn is_harmless(c: char) -> bool {
    match c {
        '\t' | '\n' => true,
        // Control characters, overrides of the writing direction, and what is no character.
        '\u{0}'..='\u{1F}'
        | '\u{7F}'..='\u{9F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}'
        | '\u{FFFE}'
        | '\u{FFFF}' => false,
        _ => true,
    }
}

/// What follows the escape sequence whose ESC was just read.
fn after_escape(rest: &str) -> &str {
    let mut chars = rest.chars();
    match chars.next() {
        Some('[') => after_control_sequence(chars.as_str()),
        // Strings for the terminal: title, device control, privacy message, application command, start of string.
        Some(']' | 'P' | '^' | '_' | 'X') => after_string(chars.as_str()),
        // Intermediate bytes, then a final one: character sets and the like.
        Some(' '..='/') => {
            let rest = rest.trim_start_matches(|c| matches!(c, ' '..='/'));
            rest.strip_prefix(|c| matches!(c, '0'..='~')).unwrap_or(rest)
        }
        Some('0'..='~') => chars.as_str(),
        _ => rest,
    }
}

/// What follows a control sequence: parameters, intermediates, one final byte. One that is broken off loses what belongs to it.
fn after_control_sequence(rest: &str) -> &str {
    let rest = rest.trim_start_matches(|c| matches!(c, '0'..='?')).trim_start_matches(|c| matches!(c, ' '..='/'));
    rest.strip_prefix(|c| matches!(c, '@'..='~')).unwrap_or(rest)
}

/// What follows a string for the terminal. One without an end on its line is taken for text: evidence must not vanish.
fn after_string(rest: &str) -> &str {
    let line = rest.find('\n').map_or(rest, |end| &rest[..end]);
    let end = line.char_indices().find_map(|(at, c)| match c {
        '\u{7}' | '\u{9C}' => Some(at + c.len_utf8()),
        ESC if line[at + 1..].starts_with('\\') => Some(at + 2),
        _ => None,
    });
    end.map_or(rest, |end| &rest[end..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terminal_escapes_vanish_and_text_stays() {
        assert_eq!(text("\u{1B}[1;31mred\u{1B}[0m \u{1B}]0;title\u{7}plain\u{1B}(B \u{9B}2Kx"), "red plain x");
        assert_eq!(text("a\u{1B}]0;no end\nb"), "a0;no end\nb");
        assert_eq!(text("\u{1B}]8;;http://x\u{1B}\\link\u{1B}]8;;\u{1B}\\"), "link");
    }

    #[test]
    fn forbidden_characters_are_replaced() {
        assert_eq!(text("nul\0bel\u{7}fffe\u{FFFE}"), "nul\u{FFFD}bel\u{FFFD}fffe\u{FFFD}");
        assert_eq!(text("a\r\nb\rc"), "a\nb\nc");
        assert_eq!(text("user\u{202E}gpj.exe"), "user\u{FFFD}gpj.exe");
    }

    #[test]
    fn one_line_is_one_line() {
        assert_eq!(line(" a\n\tb \u{1B}[0m c "), "a b c");
        assert!(matches!(line("already one"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_cut_is_marked() {
        assert_eq!(short_line("abcdef", 4), "abcd [truncated: 6 bytes in all]");
        assert_eq!(short_text("äöü", 3), "ä [truncated: 6 bytes in all]");
        assert_eq!(short_text("abc", 3), "abc");
        assert_eq!(short_text("a\u{1B}[31mbc", 3), "abc");
        assert!(short_line(&"x".repeat(1 << 20), 10).len() < 60);
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(input in any::<String>()) {
            let clean = text(&input);
            prop_assert!(clean.chars().all(is_harmless));
            prop_assert_eq!(text(&clean), clean.clone());
        }

        #[test]
        fn plain_text_is_untouched(input in "[ -~äöü\n\t]*") {
            prop_assert_eq!(text(&input), Cow::Borrowed(input.as_str()));
        }

        #[test]
        fn control_noise_is_harmless(input in "[\u{1B}\u{9B}\\[\\]PX_^;0-9mK\u{7}\u{9C}\\\\\n\r\0a-c]*") {
            prop_assert!(text(&input).chars().all(is_harmless));
            prop_assert!(!line(&input).contains('\n'));
        }
    }
}
