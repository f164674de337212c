//! `underlay/mirrors`, `underlay/tls-not-intercepted`, `underlay/static-service`: what a node fetches, from where, and from whom
//! it really comes. The configuration of the target names the places.

use std::collections::BTreeMap;

use levelfield_kit::{
    Ctx, Hindrance, Nothing, Observation,
    guest::{Guest, HttpOutcome, HttpProbe},
};
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

/// The longest wait for one answer, in seconds.
const WITHIN_S: u32 = 20;

/// What became of one request from inside the node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Fetched {
    url: String,
    outcome: HttpOutcome,
    status: Option<u16>,
    /// The client's own words about a failure.
    detail: String,
}

impl Fetched {
    async fn from(guest: &Guest, url: &str) -> Observation<Self> {
        let answer = guest.http(&HttpProbe::get(url, WITHIN_S)).await?;
        Ok(Self { url: url.to_owned(), outcome: answer.outcome, status: answer.status, detail: answer.detail })
    }

    /// In words: `https://… answered 403`.
    fn words(&self) -> String {
        let Self { url, .. } = self;
        match (self.outcome, self.status) {
            (HttpOutcome::Status, Some(status)) => format!("{url} answered {status}"),
            (HttpOutcome::Status, None) => format!("{url} answered"),
            (HttpOutcome::NoSuchName, _) => format!("{url}: the name does not resolve"),
            (HttpOutcome::Refused, _) => format!("{url} refused the connection"),
            (HttpOutcome::TimedOut, _) => format!("{url} did not answer in time"),
            (HttpOutcome::UntrustedCertificate, _) => format!("{url}: the certificate does not verify"),
            (HttpOutcome::Other, _) => format!("{url}: {}", self.detail),
        }
    }

    /// Whether what is there was given, or is given to whoever has an account there: registries ask even for that what is public.
    fn was_served(&self) -> bool {
        self.outcome == HttpOutcome::Status
            && self.status.is_some_and(|status| (200..400).contains(&status) || status == 401)
    }
}

fn words_of(fetched: &[&Fetched]) -> String {
    fetched.iter().map(|one| one.words()).collect::<Vec<_>>().join("; ")
}

/// A judgement about what was not fetched as it should be: where only names did not resolve, another behaviour owns that.
fn not_fetched(reason: &str, bad: &[&Fetched], of: usize) -> Judgement {
    let summary = format!("{} of {of}: {}", bad.len(), words_of(bad));
    if bad.iter().all(|one| one.outcome == HttpOutcome::NoSuchName) {
        return Judgement::inconclusive(InconclusiveReason::Prerequisite("underlay/dns".to_owned()), summary);
    }
    Judgement::fail(reason, summary)
}

fn not_configured(what: &str) -> Hindrance {
    Hindrance::harness(format!("the target's configuration names no {what}, so this should have been left out"))
}

/// What became of the request to each repository, by what it is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Mirrors {
    mirrors: BTreeMap<String, Fetched>,
}

pub(super) async fn observe_mirrors(ctx: Ctx, _: Nothing) -> Observation<Mirrors> {
    let configured = &ctx.target.settings.services.mirrors;
    if configured.is_empty() {
        return Err(not_configured("dependency repository"));
    }
    let guest = ctx.inside()?;
    let mut mirrors = BTreeMap::new();
    for (what, url) in configured {
        mirrors.insert(what.clone(), Fetched::from(&guest, url).await?);
    }
    Ok(Mirrors { mirrors })
}

pub(super) fn judge_mirrors(seen: &Mirrors, _: &Nothing) -> Judgement {
    let bad: Vec<&Fetched> = seen.mirrors.values().filter(|one| !one.was_served()).collect();
    if !bad.is_empty() {
        return not_fetched("not-fetched", &bad, seen.mirrors.len());
    }
    let names: Vec<&str> = seen.mirrors.keys().map(String::as_str).collect();
    Judgement::pass(format!("fetched from {}", names.join(", ")))
}

/// What became of the request to each public endpoint.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Endpoints {
    endpoints: Vec<Fetched>,
}

pub(super) async fn observe_tls(ctx: Ctx, _: Nothing) -> Observation<Endpoints> {
    let configured = &ctx.target.settings.services.tls;
    if configured.is_empty() {
        return Err(not_configured("public HTTPS endpoint"));
    }
    let guest = ctx.inside()?;
    let mut endpoints = Vec::new();
    for url in configured {
        endpoints.push(Fetched::from(&guest, url).await?);
    }
    Ok(Endpoints { endpoints })
}

