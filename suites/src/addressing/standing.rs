//! Addresses that must be true, nobody else's, and the same tomorrow.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;
use levelfield_kit::{
    Ctx, Hindrance, Nothing, Observation,
    subject::{Survived, addresses},
};
use levelfield_provider::{AddressOrigin, NodeAddress, Scope};
use levelfield_reports::Judgement;
use serde::{Deserialize, Serialize};

use super::{public::list, truth::missing};

/// The private addresses of a node, from three sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Private {
    /// By the API.
    stated: Vec<IpAddr>,
    /// The public ones by the API, which are all there is where nodes are put on a network that leads outside by itself.
    public: Vec<IpAddr>,
    /// On the node's interfaces, with their prefixes.
    on_interfaces: Vec<IpNet>,
    /// The ranges of the network that the node was asked for on; absent where the target has no networks to choose from.
    ranges: Option<Vec<IpNet>>,
}

pub(super) async fn observe_private(ctx: Ctx, _: Nothing) -> Observation<Private> {
    let node = ctx.node()?;
    let (stated, public) = (addresses(&node, Scope::Private), addresses(&node, Scope::Public));
    let interfaces = ctx.inside()?.interfaces().await?;
    let on_interfaces = interfaces.into_iter().flat_map(|i| i.addresses).collect();
    let network = ctx.subject()?.read(|s| s.facts.choice.as_ref().and_then(|c| c.network.clone()));
    let ranges = match network {
        Some(chosen) => Some(ranges_of(&ctx, chosen.id()).await?),
        None => None,
    };
    Ok(Private { stated, public, on_interfaces, ranges })
}

async fn ranges_of(ctx: &Ctx, network: &str) -> Result<Vec<IpNet>, Hindrance> {
    let networks = ctx.catalogue.networks(&ctx.target).await?;
    let ranges = networks.iter().find(|n| n.id == network).map(|n| n.cidrs.clone()).unwrap_or_default();
    if ranges.is_empty() {
        let detail = format!("the network {network} states no address range");
        return Err(Hindrance::prerequisite("metadata/networks-listed", detail));
    }
    Ok(ranges)
}

pub(super) fn judge_private(seen: &Private, _: &Nothing) -> Judgement {
    let on_interface = |address: &IpAddr| seen.on_interfaces.iter().any(|net| net.addr() == *address);
    // What the world reaches it by may be what its interface has: then nothing else is needed between nodes.
    let own: Vec<IpAddr> = seen.public.iter().copied().filter(on_interface).collect();
    match (seen.stated.as_slice(), own.as_slice()) {
        ([], []) => Judgement::fail("not-stated", "the API states no private address of the node"),
        ([], own) => judge_on_interface(seen, own).deviating("public-address-only"),
        (stated, _) => judge_on_interface(seen, stated),
    }
}

/// Whether the addresses `stated` are the node's own, and of its network.
fn judge_on_interface(seen: &Private, stated: &[IpAddr]) -> Judgement {
    let on_interface = |address: &&IpAddr| seen.on_interfaces.iter().any(|net| net.addr() == **address);
    if let Some(address) = stated.iter().find(|a| !on_interface(a)) {
        let inside: Vec<IpAddr> = seen.on_interfaces.iter().map(IpNet::addr).filter(|a| !a.is_loopback()).collect();
        return Judgement::fail(
            "differs-inside",
            format!("the API states {address}, and no interface of the node has it"),
        )
        .comparing(list(stated), list(&inside));
    }
    let all = list(stated);
    let Some(ranges) = &seen.ranges else {
        return Judgement::pass(format!("{all} by the API and on the interface"));
    };
    let words = ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match stated.iter().find(|address| !ranges.iter().any(|range| range.contains(*address))) {
        Some(stray) => Judgement::fail("outside-its-network", format!("{stray} is not within {words}"))
            .comparing(words, stray.to_string()),
        None => Judgement::pass(format!("{all} by the API and on the interface, within {words}")),
    }
}

