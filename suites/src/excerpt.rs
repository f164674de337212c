//! The part of a listing that a verdict rests on, small enough to be kept as evidence.

use serde::{Deserialize, Serialize};

/// How many things an excerpt holds at most.
const MOST: usize = 200;

/// The things of a listing that matter most, and how many were listed in all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Excerpt<T> {
    /// How many the listing held.
    pub(crate) listed: usize,
    /// Those that matter most, in that order.
    pub(crate) shown: Vec<T>,
}

impl<T: Clone> Excerpt<T> {
    /// The beginning of `items` once they are sorted by `rank`; what ranks alike stays in the listing's order.
    pub(crate) fn ranked<K: Ord>(items: &[T], rank: impl FnMut(&T) -> K) -> Self {
        let mut shown = items.to_vec();
        shown.sort_by_cached_key(rank);
        shown.truncate(MOST);
        Self { listed: items.len(), shown }
    }
}

/// Names for a summary: a few of them, and how many more there are.
pub(crate) fn a_few<S: AsRef<str>>(names: &[S]) -> String {
    const FEW: usize = 3;
    let few: Vec<&str> = names.iter().take(FEW).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(FEW) {
        0 => few.join(", "),
        more => format!("{} and {more} more", few.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_comes_first_and_the_rest_is_counted() {
        let numbers: Vec<u32> = (0..500).collect();
        let excerpt = Excerpt::ranked(&numbers, |n| *n != 499);
        assert_eq!((excerpt.listed, excerpt.shown.len()), (500, MOST));
        assert_eq!(excerpt.shown[..3], [499, 0, 1]);
    }

    #[test]
    fn a_summary_names_a_few() {
        assert_eq!(a_few(&["a", "b", "c"]), "a, b, c");
        assert_eq!(a_few(&["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
    }
}
