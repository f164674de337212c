//! `run`, `plan` and `resume`.

use std::{io::IsTerminal as _, path::Path, sync::Arc};

use levelfield_reports::{
    Record,
    baseline::Baseline,
    event::RunHeader,
    overall::{Outcome, Overall},
    redact::Redactor,
    text,
};
use levelfield_suites::{
    Standard,
    guideline::{Filter, Guideline},
};
use rand::RngExt as _;
use time::{OffsetDateTime, macros::format_description};

use super::{
    args::{Print, ResumeArgs, RunArgs},
    failure::{Failure, OrUsage as _},
    output::Output,
};
use crate::{
    config::{self, Config, ConfigError, TargetConfig, connect},
    engine::{
        folder::{FolderError, RunFolder},
        interrupt::Interrupt,
        plan::{self, DoesNotFit, Selection},
        reap,
        run::{Keep, Ready, Run},
    },
    progress::Progress,
    store::{self, Format},
};

/// The known verdicts of the embedded targets.
const EMBEDDED_BASELINE: &str = include_str!("../../targets/embedded.baseline.yaml");

/// Everything that is known before the first call.
struct Prepared {
    config: Config,
    standard: Arc<Standard>,
    selection: Selection,
    targets: Vec<Ready>,
}

/// Runs the behaviours against the targets and writes the reports.
pub(super) async fn run(args: &RunArgs, config: Option<&Path>, output: &mut Output) -> Result<Outcome, Failure> {
    let prepared = prepare(args, config, output).await?;
    for target in &prepared.targets {
        plan::fits(&target.plan, target.provider.as_ref()).await.or_usage()?;
    }
    let baseline = baseline(args, config)?;
    let id = run_id();
    let path = args.out.clone().unwrap_or_else(|| args.home.join(&id));
    let (folder, lock) = RunFolder::create(path).or_usage()?;
    folder.keep_config(&prepared.config).or_usage()?;
    folder.mark_latest(&args.home);
    let header = RunHeader {
        id,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        guideline: prepared.standard.guideline().edition.clone(),
        guideline_sha256: prepared.standard.guideline().sha256().to_owned(),
        profile: prepared.selection.profile.clone(),
        selection: prepared.selection.filter.to_string(),
        rounds: prepared.selection.rounds,
        partition: prepared.selection.partition.map(|p| p.to_string()),
        vantage: vantage(),
    };
    let interrupt = listen(&folder);
    let run = Run {
        header,
        standard: prepared.standard,
        waivers: prepared.config.waivers,
        keep: args.keep,
        folder: folder.clone(),
        redactor: output.redactor.clone(),
        interrupt,
        onlookers: vec![Box::new(Progress::new(&prepared.targets, Output::is_live()))],
        targets: prepared.targets,
        earlier: None,
    };
    let record = run.carry_out().await.or_incomplete()?;
    drop(lock);
    finish(&folder, &record, baseline.as_ref(), args.format, output)
}

/// Says what a run would do and take.
pub(super) async fn plan(args: &RunArgs, config: Option<&Path>, output: &mut Output) -> Result<Outcome, Failure> {
    let prepared = prepare(args, config, output).await?;
    let mut misfit = None;
    let mut lines = Vec::new();
    for target in &prepared.targets {
        let quota = match plan::fits(&target.plan, target.provider.as_ref()).await {
            Ok(quota) => quota,
            Err(why) => {
                misfit.get_or_insert(why);
                None
            }
        };
        let (manifest, cost) = (&target.plan.manifest, &target.plan.cost);
        let spare = match cost.addresses_if_needed {
            0 => String::new(),
            n => format!(" (up to {n} if nodes come without public ones)"),
        };
        let free = quota.and_then(|q| q.nodes_free).map(|n| format!(", {n} free in the account")).unwrap_or_default();
        lines.push(format!(
            "{} ({}): {} behaviours; {} nodes in all, {} at one time{free}; {} floating addresses{spare}; about {} min",
            manifest.target,
            manifest.provider,
            manifest.selected.len(),
            cost.nodes,
            cost.nodes_at_once,
            cost.addresses_at_once,
            minutes(cost.minutes),
        ));
        for (id, why) in &manifest.left_out {
            lines.push(format!("  left out: {id}: {why}"));
        }
        for id in &manifest.selected {
            if let Some(capability) = prepared.standard.lacks(id, target.provider.declaration()) {
                lines.push(format!("  unsupported as declared: {id}: no {capability}"));
            }
        }
    }
    output.print(&lines.join("\n"));
    match misfit {
        Some(why) => Err(Failure::usage(why)),
        None => Ok(Outcome::Good),
    }
}

