//! `underlay/node-to-node`, `underlay/mtu`: what passes between two nodes of one network.

use std::net::IpAddr;

use ipnet::IpNet;
use levelfield_kit::{
    Ctx, Hindrance, Nothing, Observation,
    guest::{Guest, Interface, Ping, Route},
};
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

use super::basics::Name;

/// Echo requests sent in each direction.
const ECHOES: u32 = 3;

/// Two nodes, each as the other sees it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Reach {
    /// From the subject to the peer.
    there: Heard,
    /// From the peer to the subject.
    back: Heard,
}

/// One node, as the other sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Heard {
    /// Its private address, as the API states it.
    address: IpAddr,
    /// Echo requests to that address.
    ping: Ping,
    /// What the other's resolver answers for its names: the hostname it has, and the name it was given.
    names: Vec<Name>,
}

impl Heard {
    fn answers(&self) -> bool {
        self.ping.received > 0
    }

    /// A name of it that leads to its address.
    fn name(&self) -> Option<&str> {
        self.names.iter().find(|n| n.addresses.contains(&self.address)).map(|n| n.name.as_str())
    }
}

pub(super) async fn observe_reach(ctx: Ctx, _: Nothing) -> Observation<Reach> {
    let (subject, peer) = two_addresses(&ctx)?;
    let (inside, inside_peer) = (ctx.inside()?, ctx.inside_peer()?);
    let (name, name_of_peer) = (ctx.node()?.name, ctx.peer()?.node(ctx.behavior())?.name);
    let there = hear(&inside, peer, [inside_peer.hostname().await?, name_of_peer]).await?;
    let back = hear(&inside_peer, subject, [inside.hostname().await?, name]).await?;
    Ok(Reach { there, back })
}

/// The private addresses of subject and peer.
fn two_addresses(ctx: &Ctx) -> Observation<(IpAddr, IpAddr)> {
    let (subject, peer) = (ctx.neighbour_address(ctx.subject()?)?, ctx.neighbour_address(ctx.peer()?)?);
    if subject == peer {
        let detail = format!("the API states {subject} for both nodes, so they cannot be told apart");
        return Err(Hindrance::prerequisite("addressing/unique", detail));
    }
    Ok((subject, peer))
}

async fn hear(from: &Guest, address: IpAddr, names: [String; 2]) -> Observation<Heard> {
    let ping = from.ping(&address.to_string(), ECHOES, None, false).await?;
    let [hostname, given] = names;
    let mut asked = vec![Name::ask(from, &hostname).await?];
    if given != hostname && !given.is_empty() {
        asked.push(Name::ask(from, &given).await?);
    }
    Ok(Heard { address, ping, names: asked })
}

pub(super) fn judge_reach(seen: &Reach, _: &Nothing) -> Judgement {
    let Reach { there, back } = seen;
    let judgement = match (there.answers(), back.answers()) {
        (false, false) => Judgement::fail(
            "isolated",
            format!("{} and {} do not reach each other by private address", back.address, there.address),
        ),
        (false, true) => one_way(back, there),
        (true, false) => one_way(there, back),
        (true, true) => match (there.name(), back.name()) {
            (Some(peer), Some(subject)) => {
                Judgement::pass(format!("`{subject}` and `{peer}` reach each other by private address and by name"))
            }
            _ => Judgement::pass(format!(
                "{} and {} reach each other by private address; their names do not resolve to one another",
                back.address, there.address
            ))
            .deviating("by-address-only"),
        },
    };
    let round_trips = [("round trip", there), ("round trip back", back)];
    round_trips.into_iter().fold(judgement, |judgement, (name, heard)| match heard.ping.rtt_ms_avg {
        Some(ms) => judgement.measured(name, ms, "ms"),
        None => judgement,
    })
}

fn one_way(heard: &Heard, silent: &Heard) -> Judgement {
    let summary = format!("{} answers {}, and is not answered by it", heard.address, silent.address);
    Judgement::fail("one-way", summary)
}

/// What the interface states, and what passed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Mtu {
    /// The interface of the default route.
    interface: Interface,
    /// The peer's private address.
    peer: IpAddr,
    /// The payload that fills a packet of the size that the interface states.
    payload: u32,
    /// Echo requests of that size, not to be divided on the way.
    ping: Ping,
}

pub(super) async fn observe_mtu(ctx: Ctx, _: Nothing) -> Observation<Mtu> {
    let (_, peer) = two_addresses(&ctx)?;
    let inside = ctx.inside()?;
    let interface = outward(&inside.routes().await?, inside.interfaces().await?, peer)
        .ok_or_else(|| Hindrance::inconclusive(InconclusiveReason::Image, "no interface leads to the peer"))?;
    let at_all = inside.ping(&peer.to_string(), ECHOES, None, false).await?;
    if at_all.received == 0 {
        return Err(Hindrance::prerequisite("underlay/node-to-node", format!("{peer} answers no packet of any size")));
    }
    let payload = interface.mtu.saturating_sub(if peer.is_ipv6() { 48 } else { 28 });
    let ping = inside.ping(&peer.to_string(), ECHOES, Some(payload), true).await?;
    Ok(Mtu { interface, peer, payload, ping })
}

/// The interface of the default route, or without one that on whose network the peer is.
fn outward(routes: &[Route], interfaces: Vec<Interface>, peer: IpAddr) -> Option<Interface> {
    let device = routes.iter().find(|route| route.destination.is_none()).map(|route| route.device.as_str());
    let of_peer = |net: &IpNet| net.contains(&peer);
    interfaces.into_iter().find(|i| device.map_or_else(|| i.addresses.iter().any(of_peer), |device| i.name == device))
}

