use std::fs;

use levelfield_reports::{Event, EventKind, Record, event::Proof, read_journal};

use crate::common::three_targets;

fn lines(events: &[Event]) -> String {
    events.iter().map(|e| serde_json::to_string(e).unwrap() + "\n").collect::<String>()
}

fn read(text: &str) -> Result<levelfield_reports::journal::Journal, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    fs::write(&path, text).unwrap();
    read_journal(&path).map_err(|e| e.to_string().replace(&folder.path().display().to_string(), "RUN"))
}

#[test]
fn a_journal_gives_the_record_that_its_events_give() {
    let run = three_targets("r1");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    fs::write(&path, lines(&run.events())).unwrap();
    assert_eq!(Record::from_journal(&path).unwrap(), run.record());
}

#[test]
fn a_long_journal_gives_its_events_in_order_and_names_a_bad_line_by_its_number() {
    let mut run = three_targets("r1");
    // Several of the blocks in which a journal is read.
    for n in 0..20_000 {
        run.push(EventKind::Warned { target: None, message: format!("warning {n} {}", "x".repeat(100)) });
    }
    let events = run.events();
    let text = lines(&events);
    assert!(text.len() > 3 << 20);
    assert!(read(&text).unwrap().events == events);
    let mut bad: Vec<&str> = text.lines().collect();
    bad.insert(15_000, "{}");
    let error = read(&(bad.join("\n") + "\n")).unwrap_err();
    assert!(error.starts_with("reading the journal RUN/events.jsonl, line 15001: "), "{error}");
}

#[test]
fn a_line_that_cannot_be_read_is_told_before_what_the_others_lack() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let headless = lines(&three_targets("r1").events()[1..3]);
    for (text, says) in
        [(headless.clone(), "do not begin"), (format!("{headless}{{}}\n"), "line 3"), (String::new(), "do not begin")]
    {
        fs::write(&path, &text).unwrap();
        let error = Record::from_journal(&path).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn a_torn_last_line_is_passed_over_wherever_it_is_torn() {
    let events = three_targets("r1").events();
    let text = lines(&events[..3]);
    let last = text.trim_end().rfind('\n').unwrap() + 1;
    for cut in (last + 1)..text.len() - 1 {
        let journal = read(&text[..cut]).unwrap();
        assert_eq!(journal.events, events[..2], "cut at {cut}");
        assert_eq!(journal.warnings.len(), 1);
    }
    assert!(read(&text[..text.len() - 1]).unwrap().warnings.is_empty(), "a whole line without its end is whole");
}

#[test]
fn a_torn_line_before_a_resume_is_passed_over_and_any_other_is_an_error() {
    let mut run = three_targets("r1");
    run.push(EventKind::RunResumed { remaining: 1 });
    let events = run.events();
    let (begin, resumed) = (lines(&events[..1]), lines(&events[events.len() - 1..]));
    let torn = "{\"at\":\"2026-11-21T08:0\n";
    assert_eq!(read(&format!("{begin}{torn}{resumed}")).unwrap().events.len(), 2);
    insta::assert_snapshot!(read(&format!("{begin}{torn}{begin}")).unwrap_err());
    insta::assert_snapshot!(read(&format!("{begin}{torn}")).unwrap_err());
}

#[test]
fn kinds_of_a_later_version_are_passed_over() {
    let event = lines(&three_targets("r1").events()[..1]);
    let unknown = r#"{"at":"2026-11-21T08:00:00Z","elapsed_ms":1,"kind":{"event":"moon-phase","phase":3}}"#;
    let journal = read(&format!("{event}{unknown}\n{unknown}\n")).unwrap();
    assert_eq!(journal.events.len(), 1);
    insta::assert_snapshot!(journal.warnings.join("\n"), @"events of unknown kinds were passed over: moon-phase; a later version wrote them");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = read_journal(std::path::Path::new("nowhere/events.jsonl")).unwrap_err();
    insta::assert_snapshot!(error, @"reading the journal nowhere/events.jsonl: No such file or directory (os error 2); name the run's folder, which holds `events.jsonl`");
}

#[test]
fn every_kind_is_written_under_its_id() {
    let mut run = three_targets("r1");
    run.push(EventKind::Interrupted { by: "SIGINT".into() });
    run.push(EventKind::InventoryProven { target: "aws-like".into(), proof: Proof::NothingCreated });
    for event in run.events() {
        let value = serde_json::to_value(&event).unwrap();
        assert_eq!(value["kind"]["event"], event.kind.id());
        assert!(EventKind::IDS.contains(&event.kind.id()));
    }
}
