use levelfield_reports::{
    EventKind, Record, Verdict,
    event::Proof,
    merge::{MergeError, merge},
};

use crate::common::{Run, three_targets};

fn part(i: u32, n: u32, selected: &[&str]) -> Run {
    let mut run = Run::new(&format!("r{i}"));
    for behavior in ["a/one", "a/two", "a/three"] {
        run = run.behavior(behavior, Some(1), "core", &[]);
    }
    let mut run = run.target("t");
    run.header.partition = Some(format!("hash:{i}/{n}"));
    run.manifest[0].selected.retain(|id| selected.contains(&id.as_str()));
    run.rest_passes();
    run.push(EventKind::InventoryProven { target: "t".into(), proof: Proof::Empty { created: i } });
    run
}

fn records() -> Vec<Record> {
    vec![part(2, 2, &["a/two"]).sealed().record(), part(1, 2, &["a/one", "a/three"]).sealed().record()]
}

fn message(parts: Vec<Record>) -> String {
    merge(parts).unwrap_err().to_string()
}

#[test]
fn complete_parts_make_a_whole() {
    let whole = merge(records()).unwrap();
    assert!(whole.is_sealed() && whole.evidence_digest.is_some() && whole.run.partition.is_none());
    assert_eq!(whole.run.id, "r1+r2");
    let target = &whole.targets[0];
    assert_eq!(target.results.len(), 3);
    assert!(target.results.iter().all(|r| r.verdict == Verdict::Pass));
    assert_eq!(target.proof, Some(Proof::Empty { created: 3 }));
}

#[test]
fn one_part_that_is_not_sealed_leaves_the_whole_open() {
    let mut parts = records();
    parts[0] = part(2, 2, &["a/two"]).record();
    let whole = merge(parts).unwrap();
    assert!(!whole.is_sealed() && whole.evidence_digest.is_none());
}

#[test]
fn what_one_part_leaves_out_another_brings() {
    let left_out = |i, selected: &[&str], other: &str| {
        let mut run = part(i, 2, selected);
        run.manifest[0].left_out.insert(other.into(), "in another part".into());
        run.sealed().record()
    };
    let whole = merge([left_out(1, &["a/one"], "a/two"), left_out(2, &["a/two"], "a/one")]).unwrap();
    assert!(whole.targets[0].results.iter().all(|r| r.verdict == Verdict::Pass));
}

#[test]
fn what_does_not_belong_together_is_refused() {
    assert_eq!(merge([]), Err(MergeError::Nothing));
    insta::assert_snapshot!(message(vec![three_targets("r9").record()]), @"merging run r9: it is not a part of a partitioned run; only those of `--partition` can be merged");
    insta::assert_snapshot!(message(vec![part(1, 4, &[]).record(), part(1, 4, &[]).record()]), @"merging 4 parts: missing 2, 3, 4, given twice 1; merge each part once");
    insta::assert_snapshot!(message(vec![part(1, 2, &["a/one"]).record(), part(2, 2, &["a/one"]).record()]), @"merging run r2: `a/one` on `t` is in another part too; the parts were cut by different rules");
    let mut other = part(2, 2, &["a/two"]);
    other.header.guideline_sha256 = "00".into();
    other.header.guideline = "2027.05".into();
    insta::assert_snapshot!(message(vec![part(1, 2, &["a/one"]).record(), other.record()]), @"merging run r2: its guideline is `2027.05`, that of the first part `2026.11`; run it again with the same");
    let mut odd = part(1, 2, &[]);
    odd.header.partition = Some("hash:3/2".into());
    insta::assert_snapshot!(message(vec![odd.record()]), @"merging run r1: its part `hash:3/2` is not like `hash:1/4`");
}
