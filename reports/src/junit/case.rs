//! From results to cases and suites, every string made harmless and short.

use std::fmt::Write;

use junit_report::{Duration, TestCase, TestCaseBuilder};

use super::Limits;
use crate::{
    diff,
    overall::{self, Conformance},
    record::{Attempt, BehaviorResult, Record, TargetRecord},
    sanitize,
    verdict::Verdict,
};

/// One `testsuite`.
pub(super) struct Suite {
    pub(super) name: String,
    pub(super) hostname: String,
    pub(super) cases: Vec<Case>,
}

/// One `testcase`.
pub(super) struct Case {
    pub(super) base: TestCase,
    /// Attempts that are shown beside the one that decided.
    pub(super) attempts: Vec<Other>,
}

/// An attempt beside the one that decided.
pub(super) struct Other {
    /// `flakyFailure` or `rerunFailure`.
    pub(super) element: &'static str,
    pub(super) kind: String,
    pub(super) message: String,
    pub(super) seconds: f64,
}

/// The suites of `results`, in the order in which each first comes up.
pub(super) fn suites(record: &Record, target: &TargetRecord, results: &[BehaviorResult], limits: Limits) -> Vec<Suite> {
    let mut suites: Vec<Suite> = Vec::new();
    let mut by_name = std::collections::HashMap::new();
    for result in results {
        let index = *by_name.entry(result.suite()).or_insert_with(|| {
            let name = class(target, result.suite());
            suites.push(Suite { name, hostname: hostname(record), cases: Vec::new() });
            suites.len() - 1
        });
        suites[index].cases.push(case(record, target, result, limits));
    }
    suites
}

/// What tells, in a run that is not sealed, that green cases are not the whole story.
pub(super) fn run_complete(record: &Record, target: &TargetRecord) -> Suite {
    let missing = target.results.iter().filter(|r| r.verdict == Verdict::Missing).count();
    let how = record.interrupted.as_ref().map_or("did not finish".to_owned(), |by| format!("was interrupted by {by}"));
    let message = format!("the run {how}: {missing} selected behaviours have no verdict on this target");
    let mut base = TestCase::error("run-complete", Duration::ZERO, "incomplete", &sanitize::line(&message));
    let name = class(target, "run");
    base.set_classname(&name);
    Suite { name, hostname: hostname(record), cases: vec![Case { base, attempts: Vec::new() }] }
}

fn hostname(record: &Record) -> String {
    sanitize::line(&record.run.vantage).into_owned()
}

fn class(target: &TargetRecord, suite: &str) -> String {
    format!("{}.{}", sanitize::line(&target.name), sanitize::line(suite))
}

fn case(record: &Record, target: &TargetRecord, result: &BehaviorResult, limits: Limits) -> Case {
    let short = |text: &str| sanitize::short_line(text, limits.message).into_owned();
    let name = sanitize::line(&result.id);
    let time = Duration::seconds_f64(result.seconds().clamp(0.0, 1e9));
    let stands = overall::weigh(record, target, result) != Some(Conformance::Missing);
    let reason = result.verdict.reason().unwrap_or_default();
    let skipped =
        |state: &str, why: &str| TestCaseBuilder::skipped_with_cause(&name, state, &short(&format!("{state}: {why}")));
    let mut case = match &result.verdict {
        Verdict::Pass => TestCaseBuilder::success(&name, time),
        Verdict::Fail { .. } => TestCaseBuilder::failure(&name, time, &short(&reason), &short(&result.summary)),
        Verdict::Inconclusive { .. } => {
            let message = format!("inconclusive ({reason}): {}", result.summary);
            TestCaseBuilder::error(&name, time, &short(&reason), &short(&message))
        }
        Verdict::Missing => {
            TestCaseBuilder::error(&name, time, "missing", &short(&format!("missing: {}", result.summary)))
        }
        Verdict::Unsupported { capability } if !stands => {
            let message = format!("unsupported, which may not stand here and counts as missing: {capability}");
            TestCaseBuilder::error(&name, time, "unsupported", &short(&message))
        }
        Verdict::Unsupported { capability } => skipped("unsupported", &format!("{capability}: {}", result.summary)),
        Verdict::Waived { waiver, beneath } => skipped("waived", &format!("{beneath}: {}; {waiver}", result.summary)),
        Verdict::NotSelected { why } => skipped("not-selected", why),
    };
    case.set_classname(&class(target, result.suite()));
    if limits.text > 0 {
        let kept = |text: &str| sanitize::cdata(&sanitize::short_text(text, limits.text)).into_owned();
        match case.testcase.result {
            junit_report::TestResult::Success => {
                if let Some(notes) = notes(result) {
                    case.set_system_out(&kept(&notes));
                }
            }
            junit_report::TestResult::Error { .. } | junit_report::TestResult::Failure { .. } => {
                case.set_trace(&kept(&details(record, result)));
            }
            junit_report::TestResult::Skipped | junit_report::TestResult::SkippedWithCause { .. } => {}
        }
    }
    let attempts = others(result).map(|(element, attempt)| Other {
        element,
        kind: short(&attempt.judgement.verdict.reason().unwrap_or_default()),
        message: short(&attempt.judgement.summary),
        seconds: attempt.seconds,
    });
    Case { attempts: attempts.collect(), base: case.testcase }
}

