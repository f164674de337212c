//! Step 1: a caller's own keys are taken, once under each name, and nothing else is.

use std::fmt;

use levelfield_kit::{
    Behavior, Ctx, Hindrance, Nothing, Observation,
    remote::{FingerprintNotation, NodeKey},
    subject::Answer,
    wait::Look,
};
use levelfield_provider::{FailureClass, KeyPair, Kind};
use levelfield_reports::{Judgement, event::Stage};
use serde::{Deserialize, Serialize};

use crate::own::{Made, import, new_key};

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new("allocation/key-import", observe_key_import, judge_key_import).at(&[Stage::Own]),
        Behavior::new("allocation/key-duplicate-refused", observe_key_duplicate_refused, judge_key_duplicate_refused)
            .at(&[Stage::Own]),
        Behavior::new("allocation/key-invalid-refused", observe_key_invalid_refused, judge_key_invalid_refused)
            .at(&[Stage::Own]),
    ]
}

/// A key pair as the target shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Shown {
    id: String,
    fingerprint: String,
}

impl From<KeyPair> for Shown {
    fn from(pair: KeyPair) -> Self {
        Self { id: pair.id, fingerprint: pair.fingerprint }
    }
}

/// The account's keys of that name.
async fn keys_named(ctx: &Ctx, name: &str) -> Result<Vec<Shown>, Hindrance> {
    Ok(ctx.target.keys().await?.into_iter().filter(|key| key.name == name).map(Shown::from).collect())
}

/// Imports what may be refused.
async fn try_import(ctx: &Ctx, name: &str, line: &str, made: &mut Made) -> Result<Answer<Shown>, Hindrance> {
    let answer = Answer::of(ctx.target.import_key(name, line).await)?.map(Shown::from);
    if let Answer::Accepted(key) = &answer {
        made.note(Kind::KeyPair, &key.id);
    }
    Ok(answer)
}

// allocation/key-import

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Algorithms {
    algorithms: Vec<Algorithm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Algorithm {
    Ed25519,
    Rsa,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519 => "Ed25519",
            Self::Rsa => "RSA",
        })
    }
}

