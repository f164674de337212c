//! Judging 100,000 results again from stored evidence: how long `levelfield judge` takes, and how much memory. The goal is under 2 s
//! and 300 MB.
//!
//! `cargo bench -p levelfield --bench judge [-- RESULTS]`
//!
//! The evidence is real: the core is run once against the built-in clouds, and that run is multiplied, once over many targets and
//! once over many rounds. No two copies of a piece of evidence are alike, as those of different targets never are, so that nothing
//! is judged less often than it would be. The command runs in a process of its own, from reading its arguments to its exit.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and one that cannot go on is over")]

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    process::{Command, ExitCode},
    time::Instant,
};

use levelfield_reports::Event;
use serde::Deserialize as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What stands before the peak in what the measured process prints last.
const PEAK: &str = "peak memory in bytes: ";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if arguments.first().is_some_and(|first| first == "run" || first == "judge") {
        // Started by itself, it is the command.
        let code = levelfield::cli::main();
        println!("{PEAK}{}", peak());
        return code;
    }
    let results = arguments.first().and_then(|a| a.parse().ok()).unwrap_or(100_000);
    let home = tempfile::tempdir().unwrap();
    let once = Once::of(home.path());
    println!("{:<8} {:>8} {:>8} {:>10}   said", "copied", "results", "seconds", "peak");
    for over in [Over::Targets, Over::Rounds] {
        let folder = home.path().join(over.name());
        let results = once.multiply(results, over, &folder);
        let began = Instant::now();
        let said = command(home.path(), &["judge", over.name(), "--guideline", "2026.11"]);
        let seconds = began.elapsed().as_secs_f64();
        let (said, peak) = said.trim_end().rsplit_once(PEAK).unwrap();
        let said = said.lines().last().unwrap();
        assert!(said.ends_with(", 0 others"), "not what the run judged: {said}");
        let peak = peak.parse::<u64>().unwrap() / 1_000_000;
        println!("{:<8} {results:>8} {seconds:>8.3} {peak:>7} MB   {said}", over.name());
        fs::remove_dir_all(folder).unwrap();
    }
    ExitCode::SUCCESS
}

/// What levelfield says when called with `arguments`, in a process of its own.
fn command(home: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments).args(["--home", "."]).current_dir(home);
    for name in ["LEVELFIELD_CONFIG", "LEVELFIELD_RUNS"] {
        command.env_remove(name);
    }
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

/// The largest resident set of this process so far, from the kernel, in bytes; 0 where it does not tell.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:"));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

/// What a run is multiplied over.
#[derive(Clone, Copy, PartialEq)]
enum Over {
    /// Every copy is a target of its own: many results of one attempt.
    Targets,
    /// Every copy is a round: few results of many attempts.
    Rounds,
}

impl Over {
    fn name(self) -> &'static str {
        match self {
            Self::Targets => "targets",
            Self::Rounds => "rounds",
        }
    }

    fn target(self, name: &str, copy: usize) -> String {
        match self {
            Self::Targets => format!("{name}-{copy:04}"),
            Self::Rounds => name.to_owned(),
        }
    }
}

/// A run of the core on the clouds that are built in.
struct Once {
    events: Vec<Value>,
    /// The evidence as its bytes are hashed, by id.
    evidence: Vec<(String, String)>,
}

impl Once {
    fn of(home: &Path) -> Self {
        command(home, &["run", "--no-baseline", "--out", "once"]);
        let folder = home.join("once");
        let journal = fs::read_to_string(folder.join("events.jsonl")).unwrap();
        let evidence = fs::read_to_string(folder.join("evidence/observations.jsonl")).unwrap();
        let content = |line: &str| {
            let (id, content) = line.strip_prefix(r#"{"id":""#)?.split_once(r#"","evidence":"#)?;
            Some((id.to_owned(), content.strip_suffix('}')?.to_owned()))
        };
        Self {
            events: journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            evidence: evidence.lines().map(|line| content(line).unwrap()).collect(),
        }
    }

    /// Writes the folder of a run with at least `results` results, and returns how many there are.
    fn multiply(&self, results: usize, over: Over, folder: &Path) -> usize {
        let judged = self.events.iter().filter(|e| e["kind"]["event"] == "judged").count();
        let copies = results.div_ceil(judged);
        fs::create_dir_all(folder.join("evidence")).unwrap();
        let mut store = BufWriter::new(File::create(folder.join("evidence/observations.jsonl")).unwrap());
        let mut journal = BufWriter::new(File::create(folder.join("events.jsonl")).unwrap());
        let mut write = |event: &Value| {
            // In the order in which the engine writes it.
            let event = Event::deserialize(event).unwrap();
            writeln!(journal, "{}", serde_json::to_string(&event).unwrap()).unwrap();
        };
        let (first, rest) = self.events.split_first().unwrap();
        let (last, rest) = rest.split_last().unwrap();
        write(&beginning(first.clone(), copies, over));
        for copy in 0..copies {
            let ids = self.keep(copy, &mut store);
            for event in rest {
                let mut event = event.clone();
                let kind = event["kind"].as_object_mut().unwrap();
                // There is one conclusion for all rounds.
                if over == Over::Rounds && kind["event"] == "concluded" && copy + 1 < copies {
                    continue;
                }
                if let Some(target) = kind.get_mut("target") {
                    *target = over.target(target.as_str().unwrap(), copy).into();
                }
                if let Some(round) = kind.get_mut("round").filter(|_| over == Over::Rounds) {
                    *round = (copy + 1).into();
                }
                if let Some(evidence) = kind.get_mut("evidence") {
                    *evidence = ids[evidence.as_str().unwrap()].as_str().into();
                }
                write(&event);
            }
        }
        write(last);
        judged * copies
    }

    /// Adds a copy of all evidence to `store`, and returns the copies' ids by those of the originals.
    fn keep(&self, copy: usize, store: &mut impl std::io::Write) -> HashMap<&str, String> {
        let mut ids = HashMap::new();
        for (id, content) in &self.evidence {
            // A key that no reader knows tells the copies apart.
            let content = format!(r#"{},"copy":{copy}}}"#, content.strip_suffix('}').unwrap());
            let hash = Sha256::digest(content.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            });
            writeln!(store, r#"{{"id":"{hash}","evidence":{content}}}"#).unwrap();
            ids.insert(id.as_str(), hash);
        }
        ids
    }
}

/// The event that begins the run, with every copy in its manifest.
fn beginning(mut event: Value, copies: usize, over: Over) -> Value {
    match over {
        Over::Rounds => event["kind"]["header"]["rounds"] = copies.into(),
        Over::Targets => {
            let manifest = event["kind"]["manifest"].as_array().unwrap().clone();
            let all = (0..copies).flat_map(|copy| {
                manifest.iter().cloned().map(move |mut target| {
                    target["target"] = over.target(target["target"].as_str().unwrap(), copy).into();
                    target
                })
            });
            event["kind"]["manifest"] = all.collect();
        }
    }
    event
}
