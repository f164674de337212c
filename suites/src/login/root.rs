//! Step 7: who becomes root, when, and by which keys.

use levelfield_kit::{
    Ctx, Hindrance, Nothing, Observation,
    guest::AuthorizedKeys,
    remote::{Credential, NodeKey},
    subject::{Hardened, RootLogin},
};
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

use super::{
    attempt::{Attempt, Entry, attempt},
    first::{default_account, foreign_keys},
};

/// The account that the key logged in to, and whether it becomes root.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct BecomesRoot {
    account: String,
    uid: u32,
    /// Whether `sudo -n true` ended well; absent where there was nothing to become.
    sudo: Option<bool>,
}

pub(super) async fn observe_sudo(ctx: Ctx, _: Nothing) -> Observation<BecomesRoot> {
    let guest = ctx.inside()?;
    let (account, uid) = (guest.account().await?, guest.uid().await?);
    let sudo = if uid == 0 { None } else { Some(guest.sudo_works().await?) };
    Ok(BecomesRoot { account, uid, sudo })
}

pub(super) fn judge_sudo(seen: &BecomesRoot, _: &Nothing) -> Judgement {
    let account = &seen.account;
    match seen.sudo {
        None => Judgement::pass(format!("the key logs in to `{account}`, which is root already"))
            .deviating("account-is-root"),
        Some(true) => Judgement::pass(format!("`{account}` becomes root without a password")),
        Some(false) => {
            Judgement::fail("sudo-asks-password", format!("`{account}` does not become root without a password"))
        }
    }
}

/// The node's key, tried on root before anything was changed.
pub(super) async fn observe_refused(ctx: Ctx, _: Nothing) -> Observation<Attempt> {
    let way = ctx.way()?;
    Ok(attempt(&ctx, &way, "root", &way.credential).await)
}

pub(super) fn judge_refused(seen: &Attempt, _: &Nothing) -> Judgement {
    match &seen.entry {
        Entry::Session { runs_as } => Judgement::fail(
            "root-open",
            format!("the node's key gives a session as root at once (commands run as `{runs_as}`)"),
        ),
        Entry::Refused { .. } => Judgement::pass("the node's key is refused for root"),
        Entry::TurnedAway { said } => {
            Judgement::pass(format!("root is turned away: {}", said.lines().next().unwrap_or("without a word")))
        }
        Entry::Expired | Entry::Undecided { .. } => unanswered(seen),
    }
}

fn unanswered(seen: &Attempt) -> Judgement {
    let why = seen.undecided().unwrap_or_else(|| "the server asked for a new password".to_owned());
    Judgement::inconclusive(InconclusiveReason::RunnerNetwork, format!("the attempt came to no answer: {why}"))
}

/// Root's ways in, after step 7.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RootOpened {
    /// The account that the node's key had logged in to.
    account: String,
    /// One login for each operator key.
    logins: Vec<RootLogin>,
    /// Root's authorized keys, once root could log in.
    keys: Option<AuthorizedKeys>,
    /// The node's key, tried on root, once root could log in.
    node_key: Option<Attempt>,
}

pub(super) async fn observe_added(ctx: Ctx, _: Nothing) -> Observation<RootOpened> {
    let Hardened { logins, .. } = ctx.fact(|f| f.hardened.clone())?;
    let account = default_account(&ctx)?;
    if first_failure(&logins).is_some() {
        return Ok(RootOpened { account, logins, keys: None, node_key: None });
    }
    let keys = ctx.inside()?.authorized_keys("root").await?;
    let node_key = match ctx.subject()?.read(|s| s.node_key.clone()) {
        Some(key) => try_on_root(&ctx, key).await?,
        None => return Err(Hindrance::harness("the subject has no node key")),
    };
    Ok(RootOpened { account, logins, keys: Some(keys), node_key: Some(node_key) })
}

async fn try_on_root(ctx: &Ctx, key: NodeKey) -> Result<Attempt, Hindrance> {
    Ok(attempt(ctx, &ctx.way()?, "root", &Credential::Key(key)).await)
}

/// The first operator key that did not log in. A server's "no" comes before a line that broke.
pub(super) fn first_failure(logins: &[RootLogin]) -> Option<&RootLogin> {
    let refused =
        |login: &&RootLogin| login.failure.as_ref().is_some_and(levelfield_kit::remote::LoginFailure::is_refusal);
    logins.iter().find(refused).or_else(|| logins.iter().find(|login| login.failure.is_some()))
}

/// What it says of a node that an operator key did not log in as root.
pub(super) fn judge_failure(login: &RootLogin) -> Judgement {
    let words = login.failure.as_ref().map(ToString::to_string).unwrap_or_default();
    if login.failure.as_ref().is_some_and(levelfield_kit::remote::LoginFailure::is_refusal) {
        Judgement::fail("root-refused", format!("root cannot log in with the operator key {}: {words}", login.key))
    } else {
        Judgement::inconclusive(
            InconclusiveReason::RunnerNetwork,
            format!("the login as root came to no answer: {words}"),
        )
    }
}

