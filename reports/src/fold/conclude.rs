//! From the attempts at one behaviour to its verdict.

use std::cmp::Reverse;

use super::BehaviorFold;
use crate::{
    record::{Attempt, BehaviorResult},
    stats,
    verdict::{InconclusiveReason, Verdict},
};

/// The result of one selected behaviour, and what the conclusion claimed that the attempts do not bear out.
pub(super) fn conclude(id: &str, fold: BehaviorFold, rounds_asked: u32) -> (BehaviorResult, Option<String>) {
    let BehaviorFold { mut attempts, concluded, stale_waiver, .. } = fold;
    attempts.sort_by_key(|a| (a.round, a.attempt));
    attempts.shrink_to_fit();
    let rounds: Vec<Round> = attempts.chunk_by(|a, b| a.round == b.round).map(Round::of).collect();
    // Of equally bad rounds the first decides.
    let worst = rounds.iter().max_by_key(|r| (r.verdict.severity(), Reverse(r.number))).map(|r| r.verdict.clone());
    let seen = u32::try_from(rounds.len()).unwrap_or(u32::MAX);
    let (verdict, warning) = settle(worst, concluded, seen, rounds_asked);
    let passed = rounds.iter().filter(|r| *r.verdict == Verdict::Pass).count();
    let decided = rounds.iter().filter(|r| matches!(r.verdict, Verdict::Pass | Verdict::Fail { .. })).count();
    let rate = if rounds.len() > 1 { stats::rate(count(passed), count(decided)) } else { None };
    let flaky = rounds.iter().any(|r| r.flaky);
    let mut result =
        BehaviorResult { id: id.to_owned(), verdict, summary: String::new(), flaky, rate, stale_waiver, attempts };
    result.summary = summary(&result, seen, rounds_asked);
    (result, warning)
}

/// The result of a behaviour that is left out on purpose.
pub(super) fn left_out(id: &str, why: &str) -> BehaviorResult {
    BehaviorResult {
        id: id.to_owned(),
        verdict: Verdict::NotSelected { why: why.to_owned() },
        summary: format!("left out: {why}"),
        flaky: false,
        rate: None,
        stale_waiver: None,
        attempts: Vec::new(),
    }
}

/// One round of one behaviour.
struct Round<'a> {
    number: u32,
    verdict: &'a Verdict,
    flaky: bool,
}

impl<'a> Round<'a> {
    /// `attempts` are all of one round, in order. The last one decides, but a failure in any of them stays a failure.
    fn of(attempts: &'a [Attempt]) -> Self {
        let verdicts = || attempts.iter().map(|a| &a.judgement.verdict);
        let failed = verdicts().find(|v| matches!(v, Verdict::Fail { .. }));
        let verdict = failed.or_else(|| verdicts().next_back()).unwrap_or(&Verdict::Missing);
        // That somebody interrupted the run says nothing of the target.
        let hindered =
            |v: &Verdict| matches!(v, Verdict::Inconclusive { reason } if *reason != InconclusiveReason::Interrupted);
        let flaky = *verdict == Verdict::Pass && verdicts().any(hindered);
        Self { number: attempts.first().map_or(0, |a| a.round), verdict, flaky }
    }
}

/// Puts what the attempts show and what was concluded together. The worse of the two stands; a waiver may cover what is not met.
fn settle(shown: Option<Verdict>, concluded: Option<Verdict>, rounds: u32, asked: u32) -> (Verdict, Option<String>) {
    let Some(concluded) = concluded else {
        let verdict = match shown {
            Some(fail @ Verdict::Fail { .. }) => fail,
            Some(verdict) if rounds >= asked => verdict,
            _ => Verdict::Missing,
        };
        return (verdict, None);
    };
    let waiver = match &concluded {
        Verdict::Waived { waiver, .. } => Some(waiver.clone()),
        _ => None,
    };
    let claimed = match concluded.beneath() {
        // Neither is a verdict on something that was selected.
        Verdict::NotSelected { .. } => Verdict::Missing,
        Verdict::Pass if shown.is_none() => Verdict::Missing,
        other => other.clone(),
    };
    let verdict = match shown {
        Some(shown) if shown.severity() >= claimed.severity() => shown,
        _ => claimed,
    };
    let verdict = match (waiver, verdict) {
        (Some(waiver), beneath @ (Verdict::Fail { .. } | Verdict::Unsupported { .. })) => {
            Verdict::Waived { waiver, beneath: Box::new(beneath) }
        }
        (_, verdict) => verdict,
    };
    let warning = (verdict.state() != concluded.state())
        .then(|| format!("concluded as {concluded}, which the evidence does not bear out; it counts as {verdict}"));
    (verdict, warning)
}

/// One line for people: what the judge said where it decided, else what the verdict means.
fn summary(result: &BehaviorResult, rounds: u32, asked: u32) -> String {
    let beneath = result.verdict.beneath();
    if let Some(attempt) = result.attempts.iter().find(|a| a.judgement.verdict == *beneath) {
        return attempt.judgement.summary.clone();
    }
    match beneath {
        Verdict::Missing if rounds > 0 => format!("the run ended after {rounds} of {asked} rounds"),
        Verdict::Missing => "the run ended before there was a verdict".to_owned(),
        Verdict::Inconclusive { reason } => format!("not observed: {reason}"),
        Verdict::Unsupported { capability } => format!("the target has no `{capability}`, as it declares"),
        Verdict::NotSelected { why } => format!("left out: {why}"),
        Verdict::Fail { reason } => format!("failed: {reason}"),
        Verdict::Pass | Verdict::Waived { .. } => result.verdict.to_string(),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
