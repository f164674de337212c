//! Step 4, more than one request: the same one twice is one node, different ones at the same time are as many nodes.

use std::{collections::BTreeSet, net::SocketAddr};

use futures_util::future::join_all;
use levelfield_kit::{
    Behavior, Ctx, Hindrance, Nothing, Observation,
    subject::Answer,
    wait::{Look, Waited},
};
use levelfield_provider::{FailureClass, Kind, Node, Scope};
use levelfield_reports::Judgement;
use serde::{Deserialize, Serialize};

use crate::own::{Made, nodes_named, until_running};

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        // Two, where the target makes the second node that it must not make.
        Behavior::new("allocation/request-idempotent", observe_request_idempotent, judge_request_idempotent)
            .owning(2, 0),
        Behavior::new("allocation/parallel-requests", observe_parallel_requests, judge_parallel_requests).owning(3, 0),
    ]
}

// allocation/request-idempotent

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RequestIdempotent {
    first: String,
    /// The id that the repeated request was answered with.
    repeat: Answer<String>,
    /// The nodes that bear the request's name.
    listed: Vec<String>,
}

/// For how long a node just requested may be missing from listings.
const LISTING_LAG_S: f64 = 30.0;

async fn observe_request_idempotent(ctx: Ctx, _: Nothing) -> Observation<RequestIdempotent> {
    let mut made = Made::default();
    let seen = request_twice(&ctx, &mut made).await;
    made.remove(&ctx).await;
    seen
}

async fn request_twice(ctx: &Ctx, made: &mut Made) -> Observation<RequestIdempotent> {
    let mut request = ctx.plain_request("repeated").await?;
    // The name is this request's alone, and so is a token made of it.
    request.client_token = Some(request.name.clone());
    let first = match Answer::of(ctx.target.create_node(&request).await)? {
        Answer::Accepted(node) => node,
        Answer::Refused { message, .. } => {
            return Err(Hindrance::prerequisite("allocation/node-requested", format!("request a node: {message}")));
        }
    };
    made.note(Kind::Node, &first.id);
    let repeat = Answer::of(ctx.target.repeat_node(&request, &first).await)?.map(|node| node.id);
    let answered: Vec<&String> = [&first.id].into_iter().chain(repeat.accepted()).collect();
    let listed = ctx.waiter.wait("requested node listed", LISTING_LAG_S, || async {
        match nodes_named(ctx, &request.name).await {
            Ok(nodes) if answered.iter().all(|id| nodes.iter().any(|n| n.id == **id)) => Look::Met(Ok(nodes)),
            Ok(nodes) => Look::NotYet(format!("{} listed", nodes.len())),
            Err(hindrance) => Look::Met(Err(hindrance)),
        }
    });
    let listed = listed.await.value.transpose()?.unwrap_or_default();
    let listed: Vec<String> = listed.into_iter().map(|node| node.id).collect();
    for id in listed.iter().chain(repeat.accepted()) {
        made.note(Kind::Node, id);
    }
    Ok(RequestIdempotent { first: first.id, repeat, listed })
}

fn judge_request_idempotent(seen: &RequestIdempotent, _: &Nothing) -> Judgement {
    let mut nodes: BTreeSet<&String> = seen.listed.iter().collect();
    nodes.insert(&seen.first);
    nodes.extend(seen.repeat.accepted());
    if nodes.len() > 1 {
        let ids: Vec<&str> = nodes.iter().map(|id| id.as_str()).collect();
        let summary = format!("a request repeated with its client token made {} nodes: {}", ids.len(), ids.join(", "));
        return Judgement::fail("second-node", summary).comparing(&seen.first, ids.join(" "));
    }
    match &seen.repeat {
        Answer::Accepted(_) => {
            Judgement::pass(format!("a repeated request is answered with the first node, {}", seen.first))
        }
        Answer::Refused { class: FailureClass::Conflict, message, .. } => {
            Judgement::pass(format!("a repeated request is refused as a conflict, and one node exists: {message}"))
                .deviating("repeat-refused")
        }
        Answer::Refused { class, message, .. } => {
            Judgement::fail("repeat-refused", format!("a repeated request is refused as {class}: {message}"))
        }
    }
}

