//! `reap`: removes what runs left behind.

use std::{path::Path, sync::Arc};

use levelfield_kit::{events::Events, journey::TrustAnchor, ledger};
use levelfield_reports::{EventKind, Record, event::Proof, overall::Outcome, redact::Redactor};
use time::OffsetDateTime;

use super::{
    args::ReapArgs,
    failure::{Failure, OrUsage as _},
    output::Output,
};
use crate::{
    config::{self, connect},
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
    let folders = match &args.run {
        Some(run) => vec![RunFolder::find(run, &args.home).or_usage()?],
        None => RunFolder::all(&args.home),
    };
    if folders.is_empty() {
        output.print(&format!("no runs in {}", args.home.display()));
    }
    let mut outcome = Outcome::Good;
    for folder in &folders {
        if reap_run(folder, args.run.is_some(), output).await? != Outcome::Good {
            outcome = Outcome::LeftBehind;
        }
    }
    Ok(outcome)
}

async fn reap_run(folder: &RunFolder, named: bool, output: &mut Output) -> Result<Outcome, Failure> {
    let _lock = match folder.lock() {
        Ok(lock) => lock,
        // A run that is still at work looks after itself.
        Err(error) if !named => {
            output.note(&error.to_string());
            return Ok(Outcome::Good);
        }
        Err(error) => return Err(Failure::usage(error)),
    };
    let record = Record::from_journal(&folder.journal()).or_usage()?;
    let entries =
        if folder.ledger().exists() { ledger::read(&folder.ledger()).or_usage()? } else { Default::default() };
    let open = entries.values().filter(|e| e.open).count();
    if open == 0 && record.is_sealed() {
        output.print(&format!("{}: nothing was left behind", record.run.id));
        return Ok(Outcome::Good);
    }
    let config = folder.config().or_usage()?;
    let trust = Arc::new(TrustAnchor::generate().or_incomplete()?);
    let mut redactor = Redactor::default();
    let mut outcome = Outcome::Good;
    let mut proofs = Vec::new();
    for target in &config.targets {
        let provider = connect(target, &mut redactor).await.or_usage()?;
        let reaped = reap::reap(&folder.ledger(), &record.run.id, &target.name, provider, Arc::clone(&trust))
            .await
            .or_incomplete()?;
        output.print(&format!("{}: {}", record.run.id, sentence(&reaped)));
        if !matches!(reaped.proof, Proof::Empty { .. } | Proof::NothingCreated) {
            outcome = Outcome::LeftBehind;
        }
        proofs.push(reaped);
    }
    note_down(folder, &record, proofs, redactor).await?;
    Ok(outcome)
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
async fn note_down(
    folder: &RunFolder,
    record: &Record,
    proofs: Vec<Reaped>,
    redactor: Redactor,
) -> Result<(), Failure> {
    if !record.is_sealed() {
        let (events, receiver) = Events::channel();
        let pump = Pump {
            events: receiver,
            redactor,
            already_ms: std::time::Duration::from_secs_f64(record.seconds.max(0.0)).as_millis().try_into().unwrap_or(0),
            interrupt: Interrupt::new(),
            onlookers: Vec::new(),
        };
        let pump = pump.start(&folder.journal()).or_incomplete()?;
        for reaped in proofs {
            events.emit(EventKind::InventoryProven { target: reaped.target, proof: reaped.proof });
        }
        drop(events);
        pump.await.or_incomplete()?.or_incomplete()?;
    }
    let record = Record::from_journal(&folder.journal()).or_incomplete()?;
    store::write(folder, &record, &Format::ALL, folder.path()).or_incomplete()?;
    Ok(())
}

async fn expired(config: Option<&Path>, output: &mut Output) -> Result<Outcome, Failure> {
    let config = config::load(config).or_usage()?;
    let mut redactor = Redactor::default();
    let mut outcome = Outcome::Good;
    for target in &config.targets {
        let provider = connect(target, &mut redactor).await.or_usage()?;
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
