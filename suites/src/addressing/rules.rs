//! Inbound rules: shut until opened, open when told so, shut again.
//!
//! A service is started in the peer and proven to answer inside it. Only then does a knock from outside say anything about rules,
//! and afterwards it is shown again that nothing else stood in its way.

use std::net::SocketAddr;

use ipnet::{IpNet, Ipv4Net};
use levelfield_kit::{
    Ctx, Hindrance, Nothing, Observation,
    guest::{Guest, GuestError, HttpOutcome, HttpProbe},
    remote::{Knock, Running},
    subject::{AddressPattern, Answer},
    wait::{Look, Waited},
};
use levelfield_provider::{Protocol, ProviderError, Rule};
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::truth::missing;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct TakesEffect {
    pub(super) effect_within_s: f64,
}

/// A port for each behaviour, so that they do not get in each other's way.
const UNASKED: u16 = 24811;
const TO_OPEN: u16 = 24812;
const TO_CLOSE: u16 = 24813;

/// How many knocks in a row have to agree that a port is shut.
const IN_A_ROW: usize = 3;
/// How long a knock waits, in seconds on the target's clock.
const KNOCK_S: f64 = 5.0;
/// How long the service runs at most, in seconds here.
const SERVES_S: u32 = 900;

/// From where the knocks come, and at what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Vantage {
    /// From the machine that the harness runs on.
    Outside {
        /// The service, at the address that the way in uses.
        service: SocketAddr,
        /// The way in itself.
        ssh: SocketAddr,
    },
    /// From another node, because no further port of the address outside leads to the service.
    Neighbour {
        /// The service, at the node's private address.
        service: SocketAddr,
    },
}

/// What shows that nothing but rules stood in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Proof {
    /// Whether the service still answered inside the node.
    answers_inside: bool,
    /// Whether the node's SSH port still answered from outside; absent where the knocks came from inside.
    ssh: Option<Knock>,
}

impl Proof {
    /// Why a silent port proves nothing, if so.
    fn doubt(&self) -> Option<Judgement> {
        if !self.answers_inside {
            let reason = InconclusiveReason::Image;
            return Some(Judgement::inconclusive(reason, "the service in the node stopped while it was knocked at"));
        }
        match &self.ssh {
            None | Some(Knock::Open) => None,
            Some(other) => Some(Judgement::inconclusive(
                InconclusiveReason::RunnerNetwork,
                format!("the node's SSH port was not reached any more either: {other}"),
            )),
        }
    }
}

/// A service that runs in the peer.
struct Service<'c> {
    ctx: &'c Ctx,
    port: u16,
    inside: Guest,
    neighbour: Option<Guest>,
    vantage: Vantage,
    running: Running,
}

impl<'c> Service<'c> {
    /// Starts a service on `port` of the peer and waits until it answers there.
    async fn start(ctx: &'c Ctx, port: u16) -> Result<Self, Hindrance> {
        let inside = ctx.inside_peer()?;
        let vantage = vantage(ctx, port)?;
        let neighbour = if matches!(vantage, Vantage::Neighbour { .. }) { Some(ctx.inside()?) } else { None };
        let running = inside.listen(port, SERVES_S).await?;
        let up = ctx
            .waiter
            .wait("service answering inside the node", 30.0, || async {
                match answers(&inside, port).await {
                    Ok(true) => Look::Met(()),
                    Ok(false) => Look::NotYet("no answer at 127.0.0.1".to_owned()),
                    Err(error) => Look::Never(error.to_string()),
                }
            })
            .await;
        if !up.met() {
            return Err(Hindrance::inconclusive(InconclusiveReason::Image, up.sentence()));
        }
        Ok(Self { ctx, port, inside, neighbour, vantage, running })
    }

    /// Knocks once.
    async fn knock(&self) -> Result<Knock, Hindrance> {
        match (self.vantage, &self.neighbour) {
            (Vantage::Outside { service, .. }, _) => Ok(self.knock_outside(service).await),
            (Vantage::Neighbour { service }, Some(neighbour)) => {
                let answer = neighbour.http(&HttpProbe::get(format!("http://{service}/"), 5)).await?;
                Ok(match answer.outcome {
                    HttpOutcome::Status => Knock::Open,
                    HttpOutcome::Refused => Knock::Refused,
                    HttpOutcome::TimedOut => Knock::TimedOut,
                    _ => Knock::Unreachable { why: answer.detail },
                })
            }
            (Vantage::Neighbour { .. }, None) => Err(Hindrance::harness("there is no neighbour to knock from")),
        }
    }

    async fn knock_outside(&self, address: SocketAddr) -> Knock {
        self.ctx.remote.knock(address, self.ctx.target.clock.wall(KNOCK_S)).await
    }

    /// Knocks until the port turns out to be open, or was shut so many times in a row.
    async fn knocks(&self) -> Result<Vec<Knock>, Hindrance> {
        let mut knocks = Vec::new();
        while knocks.len() < IN_A_ROW && knocks.last() != Some(&Knock::Open) {
            knocks.push(self.knock().await?);
        }
        Ok(knocks)
    }

