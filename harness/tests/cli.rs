//! What a person sees: every command's output as snapshots, from the real binary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{path::Path, process::Command};

/// Runs the binary in a folder of its own and returns exit code, standard output and standard error as one text.
fn levelfield(home: &Path, arguments: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_levelfield"))
        .args(arguments)
        .current_dir(home)
        .env_remove("LEVELFIELD_CONFIG")
        .env_remove("LEVELFIELD_RUNS")
        .env("HOME", home)
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    format!(
        "exit code {}\n--- stdout\n{}--- stderr\n{}",
        done.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    )
}

/// What differs from run to run, by name.
const REDACTIONS: [(&str, &str); 9] = [
    (r"\d{8}-\d{6}-[a-z0-9]{8}", "[RUN]"),
    (r"lf-[a-z0-9]{8}-", "lf-[RUN]-"),
    (r"127\.\d+\.\d+\.\d+", "[ADDRESS]"),
    (r"\b\d+(\.\d+)? s\b", "[SECONDS]"),
    (r"(?m)^ *\d+\.\ds  ", "[ELAPSED]  "),
    (r"all \d+ resources", "all [N] resources"),
    (r"[0-9a-f]{64}", "[SHA256]"),
    (r"\d+ free", "[N] free"),
    (r"levelfield \d+\.\d+\.\d+", "levelfield [VERSION]"),
];

fn shown(arguments: &[&str]) -> String {
    let home = tempfile::tempdir().unwrap();
    levelfield(home.path(), arguments)
}

fn with_redactions(check: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    for (pattern, name) in REDACTIONS {
        settings.add_filter(pattern, name);
    }
    settings.bind(check);
}

#[test]
fn help() {
    with_redactions(|| {
        insta::assert_snapshot!("help", shown(&["--help"]));
        insta::assert_snapshot!("help_run", shown(&["run", "--help"]));
        insta::assert_snapshot!("version", shown(&["--version"]));
    });
}

#[test]
fn the_standard() {
    with_redactions(|| {
        insta::assert_snapshot!("list", shown(&["list"]));
        insta::assert_snapshot!("list_filtered", shown(&["list", "--filter", "step(5) and level(core)"]));
        insta::assert_snapshot!("explain", shown(&["explain", "addressing/public-by-default"]));
        insta::assert_snapshot!("explain_unknown", shown(&["explain", "addressing/public-by-defalt"]));
    });
}

#[test]
fn a_plan() {
    with_redactions(|| insta::assert_snapshot!("plan", shown(&["plan"])));
}

#[test]
fn a_target() {
    with_redactions(|| {
        insta::assert_snapshot!("target_check", shown(&["target", "check", "openstack-common"]));
        insta::assert_snapshot!("target_discover", shown(&["target", "discover", "openstack-common"]));
    });
}

/// The first command of the README: exit code 0, honest tables, and no line of it that depends on how fast the machine is.
#[test]
fn the_first_run() {
    let home = tempfile::tempdir().unwrap();
    let text = levelfield(home.path(), &["run"]);
    let (out, err) = text.split_once("--- stderr\n").unwrap();
    with_redactions(|| insta::assert_snapshot!("first_run", out));
    assert!(err.contains("aws-like: hardened"), "plain lines in a pipe: {err}");
    assert!(!err.contains('\u{1b}') && !out.contains('\u{1b}'), "no escapes in a pipe");
    let latest = home.path().join("levelfield-runs/latest");
    for file in ["run.json", "events.jsonl", "ledger.jsonl", "report.html", "report.md", "config.yaml"] {
        assert!(latest.join(file).is_file(), "{file}");
    }
    for target in ["aws-like", "openstack-common", "openstack-good"] {
        assert!(latest.join(format!("junit/{target}.xml")).is_file(), "{target}");
    }

    // Judged again from evidence alone, every verdict is the same.
    let again = levelfield(home.path(), &["judge", "latest"]);
    assert!(again.contains("180 verdicts the same, 0 others"), "{again}");
    // Compared with itself, nothing changed.
    let compared = levelfield(home.path(), &["compare", "latest", "latest"]);
    assert!(compared.contains("no verdict changed"), "{compared}");
    // Every report can be written again from the journal, and is the same.
    let before = std::fs::read(latest.join("report.md")).unwrap();
    let written = levelfield(home.path(), &["report", "latest"]);
    assert!(written.contains("report.md"), "{written}");
    assert_eq!(std::fs::read(latest.join("report.md")).unwrap(), before);
}

/// The parts of a partitioned run make the whole, each behaviour in exactly one of them.
#[test]
fn parts_and_their_merge() {
    let home = tempfile::tempdir().unwrap();
    for part in ["1", "2"] {
        let (partition, out) = (format!("hash:{part}/2"), format!("part{part}"));
        let text = levelfield(
            home.path(),
            &["run", "--target", "aws-like", "--suite", "metadata", "--partition", &partition, "--out", &out],
        );
        assert!(text.starts_with("exit code 0"), "{text}");
    }
    let merged = levelfield(home.path(), &["merge", "part1", "part2", "--out", "whole"]);
    assert!(merged.starts_with("exit code 0"), "{merged}");
    let record = std::fs::read_to_string(home.path().join("whole/run.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["status"], "sealed");
    let results = record["targets"][0]["results"].as_array().unwrap();
    assert_eq!(results.iter().filter(|r| r["verdict"]["state"] == "pass").count(), 11);
    let alone = levelfield(home.path(), &["merge", "part1", "--out", "half"]);
    assert!(alone.starts_with("exit code 2"), "half of a run is no run: {alone}");
}

#[test]
fn repeats_give_rates_and_distributions() {
    let home = tempfile::tempdir().unwrap();
    let text = levelfield(
        home.path(),
        &[
            "run",
            "--target",
            "aws-like",
            "--repeat",
            "3",
            "--filter",
            "id(login/key-accepted)",
            "--out",
            "r",
            "--format",
            "json",
        ],
    );
    assert!(text.starts_with("exit code 0"), "{text}");
    let record: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(home.path().join("r/run.json")).unwrap()).unwrap();
    let target = &record["targets"][0];
    assert_eq!(target["results"][0]["rate"]["passed"], 3);
    assert!(target["results"][0]["rate"]["low"].as_f64().unwrap() > 0.4, "{target}");
    for stamp in ["request-returned", "running", "address-known", "port-open", "login-done"] {
        assert_eq!(target["stamps"][stamp].as_array().unwrap().len(), 3, "{stamp}");
    }
}

#[test]
fn generated_files_for_shells_and_readers() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        assert!(levelfield(home.path(), &["completions", shell]).contains("levelfield"), "{shell}");
    }
    let man = levelfield(home.path(), &["man", "--out", "man"]);
    assert!(man.starts_with("exit code 0"), "{man}");
    assert!(home.path().join("man/levelfield-run.1").is_file());
    for schema in ["config", "run", "guideline-edition", "guideline-suite"] {
        let text = levelfield(home.path(), &["schema", schema]);
        assert!(text.contains("\"$schema\""), "{schema}");
    }
}