pub(super) fn judge_added(seen: &RootOpened, _: &Nothing) -> Judgement {
    if let Some(login) = first_failure(&seen.logins) {
        return judge_failure(login);
    }
    let (Some(keys), Some(node_key)) = (&seen.keys, &seen.node_key) else {
        return Judgement::inconclusive(InconclusiveReason::Harness, "root's keys were not looked at");
    };
    let operators: Vec<String> = seen.logins.iter().map(|login| login.key.clone()).collect();
    if let Some(foreign) = foreign_keys(&keys.keys, &operators) {
        return Judgement::fail("foreign-key", format!("root also answers to {foreign}, which no operator put there"));
    }
    // Where the image's account is root itself, its key goes with step 8.
    if node_key.gave_a_session() && seen.account != "root" {
        return Judgement::fail("node-key-opens-root", "the node's own key logs in as root");
    }
    if node_key.undecided().is_some() {
        return unanswered(node_key);
    }
    Judgement::pass(format!("root logs in with each of {} operator keys, and with no other", seen.logins.len()))
}

#[cfg(test)]
mod tests {
    use levelfield_kit::{
        guest::AuthorizedKey,
        remote::{HostKey, Knock, LoginFailure},
    };

    use super::{
        super::attempt::tests::{refused, session, tried, turned_away, undecided},
        *,
    };

    fn told(judgement: &Judgement) -> (&'static str, Option<String>) {
        (judgement.verdict.state(), judgement.verdict.reason())
    }

    #[test]
    fn the_account_becomes_root() {
        let seen = |uid, sudo| BecomesRoot { account: "debian".to_owned(), uid, sudo };
        for (seen, state, deviation) in [
            (seen(1000, Some(true)), "pass", None),
            (seen(1000, Some(false)), "fail", None),
            (seen(0, None), "pass", Some("account-is-root")),
        ] {
            let judgement = judge_sudo(&seen, &Nothing {});
            assert_eq!(judgement.verdict.state(), state);
            assert_eq!(judgement.deviations.first().map(|d| d.pattern.as_str()), deviation);
        }
    }

    #[test]
    fn root_is_closed_at_first() {
        for (entry, state, reason) in [
            (refused(), "pass", None),
            (turned_away(), "pass", None),
            (session("root"), "fail", Some("root-open")),
            (undecided(), "inconclusive", Some("runner-network")),
        ] {
            let judgement = judge_refused(&tried("root", entry), &Nothing {});
            assert_eq!(told(&judgement), (state, reason.map(str::to_owned)));
        }
    }

    fn opened(failure: Option<LoginFailure>, foreign: bool, account: &str, node_key: Entry) -> RootOpened {
        let of_key = |print: &str| AuthorizedKey {
            public: HostKey { algorithm: "ssh-ed25519".to_owned(), blob: String::new(), sha256: print.to_owned() },
            options: None,
            comment: String::new(),
        };
        let mut keys = vec![of_key("SHA256:one"), of_key("SHA256:two")];
        keys.extend(foreign.then(|| of_key("SHA256:vendor")));
        RootOpened {
            account: account.to_owned(),
            logins: vec![
                RootLogin { key: "SHA256:one".to_owned(), failure: None },
                RootLogin { key: "SHA256:two".to_owned(), failure },
            ],
            keys: Some(AuthorizedKeys { path: "/root/.ssh/authorized_keys".to_owned(), keys, unreadable: vec![] }),
            node_key: Some(tried("root", node_key)),
        }
    }

    #[test]
    fn root_opens_to_operators_alone() {
        let no = || Some(LoginFailure::Refused { methods: vec![], why: "no".to_owned() });
        let silence = || Some(LoginFailure::Unreachable(Knock::TimedOut));
        for (seen, state, reason) in [
            (opened(None, false, "debian", refused()), "pass", None),
            (opened(None, false, "debian", turned_away()), "pass", None),
            (opened(None, false, "root", session("root")), "pass", None),
            (opened(no(), false, "debian", refused()), "fail", Some("root-refused")),
            (opened(silence(), false, "debian", refused()), "inconclusive", Some("runner-network")),
            (opened(None, true, "debian", refused()), "fail", Some("foreign-key")),
            (opened(None, false, "debian", session("root")), "fail", Some("node-key-opens-root")),
            (opened(None, false, "debian", undecided()), "inconclusive", Some("runner-network")),
        ] {
            assert_eq!(told(&judge_added(&seen, &Nothing {})), (state, reason.map(str::to_owned)));
        }
    }
}
