//! One behaviour in one round: observed at its stages, again where a passing trouble was in the way, judged from what was stored.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use levelfield_kit::{
    Behavior, Ctx, Hindrance,
    behavior::lacking,
    evidence::{Evidence, EvidenceStore, Observed},
};
use levelfield_provider::{Capability, Presence, Probe};
use levelfield_reports::{EventKind, InconclusiveReason, Judgement, Verdict, event::Stage, redact::Redactor};
use levelfield_suites::Standard;

use super::interrupt::Interrupt;

/// How often a behaviour is attempted when something passing was in the way.
pub(super) const ATTEMPTS: u32 = 3;

/// What every observation of a run shares.
#[derive(Clone)]
pub(super) struct Observer {
    pub(super) standard: Arc<Standard>,
    pub(super) evidence: Arc<EvidenceStore>,
    pub(super) redactor: Arc<Redactor>,
    pub(super) interrupt: Interrupt,
    pub(super) probes: Arc<BTreeMap<Capability, Probe>>,
    pub(super) verdicts: Arc<Verdicts>,
}

/// The verdicts of a target so far, by behaviour and round.
#[derive(Default)]
pub(super) struct Verdicts {
    by_round: Mutex<BTreeMap<(String, u32), Verdict>>,
}

impl Verdicts {
    pub(super) fn add(&self, behavior: &str, round: u32, verdict: Verdict) {
        let mut all = self.by_round.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((behavior.to_owned(), round), verdict);
    }

    /// The worst of a behaviour's rounds, if each of them has a verdict. One that was cut short has none.
    pub(super) fn worst(&self, behavior: &str, rounds: u32) -> Option<Verdict> {
        let all = self.by_round.lock().unwrap_or_else(PoisonError::into_inner);
        let rounds: Option<Vec<&Verdict>> =
            (1..=rounds).map(|round| all.get(&(behavior.to_owned(), round)).filter(|v| !is_interrupted(v))).collect();
        rounds?.into_iter().max_by_key(|v| v.severity()).cloned()
    }

    pub(super) fn any_failed(&self) -> bool {
        let all = self.by_round.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().any(|v| matches!(v, Verdict::Fail { .. }))
    }
}

/// Whether a verdict only says that the run was cut short: a resumed run makes it anew.
pub(super) fn is_interrupted(verdict: &Verdict) -> bool {
    *verdict == Verdict::Inconclusive { reason: InconclusiveReason::Interrupted }
}

/// A behaviour in the middle of a round: some of its stages may still lie ahead.
pub(super) struct Course {
    behavior: Behavior,
    round: u32,
    attempt: u32,
    begun: bool,
    /// The last attempt that will be made.
    allowed: u32,
    readings: Vec<(Stage, Observed)>,
    seconds: f64,
}

impl Course {
    /// A course of a round; `attempts` were made before, by an earlier process.
    pub(super) fn new(behavior: Behavior, round: u32, attempts: u32) -> Self {
        Self {
            behavior,
            round,
            attempt: attempts,
            begun: false,
            allowed: attempts + ATTEMPTS,
            readings: Vec::new(),
            seconds: 0.0,
        }
    }

    pub(super) fn behavior(&self) -> &Behavior {
        &self.behavior
    }

    pub(super) fn round(&self) -> u32 {
        self.round
    }

    /// Whether it is read at `stage`.
    pub(super) fn is_at(&self, stage: Stage) -> bool {
        self.behavior.stages.contains(&stage)
    }

    fn is_last(&self, stage: Stage) -> bool {
        self.behavior.stages.last() == Some(&stage)
    }
}

impl Observer {
    /// Observes a behaviour at one of its stages and, at the last of them, judges it. `make` gives the context of an attempt.
    pub(super) async fn observe(&self, course: &mut Course, stage: Stage, make: impl Fn() -> Ctx) {
        let expect = self.standard.expect(course.behavior.id);
        loop {
            begin(course, &make());
            let began = Instant::now();
            let observed = self.look(course, &make(), &expect).await;
            course.seconds += began.elapsed().as_secs_f64();
            let transient = matches!(&observed, Observed::Hindered(h) if h.is_transient());
            self.keep(course, stage, observed, &make());
            if !transient || course.attempt >= course.allowed || self.interrupt.asked() {
                break;
            }
            // The attempt that was hindered stays in the record with its own judgement; the stage is read again.
            let judgement = self.judge(course, &expect);
            judged(course, &make(), judgement);
            course.readings.pop();
            course.begun = false;
        }
        if course.is_last(stage) {
            self.conclude(course, &make(), &expect);
        }
    }

    /// Ends a course whose remaining stages cannot be reached.
    pub(super) fn give_up(&self, course: &mut Course, stage: Stage, hindrance: Hindrance, ctx: &Ctx) {
        let expect = self.standard.expect(course.behavior.id);
        begin(course, ctx);
        self.keep(course, stage, Observed::Hindered(hindrance), ctx);
        self.conclude(course, ctx, &expect);
    }

