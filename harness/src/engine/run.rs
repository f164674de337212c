//! A run: targets side by side, on each the rounds and what needs no subject side by side, then cleaning up, verdicts and proof.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use levelfield_kit::{
    Behavior, Ctx, Hindrance,
    catalogue::Catalogue,
    events::Events,
    evidence::EvidenceStore,
    journey::{self, Env, TrustAnchor},
    ledger::{Ledger, LedgerError},
    remote::{Pool, Remote, RemoteLimits},
    settings::Settings,
    target::{Patience, Target, TargetParts},
    wait::Waiter,
};
use levelfield_provider::{Capability, Probe, Provider};
use levelfield_reports::{
    EventKind, Record, Verdict,
    event::{BehaviorInfo, CapabilityRow, Proof, RunHeader, Stage, TargetManifest},
    redact::Redactor,
};
use levelfield_suites::Standard;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tokio::task::JoinSet;

use super::{
    folder::{FolderError, RunFolder},
    interrupt::Interrupt,
    lane::Lanes,
    observe::{ATTEMPTS, Course, Observer, Verdicts, chain, interrupted, is_interrupted, kept as keeping},
    plan::TargetPlan,
    pump::{JournalWriteError, Onlooker, Pump},
    reap,
    round::Round,
};
use crate::config::Waiver;

/// How long what a run makes may exist before anyone may reap it.
const LIFETIME: time::Duration = time::Duration::hours(24);

/// What a run says that stops by itself.
const CANNOT_GO_ON: &str =
    "the run stopped: its journal, ledger or evidence cannot be written; make room, then resume it";

/// Whether nodes are kept after a run, for people to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Keep {
    /// Everything is removed.
    #[default]
    Never,
    /// The nodes of a target on which a behaviour failed stay until they expire.
    Failed,
    /// All nodes stay until they expire.
    Always,
}

/// A target that is ready to be run against.
pub struct Ready {
    /// What is selected there.
    pub plan: TargetPlan,
    /// The adapter.
    pub provider: Arc<dyn Provider>,
    /// What its configuration says.
    pub settings: Settings,
}

/// Everything that a run needs.
pub struct Run {
    /// Who runs what.
    pub header: RunHeader,
    /// Behaviours and guideline.
    pub standard: Arc<Standard>,
    /// The targets.
    pub targets: Vec<Ready>,
    /// Waivers of the configuration.
    pub waivers: Vec<Waiver>,
    /// Whether nodes are kept.
    pub keep: Keep,
    /// Where everything is written.
    pub folder: RunFolder,
    /// In front of everything that is written.
    pub redactor: Redactor,
    /// The wish to stop.
    pub interrupt: Interrupt,
    /// Who looks on.
    pub onlookers: Vec<Box<dyn Onlooker>>,
    /// What an earlier process of the same run left, when it is resumed.
    pub earlier: Option<Record>,
}

