//! Inbound rules: shut until opened, open when told so, shut again.
//!
//! A service is started in the peer and proven to answer inside it. Only then does a knock from outside say anything about rules,
//! and afterwards it is shown again that nothing else stood in its way.

use levelfield_kit::{Ctx, Hindrance, Nothing, Observation, remote::Knock, subject::Answer, wait::Waited};
use levelfield_provider::Rule;
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

use super::{
    service::{IN_A_ROW, Proof, Service, Vantage},
    truth::missing,
};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct TakesEffect {
    pub(super) effect_within_s: f64,
}

/// A port for each behaviour, so that they do not get in each other's way.
const UNASKED: u16 = 24811;
const TO_OPEN: u16 = 24812;
const TO_CLOSE: u16 = 24813;

/// A service that no rule permits, knocked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Unasked {
    vantage: Vantage,
    /// The rules of the node's group, as the target lists them.
    rules: Vec<Rule>,
    /// One knock after the other, up to the first that was let in.
    knocks: Vec<Knock>,
    proof: Proof,
}

pub(super) async fn observe_deny(ctx: Ctx, _: Nothing) -> Observation<Unasked> {
    let service = Service::start(&ctx, UNASKED).await?;
    let group = service.group();
    let rules = ctx.target.groups().await?.into_iter().find(|g| g.id == group).map(|g| g.rules).unwrap_or_default();
    let vantage = service.vantage;
    let knocks = service.knocks().await?;
    let proof = service.end().await?;
    Ok(Unasked { vantage, rules, knocks, proof })
}

pub(super) fn judge_deny(seen: &Unasked, _: &Nothing) -> Judgement {
    let port = seen.vantage.port();
    if seen.knocks.contains(&Knock::Open) {
        return Judgement::fail("open", format!("port {port} lets anybody in, and no rule permits it"));
    }
    if let Some(doubt) = seen.proof.doubt() {
        return doubt;
    }
    if seen.knocks.len() < IN_A_ROW {
        return Judgement::inconclusive(InconclusiveReason::Harness, "there were too few knocks");
    }
    let codes: Vec<&str> = seen.knocks.iter().map(Knock::code).collect();
    Judgement::pass(format!("a service on port {port} was not reached: {}", codes.join(", ")))
}

/// A rule that was added to the group of a live node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RuleAdded {
    vantage: Vantage,
    /// A knock before.
    before: Knock,
    /// What the target said to the rule; absent where the port was open already.
    added: Option<Answer<()>>,
    /// Until a knock was let in; absent where the rule was refused.
    opened: Option<Waited<()>>,
    proof: Proof,
}

pub(super) async fn observe_opens(ctx: Ctx, expect: TakesEffect) -> Observation<RuleAdded> {
    let service = Service::start(&ctx, TO_OPEN).await?;
    let (vantage, before) = (service.vantage, service.knock().await?);
    let (mut added, mut opened) = (None, None);
    if before != Knock::Open {
        let answer = Answer::of(service.open().await)?;
        if answer.accepted().is_some() {
            opened = Some(service.until_open(expect.effect_within_s).await);
            take_back(&service).await;
        }
        added = Some(answer);
    }
    let proof = service.end().await?;
    Ok(RuleAdded { vantage, before, added, opened, proof })
}

/// Removes the rule again. What cannot be removed goes with the group, at the end of the run at the latest.
async fn take_back(service: &Service<'_>) {
    if let Err(error) = service.close().await {
        service.ctx.target.warn(format!("remove the rule for port {}: {error}", service.port));
    }
}

pub(super) fn judge_opens(seen: &RuleAdded, expect: &TakesEffect) -> Judgement {
    let port = seen.vantage.port();
    if seen.before == Knock::Open {
        return missing("addressing/default-deny", &format!("port {port} was open before any rule permitted it"));
    }
    if let Some(Answer::Refused { message, .. }) = &seen.added {
        return Judgement::fail("rule-refused", format!("the target refused a rule for port {port}: {message}"));
    }
    match &seen.opened {
        Some(opened) if opened.met() => effect("opened", port, opened.took_s, expect),
        Some(opened) => seen.proof.doubt().unwrap_or_else(|| {
            Judgement::fail(
                "no-effect",
                format!("the rule for port {port} was accepted and opens nothing: {}", opened.sentence()),
            )
        }),
        None => Judgement::inconclusive(InconclusiveReason::Harness, "the port was not knocked at after the rule"),
    }
}

/// A change that took effect, in time or not.
fn effect(what: &str, port: u16, took_s: f64, expect: &TakesEffect) -> Judgement {
    let limit = expect.effect_within_s;
    let judgement = if took_s <= limit {
        Judgement::pass(format!("port {port} {what} {took_s:.1} s after the rule changed"))
    } else {
        Judgement::fail(
            "too-late",
            format!("port {port} {what} {took_s:.1} s after the rule changed; {limit:.0} s are allowed"),
        )
    };
    judgement.measured("rule-to-effect", took_s, "s")
}

/// A rule that was removed from the group of a live node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RuleRemoved {
    vantage: Vantage,
    /// Until the rule, newly added, was in effect.
    opened: Waited<()>,
    /// What the target said to its removal.
    removed: Answer<()>,
    /// Until no knock was let in any more: after how many seconds that began. Absent where the removal was refused.
    closed: Option<Waited<f64>>,
    proof: Proof,
}

pub(super) async fn observe_closes(ctx: Ctx, expect: TakesEffect) -> Observation<RuleRemoved> {
    let service = Service::start(&ctx, TO_CLOSE).await?;
    let vantage = service.vantage;
    let opening = "addressing/rule-opens";
    if service.knock().await? == Knock::Open {
        let detail = format!("port {TO_CLOSE} was open before any rule permitted it");
        return Err(Hindrance::prerequisite("addressing/default-deny", detail));
    }
    if let Answer::Refused { message, .. } = Answer::of(service.open().await)? {
        return Err(Hindrance::prerequisite(opening, message));
    }
    let opened = service.until_open(expect.effect_within_s).await;
    let removed = Answer::of(service.close().await)?;
    if !opened.met() {
        return Err(Hindrance::prerequisite(opening, opened.sentence()));
    }
    let closed = match removed {
        Answer::Accepted(()) => Some(service.until_shut(expect.effect_within_s).await),
        Answer::Refused { .. } => None,
    };
    let proof = service.end().await?;
    Ok(RuleRemoved { vantage, opened, removed, closed, proof })
}

pub(super) fn judge_closes(seen: &RuleRemoved, expect: &TakesEffect) -> Judgement {
    let port = seen.vantage.port();
    if let Answer::Refused { message, .. } = &seen.removed {
        return Judgement::fail(
            "removal-refused",
            format!("the target refused to remove the rule for port {port}: {message}"),
        );
    }
    match &seen.closed {
        Some(Waited { value: Some(since_s), .. }) => {
            seen.proof.doubt().unwrap_or_else(|| effect("shut", port, *since_s, expect))
        }
        Some(closed) => Judgement::fail(
            "still-open",
            format!(
                "the rule for port {port} is removed, and new connections are still let in after {:.0} s",
                closed.took_s
            ),
        ),
        None => Judgement::inconclusive(InconclusiveReason::Harness, "the port was not knocked at after the removal"),
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
