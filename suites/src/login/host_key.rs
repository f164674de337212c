//! Host keys: each node has its own, and it can be learnt before the first login.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use levelfield_kit::{
    Ctx, Hindrance, Nothing, Observation,
    guest::Guest,
    remote::HostKey,
    wait::{Look, Waited},
};
use levelfield_provider::{Console, FailureClass};
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

/// The host keys of two nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct TwoNodes {
    /// SHA-256 fingerprints, of the key presented and of those in the node's files.
    subject: BTreeSet<String>,
    /// The same of the other node.
    peer: BTreeSet<String>,
}

pub(super) async fn observe_unique(ctx: Ctx, _: Nothing) -> Observation<TwoNodes> {
    let presented = ctx.way()?.host_key;
    let of_peer = ctx.peer()?.way(ctx.behavior())?.host_key;
    Ok(TwoNodes {
        subject: host_keys(&ctx.inside()?, presented).await?,
        peer: host_keys(&ctx.inside_peer()?, of_peer).await?,
    })
}

/// The key that the server presented at the first login, and those of every other kind that it has.
async fn host_keys(guest: &Guest, presented: Option<HostKey>) -> Result<BTreeSet<String>, Hindrance> {
    let mut keys: BTreeSet<String> = presented.into_iter().map(|key| key.sha256).collect();
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let file = guest.read_file(&format!("/etc/ssh/ssh_host_{kind}_key.pub"), false).await?;
        let line = file.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        keys.extend(HostKey::from_line(&line).ok().map(|key| key.sha256));
    }
    Ok(keys)
}

pub(super) fn judge_unique(seen: &TwoNodes, _: &Nothing) -> Judgement {
    if let Some(shared) = seen.subject.intersection(&seen.peer).next() {
        return Judgement::fail("host-key-shared", format!("two nodes have the host key {shared}"));
    }
    if seen.subject.is_empty() || seen.peer.is_empty() {
        return Judgement::inconclusive(InconclusiveReason::Harness, "the host keys of one of the nodes are not known");
    }
    Judgement::pass(format!("two nodes, {} host keys, none shared", seen.subject.len() + seen.peer.len()))
}

/// The host key that was presented, and those that could be learnt from outside.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Published {
    /// What the server presented at the first login.
    presented: HostKey,
    /// SHA-256 fingerprints of that key and of those of other kinds that the server would present to a client that prefers them.
    own: BTreeSet<String>,
    /// Until the console showed one of them.
    on_console: Waited<Learnt>,
    /// What the console showed in the end.
    console: Learnt,
    /// SHA-256 fingerprints in the node's own record.
    in_record: BTreeSet<String>,
}

/// What a text tells of host keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Learnt {
    /// SHA-256 fingerprints, read as such or computed from whole keys.
    fingerprints: BTreeSet<String>,
    /// How many characters the text has.
    characters: usize,
}

impl Learnt {
    fn has_any(&self, keys: &BTreeSet<String>) -> bool {
        !self.fingerprints.is_disjoint(keys)
    }
}

/// How long the console may lag behind the node; some targets gather it in rounds.
const CONSOLE_LAG_S: f64 = 120.0;

pub(super) async fn observe_published(ctx: Ctx, _: Nothing) -> Observation<Published> {
    let node = ctx.node()?;
    let presented = ctx.way()?.host_key.ok_or_else(|| Hindrance::harness("no host key was kept of the first login"))?;
    let own = host_keys(&ctx.inside()?, Some(presented.clone())).await?;
    let in_record = node.tags.values().flat_map(|text| learn(text).fingerprints).collect();
    let last = Mutex::new(None);
    let on_console = ctx
        .waiter
        .wait("host key on the console", CONSOLE_LAG_S, || async {
            let answer = ctx.target.console(&node.id).await;
            let look = look(&answer.as_ref().map(|c| learn(&c.text)).map_err(ToString::to_string), &own);
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
            look
        })
        .await;
    let console = match last.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(Ok(Console { text })) => learn(&text),
        Some(Err(error)) if matches!(error.class, FailureClass::Throttled | FailureClass::Transport) => {
            return Err(error.into());
        }
        Some(Err(error)) => return Err(Hindrance::prerequisite("allocation/console-output", error.to_string())),
        None => Learnt::default(),
    };
    Ok(Published { presented, own, on_console, console, in_record })
}

fn look(seen: &Result<Learnt, String>, own: &BTreeSet<String>) -> Look<Learnt> {
    match seen {
        Ok(learnt) if learnt.has_any(own) => Look::Met(learnt.clone()),
        Ok(learnt) => {
            Look::NotYet(format!("{} characters with {} host keys", learnt.characters, learnt.fingerprints.len()))
        }
        Err(error) => Look::NotYet(error.clone()),
    }
}

