//! What a target can do: declared by its provider, probed by a call, proven by a behaviour.
//!
//! The three are kept apart in every report, because a declaration that nobody checked is the usual way in which a suite
//! reads greener than the target is.

use std::{collections::BTreeSet, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FailureClass, ProviderError, Result};

/// One optional ability of a target. Behaviours name the ones they need; the ids are part of the guideline's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Networks, flavors and images can be listed.
    Catalog,
    /// Listings can be asked for in small pages.
    Pagination,
    /// Regions and zones are listed, and a node can be placed in a named zone.
    Zones,
    /// More than one region is reachable with the same credentials.
    Regions,
    /// Images carry a lifecycle: current, superseded, hidden.
    ImageLifecycle,
    /// A caller's public keys can be imported.
    Keys,
    /// Nodes can be requested and terminated.
    Nodes,
    /// Nodes exist already and are taken as they are; nothing is created or destroyed.
    ExistingNodes,
    /// What is done to a node inside it may stay: accounts and login rules may be changed.
    AlterNodes,
    /// Tags can be given at creation and select resources.
    Tags,
    /// A request carries a client token that makes it idempotent.
    ClientToken,
    /// User data given at creation is run on first boot.
    UserData,
    /// The boot console can be read from outside.
    Console,
    /// A node can be rebooted through the provider.
    Reboot,
    /// A node can be stopped and started.
    StopStart,
    /// A node can be reached from where the harness runs, by whatever pattern.
    PublicAddress,
    /// Public addresses can be requested, attached, moved and released apart from nodes.
    FloatingIp,
    /// Inbound rules can be added to and removed from a group that live nodes are in.
    SecurityRules,
    /// Nodes get IPv6 addresses.
    Ipv6,
    /// An instance metadata service answers inside the node.
    MetadataService,
    /// The account's limits can be read.
    Quota,
    /// Nodes can be logged in to over SSH.
    Login,
}

impl Capability {
    /// Every capability, in the order of the guideline's documentation.
    pub const ALL: [Self; 22] = [
        Self::Catalog,
        Self::Pagination,
        Self::Zones,
        Self::Regions,
        Self::ImageLifecycle,
        Self::Keys,
        Self::Nodes,
        Self::ExistingNodes,
        Self::AlterNodes,
        Self::Tags,
        Self::ClientToken,
        Self::UserData,
        Self::Console,
        Self::Reboot,
        Self::StopStart,
        Self::PublicAddress,
        Self::FloatingIp,
        Self::SecurityRules,
        Self::Ipv6,
        Self::MetadataService,
        Self::Quota,
        Self::Login,
    ];

    /// The id used in guidelines, configurations and reports.
    pub fn id(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Pagination => "pagination",
            Self::Zones => "zones",
            Self::Regions => "regions",
            Self::ImageLifecycle => "image-lifecycle",
            Self::Keys => "keys",
            Self::Nodes => "nodes",
            Self::ExistingNodes => "existing-nodes",
            Self::AlterNodes => "alter-nodes",
            Self::Tags => "tags",
            Self::ClientToken => "client-token",
            Self::UserData => "user-data",
            Self::Console => "console",
            Self::Reboot => "reboot",
            Self::StopStart => "stop-start",
            Self::PublicAddress => "public-address",
            Self::FloatingIp => "floating-ip",
            Self::SecurityRules => "security-rules",
            Self::Ipv6 => "ipv6",
            Self::MetadataService => "metadata-service",
            Self::Quota => "quota",
            Self::Login => "login",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A word that names no [`Capability`].
#[derive(Debug, thiserror::Error)]
#[error("unknown capability `{0}`")]
pub struct UnknownCapability(pub String);

impl FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|c| c.id() == word).ok_or_else(|| UnknownCapability(word.to_owned()))
    }
}

