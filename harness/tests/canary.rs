//! A secret goes in wherever secrets go in, and comes out nowhere: not in a file of the run, not on the terminal, in no encoding.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    thread,
};

use base64::{Engine as _, engine::general_purpose as base64_of};
use command::{Home, Said, Sim, TOKEN, signal};
use levelfield_sshd_fixture::Sshd;

/// Everything that looks different in another encoding.
const CANARY: &str = "Canary/9+\"q\\ä=0f3&c7d1e8";

/// The forms in which a secret could be found.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap();
    let url: String = secret
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    let mut forms = vec![
        secret.to_owned(),
        json[1..json.len() - 1].to_owned(),
        url.clone(),
        url.to_lowercase().replace("canary", "Canary"),
    ];
    // Within something longer, it stands at one of three offsets; what is at its ends depends on the neighbours.
    for offset in 0..3 {
        for engine in [base64_of::STANDARD_NO_PAD, base64_of::URL_SAFE_NO_PAD] {
            let text = engine.encode([vec![b'x'; offset], secret.as_bytes().to_vec()].concat());
            forms.push(text[4..text.len() - 4].to_owned());
        }
    }
    forms
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Asserts that no form of `secret` is in what was said or left in the runs' folder; returns how many files were searched.
fn assert_kept(secret: &str, home: &Home, said: &[&Said]) -> usize {
    let mut places: Vec<(String, String)> = Vec::new();
    for (number, said) in said.iter().enumerate() {
        places.push((format!("stdout of command {number}"), said.out.clone()));
        places.push((format!("stderr of command {number}"), said.err.clone()));
    }
    let mut found = Vec::new();
    files(&home.path().join("levelfield-runs"), &mut found);
    for path in &found {
        places.push((path.display().to_string(), String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()));
    }
    for (place, text) in &places {
        for form in forms(secret) {
            if let Some(at) = text.find(&form) {
                let shown: String = text[..at].chars().rev().take(120).collect::<Vec<_>>().into_iter().rev().collect();
                panic!("{place} holds the secret as {form}, behind …{shown}");
            }
        }
    }
    found.len()
}

/// What an echoing server does with a request: whether it passes it on to the sim, or answers with the token in an error.
type Passes = fn(method: &str, path: &str) -> bool;

/// A server in front of a sim that repeats the credentials it was sent in its refusals.
struct Echo {
    endpoint: String,
}

impl Echo {
    fn start(sim: &Sim, passes: Passes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let behind = sim.endpoint.trim_start_matches("http://").to_owned();
        let token = sim.token.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (behind, token) = (behind.clone(), token.clone());
                thread::spawn(move || answer(&stream, &behind, &token, passes));
            }
        });
        Self { endpoint }
    }
}

fn answer(stream: &TcpStream, behind: &str, token: &str, passes: Passes) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = Vec::new();
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line).ok()? == 0 || line == b"\r\n" {
            break;
        }
        head.push(line);
    }
    let words = String::from_utf8_lossy(head.first()?).into_owned();
    let (method, rest) = words.split_once(' ')?;
    let header = |name: &str| {
        head.iter().find_map(|line| {
            let (key, value) = (line.split(|b| *b == b':').next()?, line.splitn(2, |b| *b == b':').nth(1)?);
            key.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii().to_vec())
        })
    };
    let length: usize = header("content-length").and_then(|v| String::from_utf8(v).ok()?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut out = stream.try_clone().ok()?;
    let path = rest.split(' ').next()?;
    if !passes(method, path) {
        let credentials = header("authorization").unwrap_or_default();
        let shown = String::from_utf8_lossy(&credentials).into_owned();
        let bare = shown.trim_start_matches("Bearer ");
        let message = format!("bad credentials {shown}, {}, {}", base64_of::STANDARD.encode(bare), forms(bare)[2]);
        let text = serde_json::json!({ "code": "unavailable", "message": message, "culprit": shown }).to_string();
        let head = "HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\nconnection: close\r\n";
        return write!(out, "{head}content-length: {}\r\n\r\n{text}", text.len()).ok();
    }
    let mut inner = TcpStream::connect(behind).ok()?;
    for line in &head {
        let name = line.to_ascii_lowercase();
        if !name.starts_with(b"authorization:") && !name.starts_with(b"connection:") {
            inner.write_all(line).ok()?;
        }
    }
    write!(inner, "authorization: Bearer {token}\r\nconnection: close\r\n\r\n").ok()?;
    inner.write_all(&body).ok()?;
    std::io::copy(&mut inner, &mut out).ok().map(drop)
}

