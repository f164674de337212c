//! `underlay/metadata-not-exposed`: a node's metadata cannot be read by another node, whatever it pretends.
//!
//! User data is not compared: every node of a run has the same. Id and key are each node's own, and the service finds them in
//! the same place.

use levelfield_kit::{Ctx, Hindrance, Nothing, Observation, guest::Guest};
use levelfield_reports::Judgement;
use serde::{Deserialize, Serialize};

use super::{Header, INSTANCE_ID, KEY, Said, Told, bearing, header, session_token};

const PATHS: [&str; 2] = [INSTANCE_ID, KEY];

/// What the service told to whom.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) struct Exposure {
    /// To the subject, about itself.
    subject: Told,
    /// To the peer, about itself.
    peer: Told,
    /// To the peer, when it pretended to be the subject.
    pretended: Vec<Pretended>,
}

/// One way of pretending.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Pretended {
    /// The header that was sent with each request.
    header: String,
    /// To the request for a session token.
    token: Said,
    /// To the others, with that token or else with one that was asked for without pretending.
    told: Told,
}

/// The headers by which proxies tell a service for whom they ask.
fn ways_to_pretend(address: &str, id: &str) -> [Header; 4] {
    [
        header("X-Forwarded-For", address),
        header("X-Real-IP", address),
        header("Forwarded", format!("for={address}")),
        header("X-Instance-ID", id),
    ]
}

pub(in super::super) async fn observe(ctx: Ctx, _: Nothing) -> Observation<Exposure> {
    let (inside, inside_peer) = (ctx.inside()?, ctx.inside_peer()?);
    let address = ctx.neighbour_address(ctx.subject()?)?.to_string();
    let id = ctx.node()?.id;
    let (subject, _) = honestly(&inside).await?;
    let (peer, token) = honestly(&inside_peer).await?;
    for told in [&subject, &peer] {
        if told.text(INSTANCE_ID).is_none() {
            let detail = format!("the service does not tell a node its own id: {}", told.words(INSTANCE_ID));
            return Err(Hindrance::prerequisite("underlay/metadata-service", detail));
        }
    }
    let mut pretended = Vec::new();
    for pretence in ways_to_pretend(&address, &id) {
        pretended.push(pretend(&inside_peer, pretence, token.as_deref()).await?);
    }
    Ok(Exposure { subject, peer, pretended })
}

async fn honestly(guest: &Guest) -> Observation<(Told, Option<String>)> {
    let (_, token) = session_token(guest, &[]).await?;
    let headers: Vec<Header> = token.as_deref().map(bearing).into_iter().collect();
    Ok((Told::ask(guest, &headers, &PATHS).await?, token))
}

async fn pretend(guest: &Guest, pretence: Header, honest_token: Option<&str>) -> Observation<Pretended> {
    let (token, secret) = session_token(guest, std::slice::from_ref(&pretence)).await?;
    let bearer = secret.as_deref().or(honest_token).map(bearing);
    let shown = format!("{}: {}", pretence.0, pretence.1);
    let headers: Vec<Header> = bearer.into_iter().chain([pretence]).collect();
    Ok(Pretended { header: shown, token, told: Told::ask(guest, &headers, &PATHS).await? })
}

pub(in super::super) fn judge(seen: &Exposure, _: &Nothing) -> Judgement {
    let leaks: Vec<&str> =
        seen.pretended.iter().filter(|p| tells_of_subject(seen, &p.told)).map(|p| p.header.as_str()).collect();
    if leaks.is_empty() {
        let tried: Vec<&str> = seen.pretended.iter().filter_map(|p| p.header.split(':').next()).collect();
        return Judgement::pass(format!("a neighbour learns nothing of the node by {}", tried.join(", ")));
    }
    let summary = format!("a neighbour that sends `{}` is told what is the node's", leaks.join("` or `"));
    Judgement::fail("exposed", summary)
}

/// Whether `told` is what only the subject should be told.
fn tells_of_subject(seen: &Exposure, told: &Told) -> bool {
    let is_subjects = |of: &dyn Fn(&Told) -> Option<String>| {
        let told = of(told);
        told.is_some() && told == of(&seen.subject) && told != of(&seen.peer)
    };
    is_subjects(&|t| t.text(INSTANCE_ID).map(str::to_owned)) || is_subjects(&Told::key)
}

#[cfg(test)]
mod tests {
    use levelfield_kit::guest::HttpOutcome;
    use levelfield_reports::Verdict;

    use super::*;

    const KEY_A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const KEY_B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    fn said(status: u16, text: Option<&str>) -> Said {
        Said { outcome: HttpOutcome::Status, status: Some(status), text: text.map(str::to_owned) }
    }

    fn told(id: &str, key: &str) -> Told {
        Told([(INSTANCE_ID, id), (KEY, key)].map(|(path, text)| (path.to_owned(), said(200, Some(text)))).into())
    }

    #[test]
    fn a_neighbour_learns_only_of_itself() {
        let refused = || Told(PATHS.map(|path| (path.to_owned(), said(401, None))).into());
        for (case, answer, verdict) in [
            ("of itself", told("i-peer", KEY_B), Verdict::Pass),
            ("nothing", refused(), Verdict::Pass),
            ("metadata-trusts-forwarded-for", told("i-subject", KEY_A), Verdict::fail("exposed")),
            ("the key alone", told("i-peer", &format!("{KEY_A} comment")), Verdict::fail("exposed")),
            ("the id alone", told("i-subject", KEY_B), Verdict::fail("exposed")),
        ] {
            let harmless = Pretended {
                header: "X-Real-IP: 10.0.0.5".to_owned(),
                token: said(200, None),
                told: told("i-peer", KEY_B),
            };
            let pretended =
                Pretended { header: "X-Forwarded-For: 10.0.0.5".to_owned(), token: said(403, None), told: answer };
            let (subject, peer) = (told("i-subject", KEY_A), told("i-peer", KEY_B));
            let judgement = judge(&Exposure { subject, peer, pretended: vec![harmless, pretended] }, &Nothing {});
            assert_eq!(judgement.verdict, verdict, "{case}: {}", judgement.summary);
            if verdict != Verdict::Pass {
                assert!(judgement.summary.contains("`X-Forwarded-For: 10.0.0.5`"), "{}", judgement.summary);
            }
        }
    }

    #[test]
    fn one_key_for_both_nodes_gives_nothing_away() {
        let both = || told("i-peer", KEY_A);
        let pretended = Pretended { header: "X-Real-IP: a".to_owned(), token: said(200, None), told: both() };
        let seen = Exposure { subject: told("i-subject", KEY_A), peer: both(), pretended: vec![pretended] };
        assert_eq!(judge(&seen, &Nothing {}).verdict, Verdict::Pass);
    }
}