/// The key's fingerprint, in every notation that it has one in.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Fingerprints {
    sha256: String,
    md5: String,
    md5_der: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Imported {
    algorithm: Algorithm,
    public_key: String,
    own: Fingerprints,
    answer: Answer<Shown>,
    /// The notation in which the answer's fingerprint is the key's.
    notation: Option<FingerprintNotation>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct KeyImport {
    keys: Vec<Imported>,
}

/// What most tools still make, and every server takes.
const RSA_BITS: u32 = 2048;

async fn observe_key_import(ctx: Ctx, expect: Algorithms) -> Observation<KeyImport> {
    let mut made = Made::default();
    let seen = import_each(&ctx, &expect.algorithms, &mut made).await;
    made.remove(&ctx).await;
    seen
}

async fn import_each(ctx: &Ctx, algorithms: &[Algorithm], made: &mut Made) -> Observation<KeyImport> {
    let mut keys = Vec::new();
    for &algorithm in algorithms {
        let key = match algorithm {
            Algorithm::Ed25519 => new_key()?,
            // Seconds of computing, which must not hold up what else the thread has to do.
            Algorithm::Rsa => tokio::task::spawn_blocking(|| NodeKey::generate_rsa(RSA_BITS, "levelfield-own"))
                .await
                .map_err(|e| Hindrance::harness(format!("generate a key: {e}")))?
                .map_err(|e| Hindrance::harness(format!("generate a key: {e}")))?,
        };
        let answer = try_import(ctx, &ctx.target.fresh_name("own-key"), &key.public_line(), made).await?;
        keys.push(Imported {
            algorithm,
            public_key: key.public_line(),
            notation: answer.accepted().and_then(|shown| key.recognise(&shown.fingerprint)),
            own: Fingerprints { sha256: key.sha256().to_owned(), md5: key.md5(), md5_der: key.md5_der() },
            answer,
        });
    }
    Ok(KeyImport { keys })
}

fn judge_key_import(seen: &KeyImport, _: &Algorithms) -> Judgement {
    let mut deviates = false;
    let mut accepted = Vec::new();
    for Imported { algorithm, own, answer, notation, .. } in &seen.keys {
        let shown = match answer {
            Answer::Accepted(shown) => shown,
            Answer::Refused { message, .. } => {
                return Judgement::fail("key-refused", format!("{algorithm} keys are refused: {message}"));
            }
        };
        match notation {
            Some(FingerprintNotation::Sha256 | FingerprintNotation::Md5Der) => {}
            Some(FingerprintNotation::Md5) => deviates = true,
            None => {
                let summary = format!(
                    "the fingerprint of an {algorithm} key is given as {:?}, which is not the key's",
                    shown.fingerprint
                );
                return Judgement::fail("fingerprint-wrong", summary).comparing(&own.sha256, &shown.fingerprint);
            }
        }
        accepted.push(format!("{algorithm} as {}", shown.fingerprint));
    }
    let pass = Judgement::pass(format!("keys are accepted, with their own fingerprints: {}", accepted.join(", ")));
    if deviates { pass.deviating("other-fingerprint-notation") } else { pass }
}

// allocation/key-duplicate-refused

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct KeyDuplicate {
    name: String,
    first: Shown,
    second: Answer<Shown>,
    listed_after: Vec<Shown>,
}

/// For how long a key just imported may be missing from listings.
const LISTING_LAG_S: f64 = 30.0;

async fn observe_key_duplicate_refused(ctx: Ctx, _: Nothing) -> Observation<KeyDuplicate> {
    let mut made = Made::default();
    let seen = import_twice(&ctx, &mut made).await;
    made.remove(&ctx).await;
    seen
}

async fn import_twice(ctx: &Ctx, made: &mut Made) -> Observation<KeyDuplicate> {
    let name = ctx.target.fresh_name("twice-key");
    let first = Shown::from(import(ctx, &name, &new_key()?, made).await?);
    // A target that does not know the first key yet has nothing to refuse the second for.
    let listed = ctx.waiter.wait("imported key listed", LISTING_LAG_S, || async {
        match keys_named(ctx, &name).await {
            Ok(keys) if keys.is_empty() => Look::NotYet("not listed".to_owned()),
            Ok(_) => Look::Met(Ok(())),
            Err(hindrance) => Look::Met(Err(hindrance)),
        }
    });
    listed.await.value.transpose()?;
    let second = try_import(ctx, &name, &new_key()?.public_line(), made).await?;
    let listed_after = keys_named(ctx, &name).await?;
    for key in &listed_after {
        made.note(Kind::KeyPair, &key.id);
    }
    Ok(KeyDuplicate { name, first, second, listed_after })
}

fn judge_key_duplicate_refused(seen: &KeyDuplicate, _: &Nothing) -> Judgement {
    let name = &seen.name;
    let Answer::Refused { class, message, .. } = &seen.second else {
        return Judgement::fail("duplicate-accepted", format!("a second key is accepted under the taken name {name}"));
    };
    if *class != FailureClass::Conflict {
        let summary = format!("a second key under the name {name} is refused as {class}, not as a conflict: {message}");
        return Judgement::fail("not-a-conflict", summary).comparing(FailureClass::Conflict.id(), class.id());
    }
    match seen.listed_after.as_slice() {
        [only] if *only == seen.first => {
            Judgement::pass(format!("a second key under a taken name is refused: {message}"))
        }
        [] => Judgement::fail("first-lost", format!("after the refusal no key called {name} is listed any more")),
        [only] => Judgement::fail("first-changed", format!("after the refusal {name} is another key"))
            .comparing(&seen.first.fingerprint, &only.fingerprint),
        several => Judgement::fail("duplicate-stored", format!("{} keys are called {name}", several.len())),
    }
}

// allocation/key-invalid-refused

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Attempt {
    material: String,
    answer: Answer<Shown>,
    stored: Vec<Shown>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct KeyInvalid {
    attempts: Vec<Attempt>,
}

async fn observe_key_invalid_refused(ctx: Ctx, _: Nothing) -> Observation<KeyInvalid> {
    let mut made = Made::default();
    let seen = import_what_is_no_key(&ctx, &mut made).await;
    made.remove(&ctx).await;
    seen
}

async fn import_what_is_no_key(ctx: &Ctx, made: &mut Made) -> Observation<KeyInvalid> {
    let whole = new_key()?.public().line();
    // Words in place of a key, and a key that was cut in half on its way.
    let half = whole.get(..whole.len() / 2).unwrap_or_default().to_owned();
    let mut attempts = Vec::new();
    for material in ["this is not a public key".to_owned(), half] {
        let name = ctx.target.fresh_name("no-key");
        let answer = try_import(ctx, &name, &material, made).await?;
        let stored = keys_named(ctx, &name).await?;
        for key in &stored {
            made.note(Kind::KeyPair, &key.id);
        }
        attempts.push(Attempt { material, answer, stored });
    }
    Ok(KeyInvalid { attempts })
}

fn judge_key_invalid_refused(seen: &KeyInvalid, _: &Nothing) -> Judgement {
    let mut words = "";
    for Attempt { material, answer, stored } in &seen.attempts {
        let Answer::Refused { class, message, .. } = answer else {
            return Judgement::fail("invalid-accepted", format!("accepted as a public key: {material:?}"));
        };
        if !stored.is_empty() {
            return Judgement::fail(
                "invalid-stored",
                format!("refused as a public key, and stored all the same: {material:?}"),
            );
        }
        if *class != FailureClass::Invalid {
            let summary = format!("what is no key is refused as {class}, not as invalid: {message}");
            return Judgement::fail("not-as-invalid", summary).comparing(FailureClass::Invalid.id(), class.id());
        }
        words = message;
    }
    Judgement::pass(format!("what is no public key is refused, and not stored: {words}"))
}

#[cfg(test)]
mod tests;
