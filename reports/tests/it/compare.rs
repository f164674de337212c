use levelfield_reports::{Judgement, Verdict, compare::compare, event::Stage, text::Style};

use crate::common::{Run, all_pass, three_targets};

fn earlier_and_later() -> Vec<levelfield_reports::Record> {
    let run = |id: &str| {
        let mut run = Run::new(id);
        for behavior in ["a/breaks", "a/mended", "a/moved", "a/same"] {
            run = run.behavior(behavior, Some(6), "core", &[]);
        }
        run.target("t")
    };
    let fail = || Judgement::fail("refused", "refused");
    let mut earlier = run("r1");
    earlier.result("t", "a/mended", fail());
    earlier.observed("t", "a/moved", 1, 1, Stage::Catalog, "aa").judged("t", "a/moved", 1, 1, Judgement::pass("fine"));
    earlier.concluded("t", "a/moved", Verdict::Pass).rest_passes().sealed();
    let mut later = run("r2").behavior("b/new", None, "extended", &[]);
    later.manifest[0].selected.push("b/new".into());
    later.result("t", "a/breaks", fail());
    later.observed("t", "a/moved", 1, 1, Stage::Catalog, "bb").judged("t", "a/moved", 1, 1, Judgement::pass("fine"));
    later.concluded("t", "a/moved", Verdict::Pass).rest_passes().sealed();
    vec![earlier.record(), later.record()]
}

#[test]
fn targets_are_put_side_by_side() {
    let comparison = compare(&[three_targets("r1").record()]);
    assert!(comparison.changes.is_empty());
    insta::assert_snapshot!("side_by_side_text", comparison.to_text(Style::Plain));
    insta::assert_snapshot!("side_by_side_markdown", comparison.to_markdown());
}

#[test]
fn what_changed_from_run_to_run_is_told() {
    let comparison = compare(&earlier_and_later());
    insta::assert_json_snapshot!(comparison.changes);
    insta::assert_snapshot!("changes_text", comparison.to_text(Style::Plain));
    insta::assert_snapshot!("changes_html", comparison.to_html());
    let json: serde_json::Value = serde_json::from_str(&comparison.to_json().unwrap()).unwrap();
    assert_eq!(json["changes"][0]["new_failures"][0]["behavior"], "a/breaks");
}

#[test]
fn nothing_and_quiet_runs_compare_too() {
    assert!(compare(&[]).to_markdown().starts_with("# Comparison"));
    let comparison = compare(&[all_pass("r1", "t").record(), all_pass("r2", "t").record()]);
    assert!(comparison.changes[0].is_quiet());
}

#[test]
fn names_are_text_in_every_form() {
    let record = all_pass("r<1>", "t<script>|\u{1B}[31m").record();
    let comparison = compare(&[record]);
    assert!(!comparison.to_html().contains("<script>"));
    assert!(!comparison.to_markdown().contains("<script>"));
    assert!(!comparison.to_text(Style::Plain).contains('\u{1B}'));
}
