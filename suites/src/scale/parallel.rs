//! `scale/parallel-nodes`: many nodes asked for together all complete the steps as one node does.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use levelfield_kit::{
    Ctx, Hindrance, Observation, journey, open_files,
    settings::Settings,
    subject::{Block, Subject},
};
use levelfield_provider::{Group, Kind, ResourceRef};
use levelfield_reports::{InconclusiveReason, Judgement, event::Stamp, stats};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::JoinSet;

use super::walk::{self, Walked};

pub(super) const ID: &str = "scale/parallel-nodes";

/// What everything made here is called after.
const ROLE: &str = "scale";

/// Nodes that live at one time at most; further ones begin as others end.
pub(super) const AT_ONE_TIME: u32 = 200;

/// What a node may take of the files that this process may have open: sessions, knocks, calls. Both ends of them, where the target is
/// simulated in this very process.
const FILES_PER_NODE: u64 = 16;

/// The parameters of `scale/parallel-nodes`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct AllComplete {
    /// How many nodes walk the steps.
    nodes: u32,
    /// Which share of them must come to the end.
    min_success: f64,
}

/// What became of each node.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Together {
    /// How many were asked for.
    asked: u32,
    /// How many of them lived at one time at most.
    at_one_time: u32,
    /// Each one's fate, in the order of the requests.
    nodes: Vec<Walked>,
}

fn asked(guideline: u32, settings: &Settings) -> u32 {
    settings.scale.nodes.unwrap_or(guideline)
}

/// How many nodes live at one time, if these are the parameters.
pub(super) fn nodes_at_one_time(expect: &Value, settings: &Settings) -> Option<u32> {
    let expect = AllComplete::deserialize(expect).ok()?;
    Some(at_one_time(asked(expect.nodes, settings), open_files::limit()))
}

fn at_one_time(asked: u32, files: u64) -> u32 {
    let bearable = u32::try_from(files / FILES_PER_NODE).unwrap_or(u32::MAX).max(1);
    asked.min(AT_ONE_TIME).min(bearable)
}

pub(super) async fn observe(ctx: Ctx, expect: AllComplete) -> Observation<Together> {
    let asked = asked(expect.nodes, &ctx.target.settings);
    let at_one_time = at_one_time(asked, open_files::limit());
    // One group for all of them: accounts are allowed few, and what a group of its own is worth to a node is judged elsewhere.
    let blocked = |block: Block| block.seen_by(ID);
    let choice = journey::choose(&ctx, None).await.map_err(blocked)?;
    let group = journey::open_group(&ctx, ROLE, &choice).await.map_err(blocked)?;
    let next = Arc::new(AtomicU32::new(0));
    let mut walkers = JoinSet::new();
    for _ in 0..at_one_time {
        walkers.spawn(walk_until_all_did(ctx.clone(), group.clone(), Arc::clone(&next), asked));
    }
    let mut nodes = Vec::new();
    while let Some(ended) = walkers.join_next().await {
        nodes.extend(ended.map_err(|e| Hindrance::harness(format!("walk a node through the steps: {e}")))?);
    }
    nodes.sort_unstable_by_key(|(nth, _)| *nth);
    if let Some(group) = group {
        journey::remove(&ctx, ResourceRef::new(Kind::Group, group.id), ROLE).await;
    }
    Ok(Together { asked, at_one_time, nodes: nodes.into_iter().map(|(_, walked)| walked).collect() })
}

async fn walk_until_all_did(ctx: Ctx, group: Option<Group>, next: Arc<AtomicU32>, asked: u32) -> Vec<(u32, Walked)> {
    let mut walked = Vec::new();
    loop {
        let nth = next.fetch_add(1, Ordering::Relaxed);
        if nth >= asked {
            return walked;
        }
        let subject = Subject::new(ROLE, ctx.round()).in_group(group.clone());
        journey::deliver(&ctx, &subject).await;
        walk::walk_on(&ctx, &subject).await;
        let stopped = walk::stopped(&subject);
        walked.push((nth, walk::conclude(&ctx, &subject, stopped).await));
    }
}

