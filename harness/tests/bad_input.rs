//! What a person may do wrong, and what may be wrong with the machine: each answer says what was being done, to what, what came back
//! and what to do next, and the exit code is the documented one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use command::{Home, Said, Sim, TOKEN, ended, eventually, has_event, record, signal, skipped};
use levelfield_sshd_fixture::Sshd;

const ONE: &str = "id(metadata/images-listed)";
const SIM: &str = "  - name: cloud\n    provider: { sim: { persona: aws-like } }\n";

/// What was said to a person, without what differs from call to call.
fn words(home: &Home, said: &Said) -> String {
    let text = format!("exit code {}\n{}", said.code, said.err.replace(&home.path().display().to_string(), "HOME"));
    let mut settings = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("note: ") && !progress(line)) {
        settings.push(line.to_owned());
    }
    settings.join("\n")
}

/// A line of a run's progress: `   12.3s  …`.
fn progress(line: &str) -> bool {
    line.trim_start().split_once("s  ").is_some_and(|(seconds, _)| seconds.parse::<f64>().is_ok())
}

macro_rules! answers {
    ($home:expr, $arguments:expr) => {{
        let said = $home.say($arguments);
        insta::with_settings!({
            filters => vec![
                (r"127\.0\.0\.1:\d+", "ADDRESS"),
                (r"\d{8}-\d{6}-[a-z0-9]{8}", "RUN"),
                (r"[0-9a-f]{64}", "SHA256"),
                (r"column \d{3,}", "column COLUMN"),
            ],
        }, { insta::assert_snapshot!(words(&$home, &said)) });
        said
    }};
}

fn home_with(targets: &str) -> Home {
    let home = Home::new();
    home.configure(targets);
    home
}

#[test]
fn configurations() {
    let home = Home::new();
    for text in [
        "format: 1\ntargets: [\n",
        "format: 7\ntargets: []\n",
        "format: 1\ntargets: []\n",
        "format: 1\ntargets:\n  - name: cloud\n    provider: { simm: { persona: aws-like } }\n",
        "format: 1\ntargets:\n  - name: cloud\n    provider: { sim: { personna: aws-like } }\n",
        "format: 1\ntargets:\n  - name: cloud\n    provider: { sim: { persona: [aws-like] } }\n",
        "format: 1\ntargets:\n  - name: cloud\n    provider: { sim: { persona: aws-lyke } }\n",
        "format: 1\ntargets:\n  - name: cloud\n    provider: { sim: { persona: aws-like, mutations: [no-such] } }\n",
        "format: 1\ntargets:\n  - name: ../cloud\n    provider: { sim: { persona: aws-like } }\n",
    ] {
        home.write("levelfield.yaml", text);
        assert_eq!(answers!(home, &["run"]).code, 2, "{text}");
    }
    assert_eq!(answers!(home, &["run", "--config", "elsewhere.yaml"]).code, 2);
    assert!(!home.path().join("levelfield-runs").exists(), "nothing was begun");
}

#[test]
fn secrets() {
    let sim = |token: &str| {
        home_with(&format!(
            "  - name: cloud\n    provider: {{ sim: {{ persona: aws-like, endpoint: \"http://127.0.0.1:1\", token: {token} }} }}\n"
        ))
    };
    let home = sim(&format!("{{ env: {TOKEN} }}"));
    assert_eq!(answers!(home, &["run"]).code, 2);
    let home = sim("{ file: token }");
    assert_eq!(answers!(home, &["run"]).code, 2);
    home.write("token", "\n");
    assert_eq!(answers!(home, &["run"]).code, 2);
    let key = |path: &str| {
        home_with(&format!(
            "  - name: rack\n    provider: {{ static: {{ nodes: [{{ name: one, host: 127.0.0.1, account: root, private-key: {{ file: \
             {path} }} }}] }} }}\n"
        ))
    };
    assert_eq!(answers!(key("no-such"), &["run"]).code, 2);
    assert_eq!(answers!(key("levelfield.yaml"), &["run"]).code, 2);
}

