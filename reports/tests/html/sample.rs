//! Made-up records that show everything a report can show.

#[path = "clouds.rs"]
mod clouds;

use std::collections::BTreeMap;

use levelfield_provider::{Fingerprint, Kind, Presence, Probe, ResourceRef};
use levelfield_reports::{
    Difference, InconclusiveReason, Judgement, Measure, Record, Verdict,
    event::{BehaviorInfo, CallStats, CapabilityRow, FORMAT, Proof, RunHeader, Stage, Stamp},
    record::{Attempt, BehaviorResult, Reading, RunStatus, TargetRecord},
    stats, steps,
};
use time::macros::datetime;

use self::clouds::{aws, common, deviation, good};

/// The behaviours, one a line: id, step, level, title, why, what AWS does.
fn catalogue() -> impl Iterator<Item = [&'static str; 6]> {
    include_str!("catalogue.txt").lines().map(|line| {
        let mut fields = line.split(" | ");
        [(); 6].map(|()| fields.next().expect("a line of the catalogue has six fields"))
    })
}

fn hash(text: &str) -> String {
    let seed = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{seed:016x}{:016x}", seed.rotate_left(17)).repeat(2)
}

/// A record with its evidence by hash.
pub(crate) struct Sample {
    pub(crate) record: Record,
    pub(crate) evidence: BTreeMap<String, String>,
}

impl Sample {
    fn new(profile: &str) -> Self {
        let behaviors = catalogue()
            .map(|[id, step, level, title, why, reference]| {
                let info = BehaviorInfo {
                    title: title.into(),
                    step: step.parse().ok().filter(|step| *step > 0),
                    level: level.into(),
                    status: "required".into(),
                    why: why.into(),
                    reference: reference.into(),
                    needs: Vec::new(),
                };
                (id.to_owned(), info)
            })
            .collect();
        let record = Record {
            format: FORMAT,
            run: RunHeader {
                id: "20261121t140512-7f3a".into(),
                version: "0.1.0".into(),
                guideline: "2026.11".into(),
                guideline_sha256: hash("guideline"),
                profile: profile.into(),
                selection: "all()".into(),
                rounds: 1,
                partition: None,
                vantage: "build-04.example.net".into(),
            },
            status: RunStatus::Sealed,
            started: datetime!(2026-11-21 14:05:12 UTC),
            seconds: 754.0,
            interrupted: None,
            evidence_digest: Some(hash("digest")),
            behaviors,
            targets: Vec::new(),
            warnings: Vec::new(),
        };
        Self { record, evidence: BTreeMap::new() }
    }

    /// Adds a target on which `judge` says what became of each behaviour in each round.
    fn target(
        mut self,
        name: &str,
        provider: &str,
        pace: f64,
        login: f64,
        judge: impl Fn(&str, u32) -> Judgement,
    ) -> Self {
        let rounds = self.record.run.rounds;
        let mut results = Vec::new();
        for [id, ..] in catalogue() {
            let mut attempts = Vec::new();
            for round in 1..=rounds {
                let judgement = judge(id, round);
                let sha = hash(&format!("{name}{id}{round}"));
                let text = format!(
                    "{{\n  \"behaviour\": \"{id}\",\n  \"target\": \"{name}\",\n  \"round\": {round},\n  \"observed\": {{\n    \"calls\": 2,\n    \"answer\": \"<ok> & fine\"\n  }}\n}}"
                );
                self.evidence.insert(sha.clone(), text);
                let seconds = 0.4 + f64::from(u8::try_from(id.len()).unwrap_or(9)) / 10.0;
                let readings = vec![Reading { stage: stage(id), evidence: sha }];
                if !matches!(judgement.verdict, Verdict::NotSelected { .. } | Verdict::Missing) {
                    attempts.push(Attempt { round, attempt: 1, seconds, readings, judgement });
                }
            }
            results.push(fold(id, attempts, judge(id, 1), rounds));
        }
        let noise = |round: u32, salt: u32| f64::from((round * 7919 + salt * 104_729) % 1000) / 1000.0;
        let stamps = Stamp::ALL
            .into_iter()
            .zip([0.02, 0.45, 0.5, 0.8, 1.0])
            .zip(1..)
            .map(|((stamp, share), salt)| {
                let values = (1..=rounds).map(|round| {
                    let slow = if noise(round, salt) > 0.97 { 1.6 } else { 1.0 };
                    login * share * slow * (0.85 + 0.3 * noise(round, salt + 10))
                });
                (stamp, values.collect())
            })
            .collect();
        let steps = steps::rows(&self.record.behaviors, &results);
        self.record.targets.push(TargetRecord {
            name: name.into(),
            provider: provider.into(),
            fingerprint: Some(Fingerprint {
                facts: [
                    ("endpoint", format!("https://{name}.example.net:5000/v3")),
                    ("region", "region-one".into()),
                    ("catalogue", hash(name)[..20].into()),
                ]
                .into_iter()
                .map(|(fact, value)| (fact.to_owned(), value))
                .collect(),
            }),
            capabilities: capabilities(name),
            steps,
            results,
            stamps,
            calls: [
                ("list-images", CallStats { made: 6, retried: 0, failed: BTreeMap::new() }),
                ("create-node", CallStats { made: 14, retried: 2, failed: [("throttled".to_owned(), 2)].into() }),
                ("describe-node", CallStats { made: 1_243, retried: 0, failed: BTreeMap::new() }),
                ("delete-node", CallStats { made: 13, retried: 0, failed: [("not-found".to_owned(), 1)].into() }),
            ]
            .into_iter()
            .map(|(operation, stats)| (operation.to_owned(), stats))
            .collect(),
            proof: Some(Proof::Empty { created: 31 }),
            pace,
            seconds: 251.0,
        });
        self
    }
}

