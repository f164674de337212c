//! The things that automation handles on any infrastructure, in the field's standard terms.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::Tags;

/// What identifies a target well enough that a stranger knows which one was tested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fingerprint {
    /// Facts by name: endpoints, region, API version, catalogue digest. No secrets, nothing that changes from run to run.
    pub facts: BTreeMap<String, String>,
}

/// A region and its zones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Region {
    /// The region's name.
    pub name: String,
    /// Names of its zones.
    pub zones: Vec<String>,
}

/// A network that nodes can be attached to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// The target's id.
    pub id: String,
    /// The name people see.
    pub name: String,
    /// The address ranges that nodes get addresses from.
    #[schemars(with = "Vec<String>")]
    pub cidrs: Vec<IpNet>,
    /// Whether nodes on it reach outside, if the target says.
    pub external: Option<bool>,
    /// Whether the target marks it as the one to use when none is named.
    pub default: bool,
}

/// A size of node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Flavor {
    /// The target's id.
    pub id: String,
    /// The name people see.
    pub name: String,
    /// Virtual processors.
    pub vcpus: Option<u32>,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// Root disk in GiB; 0 where the image decides.
    pub disk_gib: Option<u64>,
    /// Processor architecture.
    pub architecture: Option<Architecture>,
}

/// A processor architecture, by the names that image builders use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// 64-bit x86: `x86_64` to the kernel.
    Amd64,
    /// 64-bit Arm: `aarch64` to the kernel.
    Arm64,
}

impl Architecture {
    /// The name in portable image names.
    pub fn id(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// What `uname -m` prints on it.
    pub fn machine(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// Reads either spelling, as clouds mix them.
    pub fn read(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "amd64" | "x86_64" | "x86-64" => Some(Self::Amd64),
            "arm64" | "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A machine image in a catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Image {
    /// The target's id.
    pub id: String,
    /// The name people see.
    pub name: String,
    /// Processor architecture, if stated.
    pub architecture: Option<Architecture>,
    /// Distribution in lower case, as `ID` in os-release has it: `debian`, `ubuntu`. Only if stated by a property.
    pub distribution: Option<String>,
    /// Version, as `VERSION_ID` in os-release has it: `12`, `24.04`. Only if stated by a property.
    pub version: Option<String>,
    /// Who published it: an account id or name that a stranger cannot take.
    pub owner: Option<String>,
    /// Whether the target marks the owner as the distribution's official publisher.
    pub official: Option<bool>,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339::option", default)]
    #[schemars(with = "Option<String>")]
    pub created: Option<OffsetDateTime>,
    /// Where it stands in its life.
    pub state: ImageState,
    /// The account that a key logs in to, if the image states one.
    pub login_account: Option<String>,
    /// Everything else the catalogue says, by the target's own names.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

/// Where an image stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImageState {
    /// The one to use.
    Current,
    /// Replaced by a newer one, still usable by id, and marked so.
    Superseded,
    /// Not ready for use.
    Pending,
}

/// A public key that the target knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyPair {
    /// The target's id, which a node request names.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// The fingerprint that the target computed, in the target's notation.
    pub fingerprint: String,
    /// Tags it carries.
    #[serde(default)]
    pub tags: Tags,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// The target's id.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// Where it stands in its life.
    pub state: NodeState,
    /// Why it is in that state, in the target's own words.
    pub state_reason: Option<String>,
    /// Flavor id.
    pub flavor: Option<String>,
    /// Image id.
    pub image: Option<String>,
    /// Zone name.
    pub zone: Option<String>,
    /// Every address the target states, of any scope.
    pub addresses: Vec<NodeAddress>,
    /// Tags it carries.
    #[serde(default)]
    pub tags: Tags,
}

impl Node {
    /// Its addresses of one scope.
    pub fn addresses_in(&self, scope: Scope) -> impl Iterator<Item = &NodeAddress> {
        self.addresses.iter().filter(move |a| a.scope == scope)
    }
}

/// Where a node stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// Accepted, being built or booted.
    Pending,
    /// Running, as far as the target's API knows.
    Running,
    /// On its way down.
    Stopping,
    /// Powered off, can be started again.
    Stopped,
    /// Gone or going, for good.
    Terminated,
    /// The target gave up on it; see the reason.
    Failed,
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Terminated => "terminated",
            Self::Failed => "failed",
        })
    }
}

/// One address of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeAddress {
    /// The address.
    #[schemars(with = "String")]
    pub address: IpAddr,
    /// From where it can be reached, as the target states it.
    pub scope: Scope,
    /// How the node came to it.
    pub origin: AddressOrigin,
    /// The TCP port under which the node's SSH server is found at this address: 22 but for port forwarding and simulation.
    pub ssh_port: u16,
}

impl NodeAddress {
    /// Where to connect for SSH.
    pub fn ssh(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.ssh_port)
    }
}

/// From where an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// From the node's own network.
    Private,
    /// From outside.
    Public,
}

/// How a node came to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AddressOrigin {
    /// Given with the node, by the network it is on.
    Default,
    /// A floating address that the target attached by itself.
    AddedByTarget,
    /// A forwarded port on an address shared with others.
    PortForwarding,
    /// A floating address that the user requested and attached.
    Floating,
}

/// A public address that lives apart from nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    /// The target's id.
    pub id: String,
    /// The address.
    #[schemars(with = "String")]
    pub address: IpAddr,
    /// The node it is attached to.
    pub node: Option<String>,
    /// Tags it carries.
    #[serde(default)]
    pub tags: Tags,
}

/// A set of inbound rules that nodes are put in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// The target's id.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// What it lets in; everything else is dropped.
    pub rules: Vec<Rule>,
    /// Tags it carries.
    #[serde(default)]
    pub tags: Tags,
}

/// One inbound rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Rule {
    /// Transport protocol.
    pub protocol: Protocol,
    /// First port let in.
    pub from_port: u16,
    /// Last port let in.
    pub to_port: u16,
    /// The sources let in.
    #[schemars(with = "String")]
    pub source: IpNet,
}

/// A transport protocol in a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP and `ICMPv6`; ports mean nothing.
    Icmp,
}

/// What a node wrote to its boot console.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Console {
    /// The text so far, as the target keeps it (often the last 64 KiB), decoded leniently.
    pub text: String,
}

/// The account's limits, and what is used of them. `None` where the target does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quota {
    /// Nodes that may still be created.
    pub nodes_free: Option<u32>,
    /// Virtual processors that may still be used.
    pub vcpus_free: Option<u32>,
    /// Floating addresses that may still be allocated.
    pub addresses_free: Option<u32>,
    /// Key pairs that may still be imported.
    pub keys_free: Option<u32>,
    /// Security groups that may still be created.
    pub groups_free: Option<u32>,
}
