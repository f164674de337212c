//! The names that one service goes by in catalogs and files.

/// Service types that have other names, the official one first, the others in the order in which they are preferred. `volumev2`
/// is missing: it is another API. `volume` is the last: on old clouds it is an API older still.
const ALIASES: [&[&str]; 1] = [&["block-storage", "block-store", "volumev3", "volume"]];

/// The names of `service_type`, itself first, then those that mean the same, best first.
pub(crate) fn aliases(service_type: &str) -> Vec<&str> {
    let others = ALIASES.iter().find(|names| names.contains(&service_type)).copied().unwrap_or_default();
    std::iter::once(service_type).chain(others.iter().copied().filter(|name| *name != service_type)).collect()
}

/// The official name of `service_type`: `volumev3` is `block-storage`, and a name without another is its own.
pub(crate) fn official(service_type: &str) -> &str {
    ALIASES.iter().find(|names| names.contains(&service_type)).map_or(service_type, |names| names[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_translated() {
        for (asked, first, all) in [
            ("compute", "compute", vec!["compute"]),
            ("block-storage", "block-storage", vec!["block-storage", "block-store", "volumev3", "volume"]),
            ("volumev3", "block-storage", vec!["volumev3", "block-storage", "block-store", "volume"]),
            ("volumev2", "volumev2", vec!["volumev2"]),
        ] {
            assert_eq!(official(asked), first, "{asked}");
            assert_eq!(aliases(asked), all, "{asked}");
        }
    }
}
