//! The profiles of an edition: named selections, in the order of the file.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap as _};

/// Named selections, in the file's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profiles(Vec<Profile>);

impl Profiles {
    /// The profile called `name`.
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.0.iter().find(|profile| profile.name == name)
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Profile> {
        self.0.iter()
    }
}

impl<'p> IntoIterator for &'p Profiles {
    type Item = &'p Profile;
    type IntoIter = std::slice::Iter<'p, Profile>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A named selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name: `smoke`, `core`.
    pub name: String,
    /// What it is for.
    pub title: String,
    /// What it selects, in the language of [`Filter`](super::Filter).
    pub select: String,
}

/// A profile as the file spells it, below its name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Profile")]
pub(super) struct ProfileBody {
    /// What the profile is for.
    title: String,
    /// What it selects, in the filter language: `level(core) and not suite(scale)`.
    select: String,
}

impl<'de> Deserialize<'de> for Profiles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> de::Visitor<'de> for InOrder {
            type Value = Profiles;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of profile names to `title` and `select`")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Profiles, A::Error> {
                let mut profiles = Vec::new();
                while let Some((name, body)) = map.next_entry::<String, ProfileBody>()? {
                    profiles.push(Profile { name, title: body.title, select: body.select });
                }
                Ok(Profiles(profiles))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Serialize for Profiles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for Profile { name, title, select } in self {
            map.serialize_entry(name, &ProfileBody { title: title.clone(), select: select.clone() })?;
        }
        map.end()
    }
}
