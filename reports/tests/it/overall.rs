use levelfield_reports::{
    Baseline, EventKind, InconclusiveReason, Judgement, Outcome, Overall, Verdict,
    event::{CapabilityRow, Proof},
};

use crate::common::{Run, all_pass, cut_short, three_targets};

const ID: &str = "login/key-accepted";

fn judged(judgement: Judgement) -> Run {
    let mut run =
        Run::new("r1").behavior(ID, Some(6), "core", &[]).behavior("a/other", None, "extended", &[]).target("t");
    run.result("t", ID, judgement).rest_passes();
    run
}

fn code(run: &Run) -> (u8, &'static str) {
    let overall = Overall::of(&run.record(), None);
    (overall.outcome.exit_code(), overall.headline())
}

fn quota() -> Judgement {
    Judgement::inconclusive(InconclusiveReason::Quota, "no room")
}

fn leave(run: &mut Run) {
    run.push(EventKind::InventoryProven {
        target: "t".into(),
        proof: Proof::Unknown { resources: Vec::new(), why: "the API is gone".into() },
    });
}

#[test]
fn every_outcome_has_its_code() {
    let pass = || judged(Judgement::pass("fine"));
    let fail = || judged(Judgement::fail("refused", "refused"));
    assert_eq!(code(pass().sealed()), (0, "conformant"));
    assert_eq!(code(&pass()), (3, "incomplete"));
    assert_eq!(code(fail().sealed()), (1, "not conformant"));
    assert_eq!(code(&fail()), (1, "not conformant, and incomplete"));
    assert_eq!(code(judged(quota()).sealed()), (3, "inconclusive"));
    assert_eq!(code(&cut_short("r1", "t")), (3, "incomplete"));
    assert_eq!(Outcome::Usage.exit_code(), 2);
}

#[test]
fn leftovers_show_in_the_code_unless_something_worse_does() {
    let with_leftovers = |judgement| {
        let mut run = judged(judgement);
        leave(&mut run);
        code(run.sealed()).0
    };
    assert_eq!(with_leftovers(Judgement::pass("fine")), 4);
    assert_eq!(with_leftovers(quota()), 4);
    assert_eq!(with_leftovers(Judgement::fail("refused", "refused")), 1);
}

#[test]
fn an_interruption_is_the_outcome_until_a_resume() {
    let mut run = judged(Judgement::fail("refused", "refused"));
    run.push(EventKind::Interrupted { by: "SIGINT".into() });
    assert_eq!(code(&run).0, 130);
    run.push(EventKind::RunResumed { remaining: 0 });
    assert_eq!(code(run.sealed()).0, 1);
}

#[test]
fn a_waived_failure_is_never_plainly_conformant() {
    let mut run = Run::new("r1").behavior(ID, Some(6), "core", &[]).behavior("a/b", None, "core", &[]).target("t");
    run.judged("t", ID, 1, 1, Judgement::fail("refused", "refused"));
    let beneath = Box::new(Verdict::fail("refused"));
    run.concluded("t", ID, Verdict::Waived { waiver: "ops, OPS-1".into(), beneath }).rest_passes();
    assert_eq!(code(run.sealed()), (0, "conformant with waivers"));
}

#[test]
fn unsupported_is_legal_outside_the_core_and_only_uncontradicted() {
    let unsupported = |id: &str, declared: bool| {
        let mut run = judged(Judgement::pass("fine"));
        let row = CapabilityRow { capability: "console".into(), declared, probed: None, proven_by: Vec::new() };
        let fingerprint = levelfield_provider::Fingerprint::default();
        run.push(EventKind::TargetStarted { target: "t".into(), fingerprint, capabilities: vec![row] });
        run.concluded("t", id, Verdict::Unsupported { capability: "console".into() });
        code(run.sealed()).0
    };
    assert_eq!(unsupported("a/other", false), 0);
    assert_eq!(unsupported("a/other", true), 3);
    assert_eq!(unsupported(ID, false), 3);
}

#[test]
fn nothing_passed_is_not_conformant() {
    let mut run = Run::new("r1").target("t");
    assert_eq!(code(run.sealed()), (3, "incomplete"));
    assert_eq!(code(Run::new("r1").sealed()), (3, "incomplete"));
}

#[test]
fn a_part_of_a_profile_is_not_called_conformant() {
    let mut run = all_pass("r1", "t");
    run.header.selection = "suite(login)".into();
    assert_eq!(code(&run), (0, "the selected part passes"));
    let mut part = Run::new("r1").behavior(ID, Some(6), "core", &[]).target("t").target("u");
    part.header.partition = Some("hash:1/4".into());
    part.manifest[1].selected.clear();
    part.rest_passes();
    assert_eq!(code(part.sealed()), (0, "the selected part passes"));
}

#[test]
fn with_a_baseline_the_code_tells_sameness() {
    let run = three_targets("r1");
    let record = run.record();
    let baseline = Baseline::of(&record);
    // The run fails and leaves something behind: the first is known, the second is never hidden.
    assert_eq!(Overall::of(&record, Some(&baseline)).outcome, Outcome::LeftBehind);
    assert_eq!(Overall::of(&record, Some(&baseline)).headline(), "not conformant");
    let failing = judged(Judgement::fail("refused", "refused")).sealed().record();
    let baseline = Baseline::of(&failing);
    assert_eq!(Overall::of(&failing, Some(&baseline)).outcome.exit_code(), 0);
    let mended = judged(Judgement::pass("fine")).sealed().record();
    assert_eq!(Overall::of(&mended, Some(&baseline)).outcome.exit_code(), 1);
    let unsealed = judged(Judgement::fail("refused", "refused")).record();
    assert_eq!(Overall::of(&unsealed, Some(&baseline)).outcome.exit_code(), 3);
}
