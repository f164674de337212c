//! Passwords: not offered, not accepted when right, and not let back in by a reboot.

use std::collections::BTreeMap;

use levelfield_kit::{
    Ctx, Hindrance, Nothing, Observation,
    guest::{Guest, GuestErrorKind},
    remote::{Credential, Door, LoginFailure, Methods, NodeKey, Secret},
    subject::Way,
};
use levelfield_provider::Capability;
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

use super::{
    attempt::{Attempt, attempt},
    first::default_account,
    old_key::is_back,
};

/// One account, what the server offers to it, and what became of a password.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct PasswordTried {
    /// The methods that the server offers; absent if it gave no answer.
    offered: Option<Vec<String>>,
    /// Whether it let the account in without any credential.
    let_in_without: bool,
    /// Why the password that was tried is not the account's own; absent if it is, because it was set just before.
    not_its_own: Option<String>,
    /// The real attempt.
    attempt: Attempt,
}

/// Sets a throw-away password on `account` where that may be done, and tries to log in with it.
async fn try_password(ctx: &Ctx, way: &Way, guest: &Guest, account: &str) -> Result<PasswordTried, Hindrance> {
    let password = throw_away()?;
    let not_its_own = set(ctx, guest, account, &password).await?;
    let door = Door::new(way.door.address, account);
    let offer = match ctx.remote.offered_methods(&door).await {
        Ok(offer) => Some(offer),
        Err(LoginFailure::Local { why }) => return Err(Hindrance::harness(why)),
        Err(_) => None,
    };
    let attempt = attempt(ctx, way, account, &Credential::Password(password)).await;
    let let_in_without = offer.as_ref().is_some_and(|o| o.none_accepted);
    let offered = offer.map(|Methods { methods, .. }| methods);
    Ok(PasswordTried { offered, let_in_without, not_its_own, attempt })
}

/// Sets the password; in words why not, where that is the account's right or the owner's wish.
async fn set(ctx: &Ctx, guest: &Guest, account: &str, password: &Secret) -> Result<Option<String>, Hindrance> {
    if !ctx.makes_nodes() {
        if !ctx.target.has(Capability::AlterNodes) {
            return Ok(Some("the node is not the run's own, and may not be altered".to_owned()));
        }
        if ctx.subject()?.read(|s| s.rules_before.is_none()) {
            return Ok(Some("the node's login rules could not be read, so they could not be put back".to_owned()));
        }
    }
    match guest.set_password(account, password).await {
        Ok(()) => Ok(None),
        Err(error) if matches!(error.kind, GuestErrorKind::Session(_)) => Err(error.into()),
        Err(error) => Ok(Some(error.to_string())),
    }
}

/// A password that nobody knows and nothing keeps: the digest of a key made for it.
fn throw_away() -> Result<Secret, Hindrance> {
    let key = NodeKey::generate_ed25519("password").map_err(|e| Hindrance::harness(format!("make a password: {e}")))?;
    Ok(Secret::new(format!("Lf-{}!", key.sha256().trim_start_matches("SHA256:"))))
}

const BY_PASSWORD: [&str; 2] = ["password", "keyboard-interactive"];

/// What there is to say of a server that let somebody in by a password, or by nothing at all.
fn let_in(seen: &PasswordTried) -> Option<Judgement> {
    let account = &seen.attempt.account;
    if seen.let_in_without {
        return Some(Judgement::fail(
            "no-credential-needed",
            format!("the server lets `{account}` in without any credential"),
        ));
    }
    if seen.attempt.was_accepted() {
        return Some(Judgement::fail("password-accepted", format!("the server accepted a password for `{account}`")));
    }
    None
}

/// The methods on offer that take a password.
fn offered(seen: &PasswordTried) -> Option<String> {
    let methods = seen.offered.as_deref().unwrap_or_default();
    let by_password: Vec<&str> = BY_PASSWORD.into_iter().filter(|m| methods.iter().any(|o| o == m)).collect();
    (!by_password.is_empty()).then(|| by_password.join(" and "))
}