pub(super) fn judge(seen: &Together, expect: &AllComplete) -> Judgement {
    with_measures(verdict(seen, expect), seen)
}

fn verdict(seen: &Together, expect: &AllComplete) -> Judgement {
    let asked = seen.nodes.len();
    let done = seen.nodes.iter().filter(|node| node.stopped.is_none()).count();
    let counted = format!("{done} of {asked} nodes completed the eight steps");
    let share = |part: usize| if asked == 0 { 0.0 } else { part as f64 / asked as f64 };
    let enough = |part: usize| share(part) >= expect.min_success;
    let undecided = walk::first_undecided(seen.nodes.iter());
    let without_verdict =
        seen.nodes.iter().filter(|n| n.stopped.as_ref().is_some_and(|s| s.undecided.is_some())).count();
    let most = walk::most_stopped(seen.nodes.iter());

    if !enough(done + without_verdict)
        && let Some(stop) = most
    {
        let summary = format!("{counted}; most others stopped at {}: {}", stop.owner, stop.detail);
        return if done == 0 {
            // What holds for no node at all is not a matter of numbers.
            Judgement::inconclusive(InconclusiveReason::Prerequisite(stop.owner.clone()), summary)
        } else {
            let required = expect.min_success * 100.0;
            Judgement::fail("nodes-lost", format!("{summary} ({required:.0} % must complete them)"))
        };
    }
    if !enough(done)
        && let Some((stop, reason)) = undecided
    {
        return Judgement::inconclusive(reason, format!("{counted}; at {}: {}", stop.owner, stop.detail));
    }
    if seen.asked < expect.nodes || done == 0 {
        let summary = format!(
            "{counted}; the guideline asks for {} nodes, the target's configuration for {}",
            expect.nodes, seen.asked
        );
        return Judgement::inconclusive(InconclusiveReason::Harness, summary);
    }
    let login: Vec<f64> = stamped(seen, Stamp::LoginDone);
    let pace = stats::spread(&login)
        .map(|s| format!("; logged in after {:.1} s in the median, {:.1} s at most", s.p50, s.max))
        .unwrap_or_default();
    Judgement::pass(format!("{counted}, {} at one time{pace}", seen.at_one_time))
}

fn stamped(seen: &Together, stamp: Stamp) -> Vec<f64> {
    seen.nodes.iter().filter_map(|node| node.stamps.get(&stamp).copied()).collect()
}

