//! Expected against observed, as a unified diff that fits on a page.

use similar::TextDiff;

use crate::{sanitize, verdict::Difference};

/// The most that is read of either text, in bytes.
const MOST_BYTES: usize = 16 * 1024;
/// The most lines that are shown.
const MOST_LINES: usize = 200;

/// The unified diff of a [`Difference`], without terminal escapes, cut to a readable length with a marker. Empty if both are alike.
pub fn unified(difference: &Difference) -> String {
    let clean = |text: &str| {
        let mut text = sanitize::short_text(text, MOST_BYTES).into_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text
    };
    let (expected, observed) = (clean(&difference.expected), clean(&difference.observed));
    let diff = TextDiff::from_lines(&expected, &observed);
    let full = diff.unified_diff().context_radius(3).header("expected", "observed").to_string();
    let mut ends = full.match_indices('\n');
    match ends.nth(MOST_LINES - 1) {
        Some((end, _)) if end + 1 < full.len() => {
            format!("{}[truncated: {} more lines]\n", &full[..=end], full[end + 1..].lines().count())
        }
        _ => full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(expected: &str, observed: &str) -> String {
        unified(&Difference { expected: expected.into(), observed: observed.into() })
    }

    #[test]
    fn lines_are_compared() {
        insta::assert_snapshot!(diff("a\nb\nc", "a\nc"), @r"
        --- expected
        +++ observed
        @@ -1,3 +1,2 @@
         a
        -b
         c
        ");
        assert_eq!(diff("same", "same"), "");
    }

    #[test]
    fn large_texts_are_cut() {
        let lines: String = (0..100_000).flat_map(|i| [i.to_string(), "\n".to_owned()]).collect();
        let shown = diff(&lines, "");
        assert!(shown.len() < 20_000 && shown.contains("[truncated: "), "{}", shown.len());
    }
}
