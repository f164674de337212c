//! Step 6: the first login, the account behind it, the keys that it answers to, and that it goes on working.

use levelfield_kit::{
    Ctx, Hindrance, Nothing, Observation,
    guest::{AuthorizedKey, AuthorizedKeys},
    remote::{Knock, LoginFailure},
    subject::{AddressPattern, LoggedIn},
};
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct InTime {
    pub(super) login_within_s: f64,
}

/// The journey tried until the key was accepted, and climbed the ladder when it was not.
pub(super) async fn observe_accepted(ctx: Ctx, _: InTime) -> Observation<LoggedIn> {
    ctx.fact(|f| f.logged_in.clone())
}

pub(super) fn judge_accepted(seen: &LoggedIn, expect: &InTime) -> Judgement {
    let Some(accepted) = &seen.accepted.value else {
        let code = seen.triage.as_ref().map_or("login-failed", |t| t.code.as_str());
        let broke = seen.triage.as_ref().and_then(|t| t.rungs.iter().find(|r| !r.holds));
        let why = broke.map_or_else(|| seen.accepted.sentence(), |r| format!("{}: {}", r.rung, r.seen));
        return Judgement::fail(code, format!("the node's key did not log in; {why}"));
    };
    let (took, limit) = (seen.since_request_s, expect.login_within_s);
    let account = &accepted.account;
    let judgement = if took <= limit {
        Judgement::pass(format!("the node's key logged in to `{account}` {took:.1} s after the request"))
    } else {
        Judgement::fail(
            "too-late",
            format!("the first login was {took:.1} s after the request; {limit:.0} s are allowed"),
        )
    };
    judgement.measured("request-to-login", took, "s")
}

/// The account that let the key in, beside the one that was promised.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct AccountThatWorks {
    stated: String,
    works: String,
}

pub(super) async fn observe_account(ctx: Ctx, _: Nothing) -> Observation<AccountThatWorks> {
    let works = default_account(&ctx)?;
    match ctx.fact(|f| f.logged_in.clone())?.stated {
        Some(stated) => Ok(AccountThatWorks { stated, works }),
        None => Err(Hindrance::prerequisite("image-naming/login-account-stated", "the image states no account")),
    }
}

pub(super) fn judge_account(seen: &AccountThatWorks, _: &Nothing) -> Judgement {
    let AccountThatWorks { stated, works } = seen;
    if stated == works {
        Judgement::pass(format!("`{works}`, as stated"))
    } else {
        Judgement::fail(
            "another-account",
            format!("the image states `{stated}`, and `{works}` is the account that works"),
        )
        .comparing(stated, works)
    }
}

/// The account that the node's key logged in to first.
pub(super) fn default_account(ctx: &Ctx) -> Result<String, Hindrance> {
    let logged_in = ctx.fact(|f| f.logged_in.clone())?;
    let nobody = || Hindrance::prerequisite("login/key-accepted", logged_in.accepted.sentence());
    logged_in.accepted.value.as_ref().map(|a| a.account.clone()).ok_or_else(nobody)
}

/// The keys that the account answers to, beside the one that was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct KeysOfTheAccount {
    account: String,
    /// SHA-256 fingerprint of the key that was asked for.
    asked_for: String,
    found: AuthorizedKeys,
}

pub(super) async fn observe_keys(ctx: Ctx, _: Nothing) -> Observation<KeysOfTheAccount> {
    if ctx.fact(|f| f.addressed.clone())?.pattern == AddressPattern::Existing {
        let detail = "the node existed before, so nobody knows which keys were asked for";
        return Err(Hindrance::prerequisite("allocation/node-requested", detail));
    }
    let account = default_account(&ctx)?;
    let Some(key) = ctx.subject()?.read(|s| s.node_key.clone()) else {
        return Err(Hindrance::harness("the subject has no node key"));
    };
    let found = ctx.inside()?.authorized_keys(&account).await?;
    Ok(KeysOfTheAccount { account, asked_for: key.sha256().to_owned(), found })
}

