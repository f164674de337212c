//! Step 4, one node: the request returns at once, the node runs, and its tags are there from the first answer.

use levelfield_kit::{Behavior, Ctx, Hindrance, Nothing, Observation, subject::Requested};
use levelfield_provider::{Kind, ResourceRef, Tags};
use levelfield_reports::{Judgement, event::Stage};
use serde::{Deserialize, Serialize};

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new("allocation/node-requested", observe_node_requested, judge_node_requested)
            .at(&[Stage::Delivered]),
        Behavior::new("allocation/tags", observe_tags, judge_tags).at(&[Stage::Delivered]),
    ]
}

// allocation/node-requested

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RequestTimes {
    return_within_s: f64,
    running_within_s: f64,
}

async fn observe_node_requested(ctx: Ctx, _: RequestTimes) -> Observation<Requested> {
    ctx.fact(|f| f.requested.clone())
}

fn judge_node_requested(seen: &Requested, expect: &RequestTimes) -> Judgement {
    let running = &seen.running;
    let judgement = if seen.first.id.is_empty() {
        Judgement::fail("no-id", "the request returned no id")
    } else if seen.returned_s > expect.return_within_s {
        let summary =
            format!("the request took {:.1} s to return (limit {:.0} s)", seen.returned_s, expect.return_within_s);
        Judgement::fail("slow-to-return", summary)
    } else if !running.met() {
        Judgement::fail("never-running", running.sentence())
    } else if running.took_s > expect.running_within_s {
        let summary = format!("running after {:.1} s only (limit {:.0} s)", running.took_s, expect.running_within_s);
        Judgement::fail("slow-to-run", summary)
    } else {
        let id = &seen.first.id;
        Judgement::pass(format!("id {id} after {:.1} s, running after {:.1} s", seen.returned_s, running.took_s))
    };
    judgement.measured("request returned", seen.returned_s, "s").measured("running", running.took_s, "s")
}

// allocation/tags

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct NodeTags {
    id: String,
    /// What the request gave.
    given: Tags,
    /// What the first answer that knew the node showed.
    first: Tags,
    /// What is shown now.
    now: Tags,
    /// The ids of the nodes that the tags select now.
    selected: Vec<String>,
}

async fn observe_tags(ctx: Ctx, _: Nothing) -> Observation<NodeTags> {
    let requested = ctx.fact(|f| f.requested.clone())?;
    let id = requested.first.id;
    let first = requested.described.map(|node| node.tags).ok_or_else(|| {
        Hindrance::prerequisite("allocation/node-requested", format!("no answer ever showed the node {id}"))
    })?;
    let given = ctx
        .target
        .tags_given(&ResourceRef::new(Kind::Node, id.clone()))
        .ok_or_else(|| Hindrance::harness(format!("the ledger does not hold the node {id}")))?;
    let now = ctx.target.node(&id).await?.tags;
    let selected = ctx.target.nodes(&given).await?.into_iter().map(|node| node.id).collect();
    Ok(NodeTags { id, given, first, now, selected })
}

fn judge_tags(seen: &NodeTags, _: &Nothing) -> Judgement {
    let missing = |shown: &Tags| -> Vec<&str> {
        seen.given.iter().filter(|(key, value)| shown.get(*key) != Some(*value)).map(|(key, _)| key.as_str()).collect()
    };
    let (at_first, still) = (missing(&seen.first), missing(&seen.now));
    if !still.is_empty() {
        return Judgement::fail("tags-missing", format!("the node does not bear the tags {}", still.join(", ")));
    }
    if !at_first.is_empty() {
        let summary = format!(
            "the first answer that shows the node lacks the tags {}, later ones have them",
            at_first.join(", ")
        );
        return Judgement::fail("tags-late", summary);
    }
    if !seen.selected.contains(&seen.id) {
        return Judgement::fail("not-selected", format!("its own tags do not select the node {}", seen.id));
    }
    if let Some(other) = seen.selected.iter().find(|id| **id != seen.id) {
        return Judgement::fail("others-selected", format!("tags that {} alone was given select {other} too", seen.id));
    }
    Judgement::pass(format!("{} tags are on the node in the first answer, and select it alone", seen.given.len()))
}

#[cfg(test)]
mod tests {
    use levelfield_kit::wait::Waited;
    use levelfield_provider::{Node, NodeState};
    use levelfield_reports::Verdict;

    use super::*;

    fn node(id: &str) -> Node {
        Node {
            id: id.to_owned(),
            name: "n".to_owned(),
            state: NodeState::Pending,
            state_reason: None,
            flavor: None,
            image: None,
            zone: None,
            addresses: vec![],
            tags: Tags::new(),
        }
    }

    fn requested(id: &str, returned_s: f64, running_s: Option<f64>) -> Requested {
        Requested {
            returned_s,
            first: node(id),
            described: None,
            zone_asked: None,
            running: Waited {
                wait: "node running".to_owned(),
                limit_s: 120.0,
                took_s: running_s.unwrap_or(120.0),
                value: running_s.map(|_| node(id)),
                last: running_s.is_none().then(|| "pending".to_owned()),
            },
        }
    }

    #[test]
    fn a_request_returns_at_once_and_the_node_runs_in_time() {
        let expect = RequestTimes { return_within_s: 30.0, running_within_s: 120.0 };
        for (seen, verdict) in [
            (requested("n", 0.2, Some(4.0)), Verdict::Pass),
            (requested("n", 30.0, Some(120.0)), Verdict::Pass),
            (requested("", 0.2, Some(4.0)), Verdict::fail("no-id")),
            (requested("n", 31.0, Some(4.0)), Verdict::fail("slow-to-return")),
            (requested("n", 0.2, Some(121.0)), Verdict::fail("slow-to-run")),
            // never-running
            (requested("n", 0.2, None), Verdict::fail("never-running")),
        ] {
            let judged = judge_node_requested(&seen, &expect);
            assert_eq!(judged.verdict, verdict, "{}", judged.summary);
        }
    }

    #[test]
    fn tags_are_there_from_the_first_answer_and_select() {
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let given = || tags(&[("run", "r1"), ("entry", "7")]);
        let more = || tags(&[("run", "r1"), ("entry", "7"), ("added-by", "target")]);
        for (first, now, selected, verdict) in [
            (given(), given(), &["n"][..], Verdict::Pass),
            (more(), more(), &["n"], Verdict::Pass),
            // tags-arrive-late
            (Tags::new(), given(), &["n"], Verdict::fail("tags-late")),
            (Tags::new(), Tags::new(), &[], Verdict::fail("tags-missing")),
            (given(), tags(&[("run", "r1"), ("entry", "8")]), &["n"], Verdict::fail("tags-missing")),
            (given(), given(), &[], Verdict::fail("not-selected")),
            (given(), given(), &["n", "other"], Verdict::fail("others-selected")),
        ] {
            let selected = selected.iter().map(|id| (*id).to_owned()).collect();
            let seen = NodeTags { id: "n".to_owned(), given: given(), first, now, selected };
            let judged = judge_tags(&seen, &Nothing {});
            assert_eq!(judged.verdict, verdict, "{}", judged.summary);
        }
    }
}
