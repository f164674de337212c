//! The whole of a run, and what a killed one leaves, on a real OpenStack: the one that the environment names.
//!
//! `LEVELFIELD_TEST_OPENSTACK` is its name in `clouds.yaml`; `LEVELFIELD_TEST_OPENSTACK_USE`, a YAML mapping, is what goes under `use`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;

use std::{env, fs};

use command::{Home, ended, events, open_entries, record, verdicts};

/// A folder whose configuration names the cloud; none, and one line that says so, where the environment names none.
#[expect(clippy::print_stderr, reason = "a skipped test has no other way to say so")]
fn home() -> Option<Home> {
    let Ok(cloud) = env::var("LEVELFIELD_TEST_OPENSTACK") else {
        eprintln!("skipped: LEVELFIELD_TEST_OPENSTACK names no cloud of clouds.yaml");
        return None;
    };
    let choices = env::var("LEVELFIELD_TEST_OPENSTACK_USE").unwrap_or_else(|_| "{}".to_owned());
    let home = Home::new();
    home.configure(&format!(
        "  - name: cloud\n    provider: {{ openstack: {{ cloud: {cloud} }} }}\n    use: {choices}\n    \
         budget: {{ nodes: 4, addresses: 2, parallel: 4 }}\n"
    ));
    Some(home)
}

#[test]
fn a_run_is_sealed_and_leaves_nothing() {
    let Some(home) = home() else { return };
    let said = home.say(&["run", "--out", "it"]);
    // What the cloud deviates in is its own affair.
    assert!(matches!(said.code, 0 | 1), "{said}");
    let record = record(&home.path().join("it"));
    assert_eq!(record["status"], "sealed", "{said}");
    assert_eq!(record["targets"][0]["proof"]["proof"], "empty", "{said}");
    let found = verdicts(&record);
    for id in
        ["allocation/key-import", "allocation/node-requested", "addressing/public-reachable", "login/key-accepted"]
    {
        assert!(found[id].contains("pass"), "{id}: {} in {said}", found[id]);
    }
    assert_eq!(open_entries(&home.path().join("it")), Vec::<String>::new());
}

#[test]
fn what_a_killed_run_made_is_found_and_removed() {
    let Some(home) = home() else { return };
    let mut child = home.start(&["run", "--suite", "login", "--out", "it"]);
    let folder = home.path().join("it");
    // It is in the ledger seconds after the start, long before it has booted.
    command::eventually("a node was made", || {
        events(&folder).iter().any(|e| e["kind"]["event"] == "created" && e["kind"]["resource"]["kind"] == "node")
    });
    child.kill().unwrap();
    ended(child);
    assert!(fs::exists(folder.join("ledger.jsonl")).unwrap());
    assert!(!open_entries(&folder).is_empty());
    let said = home.say(&["reap", "--run", "it"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(open_entries(&folder), Vec::<String>::new());
}
