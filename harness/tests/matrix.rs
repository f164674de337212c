//! The checks are checked: every mutation of the simulated cloud makes exactly those behaviours fail that the guideline says it
//! does, every behaviour is made to fail by at least one, and without a mutation nothing fails.
//!
//! `LEVELFIELD_MUTATIONS`, a list with commas, keeps the matrix to those mutations while one is worked on.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use common::{Asked, Cloud, Finished, run, side_by_side, standard, standard_at_scale, table::Table};
use levelfield_provider::Capability;
use levelfield_reports::{
    InconclusiveReason, Verdict,
    event::Proof,
    overall::{Conformance, Overall},
};
use levelfield_sim::Mutation;
use levelfield_suites::Standard;

/// Clouds that run at one time. They wait most of the time, each on its own clock.
const AT_ONCE: usize = 10;

/// The pace of their clocks.
const PACE: f64 = 5.0;

/// Nodes that the scale add-on asks for at one time in the matrix; the positive control asks for as many as the guideline does.
const SCALE: u32 = 5;

/// Mutations that leave something behind by their nature: a run says what it was, and reaping removes it.
const LEAVES: [Mutation; 2] = [Mutation::VolumeLeftBehind, Mutation::AddressHeldAfterTerminate];

/// The cloud that a mutation shows on.
fn cloud(mutation: Mutation) -> Cloud {
    let cloud = Cloud::aws_like().at_pace(PACE).with(mutation);
    match mutation {
        // With IPv6 a node is public all the same, by a way that the guideline accepts.
        Mutation::NoPublicAddressByDefault => cloud.without([Capability::Ipv6]),
        Mutation::NoPublicAddressAtAll => cloud.without([Capability::Ipv6, Capability::FloatingIp]),
        _ => cloud,
    }
}

/// What the guideline says each mutation makes fail.
fn stated(standard: &Standard) -> BTreeMap<Mutation, BTreeSet<String>> {
    let mut kills: BTreeMap<Mutation, BTreeSet<String>> =
        Mutation::ALL.iter().map(|mutation| (*mutation, BTreeSet::new())).collect();
    for entry in standard.entries() {
        for word in &entry.stated.mutations {
            let mutation: Mutation = word.parse().unwrap_or_else(|e| panic!("{}: {e}", entry.stated.id));
            kills.entry(mutation).or_default().insert(entry.stated.id.clone());
        }
    }
    kills
}

#[test]
fn every_mutation_is_named_by_a_behaviour_and_every_behaviour_names_one() {
    let standard = standard();
    let idle: Vec<_> = stated(&standard).into_iter().filter(|(_, kills)| kills.is_empty()).map(|(m, _)| m).collect();
    assert!(idle.is_empty(), "no behaviour names {idle:?}");
    let unproven: Vec<_> = standard.entries().filter(|e| e.stated.mutations.is_empty()).map(|e| &e.stated.id).collect();
    assert!(unproven.is_empty(), "no mutation is named by {unproven:?}");
}

/// What is not as it should be after a run against a mutated cloud.
fn misses(table: &mut Table, mutation: &str, expected: &BTreeSet<String>, lacking: &[Capability], finished: &Finished) {
    let failed: BTreeSet<String> =
        finished.results().filter(|r| matches!(r.verdict, Verdict::Fail { .. })).map(|r| r.id.clone()).collect();
    for result in finished.results() {
        let should_fail = expected.contains(&result.id);
        let is_fine = match &result.verdict {
            Verdict::Fail { .. } => should_fail,
            Verdict::Pass => !should_fail,
            Verdict::Inconclusive { reason: InconclusiveReason::Prerequisite(owner) } => {
                !should_fail && failed.contains(owner)
            }
            Verdict::Unsupported { capability } => lacking.iter().any(|lacks| lacks.id() == capability),
            _ => false,
        };
        if !is_fine {
            let should = if should_fail { "fail" } else { "pass" };
            let (verdict, summary) = (result.verdict.to_string(), result.summary.clone());
            table.row([mutation.to_owned(), result.id.clone(), should.to_owned(), verdict, summary]);
        }
    }
    if !table.is_empty() {
        for warning in &finished.record.warnings {
            table.row([mutation.to_owned(), "-".to_owned(), "-".to_owned(), "warning".to_owned(), warning.clone()]);
        }
    }
}

/// What is left on the cloud that should not be, reaped where the mutation is about leaving things.
async fn leftovers(mutation: Option<Mutation>, finished: &Finished) -> Option<String> {
    let leaves = mutation.is_some_and(|m| LEAVES.contains(&m));
    match finished.proof() {
        Some(Proof::Empty { .. }) => {}
        _ if leaves => {
            finished.reap().await;
        }
        other => return Some(format!("proof: {other:?}")),
    }
    let left = finished.inventory().await;
    (!left.is_empty()).then(|| format!("still there: {}", left.join(", ")))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mutation_makes_exactly_its_behaviours_fail() {
    let began = Instant::now();
    let standard = standard_at_scale(SCALE);
    let only = std::env::var("LEVELFIELD_MUTATIONS").ok();
    let wanted = |m: &Mutation| only.as_ref().is_none_or(|list| list.split(',').any(|word| word == m.id()));
    // Those of the scale add-on take longest, and begin first.
    let all: Vec<_> = stated(&standard).into_iter().rev().filter(|(mutation, _)| wanted(mutation)).collect();
    let outcomes = side_by_side(&all, AT_ONCE, async |(mutation, expected)| {
        let cloud = cloud(*mutation);
        let finished = run(&standard, &cloud, &Asked::everything()).await;
        let mut table = Table::new(["mutation", "behaviour", "should", "verdict", "because"]);
        misses(&mut table, mutation.id(), expected, &cloud.lacking, &finished);
        if let Some(left) = leftovers(Some(*mutation), &finished).await {
            table.row([mutation.to_string(), "-".to_owned(), "be empty".to_owned(), "left".to_owned(), left]);
        }
        table
    })
    .await;
    let mut table = Table::new(["mutation", "behaviour", "should", "verdict", "because"]);
    let wrong = outcomes.iter().filter(|t| !t.is_empty()).count();
    for one in outcomes {
        table.append(one);
    }
    let killed: BTreeSet<&String> = all.iter().flat_map(|(_, kills)| kills).collect();
    let (mutations, total, seconds) = (all.len(), standard.entries().count(), began.elapsed().as_secs_f64());
    assert!(table.is_empty(), "{wrong} of {mutations} mutations are not caught as stated ({seconds:.0} s):\n{table}");
    println!("matrix: {mutations} mutations kill {} behaviours of {total} ({seconds:.0} s)", killed.len());
    assert!(only.is_some() || killed.len() == total);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mutation_everything_passes() {
    let standard = standard();
    let finished = run(&standard, &Cloud::aws_like().at_pace(PACE), &Asked::everything()).await;
    let mut table = Table::new(["mutation", "behaviour", "should", "verdict", "because"]);
    misses(&mut table, "none", &BTreeSet::new(), &[], &finished);
    assert!(table.is_empty(), "not everything passes:\n{table}");
    assert_eq!(leftovers(None, &finished).await, None);
    // Nothing was left out: what passed is every behaviour that there is, in core, extended and every add-on.
    assert_eq!(finished.target().results.len(), standard.entries().count());
    assert_eq!(Overall::of(&finished.record, None).conformance, Conformance::Conformant);
}
