//! What passes by itself never changes a verdict: under errors, throttling, broken connections and slow boots a behaviour gets the
//! verdict that it gets without them, at worst after another attempt (flaky) or none at all (inconclusive) — never a failure that
//! is not there, never a pass that is not deserved. And whatever was met on the way, nothing is left behind.

mod common;

use std::{collections::BTreeMap, ops::AddAssign, sync::Arc, time::Instant};

use common::{Asked, Cloud, Finished, run, side_by_side, standard, table::Table};
use levelfield_reports::{Verdict, event::Proof};
use levelfield_sim::{Faults, Mutation};
use levelfield_suites::Standard;

/// Clouds that run at one time. They wait most of the time.
const AT_ONCE: usize = 24;

/// The pace of their clocks.
const PACE: f64 = 10.0;

/// Runs against the positive control, and runs against clouds that violate something.
const RUNS: u64 = 200;
const MUTATED_RUNS: u64 = 24;

/// What goes wrong in one request, or boot, of five: one kind at a time, and all kinds together.
const KINDS: [(&str, Faults); 6] = [
    ("500 before the effect", Faults { api_500_before: 0.2, ..NONE }),
    ("500 after the effect", Faults { api_500_after: 0.2, ..NONE }),
    ("throttling", Faults { throttle: 0.2, ..NONE }),
    ("resets", Faults { reset: 0.2, ..NONE }),
    ("slow boots", Faults { slow_boot: 0.2, ..NONE }),
    ("all of them", Faults { api_500_before: 0.05, api_500_after: 0.05, throttle: 0.05, reset: 0.05, slow_boot: 0.2 }),
];
const NONE: Faults = Faults { api_500_before: 0.0, api_500_after: 0.0, throttle: 0.0, reset: 0.0, slow_boot: 0.0 };

/// Violations that a run of the selection meets, one for every stage from the catalogue to the end.
const MUTATIONS: [Mutation; 8] = [
    Mutation::FlavorsAllHuge,
    Mutation::KeyFingerprintWrong,
    Mutation::ZoneIgnored,
    Mutation::ExtraAuthorizedKey,
    Mutation::SudoAsksPassword,
    Mutation::OldKeyStays,
    Mutation::PasswordLoginReturns,
    Mutation::SecondTerminateFails,
];

type Verdicts = BTreeMap<String, Verdict>;

fn verdicts(finished: &Finished) -> Verdicts {
    finished.results().map(|r| (r.id.clone(), r.verdict.clone())).collect()
}

/// What many runs came to.
#[derive(Default)]
struct Tally {
    runs: usize,
    verdicts: usize,
    flaky: usize,
    inconclusive: usize,
    changed: usize,
    failed_calls: u64,
    table: Option<Table>,
}

impl Tally {
    /// Takes in a run that should have come to `expected`.
    async fn take(&mut self, what: &str, expected: &Verdicts, finished: &Finished) {
        self.runs += 1;
        self.failed_calls += finished.target().calls.values().flat_map(|stats| stats.failed.values()).sum::<u64>();
        for result in finished.results() {
            self.verdicts += 1;
            self.flaky += usize::from(result.flaky);
            let should = expected.get(&result.id);
            match &result.verdict {
                Verdict::Inconclusive { .. } => self.inconclusive += 1,
                same if Some(same) == should => {}
                other => {
                    self.changed += 1;
                    let should = should.map_or_else(|| "-".to_owned(), ToString::to_string);
                    self.report([what, &result.id, &should, &other.to_string(), &result.summary]);
                }
            }
        }
        let missing = expected.keys().filter(|id| finished.results().all(|r| r.id != **id));
        for id in missing {
            self.report([what, id, "a verdict", "none", ""]);
        }
        let left = finished.inventory().await;
        if !left.is_empty() {
            self.report([what, "-", "nothing left", "left", &left.join(", ")]);
        }
        // A run that could not read the inventory may say so; it may not say that something is left when nothing is.
        if let Some(Proof::Left { resources }) = finished.proof() {
            self.report([what, "-", "nothing left", "said to be left", &format!("{resources:?}")]);
        }
    }

