//! Making and removing: intent into the ledger, call, outcome into the ledger.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
};

use levelfield_provider::{
    Address, AddressRequest, Capability, FailureClass, Group, GroupRequest, KeyPair, KeyRequest, Kind, LeftBehind,
    Node, NodeRequest, ProviderError, Resource, ResourceRef, Tags, tag,
};
use levelfield_reports::EventKind;
use tokio::time::Instant;

use super::{Result, Target, forgiving};
use crate::{
    ledger::Step,
    wait::{Look, Waiter},
};

impl Target {
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
        self.create_node_timed(request).await.map(|(node, _)| node)
    }

    /// Requests a node, and says how many seconds the target took to answer: the one request that counted, without those that
    /// were made before it in vain and the pauses between them.
    pub async fn create_node_timed(&self, request: &NodeRequest) -> Result<(Node, f64)> {
        let took_s = Mutex::new(0.0);
        let make = |tags: Tags| {
            let mut request = request.clone();
            if request.client_token.is_none() && self.has(Capability::ClientToken) {
                request.client_token = tags.get(tag::ENTRY).cloned();
            }
            request.tags.extend(tags);
            let took_s = &took_s;
            async move {
                let began = Instant::now();
                let answer = self.provider.create_node(&request).await;
                *took_s.lock().unwrap_or_else(PoisonError::into_inner) = self.clock.since(began);
                answer
            }
        };
        let find = |id: String| async move { self.node(&id).await };
        let node = self.create(Kind::Node, &request.name, |node: &Node| node.id.clone(), make, find).await?;
        let took_s = *took_s.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((node, took_s))
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
        match self.make_once(kind, name, &self.mark.tags(entry, self.expires), make, find).await {
            Ok(thing) => {
                self.made(entry, ResourceRef::new(kind, id_of(&thing))).await?;
                Ok(thing)
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
                Ok(thing) => return Ok(thing),
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

    async fn note(&self, entry: u64, step: Step) -> Result<()> {
        self.ledger.record(entry, step).await.map_err(|e| ledger_failed(&format!("note entry {entry}"), e))
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

fn ledger_failed(operation: &str, error: crate::ledger::LedgerError) -> ProviderError {
    ProviderError::new(operation, FailureClass::Local, "nothing is created that the ledger does not hold")
        .caused_by(error)
}