/// A run that could not be carried out or written down.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The ledger cannot be written: nothing was created.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalWriteError),
    /// The journal cannot be read back.
    #[error("cannot read the journal {path} back")]
    ReadBack {
        /// The journal.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Keys for the run cannot be made.
    #[error("cannot make the run's own certificate authority")]
    Trust(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Run {
    /// Carries the run out and returns its record.
    ///
    /// # Errors
    /// When it cannot be written down. What the targets do is never an error of the run: it is in the record.
    pub async fn carry_out(mut self) -> Result<Record, RunError> {
        let ledger = Arc::new(
            Ledger::open(&self.folder.ledger())?.redacted_by(self.redactor.clone()).stopping(self.interrupt.token()),
        );
        let evidence = Arc::new(self.folder.evidence()?);
        let trust = Arc::new(TrustAnchor::generate().map_err(|e| RunError::Trust(Box::new(e)))?);
        let already_ms = self.earlier.as_ref().map_or(0, |r| milliseconds(r.seconds));
        let (events, receiver) = Events::channel();
        let pump = Pump {
            events: receiver,
            redactor: self.redactor.clone(),
            already_ms,
            interrupt: self.interrupt.clone(),
            onlookers: std::mem::take(&mut self.onlookers),
        };
        let pump = pump.start(&self.folder.journal(), self.beginning())?;

        let remote = Remote::new(RemoteLimits::default());
        let redactor = Arc::new(self.redactor.clone());
        let mut targets = JoinSet::new();
        for ready in std::mem::take(&mut self.targets) {
            let course = OnTarget {
                header: self.header.clone(),
                standard: Arc::clone(&self.standard),
                waivers: self.waivers.clone(),
                keep: self.keep,
                ledger: Arc::clone(&ledger),
                evidence: Arc::clone(&evidence),
                redactor: Arc::clone(&redactor),
                trust: Arc::clone(&trust),
                remote: remote.clone(),
                interrupt: self.interrupt.clone(),
                events: events.clone(),
                done: self.earlier.as_ref().map(|r| Done::of(r, &ready.plan.manifest.target)).unwrap_or_default(),
                ready,
            };
            targets.spawn(course.run());
        }
        let complete = self.await_all(targets, &events).await;
        drop(events);
        pump.await.map_err(|source| self.read_back(source))??;
        evidence.sync().map_err(FolderError::from)?;
        let record = self.record()?;
        if complete { self.seal(record).await } else { Ok(record) }
    }

    /// Waits for every target, and tells in the journal who wanted the run to stop. Returns whether it came to its end undisturbed,
    /// with all of them complete.
    async fn await_all(&self, mut targets: JoinSet<bool>, events: &Events) -> bool {
        let mut complete = true;
        let mut told = false;
        loop {
            tokio::select! {
                biased;
                () = self.interrupt.wished(), if !told => {
                    told = true;
                    events.emit(match self.interrupt.by() {
                        Some(by) => EventKind::Interrupted { by: by.to_owned() },
                        None => EventKind::Warned { target: None, message: CANNOT_GO_ON.to_owned() },
                    });
                }
                outcome = targets.join_next() => match outcome {
                    Some(outcome) => complete &= matches!(outcome, Ok(true)),
                    None => return complete && !told,
                },
            }
        }
    }

    /// The event that this process begins with.
    fn beginning(&self) -> EventKind {
        if let Some(earlier) = &self.earlier {
            let wanted = self.targets.iter().map(|t| t.plan.manifest.selected.len()).sum::<usize>();
            let done: usize = self
                .targets
                .iter()
                .map(|t| Done::of(earlier, &t.plan.manifest.target).whole(&t.plan.manifest, self.header.rounds))
                .sum();
            let remaining = u32::try_from(wanted.saturating_sub(done)).unwrap_or(u32::MAX);
            return EventKind::RunResumed { remaining };
        }
        let manifest: Vec<TargetManifest> = self.targets.iter().map(|t| t.plan.manifest.clone()).collect();
        let named: BTreeSet<&String> =
            manifest.iter().flat_map(|m| m.selected.iter().chain(m.left_out.keys())).collect();
        let behaviors = named
            .into_iter()
            .filter_map(|id| Some((id.clone(), BehaviorInfo::from(self.standard.guideline().behavior(id).ok()?))))
            .collect();
        EventKind::RunStarted { header: self.header.clone(), behaviors, manifest }
    }

    fn record(&self) -> Result<Record, RunError> {
        Record::from_journal(&self.folder.journal()).map_err(|e| self.read_back(e))
    }

    fn read_back(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RunError {
        RunError::ReadBack { path: self.folder.journal(), source: source.into() }
    }

    /// Seals the run. The seal is the last line of the journal, so that a journal cut short anywhere is unsealed.
    async fn seal(&self, record: Record) -> Result<Record, RunError> {
        let (events, receiver) = Events::channel();
        let pump = Pump {
            events: receiver,
            redactor: Redactor::default(),
            already_ms: milliseconds(record.seconds),
            interrupt: self.interrupt.clone(),
            onlookers: Vec::new(),
        };
        drop(events);
        let seal = EventKind::RunSealed { evidence_digest: evidence_digest(&record) };
        let pump = pump.start(&self.folder.journal(), seal)?;
        pump.await.map_err(|source| self.read_back(source))??;
        self.record()
    }
}

fn milliseconds(seconds: f64) -> u64 {
    std::time::Duration::try_from_secs_f64(seconds).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// SHA-256 over the evidence ids of a record, in its order, each followed by a line end.
pub fn evidence_digest(record: &Record) -> String {
    use std::fmt::Write as _;
    let mut digest = Sha256::new();
    let results = record.targets.iter().flat_map(|t| &t.results);
    for reading in results.flat_map(|r| &r.attempts).flat_map(|a| &a.readings) {
        digest.update(reading.evidence.as_bytes());
        digest.update(b"\n");
    }
    digest.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What an earlier process of the run came to on one target.
#[derive(Clone, Debug, Default)]
struct Done {
    /// The last judgement of each behaviour and round, with the number of attempts made.
    rounds: BTreeMap<(String, u32), (u32, Verdict)>,
}

impl Done {
    fn of(record: &Record, target: &str) -> Self {
        let mut rounds = BTreeMap::new();
        for result in record.targets.iter().filter(|t| t.name == target).flat_map(|t| &t.results) {
            for attempt in &result.attempts {
                rounds.insert((result.id.clone(), attempt.round), (attempt.attempt, attempt.judgement.verdict.clone()));
            }
        }
        Self { rounds }
    }

    fn attempts(&self, id: &str, round: u32) -> u32 {
        self.rounds.get(&(id.to_owned(), round)).map_or(0, |(attempts, _)| *attempts)
    }

    /// The verdict of a round that need not be made again. An interrupted one must, and so must one that met something passing
    /// and had attempts left.
    fn verdict(&self, id: &str, round: u32) -> Option<&Verdict> {
        let (attempts, verdict) = self.rounds.get(&(id.to_owned(), round))?;
        let passing = matches!(verdict, Verdict::Inconclusive { reason } if reason.is_transient());
        (!(is_interrupted(verdict) || passing && *attempts < ATTEMPTS)).then_some(verdict)
    }

    /// How many behaviours of a manifest need nothing more.
    fn whole(&self, manifest: &TargetManifest, rounds: u32) -> usize {
        manifest.selected.iter().filter(|id| (1..=rounds).all(|round| self.verdict(id, round).is_some())).count()
    }
}

/// A run's part on one target.
struct OnTarget {
    header: RunHeader,
    standard: Arc<Standard>,
    ready: Ready,
    waivers: Vec<Waiver>,
    keep: Keep,
    ledger: Arc<Ledger>,
    evidence: Arc<EvidenceStore>,
    redactor: Arc<Redactor>,
    trust: Arc<TrustAnchor>,
    remote: Remote,
    interrupt: Interrupt,
    events: Events,
    done: Done,
}

impl OnTarget {
    /// Returns whether every selected behaviour has a verdict and the inventory was read.
    async fn run(self) -> bool {
        let name = self.ready.plan.manifest.target.clone();
        let target = Arc::new(Target::new(TargetParts {
            name: name.clone(),
            settings: self.ready.settings.clone(),
            provider: Arc::clone(&self.ready.provider),
            ledger: Arc::clone(&self.ledger),
            events: self.events.clone(),
            run: self.header.id.clone(),
            expires: (OffsetDateTime::now_utc() + LIFETIME).unix_timestamp(),
            patience: Patience::default(),
        }));
        let waiter = Waiter::new(target.clock, self.events.clone(), &name);
        let env = Env {
            target: Arc::clone(&target),
            catalogue: Arc::new(Catalogue::default()),
            remote: self.remote.clone(),
            pool: Pool::new(self.remote.clone()),
            waiter,
            params: Arc::new(self.standard.journey_params()),
            trust: self.wants_trust().then(|| Arc::clone(&self.trust)),
        };
        let verdicts = Arc::new(Verdicts::default());
        let first_call = target.fingerprint().await;
        let probes = match &first_call {
            Ok(_) => self.probe(&target).await,
            Err(_) => BTreeMap::new(),
        };
        self.events.emit(EventKind::TargetStarted {
            target: name.clone(),
            fingerprint: first_call.as_ref().ok().cloned().unwrap_or_default(),
            capabilities: self.capability_rows(&probes),
        });
        let observer = Observer {
            standard: Arc::clone(&self.standard),
            evidence: Arc::clone(&self.evidence),
            redactor: Arc::clone(&self.redactor),
            interrupt: self.interrupt.clone(),
            probes: Arc::new(probes),
            verdicts: Arc::clone(&verdicts),
        };
        let unreachable = first_call.err().map(Hindrance::from);
        match unreachable {
            Some(hindrance) => self.give_up(&env, &observer, &hindrance),
            None => self.observe(&env, &observer).await,
        }
        let proof = self.leave(&env, &observer).await;
        let proven = !matches!(proof, Proof::Unknown { .. });
        self.events.emit(EventKind::CallsCounted { target: name.clone(), calls: target.calls() });
        self.events.emit(EventKind::InventoryProven { target: name, proof });
        self.conclude(&verdicts) && proven
    }

    /// Probes every capability that matters to what is selected.
    async fn probe(&self, target: &Target) -> BTreeMap<Capability, Probe> {
        let mut wanted: BTreeSet<Capability> = target.declaration().capabilities.clone();
        for id in &self.ready.plan.manifest.selected {
            wanted.extend(self.standard.needs(id).iter().copied());
        }
        let mut probes = BTreeMap::new();
        for capability in wanted {
            match target.probe(capability).await {
                Ok(probe) => drop(probes.insert(capability, probe)),
                Err(error) => target.warn(format!("probe {capability}: {error}")),
            }
        }
        probes
    }

    fn capability_rows(&self, probes: &BTreeMap<Capability, Probe>) -> Vec<CapabilityRow> {
        let declaration = self.ready.provider.declaration();
        Capability::ALL
            .into_iter()
            .map(|capability| CapabilityRow {
                capability: capability.id().to_owned(),
                declared: declaration.has(capability),
                probed: probes.get(&capability).cloned(),
                proven_by: Vec::new(),
            })
            .collect()
    }

    /// Whether nodes must be handed something to trust.
    fn wants_trust(&self) -> bool {
        let mut selected = self.ready.plan.manifest.selected.iter();
        selected.any(|id| self.standard.behavior(id).is_some_and(|behavior| behavior.demand.trust))
    }

    /// The courses that lack a verdict, of one round; verdicts of an earlier process are taken over.
    fn courses(&self, observer: &Observer, round: u32) -> Vec<Course> {
        let mut courses = Vec::new();
        for id in &self.ready.plan.manifest.selected {
            let Some(behavior) = self.standard.behavior(id) else { continue };
            match self.done.verdict(id, round) {
                Some(verdict) => observer.verdicts.add(id, round, verdict.clone()),
                None => courses.push(Course::new(behavior.clone(), round, self.done.attempts(id, round))),
            }
        }
        courses
    }

    /// Every behaviour of every round says why the target could not be asked.
    fn give_up(&self, env: &Env, observer: &Observer, hindrance: &Hindrance) {
        for round in 1..=self.header.rounds {
            for mut course in self.courses(observer, round) {
                let stage = course.behavior().stages.first().copied().unwrap_or(Stage::Catalog);
                let ctx = Ctx::new(env.clone(), course.behavior().id, stage, round);
                observer.give_up(&mut course, stage, hindrance.clone(), &ctx);
            }
        }
    }

    async fn observe(&self, env: &Env, observer: &Observer) {
        let lanes = Lanes::new(&self.ready.settings.budget);
        let mut tasks = JoinSet::new();
        for number in 1..=self.header.rounds {
            let mut timeline = Vec::new();
            for course in self.courses(observer, number) {
                let supported = self.standard.lacks(course.behavior().id, env.target.declaration()).is_none();
                if course.behavior().stages.contains(&Stage::After) {
                    // Observed once everything is removed; see `leave`.
                } else if supported && course.behavior().needs_subject() {
                    timeline.push(course);
                } else {
                    tasks.spawn(beside(env.clone(), observer.clone(), lanes.clone(), course));
                }
            }
            let round =
                Round { env: env.clone(), observer: observer.clone(), lanes: lanes.clone(), number, courses: timeline };
            let (keep, verdicts) = (self.keep, Arc::clone(&observer.verdicts));
            tasks.spawn(round.run(move |_| match keep {
                Keep::Never => false,
                Keep::Failed => verdicts.any_failed(),
                Keep::Always => true,
            }));
        }
        while let Some(outcome) = tasks.join_next().await {
            if let Err(error) = outcome {
                env.target.warn(format!("a part of the run ended abruptly: {error}"));
            }
        }
    }

    /// Removes everything, observes what is observed then, and proves that nothing is left.
    async fn leave(&self, env: &Env, observer: &Observer) -> Proof {
        let kept = self.keep == Keep::Always || (self.keep == Keep::Failed && observer.verdicts.any_failed());
        if !kept && let Err(failed) = journey::clean_up(env).await {
            for (resource, error) in failed {
                env.target.warn(format!("remove {resource}: {error}"));
            }
        }
        for round in 1..=self.header.rounds {
            for mut course in self.courses(observer, round) {
                if !course.behavior().stages.contains(&Stage::After) {
                    continue;
                }
                let id = course.behavior().id;
                let make = || Ctx::new(env.clone(), id, Stage::After, round);
                if kept {
                    observer.give_up(&mut course, Stage::After, keeping(), &make());
                } else if self.interrupt.asked() {
                    observer.give_up(&mut course, Stage::After, interrupted(), &make());
                } else {
                    observer.observe(&mut course, Stage::After, make).await;
                }
            }
        }
        reap::prove(env, &self.ledger, !kept)
            .await
            .unwrap_or_else(|error| Proof::Unknown { resources: env.target.open_resources(), why: chain(&error) })
    }

    /// Gives every behaviour its verdict, waivers applied. Returns whether none is missing.
    fn conclude(&self, verdicts: &Verdicts) -> bool {
        let target = &self.ready.plan.manifest.target;
        let today = OffsetDateTime::now_utc().date();
        let mut complete = true;
        for id in &self.ready.plan.manifest.selected {
            let Some(verdict) = verdicts.worst(id, self.header.rounds) else {
                complete = false;
                continue;
            };
            let waiver = self.waivers.iter().find(|w| w.covers(target, id, &self.header.guideline, today));
            let verdict = match (waiver, verdict) {
                (Some(waiver), Verdict::Pass) => {
                    self.events.emit(EventKind::WaiverStale {
                        target: target.clone(),
                        behavior: id.clone(),
                        waiver: waiver.line(),
                    });
                    Verdict::Pass
                }
                (Some(waiver), failed @ Verdict::Fail { .. }) => {
                    Verdict::Waived { waiver: waiver.line(), beneath: Box::new(failed) }
                }
                (_, verdict) => verdict,
            };
            self.events.emit(EventKind::Concluded { target: target.clone(), behavior: id.clone(), verdict });
        }
        complete
    }
}

/// A behaviour that needs no subject: catalogue, own nodes, or nothing at all because the target lacks what it takes.
async fn beside(env: Env, observer: Observer, lanes: Lanes, mut course: Course) {
    let behavior: Behavior = course.behavior().clone();
    let demand = observer.standard.demand(behavior.id, &env.target.settings);
    let supported = observer.standard.lacks(behavior.id, env.target.declaration()).is_none();
    let _resources = if supported { Some(lanes.resources(demand.nodes, demand.addresses).await) } else { None };
    let _lane = lanes.observation().await;
    let round = course.round();
    for stage in behavior.stages.iter().copied() {
        let make = || Ctx::new(env.clone(), behavior.id, stage, round);
        if observer.interrupt.asked() {
            return observer.give_up(&mut course, stage, interrupted(), &make());
        }
        observer.observe(&mut course, stage, make).await;
    }
}
