//! Leaving nothing behind: at the end of a run, and after one that never came to its end.
//!
//! What is removed is what the ledger names or what carries the run's tag, and nothing else. The proof is the target's own
//! inventory, read afterwards.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use levelfield_kit::{
    catalogue::Catalogue,
    events::Events,
    journey::{Env, TrustAnchor},
    ledger::{self, Entry, Ledger, LedgerError, Step},
    remote::{Pool, Remote, RemoteLimits},
    settings::Settings,
    target::{Patience, Target, TargetParts},
    wait::{Look, Waiter},
};
use levelfield_provider::{Kind, Provider, Resource, ResourceRef, tag};
use levelfield_reports::event::Proof;

/// How long removed resources may linger in an inventory, in seconds on the target's clock.
const LINGER_S: f64 = 180.0;

/// Whether a resource is of a run: by its tag, or by a name of the run's where its kind has no tags.
fn is_of(resource: &Resource, run: &str, names: &[String]) -> bool {
    match resource.tags.get(tag::RUN) {
        Some(owner) => owner == run,
        None => names.contains(&resource.name),
    }
}

/// Removes what is left of a run on a target, if `remove`, and reads the inventory for proof.
pub async fn prove(env: &Env, run: &str, remove: bool) -> Proof {
    prove_with(env, run, &[], remove).await
}

async fn prove_with(env: &Env, run: &str, names: &[String], remove: bool) -> Proof {
    if !env.makes_nodes() {
        return Proof::NothingCreated;
    }
    let target = &env.target;
    let left = env
        .waiter
        .wait("inventory empty", if remove { LINGER_S } else { 0.0 }, || async {
            let listed = match target.inventory().await {
                Ok(listed) => listed,
                Err(error) => return Look::NotYet(error.to_string()),
            };
            let mut ours: Vec<ResourceRef> =
                listed.into_iter().filter(|r| is_of(r, run, names)).map(|r| r.resource).collect();
            ours.sort();
            if ours.is_empty() {
                return Look::Met(());
            }
            if remove {
                for resource in &ours {
                    // What cannot be removed yet is tried again at the next look; what never can is in the proof.
                    let _ = target.delete(resource).await;
                }
            }
            Look::NotYet(words(&ours))
        })
        .await;
    let created: u64 = target.calls().iter().filter(|(op, _)| op.starts_with("create-")).map(|(_, s)| s.made).sum();
    if left.met() {
        return match u32::try_from(created) {
            Ok(0) => Proof::NothingCreated,
            made => Proof::Empty { created: made.unwrap_or(u32::MAX) },
        };
    }
    match target.inventory().await {
        Ok(listed) => {
            let resources: Vec<ResourceRef> =
                listed.into_iter().filter(|r| is_of(r, run, names)).map(|r| r.resource).collect();
            if resources.is_empty() {
                Proof::Empty { created: u32::try_from(created).unwrap_or(u32::MAX) }
            } else {
                Proof::Left { resources }
            }
        }
        Err(error) => Proof::Unknown { resources: target.open_resources(), why: error.to_string() },
    }
}

fn words(resources: &[ResourceRef]) -> String {
    let names: Vec<String> = resources.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// A target on which something is to be reaped.
pub struct Reaped {
    /// The target.
    pub target: String,
    /// What the ledger held open.
    pub open: Vec<Entry>,
    /// What is left now.
    pub proof: Proof,
}

/// Cleans one target after a run that is over, by the run's ledger and tags, and closes the entries that are proven gone.
///
/// # Errors
/// When the ledger cannot be read or written.
pub async fn reap(
    ledger_path: &Path,
    run: &str,
    name: &str,
    provider: Arc<dyn Provider>,
    trust: Arc<TrustAnchor>,
) -> Result<Reaped, LedgerError> {
    let entries: BTreeMap<u64, Entry> = ledger::read(ledger_path)?;
    let open: Vec<Entry> = entries.into_values().filter(|e| e.open && e.target == name).collect();
    let ledger = Arc::new(Ledger::open(ledger_path)?);
    let env = bare_env(run, name, provider, Arc::clone(&ledger), trust);
    for entry in &open {
        if let Some(resource) = entry.resource() {
            env.target.adopt(resource, entry.number);
        }
    }
    let names: Vec<String> = open.iter().map(|e| e.name.clone()).collect();
    let proof = prove_with(&env, run, &names, true).await;
    let left: &[ResourceRef] = match &proof {
        Proof::Left { resources } => resources,
        Proof::Unknown { .. } => return Ok(Reaped { target: name.to_owned(), open, proof }),
        Proof::Empty { .. } | Proof::NothingCreated => &[],
    };
    for entry in &open {
        let still = entry.resource().is_some_and(|r| left.contains(&r));
        if !still {
            ledger.record(entry.number, Step::Deleted).await?;
        }
    }
    let gone = u32::try_from(open.len()).unwrap_or(u32::MAX);
    let proof = if left.is_empty() && gone > 0 { Proof::Empty { created: gone } } else { proof };
    Ok(Reaped { target: name.to_owned(), open, proof })
}

/// Removes everything on a target, of any run, whose expiry has passed; returns what was removed and what resisted.
///
/// # Errors
/// What came back instead of an inventory.
pub async fn reap_expired(
    provider: &dyn Provider,
    now: i64,
) -> Result<(Vec<ResourceRef>, Vec<(ResourceRef, String)>), levelfield_provider::ProviderError> {
    let expired = |r: &Resource| r.tags.get(tag::EXPIRES).and_then(|t| t.parse::<i64>().ok()).is_some_and(|t| t < now);
    let mut ours: Vec<ResourceRef> =
        provider.inventory().await?.into_iter().filter(expired).map(|r| r.resource).collect();
    ours.sort_by_key(|r| Kind::ALL.iter().position(|k| *k == r.kind));
    let (mut removed, mut resisted) = (Vec::new(), Vec::new());
    for resource in ours {
        match provider.delete(&resource).await {
            Ok(()) => removed.push(resource),
            Err(error) => resisted.push((resource, error.to_string())),
        }
    }
    Ok((removed, resisted))
}

fn bare_env(run: &str, name: &str, provider: Arc<dyn Provider>, ledger: Arc<Ledger>, trust: Arc<TrustAnchor>) -> Env {
    let events = Events::discard();
    let target = Arc::new(Target::new(TargetParts {
        name: name.to_owned(),
        settings: Settings::default(),
        provider,
        ledger,
        events: events.clone(),
        run: run.to_owned(),
        expires: 0,
        patience: Patience::default(),
    }));
    let remote = Remote::new(RemoteLimits::default());
    Env {
        waiter: Waiter::new(target.clock, events, name),
        target,
        catalogue: Arc::new(Catalogue::default()),
        pool: Pool::new(remote.clone()),
        remote,
        params: Arc::new(levelfield_kit::journey::Params::unused()),
        trust,
    }
}
