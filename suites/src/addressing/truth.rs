//! Whether the address that the API states is the one that the node has in other eyes.

use std::net::IpAddr;

use levelfield_kit::{Ctx, Hindrance, Nothing, Observation, subject::addresses};
use levelfield_provider::Scope;
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

use super::{
    outside::{Echo, PublicItem, echo, public_item},
    public::list,
};

/// The public address from three sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ThreeWays {
    /// By the API.
    api: Vec<IpAddr>,
    /// By the metadata service, asked inside the node.
    metadata: PublicItem,
    /// As seen outside, over IPv4 where the API states an IPv4 address; absent where the configuration names no such echo.
    echo: Option<Echo>,
}

pub(super) async fn observe_three_ways(ctx: Ctx, _: Nothing) -> Observation<ThreeWays> {
    let guest = ctx.inside()?;
    let api = addresses(&ctx.node()?, Scope::Public);
    let services = &ctx.target.settings.services;
    // A node that is public over IPv6 alone may well share its way out over IPv4.
    let only_six = !api.is_empty() && api.iter().all(IpAddr::is_ipv6);
    let echo = match if only_six { &services.echo_ipv6 } else { &services.echo } {
        Some(url) => Some(echo(&guest, url).await?),
        None => None,
    };
    let metadata = public_item(&guest).await?;
    Ok(ThreeWays { api, metadata, echo })
}

pub(super) fn judge_three_ways(seen: &ThreeWays, _: &Nothing) -> Judgement {
    let stated = list(&seen.api);
    if seen.api.is_empty() {
        return missing("addressing/public-by-default", "the API states no public address");
    }
    if let Some(metadata) = seen.metadata.address.filter(|a| !seen.api.contains(a)) {
        return Judgement::fail("metadata-differs", format!("the API states {stated}, the metadata {metadata}"))
            .comparing(stated, metadata.to_string());
    }
    let echoed = seen.echo.as_ref().and_then(|echo| echo.source);
    if let Some(source) = echoed.filter(|a| !seen.api.contains(a)) {
        return Judgement::fail("echo-differs", format!("the API states {stated}, an echo outside sees {source}"))
            .comparing(stated, source.to_string());
    }
    if !seen.metadata.answered {
        return missing("underlay/metadata-service", &format!("no answer from it: {}", seen.metadata.detail));
    }
    match (&seen.echo, echoed, seen.metadata.address) {
        (Some(echo), None, _) => missing("addressing/egress", &echo.words()),
        (Some(_), Some(source), Some(_)) => Judgement::pass(format!("{source} by API, metadata and echo alike")),
        (Some(_), Some(source), None) => {
            Judgement::pass(format!("{source} by API and echo; the metadata states none")).deviating("metadata-silent")
        }
        (None, _, Some(address)) => Judgement::pass(format!(
            "{address} by API and metadata; no echo outside is configured to ask (`services.echo`)"
        )),
        (None, _, None) => Judgement::inconclusive(
            InconclusiveReason::Harness,
            "the metadata states no public address, and no echo outside is configured to ask (`services.echo`)",
        ),
    }
}

/// What `owner` is responsible for was not there.
pub(super) fn missing(owner: &str, detail: &str) -> Judgement {
    Hindrance::prerequisite(owner, detail).judgement()
}

/// The way out, and the address at its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct WayOut {
    /// The node's public addresses by the API.
    own: Vec<IpAddr>,
    /// What the echo outside saw.
    echo: Echo,
}

pub(super) async fn observe_egress(ctx: Ctx, _: Nothing) -> Observation<WayOut> {
    let Some(url) = &ctx.target.settings.services.echo else {
        return Err(Hindrance::harness("no echo service outside is configured (`services.echo`)"));
    };
    let echo = echo(&ctx.inside()?, url).await?;
    Ok(WayOut { own: addresses(&ctx.node()?, Scope::Public), echo })
}

pub(super) fn judge_egress(seen: &WayOut, _: &Nothing) -> Judgement {
    let own = list(&seen.own);
    match seen.echo.source {
        Some(source) if seen.own.contains(&source) => {
            Judgement::pass(format!("the node is seen outside as {source}, its own public address"))
        }
        Some(source) => {
            Judgement::pass(format!("the node reaches outside, and is seen there as {source}; its own is {own}"))
                .deviating("shared-egress-address")
        }
        None => seen.echo.excuse().unwrap_or_else(|| {
            Judgement::fail("no-egress", format!("the node does not reach outside: {}", seen.echo.words()))
        }),
    }
}