pub(super) fn judge_tls(seen: &Endpoints, _: &Nothing) -> Judgement {
    let with = |outcome| seen.endpoints.iter().filter(move |one| one.outcome == outcome);
    let untrusted: Vec<&Fetched> = with(HttpOutcome::UntrustedCertificate).collect();
    if !untrusted.is_empty() {
        return not_fetched("certificate-untrusted", &untrusted, seen.endpoints.len());
    }
    // Any status shows that a server with a trusted certificate was spoken to.
    let silent: Vec<&Fetched> = seen.endpoints.iter().filter(|one| one.outcome != HttpOutcome::Status).collect();
    if !silent.is_empty() {
        return not_fetched("not-reached", &silent, seen.endpoints.len());
    }
    let urls: Vec<&str> = seen.endpoints.iter().map(|one| one.url.as_str()).collect();
    Judgement::pass(format!("the certificate verifies with the node's own roots: {}", urls.join(", ")))
}

/// What became of the request to the static service.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct StaticService {
    service: Fetched,
}

pub(super) async fn observe_static_service(ctx: Ctx, _: Nothing) -> Observation<StaticService> {
    let configured = ctx.target.settings.services.static_service.as_ref();
    let url = configured.ok_or_else(|| not_configured("static service"))?;
    Ok(StaticService { service: Fetched::from(&ctx.inside()?, url).await? })
}

pub(super) fn judge_static_service(seen: &StaticService, _: &Nothing) -> Judgement {
    // That it answers is what counts; what it thinks of the request is between it and its clients. Statuses from 502 on are a
    // gateway's, which did not reach it either.
    let reached = seen.service.outcome == HttpOutcome::Status && seen.service.status.is_none_or(|status| status < 502);
    if reached { Judgement::pass(seen.service.words()) } else { not_fetched("not-reached", &[&seen.service], 1) }
}

#[cfg(test)]
mod tests {
    use levelfield_reports::Verdict;

    use super::*;

    fn fetched(outcome: HttpOutcome, status: Option<u16>) -> Fetched {
        Fetched { url: "https://host/".to_owned(), outcome, status, detail: "curl: (35) handshake".to_owned() }
    }

    fn answered(status: u16) -> Fetched {
        fetched(HttpOutcome::Status, Some(status))
    }

    fn failed(outcome: HttpOutcome) -> Fetched {
        fetched(outcome, None)
    }

    fn needs_dns() -> Verdict {
        Verdict::Inconclusive { reason: InconclusiveReason::Prerequisite("underlay/dns".to_owned()) }
    }

    #[test]
    fn every_mirror_serves() {
        for (case, second, verdict) in [
            ("served", answered(200), Verdict::Pass),
            ("moved", answered(302), Verdict::Pass),
            ("a registry that wants to know who asks", answered(401), Verdict::Pass),
            ("a filter's page", answered(403), Verdict::fail("not-fetched")),
            ("broken", answered(503), Verdict::fail("not-fetched")),
            ("mirror-blocked, no-egress", failed(HttpOutcome::TimedOut), Verdict::fail("not-fetched")),
            ("refused", failed(HttpOutcome::Refused), Verdict::fail("not-fetched")),
            ("names do not resolve", failed(HttpOutcome::NoSuchName), needs_dns()),
        ] {
            let mirrors = [("packages".to_owned(), answered(200)), ("registry".to_owned(), second)].into();
            let judgement = judge_mirrors(&Mirrors { mirrors }, &Nothing {});
            assert_eq!(judgement.verdict, verdict, "{case}: {}", judgement.summary);
        }
    }

    #[test]
    fn certificates_verify() {
        let untrusted = || failed(HttpOutcome::UntrustedCertificate);
        for (case, endpoints, verdict) in [
            ("verifies", vec![answered(200), answered(404)], Verdict::Pass),
            ("tls-intercepted", vec![answered(200), untrusted()], Verdict::fail("certificate-untrusted")),
            ("no-egress", vec![failed(HttpOutcome::TimedOut)], Verdict::fail("not-reached")),
            ("both", vec![failed(HttpOutcome::TimedOut), untrusted()], Verdict::fail("certificate-untrusted")),
            ("cut off in the handshake", vec![failed(HttpOutcome::Other)], Verdict::fail("not-reached")),
            ("names do not resolve", vec![failed(HttpOutcome::NoSuchName)], needs_dns()),
        ] {
            let judgement = judge_tls(&Endpoints { endpoints }, &Nothing {});
            assert_eq!(judgement.verdict, verdict, "{case}: {}", judgement.summary);
        }
    }

    #[test]
    fn a_static_service_that_answers_is_reached() {
        for (case, service, verdict) in [
            ("answers", answered(200), Verdict::Pass),
            ("wants credentials", answered(403), Verdict::Pass),
            ("has troubles of its own", answered(500), Verdict::Pass),
            ("a gateway answers for it", answered(504), Verdict::fail("not-reached")),
            ("static-service-unreachable", failed(HttpOutcome::TimedOut), Verdict::fail("not-reached")),
            ("not trusted", failed(HttpOutcome::UntrustedCertificate), Verdict::fail("not-reached")),
            ("name does not resolve", failed(HttpOutcome::NoSuchName), needs_dns()),
        ] {
            let judgement = judge_static_service(&StaticService { service }, &Nothing {});
            assert_eq!(judgement.verdict, verdict, "{case}: {}", judgement.summary);
        }
    }
}
