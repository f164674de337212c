//! How long each writer takes for 100,000 results, and how much memory: `cargo bench -p levelfield-reports --bench scale -- FORMAT`.
//!
//! Without a format every format is measured in a process of its own, so that one's peak is not the next one's. The memory of the
//! record itself is told apart, as it is there whatever is written.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its numbers")]

use std::{fs, path::Path, process::Command, time::Instant};

use levelfield_reports::{
    Baseline, Record, compare, json, junit, markdown,
    text::{self, Style},
};

#[path = "../tests/common/mod.rs"]
mod common;

const FORMATS: [&str; 7] = ["json", "junit", "junit-one", "markdown", "text", "baseline", "compare"];
const RESULTS: usize = 100_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    match arguments.as_slice() {
        [make, results, path] if make == "make" => {
            let results = results.parse().expect("a number of targets");
            json::write(&common::large(results, RESULTS / results), Path::new(path)).expect("a record to measure with");
        }
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
    let (many, one) = (folder.path().join("many.json"), folder.path().join("one.json"));
    start(&["make", "200"], &many);
    start(&["make", "1"], &one);
    println!("{:<10} {:>8} {:>10} {:>10} {:>10}", "format", "seconds", "record", "peak", "written");
    for format in formats {
        start(&[format], if format.ends_with("-one") { &one } else { &many });
    }
}

fn measure(format: &str, path: &Path) {
    let record = json::read(path).expect("a record");
    let folder = tempfile::tempdir().expect("a temporary folder");
    // From here on the peak is that of writing.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let before = status_mib("VmRSS");
    let start = Instant::now();
    let written = write(format, &record, folder.path());
    let seconds = start.elapsed().as_secs_f64();
    let peak = status_mib("VmHWM");
    let written = written / (1 << 20);
    println!("{format:<10} {seconds:>8.3} {before:>6} MiB {peak:>6} MiB {written:>6} MiB");
}

/// Writes `record` and returns how many bytes that gave.
fn write(format: &str, record: &Record, folder: &Path) -> u64 {
    let path = folder.join("out");
    match format {
        "json" => json::write(record, &path).expect("json"),
        "junit" | "junit-one" => drop(junit::write(record, folder).expect("junit")),
        "markdown" => markdown::write(record, &path).expect("markdown"),
        "text" => fs::write(&path, text::render(record, Style::Plain)).expect("text"),
        "baseline" => Baseline::of(record).write(&path).expect("baseline"),
        "compare" => {
            let comparison = compare::compare(std::slice::from_ref(record));
            fs::write(&path, comparison.to_text(Style::Plain)).expect("compare");
        }
        other => panic!("unknown format {other}; known: {FORMATS:?}"),
    }
    fs::read_dir(folder).expect("the folder").map(|e| e.and_then(|e| e.metadata()).map_or(0, |m| m.len())).sum()
}

/// A line of `/proc/self/status`, in MiB; 0 where there is none.
fn status_mib(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}