fn stage(id: &str) -> Stage {
    match id {
        _ if id.starts_with("metadata") || id.starts_with("image-naming") => Stage::Catalog,
        "login/old-key-refused" => Stage::Sealed,
        "login/root-key-added" => Stage::Hardened,
        _ if id.starts_with("allocation") => Stage::Own,
        _ => Stage::Delivered,
    }
}

/// The result over all rounds: the worst, with the rate.
fn fold(id: &str, attempts: Vec<Attempt>, otherwise: Judgement, rounds: u32) -> BehaviorResult {
    let worst =
        attempts.iter().map(|a| &a.judgement).max_by_key(|j| j.verdict.severity()).cloned().unwrap_or(otherwise);
    let count = |counts: fn(&Verdict) -> bool| attempts.iter().map(|a| u32::from(counts(&a.judgement.verdict))).sum();
    let passed = count(|verdict| *verdict == Verdict::Pass);
    let of = count(|verdict| verdict.severity() != 2);
    let rate = if rounds > 1 { stats::rate(passed, of) } else { None };
    BehaviorResult {
        id: id.into(),
        verdict: worst.verdict,
        summary: worst.summary,
        flaky: false,
        rate,
        stale_waiver: None,
        attempts,
    }
}

fn capabilities(name: &str) -> Vec<CapabilityRow> {
    let row = |capability: &str, declared, presence: Option<Presence>, note: &str, proven: &[&str]| CapabilityRow {
        capability: capability.into(),
        declared,
        probed: presence.map(|presence| Probe { presence, note: note.into() }),
        proven_by: proven.iter().map(|id| (*id).to_owned()).collect(),
    };
    let floating = name != "aws-like";
    vec![
        row(
            "catalog",
            true,
            Some(Presence::Present),
            "list images: 200, 41 images",
            &["metadata/images-listed", "metadata/flavors-listed"],
        ),
        row("keys", true, Some(Presence::Present), "list keys: 200", &["allocation/key-import"]),
        row("client-token", !floating, None, "", if floating { &[] } else { &["allocation/request-idempotent"] }),
        row(
            "floating-ip",
            floating,
            Some(if floating { Presence::Present } else { Presence::Absent }),
            "list floating IPs: 200, 3 pools",
            &[],
        ),
        row(
            "ipv6",
            false,
            Some(if name == "openstack-good" { Presence::Present } else { Presence::Absent }),
            "no network has an IPv6 range",
            &[],
        ),
        row("console", true, Some(Presence::Unknown), "needs a node", &[]),
    ]
}

/// Three targets side by side: all that can be shown.
pub(crate) fn rich() -> Sample {
    let mut sample = Sample::new("core")
        .target("aws-like", "sim", 60.0, 25.0, aws)
        .target("openstack-common", "openstack", 1.0, 76.0, common)
        .target("openstack-good", "openstack", 1.0, 41.0, good);
    sample.record.targets[2].results[9].flaky = true;
    let mut again = sample.record.targets[2].results[9].attempts[0].clone();
    again.judgement =
        Judgement::inconclusive(InconclusiveReason::Throttled, "the interface asked to wait, five times over");
    sample.record.targets[2].results[9].attempts.insert(0, again);
    sample.record.targets[2].results[9].attempts[1].attempt = 2;
    sample.record.targets[2].results[10].stale_waiver = Some("platform@example.net, PLAT-388".into());
    sample.record.targets[1].proof = Some(Proof::Left {
        resources: vec![ResourceRef::new(Kind::Address, "fip-83c1"), ResourceRef::new(Kind::KeyPair, "lf-7f3a-1")],
    });
    sample
}

