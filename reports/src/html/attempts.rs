//! How a result came about: its rounds at a glance, and the attempts that are worth reading.

use std::io::{self, Write};

use super::{
    diff,
    evidence::Evidence,
    markup::{Markup, html},
    view::View,
    words,
};
use crate::record::{Attempt, BehaviorResult, Rate};

/// The rounds and the attempts of `result`.
pub(super) fn write(
    out: &mut dyn Write,
    view: &View<'_>,
    result: &BehaviorResult,
    evidence: &mut Evidence<'_>,
) -> io::Result<()> {
    if result.attempts.is_empty() {
        return html!(out, "<p class=\"empty\">It was never attempted.</p>\n");
    }
    if result.attempts.len() > 1 {
        strip(out, view, result)?;
    }
    let chosen = chosen(view, result);
    for index in &chosen {
        attempt(out, result, *index, evidence)?;
    }
    let hidden = result.attempts.len() - chosen.len();
    if hidden > 0 {
        let failing = (0..result.attempts.len())
            .filter(|index| !chosen.contains(index) && result.attempts[*index].judgement.verdict.severity() > 0)
            .count();
        let are = if hidden == 1 { "attempt is" } else { "attempts are" };
        let rest = if failing == 0 {
            "passes all".to_owned()
        } else {
            format!("{} of them not a pass", words::grouped(failing as u64))
        };
        html!(
            out,
            "<p class=\"capped\">{} more {} not spelled out here, {}; run.json has them all.</p>\n",
            words::grouped(hidden as u64),
            are,
            rest
        )?;
    }
    Ok(())
}

/// Which attempts are spelled out: the one that decided, the others that are not a pass, and a pass to compare them with.
fn chosen(view: &View<'_>, result: &BehaviorResult) -> Vec<usize> {
    let decided = result.deciding().and_then(|decided| result.attempts.iter().position(|a| std::ptr::eq(a, decided)));
    let is_pass = |index: &usize| result.attempts[*index].judgement.verdict.severity() == 0;
    let mut chosen: Vec<usize> = decided.into_iter().collect();
    chosen.extend((0..result.attempts.len()).filter(|index| Some(*index) != decided && !is_pass(index)));
    chosen.truncate(view.limits.attempts.max(1));
    if !chosen.iter().any(is_pass) {
        chosen.extend((0..result.attempts.len()).find(is_pass));
    }
    chosen.sort_unstable();
    chosen
}

/// The rate, and one sign for each attempt, round after round.
fn strip(out: &mut dyn Write, view: &View<'_>, result: &BehaviorResult) -> io::Result<()> {
    html!(out, "<div class=\"rounds\">")?;
    if let Some(rate) = &result.rate {
        self::rate(out, rate)?;
    }
    let shown = result.attempts.len().min(view.limits.strip);
    html!(
        out,
        "<p class=\"strip\" role=\"img\" aria-label=\"{}\">",
        format!("{} in order of rounds", words::count(result.attempts.len(), "attempt"))
    )?;
    for attempt in &result.attempts[..shown] {
        let state = attempt.judgement.verdict.state();
        html!(
            out,
            "<i class=\"{}{}\" title=\"round {}, attempt {}: {}\">{}</i>",
            state,
            if attempt.attempt > 1 { " again" } else { "" },
            attempt.round,
            attempt.attempt,
            words::state(&attempt.judgement.verdict),
            words::sign(state)
        )?;
    }
    html!(out, "</p>")?;
    super::frame::capped(out, result.attempts.len(), shown, "attempts", "The rate counts them all.")?;
    html!(out, "</div>\n")
}

fn rate(out: &mut dyn Write, rate: &Rate) -> io::Result<()> {
    let share = if rate.of == 0 { 0.0 } else { f64::from(rate.passed) / f64::from(rate.of) };
    let place = |share: f64| format!("{:.2}%", share.clamp(0.0, 1.0) * 100.0);
    html!(
        out,
        "<p class=\"rate\"><b>{} of {}</b> decided rounds pass ({}); 95 % confidence {} to {}</p>",
        rate.passed,
        rate.of,
        words::percent(share),
        words::percent(rate.low),
        words::percent(rate.high)
    )?;
    html!(
        out,
        "<svg class=\"interval\" width=\"100%\" height=\"12\" aria-hidden=\"true\"><line class=\"axis\" x1=\"0\" x2=\"100%\" y1=\"6\" y2=\"6\" /><line class=\"range\" x1=\"{}\" x2=\"{}\" y1=\"6\" y2=\"6\" /><circle cx=\"{}\" cy=\"6\" r=\"4\" /></svg>",
        Markup(place(rate.low)),
        Markup(place(rate.high)),
        Markup(place(share))
    )
}

fn attempt(out: &mut dyn Write, result: &BehaviorResult, index: usize, evidence: &mut Evidence<'_>) -> io::Result<()> {
    let Attempt { round, attempt, seconds, readings, judgement } = &result.attempts[index];
    let several = result.attempts.len() > 1;
    html!(out, "<div class=\"attempt\">\n")?;
    if several {
        let state = judgement.verdict.state();
        html!(
            out,
            "<p class=\"attempthead\"><span class=\"state {}\"><i>{}</i>{}</span> round {}, attempt {}, {}",
            state,
            words::sign(state),
            judgement.verdict.to_string(),
            *round,
            *attempt,
            words::duration(*seconds)
        )?;
        html!(out, "<span class=\"summary\">{}</span></p>\n", judgement.summary)?;
    } else if judgement.summary != result.summary {
        html!(out, "<p>{}</p>\n", judgement.summary)?;
    }
    if !judgement.measures.is_empty() {
        html!(out, "<dl class=\"values\">")?;
        for measure in &judgement.measures {
            html!(
                out,
                "<div><dt>{}</dt><dd>{}</dd></div>",
                measure.name,
                words::measure(measure.value, &measure.unit)
            )?;
        }
        html!(out, "</dl>\n")?;
    }
    if let Some(difference) = &judgement.difference {
        diff::write(out, difference)?;
    }
    let pass = judgement.verdict.severity() == 0;
    for reading in readings {
        evidence.write(out, reading, pass)?;
    }
    html!(out, "</div>\n")
}
