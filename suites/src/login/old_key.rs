//! Step 8: the key of the node's birth opens nothing any more.

use levelfield_kit::{Ctx, Hindrance, Nothing, Observation, remote::Credential};
use levelfield_reports::{InconclusiveReason, Judgement, event::Stage};
use serde::{Deserialize, Serialize};

use super::{
    attempt::{Attempt, accounts, attempt, first_undecided},
    first::default_account,
};

/// The node's key, tried on every account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct KeyTried {
    /// SHA-256 fingerprint.
    key: String,
    /// One real attempt for each account that has a shell.
    attempts: Vec<Attempt>,
}

pub(super) async fn observe(ctx: Ctx, _: Nothing) -> Observation<KeyTried> {
    ctx.fact(|f| f.sealed.clone())?;
    is_back(&ctx)?;
    let way = ctx.way()?;
    let Some(key) = ctx.subject()?.read(|s| s.node_key.clone()) else {
        return Err(Hindrance::harness("the subject has no node key"));
    };
    let mut names = vec![default_account(&ctx)?, "root".to_owned()];
    names.extend(ctx.inside()?.accounts().await?.into_iter().map(|account| account.name));
    names.sort();
    names.dedup();
    let credential = Credential::Key(key.clone());
    let mut attempts = Vec::new();
    for name in names {
        attempts.push(attempt(&ctx, &way, &name, &credential).await);
    }
    Ok(KeyTried { key: key.sha256().to_owned(), attempts })
}

/// After the reboot there is something to see only if the node came back.
pub(super) fn is_back(ctx: &Ctx) -> Result<(), Hindrance> {
    if ctx.stage() != Stage::Rebooted {
        return Ok(());
    }
    let back = ctx.fact(|f| f.rebooted.clone())?.back;
    if back.met() { Ok(()) } else { Err(Hindrance::prerequisite("allocation/reboot-keeps-identity", back.sentence())) }
}

pub(super) fn judge(seen: &KeyTried, _: &Nothing) -> Judgement {
    if let Some(opened) = accounts(&seen.attempts, Attempt::was_accepted) {
        return Judgement::fail("old-key-accepted", format!("the node's key is still accepted for {opened}"));
    }
    if let Some(unknown) = first_undecided(&seen.attempts) {
        return Judgement::inconclusive(
            InconclusiveReason::RunnerNetwork,
            format!("an attempt came to no answer: {unknown}"),
        );
    }
    match accounts(&seen.attempts, |_| true) {
        Some(tried) => Judgement::pass(format!("the node's key was refused for {tried}")),
        None => Judgement::inconclusive(InconclusiveReason::Harness, "no account was tried"),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::attempt::tests::{refused, session, tried, turned_away, undecided},
        *,
    };

    #[test]
    fn the_old_key_opens_no_account() {
        for (attempts, state, reason) in [
            (vec![tried("debian", refused()), tried("root", refused())], "pass", None),
            (vec![tried("debian", session("debian")), tried("root", refused())], "fail", Some("old-key-accepted")),
            (vec![tried("debian", refused()), tried("root", turned_away())], "fail", Some("old-key-accepted")),
            (vec![tried("debian", undecided()), tried("root", session("root"))], "fail", Some("old-key-accepted")),
            (vec![tried("debian", undecided()), tried("root", refused())], "inconclusive", Some("runner-network")),
            (vec![], "inconclusive", Some("harness")),
        ] {
            let verdict = judge(&KeyTried { key: "SHA256:x".to_owned(), attempts }, &Nothing {}).verdict;
            assert_eq!((verdict.state(), verdict.reason().as_deref()), (state, reason));
        }
    }
}