    async fn look(&self, course: &Course, ctx: &Ctx, expect: &serde_json::Value) -> Observed {
        if let Some(hindrance) = self.unsupported(course.behavior.id, ctx) {
            return Observed::Hindered(hindrance);
        }
        // A behaviour that panics is the harness's fault; it must not take the run with it.
        let mut task = tokio::spawn({
            let (behavior, ctx, expect) = (course.behavior.clone(), ctx.clone(), expect.clone());
            async move { behavior.observe(ctx, &expect).await }
        });
        tokio::select! {
            // First, because what stopped the run (a ledger that cannot be written) may also have hindered the observation.
            biased;
            () = self.interrupt.wished() => {
                task.abort();
                // Only once it has ended does nothing come to be any more behind the back of whoever cleans up.
                let _ = task.await;
                Observed::Hindered(interrupted())
            }
            outcome = &mut task => outcome.unwrap_or_else(|e| {
                Observed::Hindered(Hindrance::harness(format!("the observation ended abruptly: {e}")))
            }),
        }
    }

    /// Why a behaviour cannot be asked of this target: a capability that is declared absent, and that no probe found.
    fn unsupported(&self, id: &str, ctx: &Ctx) -> Option<Hindrance> {
        let capability = self.standard.lacks(id, ctx.target.declaration())?;
        Some(match self.probes.get(&capability) {
            Some(probe) if probe.presence == Presence::Present => Hindrance::harness(format!(
                "the target declares no {capability}, yet a probe found it ({}); declare it, so that it is judged",
                probe.note
            )),
            Some(probe) => lacking(capability, &format!("probed: {}", probe.note)),
            None => lacking(capability, "no probe was made"),
        })
    }

    fn keep(&self, course: &mut Course, stage: Stage, observed: Observed, ctx: &Ctx) {
        let observed = self.redacted(observed);
        let evidence = Evidence { behavior: course.behavior.id.to_owned(), stage, observed };
        match self.evidence.put(&evidence) {
            Ok(id) => {
                ctx.target.events().emit(EventKind::Observed {
                    target: ctx.target.name.clone(),
                    behavior: course.behavior.id.to_owned(),
                    round: course.round,
                    attempt: course.attempt,
                    stage,
                    evidence: id,
                });
                course.readings.push((stage, evidence.observed));
            }
            // What is not stored is not judged: a resumed run observes it anew.
            Err(error) => {
                let why = chain(&error);
                ctx.target.warn(format!("{}: {why}; the run stops here", course.behavior.id));
                self.interrupt.ask();
                course
                    .readings
                    .push((stage, Observed::Hindered(Hindrance::inconclusive(InconclusiveReason::Interrupted, why))));
            }
        }
    }

    /// Without secrets: what a target says in an answer, or in a refusal, may hold what it was sent.
    fn redacted(&self, observed: Observed) -> Observed {
        if self.redactor.is_empty() {
            return observed;
        }
        let clean = serde_json::to_value(&observed).and_then(|mut value| {
            self.redactor.redact_json(&mut value);
            serde_json::from_value(value)
        });
        clean.unwrap_or_else(|_| {
            Observed::Hindered(Hindrance::harness(
                "a secret of the configuration is a word that evidence needs; use a longer one",
            ))
        })
    }

    fn judge(&self, course: &Course, expect: &serde_json::Value) -> Judgement {
        let readings: Vec<(Stage, &Observed)> = course.readings.iter().map(|(s, o)| (*s, o)).collect();
        let mut judgement = course.behavior.judge_all(&readings, expect);
        self.standard.fill_deviations(&mut judgement, course.behavior.id);
        judgement
    }

    fn conclude(&self, course: &mut Course, ctx: &Ctx, expect: &serde_json::Value) {
        let judgement = self.judge(course, expect);
        self.verdicts.add(course.behavior.id, course.round, judgement.verdict.clone());
        judged(course, ctx, judgement);
    }
}

/// An error with every cause beneath it, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Begins an attempt, unless one is under way from an earlier stage.
fn begin(course: &mut Course, ctx: &Ctx) {
    if std::mem::replace(&mut course.begun, true) {
        return;
    }
    course.attempt += 1;
    ctx.target.events().emit(EventKind::BehaviorStarted {
        target: ctx.target.name.clone(),
        behavior: course.behavior.id.to_owned(),
        round: course.round,
        attempt: course.attempt,
    });
}

fn judged(course: &Course, ctx: &Ctx, judgement: Judgement) {
    ctx.target.events().emit(EventKind::Judged {
        target: ctx.target.name.clone(),
        behavior: course.behavior.id.to_owned(),
        round: course.round,
        attempt: course.attempt,
        seconds: course.seconds,
        judgement,
    });
}

/// What an observation says that was cut short.
pub(super) fn interrupted() -> Hindrance {
    Hindrance::inconclusive(InconclusiveReason::Interrupted, "the run was interrupted before this was observed")
}

/// What an observation says whose stage would have ended a node that somebody wants to look at.
pub(super) fn kept() -> Hindrance {
    Hindrance::harness("nodes were kept on request (--keep)")
}
