//! Whole runs, what a killed one leaves, and a cloud that fails in the middle, on a real OpenStack: the one that the environment names.
//!
//! - `LEVELFIELD_TEST_OPENSTACK`: its name in `clouds.yaml`;
//! - `LEVELFIELD_TEST_OPENSTACK_USE`: a YAML mapping, what goes under `use`; or a list of them, each of which is run with;
//! - `LEVELFIELD_TEST_OPENSTACK_BASELINES`: a folder with the baseline that each run of the whole core must meet, `<network>.yaml`;
//! - `LEVELFIELD_TEST_OPENSTACK_COMPUTE`: host and port of its compute service, if that speaks plain HTTP, to stand in the way of;
//! - `LEVELFIELD_TEST_OPENSTACK_TRAPS`: a YAML mapping with the names of two more clouds, in which the standard's choice leads nowhere:
//!   `never-built`, whose servers no host has room for, and `never-boots`, whose servers do not come up in time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;
mod gateway;

use std::{
    env, fs,
    net::ToSocketAddrs as _,
    path::Path,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use command::{Home, Said, events, open_entries, record, verdicts};
use gateway::Gateway;
use serde_json::Value;

const COMPUTE: &str = "LEVELFIELD_TEST_OPENSTACK_COMPUTE";

/// The longest that a run may take to come to its end, with every call failing.
const LONGEST: Duration = Duration::from_mins(20);

/// What the environment says under `name`; none, and one line that says so, where it says nothing.
#[expect(clippy::print_stderr, reason = "a skipped test has no other way to say so")]
fn named(name: &str) -> Option<String> {
    let named = env::var(name).ok();
    if named.is_none() {
        eprintln!("skipped: {name} is not set");
    }
    named
}

fn cloud() -> Option<String> {
    named("LEVELFIELD_TEST_OPENSTACK")
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What goes under `use`, for each run of the whole core.
fn uses() -> Vec<Value> {
    match yaml(&env::var("LEVELFIELD_TEST_OPENSTACK_USE").unwrap_or_else(|_| "{}".to_owned())) {
        Value::Array(several) => several,
        one => vec![one],
    }
}

/// A cloud in which the standard's choice leads nowhere.
fn trap(kind: &str) -> Option<String> {
    named("LEVELFIELD_TEST_OPENSTACK_TRAPS").map(|text| yaml(&text)[kind].as_str().unwrap().to_owned())
}

/// A folder whose configuration names the cloud.
fn home(cloud: &str, choices: &Value) -> Home {
    let home = Home::new();
    home.configure(&format!(
        "  - name: cloud\n    provider: {{ openstack: {{ cloud: {cloud} }} }}\n    use: {choices}\n    \
         budget: {{ nodes: 3, addresses: 2, parallel: 4 }}\n"
    ));
    home
}

fn ended(mut child: Child) -> Said {
    let deadline = Instant::now() + LONGEST;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "the run does not end");
        thread::sleep(Duration::from_millis(100));
    }
    child.wait_with_output().unwrap().into()
}

/// Looks until the run in `folder` made a node.
fn until_a_node_was_made(folder: &Path) {
    command::eventually("a node was made", || {
        events(folder).iter().any(|e| e["kind"]["event"] == "created" && e["kind"]["resource"]["kind"] == "node")
    });
}

