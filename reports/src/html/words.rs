//! How numbers, times and states are put in words, the same all over the page.

use time::{OffsetDateTime, UtcOffset, macros::format_description};

use crate::verdict::Verdict;

/// The sign of a state: told apart by shape, for readers without colour.
pub(super) fn sign(state: &str) -> &'static str {
    match state {
        "pass" => "✓",
        "fail" => "✕",
        "missing" => "∅",
        "inconclusive" => "?",
        "unsupported" => "○",
        "waived" => "≈",
        _ => "–",
    }
}

/// The state in words that fit into a narrow column.
pub(super) fn state(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::NotSelected { .. } => "not selected",
        other => other.state(),
    }
}

/// `1 behaviour`, `2 behaviours`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number as u64), if number == 1 { "" } else { "s" })
}

/// A whole number with thin spaces between groups of three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A measured number, with as many digits as are worth reading.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "not a number".to_owned();
    }
    if value.abs() >= 1000.0 {
        let sign = if value < 0.0 { "−" } else { "" };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and it is positive"
        )]
        return format!("{sign}{}", grouped(value.abs().round() as u64));
    }
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A measure with its unit.
pub(super) fn measure(value: f64, unit: &str) -> String {
    match unit {
        "" | "count" => number(value),
        unit => format!("{}\u{a0}{unit}", number(value)),
    }
}

/// Seconds as people say them.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".to_owned();
    }
    if seconds < 1.0 {
        return format!("{:.0}\u{a0}ms", seconds * 1000.0);
    }
    if seconds < 60.0 {
        return format!("{seconds:.1}\u{a0}s");
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and it is positive")]
    let whole = seconds.round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{}\u{a0}h\u{a0}{minutes:02}\u{a0}min", grouped(hours))
    } else {
        format!("{minutes}\u{a0}min\u{a0}{rest:02}\u{a0}s")
    }
}

/// A moment, for people.
pub(super) fn moment(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC)
        .format(format_description!("[year]-[month]-[day], [hour]:[minute]:[second] UTC"))
        .unwrap_or_else(|_| at.to_string())
}

/// A share, never rounded up to a whole that it is not.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value {
        _ if !value.is_finite() => "?".to_owned(),
        _ if value < 100.0 && value > 99.9 => "99.9\u{a0}%".to_owned(),
        _ => format!("{}\u{a0}%", number((value * 10.0 + 1e-6).floor() / 10.0)),
    }
}

/// The first part of a digest; the whole is in the title beside it.
pub(super) fn short(digest: &str) -> &str {
    digest.char_indices().nth(12).map_or(digest, |(end, _)| &digest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(0.0), "0");
        assert_eq!(number(0.126), "0.13");
        assert_eq!(number(12.0), "12");
        assert_eq!(number(41.26), "41.3");
        assert_eq!(number(1_234_567.0), "1\u{202f}234\u{202f}567");
        assert_eq!(number(-2000.0), "−2\u{202f}000");
        assert_eq!(number(f64::NAN), "not a number");
        assert_eq!(measure(3.0, "count"), "3");
        assert_eq!(measure(41.26, "s"), "41.3\u{a0}s");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(0.25), "250\u{a0}ms");
        assert_eq!(duration(41.26), "41.3\u{a0}s");
        assert_eq!(duration(725.0), "12\u{a0}min\u{a0}05\u{a0}s");
        assert_eq!(duration(7260.0), "2\u{a0}h\u{a0}01\u{a0}min");
        assert_eq!(duration(f64::INFINITY), "unknown");
    }

    #[test]
    fn a_share_is_never_rounded_up_to_the_whole() {
        assert_eq!(percent(1.0), "100\u{a0}%");
        assert_eq!(percent(0.999_99), "99.9\u{a0}%");
        assert_eq!(percent(0.94), "94\u{a0}%");
    }
}