/// Fingerprints and whole keys in a text, as `cloud-init` and others write them: between other words, on lines of their own.
fn learn(text: &str) -> Learnt {
    let mut fingerprints = BTreeSet::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        for word in &words {
            let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '+' && c != '/');
            if let Some(digest) = word.strip_prefix("SHA256:")
                && digest.len() == 43
            {
                fingerprints.insert(word.to_owned());
            }
        }
        for pair in words.windows(2) {
            fingerprints.extend(HostKey::from_line(&pair.join(" ")).ok().map(|key| key.sha256));
        }
    }
    Learnt { fingerprints, characters: text.chars().count() }
}

pub(super) fn judge_published(seen: &Published, _: &Nothing) -> Judgement {
    let presented = &seen.presented;
    if let Some(key) = seen.console.fingerprints.intersection(&seen.own).next() {
        return Judgement::pass(format!("the console shows {key}, which is the node's own"));
    }
    if let Some(key) = seen.in_record.intersection(&seen.own).next() {
        return Judgement::pass(format!("the node's record states {key}, which is the node's own"))
            .deviating("published-by-metadata");
    }
    if seen.console.characters == 0 {
        let reason = InconclusiveReason::Prerequisite("allocation/console-output".to_owned());
        return Judgement::inconclusive(reason, "the console is empty");
    }
    let known: Vec<&str> = seen.console.fingerprints.union(&seen.in_record).map(String::as_str).collect();
    if known.is_empty() {
        return Judgement::fail("not-published", "neither the console nor the node's record shows any host key");
    }
    Judgement::fail(
        "another-key-published",
        format!("{presented} is presented, and is not among the host keys published"),
    )
    .comparing(known.join(", "), presented.sha256.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const FINGERPRINT: &str = "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ";
    const OTHER: &str = "SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn host_keys_are_nobody_elses() {
        let set = |keys: &[&str]| keys.iter().map(|k| (*k).to_owned()).collect::<BTreeSet<_>>();
        for (subject, peer, state, reason) in [
            (set(&["a", "b"]), set(&["c", "d"]), "pass", None),
            (set(&["a"]), set(&["a"]), "fail", Some("host-key-shared")),
            (set(&["a", "b"]), set(&["c", "b"]), "fail", Some("host-key-shared")),
            (set(&[]), set(&["a"]), "inconclusive", Some("harness")),
        ] {
            let verdict = judge_unique(&TwoNodes { subject, peer }, &Nothing {}).verdict;
            assert_eq!((verdict.state(), verdict.reason().as_deref()), (state, reason));
        }
    }

    #[test]
    fn keys_are_learnt_in_every_form_of_the_field() {
        for text in [
            format!("256 {FINGERPRINT} root@n (ED25519)\n"),
            format!("ci-info: | ssh-ed25519 | {FINGERPRINT} | - |"),
            format!("-----BEGIN SSH HOST KEY KEYS-----\n{LINE} root@n\n-----END SSH HOST KEY KEYS-----"),
            format!("[   9.1] cloud-init[1]: ec2: {LINE} root@n"),
        ] {
            assert_eq!(learn(&text).fingerprints.into_iter().collect::<Vec<_>>(), [FINGERPRINT], "{text}");
        }
        assert!(learn("SHA256:short\nssh-ed25519 nonsense\n").fingerprints.is_empty());
    }

    fn published(console: &str, record: &str) -> Published {
        let presented = HostKey::from_line(LINE).unwrap();
        let console = learn(console);
        let own = BTreeSet::from([presented.sha256.clone()]);
        let value = console.has_any(&own).then(|| console.clone());
        let on_console = Waited { wait: "host key".to_owned(), limit_s: 120.0, took_s: 1.0, value, last: None };
        Published { presented, own, on_console, console, in_record: learn(record).fingerprints }
    }

    #[test]
    fn the_key_presented_is_the_one_published() {
        for (seen, state, reason, deviation) in [
            (published(FINGERPRINT, ""), "pass", None, None),
            (published("boot\nlogin:", ""), "fail", Some("not-published"), None),
            (published(OTHER, ""), "fail", Some("another-key-published"), None),
            (published("boot", FINGERPRINT), "pass", None, Some("published-by-metadata")),
            (published("", ""), "inconclusive", Some("prerequisite: allocation/console-output"), None),
        ] {
            let judgement = judge_published(&seen, &Nothing {});
            let verdict = &judgement.verdict;
            assert_eq!((verdict.state(), verdict.reason().as_deref()), (state, reason));
            assert_eq!(judgement.deviations.first().map(|d| d.pattern.as_str()), deviation);
        }
    }
}