/// What a provider states about its target before anything was asked of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Declaration {
    /// The kind of provider, as a configuration names it: `sim`, `static`, `openstack`, …
    pub provider: String,
    /// What the target is said to be able to do. Everything else is declared absent.
    pub capabilities: BTreeSet<Capability>,
    /// How many seconds pass on the target's clock while one passes here: 1 for anything real. A simulated cloud may run
    /// faster, and the maxima of the guideline are then measured on its clock.
    pub pace: f64,
    /// How many nodes one call of [`Provider::nodes_by_id`](crate::Provider::nodes_by_id) may ask; 1 where each takes a call.
    pub nodes_per_read: usize,
}

impl Declaration {
    /// Whether `capability` is declared.
    pub fn has(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }
}

/// The answer of [`Provider::probe`](crate::Provider::probe): one call's worth of evidence about a capability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// What the probe saw.
    pub presence: Presence,
    /// The call that was made and what came back, in one line.
    pub note: String,
}

impl Probe {
    /// What a call's answer tells: present if it is as expected, absent if it is not, or there is no such call for this account.
    ///
    /// # Errors
    /// Any other failure of the call, which tells nothing.
    pub fn of_answer<T>(call: &str, answer: Result<T>, expected: impl FnOnce(&T) -> bool) -> Result<Self> {
        match answer {
            Ok(answer) if expected(&answer) => Ok(Self::new(Presence::Present, call, "answered")),
            Ok(_) => Ok(Self::new(Presence::Absent, call, "answered, without what was looked for")),
            Err(error) => Self::of_failure(call, error),
        }
    }

    /// What the answer to a call about `nobody`, an id that nothing has, tells: present if it says just that.
    ///
    /// # Errors
    /// Those of [`of_answer`](Self::of_answer).
    pub fn of_nobody<T>(call: &str, answer: Result<T>, nobody: &str) -> Result<Self> {
        match answer {
            Ok(_) => Ok(Self::new(Presence::Unknown, call, "answered, although there is nothing of that id")),
            Err(error) if error.class == FailureClass::NotFound && error.culprit.as_deref() == Some(nobody) => {
                Ok(Self::new(Presence::Present, call, "answered that there is nothing of that id"))
            }
            Err(error) => Self::of_failure(call, error),
        }
    }

    fn of_failure(call: &str, error: ProviderError) -> Result<Self> {
        match error.class {
            FailureClass::Unsupported | FailureClass::NotFound | FailureClass::Forbidden => {
                Ok(Self::new(Presence::Absent, call, &error.message))
            }
            _ => Err(error),
        }
    }

    fn new(presence: Presence, call: &str, what: &str) -> Self {
        Self { presence, note: format!("{call}: {what}") }
    }
}

/// Whether a probe found a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// The target answered as one that has it.
    Present,
    /// The target answered as one that lacks it.
    Absent,
    /// No harmless call can tell.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_tell_what_is_there() {
        let failed = |class| Err::<u8, _>(ProviderError::new("ask", class, "so it said"));
        for (answer, presence) in [
            (Ok(1), Some(Presence::Present)),
            (Ok(2), Some(Presence::Absent)),
            (failed(FailureClass::Unsupported), Some(Presence::Absent)),
            (failed(FailureClass::Forbidden), Some(Presence::Absent)),
            (failed(FailureClass::Transport), None),
        ] {
            let probe = Probe::of_answer("GET /x", answer, |found| *found == 1);
            assert_eq!(probe.ok().map(|probe| probe.presence), presence);
        }
        let nobody = ProviderError::new("ask", FailureClass::NotFound, "no x").culprit("x");
        assert_eq!(Probe::of_nobody::<u8>("GET /x", Err(nobody), "x").unwrap().presence, Presence::Present);
        assert_eq!(Probe::of_nobody("GET /x", Ok(1), "x").unwrap().presence, Presence::Unknown);
        // Another thing that is missing is the call itself.
        let call = failed(FailureClass::NotFound);
        assert_eq!(Probe::of_nobody("GET /x", call, "x").unwrap().presence, Presence::Absent);
    }

    #[test]
    fn every_id_reads_back_and_is_the_serialised_form() {
        for capability in Capability::ALL {
            assert_eq!(capability.id().parse::<Capability>().unwrap(), capability);
            assert_eq!(serde_json::to_value(capability).unwrap(), capability.id());
        }
    }
}
