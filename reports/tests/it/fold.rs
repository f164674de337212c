use levelfield_provider::{Kind, ResourceRef};
use levelfield_reports::{
    EventKind, InconclusiveReason, Judgement, Record, Verdict,
    event::{CallStats, Proof, Stage},
    fold::FoldError,
    record::{BehaviorResult, RunStatus, StepMark},
};
use proptest::prelude::*;

use crate::common::{Run, all_pass, cut_short, deviating, three_targets};

const ID: &str = "login/key-accepted";

fn one() -> Run {
    Run::new("r1").behavior(ID, Some(6), "core", &["login"]).target("t")
}

fn only(record: &Record) -> &BehaviorResult {
    &record.targets[0].results[0]
}

fn fail() -> Judgement {
    Judgement::fail("refused", "the key was refused")
}

fn network() -> Judgement {
    Judgement::inconclusive(InconclusiveReason::RunnerNetwork, "the network failed")
}

fn waived(beneath: Verdict) -> Verdict {
    Verdict::Waived { waiver: "ops, OPS-1".into(), beneath: Box::new(beneath) }
}

#[test]
fn a_record_is_whole_and_reads_back() {
    let record = three_targets("20261121-080000-ab12").record();
    insta::assert_json_snapshot!(record);
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
}

#[test]
fn what_was_not_judged_is_missing_and_nothing_is_sealed() {
    let mut run = cut_short("r1", "t");
    run.sealed();
    let record = run.record();
    assert_eq!(record.status, RunStatus::Incomplete);
    assert_eq!(record.evidence_digest, None);
    assert_eq!(record.targets[0].results.last().unwrap().verdict, Verdict::Missing);
}

#[test]
fn a_resume_takes_the_seal_back() {
    let mut run = all_pass("r1", "t");
    run.push(EventKind::Interrupted { by: "SIGINT".into() });
    run.push(EventKind::RunResumed { remaining: 0 });
    let record = run.record();
    assert_eq!((record.status, record.interrupted), (RunStatus::Incomplete, None));
    run.sealed();
    assert!(run.record().is_sealed());
}

#[test]
fn a_pass_after_an_inconclusive_attempt_is_flaky() {
    let mut run = one();
    run.judged("t", ID, 1, 1, network()).judged("t", ID, 1, 2, Judgement::pass("logged in"));
    run.concluded("t", ID, Verdict::Pass);
    let record = run.record();
    let result = only(&record);
    assert_eq!((&result.verdict, result.flaky, result.summary.as_str()), (&Verdict::Pass, true, "logged in"));
}

#[test]
fn a_failed_attempt_is_never_hidden_by_a_later_one() {
    let mut run = one();
    run.judged("t", ID, 1, 1, fail()).judged("t", ID, 1, 2, Judgement::pass("logged in"));
    run.concluded("t", ID, Verdict::Pass);
    let record = run.record();
    assert_eq!(only(&record).verdict, Verdict::fail("refused"));
    assert!(!only(&record).flaky);
    insta::assert_snapshot!(record.warnings.join("\n"), @"t: login/key-accepted: concluded as pass, which the evidence does not bear out; it counts as fail (refused)");
}

#[test]
fn the_worst_round_decides_and_the_rate_says_how_often() {
    let mut run = one().rounds(4);
    for round in 1..=4 {
        run.judged("t", ID, round, 1, if round == 3 { fail() } else { Judgement::pass("logged in") });
    }
    let record = run.record();
    let rate = only(&record).rate.clone().unwrap();
    assert_eq!((&only(&record).verdict, rate.passed, rate.of), (&Verdict::fail("refused"), 3, 4));
    assert_eq!(record.targets[0].steps[5].mark, StepMark::Partial);
}

#[test]
fn without_a_conclusion_all_rounds_are_needed() {
    let mut run = one().rounds(3);
    run.judged("t", ID, 1, 1, Judgement::pass("logged in"));
    let record = run.record();
    assert_eq!(only(&record).verdict, Verdict::Missing);
    assert_eq!(only(&record).summary, "the run ended after 1 of 3 rounds");
}