/// Attempts beside the one that decided: those before a flaky pass, or the others of a round that did not pass.
fn others(result: &BehaviorResult) -> Box<dyn Iterator<Item = (&'static str, &Attempt)> + '_> {
    match &result.verdict {
        Verdict::Pass => {
            let before = result.attempts.iter().filter(|a| a.judgement.verdict != Verdict::Pass);
            Box::new(before.map(|a| ("flakyFailure", a)))
        }
        Verdict::Fail { .. } | Verdict::Inconclusive { .. } => {
            let deciding = result.deciding();
            let of_round = move |a: &&Attempt| deciding.is_some_and(|d| d.round == a.round && !std::ptr::eq(d, *a));
            Box::new(result.attempts.iter().filter(of_round).map(|a| ("rerunFailure", a)))
        }
        _ => Box::new(std::iter::empty()),
    }
}

/// What a pass should not hide.
fn notes(result: &BehaviorResult) -> Option<String> {
    let mut out = String::new();
    for deviation in result.deviations() {
        let _ = writeln!(out, "deviation: {}", deviation.pattern);
        let _ = writeln!(out, "  effect: {}", deviation.effect);
        let _ = writeln!(out, "  work-around: {}", deviation.work_around);
    }
    if let Some(waiver) = &result.stale_waiver {
        let _ = writeln!(out, "stale waiver, as the behaviour passes: {waiver}");
    }
    (!out.is_empty()).then_some(out)
}

/// Everything that helps to mend it. Writing to a string can't fail.
fn details(record: &Record, result: &BehaviorResult) -> String {
    let line = |text: &str| sanitize::short_line(text, 1000).into_owned();
    let mut out = String::new();
    let _ = writeln!(out, "{}: {}", line(&result.verdict.to_string()), line(&result.summary));
    if let Some(info) = record.behavior(&result.id) {
        let _ = writeln!(out, "requirement ({}, {}): {}", info.level, info.status, info.title);
        let _ = writeln!(out, "why it matters: {}", info.why);
        let _ = writeln!(out, "reference: {}", info.reference);
    }
    if let Some(rate) = &result.rate {
        let _ = writeln!(
            out,
            "passed in {} of {} rounds (95 % interval {:.3} to {:.3})",
            rate.passed, rate.of, rate.low, rate.high
        );
    }
    if let Some(difference) = result.deciding().and_then(|a| a.judgement.difference.as_ref()) {
        let _ = write!(out, "\n{}", diff::unified(difference));
    }
    for attempt in &result.attempts {
        let judgement = &attempt.judgement;
        let _ = writeln!(
            out,
            "\nround {}, attempt {} ({:.3} s): {}: {}",
            attempt.round,
            attempt.attempt,
            attempt.seconds,
            line(&judgement.verdict.to_string()),
            line(&judgement.summary)
        );
        for measure in &judgement.measures {
            let _ = writeln!(out, "  {}: {} {}", measure.name, measure.value, measure.unit);
        }
        for reading in &attempt.readings {
            let _ = writeln!(out, "  evidence at {}: {}", reading.stage.id(), reading.evidence);
        }
    }
    out
}
