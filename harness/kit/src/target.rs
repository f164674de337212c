//! A target as behaviours see it: its provider behind retries by failure class, the ledger, and the count of calls.
//!
//! Nothing in the project creates or deletes anything on a target but through here.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use levelfield_provider::{
    Address, AddressRequest, Capability, Console, Declaration, ExistingNode, FailureClass, Fingerprint, Flavor, Group,
    GroupRequest, Image, KeyPair, KeyRequest, Kind, LeftBehind, Network, Node, NodeAction, NodeRequest, Page, Probe,
    Provider, ProviderError, Query, Quota, Region, Resource, ResourceRef, Rule, Tags, tag,
};
use levelfield_reports::{EventKind, event::CallStats};

use crate::{
    events::Events,
    ledger::{Ledger, Step},
    settings::Settings,
    wait::{Clock, Look, Waiter},
};

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
    run: String,
    expires: i64,
    patience: Patience,
    calls: Mutex<BTreeMap<String, CallStats>>,
    open: Mutex<BTreeMap<ResourceRef, u64>>,
    serial: AtomicU64,
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
            name: parts.name,
            settings: parts.settings,
            clock,
            provider: parts.provider,
            ledger: parts.ledger,
            events: parts.events,
            run: parts.run,
            expires: parts.expires,
            patience: parts.patience,
            calls: Mutex::default(),
            open: Mutex::default(),
            serial: AtomicU64::new(0),
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

    /// A name that no other resource of any run has: `lf-<run>-<purpose>-<n>`.
    pub fn fresh_name(&self, purpose: &str) -> String {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        format!("{}{purpose}-{serial}", self.name_prefix())
    }

    fn name_prefix(&self) -> String {
        // The part of the run's id that differs between runs comes last in it.
        format!("lf-{}-", &self.run[self.run.len().saturating_sub(8)..])
    }

    /// The run that everything made here is tagged with.
    pub fn run_id(&self) -> &str {
        &self.run
    }

    /// Whether a thing of that name, with those tags, was made by this run: by its tag, or by its name where it bears no tags.
    pub fn is_ours(&self, name: &str, tags: &Tags) -> bool {
        match tags.get(tag::RUN) {
            Some(run) => *run == self.run,
            None => tags.is_empty() && name.starts_with(&self.name_prefix()),
        }
    }

    /// The tags of ours that a resource of this run, still open in its ledger, was asked for with.
    pub fn tags_given(&self, resource: &ResourceRef) -> Option<Tags> {
        let entry = *self.open.lock().unwrap_or_else(PoisonError::into_inner).get(resource)?;
        Some(self.tags(entry))
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

    /// The node, as the API sees it now.
    pub async fn node(&self, id: &str) -> Result<Node> {
        self.call("node", || self.provider.node(id)).await
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

    /// Everything on the target that looks like the harness's.
    pub async fn inventory(&self) -> Result<Vec<Resource>> {
        self.call("inventory", || self.provider.inventory()).await
    }

    /// Imports a public key under a name of ours.
    pub async fn import_key(&self, name: &str, public_key: &str) -> Result<KeyPair> {
        let make = |tags| {
            let request = KeyRequest { name: name.to_owned(), public_key: public_key.to_owned(), tags };
            async move { self.provider.import_key(&request).await }
        };
        let find = |id: String| async move { found(self.keys().await?, |key| key.id == id) };
        self.create(Kind::KeyPair, name, |key: &KeyPair| key.id.clone(), make, find).await
    }

    /// Requests a node. Tags of ours are added to those given, and a client token where the target has them.
    pub async fn create_node(&self, request: &NodeRequest) -> Result<Node> {
        let make = |tags: Tags| {
            let mut request = request.clone();
            if request.client_token.is_none() && self.has(Capability::ClientToken) {
                request.client_token = tags.get(tag::ENTRY).cloned();
            }
            request.tags.extend(tags);
            async move { self.provider.create_node(&request).await }
        };
        let find = |id: String| async move { self.node(&id).await };
        self.create(Kind::Node, &request.name, |node: &Node| node.id.clone(), make, find).await
    }

    /// Asks once more, word for word, for the node `first`: the same client token, the same tags. A second node that comes of it
    /// has a ledger entry of its own.
    pub async fn repeat_node(&self, request: &NodeRequest, first: &Node) -> Result<Node> {
        let operation = format!("create node `{}` again", request.name);
        let entry = self
            .ledger
            .intend(&self.name, Kind::Node, &request.name, self.expires)
            .await
            .map_err(|e| ledger_failed(&operation, e))?;
        let mut request = request.clone();
        request.tags.extend(self.tags_given(&ResourceRef::new(Kind::Node, first.id.clone())).unwrap_or_default());
        match self.call("create-node", || self.provider.create_node(&request)).await {
            Ok(node) => {
                if node.id == first.id {
                    self.note(entry, Step::Refused).await?;
                } else {
                    self.made(entry, ResourceRef::new(Kind::Node, node.id.clone())).await?;
                }
                Ok(node)
            }
            Err(error) => {
                self.not_made(entry, &error).await?;
                Err(error)
            }
        }
    }

    /// Creates an empty group.
    pub async fn create_group(&self, name: &str) -> Result<Group> {
        let make = |tags| {
            let request = GroupRequest { name: name.to_owned(), tags };
            async move { self.provider.create_group(&request).await }
        };
        let find = |id: String| async move { found(self.groups().await?, |group| group.id == id) };
        self.create(Kind::Group, name, |group: &Group| group.id.clone(), make, find).await
    }

    /// Allocates a public address.
    pub async fn allocate_address(&self) -> Result<Address> {
        let name = self.fresh_name("address");
        let make = |tags| {
            let request = AddressRequest { tags };
            async move { self.provider.allocate_address(&request).await }
        };
        let find = |id: String| async move { found(self.addresses().await?, |address| address.id == id) };
        self.create(Kind::Address, &name, |address: &Address| address.id.clone(), make, find).await
    }

    /// Removes a resource and closes its ledger entry. One that is gone already is no error.
    pub async fn delete(&self, resource: &ResourceRef) -> Result<()> {
        forgiving(self.delete_strictly(resource).await)?;
        self.closed(resource).await
    }

    /// Removes a resource and answers just as the target does; the ledger entry stays open until [`delete`](Self::delete).
    pub async fn delete_strictly(&self, resource: &ResourceRef) -> Result<()> {
        self.call(&format!("delete-{}", resource.kind), || self.provider.delete(resource)).await
    }

    /// Resources of this run that its ledger holds open, in the order of removal.
    pub fn open_resources(&self) -> Vec<ResourceRef> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Takes over an entry of an earlier process of the same run.
    pub fn adopt(&self, resource: ResourceRef, entry: u64) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(resource, entry);
    }

    /// Removes a resource, and again while something that was removed before still holds it: a group is in use until its nodes
    /// are gone for good.
    pub async fn delete_patiently(&self, resource: &ResourceRef, waiter: &Waiter) -> Result<()> {
        let last = Mutex::new(None);
        let deleted = waiter
            .wait(&format!("{resource} removed"), 120.0, || async {
                match self.delete(resource).await {
                    Ok(()) => Look::Met(()),
                    Err(error) => {
                        let words = error.to_string();
                        let in_use = error.class == FailureClass::Conflict;
                        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        if in_use { Look::NotYet(words) } else { Look::Never(words) }
                    }
                }
            })
            .await;
        match (deleted.value, last.into_inner().unwrap_or_else(PoisonError::into_inner)) {
            (None, Some(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Closes the ledger entry of a resource that the listing shows gone.
    pub async fn note_gone(&self, resource: &ResourceRef) -> Result<()> {
        self.closed(resource).await
    }

    /// Tells the reader something that belongs to no behaviour.
    pub fn warn(&self, message: String) {
        self.events.emit(EventKind::Warned { target: Some(self.name.clone()), message });
    }

    async fn closed(&self, resource: &ResourceRef) -> Result<()> {
        let entry = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(resource);
        if let Some(entry) = entry {
            self.note(entry, Step::Deleted).await?;
        }
        self.events.emit(EventKind::Deleted { target: self.name.clone(), resource: resource.clone() });
        Ok(())
    }

    /// Intent, call, outcome: the only way in which anything comes to be.
    async fn create<T, I, M, MFut, F, FFut>(&self, kind: Kind, name: &str, id_of: I, make: M, find: F) -> Result<T>
    where
        I: Fn(&T) -> String,
        M: Fn(Tags) -> MFut,
        MFut: Future<Output = Result<T>>,
        F: Fn(String) -> FFut,
        FFut: Future<Output = Result<T>>,
    {
        let operation = format!("create {kind} `{name}`");
        let entry =
            self.ledger.intend(&self.name, kind, name, self.expires).await.map_err(|e| ledger_failed(&operation, e))?;
        match self.make_once(kind, name, &self.tags(entry), make, find).await {
            Ok(made) => {
                self.made(entry, ResourceRef::new(kind, id_of(&made))).await?;
                Ok(made)
            }
            Err(error) => {
                self.not_made(entry, &error).await?;
                Err(error)
            }
        }
    }

    async fn made(&self, entry: u64, resource: ResourceRef) -> Result<()> {
        self.adopt(resource.clone(), entry);
        self.note(entry, Step::Created { id: resource.id.clone() }).await?;
        self.events.emit(EventKind::Created { target: self.name.clone(), resource });
        Ok(())
    }

    async fn not_made(&self, entry: u64, error: &ProviderError) -> Result<()> {
        match &error.left_behind {
            LeftBehind::Nothing => self.note(entry, Step::Refused).await?,
            LeftBehind::Unknown => self.note(entry, Step::Unknown { why: error.to_string() }).await?,
            LeftBehind::These(resources) => {
                for resource in resources {
                    self.adopt(resource.clone(), entry);
                    self.note(entry, Step::Created { id: resource.id.clone() }).await?;
                }
            }
        }
        Ok(())
    }

    /// Makes one thing although answers may be lost: before asking again, looks whether the last request took effect.
    async fn make_once<T, M, MFut, F, FFut>(&self, kind: Kind, name: &str, tags: &Tags, make: M, find: F) -> Result<T>
    where
        M: Fn(Tags) -> MFut,
        MFut: Future<Output = Result<T>>,
        F: Fn(String) -> FFut,
        FFut: Future<Output = Result<T>>,
    {
        let operation = format!("create-{kind}");
        let mut backoff = self.backoff();
        let mut lost = false;
        loop {
            let mut error = match self.call_once(&operation, backoff.attempt > 1, make(tags.clone())).await {
                Ok(made) => return Ok(made),
                Err(error) => error,
            };
            // Once an answer was lost, a later clean refusal says nothing about the first try.
            lost |= error.left_behind == LeftBehind::Unknown;
            let again = error.class.is_transient() || (lost && error.class == FailureClass::Conflict);
            if !again || !backoff.pause(&error).await {
                if lost {
                    error.left_behind = LeftBehind::Unknown;
                }
                return Err(error);
            }
            if lost {
                // By name only where there is no tag: another thing of the same name is not what the lost request made.
                let ours = |r: &Resource| match r.tags.get(tag::ENTRY) {
                    Some(entry) => Some(entry) == tags.get(tag::ENTRY),
                    None => r.name == name,
                };
                let listed = self.inventory().await?;
                if let Some(made) = listed.into_iter().find(|r| r.resource.kind == kind && ours(r)) {
                    return find(made.resource.id).await;
                }
            }
        }
    }

    fn tags(&self, entry: u64) -> Tags {
        Tags::from([
            (tag::RUN.to_owned(), self.run.clone()),
            (tag::ENTRY.to_owned(), format!("{}-{entry}", self.run)),
            (tag::EXPIRES.to_owned(), self.expires.to_string()),
        ])
    }

    async fn note(&self, entry: u64, step: Step) -> Result<()> {
        self.ledger.record(entry, step).await.map_err(|e| ledger_failed(&format!("note entry {entry}"), e))
    }

    /// Makes a call, again while it fails for a passing reason, and counts.
    async fn call<T, F, Fut>(&self, operation: &str, make: F) -> Result<T>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let mut backoff = self.backoff();
        loop {
            match self.call_once(operation, backoff.attempt > 1, make()).await {
                Err(error) if error.class.is_transient() && backoff.pause(&error).await => {}
                outcome => return outcome,
            }
        }
    }

    async fn call_once<T>(&self, operation: &str, again: bool, call: impl Future<Output = Result<T>>) -> Result<T> {
        let seconds = self.patience.call_timeout_s;
        let outcome = tokio::time::timeout(Duration::from_secs_f64(seconds), call).await.unwrap_or_else(|_| {
            Err(ProviderError::new(operation, FailureClass::Timeout, format!("no answer within {seconds} s"))
                .leaving(LeftBehind::Unknown))
        });
        self.count(operation, again, outcome.as_ref().err().map(|e| e.class));
        outcome
    }

    fn backoff(&self) -> Backoff {
        Backoff { clock: self.clock, patience: self.patience, attempt: 1, pause_s: self.patience.first_pause_s }
    }

    fn count(&self, operation: &str, again: bool, failed: Option<FailureClass>) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = calls.entry(operation.to_owned()).or_default();
        stats.made += 1;
        stats.retried += u64::from(again);
        if let Some(class) = failed {
            *stats.failed.entry(class.id().to_owned()).or_default() += 1;
        }
    }
}

/// The pauses between the attempts at one call.
struct Backoff {
    clock: Clock,
    patience: Patience,
    attempt: u32,
    pause_s: f64,
}

impl Backoff {
    /// Pauses before the next attempt, as long as the target asked for or twice as long as last time; false when there is none.
    async fn pause(&mut self, error: &ProviderError) -> bool {
        if self.attempt >= self.patience.attempts {
            return false;
        }
        self.attempt += 1;
        let longest = self.clock.wall(self.patience.longest_pause_s);
        tokio::time::sleep(error.retry_after.unwrap_or_else(|| self.clock.wall(self.pause_s)).min(longest)).await;
        self.pause_s *= 2.0;
        true
    }
}

/// The one of `listed` that was created a moment ago.
fn found<T>(listed: Vec<T>, is: impl Fn(&T) -> bool) -> Result<T> {
    listed.into_iter().find(is).ok_or_else(|| {
        ProviderError::new(
            "find what was created",
            FailureClass::NotFound,
            "the inventory lists it, its own listing does not",
        )
        .leaving(LeftBehind::Unknown)
    })
}

/// That a thing is gone already is what was wanted.
fn forgiving(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.class == FailureClass::NotFound => Ok(()),
        other => other,
    }
}

fn ledger_failed(operation: &str, error: crate::ledger::LedgerError) -> ProviderError {
    ProviderError::new(operation, FailureClass::Local, "nothing is created that the ledger does not hold")
        .caused_by(error)
}
