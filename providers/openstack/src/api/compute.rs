//! What Nova answers, as far as it is read: Compute API v2.1.

use std::collections::BTreeMap;

use levelfield_provider::{Flavor, KeyPair, NodeState, Tags};
use serde::Deserialize;
use serde_json::Value;

use super::Listed;

/// A flavor of `GET /flavors/detail`.
#[derive(Debug, Deserialize)]
pub(crate) struct FlavorShown {
    id: String,
    name: String,
    vcpus: Option<u32>,
    ram: Option<u64>,
    disk: Option<u64>,
}

impl Listed for FlavorShown {
    const KEY: &'static str = "flavors";

    fn marker(&self) -> String {
        self.id.clone()
    }
}

impl From<FlavorShown> for Flavor {
    fn from(shown: FlavorShown) -> Self {
        let FlavorShown { id, name, vcpus, ram, disk } = shown;
        // Which processors a flavor runs on is told by hosts, which tenants do not see.
        Self { id, name, vcpus, memory_mib: ram, disk_gib: disk, architecture: None }
    }
}

/// A server of `GET /servers/{id}`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ServerShown {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: String,
    #[serde(rename = "OS-EXT-STS:task_state")]
    pub(crate) task: Option<String>,
    /// The flavor's id, up to microversion 2.46.
    flavor: Option<Value>,
    /// The image's id; an empty text for a server that runs from a volume.
    image: Option<Value>,
    #[serde(rename = "OS-EXT-AZ:availability_zone")]
    zone: Option<String>,
    #[serde(default)]
    pub(crate) addresses: BTreeMap<String, Vec<AddressShown>>,
    #[serde(default)]
    pub(crate) metadata: Tags,
    fault: Option<Fault>,
}

/// An address of a server.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AddressShown {
    pub(crate) addr: String,
    #[serde(rename = "OS-EXT-IPS:type")]
    pub(crate) kind: Option<String>,
}

/// Why a server is in `ERROR`.
#[derive(Clone, Debug, Deserialize)]
struct Fault {
    message: Option<String>,
}

impl Listed for ServerShown {
    const KEY: &'static str = "servers";

    fn marker(&self) -> String {
        self.id.clone()
    }
}

impl ServerShown {
    pub(crate) fn flavor(&self) -> Option<String> {
        id_in(self.flavor.as_ref())
    }

    pub(crate) fn image(&self) -> Option<String> {
        id_in(self.image.as_ref())
    }

    pub(crate) fn zone(&self) -> Option<String> {
        self.zone.clone().filter(|zone| !zone.is_empty())
    }

    /// Where it stands in its life: "Server status" and "task state" of the Compute API guide, in the words of the nouns.
    pub(crate) fn state(&self) -> NodeState {
        match (self.status.as_str(), self.task.as_deref()) {
            ("DELETED" | "SOFT_DELETED", _) => NodeState::Terminated,
            ("ERROR", _) => NodeState::Failed,
            (_, Some("powering-off" | "deleting" | "soft-deleting")) => NodeState::Stopping,
            ("SHUTOFF" | "PAUSED" | "SUSPENDED" | "SHELVED" | "SHELVED_OFFLOADED" | "RESCUE", None) => {
                NodeState::Stopped
            }
            ("ACTIVE" | "PASSWORD" | "VERIFY_RESIZE", _) => NodeState::Running,
            _ => NodeState::Pending,
        }
    }

    /// What it is doing, in Nova's words; why it failed, if it did.
    pub(crate) fn reason(&self) -> Option<String> {
        let fault = self.fault.as_ref().and_then(|fault| fault.message.clone());
        fault.or_else(|| self.task.as_ref().map(|task| format!("{}, {task}", self.status)))
    }
}

fn id_in(value: Option<&Value>) -> Option<String> {
    value?.get("id")?.as_str().map(str::to_owned)
}

/// A key pair of `GET /os-keypairs`, in the wrapping that each has.
#[derive(Debug, Deserialize)]
pub(crate) struct KeyPairShown {
    pub(crate) keypair: Named,
}

/// What is read of a key pair.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    name: String,
    fingerprint: Option<String>,
}

impl Listed for KeyPairShown {
    const KEY: &'static str = "keypairs";