/// The addresses of two live nodes, as the API states them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct TwoNodes {
    subject: Vec<NodeAddress>,
    peer: Vec<NodeAddress>,
}

pub(super) async fn observe_unique(ctx: Ctx, _: Nothing) -> Observation<TwoNodes> {
    // Before both ran there is nothing to compare.
    ctx.fact(|f| f.addressed.clone())?;
    ctx.peer()?.fact(ctx.behavior(), |f| f.addressed.clone())?;
    let subject = ctx.node()?.addresses;
    let peer = ctx.peer()?.node(ctx.behavior())?.addresses;
    Ok(TwoNodes { subject, peer })
}

pub(super) fn judge_unique(seen: &TwoNodes, _: &Nothing) -> Judgement {
    if seen.subject.is_empty() || seen.peer.is_empty() {
        return missing("addressing/private-address", "the API states no address of one of the nodes");
    }
    let mut shared_by_forwarding = None;
    for ours in &seen.subject {
        for theirs in seen.peer.iter().filter(|theirs| theirs.address == ours.address) {
            let forwarded = |a: &NodeAddress| a.origin == AddressOrigin::PortForwarding;
            if forwarded(ours) && forwarded(theirs) && ours.ssh_port != theirs.ssh_port {
                shared_by_forwarding = Some((ours.ssh(), theirs.ssh()));
            } else {
                return Judgement::fail("address-shared", format!("two live nodes have {}", ours.address));
            }
        }
    }
    if let Some((ours, theirs)) = shared_by_forwarding {
        return Judgement::pass(format!("two nodes share an address by forwarding, as {ours} and {theirs}"))
            .deviating("shared-public-address");
    }
    let all: BTreeSet<IpAddr> = seen.subject.iter().chain(&seen.peer).map(|a| a.address).collect();
    Judgement::pass(format!("two nodes, {} addresses, none twice", all.len()))
}

/// Before and after the reboot.
pub(super) async fn observe_stable(ctx: Ctx, _: Nothing) -> Observation<Survived> {
    let survived = ctx.fact(|f| f.rebooted.clone())?;
    if survived.back.met() {
        Ok(survived)
    } else {
        Err(Hindrance::prerequisite("allocation/reboot-keeps-identity", survived.back.sentence()))
    }
}

pub(super) fn judge_stable(seen: &Survived, _: &Nothing) -> Judgement {
    let Some(after) = &seen.back.value else {
        return Hindrance::prerequisite("allocation/reboot-keeps-identity", seen.back.sentence()).judgement();
    };
    for (scope, before, after) in
        [("public", &seen.before.public, &after.public), ("private", &seen.before.private, &after.private)]
    {
        if before != after {
            let (before, after) = (list(before), list(after));
            return Judgement::fail(
                format!("{scope}-address-changed"),
                format!("the {scope} address was {before}, and is {after} after the reboot"),
            )
            .comparing(before, after);
        }
    }
    let kept = after.public.iter().chain(&after.private);
    Judgement::pass(format!("{} before and after the reboot", list(kept)))
}

#[cfg(test)]
mod tests {
    use levelfield_kit::{subject::Identity, wait::Waited};
    use levelfield_reports::Verdict;

    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    #[test]
    fn a_private_address_is_the_interfaces_own_and_in_range() {
        let inside = nets(&["127.0.0.1/8", "10.0.0.5/24", "fe80::5/64"]);
        let seen = |stated: &[&str], ranges: Option<&[&str]>| Private {
            stated: ips(stated),
            public: ips(&["192.0.2.7"]),
            on_interfaces: inside.clone(),
            ranges: ranges.map(nets),
        };
        for (seen, verdict) in [
            (seen(&["10.0.0.5"], Some(&["10.0.0.0/24"])), Verdict::Pass),
            (seen(&["10.0.0.5"], Some(&["10.9.0.0/24", "10.0.0.0/24"])), Verdict::Pass),
            (seen(&["10.0.0.5"], None), Verdict::Pass),
            (seen(&[], Some(&["10.0.0.0/24"])), Verdict::fail("not-stated")),
            (seen(&["10.0.0.9"], Some(&["10.0.0.0/24"])), Verdict::fail("differs-inside")),
            (seen(&["10.0.0.5"], Some(&["10.9.0.0/24"])), Verdict::fail("outside-its-network")),
        ] {
            assert_eq!(judge_private(&seen, &Nothing {}).verdict, verdict, "{seen:?}");
        }
    }