/// What, if anything, leaves the answer open.
fn open(seen: &PasswordTried) -> Option<Judgement> {
    let why = match (seen.attempt.undecided(), &seen.offered) {
        (Some(why), _) => why,
        (None, None) => "the server did not say what it offers".to_owned(),
        (None, Some(_)) => return None,
    };
    Some(Judgement::inconclusive(InconclusiveReason::RunnerNetwork, format!("the attempt came to no answer: {why}")))
}

pub(super) async fn observe_refused(ctx: Ctx, _: Nothing) -> Observation<PasswordTried> {
    let way = ctx.way()?;
    let account = default_account(&ctx)?;
    try_password(&ctx, &way, &ctx.inside()?, &account).await
}

pub(super) fn judge_refused(seen: &PasswordTried, _: &Nothing) -> Judgement {
    if let Some(judgement) = let_in(seen) {
        return judgement;
    }
    let account = &seen.attempt.account;
    if let Some(methods) = offered(seen) {
        let all = seen.offered.as_deref().unwrap_or_default().join(", ");
        return Judgement::fail("password-offered", format!("the server offers {methods} to `{account}`"))
            .comparing("publickey", all);
    }
    open(seen).unwrap_or_else(|| match &seen.not_its_own {
        None => Judgement::pass(format!("the right password was refused for `{account}`, and none is offered")),
        Some(why) => Judgement::pass(format!(
            "a password was refused for `{account}`, and none is offered; the account's own could not be set: {why}"
        )),
    })
}

/// Password login after step 7, account by account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct PasswordsRemoved {
    /// One real attempt for each account.
    tried: Vec<PasswordTried>,
    /// What the server says its settings are, as far as they bear on passwords.
    settings: BTreeMap<String, String>,
    /// What was noted while password login was turned off.
    notes: Vec<String>,
}

const BEARING: [&str; 5] =
    ["passwordauthentication", "kbdinteractiveauthentication", "permitemptypasswords", "permitrootlogin", "usepam"];

pub(super) async fn observe_removed(ctx: Ctx, _: Nothing) -> Observation<PasswordsRemoved> {
    let hardened = ctx.fact(|f| f.hardened.clone())?;
    let Some(passwords) = hardened.passwords else {
        // Either root could not log in, or turning passwords off failed: the journey says which.
        let block = ctx.subject()?.blocked().map(|block| block.seen_by(ctx.behavior()));
        return Err(block.unwrap_or_else(|| Hindrance::harness("password login was never turned off")));
    };
    is_back(&ctx)?;
    let (way, guest) = (ctx.way()?, ctx.inside()?);
    let mut names = vec![default_account(&ctx)?, "root".to_owned()];
    if ctx.makes_nodes() {
        names.extend(guest.accounts().await?.into_iter().map(|account| account.name));
    }
    names.sort();
    names.dedup();
    let mut tried = Vec::new();
    for name in names {
        tried.push(try_password(&ctx, &way, &guest, &name).await?);
    }
    let mut settings = guest.sshd_settings().await?;
    settings.retain(|keyword, _| BEARING.contains(&keyword.as_str()));
    Ok(PasswordsRemoved { tried, settings, notes: passwords.notes })
}

