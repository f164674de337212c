//! The embedded edition, what is generated from it, and mistakes in editions.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use levelfield_reports::event::BehaviorInfo;
use serde::Deserialize;

use super::{Filter, Guideline, GuidelineError, edition_markdown, embedded, explain, list, schema};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guidelines").join(embedded::EDITION)
}

/// Compares a checked-in file with what is generated; with `LEVELFIELD_BLESS=1` writes it.
fn up_to_date(path: &Path, generated: &str) {
    if std::env::var_os("LEVELFIELD_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, generated).unwrap();
        return;
    }
    let checked_in = fs::read_to_string(path).unwrap_or_default();
    let line = checked_in.lines().zip(generated.lines()).position(|(a, b)| a != b);
    assert!(
        checked_in == generated,
        "{} is not what the guideline generates (first difference after line {}); run the tests with LEVELFIELD_BLESS=1",
        path.display(),
        line.unwrap_or_default(),
    );
}

#[test]
fn the_embedded_edition_is_sound_and_is_the_one_in_the_folder() {
    let guideline = Guideline::embedded().unwrap_or_else(|error| panic!("{error}"));
    let loaded = Guideline::load(folder()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(guideline.sha256(), loaded.sha256());
    assert_eq!(guideline.behaviors, loaded.behaviors);
    assert_eq!(guideline.edition, embedded::EDITION);
    assert_eq!(Guideline::find(embedded::EDITION).unwrap().sha256(), guideline.sha256());
    assert_eq!(guideline.sha256().len(), 64);
}

#[test]
fn the_schemas_are_up_to_date() {
    let folder = folder().parent().unwrap().join("schema");
    for (name, schema) in [("edition.json", schema::edition()), ("suite.json", schema::suite())] {
        up_to_date(&folder.join(name), &format!("{}\n", serde_json::to_string_pretty(&schema).unwrap()));
    }
}

#[test]
fn the_readable_edition_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/standard").join(format!("{}.md", embedded::EDITION));
    up_to_date(&path, &edition_markdown(&Guideline::embedded().unwrap()));
}

const EDITION: &str = "\
format: 1
edition: \"2027.01\"
title: A small standard
preface: |
  For tests.
steps:
  - {step: 1, title: Import a key, why: w}
  - {step: 2, title: List, why: w}
  - {step: 3, title: Choose, why: w}
  - {step: 4, title: Request, why: w}
  - {step: 5, title: Address, why: w}
  - {step: 6, title: Log in, why: w}
  - {step: 7, title: Harden, why: w}
  - {step: 8, title: Return, why: w}
profiles:
  core: {title: Everybody, select: level(core)}
  ipv6: {title: Add-on, select: level(core) or level(ipv6)}
suites:
  - {suite: login, title: Logging in, why: Automation logs in.}