fn on_echo(sim: &Sim, passes: Passes, reference: &str) -> Home {
    let home = Home::new();
    let echo = Echo::start(sim, passes);
    home.configure(&format!(
        "  - name: cloud\n    provider: {{ sim: {{ persona: aws-like, endpoint: \"{}\", token: {reference} }} }}\n",
        echo.endpoint
    ));
    // What ends the file is no part of the secret.
    home.write("token", &format!("{CANARY}\n"));
    home
}

#[test]
fn a_token_that_the_target_repeats_in_every_refusal_is_kept() {
    let sim = Sim::start();
    for reference in [format!("{{ env: {TOKEN} }}"), "{ file: token }".to_owned()] {
        // The first call already.
        let home = on_echo(&sim, |_, _| false, &reference);
        let run = |home: &Home, arguments: &[&str]| -> Said {
            home.command(arguments).env(TOKEN, CANARY).output().unwrap().into()
        };
        let refused = run(&home, &["run"]);
        assert_eq!(refused.code, 2, "{refused}");
        assert!(refused.err.contains("[redacted:sim-token]"), "the refusal is shown: {refused}");
        let checked = run(&home, &["target", "check", "cloud"]);
        assert_kept(CANARY, &home, &[&refused, &checked]);

        if reference.contains("file") {
            continue;
        }

        // Everything that would create; the rest of the run goes its way.
        let home = on_echo(&sim, |method, _| method == "GET", &reference);
        let ran = run(&home, &["run", "--filter", "id(allocation/key-import) or id(metadata/images-listed)"]);
        assert_eq!(ran.code, 3, "{ran}");
        let all = [&["report"][..], &["judge"], &["compare", "latest"], &["reap"], &["reap", "--run", "latest"]];
        let mut said: Vec<Said> = all.iter().map(|arguments| run(&home, arguments)).collect();
        said.push(ran);
        let searched = assert_kept(CANARY, &home, &said.iter().collect::<Vec<_>>());
        assert!(searched >= 8, "{searched} files");
        let folder = home.run("latest");
        let held = |file: &str| fs::read_to_string(folder.join(file)).unwrap().contains("redacted:sim-token");
        for file in
            ["events.jsonl", "ledger.jsonl", "evidence/observations.jsonl", "run.json", "report.md", "report.html"]
        {
            assert!(held(file), "{file} tells what came back, without the secret");
        }

        // An inventory that cannot be read, at the end.
        let home = on_echo(&sim, |_, path| !path.starts_with("/v1/inventory"), &reference);
        let child = home
            .command(&["run", "--filter", "id(allocation/key-import)"])
            .env(TOKEN, CANARY)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let ran = command::ended(child);
        assert_eq!(ran.code, 4, "{ran}");
        let reaped = run(&home, &["reap", "--run", "latest"]);
        assert_kept(CANARY, &home, &[&ran, &reaped]);
    }
}

#[test]
fn the_private_key_of_a_machine_is_kept() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    for from_file in [true, false] {
        let home = Home::new();
        let key = home.write("key", &sshd.private_key());
        let source = if from_file { format!("file: {}", key.display()) } else { format!("env: {TOKEN}") };
        home.configure(&format!(
            "  - name: rack\n    provider: {{ static: {{ nodes: [{{ name: one, host: {}, port: {}, account: {}, private-key: {{ \
             {source} }} }}] }} }}\n",
            sshd.address().ip(),
            sshd.address().port(),
            sshd.account(),
        ));
        let arguments = ["run", "--filter", "id(login/key-accepted) or id(login/only-the-given-key)"];
        let ran: Said = home.command(&arguments).env(TOKEN, sshd.private_key()).output().unwrap().into();
        assert!(ran.out.contains("login/only-the-given-key"), "{ran}");
        for line in sshd.private_key().lines().filter(|line| !line.starts_with("-----")) {
            assert_kept(line, &home, &[&ran]);
        }
    }
}

#[test]
fn a_run_that_is_cut_off_keeps_it_too() {
    let sim = Sim::start();
    let home = Home::on(&sim);
    let child = home.start(&["run", "--suite", "allocation"]);
    command::eventually("the run began", || command::has_event(&home.run("latest"), "created"));
    signal(&child, "KILL");
    let killed = command::ended(child);
    let said: Vec<Said> = [&["report"][..], &["resume"]].iter().map(|arguments| home.say(arguments)).collect();
    assert_eq!(said[1].code, 0, "{}", said[1]);
    assert_kept(&sim.token, &home, &[&killed, &said[0], &said[1]]);
}
