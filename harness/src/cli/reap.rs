//! `reap`: removes what runs left behind.

use std::{collections::BTreeMap, path::Path};

use levelfield_kit::{events::Events, ledger};
use levelfield_reports::{EventKind, Record, event::Proof, overall::Outcome};
use time::OffsetDateTime;

use super::{
    args::ReapArgs,
    failure::{Failure, OrUsage as _},
    output::Output,
};
use crate::{
    config::{self, TargetConfig, connect},
    engine::{
        folder::RunFolder,
        interrupt::Interrupt,
        pump::Pump,
        reap::{self, Reaped},
    },
    store::{self, Format},
};

/// Removes what a run, or every run, left behind; or what has expired.
pub(super) async fn reap(args: &ReapArgs, config: Option<&Path>, output: &mut Output) -> Result<Outcome, Failure> {
    if args.expired {
        return expired(config, output).await;
    }
    if let Some(run) = &args.run {
        let folder = RunFolder::find(run, &args.home).or_usage()?;
        let _lock = folder.lock().or_usage()?;
        return reap_run(&folder, output).await;
    }
    let folders = RunFolder::all(&args.home);
    if folders.is_empty() {
        output.print(&format!("no runs in {}", args.home.display()));
    }
    let mut outcomes = Vec::new();
    for folder in &folders {
        outcomes.push(reap_one_of_many(folder, output).await);
    }
    worst(outcomes)
}

/// One run that cannot be reaped keeps no other from being reaped.
async fn reap_one_of_many(folder: &RunFolder, output: &mut Output) -> Result<Outcome, Failure> {
    match folder.lock() {
        Ok(_lock) => reap_run(folder, output).await,
        // A run that is still at work looks after itself.
        Err(error) => {
            output.note(&error.to_string());
            Ok(Outcome::Good)
        }
    }
}

/// The first failure, else whether anything was left behind.
fn worst(outcomes: Vec<Result<Outcome, Failure>>) -> Result<Outcome, Failure> {
    let outcomes: Vec<Outcome> = outcomes.into_iter().collect::<Result<_, _>>()?;
    let clean = outcomes.iter().all(|outcome| *outcome == Outcome::Good);
    Ok(if clean { Outcome::Good } else { Outcome::LeftBehind })
}

fn is_clean(proof: &Proof) -> bool {
    matches!(proof, Proof::Empty { .. } | Proof::NothingCreated)
}

async fn reap_run(folder: &RunFolder, output: &mut Output) -> Result<Outcome, Failure> {
    let entries =
        if folder.ledger().exists() { ledger::read(&folder.ledger()).or_usage()? } else { BTreeMap::default() };
    if entries.is_empty() && !folder.has_begun() {
        output.print(&format!("{}: the run never began, so nothing was made", folder.path().display()));
        return Ok(Outcome::Good);
    }
    let record = Record::from_journal(&folder.journal()).or_usage()?;
    let proven = record.targets.iter().all(|t| t.proof.as_ref().is_some_and(is_clean));
    if proven && entries.values().all(|e| !e.open) {
        output.print(&format!("{}: nothing was left behind", record.run.id));
        return Ok(Outcome::Good);
    }
    let config = folder.config().or_usage()?;
    let mut outcomes = Vec::new();
    let mut proofs = Vec::new();
    for target in &config.targets {
        match reap_target(folder, &record.run.id, target, output).await {
            Ok(reaped) => {
                output.print(&format!("{}: {}", record.run.id, sentence(&reaped)));
                outcomes.push(Ok(if is_clean(&reaped.proof) { Outcome::Good } else { Outcome::LeftBehind }));
                proofs.push(reaped);
            }
            // One target that cannot be reached keeps no other from being cleaned.
            Err(failure) => {
                let open = entries.values().filter(|e| e.open && e.target == target.name).count();
                output.print(&format!(
                    "{}: {}: not cleaned, and {open} entries of its ledger are open: {}",
                    record.run.id,
                    target.name,
                    failure.lines().join(": ")
                ));
                outcomes.push(Err(failure));
            }
        }
    }
    note_down(folder, &record, proofs, output).await?;
    worst(outcomes)
}

async fn reap_target(
    folder: &RunFolder,
    run: &str,
    target: &TargetConfig,
    output: &mut Output,
) -> Result<Reaped, Failure> {
    let provider = connect(target, &mut output.redactor).await.or_usage()?;
    reap::reap(&folder.ledger(), run, &target.name, provider).await.or_incomplete()
}

fn sentence(reaped: &Reaped) -> String {
    let target = &reaped.target;
    match &reaped.proof {
        Proof::NothingCreated => format!("{target}: nothing was left behind"),
        Proof::Empty { .. } => {
            format!("{target}: {} entries were open; the inventory holds nothing of the run now", reaped.open.len())
        }
        Proof::Left { resources } => {
            let names: Vec<String> = resources.iter().map(ToString::to_string).collect();
            format!("{target}: still there: {}", names.join(", "))
        }
        Proof::Unknown { resources, why } => {
            let names: Vec<String> = resources.iter().map(ToString::to_string).collect();
            format!("{target}: the inventory cannot be read ({why}); these may still be there: {}", names.join(", "))
        }
    }
}

/// The journal says what was proven, and the reports are written again from it. The run stays as incomplete as it was.
async fn note_down(folder: &RunFolder, record: &Record, proofs: Vec<Reaped>, output: &Output) -> Result<(), Failure> {
    let mut proven = proofs.into_iter().map(|r| EventKind::InventoryProven { target: r.target, proof: r.proof });
    if let Some(first) = proven.next() {
        let (events, receiver) = Events::channel();
        let pump = Pump {
            events: receiver,
            redactor: output.redactor.clone(),
            already_ms: std::time::Duration::from_secs_f64(record.seconds.max(0.0)).as_millis().try_into().unwrap_or(0),
            interrupt: Interrupt::new(),
            onlookers: Vec::new(),
        };
        let pump = pump.start(&folder.journal(), first).or_incomplete()?;
        proven.for_each(|event| events.emit(event));
        drop(events);
        pump.await.or_incomplete()?.or_incomplete()?;
    }
    let record = Record::from_journal(&folder.journal()).or_incomplete()?;
    store::write(folder, &record, &Format::ALL, folder.path()).or_incomplete()?;
    Ok(())
}

async fn expired(config: Option<&Path>, output: &mut Output) -> Result<Outcome, Failure> {
    let config = config::load(config).or_usage()?;
    let mut outcome = Outcome::Good;
    for target in &config.targets {
        let provider = connect(target, &mut output.redactor).await.or_usage()?;
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let (removed, resisted) = reap::reap_expired(provider.as_ref(), now).await.or_incomplete()?;
        output.print(&format!("{}: {} expired resources removed", target.name, removed.len()));
        for (resource, why) in resisted {
            output.print(&format!("{}: {resource} could not be removed: {why}", target.name));
            outcome = Outcome::LeftBehind;
        }
    }
    Ok(outcome)
}
