//! The public address: how a node comes to it, that it carries traffic, and that it goes when the node goes.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use levelfield_kit::{
    Ctx, Hindrance, Nothing, Observation,
    subject::{AddressPattern, Addressed},
    wait::{Look, Waited},
};
use levelfield_provider::{Address, Capability, Kind, ProviderError, ResourceRef};
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

/// How the journey came to an address is all there is to see.
pub(super) async fn observe_by_default(ctx: Ctx, _: Nothing) -> Observation<Addressed> {
    ctx.fact(|f| f.addressed.clone())
}

pub(super) fn judge_by_default(seen: &Addressed, _: &Nothing) -> Judgement {
    let address = seen.address.as_ref().map(|a| a.address.to_string()).unwrap_or_default();
    let port = seen.address.as_ref().map(|a| a.ssh().to_string()).unwrap_or_default();
    let judgement = match seen.pattern {
        AddressPattern::Default => Judgement::pass(format!("the node came with the public address {address}")),
        AddressPattern::AddedByTarget => {
            Judgement::pass(format!("the target attached the floating address {address} by itself"))
                .deviating("added-by-target")
        }
        AddressPattern::Ipv6 => {
            Judgement::pass(format!("the node is public over IPv6 only, at {address}")).deviating("ipv6")
        }
        AddressPattern::PortForwarding => {
            Judgement::pass(format!("the node is reached through a forwarded port, at {port}"))
                .deviating("port-forwarding")
        }
        AddressPattern::FloatingOnRequest => Judgement::fail(
            "floating-on-request",
            format!("no public address came with the node; {address} had to be requested and attached"),
        ),
        AddressPattern::None => {
            Judgement::fail("no-public-address", "the node has no public address, and none can be had")
        }
        AddressPattern::Existing => {
            return Judgement::inconclusive(
                InconclusiveReason::Harness,
                "the node existed before the run requested one",
            );
        }
    };
    match seen.known_s {
        Some(seconds) => judgement.measured("request-to-address", seconds, "s"),
        None => judgement,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Reachable {
    pub(super) reachable_within_s: f64,
}

/// The journey knocked as soon as the node ran and its address was known.
pub(super) async fn observe_reachable(ctx: Ctx, _: Reachable) -> Observation<Waited<()>> {
    ctx.fact(|f| f.reached.clone())
}

pub(super) fn judge_reachable(seen: &Waited<()>, expect: &Reachable) -> Judgement {
    let limit = expect.reachable_within_s;
    if !seen.met() {
        return Judgement::fail("not-reachable", seen.sentence());
    }
    let judgement = if seen.took_s <= limit {
        Judgement::pass(format!("the SSH port accepted a connection {:.1} s after the node ran", seen.took_s))
    } else {
        Judgement::fail(
            "too-late",
            format!("the SSH port was open only after {:.1} s; {limit:.0} s are allowed", seen.took_s),
        )
    };
    judgement.measured("running-to-port-open", seen.took_s, "s")
}

/// What became of the public addresses of a node that is gone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct AfterTheEnd {
    /// The public addresses that the node had.
    had: Vec<IpAddr>,
    /// Those of them that the harness itself had requested, and gives back itself.
    requested: Vec<IpAddr>,
    /// Until the account's list held none of the others; absent where addresses never live apart from nodes.
    released: Option<Waited<()>>,
    /// Those that the list still held in the end.
    held: Vec<IpAddr>,
}

/// How long the account's list may lag behind the termination.
const LAG_S: f64 = 30.0;

pub(super) async fn observe_released(ctx: Ctx, _: Nothing) -> Observation<AfterTheEnd> {
    let terminated = ctx.fact(|f| f.terminated.clone())?;
    if !terminated.gone.met() {
        return Err(Hindrance::prerequisite("allocation/terminate", terminated.gone.sentence()));
    }
    let had = terminated.had;
    if !ctx.target.has(Capability::FloatingIp) {
        return Ok(AfterTheEnd { had, requested: vec![], released: None, held: vec![] });
    }
    let last = Mutex::new(Ok((vec![], vec![])));
    let waited = ctx
        .waiter
        .wait("node's public address released", LAG_S, || async {
            let holdings = holdings(&ctx, &had).await;
            let look = match &holdings {
                Ok((_, held)) if held.is_empty() => Look::Met(()),
                Ok((_, held)) => Look::NotYet(format!("{} held", list(held))),
                Err(error) => Look::Never(error.to_string()),
            };
            *last.lock().unwrap_or_else(PoisonError::into_inner) = holdings;
            look
        })
        .await;
    let (requested, held) = last.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    Ok(AfterTheEnd { had, requested, released: Some(waited), held })
}

/// Which of `had` the account's list holds: those that the run itself had requested, and the others.
async fn holdings(ctx: &Ctx, had: &[IpAddr]) -> Result<(Vec<IpAddr>, Vec<IpAddr>), ProviderError> {
    let listed = ctx.target.addresses().await?;
    let ours = ctx.target.open_resources();
    let (requested, held): (Vec<_>, Vec<_>) = listed
        .into_iter()
        .filter(|a| had.contains(&a.address))
        .partition(|a| ours.contains(&ResourceRef::new(Kind::Address, a.id.clone())));
    let bare = |addresses: Vec<Address>| addresses.into_iter().map(|a| a.address).collect();
    Ok((bare(requested), bare(held)))
}

pub(super) fn judge_released(seen: &AfterTheEnd, _: &Nothing) -> Judgement {
    if !seen.held.is_empty() {
        return Judgement::fail(
            "address-held",
            format!("the node is gone and the account still holds {}", list(&seen.held)),
        );
    }
    if seen.had.is_empty() {
        return Judgement::inconclusive(
            InconclusiveReason::Prerequisite("addressing/public-by-default".to_owned()),
            "the node had no public address to release",
        );
    }
    let judgement = if seen.requested.is_empty() {
        Judgement::pass(format!("{} went with the node", list(&seen.had)))
    } else {
        Judgement::pass(format!("nothing but {} is held, which the run itself had requested", list(&seen.requested)))
    };
    match &seen.released {
        Some(released) => judgement.measured("gone-to-released", released.took_s, "s"),
        None => judgement,
    }
}

/// Addresses as a reader wants them.
pub(super) fn list<'a>(addresses: impl IntoIterator<Item = &'a IpAddr>) -> String {
    let words: Vec<String> = addresses.into_iter().map(ToString::to_string).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use levelfield_provider::{AddressOrigin, NodeAddress, Scope};
    use levelfield_reports::Verdict;

    use super::*;

    fn addressed(pattern: AddressPattern) -> Addressed {
        let address = NodeAddress {
            address: "192.0.2.7".parse().unwrap(),
            scope: Scope::Public,
            origin: AddressOrigin::Default,
            ssh_port: 22,
        };
        let wait = Waited { wait: "public address".to_owned(), limit_s: 0.0, took_s: 0.0, value: None, last: None };
        let address = (pattern != AddressPattern::None).then_some(address);
        Addressed { pattern, address, listed: vec![], by_default: wait, known_s: Some(4.5) }
    }

    #[test]
    fn each_pattern_has_its_verdict() {
        for (pattern, state, reason, deviation) in [
            (AddressPattern::Default, "pass", None, None),
            (AddressPattern::AddedByTarget, "pass", None, Some("added-by-target")),
            (AddressPattern::Ipv6, "pass", None, Some("ipv6")),
            (AddressPattern::PortForwarding, "pass", None, Some("port-forwarding")),
            (AddressPattern::FloatingOnRequest, "fail", Some("floating-on-request"), None),
            (AddressPattern::None, "fail", Some("no-public-address"), None),
            (AddressPattern::Existing, "inconclusive", Some("harness"), None),
        ] {
            let judgement = judge_by_default(&addressed(pattern), &Nothing {});
            assert_eq!(judgement.verdict.state(), state, "{pattern:?}");
            assert_eq!(judgement.verdict.reason().as_deref(), reason, "{pattern:?}");
            assert_eq!(judgement.deviations.first().map(|d| d.pattern.as_str()), deviation, "{pattern:?}");
        }
    }

    #[test]
    fn the_port_has_to_open_in_time() {
        let waited = |value: Option<()>, took_s| Waited {
            wait: "SSH port open".to_owned(),
            limit_s: 180.0,
            took_s,
            value,
            last: value.is_none().then(|| "nothing answered in time".to_owned()),
        };
        let within = |reachable_within_s| Reachable { reachable_within_s };
        for (seen, expect, verdict) in [
            (waited(Some(()), 3.0), within(180.0), Verdict::Pass),
            (waited(None, 180.0), within(180.0), Verdict::fail("not-reachable")),
            (waited(Some(()), 90.0), within(60.0), Verdict::fail("too-late")),
        ] {
            assert_eq!(judge_reachable(&seen, &expect).verdict, verdict);
        }
    }

    #[test]
    fn an_address_goes_with_its_node() {
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        let seen = |had: &[IpAddr], requested: &[IpAddr], held: &[IpAddr]| AfterTheEnd {
            had: had.to_vec(),
            requested: requested.to_vec(),
            released: None,
            held: held.to_vec(),
        };
        for (seen, state, reason) in [
            (seen(&[address], &[], &[]), "pass", None),
            (seen(&[address], &[address], &[]), "pass", None),
            (seen(&[address], &[], &[address]), "fail", Some("address-held")),
            (seen(&[], &[], &[]), "inconclusive", Some("prerequisite: addressing/public-by-default")),
        ] {
            let verdict = judge_released(&seen, &Nothing {}).verdict;
            assert_eq!((verdict.state(), verdict.reason().as_deref()), (state, reason));
        }
    }
}
