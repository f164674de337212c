//! Synthetic runs, made the way real ones are: as events, folded.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "every test binary uses a part of it")]

use std::collections::BTreeMap;

use levelfield_provider::{Fingerprint, Kind, Presence, Probe, ResourceRef};
use levelfield_reports::{
    Event, EventKind, InconclusiveReason, Judgement, Record, Verdict,
    event::{BehaviorInfo, CallStats, CapabilityRow, Proof, RunHeader, Stage, Stamp, TargetManifest},
};
use time::{Duration, OffsetDateTime};

/// 2026-11-21 08:00 UTC.
pub fn start() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_248_000).unwrap()
}

/// Builds the events of a run.
#[derive(Clone)]
pub struct Run {
    pub header: RunHeader,
    pub behaviors: BTreeMap<String, BehaviorInfo>,
    pub manifest: Vec<TargetManifest>,
    events: Vec<Event>,
    clock_ms: u64,
}

pub fn info(title: &str, step: Option<u8>, level: &str, needs: &[&str]) -> BehaviorInfo {
    BehaviorInfo {
        title: title.into(),
        step,
        level: level.into(),
        status: "required".into(),
        why: "automation would have to ask a person".into(),
        reference: "EC2 User Guide".into(),
        needs: needs.iter().map(|&n| n.into()).collect(),
    }
}

impl Run {
    pub fn new(id: &str) -> Self {
        Self {
            header: RunHeader {
                id: id.into(),
                version: "0.1.0".into(),
                guideline: "2026.11".into(),
                guideline_sha256: "ab".repeat(32),
                profile: "core".into(),
                selection: "all()".into(),
                rounds: 1,
                partition: None,
                vantage: "runner-7".into(),
            },
            behaviors: BTreeMap::new(),
            manifest: Vec::new(),
            events: Vec::new(),
            clock_ms: 0,
        }
    }

    pub fn behavior(mut self, id: &str, step: Option<u8>, level: &str, needs: &[&str]) -> Self {
        self.behaviors.insert(id.into(), info(&format!("The requirement of {id}"), step, level, needs));
        self
    }

    /// Selects everything known so far on a target.
    pub fn target(mut self, name: &str) -> Self {
        let selected = self.behaviors.keys().cloned().collect();
        self.manifest.push(TargetManifest {
            target: name.into(),
            provider: "sim".into(),
            pace: 1.0,
            selected,
            left_out: BTreeMap::new(),
        });
        self
    }

    pub fn rounds(mut self, rounds: u32) -> Self {
        self.header.rounds = rounds;
        self
    }

    pub fn push(&mut self, kind: EventKind) -> &mut Self {
        self.clock_ms += 250;
        #[allow(clippy::cast_possible_wrap, reason = "a test's clock is small")]
        let at = start() + Duration::milliseconds(self.clock_ms as i64);
        self.events.push(Event { at, elapsed_ms: self.clock_ms, kind });
        self
    }

    pub fn observed(
        &mut self,
        target: &str,
        id: &str,
        round: u32,
        attempt: u32,
        stage: Stage,
        evidence: &str,
    ) -> &mut Self {
        let (target, behavior, evidence) = (target.into(), id.into(), evidence.into());
        self.push(EventKind::Observed { target, behavior, round, attempt, stage, evidence })
    }

    pub fn judged(&mut self, target: &str, id: &str, round: u32, attempt: u32, judgement: Judgement) -> &mut Self {
        let (target, behavior) = (target.into(), id.into());
        self.push(EventKind::Judged { target, behavior, round, attempt, seconds: 1.5, judgement })
    }

    pub fn concluded(&mut self, target: &str, id: &str, verdict: Verdict) -> &mut Self {
        self.push(EventKind::Concluded { target: target.into(), behavior: id.into(), verdict })
    }

    /// One round, one attempt, concluded as judged.
    pub fn result(&mut self, target: &str, id: &str, judgement: Judgement) -> &mut Self {
        let verdict = judgement.verdict.clone();
        let evidence = format!("{:0>64}", format!("{:x}", id.len() * 7919 + target.len()));
        self.observed(target, id, 1, 1, Stage::Delivered, &evidence);
        self.judged(target, id, 1, 1, judgement);
        self.concluded(target, id, verdict)
    }

    /// Everything that has no verdict yet on any target passes.
    pub fn rest_passes(&mut self) -> &mut Self {
        for manifest in self.manifest.clone() {
            for id in &manifest.selected {
                let done = self.events.iter().any(|e| {
                    matches!(&e.kind, EventKind::Concluded { target, behavior, .. }
                        if *target == manifest.target && behavior == id)
                });
                if !done {
                    self.result(&manifest.target, id, Judgement::pass("as expected"));
                }
            }
        }
        self
    }

