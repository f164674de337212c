//! `JUnit` XML that the readers of continuous integration read as what it is.
//!
//! **Shape.** `testsuites > testsuite > testcase`, exactly one level. One file a target, so that each target is a report of its own
//! where files are told apart, and in it one `testsuite` for every suite of behaviours: GitHub's actions show one line with counts
//! for each `testsuite`, which makes `login` and `addressing` readable at a glance, while Jenkins and GitLab group by `classname`
//! and do not care. `classname` is `<target>.<suite>` (a package and a class to Jenkins), `name` the behaviour's id; neither ever
//! holds a run's id or a time, so that histories line up.
//!
//! **States.** Only child elements tell an outcome, since several readers ignore attributes and some let `skipped` win over
//! `failure`: a case has exactly one of none, `failure`, `error` and `skipped`.
//!
//! | verdict | element |
//! | --- | --- |
//! | pass | none; `flakyFailure` beside it for every inconclusive attempt before |
//! | fail | `failure`, type = the reason |
//! | inconclusive, missing | `error`, type = the reason |
//! | unsupported where that may not stand | `error`: it counts as missing |
//! | unsupported, waived, not-selected | `skipped`, message = `state: why` |
//!
//! Other attempts of the round that decided are `rerunFailure`s. A run that is not sealed has one extra `error`, `run-complete`.
//!
//! **How.** `junit-report` writes the base; one pass adds what it cannot write (counts of skipped cases, properties, flaky and
//! rerun elements, the root's attributes). Every string is [sanitised](crate::sanitize) first, and a file stays below
//! [`MOST_BYTES`]: details are shortened first, with a marker; only if there are too many cases is a target split over files
//! (`<target>.xml`, `<target>.2.xml`, …), whose suites then carry the part in their names, because Jenkins drops a second suite of
//! one name and time as a duplicate.

use std::{
    io,
    path::{Path, PathBuf},
};

use junit_report::ReportBuilder;

use crate::{
    atomic::{self, WriteError},
    record::{BehaviorResult, Record, TargetRecord},
    sanitize,
};

mod case;
mod finish;

/// No file is larger, in bytes: readers refuse or truncate files somewhere above it.
pub const MOST_BYTES: usize = 10_000_000;

/// How much of each text is kept, in bytes.
#[derive(Clone, Copy)]
struct Limits {
    message: usize,
    text: usize,
}

/// From generous to bare.
const LIMITS: [Limits; 4] = [
    Limits { message: 500, text: 16 * 1024 },
    Limits { message: 500, text: 2 * 1024 },
    Limits { message: 200, text: 200 },
    Limits { message: 80, text: 0 },
];

/// Writes one file for every target of `record` into `folder`, and returns their paths.
///
/// # Errors
/// When a file cannot be written. It names the file; those already written are whole.
pub fn write(record: &Record, folder: &Path) -> Result<Vec<PathBuf>, WriteError> {
    let mut paths = Vec::new();
    for target in &record.targets {
        let name = atomic::file_name(&target.name);
        for (part, text) in (1..).zip(render(record, target).map_err(|source| WriteError {
            path: folder.join(format!("{name}.xml")),
            doing: "making its XML",
            source,
        })?) {
            let path = folder.join(if part == 1 { format!("{name}.xml") } else { format!("{name}.{part}.xml") });
            atomic::write_one(&path, |out| out.write_all(&text))?;
            paths.push(path);
        }
    }
    atomic::sync_folder(folder);
    Ok(paths)
}

/// The files of one target: one, unless it has too many results for [`MOST_BYTES`].
///
/// # Errors
/// None that a text can cause: only what the XML writer reports.
pub fn render(record: &Record, target: &TargetRecord) -> io::Result<Vec<Vec<u8>>> {
    render_within(record, target, MOST_BYTES)
}

/// As [`render`], with files of at most `most` bytes, for readers that take less. A single case is never cut to fit.
///
/// # Errors
/// As [`render`].
pub fn render_within(record: &Record, target: &TargetRecord, most: usize) -> io::Result<Vec<Vec<u8>>> {
    let mut files = Vec::new();
    let mut rest = target.results.as_slice();
    loop {
        let part = files.len() + 1;
        let (take, text) = fit(record, target, rest, part, most)?;
        files.push(text);
        rest = &rest[take..];
        if rest.is_empty() {
            return Ok(files);
        }
    }
}

/// The longest beginning of `results` that fits a file, and the file.
fn fit(
    record: &Record,
    target: &TargetRecord,
    results: &[BehaviorResult],
    part: usize,
    most: usize,
) -> io::Result<(usize, Vec<u8>)> {
    // A bare case takes some 200 bytes; asking for far more would only cost time.
    let mut take = results.len().min(most / 150 + 1);
    loop {
        let mut size = 0;
        for limits in LIMITS {
            let text = file(record, target, &results[..take], part, take == results.len(), limits)?;
            size = text.len();
            if size <= most || take <= 1 {
                return Ok((take, text));
            }
        }
        // A tenth less than what should fit, as cases differ in length.
        take = (take.saturating_mul(most) / size * 9 / 10).clamp(1, take - 1);
    }
}

/// One file. The `last` one of an unsealed run tells that it is not complete.
fn file(
    record: &Record,
    target: &TargetRecord,
    results: &[BehaviorResult],
    part: usize,
    last: bool,
    limits: Limits,
) -> io::Result<Vec<u8>> {
    let mut suites = case::suites(record, target, results, limits);
    if last && !record.is_sealed() {
        suites.push(case::run_complete(record, target));
    }
    let mut report = ReportBuilder::new();
    let mut extras = Vec::with_capacity(suites.len());
    for mut suite in suites {
        let cases = std::mem::take(&mut suite.cases);
        let mut base = junit_report::TestSuite::new(&suite.name);
        base.set_timestamp(record.started);
        base.hostname = suite.hostname;
        if let Some(partition) = &record.run.partition {
            base.name = format!("{} ({})", base.name, sanitize::line(partition));
        }
        if part > 1 {
            base.name = format!("{} (part {part})", base.name);
        }
        let mut extra = Vec::with_capacity(cases.len());
        for case in cases {
            base.add_testcase(case.base);
            extra.push(case.attempts);
        }
        extras.push(finish::SuiteExtra { skipped: base.skipped(), cases: extra });
        report.add_testsuite(base);
    }
    let report = report.build();
    let mut plain = Vec::new();
    report.write_xml(&mut plain).map_err(io::Error::other)?;
    finish::finish(&plain, &finish::Extra::of(record, target, extras))
}
