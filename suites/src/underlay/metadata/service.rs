//! `underlay/metadata-service`: id, addresses and key are told inside the node, and agree with the API.

use std::net::IpAddr;

use levelfield_kit::{Ctx, Nothing, Observation, guest::Guest, subject::addresses};
use levelfield_provider::Scope;
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

use super::{INSTANCE_ID, KEY, LOCAL_IPV4, Said, Told, bearing, get, session_token};

const PATHS: [&str; 3] = [INSTANCE_ID, LOCAL_IPV4, KEY];
/// Where clouds whose EC2-like ids are made for this service alone tell their own.
const OPENSTACK: &str = "/openstack/latest/meta_data.json";

/// What the service said, and what it should have.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) struct Service {
    /// To the request for a session token.
    token: Said,
    /// With the token, where one was given.
    with_token: Option<Told>,
    /// Without.
    without_token: Told,
    /// The id in the cloud's own metadata, where it has such and the other id is not the API's.
    own_id: Option<String>,
    /// The id by API.
    id: String,
    /// Private addresses by API.
    private: Vec<IpAddr>,
    /// Addresses of the node's interfaces, but for the loopback one.
    interfaces: Vec<IpAddr>,
    /// The key that the node was asked for with, where the target knows keys.
    key: Option<String>,
}

impl Service {
    /// What counts: what is said to whoever has a token, if that is anything.
    fn told(&self) -> &Told {
        self.with_token.as_ref().filter(|told| told.text(INSTANCE_ID).is_some()).unwrap_or(&self.without_token)
    }
}

pub(in super::super) async fn observe(ctx: Ctx, _: Nothing) -> Observation<Service> {
    let guest = ctx.inside()?;
    let node = ctx.node()?;
    let (token, secret) = session_token(&guest, &[]).await?;
    let with_token = match &secret {
        Some(secret) => Some(Told::ask(&guest, &[bearing(secret)], &PATHS).await?),
        None => None,
    };
    let without_token = Told::ask(&guest, &[], &PATHS).await?;
    let outward = guest.interfaces().await?.into_iter().filter(|interface| interface.name != "lo");
    let interfaces = outward.flat_map(|interface| interface.addresses).map(|net| net.addr()).collect();
    let key = ctx.subject()?.read(|s| s.key_pair.as_ref().and(s.node_key.as_ref()).map(|key| key.public().line()));
    let mut service = Service {
        token,
        with_token,
        without_token,
        own_id: None,
        private: addresses(&node, Scope::Private),
        id: node.id,
        interfaces,
        key,
    };
    if service.told().text(INSTANCE_ID).is_some_and(|id| id != service.id) {
        service.own_id = own_id(&guest, secret.as_deref()).await?;
    }
    Ok(service)
}

async fn own_id(guest: &Guest, token: Option<&str>) -> Observation<Option<String>> {
    let headers: Vec<_> = token.map(bearing).into_iter().collect();
    let answer = get(guest, OPENSTACK, &headers).await?;
    let document = serde_json::from_str::<serde_json::Value>(&answer.body).ok().filter(|_| answer.is_success());
    Ok(document.and_then(|document| Some(document.get("uuid")?.as_str()?.to_owned())))
}

pub(in super::super) fn judge(seen: &Service, _: &Nothing) -> Judgement {
    let told = seen.told();
    let Some(id) = told.text(INSTANCE_ID) else {
        let summary = format!("the service does not tell the node its id: {}", told.words(INSTANCE_ID));
        return Judgement::fail("no-answer", summary);
    };
    if id != seen.id && seen.own_id.as_ref() != Some(&seen.id) {
        return Judgement::fail("id-differs", format!("the service tells the id {id}, the API {}", seen.id))
            .comparing(&seen.id, id);
    }
    if let Some(judgement) = wrong_address(seen, told).or_else(|| wrong_key(seen, told)) {
        return judgement;
    }
    let what = if seen.key.is_some() { "id, address and key" } else { "id and address" };
    if seen.without_token.text(INSTANCE_ID).is_some() {
        return Judgement::pass(format!("the service tells {what}, and asks for no session token"))
            .deviating("tokenless-metadata");
    }
    Judgement::pass(format!("the service tells {what}, to whoever has a session token"))
}

fn wrong_address(seen: &Service, told: &Told) -> Option<Judgement> {
    // A node without a private IPv4 address has none to be told.
    if !seen.private.iter().any(IpAddr::is_ipv4) {
        return None;
    }
    let stated: Vec<String> = seen.private.iter().map(ToString::to_string).collect();
    let stated = stated.join(", ");
    let Some(text) = told.text(LOCAL_IPV4) else {
        let summary = format!("the service does not tell the node its address: {}", told.words(LOCAL_IPV4));
        return Some(Judgement::fail("address-missing", summary));
    };
    let address: Option<IpAddr> = text.parse().ok();
    if address.is_some_and(|address| seen.private.contains(&address)) {
        return None;
    }
    let summary = format!("the service tells the address {text}, the API {stated}");
    if address.is_some_and(|address| seen.interfaces.contains(&address)) {
        // It is the API that is at odds with the node.
        let owner = "addressing/private-address".to_owned();
        return Some(Judgement::inconclusive(InconclusiveReason::Prerequisite(owner), summary));
    }
    Some(Judgement::fail("address-differs", summary).comparing(stated, text))
}

