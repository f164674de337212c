//! Being asked to stop: the first signal ends a run in good order, the second at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;

use std::{process::Child, time::Instant};

use command::{
    Home, Said, Sim, assert_nothing_reads_green, ended, events, eventually, has_event, id, open_entries, record,
    signal, verdicts,
};

/// Takes a few seconds, most of them with nodes.
const LONG: [&str; 5] = ["run", "--suite", "allocation", "--out", "it"];

/// A run that has made a node by now.
fn under_way(home: &Home) -> Child {
    let child = home.start(&LONG);
    let folder = home.path().join("it");
    eventually("a node was made", || {
        events(&folder).iter().any(|e| e["kind"]["event"] == "created" && e["kind"]["resource"]["kind"] == "node")
    });
    child
}

fn assert_stopped_well(sim: &Sim, home: &Home, said: &Said, by: &str) {
    assert_eq!(said.code, 130, "{said}");
    assert!(said.err.contains(&format!("{by}: stopping")), "{said}");
    assert!(said.out.contains("levelfield resume"), "what to do next is said: {said}");
    let folder = home.path().join("it");
    let record = record(&folder);
    assert_eq!(record["interrupted"], by);
    assert_nothing_reads_green(&folder);
    assert_eq!(record["targets"][0]["proof"]["proof"], "empty", "{said}");
    assert_eq!(sim.holds_of(id(&record)), Vec::<String>::new());
    assert_eq!(open_entries(&folder), Vec::<String>::new());
    assert_eq!(home.say(&["report", "it"]).code, 130);
}

fn assert_resumes(sim: &Sim, home: &Home) {
    let undisturbed = home.say(&["run", "--suite", "allocation", "--out", "undisturbed"]);
    assert_eq!(undisturbed.code, 0, "{undisturbed}");
    let resumed = home.say(&["resume", "it"]);
    assert_eq!(resumed.code, 0, "{resumed}");
    let after = record(&home.path().join("it"));
    assert_eq!(after["status"], "sealed");
    assert_eq!(verdicts(&after), verdicts(&record(&home.path().join("undisturbed"))));
    assert_eq!(sim.inventory().len(), 0);
}

#[test]
fn the_first_sigint_stops_cleans_up_and_can_be_resumed() {
    let sim = Sim::start();
    let home = Home::on(&sim);
    let child = under_way(&home);
    signal(&child, "INT");
    assert_stopped_well(&sim, &home, &ended(child), "SIGINT");
    assert_resumes(&sim, &home);
}

#[test]
fn sigterm_is_the_same() {
    let sim = Sim::start();
    let home = Home::on(&sim);
    let child = under_way(&home);
    signal(&child, "TERM");
    assert_stopped_well(&sim, &home, &ended(child), "SIGTERM");
    assert_resumes(&sim, &home);
}

#[test]
fn the_second_signal_leaves_at_once_and_says_what_that_costs() {
    for (first, second) in [("INT", "INT"), ("TERM", "INT"), ("INT", "TERM")] {
        let sim = Sim::start();
        let home = Home::on(&sim);
        let child = under_way(&home);
        let folder = home.path().join("it");
        // A cloud that does not answer any more: cleaning up cannot come to an end.
        sim.signal("STOP");
        signal(&child, first);
        eventually("the first signal was taken", || has_event(&folder, "interrupted"));
        signal(&child, second);
        let asked = Instant::now();
        let said = ended(child);
        assert!(asked.elapsed().as_secs() < 5, "it left after {:?}", asked.elapsed());
        assert_eq!(said.code, 130, "{said}");
        assert!(said.err.contains("levelfield reap --run it"), "{said}");
        sim.signal("CONT");

        let report = home.say(&["report", "it"]);
        assert_eq!(report.code, 130, "{report}");
        assert_nothing_reads_green(&folder);
        let reaped = home.say(&["reap", "--run", "it"]);
        assert_eq!(reaped.code, 0, "{reaped}");
        assert_eq!(sim.inventory().len(), 0, "{reaped}");
        assert_eq!(open_entries(&folder), Vec::<String>::new());
    }
}
