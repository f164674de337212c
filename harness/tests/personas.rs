//! The embedded targets, run as a newcomer runs them: the marks of the eight steps are what these clouds are known for, and the
//! exit code stands for what the baseline says.

mod common;

use std::collections::BTreeMap;

use common::{Asked, run_embedded, standard, table::Table};
use levelfield_reports::{
    baseline::Baseline,
    event::Proof,
    overall::{Conformance, Outcome, Overall, conformance},
    record::{StepMark, TargetRecord},
};
use levelfield_yaml::YamlSource;

/// The embedded baseline's text.
const BASELINE: &str = include_str!("../targets/embedded.baseline.yaml");

const ALL_YES: [StepMark; 8] = [StepMark::Yes; 8];
/// A floating address on request, images with opaque names and no default network, an account that is not the stated one, and
/// root barred on some images.
const COMMON: [StepMark; 8] = [
    StepMark::Yes,
    StepMark::Yes,
    StepMark::No,
    StepMark::Yes,
    StepMark::No,
    StepMark::Partial,
    StepMark::Partial,
    StepMark::Yes,
];

/// Marks that are not as they should be, each with what keeps it so.
fn wrong_marks(table: &mut Table, target: &TargetRecord, expected: [StepMark; 8]) {
    for (row, mark) in target.steps.iter().zip(expected) {
        if row.mark != mark {
            let verdicts: Vec<String> = row
                .because
                .iter()
                .filter_map(|id| target.results.iter().find(|r| r.id == *id))
                .map(|r| format!("{}: {}: {}", r.id, r.verdict, r.summary))
                .collect();
            let (should, is) = (mark.word().to_owned(), row.mark.word().to_owned());
            table.row([target.name.clone(), row.step.to_string(), should, is, verdicts.join("; ")]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_clouds_are_what_they_are_known_for() {
    let finished = run_embedded(&standard(), &Asked::profile("core")).await;
    let record = &finished.record;
    let targets: BTreeMap<&str, &TargetRecord> = record.targets.iter().map(|t| (t.name.as_str(), t)).collect();
    let (aws, common, good) = (targets["aws-like"], targets["openstack-common"], targets["openstack-good"]);

    let mut table = Table::new(["target", "step", "should be", "is", "because"]);
    for (target, marks) in [(aws, &ALL_YES), (common, &COMMON), (good, &ALL_YES)] {
        assert_eq!(target.steps.iter().map(|row| row.step).collect::<Vec<_>>(), (1..=8).collect::<Vec<u8>>());
        wrong_marks(&mut table, target, *marks);
    }
    assert!(table.is_empty(), "marks are not what the clouds are known for:\n{table}");

    // What works in another way than AWS's is reported, although it counts as a pass; what is refused is no accepted way.
    let patterns = |target: &TargetRecord| target.steps[4].patterns.clone();
    assert_eq!((patterns(aws), patterns(common)), (vec![], vec![]));
    assert_eq!(patterns(good), ["added-by-target"]);

    for target in &record.targets {
        assert!(matches!(target.proof, Some(Proof::Empty { .. })), "{}: {:?}", target.name, target.proof);
    }
    assert!(record.is_sealed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_stands_for_the_baseline_and_never_changes_a_verdict() {
    let finished = run_embedded(&standard(), &Asked::profile("core")).await;
    let (record, baseline) = (&finished.record, Baseline::parse(&YamlSource::new("baseline", BASELINE)).unwrap());

    let gated = Overall::of(record, Some(&baseline));
    let changes: Vec<String> = gated.changes.iter().flatten().map(ToString::to_string).collect();
    assert!(changes.is_empty(), "verdicts differ from the baseline:\n  {}", changes.join("\n  "));
    assert_eq!((gated.outcome, gated.outcome.exit_code()), (Outcome::Good, 0));
    // The known failures are failures all the same.
    assert_eq!(gated.conformance, Conformance::Failed);

    let plain = Overall::of(record, None);
    assert_eq!((plain.outcome, plain.outcome.exit_code()), (Outcome::Failed, 1));
    let alone = |name: &str| {
        let target = record.targets.iter().find(|t| t.name == name).unwrap();
        conformance(record, target)
    };
    assert_eq!(alone("aws-like"), Conformance::Conformant);
    assert_eq!(alone("openstack-good"), Conformance::Conformant);
    assert_eq!(alone("openstack-common"), Conformance::Failed);

    // A baseline that expects a failure is not met by a pass: the improvement has to be written down.
    let mut expecting = Baseline::of(record);
    let known = expecting.targets.get_mut("aws-like").and_then(|t| t.get_mut("metadata/pick-image")).unwrap();
    known.state = levelfield_reports::baseline::State::Fail;
    let surprised = Overall::of(record, Some(&expecting));
    assert_eq!(surprised.changes.as_ref().map(Vec::len), Some(1));
    assert_eq!(surprised.outcome.exit_code(), 1);
}
