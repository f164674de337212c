//! Everything a run can create on a target, named so that it can be found and removed again.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tags on a resource, where the target has tags.
pub type Tags = BTreeMap<String, String>;

/// The tag keys that every resource of a run carries.
pub mod tag {
    /// The run that created the resource.
    pub const RUN: &str = "levelfield-run";
    /// When the resource may be reaped by anyone: seconds since the epoch, UTC.
    pub const EXPIRES: &str = "levelfield-expires";
    /// The ledger entry that announced the resource before it was created.
    pub const ENTRY: &str = "levelfield-entry";
}

/// A kind of resource. The order is the order of removal: what holds a thing comes before the thing held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A machine, virtual or physical.
    Node,
    /// A public address that lives apart from nodes.
    Address,
    /// A network interface that lives apart from nodes.
    Port,
    /// A set of inbound rules.
    Group,
    /// A block device.
    Volume,
    /// A machine image.
    Image,
    /// A public key known to the target.
    KeyPair,
    /// A DHCP lease.
    Lease,
}

impl Kind {
    /// Every kind, in the order of removal.
    pub const ALL: [Self; 8] =
        [Self::Node, Self::Address, Self::Port, Self::Group, Self::Volume, Self::Image, Self::KeyPair, Self::Lease];

    /// The id used in the ledger and in reports.
    pub fn id(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Address => "address",
            Self::Port => "port",
            Self::Group => "group",
            Self::Volume => "volume",
            Self::Image => "image",
            Self::KeyPair => "key-pair",
            Self::Lease => "lease",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// One resource on a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ResourceRef {
    /// What it is.
    pub kind: Kind,
    /// The target's own id for it.
    pub id: String,
}

impl ResourceRef {
    /// The resource of `kind` that the target calls `id`.
    pub fn new(kind: Kind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }
}

impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// A resource as an inventory lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What and which.
    pub resource: ResourceRef,
    /// The name it was given.
    pub name: String,
    /// The tags it carries; empty where the kind has none on this target, and the name is then all there is to go by.
    pub tags: Tags,
}