#[cfg(test)]
mod tests {
    use levelfield_kit::guest::HttpOutcome;

    use super::*;

    const OURS: &str = "192.0.2.7";
    const OTHER: &str = "192.0.2.99";

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    fn seen_by_echo(outcome: HttpOutcome, source: Option<&str>) -> Echo {
        Echo {
            url: "http://echo.example".to_owned(),
            outcome,
            status: (outcome == HttpOutcome::Status).then_some(200),
            source: source.map(|s| s.parse().unwrap()),
            detail: "nothing".to_owned(),
        }
    }

    fn stated_inside(answered: bool, address: Option<&str>) -> PublicItem {
        PublicItem {
            answered,
            with_token: answered,
            status: answered.then_some(200),
            address: address.map(|a| a.parse().unwrap()),
            detail: String::new(),
        }
    }

    type Row = (ThreeWays, &'static str, Option<&'static str>, Option<&'static str>);

    #[test]
    fn three_sides_agree_or_one_is_named() {
        let ways = |api: &[&str], metadata: PublicItem, echo: Option<Echo>| ThreeWays { api: ips(api), metadata, echo };
        let echoed = |source| Some(seen_by_echo(HttpOutcome::Status, Some(source)));
        let silence = || Some(seen_by_echo(HttpOutcome::TimedOut, None));
        let inside = |address| stated_inside(true, Some(address));
        let rows: Vec<Row> = vec![
            (ways(&[OURS], inside(OURS), echoed(OURS)), "pass", None, None),
            (ways(&[OURS, OTHER], inside(OURS), echoed(OTHER)), "pass", None, None),
            (ways(&[OURS], inside(OURS), None), "pass", None, None),
            (ways(&[OURS], stated_inside(true, None), echoed(OURS)), "pass", None, Some("metadata-silent")),
            (ways(&[OURS], inside(OTHER), echoed(OURS)), "fail", Some("metadata-differs"), None),
            (ways(&[OURS], inside(OTHER), silence()), "fail", Some("metadata-differs"), None),
            (ways(&[OURS], inside(OURS), echoed(OTHER)), "fail", Some("echo-differs"), None),
            (ways(&[OURS], inside(OURS), silence()), "inconclusive", Some("prerequisite: addressing/egress"), None),
            (
                ways(&[OURS], stated_inside(false, None), echoed(OURS)),
                "inconclusive",
                Some("prerequisite: underlay/metadata-service"),
                None,
            ),
            (ways(&[OURS], stated_inside(true, None), None), "inconclusive", Some("harness"), None),
            (
                ways(&[], inside(OURS), echoed(OURS)),
                "inconclusive",
                Some("prerequisite: addressing/public-by-default"),
                None,
            ),
        ];
        for (seen, state, reason, deviation) in rows {
            let judgement = judge_three_ways(&seen, &Nothing {});
            assert_eq!((judgement.verdict.state(), judgement.verdict.reason().as_deref()), (state, reason), "{seen:?}");
            assert_eq!(judgement.deviations.first().map(|d| d.pattern.as_str()), deviation);
        }
    }

    #[test]
    fn the_way_out_ends_in_the_nodes_own_address() {
        for (outcome, source, state, reason, deviation) in [
            (HttpOutcome::Status, Some(OURS), "pass", None, None),
            (HttpOutcome::Status, Some(OTHER), "pass", None, Some("shared-egress-address")),
            (HttpOutcome::Status, None, "inconclusive", Some("harness"), None),
            (HttpOutcome::Refused, None, "inconclusive", Some("harness"), None),
            (HttpOutcome::NoSuchName, None, "inconclusive", Some("prerequisite: underlay/dns"), None),
            (
                HttpOutcome::UntrustedCertificate,
                None,
                "inconclusive",
                Some("prerequisite: underlay/tls-not-intercepted"),
                None,
            ),
            (HttpOutcome::TimedOut, None, "fail", Some("no-egress"), None),
            (HttpOutcome::Other, None, "fail", Some("no-egress"), None),
        ] {
            let judgement =
                judge_egress(&WayOut { own: ips(&[OURS]), echo: seen_by_echo(outcome, source) }, &Nothing {});
            assert_eq!((judgement.verdict.state(), judgement.verdict.reason().as_deref()), (state, reason));
            assert_eq!(judgement.deviations.first().map(|d| d.pattern.as_str()), deviation);
        }
    }
}
