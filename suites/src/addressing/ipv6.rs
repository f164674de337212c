//! IPv6: assigned, reached, reaching out, and told by the API.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket},
};

use levelfield_kit::{
    Ctx, Hindrance, Nothing, Observation,
    remote::Knock,
    subject::AddressPattern,
    wait::{Look, Waited},
};
use levelfield_provider::NodeAddress;
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

use super::{
    outside::{Echo, echo},
    public::list,
    truth::missing,
};

const ASSIGNED: &str = "addressing/ipv6-assigned";

/// A node's global IPv6 addresses.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Sixes {
    /// By the API.
    by_api: Vec<NodeAddress>,
    /// On the node's interfaces; absent where nobody could look.
    on_interfaces: Option<BTreeSet<Ipv6Addr>>,
}

/// Whether an address can be meant from anywhere: not this host's, this link's or this site's alone (RFC 4291, RFC 4193).
fn is_global(address: &Ipv6Addr) -> bool {
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_unicast_link_local()
        || address.is_unique_local())
}

fn global(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(six) if is_global(&six) => Some(six),
        _ => None,
    }
}

async fn sixes(ctx: &Ctx) -> Result<Sixes, Hindrance> {
    // Before it ran there is nothing to say of a node.
    ctx.fact(|f| f.addressed.clone())?;
    let mut by_api = ctx.node()?.addresses;
    by_api.retain(|a| global(a.address).is_some());
    let on_interfaces = match ctx.inside() {
        Ok(guest) => {
            let interfaces = guest.interfaces().await?;
            Some(interfaces.iter().flat_map(|i| &i.addresses).filter_map(|net| global(net.addr())).collect())
        }
        // What the API states can be judged without a way in.
        Err(_) if !by_api.is_empty() => None,
        Err(hindrance) => return Err(hindrance),
    };
    Ok(Sixes { by_api, on_interfaces })
}

impl Sixes {
    fn stated(&self) -> BTreeSet<Ipv6Addr> {
        self.by_api.iter().filter_map(|a| global(a.address)).collect()
    }

    fn all(&self) -> BTreeSet<Ipv6Addr> {
        self.stated().into_iter().chain(self.on_interfaces.iter().flatten().copied()).collect()
    }
}

fn words(addresses: &BTreeSet<Ipv6Addr>) -> String {
    let addresses: Vec<IpAddr> = addresses.iter().copied().map(IpAddr::V6).collect();
    list(&addresses)
}

fn none_assigned() -> Hindrance {
    Hindrance::prerequisite(ASSIGNED, "the node has no global IPv6 address")
}

pub(super) async fn observe_assigned(ctx: Ctx, _: Nothing) -> Observation<Sixes> {
    sixes(&ctx).await
}

pub(super) fn judge_assigned(seen: &Sixes, _: &Nothing) -> Judgement {
    let all = seen.all();
    if all.is_empty() {
        Judgement::fail("no-ipv6", "the node has no global IPv6 address, neither by the API nor on an interface")
    } else {
        Judgement::pass(format!("the node came with {}", words(&all)))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Reachable {
    pub(super) reachable_within_s: f64,
}

/// The SSH port at the IPv6 address.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Reached {
    door: SocketAddr,
    reached: Waited<()>,
}

pub(super) async fn observe_reachable(ctx: Ctx, expect: Reachable) -> Observation<Reached> {
    let door = door(&ctx, &sixes(&ctx).await?)?;
    if let Err(why) = has_route(door) {
        let detail = format!("this machine has no route to {}: {why}", door.ip());
        return Err(Hindrance::inconclusive(InconclusiveReason::RunnerNetwork, detail));
    }
    let reached = ctx
        .waiter
        .wait("SSH port open over IPv6", expect.reachable_within_s, || async {
            match ctx.remote.knock(door, ctx.target.clock.wall(10.0)).await {
                Knock::Open => Look::Met(()),
                other => Look::NotYet(other.to_string()),
            }
        })
        .await;
    Ok(Reached { door, reached })
}

/// The SSH server at the address that the API states, else at the one on the interface.
fn door(ctx: &Ctx, sixes: &Sixes) -> Result<SocketAddr, Hindrance> {
    if let Some(stated) = sixes.by_api.first() {
        return Ok(stated.ssh());
    }
    let six = sixes.on_interfaces.iter().flatten().next().ok_or_else(none_assigned)?;
    let forwarded = ctx.fact(|f| f.addressed.clone())?.pattern == AddressPattern::PortForwarding;
    let port = if forwarded { 22 } else { ctx.way()?.door.address.port() };
    Ok(SocketAddr::new(IpAddr::V6(*six), port))
}

/// Asks this machine's own routing table. Nothing is sent.
fn has_route(to: SocketAddr) -> std::io::Result<()> {
    UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?.connect(to)
}

pub(super) fn judge_reachable(seen: &Reached, expect: &Reachable) -> Judgement {
    let (took_s, limit) = (seen.reached.took_s, expect.reachable_within_s);
    if !seen.reached.met() {
        return Judgement::fail("not-reachable", format!("{}: {}", seen.door, seen.reached.sentence()));
    }
    let judgement = if took_s <= limit {
        Judgement::pass(format!("{} accepts TCP from where the harness runs", seen.door))
    } else {
        Judgement::fail(
            "too-late",
            format!("{} was open only after {took_s:.1} s; {limit:.0} s are allowed", seen.door),
        )
    };
    judgement.measured("ipv6-port-open", took_s, "s")
}

/// The way out over IPv6.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct WayOut {
    /// The node's own global addresses.
    own: BTreeSet<Ipv6Addr>,
    /// What an echo outside saw, over IPv6.
    over_six: Echo,
    /// What an echo outside saw otherwise; asked only where IPv6 led to no answer, and one is configured.
    otherwise: Option<Echo>,
}