fn with_measures(judgement: Judgement, seen: &Together) -> Judgement {
    let done = seen.nodes.iter().filter(|node| node.stopped.is_none()).count();
    let mut judgement = judgement.measured("nodes asked for", f64::from(seen.asked), "count").measured(
        "nodes completed",
        done as f64,
        "count",
    );
    for stamp in Stamp::ALL {
        if let Some(spread) = stats::spread(&stamped(seen, stamp)) {
            for (what, value) in [("p50", spread.p50), ("p90", spread.p90), ("max", spread.max)] {
                judgement = judgement.measured(format!("{}, {what}", stamp.title()), value, "s");
            }
        }
    }
    judgement
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use levelfield_reports::Verdict;

    use super::*;
    use crate::scale::walk::Stopped;

    fn done(login: f64) -> Walked {
        let stamps = BTreeMap::from([(Stamp::RequestReturned, 0.2), (Stamp::LoginDone, login)]);
        Walked { node: Some("i-1".to_owned()), stamps, stopped: None }
    }

    fn stopped(owner: &str, undecided: Option<InconclusiveReason>) -> Walked {
        let stopped = Stopped { owner: owner.to_owned(), detail: "seen".to_owned(), undecided };
        Walked { node: None, stamps: BTreeMap::new(), stopped: Some(stopped) }
    }

    fn together(nodes: Vec<Walked>) -> Together {
        let asked = u32::try_from(nodes.len()).unwrap();
        Together { asked, at_one_time: asked, nodes }
    }

    #[test]
    fn the_verdict_follows_from_how_many_completed() {
        let inconclusive = |reason| Verdict::Inconclusive { reason };
        let lost = || stopped("allocation/node-requested", None);
        let quota = || stopped("allocation/node-requested", Some(InconclusiveReason::Quota));
        for (name, nodes, min_success, verdict) in [
            ("all", vec![done(4.0), done(5.0), done(6.0), done(7.0)], 1.0, Verdict::Pass),
            ("scale-one-fails", vec![done(4.0), done(5.0), done(6.0), lost()], 1.0, Verdict::fail("nodes-lost")),
            ("one may fail", vec![done(4.0), done(5.0), done(6.0), lost()], 0.75, Verdict::Pass),
            (
                "no node at all",
                vec![lost(), lost(), stopped("login/key-accepted", None), lost()],
                1.0,
                inconclusive(InconclusiveReason::Prerequisite("allocation/node-requested".to_owned())),
            ),
            ("quota", vec![done(4.0), done(5.0), done(6.0), quota()], 1.0, inconclusive(InconclusiveReason::Quota)),
            ("all quota", vec![quota(), quota(), quota(), quota()], 1.0, inconclusive(InconclusiveReason::Quota)),
            ("quota besides a loss", vec![done(4.0), done(5.0), lost(), quota()], 1.0, Verdict::fail("nodes-lost")),
            (
                "quota decides",
                vec![done(4.0), done(5.0), lost(), quota()],
                0.75,
                inconclusive(InconclusiveReason::Quota),
            ),
            ("none asked", vec![], 1.0, inconclusive(InconclusiveReason::Harness)),
        ] {
            let judgement = judge(&together(nodes), &AllComplete { nodes: 4, min_success });
            assert_eq!(judgement.verdict, verdict, "{name}: {}", judgement.summary);
        }
    }

    #[test]
    fn fewer_nodes_than_the_guideline_asks_for_prove_nothing_but_a_loss() {
        let expect = AllComplete { nodes: 20, min_success: 1.0 };
        let few = judge(&together(vec![done(1.0), done(2.0)]), &expect);
        assert_eq!(few.verdict, Verdict::Inconclusive { reason: InconclusiveReason::Harness });
        let lost = judge(&together(vec![done(1.0), stopped("login/key-accepted", None)]), &expect);
        assert_eq!(lost.verdict, Verdict::fail("nodes-lost"));
    }

    #[test]
    fn every_stamp_is_measured() {
        let nodes = (1..=10).map(|n| done(f64::from(n))).collect();
        let judgement = judge(&together(nodes), &AllComplete { nodes: 10, min_success: 1.0 });
        let value = |name: &str| judgement.measures.iter().find(|m| m.name == name).map(|m| m.value);
        assert_eq!(value("login done, p50"), Some(5.0));
        assert_eq!(value("login done, p90"), Some(9.0));
        assert_eq!(value("login done, max"), Some(10.0));
        assert_eq!(value("nodes completed"), Some(10.0));
        assert_eq!(value("running, p50"), None);
        assert_eq!(
            judgement.summary,
            "10 of 10 nodes completed the eight steps, 10 at one time; logged in after 5.0 s in the median, 10.0 s at most"
        );
    }

    #[test]
    fn evidence_of_one_node_is_small() {
        let line = serde_json::to_string(&done(4.125)).unwrap();
        assert_eq!(line, r#"{"node":"i-1","stamps":{"request-returned":0.2,"login-done":4.125}}"#);
        assert_eq!(serde_json::from_str::<Walked>(&line).unwrap(), done(4.125));
    }

    #[test]
    fn no_more_live_at_one_time_than_files_may_be_open_for() {
        for (asked, files, living) in
            [(20, 1024, 20), (1000, 20_000, 200), (1000, u64::MAX, 200), (1000, 1024, 64), (1000, 3, 1)]
        {
            assert_eq!(at_one_time(asked, files), living, "{asked} nodes, {files} files");
        }
    }

    #[test]
    fn the_demand_is_what_lives_at_one_time() {
        let expect = serde_json::json!({ "nodes": 20, "min-success": 1.0 });
        let mut settings = Settings::default();
        assert_eq!(nodes_at_one_time(&expect, &settings), Some(20));
        settings.scale.nodes = Some(1000);
        open_files::raise_limit();
        assert_eq!(nodes_at_one_time(&expect, &settings), Some(AT_ONE_TIME));
    }
}