fn minutes(minutes: f64) -> String {
    if minutes < 1.0 { "1".to_owned() } else { format!("{minutes:.0}") }
}

/// Goes on with a run that was interrupted: removes what it left, then makes what lacks a verdict.
pub(super) async fn resume(args: &ResumeArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let folder = RunFolder::find(&args.run, &args.home).or_usage()?;
    let lock = folder.lock().or_usage()?;
    if !folder.has_begun() {
        return Err(Failure::usage(FolderError::NeverBegan(folder.path().to_owned())));
    }
    let record = Record::from_journal(&folder.journal()).or_usage()?;
    let baseline = args.baseline.as_deref().map(read_baseline).transpose()?;
    if record.is_sealed() {
        output.note(&format!("nothing to resume: run {} is complete; its verdicts follow", record.run.id));
        return finish(&folder, &record, baseline.as_ref(), args.format, output);
    }
    let config = folder.config().or_usage()?;
    let guideline = Guideline::find(config.guideline.as_deref().unwrap_or(&record.run.guideline)).or_usage()?;
    if guideline.sha256() != record.run.guideline_sha256 {
        return Err(Failure::usage(anyhow::anyhow!(
            "cannot resume run {}: it was begun under guideline {} (sha256 {}), and the one at hand is another (guideline {}, sha256 \
             {}); bring that one back, or start a new run",
            record.run.id,
            record.run.guideline,
            record.run.guideline_sha256,
            guideline.edition,
            guideline.sha256()
        )));
    }
    let standard = Arc::new(Standard::of(guideline).or_usage()?);
    let selection = Selection {
        profile: record.run.profile.clone(),
        filter: Filter::parse(&record.run.selection).or_usage()?,
        partition: record.run.partition.as_deref().map(str::parse).transpose().or_usage()?,
        rounds: record.run.rounds,
    };
    let mut targets = Vec::new();
    let wanted: Vec<&TargetConfig> =
        config.targets.iter().filter(|t| record.targets.iter().any(|r| r.name == t.name)).collect();
    for target in wanted {
        let ready = ready(&standard, &selection, target, &mut output.redactor).await;
        targets.push(ready.map_err(|failure| {
            let path = folder.path().display();
            failure.while_doing(format!(
                "cannot resume run {} with the configuration it began with, {path}/config.yaml",
                record.run.id
            ))
        })?);
    }
    let interrupt = listen(&folder);
    folder.mark_latest(&args.home);
    if folder.ledger().exists() {
        for target in &targets {
            let name = &target.plan.manifest.target;
            let provider = Arc::clone(&target.provider);
            reap::reap(&folder.ledger(), &record.run.id, name, provider).await.or_incomplete()?;
        }
    }
    let run = Run {
        header: record.run.clone(),
        standard,
        waivers: config.waivers,
        keep: Keep::Never,
        folder: folder.clone(),
        redactor: output.redactor.clone(),
        interrupt,
        onlookers: vec![Box::new(Progress::new(&targets, Output::is_live()))],
        targets,
        earlier: Some(record),
    };
    let record = run.carry_out().await.or_incomplete()?;
    drop(lock);
    finish(&folder, &record, baseline.as_ref(), args.format, output)
}