pub(super) fn judge_keys(seen: &KeysOfTheAccount, _: &Nothing) -> Judgement {
    let account = &seen.account;
    let foreign = foreign_keys(&seen.found.keys, std::slice::from_ref(&seen.asked_for));
    if let Some(foreign) = foreign {
        return Judgement::fail(
            "foreign-key",
            format!("`{account}` also answers to {foreign}, which nobody asked for"),
        );
    }
    // A server may learn keys elsewhere than in the file; that the one asked for is in force was shown by the login.
    let place =
        if seen.found.keys.is_empty() { "no key stands in" } else { "the key asked for, and no other, stands in" };
    Judgement::pass(format!("{place} {}", seen.found.path))
}

/// Keys that are none of `wanted`, as a reader recognises them.
pub(super) fn foreign_keys(keys: &[AuthorizedKey], wanted: &[String]) -> Option<String> {
    let foreign: Vec<String> = keys.iter().filter(|key| !wanted.contains(&key.public.sha256)).map(words).collect();
    (!foreign.is_empty()).then(|| foreign.join(", "))
}

fn words(key: &AuthorizedKey) -> String {
    let print = &key.public.sha256;
    if key.comment.is_empty() { print.clone() } else { format!("{print} ({})", key.comment) }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct InARow {
    pub(super) logins: u32,
}

/// What became of logins made one after the other, once the first was accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Row {
    account: String,
    /// Each login in turn: what failed it, or nothing.
    logins: Vec<Option<LoginFailure>>,
}

/// After so many failures nothing new is learnt by trying on.
const ENOUGH_FAILURES: usize = 3;

pub(super) async fn observe_ready(ctx: Ctx, expect: InARow) -> Observation<Row> {
    let way = ctx.way()?;
    let mut logins = Vec::new();
    let mut failures = 0;
    while logins.len() < expect.logins as usize && failures < ENOUGH_FAILURES {
        let outcome = ctx.remote.login(&way.door, &way.credential, way.host_key.as_ref()).await;
        failures += usize::from(outcome.is_err());
        logins.push(outcome.err());
    }
    Ok(Row { account: way.door.account, logins })
}

pub(super) fn judge_ready(seen: &Row, expect: &InARow) -> Judgement {
    let wanted = expect.logins as usize;
    let failed: Vec<(usize, &LoginFailure)> =
        seen.logins.iter().enumerate().filter_map(|(at, failure)| Some((at + 1, failure.as_ref()?))).collect();
    let ours = |failure: &LoginFailure| {
        matches!(failure, LoginFailure::Local { .. } | LoginFailure::Unreachable(Knock::Unreachable { .. }))
    };
    if let Some((at, failure)) = failed.iter().find(|(_, failure)| !ours(failure)) {
        let summary = format!("login {at} of {wanted} after the first failed: {failure}");
        return Judgement::fail(format!("login-{}", failure.code()), summary);
    }
    if let Some((at, failure)) = failed.first() {
        return Judgement::inconclusive(
            InconclusiveReason::RunnerNetwork,
            format!("login {at} of {wanted}: {failure}"),
        );
    }
    if seen.logins.len() < wanted {
        let summary = format!("{} logins in a row; {wanted} are asked for", seen.logins.len());
        return Judgement::inconclusive(InconclusiveReason::Harness, summary);
    }
    Judgement::pass(format!("{} logins to `{}` in a row after the first", seen.logins.len(), seen.account))
}

#[cfg(test)]
mod tests {
    use levelfield_kit::{
        remote::HostKey,
        subject::Accepted,
        triage::{Rung, Triage},
        wait::Waited,
    };
    use levelfield_reports::Verdict;

    use super::*;

