//! Text from elsewhere, so that Markdown shows it as it is.

use std::fmt::Write;

use crate::sanitize;

/// The most of one text that is shown, in bytes.
const MOST: usize = 600;

/// For running text and table cells: one line, nothing in it is markup, and nobody is notified by it.
pub(crate) fn inline(text: &str) -> String {
    let text = sanitize::short_line(text, MOST);
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Hosts make links and notifications of these on their own.
            '@' => out.push_str("&#64;"),
            c => out.push(c),
        }
    }
    out
}

/// For ids: in a code span that holds whatever it holds, in tables too.
pub(crate) fn code(text: &str) -> String {
    let text = sanitize::short_line(text, MOST).replace('|', "\\|");
    let ticks = "`".repeat(longest_run(&text) + 1);
    let gap = if text.is_empty() || text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{gap}{text}{gap}{ticks}")
}

/// A code block in `language`, with a fence that `text` cannot close.
pub(crate) fn block(language: &str, text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let mut out = String::with_capacity(text.len() + 16);
    // Writing to a string can't fail.
    let _ = write!(out, "{fence}{language}\n{}\n{fence}\n", text.trim_end_matches('\n'));
    out
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_is_shown_and_not_obeyed() {
        assert_eq!(inline("a|b *c* <img> [x](y)\n# @all"), "a\\|b \\*c\\* &lt;img&gt; \\[x\\](y) \\# &#64;all");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert!(block("diff", "```\nx").starts_with("````diff\n"));
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_place(text in any::<String>()) {
            let shown = inline(&text);
            prop_assert!(!shown.contains(['\n', '<', '>', '@']));
            let mut escaped = false;
            for c in shown.chars() {
                prop_assert!(escaped || !matches!(c, '`' | '*' | '|' | '[' | '_'));
                escaped = c == '\\' && !escaped;
            }
            let span = code(&text);
            let ticks = span.chars().take_while(|c| *c == '`').count();
            let inside = &span[ticks..span.len() - ticks];
            prop_assert!(span.ends_with(&"`".repeat(ticks)) && longest_run(inside) < ticks);
        }
    }
}