untested:
  - {what: Speed, why: It is nobody's promise}
";

const LOGIN: &str = "\
suite: login
behaviors:
  - id: login/key-accepted
    step: 6
    title: The node key logs in within the stated maximum.
    level: core
    status: required
    needs: [login, nodes]
    reference: {behavior: EC2 installs the key pair at launch., source: \"https://example.org/keys, RFC 4252 7\"}
    why: |
      Without it nothing else can be done on a node, and every later step of an allocation waits for somebody to type a
      password that nobody was given.
    alternatives:
      - pattern: password-once
        accepts: A password that works once | and never again.
        effect: A secret travels.
        work-around: Read it from the console.
    expect: {login-within: 120, algorithms: [ed25519, rsa], shape: {a: 1}}
    mutations: [node-key-not-installed]
  - id: login/over-ipv6
    title: The node key logs in over IPv6.
    level: ipv6
    status: advisory
    needs: [ipv6]
    reference: {behavior: b, source: s}
    why: w
    mutations: [ipv6-closed]
  - id: login/by-telnet
    title: The node key logs in over telnet.
    level: core
    status: removed
    reference: {behavior: b, source: s}
    why: w
";

/// Reads the small edition after `change` was made to the folder that it is in.
fn small(change: impl FnOnce(&Path)) -> Result<Guideline, GuidelineError> {
    let folder = std::env::temp_dir().join(format!(
        "levelfield-guideline-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("edition.yaml"), EDITION).unwrap();
    fs::write(folder.join("login.yaml"), LOGIN).unwrap();
    change(&folder);
    let result = Guideline::find(folder.to_str().unwrap());
    fs::remove_dir_all(&folder).unwrap();
    match result {
        Err(GuidelineError::Invalid(errors)) => {
            let shown = GuidelineError::Invalid(errors).to_string().replace(folder.to_str().unwrap(), "FOLDER");
            Err(GuidelineError::Unknown { word: shown, known: "" })
        }
        other => other,
    }
}

fn replace(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn mistakes_in_an_edition() {
    let cases: &[(&str, &str, &str, &str)] = &[
        ("unknown format", "edition.yaml", "format: 1", "format: 2"),
        ("edition is no month", "edition.yaml", "\"2027.01\"", "\"2027\""),
        ("step out of order", "edition.yaml", "step: 3", "step: 5"),
        ("step missing", "edition.yaml", "  - {step: 8, title: Return, why: w}\n", ""),
        ("suite without file", "edition.yaml", "suite: login", "suite: logins"),
        ("suite that leaves the folder", "edition.yaml", "suite: login", "suite: ../login"),
        ("profile does not parse", "edition.yaml", "select: level(core)}", "select: levl(core)}"),
        ("profile asks for what is not there", "edition.yaml", "or level(ipv6)", "or level(ipv6) or suite(logn)"),
        ("profile with a wrong key", "edition.yaml", "core: {title: E", "core: {titel: E"),
        ("add-on that nobody selects", "login.yaml", "level: ipv6", "level: ipv7"),
        ("other suite", "login.yaml", "suite: login", "suite: underlay"),
        ("id of another suite", "login.yaml", "id: login/over", "id: underlay/over"),
        ("id not kebab", "login.yaml", "id: login/over-ipv6", "id: login/OverIPv6"),
        ("id twice", "login.yaml", "id: login/over-ipv6", "id: login/key-accepted"),
        ("step nine", "login.yaml", "step: 6", "step: 9"),
        ("unknown status", "login.yaml", "status: advisory", "status: advised"),
        ("unknown capability", "login.yaml", "[login, nodes]", "[login, node]"),
        ("need twice", "login.yaml", "[login, nodes]", "[login, login]"),
        ("no mutations", "login.yaml", "[ipv6-closed]", "[]"),
        ("mutations left out", "login.yaml", "    mutations: [ipv6-closed]\n", ""),
        ("why left out", "login.yaml", "    why: w\n", ""),
        ("empty title", "login.yaml", "The node key logs in over IPv6.", "\"\""),
        (
            "pattern twice",
            "login.yaml",
            "    expect:",
            "      - {pattern: password-once, accepts: a, effect: e, work-around: w}\n    expect:",
        ),
        ("unknown key", "login.yaml", "work-around:", "workaround:"),
    ];
    small(|_| {}).unwrap();
    let mut shown = String::new();
    for (title, file, from, to) in cases {
        let error = small(|folder| replace(folder, file, from, to)).err();
        let Some(GuidelineError::Unknown { word, .. }) = error else { panic!("{title}: no mistake found") };
        write!(shown, "== {title}\n{word}\n\n").unwrap();
    }
    let extra = small(|folder| fs::write(folder.join("extra.yaml"), "suite: extra\n").unwrap()).unwrap_err();
    let GuidelineError::Unknown { word, .. } = extra else { panic!("{extra}") };
    write!(shown, "== file that is not listed\n{word}\n\n").unwrap();
    write!(shown, "== no such edition\n{}\n", Guideline::find("2019.11").unwrap_err()).unwrap();
    insta::assert_snapshot!(shown);
}

#[test]
fn any_change_changes_the_hash() {
    let before = small(|_| {}).unwrap();
    let after = small(|folder| replace(folder, "login.yaml", "advisory", "required")).unwrap();
    assert_ne!(before.sha256(), after.sha256());
}

#[test]
fn texts_for_people() {
    let guideline = small(|_| {}).unwrap();
    let filter = Filter::all();
    insta::assert_snapshot!("list", list(guideline.select(&filter)));
    let explained: Vec<_> = guideline.behaviors.iter().map(|behavior| explain(&guideline, behavior)).collect();
    insta::assert_snapshot!("explain", explained.join("\n---\n"));
    insta::assert_snapshot!("markdown", edition_markdown(&guideline));
}

#[test]
fn unknown_names_are_answered_with_near_ones() {
    let guideline = Guideline::embedded().unwrap();
    let mut shown = String::new();
    for id in ["login/key-acepted", "underlay/pick-image", "mtu", "quite/else"] {
        write!(shown, "{}\n\n", guideline.behavior(id).unwrap_err()).unwrap();
    }
    shown.push_str(&guideline.profile("cor").unwrap_err().to_string());
    insta::assert_snapshot!(shown);
}

#[test]
fn reports_get_what_they_show() {
    let guideline = small(|_| {}).unwrap();
    let info = BehaviorInfo::from(guideline.behavior("login/key-accepted").unwrap());
    assert_eq!((info.step, info.level.as_str(), info.status.as_str()), (Some(6), "core", "required"));
    assert_eq!(info.reference, "EC2 installs the key pair at launch. (https://example.org/keys, RFC 4252 7)");
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(dead_code, reason = "only the reading is of interest")]
struct Expect {
    login_within: u32,
    algorithm: Vec<String>,
}

#[test]
fn parameters_are_read_by_their_judge_with_the_file_as_context() {
    let guideline = small(|_| {}).unwrap();
    let error = guideline.expectation::<Expect>("login/key-accepted").unwrap_err().to_string();
    let error = error.split_once("login.yaml").unwrap().1;
    insta::assert_snapshot!(error);
}
