use std::fs;

use levelfield_reports::{Baseline, Judgement};

use crate::common::{Run, three_targets};

fn run() -> Run {
    Run::new("r1").behavior("a/one", Some(1), "core", &[]).behavior("a/two", Some(1), "core", &[]).target("t")
}

fn changes(baseline: &Baseline, run: &mut Run) -> String {
    let changes = baseline.gate(&run.rest_passes().sealed().record());
    changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn it_is_written_and_reads_back() {
    let baseline = Baseline::of(&three_targets("r1").record());
    insta::assert_snapshot!(baseline.to_yaml());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("baseline.yaml");
    baseline.write(&path).unwrap();
    assert_eq!(Baseline::read(&path).unwrap(), baseline);
    assert!(baseline.gate(&three_targets("r2").record()).is_empty());
}

#[test]
fn any_difference_is_red_better_or_worse() {
    let mut known = run();
    known.result("t", "a/one", Judgement::fail("refused", "refused")).rest_passes();
    let baseline = Baseline::of(&known.record());
    insta::assert_snapshot!(changes(&baseline, &mut run()), @"t: a/one: passes, where the baseline says fail (refused)");
    let mut other_reason = run();
    other_reason.result("t", "a/one", Judgement::fail("timed-out", "timed out"));
    insta::assert_snapshot!(changes(&baseline, &mut other_reason), @"t: a/one: fail (timed-out), where the baseline says fail (refused)");
    let mut other_set =
        Run::new("r2").behavior("a/two", Some(1), "core", &[]).behavior("a/three", None, "core", &[]).target("t");
    other_set.header.guideline = "2027.05".into();
    insta::assert_snapshot!(changes(&baseline, &mut other_set), @r"
    guideline: the baseline is of 2026.11, the run of 2027.05
    t: a/one: not in the run, where the baseline says fail (refused)
    t: a/three: pass, and not in the baseline
    ");
}

#[test]
fn mistakes_in_the_file_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("baseline.yaml");
    let read = |text: &str| {
        fs::write(&path, text).unwrap();
        Baseline::read(&path).unwrap_err().to_string().replace(&folder.path().display().to_string(), "DIR")
    };
    let head = "guideline: '2026.11'\nprofile: core\n";
    insta::assert_snapshot!("unknown_format", read(&format!("format: 9\n{head}targets: {{}}\n")));
    insta::assert_snapshot!(
        "unknown_state",
        read(&format!("format: 1\n{head}targets:\n  t:\n    a/one: {{state: passed}}\n"))
    );
    insta::assert_snapshot!("unknown_key", read(&format!("format: 1\n{head}targets: {{}}\nverdicts: {{}}\n")));
}
