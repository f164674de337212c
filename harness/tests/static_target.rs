//! The same behaviours on machines that exist already: a real OpenSSH server, driven through the `static` provider by the real binary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use levelfield_reports::{Record, json};
use levelfield_sshd_fixture::Sshd;

/// Runs the suites that apply to an existing machine and returns the record and the exit code.
fn run(sshd: &Sshd, alterable: bool, folder: &Path) -> (Record, i32) {
    let key = folder.join("key");
    fs::write(&key, sshd.private_key()).unwrap();
    let config = folder.join("levelfield.yaml");
    let text = format!(
        "format: 1\ntargets:\n  - name: rack\n    provider:\n      static:\n        alterable: {alterable}\n        nodes:\n          \
         - {{ name: one, host: {}, port: {}, account: {}, private-key: {{ file: {} }} }}\n",
        sshd.address().ip(),
        sshd.address().port(),
        sshd.account(),
        key.display()
    );
    fs::write(&config, text).unwrap();
    let out = folder.join("run");
    let done = Command::new(env!("CARGO_BIN_EXE_levelfield"))
        .args(["run", "--profile", "extended", "--suite", "login", "--suite", "underlay", "--config"])
        .arg(&config)
        .arg("--out")
        .arg(&out)
        .env("HOME", folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned() + &String::from_utf8_lossy(&done.stdout);
    let record = json::read(&out.join("run.json")).unwrap_or_else(|e| panic!("no record: {e}\n{said}"));
    (record, done.status.code().unwrap_or(-1))
}

fn verdicts(record: &Record) -> BTreeMap<&str, String> {
    record.targets[0].results.iter().map(|r| (r.id.as_str(), r.verdict.to_string())).collect()
}

/// The verdicts that do not depend on what else the machine has: names outside and a time source are its own affair.
fn assert_verdicts(record: &Record, expected: &[(&str, &str)]) {
    let found = verdicts(record);
    let differing: Vec<String> = expected
        .iter()
        .filter(|(id, verdict)| found.get(id).map(String::as_str) != Some(verdict))
        .map(|(id, verdict)| {
            let result = record.targets[0].results.iter().find(|r| r.id == *id);
            let summary = result.map(|r| r.summary.as_str()).unwrap_or_default();
            format!("{id}: expected {verdict}, found {:?}: {summary}", found.get(id))
        })
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn a_machine_that_may_only_be_looked_at() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (record, _) = run(&sshd, false, folder.path());
    assert!(record.is_sealed());
    assert_verdicts(
        &record,
        &[
            ("login/key-accepted", "pass"),
            ("login/account-as-stated", "pass"),
            ("login/ready-means-ready", "pass"),
            ("login/modern-algorithms", "pass"),
            ("login/password-refused", "pass"),
            ("login/root-key-added", "unsupported (alter-nodes)"),
            ("login/password-login-removed", "unsupported (alter-nodes)"),
            ("login/host-key-unique", "unsupported (nodes)"),
            ("underlay/node-to-node", "unsupported (nodes)"),
            ("underlay/metadata-service", "unsupported (metadata-service)"),
            ("underlay/entropy", "pass"),
        ],
    );
}

#[test]
fn a_machine_that_may_be_altered_takes_steps_6_and_7() {
    let Some(sshd) = Sshd::alterable(&[]) else { return };
    let before = login_files(&sshd);
    let folder = tempfile::tempdir().unwrap();
    let (record, _) = run(&sshd, true, folder.path());
    assert!(record.is_sealed());
    assert_verdicts(
        &record,
        &[
            ("login/key-accepted", "pass"),
            ("login/sudo-without-password", "pass"),
            ("login/password-refused", "pass"),
            ("login/root-refused-at-first", "pass"),
            ("login/root-key-added", "pass"),
            ("login/password-login-removed", "unsupported (reboot)"),
            ("login/old-key-refused", "unsupported (reboot)"),
        ],
    );
    // Root's key was added and worked, by the verdict above. The machine outlives the run, so it is as it was.
    let after = login_files(&sshd);
    let changed: Vec<&PathBuf> =
        before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty(), "not put back: {changed:?}");
}

/// Every file that decides who may log in, with its content.
fn login_files(sshd: &Sshd) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut open: Vec<PathBuf> =
        ["/etc/ssh", "/etc/sudoers.d", "/root", "/home"].map(|path| sshd.inside(path)).to_vec();
    open.extend(["/etc/passwd", "/etc/group", "/etc/shadow"].map(|path| sshd.inside(path)));
    let mut files = BTreeMap::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let content = fs::read(&path).unwrap();
            files.insert(path, content);
        }
    }
    files
}

#[test]
fn a_machine_that_offers_passwords_fails_for_that_alone() {
    let Some(sshd) = Sshd::alterable(&["PasswordAuthentication yes"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (record, code) = run(&sshd, true, folder.path());
    assert_eq!(code, 1);
    let found = verdicts(&record);
    let failed: Vec<&&str> =
        found.iter().filter(|(id, v)| v.starts_with("fail") && id.starts_with("login/")).map(|(id, _)| id).collect();
    assert_eq!(failed, [&"login/password-refused"], "{found:#?}");
}
