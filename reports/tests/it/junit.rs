use levelfield_reports::{
    Judgement, Record, Verdict,
    junit::{self, MOST_BYTES},
    record::TargetRecord,
};
use proptest::prelude::*;

use crate::{
    common::{Run, all_pass, cut_short, large, three_targets},
    readers::{self, Element, State, States, parse},
};

fn files(record: &Record, target: &TargetRecord, most: usize) -> Vec<Element> {
    let files = junit::render_within(record, target, most).unwrap();
    assert!(files.iter().all(|f| f.len() <= most), "{:?}", files.iter().map(Vec::len).collect::<Vec<_>>());
    files.iter().map(|f| parse(f)).collect()
}

/// What the record says, in `JUnit`'s words, without asking the writer.
fn expected(record: &Record, target: &TargetRecord) -> States {
    let mut states: States = target
        .results
        .iter()
        .map(|result| {
            let suite = result.id.split('/').next().unwrap();
            let state = match &result.verdict {
                Verdict::Pass => State::Passed,
                Verdict::Fail { .. } => State::Failed,
                Verdict::Inconclusive { .. } | Verdict::Missing => State::Error,
                Verdict::Unsupported { .. } if record.behaviors[&result.id].level == "core" => State::Error,
                Verdict::Unsupported { .. } | Verdict::Waived { .. } | Verdict::NotSelected { .. } => State::Skipped,
            };
            ((format!("{}.{suite}", target.name), result.id.clone()), state)
        })
        .collect();
    if !record.is_sealed() {
        states.insert((format!("{}.run", target.name), "run-complete".to_owned()), State::Error);
    }
    states
}

fn every_reader_agrees(record: &Record) {
    every_reader_agrees_within(record, MOST_BYTES);
}

fn every_reader_agrees_within(record: &Record, most: usize) {
    for target in &record.targets {
        let files = files(record, target, most);
        let expected = expected(record, target);
        // These two have one word for a failure and an error.
        let folded: States =
            expected.iter().map(|(k, s)| (k.clone(), if *s == State::Error { State::Failed } else { *s })).collect();
        assert_eq!(readers::jenkins(&files), folded, "Jenkins");
        assert_eq!(readers::dorny(&files), folded, "dorny/test-reporter");
        assert_eq!(readers::gitlab(&files), expected, "GitLab");
        assert_eq!(readers::mikepenz(&files), expected, "mikepenz/action-junit-report");
        assert_eq!(readers::enricomi(&files), expected, "EnricoMi/publish-unit-test-result-action");
    }
}

#[test]
fn a_file_looks_like_this() {
    let record = three_targets("20261121-080000-ab12").record();
    let files = junit::render(&record, &record.targets[1]).unwrap();
    insta::assert_snapshot!(String::from_utf8(files[0].clone()).unwrap());
}

#[test]
fn every_reader_reads_what_the_record_says() {
    every_reader_agrees(&three_targets("r1").record());
    every_reader_agrees(&all_pass("r1", "t").record());
    every_reader_agrees(&cut_short("r1", "t").record());
    every_reader_agrees(&large(2, 500));
}

#[test]
fn unsupported_core_is_an_error() {
    let mut run =
        Run::new("r1").behavior("a/core", Some(1), "core", &[]).behavior("a/more", None, "extended", &[]).target("t");
    run.result("t", "a/core", Judgement::unsupported("console", "absent"));
    run.result("t", "a/more", Judgement::unsupported("console", "absent"));
    every_reader_agrees(&run.sealed().record());
}

#[test]
fn a_run_that_is_not_sealed_never_reads_as_green() {
    let mut run = all_pass("r1", "t");
    run.push(levelfield_reports::EventKind::RunResumed { remaining: 0 });
    let record = run.record();
    let states = readers::gitlab(&files(&record, &record.targets[0], MOST_BYTES));
    assert!(states.values().any(|s| *s == State::Error));
    every_reader_agrees(&record);
}

