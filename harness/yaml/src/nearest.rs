//! Finds what was meant among what is valid.

use std::fmt::Write as _;

/// Words listed in a help line; the rest is counted.
const LISTED: usize = 24;

/// The candidate that `word` most likely stands for, if one is near enough to be named.
pub fn nearest<'a, S: AsRef<str>>(word: &str, candidates: &'a [S]) -> Option<&'a str> {
    let folded = fold(word);
    // A third of the letters may differ: beyond that a guess confuses more than it helps, and for a single letter it always does.
    let limit = folded.chars().count() / 3;
    let by_edits = candidates
        .iter()
        .map(|c| (strsim::damerau_levenshtein(&folded, &fold(c.as_ref())), c.as_ref()))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate);
    by_edits.or_else(|| {
        let mut longer =
            candidates.iter().map(AsRef::as_ref).filter(|c| folded.len() >= 3 && fold(c).contains(&folded));
        let only = longer.next();
        if longer.next().is_some() { None } else { only }
    })
}

/// The help after a wrong `word`: the nearest of `candidates`, then all of them, in their order. None without candidates.
pub fn help<S: AsRef<str>>(word: Option<&str>, candidates: &[S]) -> Option<String> {
    if candidates.is_empty() {
        return None;
    }
    let mut text = match word.and_then(|word| nearest(word, candidates)) {
        Some(near) => format!("did you mean `{near}`? valid here: "),
        None => "valid here: ".to_owned(),
    };
    let shown: Vec<_> = candidates.iter().take(LISTED).map(AsRef::as_ref).collect();
    text.push_str(&shown.join(", "));
    if candidates.len() > LISTED {
        // Writing to a string can't fail.
        let _ = write!(text, ", and {} more", candidates.len() - LISTED);
    }
    Some(text)
}

/// Case, and the choice between `_`, `-` and a space, are no difference.
fn fold(word: &str) -> String {
    word.chars().map(|c| if matches!(c, '_' | ' ') { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let valid = ["flavor", "image", "network"];
        assert_eq!(nearest("flavour", &valid), Some("flavor"));
        assert_eq!(nearest("Image", &valid), Some("image"));
        assert_eq!(nearest("netw", &valid), Some("network"));
        assert_eq!(nearest("colour", &valid), None);
        assert_eq!(help(Some("x"), &Vec::<String>::new()), None);
        assert_eq!(help(Some("imaeg"), &valid).unwrap(), "did you mean `image`? valid here: flavor, image, network");
    }

    #[test]
    fn long_lists_are_cut() {
        let many: Vec<_> = (0..30).map(|n| format!("word-{n:02}")).collect();
        assert!(help(None, &many).unwrap().ends_with("word-23, and 6 more"));
    }
}
