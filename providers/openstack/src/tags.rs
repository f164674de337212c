//! Tags where a resource has none: written into its description, in the one call that creates it.
//!
//! Neutron's own tags can only be put on what exists already, and a run that is killed in between would leave a resource that
//! nothing marks as its own.

use levelfield_provider::Tags;

/// What every tag of a run begins with.
const PREFIX: &str = "levelfield-";

/// A description that holds `tags`.
pub(crate) fn describe(tags: &Tags) -> String {
    tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

/// The tags in a description; whatever else it holds is somebody else's.
pub(crate) fn described(description: Option<&str>) -> Tags {
    let words = description.unwrap_or_default().split_whitespace();
    words
        .filter_map(|word| word.split_once('='))
        .filter(|(key, _)| key.starts_with(PREFIX))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_back_from_a_description() {
        let tags = Tags::from([
            ("levelfield-run".to_owned(), "20261121-1".to_owned()),
            ("levelfield-entry".to_owned(), "20261121-1-7".to_owned()),
        ]);
        assert_eq!(described(Some(&describe(&tags))), tags);
        assert_eq!(described(Some("web servers key=value levelfield-run=x")).len(), 1);
        assert_eq!(described(None), Tags::new());
    }
}
