//! Progress: a live table on a terminal, plain lines everywhere else. Only an onlooker: what it shows it has from events alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use levelfield_reports::{Event, EventKind, Verdict, event::BehaviorInfo};

use crate::engine::{pump::Onlooker, run::Ready};

/// How often a plain line is printed for a target that has nothing new to say but a wait.
const QUIET: Duration = Duration::from_secs(15);

/// What a step has come to so far. The worst behaviour of the step decides, as it does in the table at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    #[default]
    Yes,
    Partial,
    Undecided,
    No,
}

impl Mark {
    fn of(verdict: &Verdict, core: bool) -> Self {
        match verdict {
            Verdict::Fail { .. } if core => Self::No,
            Verdict::Fail { .. } => Self::Partial,
            Verdict::Inconclusive { .. } | Verdict::Missing => Self::Undecided,
            Verdict::Unsupported { .. } if core => Self::Undecided,
            Verdict::Pass | Verdict::Unsupported { .. } | Verdict::Waived { .. } | Verdict::NotSelected { .. } => {
                Self::Yes
            }
        }
    }
}

/// What is known of one target while the run goes on.
#[derive(Default)]
struct Row {
    total: usize,
    /// Step and level of each behaviour that belongs to a step.
    steps: BTreeMap<String, (u8, bool)>,
    judged: BTreeSet<String>,
    worst: BTreeMap<u8, Mark>,
    counts: BTreeMap<&'static str, usize>,
    waits: Vec<String>,
    stage: &'static str,
    bar: Option<ProgressBar>,
}

impl Row {
    /// The eight steps as far as they are known: `1✓ 2~ 3✗ 4? 5·`, which stand for YES, PARTIAL, NO, undecided and not known yet.
    fn strip(&self) -> String {
        let mut marks = Vec::new();
        for step in 1..=8u8 {
            let mark = match self.worst.get(&step) {
                None => "·",
                Some(Mark::Yes) => "✓",
                Some(Mark::Partial) => "~",
                Some(Mark::Undecided) => "?",
                Some(Mark::No) => "✗",
            };
            marks.push(format!("{step}{mark}"));
        }
        marks.join(" ")
    }

    fn line(&self) -> String {
        let count = |state| self.counts.get(state).copied().unwrap_or(0);
        let waiting = self.waits.last().map(|w| format!("  waiting for {w}")).unwrap_or_default();
        format!(
            "{}  {:>3}/{} pass {} fail {} inconclusive {}{}{waiting}",
            self.strip(),
            self.judged.len(),
            self.total,
            count("pass"),
            count("fail"),
            count("inconclusive"),
            if self.stage.is_empty() { String::new() } else { format!("  {}", self.stage) },
        )
    }
}

/// Shows what a run does.
pub(crate) struct Progress {
    rows: BTreeMap<String, Row>,
    live: Option<MultiProgress>,
    began: Instant,
    last_line: Instant,
}

impl Progress {
    /// Progress of a run on `targets`; `live` on a terminal.
    pub(crate) fn new(targets: &[Ready], live: bool) -> Self {
        let live = live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8)));
        let width = targets.iter().map(|t| t.plan.manifest.target.len()).max().unwrap_or(0);
        let mut rows = BTreeMap::new();
        for target in targets {
            let manifest = &target.plan.manifest;
            let mut row = Row { total: manifest.selected.len(), ..Row::default() };
            if let Some(live) = &live {
                let bar = live.add(ProgressBar::new_spinner());
                // The template is a constant; should it ever be wrong, the default one is shown.
                let style = ProgressStyle::with_template("{prefix}  {elapsed:>4}  {wide_msg}");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                bar.set_prefix(format!("{:<width$}", manifest.target));
                bar.enable_steady_tick(Duration::from_millis(250));
                row.bar = Some(bar);
            }
            rows.insert(manifest.target.clone(), row);
        }
        Self { rows, live, began: Instant::now(), last_line: Instant::now() }
    }

    fn say(&mut self, text: &str) {
        self.last_line = Instant::now();
        if let Some(live) = &self.live {
            // A terminal that is gone is no reason to stop a run.
            let _ = live.println(text);
        } else {
            let seconds = self.began.elapsed().as_secs_f64();
            let _ = writeln!(std::io::stderr().lock(), "{seconds:>7.1}s  {text}");
        }
    }

    fn update(&mut self, target: &str, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.rows.get_mut(target) {
            change(row);
            if let Some(bar) = &row.bar {
                bar.set_message(row.line());
            }
        }
    }

    fn concluded(&mut self, target: &str, behavior: &str, verdict: &Verdict, summary: &str) {
        let bad = matches!(verdict, Verdict::Fail { .. } | Verdict::Inconclusive { .. });
        if bad && self.live.is_none() {
            self.say(&format!("{target}: {} {behavior}: {summary}", verdict.state()));
        }
        self.update(target, |row| {
            if row.judged.insert(behavior.to_owned()) {
                *row.counts.entry(verdict.state()).or_default() += 1;
            }
            if let Some((step, core)) = row.steps.get(behavior) {
                let worst = row.worst.entry(*step).or_default();
                *worst = (*worst).max(Mark::of(verdict, *core));
            }
        });
    }
}

impl Onlooker for Progress {
    fn see(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { header, behaviors, manifest } => {
                for row in self.rows.values_mut() {
                    let stepped =
                        |(id, info): (&String, &BehaviorInfo)| Some((id.clone(), (info.step?, info.level == "core")));
                    row.steps = behaviors.iter().filter_map(stepped).collect();
                }
                let targets: Vec<&str> = manifest.iter().map(|m| m.target.as_str()).collect();
                self.say(&format!(
                    "run {}: guideline {}, profile {}, targets {}",
                    header.id,
                    header.guideline,
                    header.profile,
                    targets.join(", ")
                ));
            }
            EventKind::RunResumed { remaining } => self.say(&format!("resumed: {remaining} verdicts to go")),
            EventKind::StageEntered { target, round, stage } => {
                self.update(target, |row| row.stage = stage.id());
                if self.live.is_none() {
                    let round = if *round > 1 { format!(" (round {round})") } else { String::new() };
                    self.say(&format!("{target}: {}{round}", stage.id()));
                }
            }
            EventKind::WaitStarted { target, wait, limit_s } => {
                let words = format!("{wait} (at most {limit_s:.0} s)");
                if self.live.is_none() && self.last_line.elapsed() > QUIET {
                    self.say(&format!("{target}: waiting for {words}"));
                }
                self.update(target, |row| row.waits.push(words));
            }
            EventKind::WaitEnded { target, wait, .. } => self.update(target, |row| {
                if let Some(at) = row.waits.iter().rposition(|w| w.starts_with(wait.as_str())) {
                    row.waits.remove(at);
                }
            }),
            EventKind::Judged { target, behavior, judgement, .. } => {
                self.concluded(target, behavior, &judgement.verdict, &judgement.summary);
            }
            EventKind::Warned { target, message } => {
                let target = target.as_ref().map(|t| format!("{t}: ")).unwrap_or_default();
                self.say(&format!("{target}warning: {message}"));
            }
            EventKind::InventoryProven { target, .. } => {
                let line = self.rows.get(target).map(Row::line).unwrap_or_default();
                match self.rows.get(target).and_then(|row| row.bar.clone()) {
                    Some(bar) => bar.finish_with_message(line),
                    None => self.say(&format!("{target}: {line}")),
                }
            }
            _ => {}
        }
    }
}
