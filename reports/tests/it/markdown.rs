use levelfield_reports::{EventKind, Judgement, Record, markdown};

use crate::common::{Run, all_pass, cut_short, three_targets};

fn render(record: &Record) -> String {
    let mut out = Vec::new();
    markdown::render(record, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_report_looks_like_this() {
    insta::assert_snapshot!(render(&three_targets("20261121-080000-ab12").record()));
}

#[test]
fn a_run_cut_short_is_never_green() {
    let mut interrupted = cut_short("r1", "t");
    interrupted.push(EventKind::Interrupted { by: "SIGINT".into() });
    insta::assert_snapshot!(render(&interrupted.record()));
    assert!(!render(&cut_short("r1", "t").record()).contains('🟢'));
    assert!(render(&all_pass("r1", "t").record()).starts_with("# 🟢 Levelfield: conformant\n"));
}

#[test]
fn text_from_targets_is_not_obeyed() {
    let mut run = Run::new("r1").behavior("a/b", Some(1), "core", &[]).target("t|<b>");
    let evil = "| a | `x` <script>alert(1)</script>\n# Head ![x](http://x) @all \u{1B}[31m";
    run.result("t|<b>", "a/b", Judgement::fail(evil, evil).comparing("```\n<i>", "x").deviating("plain"));
    let text = render(&run.sealed().record());
    assert!(!text.contains('\u{1B}') && !text.contains("\n# Head"));
    let (prose, rest) = text.split_once("````diff").unwrap();
    assert!(!prose.contains("<script>") && !prose.contains("<b>") && !prose.contains("![x]"), "{prose}");
    // The fence is longer than the one in the text, so the text cannot close it.
    assert!(rest.split_once("\n````\n").unwrap().0.contains("```"));
}

#[test]
fn the_command_to_reproduce_is_quoted() {
    let mut run = Run::new("r1").target("it's").target("plain").rounds(3);
    run.header.selection = "suite(login) and not id(x)".into();
    insta::assert_snapshot!(markdown::reproduce(&run.record()), @r"levelfield run --target 'it'\''s' --target plain --profile core --filter 'suite(login) and not id(x)' --repeat 3");
}