    pub fn sealed(&mut self) -> &mut Self {
        self.push(EventKind::RunSealed { evidence_digest: "cd".repeat(32) })
    }

    pub fn events(&self) -> Vec<Event> {
        let begin = EventKind::RunStarted {
            header: self.header.clone(),
            behaviors: self.behaviors.clone(),
            manifest: self.manifest.clone(),
        };
        let begin = Event { at: start(), elapsed_ms: 0, kind: begin };
        std::iter::once(begin).chain(self.events.iter().cloned()).collect()
    }

    pub fn record(&self) -> Record {
        Record::from_events(self.events()).unwrap()
    }
}

/// The core catalogue in small: two behaviours a step, one of them extended where that tells something.
pub fn catalogue(id: &str) -> Run {
    Run::new(id)
        .behavior("allocation/key-import", Some(1), "core", &["keys"])
        .behavior("metadata/images-listed", Some(2), "core", &["catalog"])
        .behavior("metadata/pick-image", Some(3), "core", &["catalog"])
        .behavior("image-naming/portable-name", Some(3), "extended", &["catalog"])
        .behavior("allocation/node-requested", Some(4), "core", &["nodes"])
        .behavior("allocation/console-output", Some(4), "extended", &["console"])
        .behavior("addressing/public-by-default", Some(5), "core", &["public-address"])
        .behavior("login/key-accepted", Some(6), "core", &["login"])
        .behavior("login/account-as-stated", Some(6), "extended", &["login"])
        .behavior("login/root-key-added", Some(7), "core", &["login", "alter-nodes"])
        .behavior("login/old-key-refused", Some(8), "core", &["login"])
        .behavior("underlay/time", None, "core", &["login"])
}

fn capability(id: &str, declared: bool, presence: Option<Presence>) -> CapabilityRow {
    let probed = presence.map(|presence| Probe { presence, note: format!("asked for {id}: 200 OK") });
    CapabilityRow { capability: id.into(), declared, probed, proven_by: Vec::new() }
}

fn target_started(run: &mut Run, target: &str, console: bool) {
    let facts = [("endpoint", "https://cloud.example/v3"), ("region", "north-1")];
    let fingerprint = Fingerprint { facts: facts.map(|(k, v)| (k.to_owned(), v.to_owned())).into() };
    let capabilities = vec![
        capability("catalog", true, Some(Presence::Present)),
        capability("console", console, Some(if console { Presence::Present } else { Presence::Absent })),
        capability("login", true, Some(Presence::Unknown)),
        capability("nodes", true, None),
    ];
    run.push(EventKind::TargetStarted { target: target.into(), fingerprint, capabilities });
}

fn stamps(run: &mut Run, target: &str, round: u32, factor: f64) {
    for (stamp, seconds) in Stamp::ALL.into_iter().zip([0.4, 11.0, 11.5, 19.25, 21.0]) {
        run.push(EventKind::Stamped { target: target.into(), round, stamp, seconds: seconds * factor });
    }
}

fn calls(run: &mut Run, target: &str) {
    let node = CallStats { made: 4, retried: 1, failed: [("throttled".to_owned(), 1)].into() };
    let calls =
        [("create-node".to_owned(), node), ("list-images".to_owned(), CallStats { made: 12, ..CallStats::default() })];
    run.push(EventKind::CallsCounted { target: target.into(), calls: calls.into() });
}

/// A deviation as the engine completes it from the guideline.
pub fn deviating(mut judgement: Judgement, pattern: &str) -> Judgement {
    judgement = judgement.deviating(pattern);
    if let Some(deviation) = judgement.deviations.last_mut() {
        deviation.effect = "every node costs one more call, and addresses run out".into();
        deviation.work_around = "request a floating address after the node, release it after".into();
    }
    judgement
}

