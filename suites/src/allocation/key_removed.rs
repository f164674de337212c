//! Step 8, the node key: a key that was deleted opens nothing new.

use levelfield_kit::{
    Behavior, Ctx, Hindrance, Nothing, Observation,
    subject::Answer,
    wait::{Look, Waited},
};
use levelfield_provider::{FailureClass, Kind, ResourceRef};
use levelfield_reports::{Judgement, event::Stage};
use serde::{Deserialize, Serialize};

use crate::own::Made;

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![Behavior::new("allocation/key-removed", observe_key_removed, judge_key_removed).at(&[Stage::Sealed])]
}

// allocation/key-removed

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct KeyRemoved {
    key: String,
    deleted: Answer<()>,
    unlisted: Waited<()>,
    /// A request for a node with the deleted key; the node's id if it was accepted.
    request: Answer<String>,
    deleted_again: Answer<()>,
}

/// For how long a deleted key may still be listed.
const LISTING_LAG_S: f64 = 30.0;

async fn observe_key_removed(ctx: Ctx, _: Nothing) -> Observation<KeyRemoved> {
    let mut made = Made::default();
    let seen = use_the_deleted_key(&ctx, &mut made).await;
    made.remove(&ctx).await;
    seen
}

async fn use_the_deleted_key(ctx: &Ctx, made: &mut Made) -> Observation<KeyRemoved> {
    let sealed = ctx.fact(|f| f.sealed.clone())?;
    let key = ctx.subject()?.read(|s| s.key_pair.as_ref().map(|pair| pair.id.clone()));
    let (Some(deleted), Some(key)) = (sealed.outside, key) else {
        return Err(Hindrance::prerequisite(
            "allocation/key-import",
            "the node was made without a key of the target's",
        ));
    };
    let unlisted = ctx.waiter.wait("deleted key unlisted", LISTING_LAG_S, || async {
        match ctx.target.keys().await {
            Ok(keys) if keys.iter().all(|listed| listed.id != key) => Look::Met(Ok(())),
            Ok(_) => Look::NotYet("still listed".to_owned()),
            Err(error) => Look::Met(Err(Hindrance::from(error))),
        }
    });
    let Waited { wait, limit_s, took_s, value, last } = unlisted.await;
    let unlisted = Waited { wait, limit_s, took_s, value: value.transpose()?, last };

    let mut request = ctx.plain_request("deleted-key").await?;
    request.key = Some(key.clone());
    let request = Answer::of(ctx.target.create_node(&request).await)?.map(|node| node.id);
    if let Answer::Accepted(id) = &request {
        made.note(Kind::Node, id);
    }
    let again = ctx.target.delete_strictly(&ResourceRef::new(Kind::KeyPair, key.clone())).await;
    Ok(KeyRemoved { key, deleted, unlisted, request, deleted_again: Answer::of(again)? })
}

fn judge_key_removed(seen: &KeyRemoved, _: &Nothing) -> Judgement {
    let key = &seen.key;
    if let Answer::Refused { message, .. } = &seen.deleted {
        return Judgement::fail("delete-refused", format!("the key {key} cannot be deleted: {message}"));
    }
    if !seen.unlisted.met() {
        return Judgement::fail(
            "still-listed",
            format!("the deleted key {key} is listed: {}", seen.unlisted.sentence()),
        );
    }
    if let Answer::Accepted(node) = &seen.request {
        return Judgement::fail("deleted-key-usable", format!("the node {node} was made with the deleted key {key}"));
    }
    let gone = "the deleted key is not listed, and no node can be asked for with it";
    match &seen.deleted_again {
        Answer::Accepted(()) => Judgement::pass(format!("{gone}; deleting it again is harmless")),
        Answer::Refused { class: FailureClass::NotFound, .. } => {
            Judgement::pass(format!("{gone}; deleting it again finds no such key")).deviating("not-found-on-repeat")
        }
        Answer::Refused { class, message, .. } => {
            Judgement::fail("second-delete-fails", format!("deleting the key {key} again fails as {class}: {message}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use levelfield_reports::Verdict;

    use super::*;

    fn refused<T>(class: FailureClass) -> Answer<T> {
        Answer::Refused { class, message: "no".to_owned(), culprit: None }
    }

    fn removed() -> KeyRemoved {
        KeyRemoved {
            key: "key-1".to_owned(),
            deleted: Answer::Accepted(()),
            unlisted: Waited { wait: "w".to_owned(), limit_s: 30.0, took_s: 0.0, value: Some(()), last: None },
            request: refused(FailureClass::Invalid),
            deleted_again: Answer::Accepted(()),
        }
    }

    #[test]
    fn a_deleted_key_opens_nothing_new() {
        let listed = Waited { wait: "w".to_owned(), limit_s: 30.0, took_s: 30.0, value: None, last: None };
        for (seen, verdict, deviates) in [
            (removed(), Verdict::Pass, false),
            (KeyRemoved { request: refused(FailureClass::NotFound), ..removed() }, Verdict::Pass, false),
            (KeyRemoved { deleted_again: refused(FailureClass::NotFound), ..removed() }, Verdict::Pass, true),
            (
                KeyRemoved { deleted: refused(FailureClass::Conflict), ..removed() },
                Verdict::fail("delete-refused"),
                false,
            ),
            (KeyRemoved { unlisted: listed, ..removed() }, Verdict::fail("still-listed"), false),
            // deleted-key-usable
            (
                KeyRemoved { request: Answer::Accepted("n1".to_owned()), ..removed() },
                Verdict::fail("deleted-key-usable"),
                false,
            ),
            (
                KeyRemoved { deleted_again: refused(FailureClass::Conflict), ..removed() },
                Verdict::fail("second-delete-fails"),
                false,
            ),
        ] {
            let judged = judge_key_removed(&seen, &Nothing {});
            let patterns: Vec<&str> = judged.deviations.iter().map(|d| d.pattern.as_str()).collect();
            let expected: &[&str] = if deviates { &["not-found-on-repeat"] } else { &[] };
            assert_eq!((judged.verdict, patterns.as_slice()), (verdict, expected), "{}", judged.summary);
        }
    }
}
