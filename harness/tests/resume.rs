//! Going on with a run: what is refused, what is taken over, and what files may look like after a crash.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;

use std::{fs, io::Write as _, path::Path};

use command::{Home, Sim, ended, events, eventually, id, record, signal, verdicts};

/// Interrupts a run in `it` once it has a node, with these further arguments.
fn interrupted(home: &Home, more: &[&str]) {
    let arguments: Vec<&str> = ["run", "--suite", "allocation"].iter().chain(more).copied().collect();
    let child = home.start(&arguments);
    let out = home.path().join("it");
    let runs = || if out.exists() { out.clone() } else { home.run("latest") };
    eventually("a node was made", || {
        events(&runs()).iter().any(|e| e["kind"]["event"] == "created" && e["kind"]["resource"]["kind"] == "node")
    });
    signal(&child, "INT");
    let said = ended(child);
    assert_eq!(said.code, 130, "{said}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_run_goes_on_under_its_own_guideline_and_no_other() {
    let sim = Sim::start();
    let home = Home::on(&sim);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites/guidelines/2026.11");
    let own = home.path().join("guideline");
    copy(&shipped, &own);
    interrupted(&home, &["--out", "it", "--guideline", "guideline"]);

    let edition = own.join("edition.yaml");
    let text = fs::read_to_string(&edition).unwrap();
    fs::write(&edition, format!("{text}\n# changed\n")).unwrap();
    let refused = home.say(&["resume", "it"]);
    assert_eq!(refused.code, 2, "{refused}");
    for word in ["cannot resume run", "under guideline", "start a new run", id(&record(&home.path().join("it")))] {
        assert!(refused.err.contains(word), "{word}: {refused}");
    }

    fs::write(&edition, text).unwrap();
    let resumed = home.say(&["resume", "it"]);
    assert_eq!(resumed.code, 0, "{resumed}");
}

#[test]
fn a_complete_run_is_not_resumed() {
    let sim = Sim::start();
    let home = Home::on(&sim);
    let done = home.say(&["run", "--filter", "id(metadata/images-listed)"]);
    assert_eq!(done.code, 0, "{done}");
    let before = fs::read(home.run("latest/events.jsonl")).unwrap();
    let resumed = home.say(&["resume"]);
    assert_eq!(resumed.code, 0, "{resumed}");
    assert!(resumed.err.contains("nothing to resume") && resumed.err.contains("is complete"), "{resumed}");
    assert_eq!(fs::read(home.run("latest/events.jsonl")).unwrap(), before);
}

#[test]
fn the_latest_run_is_resumed_and_stays_the_latest() {
    let sim = Sim::start();
    let home = Home::on(&sim);
    interrupted(&home, &[]);
    let link = fs::read_link(home.run("latest")).unwrap();
    let resumed = home.say(&["resume"]);
    assert_eq!(resumed.code, 0, "{resumed}");
    assert_eq!(fs::read_link(home.run("latest")).unwrap(), link);
    assert_eq!(record(&home.run("latest"))["status"], "sealed");
}

#[test]
fn a_target_that_is_gone_is_named() {
    let sim = Sim::start();
    let home = Home::on(&sim);
    interrupted(&home, &["--out", "it"]);
    sim.vanish();
    let resumed = home.say(&["resume", "it"]);
    assert_eq!(resumed.code, 2, "{resumed}");
    for word in ["cannot resume run", "it/config.yaml", "target `cloud`", "cannot use the sim at http://", "start it"] {
        assert!(resumed.err.contains(word), "{word}: {resumed}");
    }
    // Everything was removed before it vanished, and the run says so.
    let reaped = home.say(&["reap", "--run", "it"]);
    assert_eq!(reaped.code, 0, "{reaped}");
}

#[test]
fn torn_last_lines_are_mended() {
    let sim = Sim::start();
    let home = Home::on(&sim);
    for first in ["resume", "reap"] {
        let _ = fs::remove_dir_all(home.path().join("it"));
        interrupted(&home, &["--out", "it"]);
        let folder = home.path().join("it");
        for (file, torn) in [
            ("events.jsonl", "{\"at\":\"2026-11-21T13:42:05Z\",\"elapsed_ms\":17,\"kind\":{\"ev"),
            ("ledger.jsonl", "{\"entry\":99,\"at\":\"2026-11"),
            ("evidence/observations.jsonl", "{\"id\":\"0123"),
        ] {
            let mut file = fs::OpenOptions::new().append(true).open(folder.join(file)).unwrap();
            file.write_all(torn.as_bytes()).unwrap();
        }
        let report = home.say(&["report", "it"]);
        assert_eq!(report.code, 130, "{report}");
        if first == "reap" {
            let reaped = home.say(&["reap", "--run", "it"]);
            assert_eq!(reaped.code, 0, "{reaped}");
        }
        let resumed = home.say(&["resume", "it"]);
        assert_eq!(resumed.code, 0, "after {first}: {resumed}");
        let judged = home.say(&["judge", "it"]);
        assert_eq!(judged.code, 0, "{judged}");
        assert!(judged.out.contains(", 0 others"), "{judged}");
    }
}

#[test]
fn attempts_and_rounds_are_counted_on() {
    let sim = Sim::start();
    let home = Home::on(&sim);
    interrupted(&home, &["--out", "it", "--repeat", "2"]);
    let folder = home.path().join("it");
    let cut: Vec<String> = events(&folder)
        .iter()
        .filter(|e| e["kind"]["event"] == "judged" && e["kind"]["judgement"]["verdict"]["reason"] == "interrupted")
        .map(|e| format!("{} {}", e["kind"]["behavior"].as_str().unwrap(), e["kind"]["round"]))
        .collect();
    assert!(!cut.is_empty());
    let resumed = home.say(&["resume", "it"]);
    assert_eq!(resumed.code, 0, "{resumed}");
    let record = record(&folder);
    assert_eq!(record["status"], "sealed");
    for result in record["targets"][0]["results"].as_array().unwrap() {
        let Some(attempts) = result["attempts"].as_array() else { continue };
        for round in [1, 2] {
            let mine: Vec<_> = attempts.iter().filter(|a| a["round"] == round).collect();
            let name = format!("{} {round}", result["id"].as_str().unwrap());
            let numbers: Vec<u64> = mine.iter().map(|a| a["attempt"].as_u64().unwrap()).collect();
            let expected: Vec<u64> = if cut.contains(&name) { vec![1, 2] } else { vec![1] };
            assert_eq!(numbers, expected, "{name}");
        }
    }
    assert!(verdicts(&record).values().all(|v| !v.contains("flaky")), "an interruption makes nothing flaky");
}