pub(super) fn judge_removed(seen: &PasswordsRemoved, _: &Nothing) -> Judgement {
    if let Some(judgement) = seen.tried.iter().find_map(let_in).or_else(|| seen.tried.iter().find_map(open)) {
        return judgement;
    }
    if let Some(guess) = seen.tried.iter().find(|tried| tried.not_its_own.is_some()) {
        let (account, why) = (&guess.attempt.account, guess.not_its_own.as_deref().unwrap_or_default());
        let summary = format!("no password could be set on `{account}`, so that a refusal proves little: {why}");
        return Judgement::inconclusive(InconclusiveReason::Image, summary);
    }
    let names: Vec<&str> = seen.tried.iter().map(|t| t.attempt.account.as_str()).collect();
    if names.is_empty() {
        return Judgement::inconclusive(InconclusiveReason::Harness, "no account was tried");
    }
    // What is offered and refused all the same lets nobody in; before step 7 that is another behaviour's finding.
    match seen.tried.iter().find_map(offered) {
        Some(methods) => Judgement::pass(format!(
            "the right password was refused for {}, although the server offers {methods}",
            names.join(", ")
        )),
        None => {
            Judgement::pass(format!("the right password was refused for {}, and none is offered", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::attempt::{
            Entry,
            tests::{refused, session, tried, turned_away, undecided},
        },
        *,
    };

    fn seen(offered: &[&str], entry: Entry) -> PasswordTried {
        PasswordTried {
            offered: Some(offered.iter().map(|m| (*m).to_owned()).collect()),
            let_in_without: false,
            not_its_own: None,
            attempt: tried("debian", entry),
        }
    }

    fn guessed(mut seen: PasswordTried) -> PasswordTried {
        seen.not_its_own = Some("the account may not become root without a password".to_owned());
        seen
    }

    fn silent(mut seen: PasswordTried) -> PasswordTried {
        seen.offered = None;
        seen
    }

    fn open_door(mut seen: PasswordTried) -> PasswordTried {
        seen.let_in_without = true;
        seen
    }

    fn rows() -> Vec<(PasswordTried, &'static str, Option<&'static str>)> {
        let keys = ["publickey"];
        vec![
            (seen(&keys, refused()), "pass", None),
            (seen(&["publickey", "password"], refused()), "fail", Some("password-offered")),
            (seen(&["keyboard-interactive"], refused()), "fail", Some("password-offered")),
            (seen(&["publickey", "password"], session("debian")), "fail", Some("password-accepted")),
            (seen(&keys, session("debian")), "fail", Some("password-accepted")),
            (seen(&keys, turned_away()), "fail", Some("password-accepted")),
            (seen(&keys, Entry::Expired), "fail", Some("password-accepted")),
            (open_door(seen(&[], session("debian"))), "fail", Some("no-credential-needed")),
            (seen(&keys, undecided()), "inconclusive", Some("runner-network")),
            (silent(seen(&keys, refused())), "inconclusive", Some("runner-network")),
        ]
    }

    #[test]
    fn a_right_password_is_refused_and_none_is_offered() {
        let guess = (guessed(seen(&["publickey"], refused())), "pass", None);
        for (seen, state, reason) in rows().into_iter().chain([guess]) {
            let verdict = judge_refused(&seen, &Nothing {}).verdict;
            assert_eq!((verdict.state(), verdict.reason().as_deref()), (state, reason), "{seen:?}");
        }
    }

    #[test]
    fn one_account_that_takes_a_password_is_enough() {
        let guess = (guessed(seen(&["publickey"], refused())), "inconclusive", Some("image"));
        for (one, state, reason) in rows().into_iter().chain([guess]) {
            let (state, reason) = if reason == Some("password-offered") { ("pass", None) } else { (state, reason) };
            let tried = vec![seen(&["publickey"], refused()), one];
            let all = PasswordsRemoved { tried, settings: BTreeMap::new(), notes: vec![] };
            let verdict = judge_removed(&all, &Nothing {}).verdict;
            assert_eq!((verdict.state(), verdict.reason().as_deref()), (state, reason), "{all:?}");
        }
    }

    #[test]
    fn throw_away_passwords_differ_and_stay_on_one_line() {
        let (one, other) = (throw_away().unwrap(), throw_away().unwrap());
        assert_ne!(one, other);
        assert!(one.expose().len() > 40 && !one.expose().contains([':', '\n']));
    }
}