async fn prepare(args: &RunArgs, config: Option<&Path>, output: &mut Output) -> Result<Prepared, Failure> {
    let mut config = config::load(config).or_usage()?;
    if let Some(word) = &args.guideline {
        // Kept with the run, so that it is resumed under the same one.
        config.guideline = Some(word.clone());
    }
    let standard = match &config.guideline {
        Some(word) => Standard::of(Guideline::find(word).or_usage()?),
        None => Standard::embedded(),
    };
    let standard = Arc::new(standard.or_usage()?);
    let selection = selection(args, &standard)?;
    let config = chosen(config, &args.target).or_usage()?;
    check_waivers(&config, &standard)?;
    let mut targets = Vec::new();
    for target in &config.targets {
        targets.push(ready(&standard, &selection, target, &mut output.redactor).await?);
    }
    if targets.iter().all(|t| t.plan.manifest.selected.is_empty()) {
        let (profile, filter) = (selection.profile, selection.filter.to_string());
        return Err(Failure::usage(DoesNotFit::Nothing { profile, filter }));
    }
    Ok(Prepared { config, standard, selection, targets })
}

fn selection(args: &RunArgs, standard: &Standard) -> Result<Selection, Failure> {
    let guideline = standard.guideline();
    guideline.profile(&args.profile).or_usage()?;
    let mut filter = match &args.filter {
        Some(text) => Filter::parse(text).or_usage()?,
        None => Filter::all(),
    };
    if !args.suite.is_empty() {
        let suites: Vec<String> = args.suite.iter().map(|s| format!("suite({s})")).collect();
        let suites = Filter::parse(&suites.join(" or ")).or_usage()?;
        filter = if args.filter.is_some() { filter.and(suites) } else { suites };
    }
    filter.check(guideline).or_usage()?;
    Ok(Selection { profile: args.profile.clone(), filter, partition: args.partition, rounds: args.repeat })
}

/// A waiver for a behaviour that does not exist is a mistake that would otherwise go unseen until it is needed.
fn check_waivers(config: &Config, standard: &Standard) -> Result<(), Failure> {
    for waiver in &config.waivers {
        standard.guideline().behavior(&waiver.behavior).or_usage()?;
    }
    Ok(())
}

/// The configuration, with the targets asked for.
fn chosen(mut config: Config, wanted: &[String]) -> Result<Config, ConfigError> {
    let known: Vec<String> = config.targets.iter().map(|t| t.name.clone()).collect();
    if let Some(name) = wanted.iter().find(|name| !known.contains(name)) {
        return Err(ConfigError::UnknownTarget { name: name.clone(), known });
    }
    if !wanted.is_empty() {
        config.targets.retain(|t| wanted.contains(&t.name));
        config.waivers.retain(|w| wanted.contains(&w.target));
    }
    Ok(config)
}

async fn ready(
    standard: &Standard,
    selection: &Selection,
    target: &TargetConfig,
    redactor: &mut Redactor,
) -> Result<Ready, Failure> {
    let provider = connect(target, redactor).await.or_usage()?;
    let settings = target.settings();
    let plan = plan::plan(standard, selection, &target.name, provider.declaration(), &settings).or_usage()?;
    Ok(Ready { plan, provider, settings })
}

/// The baseline to gate on: the one that was named; for a plain run of the embedded targets, theirs.
fn baseline(args: &RunArgs, config: Option<&Path>) -> Result<Option<Baseline>, Failure> {
    if let Some(path) = args.baseline.as_ref().filter(|path| path.as_os_str() != "embedded") {
        return read_baseline(path).map(Some);
    }
    let embedded = config.is_none() && !Path::new(config::DEFAULT_PATH).exists();
    let plain = args.filter.is_none()
        && args.suite.is_empty()
        && args.partition.is_none()
        && args.guideline.is_none()
        && args.target.is_empty()
        && args.profile == "core";
    if args.baseline.is_some() || (embedded && plain && !args.no_baseline) {
        let source = levelfield_yaml::YamlSource::new("the embedded baseline", EMBEDDED_BASELINE);
        return Baseline::parse(&source).or_usage().map(Some);
    }
    Ok(None)
}

