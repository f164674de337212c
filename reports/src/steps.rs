//! The eight rows: can automation take each step of node allocation on this target?
//!
//! YES: every core behaviour of the step passes. PARTIAL: the core behaviours pass and an extended one fails, or a core one passes
//! in some rounds and fails in others. NO: a core behaviour fails in every round. Where a core or extended behaviour was selected
//! and has neither a pass nor a fail, the mark is `?`, never one of the three, unless a core failure settles it as NO. A waiver
//! changes no mark: it is named beside the behaviour.

use std::collections::BTreeMap;

use crate::{
    event::BehaviorInfo,
    record::{BehaviorResult, StepMark, StepRow},
    verdict::Verdict,
};

/// How many steps node allocation has.
pub const STEPS: u8 = 8;

/// What a step asks of automation, in a few words. `step` is 1 to 8.
pub fn title(step: u8) -> &'static str {
    match step {
        1 => "add a node-specific SSH key",
        2 => "get metadata on networks, flavors and images",
        3 => "pick the network, flavor and image",
        4 => "request the node",
        5 => "get the node's public address",
        6 => "log in with the node's SSH key",
        7 => "give root the operator's keys, remove password login",
        8 => "remove the node-specific SSH key",
        _ => "no step of node allocation",
    }
}

/// The eight rows that `results` give.
pub fn rows(behaviors: &BTreeMap<String, BehaviorInfo>, results: &[BehaviorResult]) -> Vec<StepRow> {
    let mut steps: Vec<Vec<(Level, &BehaviorResult)>> = vec![Vec::new(); usize::from(STEPS)];
    for result in results {
        let Some(info) = behaviors.get(&result.id) else { continue };
        let level = match info.level.as_str() {
            "core" => Level::Core,
            "extended" => Level::Extended,
            _ => continue,
        };
        let step = info.step.and_then(|s| s.checked_sub(1)).and_then(|s| steps.get_mut(usize::from(s)));
        if let Some(step) = step {
            step.push((level, result));
        }
    }
    (1..=STEPS).zip(steps).map(|(step, results)| row(step, &results)).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Core,
    Extended,
}

/// What one result says of its step, worst last.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Says {
    /// Nothing against it.
    Nothing,
    /// It works, but not wholly.
    Partial,
    /// It was not found out.
    Unknown,
    /// It does not work.
    No,
}

fn says(level: Level, result: &BehaviorResult) -> Says {
    match (result.verdict.beneath(), level) {
        (Verdict::Fail { .. }, Level::Core) if result.rate.as_ref().is_some_and(|r| r.passed > 0) => Says::Partial,
        (Verdict::Fail { .. }, Level::Core) => Says::No,
        (Verdict::Fail { .. }, Level::Extended) => Says::Partial,
        // The core is what every target must have, so "unsupported" answers nothing there.
        (Verdict::Unsupported { .. }, Level::Core) | (Verdict::Missing | Verdict::Inconclusive { .. }, _) => {
            Says::Unknown
        }
        (Verdict::Unsupported { .. }, Level::Extended)
        | (Verdict::Pass | Verdict::NotSelected { .. } | Verdict::Waived { .. }, _) => Says::Nothing,
    }
}

fn row(step: u8, results: &[(Level, &BehaviorResult)]) -> StepRow {
    let mut row = StepRow { step, mark: StepMark::NotMeasured, because: Vec::new(), patterns: Vec::new() };
    for (_, result) in results {
        for deviation in result.deviations() {
            if !row.patterns.contains(&deviation.pattern) {
                row.patterns.push(deviation.pattern.clone());
            }
        }
    }
    let measured =
        results.iter().any(|(level, r)| *level == Level::Core && !matches!(r.verdict, Verdict::NotSelected { .. }));
    if !measured {
        return row;
    }
    let mut worst = Says::Nothing;
    for (level, result) in results {
        let says = says(*level, result);
        if says != Says::Nothing {
            let waived = matches!(result.verdict, Verdict::Waived { .. });
            row.because.push(if waived { format!("{} (waived)", result.id) } else { result.id.clone() });
        }
        if says > worst {
            worst = says;
        }
    }
    row.mark = match worst {
        Says::Nothing => StepMark::Yes,
        Says::Partial => StepMark::Partial,
        Says::Unknown => StepMark::Inconclusive,
        Says::No => StepMark::No,
    };
    row
}
