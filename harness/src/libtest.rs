//! The behaviours as a libtest-compatible test executable: one trial per behaviour and target.
//!
//! Under `cargo test` all trials are one process and share the nodes of one run; nothing is created for a trial that a filter leaves
//! out. Under `cargo nextest` every trial is a process of its own, so each makes a run of its own: listing and single trials work, and
//! whole runs belong to `levelfield run`. A trial that turns out at run time to be unsupported is reported as ignored by libtest;
//! nextest shows an ignored trial that it asked for as passed, so there it fails instead.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use levelfield_kit::open_files;
use levelfield_reports::{Event, EventKind, Verdict, event::RunHeader, redact::Redactor};
use levelfield_suites::{
    Standard,
    guideline::{Filter, Guideline},
};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::{
    config::{self, Config, connect},
    engine::{
        folder::RunFolder,
        interrupt::Interrupt,
        plan::{self, Selection},
        pump::Onlooker,
        run::{Keep, Ready, Run},
    },
    store::{self, Format},
};

/// Names the configuration; the embedded targets when absent.
pub const CONFIG_VARIABLE: &str = "LEVELFIELD_CONFIG";
/// Names the profile; `core` when absent.
pub const PROFILE_VARIABLE: &str = "LEVELFIELD_PROFILE";

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// The outcome of every trial, as it becomes known.
#[derive(Default)]
struct Board {
    verdicts: Mutex<Known>,
    changed: Condvar,
}

#[derive(Default)]
struct Known {
    by_trial: BTreeMap<String, (Verdict, String)>,
    /// Why nothing more will come.
    over: Option<String>,
}

impl Board {
    fn put(&self, trial: String, verdict: Verdict, summary: String) {
        let mut known = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        known.by_trial.insert(trial, (verdict, summary));
        self.changed.notify_all();
    }

    fn close(&self, why: String) {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).over = Some(why);
        self.changed.notify_all();
    }

    fn wait(&self, trial: &str) -> Result<(Verdict, String), String> {
        let mut known = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = known.by_trial.get(trial) {
                return Ok(found.clone());
            }
            if let Some(why) = &known.over {
                return Err(why.clone());
            }
            known = self.changed.wait(known).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Puts concluded verdicts on the board.
struct Watcher {
    board: Arc<Board>,
    summaries: BTreeMap<String, String>,
}

impl Onlooker for Watcher {
    fn see(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Judged { target, behavior, judgement, .. } => {
                self.summaries.insert(trial_name(target, behavior), judgement.summary.clone());
            }
            EventKind::Concluded { target, behavior, verdict } => {
                let trial = trial_name(target, behavior);
                let summary = self.summaries.get(&trial).cloned().unwrap_or_default();
                self.board.put(trial, verdict.clone(), summary);
            }
            _ => {}
        }
    }
}

/// `target::suite/name`.
fn trial_name(target: &str, behavior: &str) -> String {
    format!("{target}::{behavior}")
}

/// Runs the trials that the command line selects, on the targets that the environment names or the embedded ones.
///
/// # Errors
/// When the configuration cannot be used.
pub fn main() -> Result<libtest_mimic::Conclusion, AnyError> {
    trials_of(None)
}

/// Like [`main`], with another configuration where the environment names none.
///
/// # Errors
/// When the configuration cannot be used.
pub fn main_on(config: &Path) -> Result<libtest_mimic::Conclusion, AnyError> {
    trials_of(Some(config))
}

fn trials_of(otherwise: Option<&Path>) -> Result<libtest_mimic::Conclusion, AnyError> {
    let arguments = Arguments::from_args();
    open_files::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let config = config::load(std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from).as_deref().or(otherwise))?;
    let profile = std::env::var(PROFILE_VARIABLE).unwrap_or_else(|_| "core".to_owned());
    let standard = Arc::new(match &config.guideline {
        Some(word) => Standard::of(Guideline::find(word)?)?,
        None => Standard::embedded()?,
    });
    let selection = Selection { profile, filter: Filter::all(), partition: None, rounds: 1 };
    let mut redactor = Redactor::default();
    let targets = runtime.block_on(ready(&config, &standard, &selection, &mut redactor))?;

    let board = Arc::new(Board::default());
    let trials = trials(&targets, &standard, &board);
    let wanted: Vec<String> =
        trials.iter().filter(|t| !arguments.is_filtered_out(t)).map(|t| t.name().to_owned()).collect();
    if arguments.list || wanted.is_empty() {
        return Ok(libtest_mimic::run(&arguments, trials));
    }
    let targets = only(targets, &wanted);
    let home = tempfile::tempdir()?;
    let run = a_run(config, standard, targets, redactor, &selection, home.path().join("run"), &board)?;
    let folder = run.folder.clone();
    let engine = std::thread::spawn({
        let board = Arc::clone(&board);
        move || {
            let outcome = runtime.block_on(run.carry_out());
            board.close(match &outcome {
                Ok(_) => "the run ended without a verdict for this behaviour".to_owned(),
                Err(error) => format!("the run could not be carried out: {error}"),
            });
            if let (Ok(record), Some(out)) = (outcome, std::env::var_os("LEVELFIELD_OUT")) {
                let _ = store::write(&folder, &record, &Format::ALL, &PathBuf::from(out));
            }
        }
    });
    // Trials only wait, so all of them may do so at once: the engine decides what runs beside what.
    let conclusion = libtest_mimic::run(&Arguments { test_threads: Some(wanted.len()), ..arguments }, trials);
    let _ = engine.join();
    Ok(conclusion)
}