fn read_baseline(path: &Path) -> Result<Baseline, Failure> {
    Baseline::read(path).or_usage().map_err(|failure| {
        failure.while_doing("cannot use the baseline; `levelfield baseline RUN --out FILE` writes one".to_owned())
    })
}

fn finish(
    folder: &RunFolder,
    record: &Record,
    baseline: Option<&Baseline>,
    format: Print,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    store::write(folder, record, &Format::ALL, folder.path()).or_incomplete()?;
    let overall = Overall::of(record, baseline);
    match format {
        Print::Json => {
            let mut text = Vec::new();
            levelfield_reports::json::render(record, &mut text).or_incomplete()?;
            output.print(&String::from_utf8_lossy(&text));
        }
        Print::Text => {
            output.print(&text::render(record, output.style()));
            output.print(&closing(folder, &overall));
        }
    }
    Ok(overall.outcome)
}

/// The last lines: where the reports are, and what the exit code stands for.
fn closing(folder: &RunFolder, overall: &Overall) -> String {
    let path = folder.path().display();
    let mut lines = vec![format!("reports: {path}/report.html, report.md, run.json, junit/")];
    match &overall.changes {
        Some(changes) if changes.is_empty() => {
            lines.push(
                "baseline: every verdict is as the baseline states it; known failures stay failures above".to_owned(),
            );
        }
        Some(changes) => {
            lines.push(format!("baseline: {} differences", changes.len()));
            lines.extend(changes.iter().map(|c| format!("  {c}")));
        }
        None => {}
    }
    if !overall.sealed {
        lines.push(format!("incomplete: `levelfield resume {path}` goes on with the run"));
    }
    if !overall.left_behind.is_empty() {
        lines.push(format!("left behind on {}: `levelfield reap --run {path}`", overall.left_behind.join(", ")));
    }
    lines.push(format!("exit code {}", overall.outcome.exit_code()));
    lines.join("\n")
}

fn listen(folder: &RunFolder) -> Interrupt {
    let interrupt = Interrupt::new();
    let path = folder.path().display().to_string();
    interrupt.listen(
        |signal| eprint_line(&format!("{signal}: stopping; nodes are being removed. Once more to leave at once.")),
        move || {
            eprint_line(&format!(
                "left at once; nodes may still be there: `levelfield reap --run {path}` removes them, `levelfield resume {path}` goes on"
            ));
            leave();
        },
    );
    interrupt
}

#[allow(clippy::exit, reason = "the second interrupt means now; the ledger holds whatever is left")]
fn leave() {
    std::process::exit(i32::from(Outcome::Interrupted.exit_code()));
}

fn eprint_line(text: &str) {
    use std::io::Write as _;
    let mut err = std::io::stderr().lock();
    // A live table may have left the cursor in the middle of a line.
    let start = if err.is_terminal() { "\r\n" } else { "" };
    let _ = writeln!(err, "{start}{text}");
}

/// Sortable by time, and unlike any other: `20261121-134205-k3v9q2xa`.
fn run_id() -> String {
    let now = OffsetDateTime::now_utc();
    let stamp = now.format(format_description!("[year][month][day]-[hour][minute][second]")).unwrap_or_default();
    let alphabet = b"abcdefghjkmnpqrstuvwxyz23456789";
    let mut random = rand::rng();
    let tail: String = (0..8).map(|_| char::from(alphabet[random.random_range(0..alphabet.len())])).collect();
    format!("{stamp}-{tail}")
}

/// The machine that the harness runs on.
fn vantage() -> String {
    let from_file = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    from_file
        .or_else(|| std::env::var("HOSTNAME").ok())
        .filter(|n| !n.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}