    fn marker(&self) -> String {
        self.keypair.name.clone()
    }
}

impl From<KeyPairShown> for KeyPair {
    fn from(shown: KeyPairShown) -> Self {
        let Named { name, fingerprint } = shown.keypair;
        // Key pairs are known by their name, and carry nothing else.
        Self { id: name.clone(), name, fingerprint: fingerprint.unwrap_or_default(), tags: Tags::new() }
    }
}

/// `GET /os-availability-zone`.
#[derive(Debug, Deserialize)]
pub(crate) struct Zones {
    #[serde(rename = "availabilityZoneInfo")]
    zones: Vec<Zone>,
}

#[derive(Debug, Deserialize)]
struct Zone {
    #[serde(rename = "zoneName")]
    name: String,
    #[serde(rename = "zoneState")]
    state: Option<ZoneState>,
}

#[derive(Debug, Deserialize)]
struct ZoneState {
    available: bool,
}

impl Zones {
    /// The names of those that are available.
    pub(crate) fn available(self) -> Vec<String> {
        let open = |zone: &Zone| zone.state.as_ref().is_none_or(|state| state.available);
        self.zones.into_iter().filter(open).map(|zone| zone.name).collect()
    }
}

/// `GET /limits`: −1 stands for no limit.
#[derive(Debug, Deserialize)]
pub(crate) struct Limits {
    pub(crate) limits: Absolute,
}

/// The part that counts things.
#[derive(Debug, Deserialize)]
pub(crate) struct Absolute {
    pub(crate) absolute: BTreeMap<String, i64>,
}

impl Absolute {
    /// What is left under the limit `most`, of which `used` counts the use. `None` without a limit.
    pub(crate) fn free(&self, most: &str, used: i64) -> Option<u32> {
        let most = *self.absolute.get(most)?;
        (most >= 0).then(|| u32::try_from((most - used).max(0)).unwrap_or(u32::MAX))
    }

    pub(crate) fn used(&self, name: &str) -> i64 {
        self.absolute.get(name).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn status_and_task_make_the_state() {
        for (status, task, state) in [
            ("BUILD", Some("spawning"), NodeState::Pending),
            ("ACTIVE", None, NodeState::Running),
            ("ACTIVE", Some("powering-off"), NodeState::Stopping),
            ("ACTIVE", Some("deleting"), NodeState::Stopping),
            ("REBOOT", Some("rebooting"), NodeState::Pending),
            ("SHUTOFF", None, NodeState::Stopped),
            ("SHUTOFF", Some("powering-on"), NodeState::Pending),
            ("ERROR", None, NodeState::Failed),
            ("DELETED", None, NodeState::Terminated),
            ("SOMETHING_NEW", None, NodeState::Pending),
        ] {
            let shown = json!({ "id": "1", "name": "n", "status": status, "OS-EXT-STS:task_state": task });
            let shown: ServerShown = serde_json::from_value(shown).unwrap();
            assert_eq!(shown.state(), state, "{status} {task:?}");
        }
    }

    #[test]
    fn a_server_without_an_image_and_one_that_failed_are_read() {
        let shown = json!({ "id": "1", "name": "n", "status": "ERROR", "image": "", "flavor": { "id": "f" },
            "fault": { "code": 500, "message": "No valid host was found. " } });
        let shown: ServerShown = serde_json::from_value(shown).unwrap();
        assert_eq!((shown.image(), shown.flavor().as_deref()), (None, Some("f")));
        assert_eq!(shown.reason().as_deref(), Some("No valid host was found. "));
    }

    #[test]
    fn no_limit_is_not_a_number() {
        let limits = json!({ "limits": { "rate": [], "absolute": { "maxTotalInstances": 10, "maxTotalCores": -1 } } });
        let limits: Limits = serde_json::from_value(limits).unwrap();
        assert_eq!(limits.limits.free("maxTotalInstances", 4), Some(6));
        assert_eq!(limits.limits.free("maxTotalInstances", 14), Some(0));
        assert_eq!(limits.limits.free("maxTotalCores", 4), None);
        assert_eq!(limits.limits.free("maxTotalKeypairs", 0), None);
    }
}