// allocation/parallel-requests

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Together {
    nodes: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Asked {
    /// The id that the request was answered with.
    answer: Answer<String>,
    running: Option<Waited<Node>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ParallelRequests {
    asked: Vec<Asked>,
}

async fn observe_parallel_requests(ctx: Ctx, expect: Together) -> Observation<ParallelRequests> {
    let mut made = Made::default();
    let seen = request_together(&ctx, expect.nodes, &mut made).await;
    made.remove(&ctx).await;
    seen
}

async fn request_together(ctx: &Ctx, nodes: u32, made: &mut Made) -> Observation<ParallelRequests> {
    let mut requests = Vec::new();
    for _ in 0..nodes {
        requests.push(ctx.plain_request("parallel").await?);
    }
    let answers = join_all(requests.iter().map(|request| ctx.target.create_node(request))).await;
    for node in answers.iter().flatten() {
        made.note(Kind::Node, &node.id);
    }
    let answers = answers.into_iter().map(Answer::of).collect::<Result<Vec<_>, _>>()?;
    let asked = answers.into_iter().map(|answer| async move {
        let answer = answer.map(|node| node.id);
        let running = match answer.accepted() {
            Some(id) => Some(until_running(ctx, id).await?),
            None => None,
        };
        Ok(Asked { answer, running })
    });
    let asked = join_all(asked).await.into_iter().collect::<Observation<_>>()?;
    Ok(ParallelRequests { asked })
}

fn judge_parallel_requests(seen: &ParallelRequests, _: &Together) -> Judgement {
    let asked = seen.asked.len();
    if let Some(message) = seen.asked.iter().find_map(|a| match &a.answer {
        Answer::Refused { message, .. } => Some(message),
        Answer::Accepted(_) => None,
    }) {
        return Judgement::fail(
            "request-refused",
            format!("of {asked} requests at the same time one is refused: {message}"),
        );
    }
    let ids: BTreeSet<&String> = seen.asked.iter().filter_map(|a| a.answer.accepted()).collect();
    if ids.len() < asked {
        return Judgement::fail("id-shared", format!("{asked} requests at the same time were given {} ids", ids.len()));
    }
    let waits: Vec<&Waited<Node>> = seen.asked.iter().filter_map(|a| a.running.as_ref()).collect();
    let nodes: Vec<&Node> = waits.iter().filter_map(|w| w.value.as_ref()).collect();
    if let Some(lost) = waits.iter().find(|w| !w.met()) {
        // Where none runs, and none was given up, it has nothing to do with how many were asked for.
        if nodes.is_empty() && waits.iter().all(|w| w.took_s >= w.limit_s) {
            return Hindrance::prerequisite("allocation/node-requested", lost.sentence()).judgement();
        }
        let summary = format!("of {asked} nodes asked for at the same time {} run: {}", nodes.len(), lost.sentence());
        return Judgement::fail("request-lost", summary);
    }
    let slowest = waits.iter().map(|w| w.took_s).fold(0.0, f64::max);
    if let Some(shared) = shared_address(&nodes, Scope::Public) {
        let summary = format!("nodes asked for at the same time have the public address {shared} in common");
        return Judgement::fail("address-shared", summary);
    }
    if let Some(shared) = shared_address(&nodes, Scope::Private) {
        // Not a matter of asking at the same time: no two nodes may.
        let detail = format!("nodes have the private address {} in common", shared.ip());
        return Hindrance::prerequisite("addressing/unique", detail).judgement();
    }
    Judgement::pass(format!("{asked} nodes asked for at the same time run, the last after {slowest:.1} s")).measured(
        "slowest running",
        slowest,
        "s",
    )
}

/// An address that two of the nodes state, where SSH is found under the same port too.
fn shared_address(nodes: &[&Node], scope: Scope) -> Option<SocketAddr> {
    let mut taken = BTreeSet::new();
    for node in nodes {
        let own: BTreeSet<SocketAddr> = node.addresses_in(scope).map(levelfield_provider::NodeAddress::ssh).collect();
        if let Some(shared) = own.intersection(&taken).next() {
            return Some(*shared);
        }
        taken.extend(own);
    }
    None
}

#[cfg(test)]
mod tests;
