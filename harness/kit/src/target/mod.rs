//! A target as behaviours see it: its provider behind retries by failure class, the ledger, and the count of calls.
//!
//! Nothing in the project creates or deletes anything on a target but through here.

mod call;
mod making;
mod mark;
mod reads;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use levelfield_provider::{
    Address, Capability, Console, Declaration, ExistingNode, FailureClass, Fingerprint, Flavor, Group, Image, KeyPair,
    Network, Node, NodeAction, Page, Probe, Provider, ProviderError, Query, Quota, Region, Resource, ResourceRef, Rule,
    Tags,
};
use levelfield_reports::{EventKind, event::CallStats};

pub use mark::Mark;

use crate::{events::Events, ledger::Ledger, settings::Settings, wait::Clock};

type Result<T> = std::result::Result<T, ProviderError>;

/// How often, and for how long, a call that failed for a passing reason is made again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Attempts in all.
    pub attempts: u32,
    /// The first pause, in seconds on the target's clock; it doubles each time.
    pub first_pause_s: f64,
    /// The longest pause, in seconds on the target's clock.
    pub longest_pause_s: f64,
    /// The most one call may take, in wall seconds: a target under test may never answer.
    pub call_timeout_s: f64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 10, first_pause_s: 0.5, longest_pause_s: 20.0, call_timeout_s: 120.0 }
    }
}

/// One target of a run.
pub struct Target {
    /// Its name in the configuration.
    pub name: String,
    /// What the configuration says beside how to reach it.
    pub settings: Settings,
    /// Its clock.
    pub clock: Clock,
    provider: Arc<dyn Provider>,
    ledger: Arc<Ledger>,
    events: Events,
    mark: Mark,
    expires: i64,
    patience: Patience,
    calls: Mutex<BTreeMap<String, CallStats>>,
    open: Mutex<BTreeMap<ResourceRef, u64>>,
    serial: AtomicU64,
    reads: reads::Reads,
    silence: call::Silence,
}

/// What a [`Target`] is made of.
pub struct TargetParts {
    /// Its name in the configuration.
    pub name: String,
    /// What the configuration says beside how to reach it.
    pub settings: Settings,
    /// The adapter.
    pub provider: Arc<dyn Provider>,
    /// The run's ledger.
    pub ledger: Arc<Ledger>,
    /// Where events go.
    pub events: Events,
    /// The run's id.
    pub run: String,
    /// When anyone may reap what is made: seconds since the epoch, UTC.
    pub expires: i64,
    /// How transient failures are met.
    pub patience: Patience,
}

impl Target {
    /// A target of a run.
    pub fn new(parts: TargetParts) -> Self {
        let clock = Clock::new(parts.provider.declaration().pace);
        Self {
            mark: Mark::new(&parts.run, &parts.name),
            name: parts.name,
            settings: parts.settings,
            clock,
            provider: parts.provider,
            ledger: parts.ledger,
            events: parts.events,
            expires: parts.expires,
            patience: parts.patience,
            calls: Mutex::default(),
            open: Mutex::default(),
            serial: AtomicU64::new(0),
            reads: reads::Reads::default(),
            silence: call::Silence::default(),
        }
    }

    /// What the target declares.
    pub fn declaration(&self) -> &Declaration {
        self.provider.declaration()
    }

    /// Whether the target declares `capability`.
    pub fn has(&self, capability: Capability) -> bool {
        self.declaration().has(capability)
    }

    /// Where events go.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// A name that no other resource of any run has: `lf-<run>-<target>-<purpose>-<n>`.
    pub fn fresh_name(&self, purpose: &str) -> String {
        self.mark.name(purpose, self.serial.fetch_add(1, Ordering::Relaxed))
    }

    /// What marks everything made here.
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Whether a thing of that name, with those tags, was made by this run for this target: by its tags, or by its name where it
    /// bears none.
    pub fn is_ours(&self, name: &str, tags: &Tags) -> bool {
        self.mark.is_on(name, tags)
    }

    /// The tags of ours that a resource of this run, still open in its ledger, was asked for with.
    pub fn tags_given(&self, resource: &ResourceRef) -> Option<Tags> {
        let entry = *self.open.lock().unwrap_or_else(PoisonError::into_inner).get(resource)?;
        Some(self.mark.tags(entry, self.expires))
    }

    /// Calls made so far, by operation.
    pub fn calls(&self) -> BTreeMap<String, CallStats> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What identifies the target.
    pub async fn fingerprint(&self) -> Result<Fingerprint> {
        self.call("fingerprint", || self.provider.fingerprint()).await
    }