/// One AWS-like target on which everything passes.
pub(crate) fn conformant() -> Sample {
    Sample::new("core").target("aws-like", "sim", 60.0, 25.0, aws)
}

/// A run that was interrupted while everything passed.
pub(crate) fn unsealed() -> Sample {
    let mut sample = Sample::new("core").target("aws-like", "sim", 60.0, 25.0, |id, round| match id {
        _ if id.starts_with("login") || id.starts_with("underlay") => {
            Judgement { verdict: Verdict::Missing, ..Judgement::pass("") }
        }
        _ => aws(id, round),
    });
    sample.record.status = RunStatus::Incomplete;
    sample.record.interrupted = Some("SIGTERM".into());
    sample.record.evidence_digest = None;
    sample.record.targets[0].proof = None;
    sample
}

/// Two targets over many rounds, with failures now and then.
pub(crate) fn many_rounds(rounds: u32) -> Sample {
    let mut sample = Sample::new("core");
    sample.record.run.rounds = rounds;
    sample.target("aws-like", "sim", 60.0, 25.0, aws).target("openstack-uneven", "openstack", 1.0, 58.0, |id, round| {
        match id {
            "login/key-accepted" if round % 4 == 1 => {
                Judgement::fail("refused", "the key was not in place when the port opened, and never came")
            }
            "allocation/parallel-requests" if round == 17 => {
                Judgement::inconclusive(InconclusiveReason::Capacity, "no host had room for the third node")
            }
            _ => aws(id, round),
        }
    })
}

/// A record in which every text is an attack on the page.
pub(crate) fn hostile() -> Sample {
    const EVIL: &str = "</script><script>alert(1)</script></style>\"'><img src=x onerror=alert(1)>&amp;\u{0}\u{1b}[31m\u{202e}\u{ffff}{{7*7}}";
    let mut sample = Sample::new(EVIL).target("aws-like", EVIL, f64::NAN, 25.0, |_, _| Judgement {
        deviations: vec![deviation(EVIL, EVIL, EVIL)],
        measures: vec![Measure { name: EVIL.into(), value: f64::INFINITY, unit: EVIL.into() }],
        difference: Some(Difference { expected: EVIL.into(), observed: format!("{EVIL}\n{EVIL}x") }),
        ..Judgement::fail(EVIL, EVIL)
    });
    let record = &mut sample.record;
    record.run.id = EVIL.into();
    record.run.vantage = EVIL.into();
    record.run.guideline_sha256 = EVIL.into();
    record.warnings = vec![EVIL.into()];
    record.seconds = f64::NEG_INFINITY;
    let target = &mut record.targets[0];
    target.name = EVIL.into();
    target.stamps.insert(Stamp::Running, vec![f64::NAN, f64::INFINITY, -4.0, 1e300]);
    target.fingerprint = Some(Fingerprint { facts: [(EVIL.to_owned(), EVIL.to_owned())].into() });
    target.results[3].id = EVIL.into();
    target.results[4].attempts[0].readings[0].evidence = EVIL.into();
    target.steps[0].because = vec![EVIL.into()];
    target.steps[0].patterns = vec![EVIL.into()];
    target.proof = Some(Proof::Unknown { resources: vec![ResourceRef::new(Kind::Node, EVIL)], why: EVIL.into() });
    sample.evidence.insert(EVIL.into(), EVIL.into());
    sample
}

/// A record with `targets` times `behaviors` results, every `fail_every`th a failure.
pub(crate) fn large(targets: usize, behaviors: usize, fail_every: usize) -> Sample {
    let mut sample = Sample::new("core");
    let template = sample.record.behaviors.values().next().expect("the catalogue is not empty").clone();
    let ids: Vec<String> = (0..behaviors).map(|n| format!("suite-{:02}/behaviour-{n:05}", n / 100)).collect();
    sample.record.behaviors = ids.iter().map(|id| (id.clone(), template.clone())).collect();
    for number in 0..targets {
        let mut target = conformant().record.targets.remove(0);
        target.name = format!("target-{number:04}");
        target.results = ids
            .iter()
            .enumerate()
            .map(|(n, id)| {
                let fails = (n + number) % fail_every == 0;
                let judgement = if fails {
                    Judgement::fail("refused", "it was refused").comparing("200 OK", "403 Forbidden")
                } else {
                    Judgement::pass("as stated")
                };
                let attempt = Attempt {
                    round: 1,
                    attempt: 1,
                    seconds: 0.5,
                    readings: vec![Reading { stage: Stage::Own, evidence: hash(id) }],
                    judgement,
                };
                fold(id, vec![attempt], Judgement::pass(""), 1)
            })
            .collect();
        sample.record.targets.push(target);
    }
    sample
}