#[test]
fn the_shape_is_one_level_with_numbers_that_add_up() {
    let record = three_targets("r1").record();
    for target in &record.targets {
        for root in files(&record, target, MOST_BYTES) {
            assert_eq!(root.name, "testsuites");
            for suite in &root.children {
                assert_eq!(suite.name, "testsuite");
                assert_eq!(suite.attribute("timestamp"), "2026-11-21T08:00:00");
                assert_eq!(suite.attribute("hostname"), "runner-7");
                let seconds: f64 = suite.all("testcase").map(|c| c.attribute("time").parse::<f64>().unwrap()).sum();
                assert!((seconds - suite.attribute("time").parse::<f64>().unwrap()).abs() < 0.01);
                for case in suite.all("testcase") {
                    assert_eq!(case.attribute("time").split_once('.').unwrap().1.len(), 3);
                }
                let properties = suite.child("properties").unwrap();
                let has = |name| properties.all("property").any(|p| p.attribute("name") == name);
                assert!(has("levelfield.profile") && has("levelfield.guideline-sha256"));
                assert!(has("levelfield.fingerprint.region") && has("levelfield.run"));
            }
        }
    }
}

#[test]
fn a_target_with_too_many_results_is_split_and_still_read_whole() {
    let record = large(1, 1_000);
    let most = 100_000;
    let files = files(&record, &record.targets[0], most);
    assert!((2..6).contains(&files.len()), "{}", files.len());
    every_reader_agrees_within(&record, most);
}

#[test]
fn huge_texts_are_shortened_with_a_marker() {
    let mut run = Run::new("r1");
    for i in 0..100 {
        run = run.behavior(&format!("a/b-{i:04}"), Some(1), "core", &[]);
    }
    let mut run = run.target("t");
    let noise = "\"<&>\u{1B}[31m]]>\n".repeat(2_000);
    for id in run.manifest[0].selected.clone() {
        run.result("t", &id, Judgement::fail("noise", noise.clone()).comparing(noise.clone(), ""));
    }
    let record = run.sealed().record();
    let text = junit::render_within(&record, &record.targets[0], 500_000).unwrap();
    assert_eq!(text.len(), 1);
    assert!(String::from_utf8_lossy(&text[0]).contains("[truncated: "));
    every_reader_agrees_within(&record, 500_000);
}

#[test]
fn files_are_written_by_target_and_names_are_safe() {
    let mut run = all_pass("r1", "../north/1");
    let record = run.sealed().record();
    let folder = tempfile::tempdir().unwrap();
    let paths = junit::write(&record, &folder.path().join("junit")).unwrap();
    assert_eq!(paths.len(), 1);
    assert_eq!(paths[0].parent().unwrap(), folder.path().join("junit"));
    parse(&std::fs::read(&paths[0]).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever strangers' machines say, the file stays well-formed and means the same.
    #[test]
    fn no_text_breaks_a_file(
        noise in prop::collection::vec("[\\PC\u{0}-\u{1F}\u{7F}-\u{9F}\u{FFFE}\u{202E}<>&'\"\\]]{0,40}|\\]\\]>|\u{1B}\\[31m", 6),
        rounds in 1u32..3,
    ) {
        let mut run = Run::new(&noise[0]).behavior("a/b", Some(1), "core", &[]).behavior("a/c", None, "core", &[]).target("t").rounds(rounds);
        run.header.vantage.clone_from(&noise[4]);
        run.header.selection.clone_from(&noise[5]);
        for round in 1..=rounds {
            let unclear = Judgement::inconclusive(levelfield_reports::InconclusiveReason::Prerequisite(noise[1].clone()), noise[2].clone());
            run.judged("t", "a/b", round, 1, unclear);
            run.judged("t", "a/b", round, 2, Judgement::pass(noise[3].clone()).deviating(noise[1].clone()));
            run.judged("t", "a/c", round, 1, Judgement::fail(noise[1].clone(), noise[2].clone()).comparing(noise[3].clone(), noise[4].clone()));
        }
        every_reader_agrees(&run.sealed().record());
    }
}