    /// Waits until a knock is let in.
    async fn until_open(&self, limit_s: f64) -> Waited<()> {
        let look = || async {
            match self.knock().await {
                Ok(Knock::Open) => Look::Met(()),
                Ok(other) => Look::NotYet(other.to_string()),
                Err(hindrance) => Look::NotYet(hindrance.judgement().summary),
            }
        };
        self.ctx.waiter.wait("port open by the new rule", limit_s, look).await
    }

    /// Waits until no knock is let in; tells after how many seconds that began.
    async fn until_shut(&self, limit_s: f64) -> Waited<f64> {
        let removed = Instant::now();
        let look = || async {
            let since_s = self.ctx.target.clock.since(removed);
            match self.knocks().await {
                Ok(knocks) if !knocks.contains(&Knock::Open) => Look::Met(since_s),
                Ok(_) => Look::NotYet("the port accepts connections".to_owned()),
                Err(hindrance) => Look::NotYet(hindrance.judgement().summary),
            }
        };
        self.ctx.waiter.wait("port shut without the rule", limit_s, look).await
    }

    /// Lets this service in from anywhere.
    async fn open(&self) -> Result<(), ProviderError> {
        self.ctx.target.add_rule(&self.group(), &self.rule()).await
    }

    /// Lets it in no more.
    async fn close(&self) -> Result<(), ProviderError> {
        self.ctx.target.remove_rule(&self.group(), &self.rule()).await
    }

    fn group(&self) -> String {
        let group = |peer: &levelfield_kit::subject::Subject| peer.read(|s| s.group.as_ref().map(|g| g.id.clone()));
        self.ctx.peer().ok().and_then(group).unwrap_or_default()
    }

    fn rule(&self) -> Rule {
        let (port, anywhere) = (self.port, Ipv4Net::default());
        Rule { protocol: Protocol::Tcp, from_port: port, to_port: port, source: IpNet::V4(anywhere) }
    }

    /// Looks once more whether anything else stood in the way, and stops the service.
    async fn end(self) -> Result<Proof, Hindrance> {
        let answers_inside = answers(&self.inside, self.port).await?;
        let ssh = match self.vantage {
            Vantage::Outside { ssh, .. } => Some(self.knock_outside(ssh).await),
            Vantage::Neighbour { .. } => None,
        };
        self.running.stop().await;
        Ok(Proof { answers_inside, ssh })
    }
}

async fn answers(inside: &Guest, port: u16) -> Result<bool, GuestError> {
    let answer = inside.http(&HttpProbe::get(format!("http://127.0.0.1:{port}/"), 5)).await?;
    Ok(answer.outcome == HttpOutcome::Status)
}

/// From outside, wherever the address of the way in is the node's own. The service listens on IPv4.
fn vantage(ctx: &Ctx, port: u16) -> Result<Vantage, Hindrance> {
    let peer = ctx.peer()?;
    let ssh = peer.way(ctx.behavior())?.door.address;
    let forwarded = peer.fact(ctx.behavior(), |f| f.addressed.clone())?.pattern == AddressPattern::PortForwarding;
    if ssh.is_ipv4() && !forwarded {
        return Ok(Vantage::Outside { service: SocketAddr::new(ssh.ip(), port), ssh });
    }
    Ok(Vantage::Neighbour { service: SocketAddr::new(ctx.private_address(peer)?, port) })
}

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

impl Vantage {
    fn port(self) -> u16 {
        match self {
            Self::Outside { service, .. } | Self::Neighbour { service } => service.port(),
        }
    }
}

/// A rule that was added to the group of a live node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Opened {
    vantage: Vantage,
    /// A knock before.
    before: Knock,
    /// What the target said to the rule; absent where the port was open already.
    added: Option<Answer<()>>,
    /// Until a knock was let in; absent where the rule was refused.
    opened: Option<Waited<()>>,
    proof: Proof,
}

pub(super) async fn observe_opens(ctx: Ctx, expect: TakesEffect) -> Observation<Opened> {
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
    Ok(Opened { vantage, before, added, opened, proof })
}

/// Removes the rule again. What cannot be removed goes with the group, at the end of the run at the latest.
async fn take_back(service: &Service<'_>) {
    if let Err(error) = service.close().await {
        service.ctx.target.warn(format!("remove the rule for port {}: {error}", service.port));
    }
}

pub(super) fn judge_opens(seen: &Opened, expect: &TakesEffect) -> Judgement {
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
pub(super) struct Closed {
    vantage: Vantage,
    /// Until the rule, newly added, was in effect.
    opened: Waited<()>,
    /// What the target said to its removal.
    removed: Answer<()>,
    /// Until no knock was let in any more: after how many seconds that began. Absent where the removal was refused.
    closed: Option<Waited<f64>>,
    proof: Proof,
}

pub(super) async fn observe_closes(ctx: Ctx, expect: TakesEffect) -> Observation<Closed> {
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
    Ok(Closed { vantage, opened, removed, closed, proof })
}

pub(super) fn judge_closes(seen: &Closed, expect: &TakesEffect) -> Judgement {
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
