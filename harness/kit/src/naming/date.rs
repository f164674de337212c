//! Build dates in names and properties of images.
//!
//! Read by hand: judging looks at all names of a catalogue many times over, and a pattern was a large part of what that took.

/// The first date in `text`, as `YYYYMMDD`: of this century, with or without `-` or `.` between its parts.
///
/// It stands alone between what are no digits, so that a serial number is not taken for one.
pub(super) fn find(text: &str) -> Option<String> {
    let text = text.as_bytes();
    let begins = |at: &usize| *at == 0 || !text[at - 1].is_ascii_digit();
    (0..text.len()).filter(begins).find_map(|at| leading(&text[at..]))
}

/// The date that `text` begins with.
fn leading(text: &[u8]) -> Option<String> {
    let (year, rest) = digits::<4>(text)?;
    let (month, rest) = digits::<2>(after_separator(rest))?;
    let (day, rest) = digits::<2>(after_separator(rest))?;
    let is_date = year.starts_with("20") && ("01"..="12").contains(&month) && ("01"..="31").contains(&day);
    let ends = !rest.first().is_some_and(u8::is_ascii_digit);
    (is_date && ends).then(|| [year, month, day].concat())
}

/// The `N` digits that `text` begins with, and what follows.
fn digits<const N: usize>(text: &[u8]) -> Option<(&str, &[u8])> {
    let (digits, rest) = text.split_at_checked(N)?;
    let digits = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
    Some((str::from_utf8(digits).ok()?, rest))
}

fn after_separator(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"-").or_else(|| text.strip_prefix(b".")).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_lite::Regex;

    use super::*;

    /// The same as a pattern: slower, and easier to believe.
    const PATTERN: &str = r"(?:^|[^0-9])(20[0-9]{2})[-.]?(0[1-9]|1[0-2])[-.]?(0[1-9]|[12][0-9]|3[01])(?:[^0-9]|$)";

    #[test]
    fn dates_stand_alone_and_are_of_this_century() {
        for (text, date) in [
            ("20261103", Some("20261103")),
            ("2026-11-03", Some("20261103")),
            ("2026.11-03", Some("20261103")),
            ("202611.03", Some("20261103")),
            ("debian-12-20261103-1921", Some("20261103")),
            ("é20261103é", Some("20261103")),
            ("20261399 20261231 20270101", Some("20261231")),
            ("120261103", None),
            ("202611031", None),
            ("2026--11-03", None),
            ("2026_11_03", None),
            ("19991231", None),
            ("20260003", None),
            ("20261300", None),
            ("20261132", None),
            ("2026-11-3", None),
            ("2026", None),
            ("", None),
        ] {
            assert_eq!(find(text).as_deref(), date, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_the_pattern_finds(text in "([-.ä ]?(20[0-9]{2}[-.]?[01][0-9][-.]?[0-3][0-9]|[0-9]{1,3})){0,4}[-.x]?") {
            let found = Regex::new(PATTERN).unwrap().captures(&text).map(|c| format!("{}{}{}", &c[1], &c[2], &c[3]));
            prop_assert_eq!(find(&text), found);
        }
    }
}