pub(super) async fn observe_egress(ctx: Ctx, _: Nothing) -> Observation<WayOut> {
    let services = &ctx.target.settings.services;
    let Some(url) = &services.echo_ipv6 else {
        return Err(Hindrance::harness("no echo service over IPv6 is configured (`services.echo-ipv6`)"));
    };
    let guest = ctx.inside()?;
    let own = sixes(&ctx).await?.all();
    if own.is_empty() {
        return Err(none_assigned());
    }
    let over_six = echo(&guest, url).await?;
    let otherwise = match &services.echo {
        Some(url) if over_six.source.is_none() => Some(echo(&guest, url).await?),
        _ => None,
    };
    Ok(WayOut { own, over_six, otherwise })
}

pub(super) fn judge_egress(seen: &WayOut, _: &Nothing) -> Judgement {
    let echo = &seen.over_six;
    match echo.source {
        Some(IpAddr::V6(source)) => {
            let whose = if seen.own.contains(&source) { "its own address" } else { "an address that is not its own" };
            Judgement::pass(format!("the node is seen outside over IPv6 as {source}, {whose}"))
        }
        Some(IpAddr::V4(source)) => Judgement::inconclusive(
            InconclusiveReason::Harness,
            format!("{} was reached over IPv4, from {source}: `services.echo-ipv6` has to be IPv6 only", echo.url),
        ),
        None => echo.excuse().unwrap_or_else(|| match &seen.otherwise {
            Some(otherwise) if otherwise.source.is_none() => {
                missing("addressing/egress", &format!("the node reaches nothing outside: {}", otherwise.words()))
            }
            _ => Judgement::fail(
                "no-ipv6-egress",
                format!("the node does not reach outside over IPv6: {}", echo.words()),
            ),
        }),
    }
}

pub(super) async fn observe_listed(ctx: Ctx, _: Nothing) -> Observation<Sixes> {
    ctx.inside()?;
    let sixes = sixes(&ctx).await?;
    if sixes.all().is_empty() { Err(none_assigned()) } else { Ok(sixes) }
}

pub(super) fn judge_listed(seen: &Sixes, _: &Nothing) -> Judgement {
    let stated = seen.stated();
    let Some(inside) = &seen.on_interfaces else {
        return Judgement::inconclusive(InconclusiveReason::Harness, "nobody looked at the node's interfaces");
    };
    if stated.is_empty() && inside.is_empty() {
        return none_assigned().judgement();
    }
    if stated.is_empty() {
        return Judgement::fail("not-listed", format!("the interface has {}, and the API states none", words(inside)))
            .comparing(words(inside), words(&stated));
    }
    if stated.is_subset(inside) {
        Judgement::pass(format!("{} by the API and on the interface", words(&stated)))
    } else {
        Judgement::fail(
            "differs-inside",
            format!("the API states {}, the interface has {}", words(&stated), words(inside)),
        )
        .comparing(words(&stated), words(inside))
    }
}

#[cfg(test)]
#[path = "ipv6_tests.rs"]
mod tests;
