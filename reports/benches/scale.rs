//! How long each writer takes for 100,000 results, and how much memory. The goal for each: under 2 s and 300 MB, the record included.
//!
//! `cargo bench -p levelfield-reports --bench scale [-- FORMAT]`
//!
//! Every format is measured in a process of its own, so that one's peak is not the next one's. The memory of the record itself is
//! told apart, as it is there whatever is written. `-one` has all results on one target, each of a behaviour of its own; the others
//! have 200 targets of 500.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its numbers")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use levelfield_reports::{
    Baseline, Record, atomic, compare,
    html::{self, EvidenceSource},
    json, junit, markdown, merge,
    text::{self, Style},
};

#[path = "../tests/common/mod.rs"]
mod common;

const FORMATS: [&str; 11] =
    ["json", "junit", "junit-one", "html", "html-one", "markdown", "text", "baseline", "compare", "merge", "merge-one"];
const RESULTS: usize = 100_000;
/// Into how many parts the run is cut that `merge` puts together.
const PARTS: u32 = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    match arguments.as_slice() {
        [make, targets, path] if make == "make" => make_records(targets.parse().expect("a number"), Path::new(path)),
        [format, path] => measure(format, Path::new(path)),
        [format] => all(&[format.as_str()]),
        _ => all(&FORMATS),
    }
}

/// Every process reads the record from a file, so that what making it took is not taken for what writing takes.
fn all(formats: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let start = |arguments: &[&str], path: &Path| {
        let program = std::env::current_exe().expect("a running program has a path");
        let status = Command::new(program).args(arguments).arg(path).status().expect("it starts, as it runs now");
        assert!(status.success(), "{arguments:?} failed");
    };
    // 200 targets of 500 behaviours, or one of all.
    let (many, one) = (folder.path().join("many"), folder.path().join("one"));
    start(&["make", "200"], &many);
    start(&["make", "1"], &one);
    println!("{:<10} {:>8} {:>10} {:>10} {:>10}", "format", "seconds", "record", "peak", "written");
    for format in formats {
        start(&[format], if format.ends_with("-one") { &one } else { &many });
    }
}

/// The record of the whole in `folder`, and those of its parts.
fn make_records(targets: usize, folder: &Path) {
    fs::create_dir(folder).expect("a folder for the records");
    let whole = common::large(targets, RESULTS / targets);
    json::write(&whole, &folder.join("run.json")).expect("a record to measure with");
    for part in 1..=PARTS {
        json::write(&part_of(&whole, part), &part_path(folder, part)).expect("a part to measure with");
    }
}

fn part_path(folder: &Path, part: u32) -> PathBuf {
    folder.join(format!("part-{part}.json"))
}

/// What a run of one part of `whole` would have recorded: on every target a share of the behaviours, and of them alone.
fn part_of(whole: &Record, part: u32) -> Record {
    let mut record = whole.clone();
    record.run.id = format!("{}-{part}", whole.run.id);
    record.run.partition = Some(format!("hash:{part}/{PARTS}"));
    let ids: Vec<String> = record.behaviors.keys().cloned().collect();
    for (id, share) in ids.iter().zip((1..=PARTS).cycle()) {
        if share != part {
            record.behaviors.remove(id);
        }
    }
    for target in &mut record.targets {
        target.results.retain(|result| record.behaviors.contains_key(&result.id));
    }
    record.derive();
    record
}

/// Memory is counted in MB of a million bytes, as the goal is.
fn measure(format: &str, folder: &Path) {
    let merges = format.starts_with("merge");
    let paths =
        if merges { (1..=PARTS).map(|part| part_path(folder, part)).collect() } else { vec![folder.join("run.json")] };
    let records = paths.iter().map(|path| json::read(path).expect("a record")).collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    // From here on the peak is that of writing.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let before = status_mb("VmRSS");
    let start = Instant::now();
    let written = write(format, records, folder.path());
    let seconds = start.elapsed().as_secs_f64();
    let peak = status_mb("VmHWM");
    let written = written / 1_000_000;
    println!("{format:<10} {seconds:>8.3} {before:>7} MB {peak:>7} MB {written:>7} MB");
}

/// Writes the record, or the parts merged, and returns how many bytes that gave.
fn write(format: &str, mut records: Vec<Record>, folder: &Path) -> u64 {
    let path = folder.join("out");
    let record = match records.pop() {
        Some(record) if records.is_empty() => record,
        last => merge::merge(records.into_iter().chain(last)).expect("parts of one run"),
    };
    match format {
        "json" | "merge" | "merge-one" => json::write(&record, &path).expect("json"),
        "junit" | "junit-one" => drop(junit::write(&record, folder).expect("junit")),
        "html" | "html-one" => {
            atomic::write(&path, |out| html::write(&record, &Observations, out)).expect("html");
        }
        "markdown" => markdown::write(&record, &path).expect("markdown"),
        "text" => fs::write(&path, text::render(&record, Style::Plain)).expect("text"),
        "baseline" => Baseline::of(&record).write(&path).expect("baseline"),
        "compare" => {
            let comparison = compare::compare(std::slice::from_ref(&record));
            fs::write(&path, comparison.to_text(Style::Plain)).expect("compare");
        }
        other => panic!("unknown format {other}; known: {FORMATS:?}"),
    }
    fs::read_dir(folder).expect("the folder").map(|e| e.and_then(|e| e.metadata()).map_or(0, |m| m.len())).sum()
}

/// Evidence of the size that observations have on average.
struct Observations;

impl EvidenceSource for Observations {
    fn get(&self, sha256: &str) -> Option<String> {
        let seen: Vec<_> = (0..10).map(|n| serde_json::json!({ "id": sha256, "n": n })).collect();
        serde_json::to_string_pretty(&seen).ok()
    }
}

/// A line of `/proc/self/status`, in MB; 0 where there is none.
fn status_mb(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).map_or(0, |kib| kib * 1024 / 1_000_000)
}
