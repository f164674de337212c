//! `scale/churn`: nodes created and destroyed in a loop come as fast at the end as at the beginning, and leave nothing.

use std::sync::{Mutex, PoisonError};

use levelfield_kit::{Ctx, Observation, journey, subject::Subject, wait::Look};
use levelfield_provider::Kind;
use levelfield_reports::{InconclusiveReason, Judgement, stats};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::walk::{self, Walked};

pub(super) const ID: &str = "scale/churn";

/// The parameters of `scale/churn`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct NoDrift {
    /// How many nodes come and go, one after the other.
    rounds: u32,
    /// By how much the median time of the second half of the rounds may exceed that of the first half, as a fraction of it.
    max_drift: f64,
}

/// What the rounds took and left.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Churned {
    /// The rounds, in order. A round that could not be completed is the last.
    rounds: Vec<Round>,
    /// What the inventory still held of them at the end.
    left: Vec<Left>,
}

/// One node's life.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Round {
    /// Seconds from nothing to the first login.
    came_s: f64,
    /// Seconds from the request to terminate until the listing showed it gone and its port was silent.
    went_s: f64,
    /// The names of what was made for it.
    names: Vec<String>,
    /// What became of it.
    node: Walked,
}

/// A thing that outlived its round.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Left {
    /// The round, from 1.
    round: usize,
    /// What it is.
    kind: Kind,
    /// Its name.
    name: String,
}

pub(super) async fn observe(ctx: Ctx, expect: NoDrift) -> Observation<Churned> {
    let mut rounds = Vec::new();
    for _ in 0..expect.rounds {
        let round = come_and_go(&ctx, &Subject::new("churn", ctx.round())).await;
        let complete = round.node.stopped.is_none();
        rounds.push(round);
        if !complete {
            break;
        }
    }
    let left = what_is_left(&ctx, &rounds).await?;
    Ok(Churned { rounds, left })
}

async fn come_and_go(ctx: &Ctx, subject: &Subject) -> Round {
    let clock = ctx.target.clock;
    let begun = Instant::now();
    journey::deliver(ctx, subject).await;
    let came_s = walk::to_millis(clock.since(begun));
    let delivered = Instant::now();
    journey::terminate(ctx, subject).await;
    let went_s = walk::to_millis(clock.since(delivered));
    let names = subject.read(|s| {
        let node = s.node.as_ref().map(|node| node.name.clone());
        let key = s.key_pair.as_ref().map(|key| key.name.clone());
        let group = s.group.as_ref().map(|group| group.name.clone());
        [node, key, group].into_iter().flatten().collect()
    });
    let stopped = walk::stopped(subject);
    Round { came_s, went_s, names, node: walk::conclude(ctx, subject, stopped).await }
}

impl Round {
    /// Whether a thing called `name` was made for this round, or belongs to what was: a root volume is called after its node.
    fn made(&self, name: &str) -> bool {
        self.names
            .iter()
            .any(|ours| name.strip_prefix(ours).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit())))
    }
}

/// What the inventory holds of the rounds, once it had the time that a node may take to go.
async fn what_is_left(ctx: &Ctx, rounds: &[Round]) -> Observation<Vec<Left>> {
    let last = Mutex::new(Ok(Vec::new()));
    ctx.waiter
        .wait("nothing left of the rounds", ctx.params.gone_within_s, || async {
            let listed = ctx.target.inventory().await.map(|all| {
                let of_round = |name: &str| rounds.iter().position(|round| round.made(name));
                all.into_iter()
                    .filter_map(|r| Some(Left { round: of_round(&r.name)? + 1, kind: r.resource.kind, name: r.name }))
                    .collect::<Vec<_>>()
            });
            let look = match &listed {
                Ok(left) if left.is_empty() => Look::Met(()),
                Ok(left) => Look::NotYet(format!("{} left", left.len())),
                Err(error) => Look::Never(error.to_string()),
            };
            *last.lock().unwrap_or_else(PoisonError::into_inner) = listed;
            look
        })
        .await;
    Ok(last.into_inner().unwrap_or_else(PoisonError::into_inner)?)
}

pub(super) fn judge(seen: &Churned, expect: &NoDrift) -> Judgement {
    let complete: Vec<f64> =
        seen.rounds.iter().filter(|r| r.node.stopped.is_none()).map(|r| r.came_s + r.went_s).collect();
    let middle = complete.len().div_ceil(2);
    let first = stats::median(&complete[..complete.len() / 2]);
    let second = stats::median(&complete[middle..]);
    let drift = first.zip(second).filter(|(first, _)| *first > 0.0).map(|(first, second)| second / first - 1.0);
    let mut judgement = verdict(seen, expect, complete.len(), drift).measured("rounds", complete.len() as f64, "count");
    for (name, value) in [("round, first half", first), ("round, second half", second)] {
        if let Some(value) = value {
            judgement = judgement.measured(name, value, "s");
        }
    }
    drift.into_iter().fold(judgement, |judgement, drift| judgement.measured("drift", drift, "fraction"))
}