    #[test]
    fn the_only_address_may_be_the_public_one() {
        let seen = |public: &[&str]| Private {
            stated: vec![],
            public: ips(public),
            on_interfaces: nets(&["127.0.0.1/8", "203.0.113.5/24"]),
            ranges: Some(nets(&["203.0.113.0/24"])),
        };
        let judgement = judge_private(&seen(&["203.0.113.5"]), &Nothing {});
        let patterns: Vec<_> = judgement.deviations.iter().map(|d| d.pattern.as_str()).collect();
        assert_eq!((judgement.verdict, patterns), (Verdict::Pass, vec!["public-address-only"]));
        // One that is somebody else's to translate is no address of the node.
        let judgement = judge_private(&seen(&["198.51.100.9"]), &Nothing {});
        assert_eq!(judgement.verdict, Verdict::fail("not-stated"));
    }

    #[test]
    fn an_address_belongs_to_one_node() {
        let at = |address: &str, origin, ssh_port| NodeAddress {
            address: address.parse().unwrap(),
            scope: Scope::Public,
            origin,
            ssh_port,
        };
        let own = |address| at(address, AddressOrigin::Default, 22);
        let forwarded = |port| at("192.0.2.1", AddressOrigin::PortForwarding, port);
        for (subject, peer, verdict, deviation) in [
            (own("10.0.0.5"), own("10.0.0.6"), Verdict::Pass, None),
            (own("10.0.0.5"), own("10.0.0.5"), Verdict::fail("address-shared"), None),
            (forwarded(2201), forwarded(2202), Verdict::Pass, Some("shared-public-address")),
            (forwarded(2201), forwarded(2201), Verdict::fail("address-shared"), None),
        ] {
            let judgement = judge_unique(&TwoNodes { subject: vec![subject], peer: vec![peer] }, &Nothing {});
            assert_eq!(judgement.verdict, verdict);
            assert_eq!(judgement.deviations.first().map(|d| d.pattern.as_str()), deviation);
        }
        let nothing_stated = TwoNodes { subject: vec![own("10.0.0.5")], peer: vec![] };
        assert_eq!(judge_unique(&nothing_stated, &Nothing {}).verdict.state(), "inconclusive");
    }

    fn survived(before: (&str, &str), after: Option<(&str, &str)>) -> Survived {
        let identity = |(public, private): (&str, &str)| Identity {
            id: "n-1".to_owned(),
            hostname: "n".to_owned(),
            private: ips(&[private]),
            public: ips(&[public]),
            host_key: "SHA256:x".to_owned(),
            boot_id: "b".to_owned(),
        };
        let back = Waited {
            wait: "node back after reboot".to_owned(),
            limit_s: 300.0,
            took_s: 8.0,
            value: after.map(identity),
            last: None,
        };
        Survived { before: identity(before), back }
    }

    #[test]
    fn a_reboot_changes_no_address() {
        let before = ("192.0.2.7", "10.0.0.5");
        for (seen, state, reason) in [
            (survived(before, Some(before)), "pass", None),
            (survived(before, Some(("192.0.2.9", "10.0.0.5"))), "fail", Some("public-address-changed")),
            (survived(before, Some(("192.0.2.7", "10.0.0.9"))), "fail", Some("private-address-changed")),
            (survived(before, None), "inconclusive", Some("prerequisite: allocation/reboot-keeps-identity")),
        ] {
            let verdict = judge_stable(&seen, &Nothing {}).verdict;
            assert_eq!((verdict.state(), verdict.reason().as_deref()), (state, reason));
        }
    }
}
