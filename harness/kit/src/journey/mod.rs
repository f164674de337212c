//! The eight steps, walked: each transition drives the target, leaves a fact on the subject, and blocks where it cannot go on.
//!
//! The journey judges nothing. Where the AWS way is missing it takes the other way that is there — a configured image, a floating
//! address on request — so that later steps get verdicts of their own.

mod alter;
mod choose;
mod deliver;
mod existing;
mod lifecycle;
mod user_data;

use std::sync::Arc;

use levelfield_provider::Capability;
use serde::{Deserialize, Serialize};

use crate::{
    catalogue::Catalogue,
    guest::Guest,
    hindrance::Hindrance,
    naming::PortableName,
    remote::{Credential, Pool, Remote},
    subject::{Subject, Way},
    target::Target,
    wait::Waiter,
};

pub use alter::{harden, put_back, seal};
pub use choose::{choose, flavor_that_fits, pick_flavor, pick_image, pick_network};
pub use deliver::{deliver, open_group, until_state};
pub use lifecycle::{clean_up, discard, identity, reboot, remove, restart, terminate};
pub use user_data::{BOOTS_PATH, KNOWN_HOST, TrustAnchor, user_data};

/// What the journey asks for and how long each part may take, in seconds on the target's clock. All of it comes from the
/// guideline's parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Virtual processors at least.
    pub vcpus: u32,
    /// Memory at least, in GiB.
    pub memory_gib: f64,
    /// The image.
    pub image: PortableName,
    /// Request to running.
    pub running_within_s: f64,
    /// Running to a port that answers.
    pub reachable_within_s: f64,
    /// Request to login.
    pub login_within_s: f64,
    /// Reboot to login.
    pub reboot_within_s: f64,
    /// Start to login, after a stop.
    pub start_within_s: f64,
    /// Terminate to gone.
    pub gone_within_s: f64,
}

impl Params {
    /// For work that makes no node: everything that would be asked for is nothing.
    pub fn unused() -> Self {
        Self {
            vcpus: 0,
            memory_gib: 0.0,
            image: PortableName {
                distribution: String::new(),
                version: String::new(),
                architecture: levelfield_provider::Architecture::Amd64,
            },
            running_within_s: 0.0,
            reachable_within_s: 0.0,
            login_within_s: 0.0,
            reboot_within_s: 0.0,
            start_within_s: 0.0,
            gone_within_s: 0.0,
        }
    }
}

/// What every part of a run on one target shares.
#[derive(Clone)]
pub struct Env {
    /// The target.
    pub target: Arc<Target>,
    /// Its catalogue.
    pub catalogue: Arc<Catalogue>,
    /// The SSH client.
    pub remote: Remote,
    /// Its idle sessions.
    pub pool: Pool,
    /// Waits on the target's clock.
    pub waiter: Waiter,
    /// What the journey asks for.
    pub params: Arc<Params>,
    /// A certificate authority and a known host of this run's own, handed to nodes at creation; none where no behaviour of the
    /// selection asks for them.
    pub trust: Option<Arc<TrustAnchor>>,
}

impl Env {
    /// A guest behind `way`.
    pub fn guest(&self, way: &Way) -> Guest {
        Guest::new(self.pool.shell(way.door.clone(), way.credential.clone(), way.host_key.clone()))
    }

    /// A guest behind another account or key of the same node.
    pub fn guest_as(&self, way: &Way, account: &str, credential: Credential) -> Guest {
        let mut way = way.clone();
        account.clone_into(&mut way.door.account);
        way.credential = credential;
        self.guest(&way)
    }

    /// The guest behind the subject's way in, in the terms of `behavior`.
    ///
    /// # Errors
    /// Why there is no way in.
    pub fn subject_guest(&self, subject: &Subject, behavior: &str) -> Result<Guest, Hindrance> {
        Ok(self.guest(&subject.way(behavior)?))
    }

    /// Whether nodes can be made here; otherwise those that exist are taken.
    pub fn makes_nodes(&self) -> bool {
        self.target.has(Capability::Nodes)
    }
}
