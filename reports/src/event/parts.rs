//! What events are made of: stages, stamps, counts of calls, and proofs.

use std::collections::BTreeMap;

use levelfield_provider::ResourceRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stages of a target's timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// No node is needed: listings, images, names.
    Catalog,
    /// On nodes or keys of the behaviour's own, beside the timeline.
    Own,
    /// The subject was requested, has an address, and was logged in to.
    Delivered,
    /// Step 7 is done: root has the operator's keys, password login is off.
    Hardened,
    /// Step 8 is done: the node key is gone, inside and outside.
    Sealed,
    /// The subject was rebooted.
    Rebooted,
    /// The subject was stopped and started.
    Restarted,
    /// The subject was terminated.
    Terminated,
    /// Everything the run made was removed.
    After,
}

impl Stage {
    /// The id used in evidence and reports.
    pub fn id(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Own => "own",
            Self::Delivered => "delivered",
            Self::Hardened => "hardened",
            Self::Sealed => "sealed",
            Self::Rebooted => "rebooted",
            Self::Restarted => "restarted",
            Self::Terminated => "terminated",
            Self::After => "after",
        }
    }
}

/// The five stamps between a request and a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stamp {
    /// The request returned with an id.
    RequestReturned,
    /// The API says running.
    Running,
    /// A public address is known.
    AddressKnown,
    /// The SSH port accepts a connection.
    PortOpen,
    /// The first login succeeded.
    LoginDone,
}

impl Stamp {
    /// All five, in order.
    pub const ALL: [Self; 5] =
        [Self::RequestReturned, Self::Running, Self::AddressKnown, Self::PortOpen, Self::LoginDone];

    /// The words shown to people.
    pub fn title(self) -> &'static str {
        match self {
            Self::RequestReturned => "request returned",
            Self::Running => "running",
            Self::AddressKnown => "address known",
            Self::PortOpen => "port open",
            Self::LoginDone => "login done",
        }
    }
}

/// How often an operation was called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallStats {
    /// Calls made, retries included.
    pub made: u64,
    /// Calls that were retries.
    pub retried: u64,
    /// Calls that failed, by failure class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<String, u64>,
}

/// What a target holds of a run when the run is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "proof", rename_all = "kebab-case")]
pub enum Proof {
    /// The inventory was read, and nothing in it is the run's.
    Empty {
        /// Resources that the ledger records as created, all of them gone.
        created: u32,
    },
    /// These are left.
    Left {
        /// What.
        resources: Vec<ResourceRef>,
    },
    /// The inventory could not be read; these may be left.
    Unknown {
        /// What the ledger still holds open.
        resources: Vec<ResourceRef>,
        /// Why the inventory could not be read.
        why: String,
    },
    /// Nothing was created, so there was nothing to prove.
    NothingCreated,
}