    /// Asks harmlessly for a capability.
    pub async fn probe(&self, capability: Capability) -> Result<Probe> {
        self.call("probe", || self.provider.probe(capability)).await
    }

    /// What the account may still create.
    pub async fn quota(&self) -> Result<Quota> {
        self.call("quota", || self.provider.quota()).await
    }

    /// Regions and zones.
    pub async fn regions(&self) -> Result<Vec<Region>> {
        self.call("regions", || self.provider.regions()).await
    }

    /// One page of networks.
    pub async fn networks(&self, query: &Query) -> Result<Page<Network>> {
        self.call("networks", || self.provider.networks(query)).await
    }

    /// One page of flavors.
    pub async fn flavors(&self, query: &Query) -> Result<Page<Flavor>> {
        self.call("flavors", || self.provider.flavors(query)).await
    }

    /// One page of images.
    pub async fn images(&self, query: &Query) -> Result<Page<Image>> {
        self.call("images", || self.provider.images(query)).await
    }

    /// Every key pair of the account.
    pub async fn keys(&self) -> Result<Vec<KeyPair>> {
        self.call("keys", || self.provider.keys()).await
    }

    /// The node, as the API sees it now. Where the target answers about several at once, those that are asked for at about the same
    /// time are one call.
    pub async fn node(&self, id: &str) -> Result<Node> {
        let most = self.declaration().nodes_per_read;
        if most <= 1 {
            return self.call("node", || self.provider.node(id)).await;
        }
        let read = |ids: Vec<String>| async move {
            match ids.as_slice() {
                [id] => self.call("node", || self.provider.node(id)).await.map(|node| vec![node]),
                ids => self.call("nodes-by-id", || self.provider.nodes_by_id(ids)).await,
            }
        };
        self.reads.node(id, most, self.clock.wall(reads::APART_S), read).await
    }

    /// Nodes that carry all of `tags`.
    pub async fn nodes(&self, tags: &Tags) -> Result<Vec<Node>> {
        self.call("nodes", || self.provider.nodes(tags)).await
    }

    /// Machines that exist already.
    pub async fn existing_nodes(&self) -> Result<Vec<ExistingNode>> {
        self.call("existing-nodes", || self.provider.existing_nodes()).await
    }

    /// Asks for something to be done to a node.
    pub async fn act(&self, node: &str, action: NodeAction) -> Result<()> {
        self.call("act", || self.provider.act(node, action)).await
    }

    /// What a node wrote to its console.
    pub async fn console(&self, node: &str) -> Result<Console> {
        self.call("console", || self.provider.console(node)).await
    }

    /// Every group of the account.
    pub async fn groups(&self) -> Result<Vec<Group>> {
        self.call("groups", || self.provider.groups()).await
    }

    /// Lets traffic in. A rule that is there already (because a first answer was lost) is no error.
    pub async fn add_rule(&self, group: &str, rule: &Rule) -> Result<()> {
        match self.call("add-rule", || self.provider.add_rule(group, rule)).await {
            Err(error) if error.class == FailureClass::Conflict => Ok(()),
            other => other,
        }
    }

    /// Stops letting traffic in. A rule that is gone already is no error.
    pub async fn remove_rule(&self, group: &str, rule: &Rule) -> Result<()> {
        forgiving(self.call("remove-rule", || self.provider.remove_rule(group, rule)).await)
    }

    /// Every address that lives apart from nodes.
    pub async fn addresses(&self) -> Result<Vec<Address>> {
        self.call("addresses", || self.provider.addresses()).await
    }

    /// Attaches an address to a node.
    pub async fn attach_address(&self, address: &str, node: &str) -> Result<()> {
        self.call("attach-address", || self.provider.attach_address(address, node)).await
    }

    /// Detaches an address from the node it is on.
    pub async fn detach_address(&self, address: &str) -> Result<()> {
        self.call("detach-address", || self.provider.detach_address(address)).await
    }

    /// Everything on the target that looks like the harness's.
    pub async fn inventory(&self) -> Result<Vec<Resource>> {
        self.call("inventory", || self.provider.inventory()).await
    }

    /// Resources of this run that its ledger holds open, in the order of removal.
    pub fn open_resources(&self) -> Vec<ResourceRef> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Takes over an entry of an earlier process of the same run.
    pub fn adopt(&self, resource: ResourceRef, entry: u64) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(resource, entry);
    }

    /// Tells the reader something that belongs to no behaviour.
    pub fn warn(&self, message: String) {
        self.events.emit(EventKind::Warned { target: Some(self.name.clone()), message });
    }
}

/// That a thing is gone already is what was wanted.
fn forgiving(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.class == FailureClass::NotFound => Ok(()),
        other => other,
    }
}