    fn key(sha256: &str) -> HostKey {
        HostKey { algorithm: "ssh-ed25519".to_owned(), blob: String::new(), sha256: sha256.to_owned() }
    }

    fn logged_in(account: Option<&str>, since_request_s: f64) -> LoggedIn {
        let accepted = account.map(|account| Accepted { account: account.to_owned(), host_key: key("SHA256:h") });
        let broken = Rung { rung: "account".to_owned(), holds: false, seen: "the key was refused".to_owned() };
        let triage = account.is_none().then(|| Triage { code: "key-refused".to_owned(), rungs: vec![broken] });
        let accepted =
            Waited { wait: "first login".to_owned(), limit_s: 300.0, took_s: 1.0, value: accepted, last: None };
        LoggedIn { stated: Some("debian".to_owned()), accepted, tried: vec![], since_request_s, triage }
    }

    #[test]
    fn the_key_logs_in_in_time() {
        for (seen, verdict) in [
            (logged_in(Some("debian"), 9.0), Verdict::Pass),
            (logged_in(Some("debian"), 301.0), Verdict::fail("too-late")),
            (logged_in(None, 300.0), Verdict::fail("key-refused")),
        ] {
            assert_eq!(judge_accepted(&seen, &InTime { login_within_s: 300.0 }).verdict, verdict);
        }
    }

    #[test]
    fn the_account_is_the_one_stated() {
        let seen = |works: &str| AccountThatWorks { stated: "debian".to_owned(), works: works.to_owned() };
        assert_eq!(judge_account(&seen("debian"), &Nothing {}).verdict, Verdict::Pass);
        let differs = judge_account(&seen("cloud-user"), &Nothing {});
        assert_eq!(differs.verdict, Verdict::fail("another-account"));
        assert_eq!(differs.difference.map(|d| (d.expected, d.observed)), Some(("debian".into(), "cloud-user".into())));
    }

    #[test]
    fn no_other_key_is_authorized() {
        let listed = |prints: &[&str]| KeysOfTheAccount {
            account: "debian".to_owned(),
            asked_for: "SHA256:ours".to_owned(),
            found: AuthorizedKeys {
                path: "/home/debian/.ssh/authorized_keys".to_owned(),
                keys: prints
                    .iter()
                    .map(|print| AuthorizedKey { public: key(print), options: None, comment: "vendor".to_owned() })
                    .collect(),
                unreadable: vec![],
            },
        };
        for (seen, verdict) in [
            (listed(&["SHA256:ours"]), Verdict::Pass),
            (listed(&[]), Verdict::Pass),
            (listed(&["SHA256:ours", "SHA256:theirs"]), Verdict::fail("foreign-key")),
            (listed(&["SHA256:theirs"]), Verdict::fail("foreign-key")),
        ] {
            assert_eq!(judge_keys(&seen, &Nothing {}).verdict, verdict);
        }
    }

    #[test]
    fn logins_go_on_working() {
        let refused = || Some(LoginFailure::Refused { methods: vec![], why: "no".to_owned() });
        let closed = || Some(LoginFailure::Disconnected { why: "closed".to_owned() });
        let here = || Some(LoginFailure::Local { why: "no file descriptor".to_owned() });
        let fail = |code: &str| Verdict::fail(code);
        for (logins, verdict) in [
            (vec![None, None, None], Verdict::Pass),
            (vec![None, None, refused()], fail("login-refused")),
            (vec![None, closed(), None], fail("login-disconnected")),
            (vec![here(), refused(), None], fail("login-refused")),
            (vec![None, here(), None], Verdict::Inconclusive { reason: InconclusiveReason::RunnerNetwork }),
            (vec![None, None], Verdict::Inconclusive { reason: InconclusiveReason::Harness }),
        ] {
            let seen = Row { account: "debian".to_owned(), logins };
            assert_eq!(judge_ready(&seen, &InARow { logins: 3 }).verdict, verdict);
        }
    }
}