pub(super) fn judge_mtu(seen: &Mtu, _: &Nothing) -> Judgement {
    let Mtu { interface, peer, ping, .. } = seen;
    let stated = format!("{} states an MTU of {} bytes", interface.name, interface.mtu);
    let judgement = if ping.received > 0 {
        Judgement::pass(format!("{stated}, and packets of that size pass whole to {peer}"))
    } else {
        let told = match (ping.mtu, &ping.complaint) {
            (Some(mtu), _) => format!("; the path carries {mtu}"),
            (None, Some(complaint)) => format!("; {complaint}"),
            (None, None) => "; nothing on the way says why".to_owned(),
        };
        Judgement::fail("mtu-overstated", format!("{stated}, and no packet of that size passes to {peer}{told}"))
    };
    judgement.measured("interface MTU", f64::from(interface.mtu), "bytes")
}

#[cfg(test)]
mod tests {
    use levelfield_reports::Verdict;

    use super::*;

    fn ping(received: u32) -> Ping {
        let rtt = (received > 0).then_some(0.4);
        Ping { sent: 3, received, rtt_ms_min: rtt, rtt_ms_avg: rtt, rtt_ms_max: rtt, mtu: None, complaint: None }
    }

    fn heard(address: &str, received: u32, name: Option<&str>) -> Heard {
        let address = address.parse().unwrap();
        let mut names = vec![Name { name: "localhost".to_owned(), addresses: vec!["127.0.0.1".parse().unwrap()] }];
        names.extend(name.map(|name| Name { name: name.to_owned(), addresses: vec![address] }));
        Heard { address, ping: ping(received), names }
    }

    #[test]
    fn nodes_reach_each_other_both_ways() {
        let (peer, subject) = (|n, name| heard("10.0.0.6", n, name), |n, name| heard("10.0.0.5", n, name));
        for (case, there, back, verdict, deviations) in [
            ("both", peer(3, Some("b")), subject(3, Some("a")), Verdict::Pass, vec![]),
            ("one answer is enough", peer(1, Some("b")), subject(3, Some("a")), Verdict::Pass, vec![]),
            ("no names", peer(3, None), subject(3, None), Verdict::Pass, vec!["by-address-only"]),
            ("one name", peer(3, Some("b")), subject(3, None), Verdict::Pass, vec!["by-address-only"]),
            ("peers-isolated", peer(0, Some("b")), subject(0, Some("a")), Verdict::fail("isolated"), vec![]),
            ("only there", peer(3, Some("b")), subject(0, Some("a")), Verdict::fail("one-way"), vec![]),
            ("only back", peer(0, Some("b")), subject(3, Some("a")), Verdict::fail("one-way"), vec![]),
        ] {
            let judgement = judge_reach(&Reach { there, back }, &Nothing {});
            assert_eq!(judgement.verdict, verdict, "{case}: {}", judgement.summary);
            let patterns: Vec<_> = judgement.deviations.iter().map(|d| d.pattern.as_str()).collect();
            assert_eq!(patterns, deviations, "{case}");
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_no_name_of_the_node() {
        let mut there = heard("10.0.0.6", 3, Some("b"));
        there.names[1].addresses = vec!["10.9.9.9".parse().unwrap()];
        let judgement = judge_reach(&Reach { there, back: heard("10.0.0.5", 3, Some("a")) }, &Nothing {});
        assert_eq!(judgement.deviations[0].pattern, "by-address-only");
        let measured: Vec<_> = judgement.measures.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(measured, ["round trip", "round trip back"]);
    }

    #[test]
    fn packets_of_the_stated_size_pass_or_not() {
        let interface = Interface { name: "eth0".to_owned(), mtu: 9001, mac: None, up: true, addresses: vec![] };
        let local = Ping { mtu: Some(8801), complaint: Some("message too long, mtu=8801".to_owned()), ..ping(0) };
        for (case, ping, verdict, told) in [
            ("pass", ping(3), Verdict::Pass, "pass whole"),
            ("mtu-overstated", ping(0), Verdict::fail("mtu-overstated"), "nothing on the way says why"),
            ("told by a router", local, Verdict::fail("mtu-overstated"), "the path carries 8801"),
        ] {
            let seen = Mtu { interface: interface.clone(), peer: "10.0.0.6".parse().unwrap(), payload: 8973, ping };
            let judgement = judge_mtu(&seen, &Nothing {});
            assert_eq!(judgement.verdict, verdict, "{case}");
            assert!(judgement.summary.contains(told), "{case}: {}", judgement.summary);
        }
    }

    #[test]
    fn the_interface_is_that_of_the_default_route() {
        let peer = "10.0.0.6".parse().unwrap();
        let interface = |name: &str, net: &str| Interface {
            name: name.to_owned(),
            mtu: 1500,
            mac: None,
            up: true,
            addresses: vec![net.parse().unwrap()],
        };
        let both =
            || vec![interface("lo", "127.0.0.1/8"), interface("eth0", "10.0.0.5/24"), interface("eth1", "10.1.0.5/24")];
        let default = Route { destination: None, gateway: None, device: "eth1".to_owned() };
        assert_eq!(outward(&[default], both(), peer).unwrap().name, "eth1");
        assert_eq!(outward(&[], both(), peer).unwrap().name, "eth0");
        assert_eq!(outward(&[], vec![], peer), None);
    }
}
