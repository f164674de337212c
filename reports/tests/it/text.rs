use levelfield_reports::{
    EventKind, Judgement,
    text::{self, Style},
};

use crate::common::{Run, cut_short, three_targets};

#[test]
fn the_table_looks_like_this() {
    insta::assert_snapshot!(text::step_table(&three_targets("r1").record(), Style::Plain));
}

#[test]
fn the_whole_looks_like_this() {
    insta::assert_snapshot!(text::render(&three_targets("20261121-080000-ab12").record(), Style::Plain));
}

#[test]
fn a_run_cut_short_says_so() {
    let mut run = cut_short("r1", "t");
    run.push(EventKind::Interrupted { by: "SIGTERM".into() });
    insta::assert_snapshot!(text::render(&run.record(), Style::Plain));
}

#[test]
fn colour_is_only_colour() {
    let record = three_targets("r1").record();
    let colored = text::render(&record, Style::Colored);
    assert!(colored.contains('\u{1B}'));
    let plain = text::render(&record, Style::Plain);
    assert!(!plain.contains('\u{1B}') && plain.lines().all(|line| line == line.trim_end()));
    assert_eq!(levelfield_reports::sanitize::text(&colored), plain);
}

#[test]
fn a_target_cannot_write_to_the_terminal() {
    let mut run = Run::new("r1").behavior("a/b", Some(1), "core", &[]).target("t");
    run.result("t", "a/b", Judgement::fail("x\u{1B}[2J", "\u{1B}]0;owned\u{7}\nconformant").deviating("\u{9B}31m"));
    let text = text::render(&run.sealed().record(), Style::Plain);
    assert!(!text.contains(['\u{1B}', '\u{9B}', '\u{7}']) && !text.contains("\nconformant"), "{text}");
}