fn reaped(home: &Home, folder: &Path) {
    let said = home.say(&["reap", "--run", "it"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(open_entries(folder), Vec::<String>::new());
}

#[test]
fn a_run_is_sealed_and_leaves_nothing() {
    let Some(cloud) = cloud() else { return };
    let baselines = env::var("LEVELFIELD_TEST_OPENSTACK_BASELINES").ok();
    for choices in uses() {
        let home = home(&cloud, &choices);
        let baseline =
            baselines.as_ref().map(|folder| format!("{folder}/{}.yaml", choices["network"].as_str().unwrap()));
        let mut arguments = vec!["run", "--out", "it"];
        arguments.extend(baseline.iter().flat_map(|path| ["--baseline", path]));
        let said = ended(home.start(&arguments));
        println!("{choices}:\n{said}");
        // Without a baseline, what the cloud deviates in is its own affair.
        assert!(said.code == 0 || (said.code == 1 && baseline.is_none()), "exit code {}", said.code);
        let folder = home.path().join("it");
        let record = record(&folder);
        assert_eq!(record["status"], "sealed");
        assert_eq!(record["targets"][0]["proof"]["proof"], "empty");
        let found = verdicts(&record);
        for id in
            ["allocation/key-import", "allocation/node-requested", "addressing/public-reachable", "login/key-accepted"]
        {
            assert!(found[id].contains("pass"), "{id}: {}", found[id]);
        }
        assert_eq!(open_entries(&folder), Vec::<String>::new());
    }
}

#[test]
fn what_a_killed_run_made_is_found_and_removed() {
    let Some(cloud) = cloud() else { return };
    let home = home(&cloud, &uses()[0]);
    let mut child = home.start(&["run", "--suite", "login", "--out", "it"]);
    let folder = home.path().join("it");
    // It is in the ledger seconds after the start, long before it has booted.
    until_a_node_was_made(&folder);
    child.kill().unwrap();
    ended(child);
    assert!(fs::exists(folder.join("ledger.jsonl")).unwrap());
    assert!(!open_entries(&folder).is_empty());
    reaped(&home, &folder);
}

#[test]
fn a_cloud_that_vanishes_is_no_verdict_and_what_is_left_is_named() {
    let (Some(cloud), Some(compute)) = (cloud(), named(COMPUTE)) else { return };
    let mut home = home(&cloud, &uses()[0]);
    let compute = through_a_gateway(&mut home, &cloud, &compute);
    let child =
        home.start(&["run", "--filter", "id(allocation/node-requested) | id(login/key-accepted)", "--out", "it"]);
    let folder = home.path().join("it");
    until_a_node_was_made(&folder);
    compute.close();
    let said = ended(child);
    assert_eq!(said.code, 4, "{said}");
    assert!(said.out.contains("left behind"), "{said}");
    let found = verdicts(&record(&folder));
    for id in ["allocation/node-requested", "login/key-accepted"] {
        assert!(found[id].contains("inconclusive"), "{id}: {} in {said}", found[id]);
    }
    assert!(!open_entries(&folder).is_empty(), "{said}");
    // It is back, by the way that the catalogue states.
    home.name_clouds(&known_clouds());
    reaped(&home, &folder);
}

#[test]
fn a_cloud_that_never_says_running_is_found_out() {
    let (Some(cloud), Some(compute)) = (cloud(), named(COMPUTE)) else { return };
    let mut home = home(&cloud, &uses()[0]);
    let compute = through_a_gateway(&mut home, &cloud, &compute);
    compute.tell("\"ACTIVE\"", "\"BUILD\" ");
    let said = ended(home.start(&["run", "--filter", "id(allocation/node-requested)", "--out", "it"]));
    let folder = home.path().join("it");
    let verdict = &verdicts(&record(&folder))["allocation/node-requested"];
    assert!(verdict.contains("fail") && said.out.contains("pending"), "{verdict} in {said}");
    assert_eq!(open_entries(&folder), Vec::<String>::new());
}

#[test]
fn a_server_that_cannot_be_built_fails_in_the_clouds_own_words() {
    let Some(cloud) = trap("never-built") else { return };
    let home = home(&cloud, &serde_json::json!({}));
    let said = home.say(&["run", "--filter", "id(allocation/node-requested)", "--out", "it"]);
    let folder = home.path().join("it");
    let verdict = &verdicts(&record(&folder))["allocation/node-requested"];
    assert!(verdict.contains("fail") && said.out.contains("No valid host"), "{verdict} in {said}");
    assert_eq!(open_entries(&folder), Vec::<String>::new());
}

#[test]
fn a_server_that_never_boots_is_never_reached() {
    let Some(cloud) = trap("never-boots") else { return };
    let home = home(&cloud, &serde_json::json!({}));
    let said = ended(home.start(&[
        "run",
        "--filter",
        "id(addressing/public-reachable) | id(login/key-accepted)",
        "--out",
        "it",
    ]));
    let folder = home.path().join("it");
    let found = verdicts(&record(&folder));
    assert!(found["addressing/public-reachable"].contains("fail"), "{said}");
    assert!(found["login/key-accepted"].contains("addressing/public-reachable"), "{said}");
    assert_eq!(open_entries(&folder), Vec::<String>::new());
}

/// The text of the `clouds.yaml` that is in use.
fn known_clouds() -> String {
    let path = env::var("OS_CLIENT_CONFIG_FILE").unwrap_or_else(|_| "/etc/openstack/clouds.yaml".to_owned());
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Names the cloud anew, with a gateway before its compute service, which is at `compute`.
fn through_a_gateway(home: &mut Home, cloud: &str, compute: &str) -> Gateway {
    let mut clouds: serde_yaml::Value = serde_yaml::from_str(&known_clouds()).unwrap();
    clouds.apply_merge().unwrap();
    let gateway = Gateway::to(compute.to_socket_addrs().unwrap().next().unwrap());
    let url = format!("http://{}/v2.1", gateway.address());
    clouds["clouds"][cloud]["compute_endpoint_override"] = url.into();
    home.name_clouds(&serde_yaml::to_string(&clouds).unwrap());
    gateway
}
