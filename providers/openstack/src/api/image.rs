//! What Glance answers, as far as it is read: Image API v2.

use std::collections::BTreeMap;

use levelfield_provider::{Architecture, Image, ImageState};
use serde::Deserialize;
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Listed;

/// An image of `GET /v2/images`.
#[derive(Debug, Deserialize)]
pub(crate) struct ImageShown {
    id: String,
    name: Option<String>,
    status: String,
    owner: Option<String>,
    visibility: Option<String>,
    created_at: Option<String>,
    #[serde(default)]
    os_hidden: bool,
    /// Everything else, properties among it: Glance keeps both in one place.
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// What Glance says of every image and nobody chooses one by.
const NOISE: [&str; 6] = ["self", "file", "schema", "direct_url", "locations", "checksum"];

/// The properties in which the account that a key logs in to is found, the first that is there: `image_original_user` of the
/// Sovereign Cloud Stack's image metadata standard, `os_admin_user` of Glance's useful image properties, then others in use.
const ACCOUNT: [&str; 6] =
    ["image_original_user", "os_admin_user", "default_user", "os_default_user", "ssh_user", "login_user"];

impl Listed for ImageShown {
    const KEY: &'static str = "images";

    fn marker(&self) -> String {
        self.id.clone()
    }
}

impl ImageShown {
    /// Whether it is the image of a machine, not a kernel or a ramdisk that machines' images refer to.
    pub(crate) fn is_of_a_machine(&self) -> bool {
        let format = self.rest.get("container_format").and_then(Value::as_str);
        !matches!(format, Some("aki" | "ari"))
    }
}

impl From<ImageShown> for Image {
    fn from(shown: ImageShown) -> Self {
        let ImageShown { id, name, status, owner, visibility, created_at, os_hidden, rest } = shown;
        let mut properties: BTreeMap<String, String> = rest
            .into_iter()
            .filter(|(name, value)| !NOISE.contains(&name.as_str()) && !value.is_null())
            .map(|(name, value)| match value {
                Value::String(text) => (name, text),
                other => (name, other.to_string()),
            })
            .collect();
        let text = |name: &str| properties.get(name).filter(|text| !text.is_empty()).cloned();
        let image = Self {
            architecture: text("architecture").and_then(|word| Architecture::read(&word)),
            distribution: text("os_distro").map(|word| word.to_lowercase()),
            version: text("os_version"),
            login_account: ACCOUNT.iter().find_map(|name| text(name)),
            // Only the cloud's own staff may make an image public, by Glance's default policy `publicize_image`.
            official: visibility.as_deref().map(|word| word == "public"),
            state: match (status.as_str(), os_hidden) {
                ("active", false) => ImageState::Current,
                ("active", true) => ImageState::Superseded,
                _ => ImageState::Pending,
            },
            created: created_at.and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok()),
            name: name.unwrap_or_default(),
            id,
            owner,
            properties: BTreeMap::new(),
        };
        properties.extend(visibility.map(|word| ("visibility".to_owned(), word)));
        Self { properties, ..image }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_make_the_image() {
        let shown = json!({
            "id": "1", "name": "Debian 12", "status": "active", "owner": "p", "visibility": "public", "os_hidden": false,
            "created_at": "2026-10-01T10:00:00Z", "architecture": "x86_64", "os_distro": "Debian", "os_version": "12",
            "image_original_user": "debian", "min_ram": 96, "self": "/v2/images/1", "checksum": null, "tags": []
        });
        let image = Image::from(serde_json::from_value::<ImageShown>(shown).unwrap());
        assert_eq!(image.architecture, Some(Architecture::Amd64));
        assert_eq!((image.distribution.as_deref(), image.version.as_deref()), (Some("debian"), Some("12")));
        assert_eq!((image.login_account.as_deref(), image.official), (Some("debian"), Some(true)));
        assert_eq!(image.state, ImageState::Current);
        assert!(image.created.is_some());
        let kept: Vec<&str> = image.properties.keys().map(String::as_str).collect();
        assert_eq!(
            kept,
            ["architecture", "image_original_user", "min_ram", "os_distro", "os_version", "tags", "visibility"]
        );
    }

    #[test]
    fn kernels_and_ramdisks_are_no_machines() {
        for (format, machine) in [("bare", true), ("ova", true), ("aki", false), ("ari", false)] {
            let shown = json!({ "id": "1", "status": "active", "container_format": format });
            assert_eq!(serde_json::from_value::<ImageShown>(shown).unwrap().is_of_a_machine(), machine, "{format}");
        }
    }

    #[test]
    fn where_it_stands_is_its_status_and_whether_it_is_hidden() {
        for (status, hidden, state) in [
            ("active", false, ImageState::Current),
            ("active", true, ImageState::Superseded),
            ("queued", false, ImageState::Pending),
            ("deactivated", true, ImageState::Pending),
        ] {
            let shown = json!({ "id": "1", "status": status, "os_hidden": hidden });
            let image = Image::from(serde_json::from_value::<ImageShown>(shown).unwrap());
            assert_eq!((image.state, image.official), (state, None), "{status} {hidden}");
        }
    }
}
