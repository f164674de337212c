//! The edition that ships inside the program.

/// The embedded edition's name.
pub(super) const EDITION: &str = "2026.11";

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../guidelines/2026.11/", $name)))),*]
    };
}

/// Its files, by name.
pub(super) const FILES: &[(&str, &str)] = files![
    "edition.yaml",
    "metadata.yaml",
    "image-naming.yaml",
    "allocation.yaml",
    "addressing.yaml",
    "login.yaml",
    "underlay.yaml",
    "scale.yaml",
];
