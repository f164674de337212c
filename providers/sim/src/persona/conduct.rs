//! How a persona behaves: addressing, timings, limits, faults.

use serde::Deserialize;

/// How nodes come to addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Addressing {
    /// How a node comes to its public IPv4 address.
    pub pattern: AddressPattern,
    /// Whether nodes have IPv6 addresses. Without IPv6 on this machine they have none.
    #[serde(default)]
    pub ipv6: bool,
    /// Whether a stopped node gives its default public address back, and gets another one when started, as on AWS.
    #[serde(default)]
    pub released_on_stop: bool,
}

/// How a node comes to a public address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressPattern {
    /// With the node, from the network it is on.
    Default,
    /// A floating address that the target attaches by itself.
    AddedByTarget,
    /// A floating address that the user requests and attaches.
    FloatingOnRequest,
    /// A port of an address that all nodes share.
    PortForwarding,
    /// Not at all.
    None,
}

/// The instance metadata service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct MetadataService {
    /// Whether a session token is needed.
    pub token: TokenMode,
    /// Whose paths it answers; EC2's are always answered.
    pub style: MetadataStyle,
}

impl Default for MetadataService {
    fn default() -> Self {
        Self { token: TokenMode::Optional, style: MetadataStyle::Ec2 }
    }
}

/// Whether the metadata service wants a session token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenMode {
    /// Without one it answers 401.
    Required,
    /// It answers without one.
    Optional,
    /// It has no such thing and answers a request for a token with 404.
    Absent,
}

/// Whose paths the metadata service answers besides EC2's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetadataStyle {
    /// Nobody's.
    Ec2,
    /// `OpenStack`'s.
    Openstack,
}

/// How the fingerprint of an imported key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fingerprinting {
    /// As `ssh-keygen -l` does: `SHA256:` and base64.
    #[default]
    Sha256,
    /// As `ssh-keygen -l -E md5` does, without the prefix: hexadecimal pairs with colons.
    Md5,
}

/// What deleting a key answers that is gone already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepeatedDelete {
    /// That there is no such key.
    #[default]
    NotFound,
    /// Success, as AWS does.
    Silent,
}

/// How long things take, in target seconds. A pair is the shortest and the longest.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Timings {
    /// From the request for a node until the id is answered.
    pub request: f64,
    /// From the request until the node is running.
    pub boot: (f64, f64),
    /// From running until the SSH server listens.
    pub login: f64,
    /// From the request for a stop, or a termination, until it is done.
    pub down: f64,
    /// How long a new node may be unknown to reads.
    pub consistency: f64,
    /// From a change of rules or addresses until it is in effect.
    pub network: f64,
    /// How long a terminated node can still be read by id.
    pub remembered: f64,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            request: 0.2,
            boot: (2.0, 5.0),
            login: 0.5,
            down: 1.0,
            consistency: 0.0,
            network: 0.2,
            remembered: 600.0,
        }
    }
}

impl Timings {
    pub(super) fn are_sound(&self) -> bool {
        let (shortest, longest) = self.boot;
        let all =
            [self.request, shortest, longest, self.login, self.down, self.consistency, self.network, self.remembered];
        all.iter().all(|seconds| (0.0..1e9).contains(seconds)) && shortest <= longest
    }
}

/// The account's limits; no limit where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Quotas {
    /// Live nodes.
    pub nodes: Option<u32>,
    /// Virtual processors of live nodes.
    pub vcpus: Option<u32>,
    /// Floating addresses.
    pub addresses: Option<u32>,
    /// Key pairs.
    pub keys: Option<u32>,
    /// Groups.
    pub groups: Option<u32>,
}

/// What goes wrong by itself: the share of requests (or boots), from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Faults {
    /// Answered with 500 although the request took no effect.
    pub api_500_before: f64,
    /// Answered with 500 although the request took effect.
    pub api_500_after: f64,
    /// Answered with 429 and a `Retry-After`.
    pub throttle: f64,
    /// The connection is dropped without an answer; half of these requests took effect.
    pub reset: f64,
    /// Boots that take ten times as long.
    pub slow_boot: f64,
}

impl Faults {
    pub(super) fn are_sound(&self) -> bool {
        let rates = [self.api_500_before, self.api_500_after, self.throttle, self.reset];
        rates.iter().chain([&self.slow_boot]).all(|rate| (0.0..=1.0).contains(rate)) && rates.iter().sum::<f64>() <= 1.0
    }
}