#[test]
fn arguments() {
    let home = home_with(SIM);
    for arguments in [
        &["run", "--target", "clud"][..],
        &["run", "--profile", "cor"],
        &["run", "--suite", "logn"],
        &["run", "--filter", "id(login/"],
        &["run", "--filter", "id(login/key-acepted)"],
        &["run", "--filter", "id(login/key-accepted) and suite(metadata)"],
        &["run", "--partition", "hash:5/4"],
        &["run", "--partition", "half"],
        &["run", "--guideline", "2031.01"],
        &["run", "--baseline", "no-such.yaml"],
        &["resume", "no-such"],
        &["report", "no-such"],
        &["reap", "--run", "no-such"],
        &["explain", "login/key-acepted"],
        &["target", "check", "clud"],
    ] {
        assert_eq!(answers!(home, arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn a_cloud_that_does_not_answer() {
    let mut home = home_with(
        "  - name: cloud\n    provider: { sim: { persona: aws-like, endpoint: \"http://127.0.0.1:1\", token: { file: token } } }\n",
    );
    home.write("token", "a-token-of-some-length");
    assert_eq!(answers!(home, &["run"]).code, 2);

    let sim = Sim::start();
    home = home_with(&sim.target("cloud").replace(&format!("env: {TOKEN}"), "file: token"));
    home.write("token", "another-token-than-its-own");
    assert_eq!(answers!(home, &["run"]).code, 2);
}

/// The guideline with less patience for a port, because a real clock measures it.
fn impatient(home: &Home) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites/guidelines/2026.11");
    let own = home.path().join("guideline");
    fs::create_dir_all(&own).unwrap();
    for entry in fs::read_dir(shipped).unwrap() {
        let entry = entry.unwrap();
        let text = fs::read_to_string(entry.path()).unwrap();
        let quick: Vec<String> = text
            .lines()
            .map(|line| match line.split_once("within-s:") {
                Some((key, _)) => format!("{key}within-s: 2"),
                None => line.to_owned(),
            })
            .collect();
        fs::write(own.join(entry.file_name()), quick.join("\n") + "\n").unwrap();
    }
}

fn machine(home: &Home, address: std::net::SocketAddr, account: &str, key: &str) {
    home.write("key", key);
    home.configure(&format!(
        "  - name: rack\n    provider: {{ static: {{ nodes: [{{ name: one, host: {}, port: {}, account: {account}, private-key: {{ \
         file: key }} }}] }} }}\n",
        address.ip(),
        address.port(),
    ));
    impatient(home);
}

/// Every behaviour that builds on a login says why nothing could be said; none passes.
fn inconclusive_summaries(home: &Home) -> Vec<String> {
    let record = record(&home.run("latest"));
    assert_eq!(record["status"], "sealed");
    let results = record["targets"][0]["results"].as_array().unwrap().clone();
    let state = |r: &serde_json::Value| r["verdict"]["state"].as_str().unwrap().to_owned();
    // The one behaviour that says whether the key logs in may fail for it; what builds on that never does.
    let failed: Vec<_> = results.iter().filter(|r| state(r) == "fail").map(|r| r["id"].clone()).collect();
    assert!(failed.iter().all(|id| id == "login/key-accepted"), "{failed:?}");
    assert!(results.iter().all(|r| !["pass", "missing"].contains(&state(r).as_str())), "{results:#?}");
    results.iter().filter(|r| state(r) == "inconclusive").map(|r| r["summary"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_machine_that_does_not_answer() {
    let home = Home::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    machine(&home, closed, "debian", &new_key(&home));
    let ran = home.say(&["run", "--suite", "login", "--guideline", "guideline"]);
    assert!([1, 3].contains(&ran.code), "{ran}");
    let summaries = inconclusive_summaries(&home);
    assert!(summaries.len() > 3, "{summaries:?}");
    assert!(summaries.iter().all(|s| s.contains("refused")), "the reason is named: {summaries:?}");
}

fn new_key(home: &Home) -> String {
    let path = home.path().join("new-key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status().unwrap();
    assert!(made.success());
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_machine_that_does_not_take_the_key() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let home = Home::new();
    machine(&home, sshd.address(), sshd.account(), &new_key(&home));
    let ran = home.say(&[
        "run",
        "--filter",
        "id(login/account-as-stated) or id(login/ready-means-ready)",
        "--guideline",
        "guideline",
    ]);
    assert_eq!(ran.code, 3, "{ran}");
    let summaries = inconclusive_summaries(&home);
    assert!(summaries.iter().any(|s| s.contains("key")), "the reason is named: {summaries:?}");
}

#[test]
fn folders_that_are_taken() {
    let sim = Sim::start();
    let home = Home::on(&sim);
    let child = home.start(&["run", "--suite", "allocation", "--out", "it"]);
    eventually("the run began", || has_event(&home.path().join("it"), "created"));
    for arguments in [&["run", "--out", "it"][..], &["resume", "it"], &["reap", "--run", "it"]] {
        assert_eq!(answers!(home, arguments).code, 2);
    }
    let reaped = home.say(&["reap", "--home", "."]);
    assert_eq!(reaped.code, 0, "a run that is at work looks after itself: {reaped}");
    let ran = ended(child);
    assert_eq!(ran.code, 0, "and was not disturbed: {ran}");
    assert_eq!(answers!(home, &["run", "--out", "it"]).code, 2);
}

#[test]
fn journals_of_another_version_and_evidence_that_was_altered() {
    let home = home_with(SIM);
    let ran = home.say(&["run", "--filter", ONE, "--out", "it"]);
    assert_eq!(ran.code, 0, "{ran}");
    let journal = home.path().join("it/events.jsonl");
    let whole = fs::read_to_string(&journal).unwrap();

    // A kind that this version does not know is passed over, and said.
    let (first, rest) = whole.split_once('\n').unwrap();
    let unknown = r#"{"at":"2031-01-01T00:00:00Z","elapsed_ms":1,"kind":{"event":"node-sang","song":7}}"#;
    fs::write(&journal, format!("{first}\n{unknown}\n{rest}")).unwrap();
    let report = home.say(&["report", "it"]);
    assert_eq!(report.code, 0, "{report}");
    let warnings = record(&home.path().join("it"))["warnings"].to_string();
    assert!(warnings.contains("node-sang") && warnings.contains("later version"), "{warnings}");

    // A kind that it knows, of another shape, is not guessed at.
    fs::write(&journal, whole.replace("\"profile\":", "\"profiles\":")).unwrap();
    for arguments in [&["report", "it"][..], &["resume", "it"], &["judge", "it"], &["reap", "--run", "it"]] {
        assert_eq!(answers!(home, arguments).code, 2);
    }
    fs::write(&journal, &whole).unwrap();

    let evidence = home.path().join("it/evidence/observations.jsonl");
    let stored = fs::read(&evidence).unwrap();
    for at in [stored.len() / 2, 10, 80] {
        let mut altered = stored.clone();
        altered[at] ^= 1;
        fs::write(&evidence, &altered).unwrap();
        let judged = home.say(&["judge", "it"]);
        assert_eq!(judged.code, 3, "byte {at}: {judged}");
        assert!(judged.err.contains("altered"), "byte {at}: {judged}");
    }
}

/// Runs a line of shell in a mount namespace of its own, with an empty folder `mnt` in the home.
fn in_namespace(home: &Home, script: &str) -> Option<Said> {
    fs::create_dir_all(home.path().join("mnt")).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--", "/bin/sh", "-c", script]);
    home.around(&mut command);
    command.env("LEVELFIELD", env!("CARGO_BIN_EXE_levelfield"));
    let said: Said = command.output().unwrap().into();
    if said.code == 99 || said.err.starts_with("unshare:") {
        skipped(&format!("no mounts of one's own: {}", said.err.trim()));
        return None;
    }
    Some(said)
}

#[test]
fn a_folder_that_cannot_be_written() {
    let home = home_with(SIM);
    let script = "mount -t tmpfs -o ro none mnt || exit 99; exec \"$LEVELFIELD\" run --out mnt/it";
    let Some(said) = in_namespace(&home, script) else { return };
    assert_eq!(said.code, 2, "{said}");
    insta::assert_snapshot!(words(&home, &said));
}

#[test]
fn a_disk_that_is_full_at_any_time() {
    let sim = Sim::start();
    let home = Home::on(&sim);
    for kilobytes in [0, 8, 28, 40, 64, 96] {
        let script = format!(
            "mount -t tmpfs -o size=1m none mnt || exit 99; head -c $((1048576 - {kilobytes} * 1024)) /dev/zero > mnt/filler; \
             \"$LEVELFIELD\" run --suite allocation --out mnt/it; code=$?; rm mnt/filler; cp -r mnt/it full-{kilobytes}; exit $code"
        );
        let Some(said) = in_namespace(&home, &script) else { return };
        assert!([2, 3].contains(&said.code), "{kilobytes} kB free: {said}");
        assert!(said.err.contains("No space left on device") || said.err.contains("no storage space"), "{said}");
        assert_eq!(sim.inventory().len(), 0, "{kilobytes} kB free: {said}");
        let folder = format!("full-{kilobytes}");
        if has_event(&home.path().join(&folder), "run-started") {
            let report = home.say(&["report", &folder]);
            assert!([3, 4].contains(&report.code), "{kilobytes} kB free: {report}");
            command::assert_nothing_reads_green(&home.path().join(&folder));
            // With room again, the run goes on.
            let resumed = home.say(&["resume", &folder]);
            assert_eq!(resumed.code, 0, "{kilobytes} kB free: {resumed}");
        }
    }
}

#[test]
fn a_clock_that_jumps() {
    let sim = Sim::start();
    let home = Home::on(&sim);
    let mut child = home.start(&["run", "--suite", "allocation", "--out", "it"]);
    let folder = home.path().join("it");
    eventually("the run began", || has_event(&folder, "created"));
    signal(&child, "KILL");
    child.wait().unwrap();
    // What was written so far was written by a clock that is years off, now this way and now that.
    let journal = folder.join("events.jsonl");
    let jumped: Vec<String> = fs::read_to_string(&journal)
        .unwrap()
        .lines()
        .enumerate()
        .map(|(number, line)| {
            let Ok(mut event) = serde_json::from_str::<serde_json::Value>(line) else { return line.to_owned() };
            event["at"] = format!("{}-03-01T00:00:00Z", if number % 2 == 0 { 1999 } else { 2071 }).into();
            event.to_string()
        })
        .collect();
    fs::write(&journal, jumped.join("\n") + "\n").unwrap();
    assert_eq!(home.command(&["report", "it"]).stdout(Stdio::null()).status().unwrap().code(), Some(4));
    let before = record(&folder)["seconds"].as_f64().unwrap();
    let resumed = home.say(&["resume", "it"]);
    assert_eq!(resumed.code, 0, "{resumed}");
    let after = record(&folder)["seconds"].as_f64().unwrap();
    assert!(before > 0.0 && after >= before && after < 600.0, "{before} s, then {after} s");
}