/// A sealed run over three targets: one good, one with every kind of trouble, one in between.
pub fn three_targets(id: &str) -> Run {
    let mut run = catalogue(id).target("aws-like").target("openstack-common").target("openstack-good");
    run.manifest[2].left_out.insert("addressing/floating-ip-move".into(), "add-on floating-ip is not asked for".into());
    for (target, factor) in [("aws-like", 1.0), ("openstack-common", 2.5), ("openstack-good", 1.25)] {
        target_started(&mut run, target, target != "openstack-common");
        stamps(&mut run, target, 1, factor);
        calls(&mut run, target);
    }
    let t = "openstack-common";
    run.result(
        t,
        "metadata/pick-image",
        Judgement::fail("ambiguous", "three images are called `Debian 12`")
            .comparing("debian-12-amd64\n", "Debian 12\nDebian 12 (old)\ndebian-12-generic\n"),
    );
    run.result(
        t,
        "addressing/public-by-default",
        Judgement::fail("no-public-address", "no public address without a floating IP"),
    );
    let flaky = "login/key-accepted";
    run.judged(
        t,
        flaky,
        1,
        1,
        Judgement::inconclusive(InconclusiveReason::RunnerNetwork, "connection reset by the runner's proxy"),
    );
    run.judged(t, flaky, 1, 2, Judgement::pass("`debian` logs in").measured("request to login", 21.0, "s"));
    run.concluded(t, flaky, Verdict::Pass);
    run.result(
        t,
        "login/account-as-stated",
        Judgement::fail("other-account", "`debian` works, the image states `cloud`"),
    );
    let root = Judgement::inconclusive(
        InconclusiveReason::Prerequisite("login/key-accepted".into()),
        "not observed: there was no session",
    );
    run.result(t, "login/root-key-added", root);
    run.result(t, "allocation/console-output", Judgement::unsupported("console", "declared absent, probe got 404"));
    run.judged(t, "underlay/time", 1, 1, Judgement::fail("no-time-source", "no time source is configured"));
    let beneath = Box::new(Verdict::fail("no-time-source"));
    run.concluded(
        t,
        "underlay/time",
        Verdict::Waived { waiver: "ops, tracker OPS-17, until 2026-12-31".into(), beneath },
    );
    run.result(
        "openstack-good",
        "addressing/public-by-default",
        deviating(Judgement::pass("a floating IP is attached by the cloud"), "floating-ip-added-by-target"),
    );
    run.rest_passes();
    run.push(EventKind::WaiverStale {
        target: "openstack-good".into(),
        behavior: "login/key-accepted".into(),
        waiver: "net, tracker NET-4".into(),
    });
    run.push(EventKind::InventoryProven { target: "aws-like".into(), proof: Proof::Empty { created: 7 } });
    let resources = vec![ResourceRef::new(Kind::Node, "i-0042"), ResourceRef::new(Kind::KeyPair, "lf-key-1")];
    run.push(EventKind::InventoryProven { target: t.into(), proof: Proof::Left { resources } });
    run.push(EventKind::InventoryProven { target: "openstack-good".into(), proof: Proof::Empty { created: 7 } });
    run.push(EventKind::Warned { target: Some(t.into()), message: "the clock of the API is 40 s behind".into() });
    run.sealed();
    run
}

/// A sealed run on one target in which everything passes.
pub fn all_pass(id: &str, target: &str) -> Run {
    let mut run = catalogue(id).target(target);
    target_started(&mut run, target, true);
    stamps(&mut run, target, 1, 1.0);
    run.rest_passes();
    run.push(EventKind::InventoryProven { target: target.into(), proof: Proof::Empty { created: 3 } });
    run.sealed();
    run
}

/// As [`all_pass`], cut short before the last verdict.
pub fn cut_short(id: &str, target: &str) -> Run {
    let mut run = all_pass(id, target);
    let last = run.manifest[0].selected.last().cloned().unwrap();
    run.events.retain(|e| match &e.kind {
        EventKind::Judged { behavior, .. } | EventKind::Concluded { behavior, .. } => *behavior != last,
        EventKind::RunSealed { .. } | EventKind::InventoryProven { .. } => false,
        _ => true,
    });
    run
}

/// A record of `targets` times `each` results of every kind, for measuring writers.
pub fn large(targets: usize, each: usize) -> Record {
    let mut run = Run::new("20261121-080000-large");
    for i in 0..each {
        let step = u8::try_from(i % 9).ok().filter(|s| *s > 0);
        let level = if i % 3 == 0 { "extended" } else { "core" };
        run = run.behavior(&format!("suite-{:02}/behavior-{i:05}", i % 20), step, level, &["nodes"]);
    }
    for t in 0..targets {
        run = run.target(&format!("cloud-{t:03}"));
    }
    for (t, manifest) in run.manifest.clone().iter().enumerate() {
        let target = &manifest.target;
        target_started(&mut run, target, true);
        for (i, id) in manifest.selected.iter().enumerate() {
            let judgement = match i % 25 {
                7 => Judgement::fail("not-listed", format!("entry {i} is not listed")).comparing("a\nb\nc\n", "a\nc\n"),
                13 => Judgement::inconclusive(InconclusiveReason::Quota, "the account may hold no further node"),
                19 => deviating(Judgement::pass("works by another way"), "floating-ip-added-by-target"),
                _ => Judgement::pass("as expected").measured("time", 1.25, "s"),
            };
            let verdict = judgement.verdict.clone();
            // No two pieces of evidence are alike, as those of different targets and behaviours never are.
            run.observed(target, id, 1, 1, Stage::Delivered, &format!("{:064x}", t * each + i));
            run.judged(target, id, 1, 1, judgement);
            run.concluded(target, id, verdict);
        }
        run.push(EventKind::InventoryProven { target: target.clone(), proof: Proof::Empty { created: 1 } });
    }
    run.sealed();
    run.record()
}