    fn report(&mut self, cells: [&str; 5]) {
        let table = self.table.get_or_insert_with(|| Table::new(["run", "behaviour", "should", "is", "because"]));
        table.row(cells.map(str::to_owned));
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.verdicts += other.verdicts;
        self.flaky += other.flaky;
        self.inconclusive += other.inconclusive;
        self.changed += other.changed;
        self.failed_calls += other.failed_calls;
        match (&mut self.table, other.table) {
            (Some(ours), Some(theirs)) => ours.append(theirs),
            (ours, theirs) => *ours = ours.take().or(theirs),
        }
    }
}

/// One run for each cloud, each against the verdicts that it should come to.
async fn tally(standard: &Arc<Standard>, clouds: Vec<(String, Cloud, Verdicts)>) -> Tally {
    let outcomes = side_by_side(clouds, AT_ONCE, async |(what, cloud, expected)| {
        let finished = run(standard, &cloud, &Asked::profile("smoke")).await;
        let mut tally = Tally::default();
        tally.take(&what, &expected, &finished).await;
        tally
    })
    .await;
    outcomes.into_iter().fold(Tally::default(), |mut all, one| {
        all += one;
        all
    })
}

#[expect(clippy::print_stdout, reason = "the count is what the test is for")]
fn conclude(name: &str, tally: &Tally, began: Instant) {
    let Tally { runs, verdicts, flaky, inconclusive, changed, failed_calls, table } = tally;
    let seconds = began.elapsed().as_secs_f64();
    let line = format!(
        "{name}: {runs} runs, {verdicts} verdicts, {flaky} flaky, {inconclusive} inconclusive, {changed} changed \
         ({failed_calls} calls failed, {seconds:.0} s)"
    );
    if let Some(table) = table {
        panic!("{line}:\n{table}");
    }
    println!("{line}");
    assert!(*failed_calls > 0, "no fault was met at all");
    // Otherwise "inconclusive at worst" would be kept by a harness that decides nothing.
    assert!(inconclusive * 20 <= *verdicts, "{inconclusive} of {verdicts} verdicts are inconclusive");
}

/// Every verdict of a run without faults.
async fn without_faults(standard: &Arc<Standard>, cloud: &Cloud) -> Verdicts {
    verdicts(&run(standard, cloud, &Asked::profile("smoke")).await)
}

fn faulty(cloud: &Cloud, number: u64) -> (String, Cloud) {
    let (kind, faults) = KINDS[usize::try_from(number).unwrap_or(0) % KINDS.len()];
    (format!("seed {number}, {kind}"), cloud.clone().faulty(faults, number))
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_that_pass_never_change_a_verdict() {
    let (began, standard) = (Instant::now(), standard());
    let cloud = Cloud::aws_like().at_pace(PACE);
    let expected = without_faults(&standard, &cloud).await;
    assert!(expected.values().all(|verdict| *verdict == Verdict::Pass), "{expected:#?}");
    let clouds = (0..RUNS).map(|number| {
        let (what, cloud) = faulty(&cloud, number);
        (what, cloud, expected.clone())
    });
    conclude("faults", &tally(&standard, clouds.collect()).await, began);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_never_hide_a_violation() {
    let (began, standard) = (Instant::now(), standard());
    let mutated: Vec<Cloud> = MUTATIONS.iter().map(|m| Cloud::aws_like().at_pace(PACE).with(*m)).collect();
    let expected = side_by_side(&mutated, AT_ONCE, async |cloud| without_faults(&standard, cloud).await).await;
    for (mutation, expected) in MUTATIONS.iter().zip(&expected) {
        assert!(expected.values().any(|v| matches!(v, Verdict::Fail { .. })), "{mutation} violates nothing");
    }
    let clouds = (0..MUTATED_RUNS).map(|number| {
        let which = usize::try_from(number).unwrap_or(0) / 3;
        let (what, cloud) = faulty(&mutated[which], 1000 + number);
        (format!("{}, {what}", MUTATIONS[which]), cloud, expected[which].clone())
    });
    conclude("faults on mutated clouds", &tally(&standard, clouds.collect()).await, began);
}
