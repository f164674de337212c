//! Tags: put on everything in the very call that makes it, and read back.

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use levelfield_provider::Tags;

/// The tag that the console shows as a resource's name.
const NAME: &str = "Name";

/// The tags of something that is being made, and its name.
pub(crate) fn specification(kind: ResourceType, name: Option<&str>, tags: &Tags) -> TagSpecification {
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let name = name.map(|name| tag(NAME, name));
    let all = tags.iter().map(|(key, value)| tag(key, value)).chain(name).collect();
    TagSpecification::builder().resource_type(kind).set_tags(Some(all)).build()
}

/// The tags that a listing shows.
pub(crate) fn read(shown: &[Tag]) -> Tags {
    shown.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}

/// The name among tags.
pub(crate) fn name(tags: &Tags) -> Option<&String> {
    tags.get(NAME)
}

/// Filters for what carries all of `tags`.
pub(crate) fn filters(tags: &Tags) -> Vec<Filter> {
    tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), [value.as_str()])).collect()
}

/// A filter of a listing.
pub(crate) fn filter<'v>(name: &str, values: impl IntoIterator<Item = &'v str>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(str::to_owned).collect())).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_back() {
        let tags = Tags::from([("levelfield-run".to_owned(), "r".to_owned())]);
        let made = specification(ResourceType::Instance, Some("lf-1"), &tags);
        let back = read(made.tags());
        assert_eq!(name(&back).map(String::as_str), Some("lf-1"));
        assert_eq!(back.get("levelfield-run").map(String::as_str), Some("r"));
        assert_eq!(filters(&tags)[0].name(), Some("tag:levelfield-run"));
    }
}