#[test]
fn a_waiver_covers_a_failure_and_nothing_else() {
    let concluded = |judgement: Option<Judgement>, verdict: Verdict| {
        let mut run = one();
        if let Some(judgement) = judgement {
            run.judged("t", ID, 1, 1, judgement);
        }
        run.concluded("t", ID, verdict);
        only(&run.record()).verdict.clone()
    };
    let refused = Verdict::fail("refused");
    let unknown = Verdict::Inconclusive { reason: InconclusiveReason::RunnerNetwork };
    assert_eq!(concluded(Some(fail()), waived(refused.clone())), waived(refused.clone()));
    assert_eq!(concluded(Some(fail()), waived(Verdict::Pass)), waived(refused.clone()));
    assert_eq!(concluded(Some(network()), waived(unknown.clone())), unknown);
    assert_eq!(concluded(Some(Judgement::pass("logged in")), waived(Verdict::Pass)), Verdict::Pass);
    assert_eq!(concluded(None, waived(Verdict::Missing)), Verdict::Missing);
    assert_eq!(concluded(None, Verdict::Pass), Verdict::Missing);
    assert_eq!(concluded(None, Verdict::NotSelected { why: "too dear".into() }), Verdict::Missing);
    assert_eq!(concluded(None, unknown.clone()), unknown);
}

#[test]
fn a_waived_core_failure_is_still_no() {
    let mut run = one();
    run.judged("t", ID, 1, 1, fail()).concluded("t", ID, waived(Verdict::fail("refused")));
    let record = run.record();
    let row = &record.targets[0].steps[5];
    assert_eq!(
        (row.mark, row.because.as_slice()),
        (StepMark::No, ["login/key-accepted (waived)".to_owned()].as_slice())
    );
}

#[test]
fn marks_follow_the_rule() {
    let mark = |core: Option<Judgement>, extended: Option<Judgement>| {
        let mut run = Run::new("r")
            .behavior("a/core", Some(5), "core", &[])
            .behavior("a/more", Some(5), "extended", &[])
            .target("t");
        core.map(|j| run.result("t", "a/core", j).record());
        extended.map(|j| run.result("t", "a/more", j).record());
        run.record().targets[0].steps[4].mark
    };
    let pass = || Some(Judgement::pass("fine"));
    let unsupported = || Some(Judgement::unsupported("console", "absent"));
    assert_eq!(mark(pass(), pass()), StepMark::Yes);
    assert_eq!(mark(Some(deviating(Judgement::pass("fine"), "ipv6")), pass()), StepMark::Yes);
    assert_eq!(mark(pass(), unsupported()), StepMark::Yes);
    assert_eq!(mark(pass(), Some(fail())), StepMark::Partial);
    assert_eq!(mark(pass(), Some(network())), StepMark::Inconclusive);
    assert_eq!(mark(pass(), None), StepMark::Inconclusive);
    assert_eq!(mark(Some(fail()), None), StepMark::No);
    assert_eq!(mark(Some(network()), Some(fail())), StepMark::Inconclusive);
    assert_eq!(mark(unsupported(), pass()), StepMark::Inconclusive);
    assert_eq!(mark(None, None), StepMark::Inconclusive);
}

#[test]
fn readings_read_again_before_the_judgement_replace_the_first() {
    let mut run = one();
    run.observed("t", ID, 1, 1, Stage::Delivered, "aa").push(EventKind::RunResumed { remaining: 1 });
    run.observed("t", ID, 1, 1, Stage::Delivered, "bb").observed("t", ID, 1, 1, Stage::Rebooted, "cc");
    run.judged("t", ID, 1, 1, Judgement::pass("logged in"));
    let record = run.record();
    let ids: Vec<&str> = only(&record).attempts[0].readings.iter().map(|r| r.evidence.as_str()).collect();
    assert_eq!(ids, ["bb", "cc"]);
}

#[test]
fn calls_add_up_over_a_resume() {
    let mut run = one();
    let counted = |made| {
        let calls = [("list".to_owned(), CallStats { made, ..CallStats::default() })].into();
        EventKind::CallsCounted { target: "t".into(), calls }
    };
    run.push(counted(3)).push(counted(5)).push(EventKind::RunResumed { remaining: 1 }).push(counted(2));
    assert_eq!(run.record().targets[0].calls["list"].made, 7);
}