fn wrong_key(seen: &Service, told: &Told) -> Option<Judgement> {
    let given = seen.key.as_ref()?;
    match told.key() {
        Some(key) if key == *given => None,
        Some(key) => {
            Some(Judgement::fail("key-differs", "the service tells another key than the node's").comparing(given, key))
        }
        None => {
            let summary = format!("the service does not tell the node its key: {}", told.words(KEY));
            Some(Judgement::fail("key-missing", summary))
        }
    }
}

#[cfg(test)]
mod tests {
    use levelfield_kit::guest::HttpOutcome;
    use levelfield_reports::Verdict;

    use super::*;

    const LINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    fn status(status: u16, text: Option<&str>) -> Said {
        Said { outcome: HttpOutcome::Status, status: Some(status), text: text.map(str::to_owned) }
    }

    fn told(id: &str, address: &str, key: &str) -> Told {
        let said = [(INSTANCE_ID, id), (LOCAL_IPV4, address), (KEY, key)];
        Told(said.map(|(path, text)| (path.to_owned(), status(200, Some(text)))).into())
    }

    fn refused(code: u16) -> Told {
        Told(PATHS.map(|path| (path.to_owned(), status(code, None))).into())
    }

    fn silent() -> Told {
        let said = Said { outcome: HttpOutcome::TimedOut, status: None, text: None };
        Told(PATHS.map(|path| (path.to_owned(), said.clone())).into())
    }

    fn service(with_token: Option<Told>, without_token: Told) -> Service {
        Service {
            token: status(if with_token.is_some() { 200 } else { 404 }, None),
            with_token,
            without_token,
            own_id: None,
            id: "i-0123".to_owned(),
            private: vec!["10.0.0.5".parse().unwrap()],
            interfaces: vec!["10.0.0.5".parse().unwrap(), "10.0.0.99".parse().unwrap()],
            key: Some(LINE.to_owned()),
        }
    }

    #[test]
    fn what_is_told_agrees_with_the_api() {
        let right = || told("i-0123", "10.0.0.5", &format!("{LINE} a comment"));
        let inconclusive =
            Verdict::Inconclusive { reason: InconclusiveReason::Prerequisite("addressing/private-address".to_owned()) };
        for (case, seen, verdict, tokenless) in [
            ("as on AWS", service(Some(right()), refused(401)), Verdict::Pass, false),
            ("token optional", service(Some(right()), right()), Verdict::Pass, true),
            ("no tokens", service(None, right()), Verdict::Pass, true),
            ("token of no use", service(Some(refused(404)), right()), Verdict::Pass, true),
            ("metadata-service-down", service(None, silent()), Verdict::fail("no-answer"), false),
            ("not found", service(Some(refused(404)), refused(401)), Verdict::fail("no-answer"), false),
            (
                "another's id",
                service(Some(told("i-9", "10.0.0.5", LINE)), refused(401)),
                Verdict::fail("id-differs"),
                false,
            ),
            (
                "another's address",
                service(Some(told("i-0123", "10.0.0.7", LINE)), refused(401)),
                Verdict::fail("address-differs"),
                false,
            ),
            (
                "private-address-differs-inside",
                service(Some(told("i-0123", "10.0.0.99", LINE)), refused(401)),
                inconclusive,
                false,
            ),
            (
                "another's key",
                service(Some(told("i-0123", "10.0.0.5", OTHER)), refused(401)),
                Verdict::fail("key-differs"),
                false,
            ),
            (
                "no key",
                service(Some(told("i-0123", "10.0.0.5", "none")), refused(401)),
                Verdict::fail("key-missing"),
                false,
            ),
        ] {
            let judgement = judge(&seen, &Nothing {});
            assert_eq!(judgement.verdict, verdict, "{case}: {}", judgement.summary);
            let patterns: Vec<_> = judgement.deviations.iter().map(|d| d.pattern.as_str()).collect();
            assert_eq!(patterns, if tokenless { vec!["tokenless-metadata"] } else { vec![] }, "{case}");
        }
    }

    #[test]
    fn an_id_made_for_the_service_is_the_nodes_where_the_clouds_own_is() {
        let mut seen = service(Some(told("i-00000001", "10.0.0.5", LINE)), refused(401));
        seen.own_id = Some("i-0123".to_owned());
        assert_eq!(judge(&seen, &Nothing {}).verdict, Verdict::Pass);
        seen.own_id = Some("another".to_owned());
        assert_eq!(judge(&seen, &Nothing {}).verdict, Verdict::fail("id-differs"));
    }

    #[test]
    fn what_a_node_has_not_need_not_be_told() {
        let mut seen = service(Some(told("i-0123", "", "")), refused(401));
        seen.private = vec!["fd00::5".parse().unwrap()];
        seen.key = None;
        let judgement = judge(&seen, &Nothing {});
        assert_eq!(judgement.verdict, Verdict::Pass);
        assert_eq!(judgement.summary, "the service tells id and address, to whoever has a session token");
    }
}
