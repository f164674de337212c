//! The libtest front end, as other tools meet it: listing, filters, sharing, and what a skip at run time reads as.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::{Command, Output};

fn trials(arguments: &[&str], environment: &[(&str, &str)]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_levelfield-libtest"))
        .args(arguments)
        .env_remove("LEVELFIELD_CONFIG")
        .env_remove("NEXTEST")
        .envs(environment.iter().copied())
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

#[test]
fn listing_creates_nothing_and_names_every_trial_once() {
    let (output, text) = trials(&["--list", "--format", "terse"], &[]);
    assert!(output.status.success());
    let mut names: Vec<&str> = text.lines().filter_map(|l| l.strip_suffix(": test")).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    for target in ["aws-like", "openstack-common", "openstack-good"] {
        assert!(names.contains(&format!("{target}::login/key-accepted").as_str()), "{target}");
    }
}

#[test]
fn a_filter_runs_only_what_it_names() {
    let (output, text) = trials(&["aws-like::metadata/", "--skip", "truthful", "--skip", "zones"], &[]);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("test result: ok. 8 passed; 0 failed"), "{text}");
}

#[test]
fn one_trial_runs_exactly_as_nextest_asks_for_it() {
    let (output, text) = trials(&["--exact", "aws-like::login/key-accepted"], &[("NEXTEST", "1")]);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("test result: ok. 1 passed; 0 failed"), "{text}");
}

#[test]
fn a_failure_names_verdict_and_summary() {
    let (output, text) = trials(&["--exact", "openstack-common::metadata/default-network"], &[]);
    assert_eq!(output.status.code(), Some(101));
    assert!(text.contains("fail (no-default): 2 networks and none is the default"), "{text}");
}

#[test]
fn what_the_target_lacks_is_ignored_and_never_passes() {
    let name = "openstack-good::allocation/request-idempotent";
    let (_, listed) = trials(&["--list", "--ignored", "--format", "terse"], &[]);
    assert!(listed.contains(name), "{listed}");
    let (output, text) = trials(&["--exact", name], &[]);
    assert!(output.status.success() && text.contains("1 ignored") && text.contains("0 passed"), "{text}");
    // Asked for all the same, as `--run-ignored` does: libtest says ignored; nextest would say passed, so there it fails.
    let (_, text) = trials(&["--exact", name, "--include-ignored"], &[]);
    assert!(text.contains("0 passed") && text.contains("unsupported (client-token)"), "{text}");
    let (output, text) = trials(&["--exact", name, "--include-ignored"], &[("NEXTEST", "1")]);
    assert_eq!(output.status.code(), Some(101), "{text}");
}