#[test]
fn what_was_created_and_never_proven_gone_may_be_left() {
    let mut run = one();
    let resource = |id: &str| ResourceRef::new(Kind::Node, id);
    run.push(EventKind::Created { target: "t".into(), resource: resource("i-1") });
    run.push(EventKind::Created { target: "t".into(), resource: resource("i-2") });
    run.push(EventKind::Deleted { target: "t".into(), resource: resource("i-1") });
    let record = run.record();
    assert!(
        matches!(&record.targets[0].proof, Some(Proof::Unknown { resources, .. }) if *resources == [resource("i-2")])
    );
}

#[test]
fn a_pass_proves_the_capabilities_it_needs() {
    let record = three_targets("r1").record();
    let row = |target: usize, id: &str| {
        record.targets[target].capabilities.iter().find(|c| c.capability == id).unwrap().proven_by.clone()
    };
    assert_eq!(row(0, "console"), ["allocation/console-output"]);
    assert!(row(1, "console").is_empty());
}

#[test]
fn events_must_begin_with_a_beginning_and_hold_one() {
    let events = all_pass("r1", "t").events();
    assert_eq!(Record::from_events(events.iter().skip(1).cloned()), Err(FoldError::NoBeginning));
    assert_eq!(Record::from_events([]), Err(FoldError::NoBeginning));
    let twice = events.iter().chain(&events).cloned();
    assert!(matches!(Record::from_events(twice), Err(FoldError::TwoRuns { .. })));
}

#[test]
fn strangers_in_the_journal_are_reported_and_count_for_nothing() {
    let mut run = one();
    run.judged("t", "login/other", 1, 1, fail()).judged("u", ID, 1, 1, fail()).judged("u", ID, 1, 1, fail());
    insta::assert_snapshot!(run.record().warnings.join("\n"), @r"
    the journal speaks of `login/other` on `t`, where it is not selected
    the journal speaks of target `u`, which is not in the manifest
    ");
}

fn any_judgement() -> impl Strategy<Value = Judgement> + Clone {
    prop_oneof![
        Just(Judgement::pass("fine")),
        Just(fail()),
        Just(network()),
        Just(Judgement::unsupported("console", "absent")),
    ]
}

fn any_conclusion() -> impl Strategy<Value = Option<Verdict>> {
    let plain = any_judgement().prop_map(|j| j.verdict);
    prop_oneof![
        Just(None),
        plain.clone().prop_map(Some),
        plain.prop_map(|v| Some(waived(v))),
        Just(Some(Verdict::Missing)),
        Just(Some(Verdict::NotSelected { why: "asked".into() })),
    ]
}

proptest! {
    /// Whatever the journal says, a pass rests on passes, and a failure stays one, in the open or under a waiver.
    #[test]
    fn nothing_turns_a_failure_into_a_pass(
        attempts in prop::collection::vec((1u32..4, any_judgement()), 0..8),
        conclusion in any_conclusion(),
        rounds in 1u32..4,
    ) {
        let mut run = one().rounds(rounds);
        for (number, (round, judgement)) in (1..).zip(&attempts) {
            run.judged("t", ID, *round, number, judgement.clone());
        }
        if let Some(conclusion) = conclusion {
            run.concluded("t", ID, conclusion);
        }
        let record = run.sealed().record();
        let result = only(&record);
        let failed = attempts.iter().any(|(_, j)| matches!(j.verdict, Verdict::Fail { .. }));
        if failed {
            let shown = matches!(result.verdict.beneath(), Verdict::Fail { .. });
            prop_assert!(shown, "{:?}", result.verdict);
        }
        if result.verdict == Verdict::Pass {
            prop_assert!(attempts.iter().any(|(_, j)| j.verdict == Verdict::Pass));
            for round in 1..4 {
                let last = attempts.iter().filter(|(r, _)| *r == round).map(|(_, j)| &j.verdict).next_back();
                prop_assert!(last.is_none_or(|v| *v == Verdict::Pass));
            }
        }
        prop_assert_eq!(record.is_sealed(), result.verdict != Verdict::Missing);
        let text = serde_json::to_string(&record).unwrap();
        prop_assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}
