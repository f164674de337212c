//! Leaving nothing behind: at the end of a run, and after one that never came to its end.
//!
//! What is removed is what the ledger names or what carries the run's tag, and nothing else. The proof is the target's own
//! inventory, read afterwards.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use levelfield_kit::{
    catalogue::Catalogue,
    events::Events,
    journey::Env,
    ledger::{Entry, Ledger, LedgerError, Step},
    remote::{Pool, Remote, RemoteLimits},
    settings::Settings,
    target::{Mark, Patience, Target, TargetParts},
    wait::{Look, Waiter},
};
use levelfield_provider::{Kind, Provider, Resource, ResourceRef, tag};
use levelfield_reports::event::Proof;

/// How long removed resources may linger in an inventory, in seconds on the target's clock.
const LINGER_S: f64 = 180.0;

/// How often in a row an inventory must be empty where a request may still be on its way: its answer never came.
const STEADY: u32 = 5;

/// What the ledger says of one target.
struct Book {
    entries: Vec<Entry>,
}

impl Book {
    async fn read(ledger: &Ledger, target: &str) -> Result<Self, LedgerError> {
        let entries = ledger.entries().await?.into_values().filter(|e| e.target == target).collect();
        Ok(Self { entries })
    }

    fn open(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|e| e.open)
    }

    /// Whether something was asked for of which nobody knows what became of it.
    fn doubtful(&self) -> bool {
        self.open().any(|e| e.id.is_none())
    }

    /// The entry that a resource of the run belongs to: by its id, its tag, or its name where it bears no tag.
    fn entry_of(&self, resource: &Resource, mark: &Mark) -> Option<&Entry> {
        let tagged = resource.tags.get(tag::ENTRY);
        let nameless = resource.name.is_empty();
        let is = |e: &&Entry| match (&e.id, tagged) {
            (Some(id), _) => *id == resource.resource.id && e.kind == resource.resource.kind,
            (None, Some(entry)) => *entry == mark.entry(e.number),
            (None, None) => e.kind == resource.resource.kind && !nameless && e.name == resource.name,
        };
        self.open().find(is).or_else(|| self.entries.iter().find(is))
    }

    /// Whether a resource is of the run: by its tag; where its kind has none, by its name or by the ledger.
    fn holds(&self, target: &Target, resource: &Resource) -> bool {
        target.is_ours(&resource.name, &resource.tags)
            || (!resource.tags.contains_key(tag::RUN) && self.entry_of(resource, target.mark()).is_some_and(|e| e.open))
    }
}

/// Removes what is left of a run on a target, if `remove`, reads the inventory for proof, and closes the ledger entries of what is
/// proven gone.
///
/// # Errors
/// When the ledger cannot be read or written.
pub async fn prove(env: &Env, ledger: &Ledger, remove: bool) -> Result<Proof, LedgerError> {
    if !env.makes_nodes() {
        return Ok(Proof::NothingCreated);
    }
    let target = &env.target;
    let book = Book::read(ledger, &target.name).await?;
    let list = || async {
        let listed = target.inventory().await.map_err(|error| error.to_string())?;
        let mut ours: Vec<Resource> = listed.into_iter().filter(|r| book.holds(target, r)).collect();
        ours.sort_by(|a, b| a.resource.cmp(&b.resource));
        Ok::<_, String>(ours)
    };
    let steady = if book.doubtful() { STEADY } else { 1 };
    let empty_looks = AtomicU32::new(0);
    let left = env
        .waiter
        .wait("inventory empty", if remove { LINGER_S } else { 0.0 }, || async {
            let ours = match list().await {
                Ok(ours) => ours,
                Err(error) => return Look::NotYet(error),
            };
            if ours.is_empty() {
                let seen = empty_looks.fetch_add(1, Ordering::Relaxed) + 1;
                let words = || Look::NotYet(format!("empty in {seen} of {steady} looks"));
                return if seen >= steady { Look::Met(()) } else { words() };
            }
            empty_looks.store(0, Ordering::Relaxed);
            if remove {
                for resource in &ours {
                    // What cannot be removed yet is tried again at the next look; what never can is in the proof.
                    let _ = target.delete(&resource.resource).await;
                }
            }
            Look::NotYet(words(&ours))
        })
        .await;
    let left = if left.met() { Ok(Vec::new()) } else { list().await };
    match left {
        Ok(left) => {
            close(ledger, &book, target, &left).await?;
            Ok(proof(&Book::read(ledger, &target.name).await?, left))
        }
        Err(why) => {
            let resources = book.open().filter_map(Entry::resource).collect();
            Ok(Proof::Unknown { resources, why })
        }
    }
}

fn proof(book: &Book, left: Vec<Resource>) -> Proof {
    if !left.is_empty() {
        return Proof::Left { resources: left.into_iter().map(|r| r.resource).collect() };
    }
    match book.entries.iter().filter(|e| e.id.is_some()).count() {
        0 => Proof::NothingCreated,
        created => Proof::Empty { created: u32::try_from(created).unwrap_or(u32::MAX) },
    }
}

/// Closes the entries of what is not among `left`, and opens those of what is, with its id.
async fn close(ledger: &Ledger, book: &Book, target: &Target, left: &[Resource]) -> Result<(), LedgerError> {
    let known = left.iter().filter_map(|r| Some((book.entry_of(r, target.mark())?.number, r)));
    let still: BTreeMap<u64, &Resource> = known.collect();
    for entry in book.open().filter(|e| !still.contains_key(&e.number)) {
        ledger.record(entry.number, Step::Deleted).await?;
    }
    // One that took its removal for good and is still there is open again.
    for (number, resource) in still {
        ledger.record(number, Step::Created { id: resource.resource.id.clone() }).await?;
    }
    Ok(())
}

fn words(resources: &[Resource]) -> String {
    let names: Vec<String> = resources.iter().map(|r| r.resource.to_string()).collect();
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
) -> Result<Reaped, LedgerError> {
    let ledger = Arc::new(Ledger::open(ledger_path)?);
    let open: Vec<Entry> = Book::read(&ledger, name).await?.open().cloned().collect();
    let env = bare_env(run, name, provider, Arc::clone(&ledger));
    let proof = prove(&env, &ledger, true).await?;
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

fn bare_env(run: &str, name: &str, provider: Arc<dyn Provider>, ledger: Arc<Ledger>) -> Env {
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
        trust: None,
    }
}