fn verdict(seen: &Churned, expect: &NoDrift, complete: usize, drift: Option<f64>) -> Judgement {
    let stopped = seen.rounds.iter().find_map(|round| round.node.stopped.as_ref());
    if let Some(stop) = stopped {
        let summary = format!("round {} stopped at {}: {}", complete + 1, stop.owner, stop.detail);
        return match &stop.undecided {
            Some(reason) => Judgement::inconclusive(reason.clone(), summary),
            None if complete == 0 => {
                Judgement::inconclusive(InconclusiveReason::Prerequisite(stop.owner.clone()), summary)
            }
            None => Judgement::fail("round-failed", summary),
        };
    }
    let Some(drift) = drift.filter(|_| complete >= expect.rounds as usize) else {
        let summary = format!("{complete} rounds do not show whether the times drift");
        return Judgement::inconclusive(InconclusiveReason::Harness, summary);
    };
    let percent = drift * 100.0;
    if drift > expect.max_drift {
        let most = expect.max_drift * 100.0;
        let summary = format!(
            "of {complete} rounds the later took {percent:.0} % longer than the earlier, at most {most:.0} % is allowed"
        );
        return Judgement::fail("slower-and-slower", summary);
    }
    match left_in(seen) {
        ([], _) => Judgement::pass(format!("{complete} nodes came and went, drift {percent:.0} %, nothing is left")),
        // What every single node leaves behind is not a matter of numbers.
        ([some, ..], rounds) if rounds == complete => {
            let summary = format!("every round left something, such as {} `{}`", some.kind, some.name);
            Judgement::inconclusive(InconclusiveReason::Prerequisite("allocation/nothing-left".to_owned()), summary)
        }
        ([some, ..], rounds) => {
            let summary =
                format!("{rounds} of {complete} rounds left something, such as {} `{}`", some.kind, some.name);
            Judgement::fail("left-behind", summary)
        }
    }
}

/// What is left, and in how many rounds something was left.
fn left_in(seen: &Churned) -> (&[Left], usize) {
    let rounds: std::collections::BTreeSet<usize> = seen.left.iter().map(|left| left.round).collect();
    (&seen.left, rounds.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use levelfield_reports::Verdict;

    use super::*;
    use crate::scale::walk::Stopped;

    fn round(seconds: f64, stopped: Option<Stopped>) -> Round {
        Round {
            came_s: seconds,
            went_s: 1.0,
            names: vec![],
            node: Walked { node: None, stamps: BTreeMap::new(), stopped },
        }
    }

    fn rounds(seconds: &[f64]) -> Vec<Round> {
        seconds.iter().map(|s| round(*s, None)).collect()
    }

    fn left(rounds: &[usize]) -> Vec<Left> {
        rounds.iter().map(|r| Left { round: *r, kind: Kind::Volume, name: format!("lf-a-churn-{r}-root") }).collect()
    }

    #[test]
    fn times_that_do_not_drift_and_nothing_left_is_what_passes() {
        let inconclusive = |reason| Verdict::Inconclusive { reason };
        let prerequisite = |id: &str| inconclusive(InconclusiveReason::Prerequisite(id.to_owned()));
        let stop = |undecided| {
            Some(Stopped { owner: "allocation/node-requested".to_owned(), detail: "seen".to_owned(), undecided })
        };
        for (name, rounds, left, verdict) in [
            ("steady", rounds(&[4.0, 5.0, 3.0, 4.0]), left(&[]), Verdict::Pass),
            ("faster", rounds(&[9.0, 9.0, 3.0, 3.0]), left(&[]), Verdict::Pass),
            ("as much as is allowed", rounds(&[4.0, 4.0, 9.0, 9.0]), left(&[]), Verdict::Pass),
            ("churn-slows", rounds(&[4.0, 8.0, 12.0, 16.0]), left(&[]), Verdict::fail("slower-and-slower")),
            ("one slow round", rounds(&[4.0, 4.0, 60.0, 4.0]), left(&[]), Verdict::Pass),
            ("left once", rounds(&[4.0; 4]), left(&[3]), Verdict::fail("left-behind")),
            ("volume-left-behind", rounds(&[4.0; 4]), left(&[1, 2, 3, 4]), prerequisite("allocation/nothing-left")),
            ("no node", vec![round(1.0, stop(None))], left(&[]), prerequisite("allocation/node-requested")),
            (
                "a node in between",
                vec![round(4.0, None), round(1.0, stop(None))],
                left(&[]),
                Verdict::fail("round-failed"),
            ),
            (
                "quota",
                vec![round(4.0, None), round(1.0, stop(Some(InconclusiveReason::Quota)))],
                left(&[]),
                inconclusive(InconclusiveReason::Quota),
            ),
            ("no rounds", vec![], left(&[]), inconclusive(InconclusiveReason::Harness)),
        ] {
            let judgement = judge(&Churned { rounds, left }, &NoDrift { rounds: 4, max_drift: 1.0 });
            assert_eq!(judgement.verdict, verdict, "{name}: {}", judgement.summary);
        }
    }

    #[test]
    fn a_round_knows_what_is_its_own() {
        let round = Round { names: vec!["lf-a-churn-1".to_owned(), "lf-a-churn-key-2".to_owned()], ..round(1.0, None) };
        for (name, own) in [
            ("lf-a-churn-1", true),
            ("lf-a-churn-1-root", true),
            ("lf-a-churn-key-2", true),
            ("lf-a-churn-12", false),
            ("lf-a-churn-3", false),
        ] {
            assert_eq!(round.made(name), own, "{name}");
        }
    }

    #[test]
    fn the_halves_are_measured() {
        let seen = Churned { rounds: rounds(&[3.0, 4.0, 99.0, 5.0, 7.0]), left: vec![] };
        let judgement = judge(&seen, &NoDrift { rounds: 5, max_drift: 1.0 });
        let values: Vec<_> = judgement.measures.iter().map(|m| (m.name.as_str(), m.value)).collect();
        assert_eq!(values, [("rounds", 5.0), ("round, first half", 4.0), ("round, second half", 6.0), ("drift", 0.5)]);
    }
}
