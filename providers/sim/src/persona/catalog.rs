//! What a persona has to offer: regions, networks, flavors, images.

use std::collections::{BTreeMap, BTreeSet};

use levelfield_provider::{Architecture, Capability, ImageState};
use serde::{Deserialize, Deserializer, de::Error as _};
use time::OffsetDateTime;

/// A region.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegionSpec {
    /// Its name.
    pub name: String,
    /// The names of its zones.
    pub zones: Vec<String>,
}

/// A network. Its address range is a part of the loopback block that the sim takes when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// Whether it is marked as the one to use when none is named.
    #[serde(default)]
    pub default: bool,
    /// Whether the catalogue says that nodes on it reach outside.
    pub external: Option<bool>,
    /// The largest packet, in bytes, that interfaces on it state and that it carries.
    pub mtu: u32,
}

impl NetworkSpec {
    /// How many networks a loopback block has room for.
    pub(super) const MOST: usize = 2;
}

/// A size of node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FlavorSpec {
    /// Its name.
    pub name: String,
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Root disk in GiB.
    pub disk_gib: u64,
    /// Processor architecture.
    pub architecture: Architecture,
}

/// A machine image: what the catalogue states of it, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ImageSpec {
    /// Its name.
    pub name: String,
    /// Stated architecture.
    pub architecture: Architecture,
    /// Stated distribution, as `ID` in os-release has it.
    pub distribution: Option<String>,
    /// Stated version, as `VERSION_ID` in os-release has it.
    pub version: Option<String>,
    /// Stated owner.
    pub owner: String,
    /// Whether the target marks the owner as the official publisher.
    pub official: Option<bool>,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// Where it stands in its life.
    #[serde(default = "current")]
    pub state: ImageState,
    /// The account that the catalogue states.
    pub login_account: Option<String>,
    /// What else the catalogue states.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    /// The account that a key really logs in to.
    pub account: String,
    /// The content of `/etc/os-release`.
    pub os_release: String,
    /// The unit that the SSH server is known by: `ssh` or `sshd`.
    #[serde(default = "ssh")]
    pub ssh_unit: String,
    /// Whether its SSH server refuses root whatever its configuration says.
    #[serde(default)]
    pub root_login_barred: bool,
}

fn current() -> ImageState {
    ImageState::Current
}

fn ssh() -> String {
    "ssh".to_owned()
}

/// Reads capabilities by their ids, or `all` but those that exclude the sim.
pub(super) fn capabilities<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeSet<Capability>, D::Error> {
    let words = Vec::<String>::deserialize(from)?;
    words.iter().map(|word| word.parse().map_err(D::Error::custom)).collect()
}