async fn ready(
    config: &Config,
    standard: &Standard,
    selection: &Selection,
    redactor: &mut Redactor,
) -> Result<Vec<Ready>, AnyError> {
    let mut targets = Vec::new();
    for target in &config.targets {
        let provider = connect(target, redactor).await?;
        let settings = target.settings();
        let plan = plan::plan(standard, selection, &target.name, provider.declaration(), &settings)?;
        targets.push(Ready { plan, provider, settings });
    }
    Ok(targets)
}

/// One trial per behaviour and target. What the target declares to lack is ignored from the start, with the reason in its name's
/// listing, so that no process ever reports it as passed.
fn trials(targets: &[Ready], standard: &Standard, board: &Arc<Board>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for target in targets {
        for id in &target.plan.manifest.selected {
            let name = trial_name(&target.plan.manifest.target, id);
            let lacks = standard.lacks(id, target.provider.declaration()).is_some();
            let board = Arc::clone(board);
            let trial = Trial::ignorable_test(name.clone(), move || outcome(board.wait(&name)));
            trials.push(trial.with_ignored_flag(lacks));
        }
    }
    trials
}

fn outcome(known: Result<(Verdict, String), String>) -> Result<Completion, Failed> {
    let (verdict, summary) = known.map_err(Failed::from)?;
    match verdict {
        Verdict::Pass => Ok(Completion::Completed),
        Verdict::Unsupported { .. } | Verdict::Waived { .. } | Verdict::NotSelected { .. } => {
            let reason = format!("{verdict}: {summary}");
            // nextest shows a trial that it asked for, and that ignored itself, as passed.
            if std::env::var_os("NEXTEST").is_some() {
                Err(reason.into())
            } else {
                Ok(Completion::ignored_with(reason))
            }
        }
        Verdict::Fail { .. } | Verdict::Inconclusive { .. } | Verdict::Missing => {
            Err(format!("{verdict}: {summary}").into())
        }
    }
}

/// The plans, with only the behaviours that are wanted; targets on which nothing is wanted fall away.
fn only(targets: Vec<Ready>, wanted: &[String]) -> Vec<Ready> {
    let mut kept = Vec::new();
    for mut target in targets {
        let manifest = &mut target.plan.manifest;
        let name = manifest.target.clone();
        manifest.selected.retain(|id| wanted.contains(&trial_name(&name, id)));
        if !manifest.selected.is_empty() {
            kept.push(target);
        }
    }
    kept
}

fn a_run(
    config: Config,
    standard: Arc<Standard>,
    targets: Vec<Ready>,
    redactor: Redactor,
    selection: &Selection,
    path: PathBuf,
    board: &Arc<Board>,
) -> Result<Run, AnyError> {
    let (folder, _lock) = RunFolder::create(path)?;
    let watcher = Watcher { board: Arc::clone(board), summaries: BTreeMap::new() };
    Ok(Run {
        header: RunHeader {
            id: format!("libtest-{:08}", std::process::id()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            guideline: standard.guideline().edition.clone(),
            guideline_sha256: standard.guideline().sha256().to_owned(),
            profile: selection.profile.clone(),
            selection: "libtest".to_owned(),
            rounds: 1,
            partition: None,
            vantage: "libtest".to_owned(),
        },
        standard,
        targets,
        waivers: config.waivers,
        keep: Keep::Never,
        folder,
        redactor,
        interrupt: Interrupt::new(),
        onlookers: vec![Box::new(watcher)],
        earlier: None,
    })
}
