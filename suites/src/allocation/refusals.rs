//! Step 4, what cannot be: a request that names something unknown is refused in words that name it, and leaves no node.

use levelfield_kit::{Behavior, Ctx, Nothing, Observation, subject::Answer};
use levelfield_provider::{Kind, NodeRequest};
use levelfield_reports::{Judgement, event::Stage};
use serde::{Deserialize, Serialize};

use crate::own::{Made, nodes_named};

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new("allocation/invalid-image-refused", observe_invalid_image_refused, judge_invalid_image_refused)
            .at(&[Stage::Own]),
        Behavior::new(
            "allocation/invalid-flavor-refused",
            observe_invalid_flavor_refused,
            judge_invalid_flavor_refused,
        )
        .at(&[Stage::Own]),
    ]
}

/// A request that names something unknown, and what became of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Refusal {
    /// The id that does not exist.
    unknown: String,
    /// The answer; the node's id if the request was accepted.
    answer: Answer<String>,
    /// Nodes that bear the request's name afterwards.
    left: Vec<String>,
}

// allocation/invalid-image-refused

async fn observe_invalid_image_refused(ctx: Ctx, _: Nothing) -> Observation<Refusal> {
    let mut request = ctx.plain_request("unknown-image").await?;
    request.image = unknown_id_like(&request.image);
    let unknown = request.image.clone();
    request_and_remove(&ctx, &request, unknown).await
}

fn judge_invalid_image_refused(seen: &Refusal, _: &Nothing) -> Judgement {
    judge_refusal("image", &["image"], seen)
}

// allocation/invalid-flavor-refused

async fn observe_invalid_flavor_refused(ctx: Ctx, _: Nothing) -> Observation<Refusal> {
    let mut request = ctx.plain_request("unknown-flavor").await?;
    request.flavor = unknown_id_like(&request.flavor);
    let unknown = request.flavor.clone();
    request_and_remove(&ctx, &request, unknown).await
}

fn judge_invalid_flavor_refused(seen: &Refusal, _: &Nothing) -> Judgement {
    judge_refusal("flavor", &["flavor", "flavour", "instance type", "instancetype", "machine type", "size"], seen)
}

// What the two have in common.

async fn request_and_remove(ctx: &Ctx, request: &NodeRequest, unknown: String) -> Observation<Refusal> {
    let mut made = Made::default();
    let seen = request_unknown(ctx, request, unknown, &mut made).await;
    made.remove(ctx).await;
    seen
}

async fn request_unknown(ctx: &Ctx, request: &NodeRequest, unknown: String, made: &mut Made) -> Observation<Refusal> {
    let answer = Answer::of(ctx.target.create_node(request).await)?.map(|node| node.id);
    if let Answer::Accepted(id) = &answer {
        made.note(Kind::Node, id);
    }
    let left: Vec<String> = nodes_named(ctx, &request.name).await?.into_iter().map(|node| node.id).collect();
    for id in &left {
        made.note(Kind::Node, id);
    }
    Ok(Refusal { unknown, answer, left })
}

/// An id of the same shape that is nobody's: the last digits of a long hexadecimal id are exchanged for others; to a word
/// something is added.
fn unknown_id_like(known: &str) -> String {
    const EXCHANGED: usize = 8;
    let tail = known.len().checked_sub(EXCHANGED).and_then(|at| known.split_at_checked(at));
    match tail {
        Some((head, tail)) if tail.bytes().all(|b| b.is_ascii_hexdigit()) => {
            let exchanged = tail.chars().map(|c| char::from_digit(15 - c.to_digit(16).unwrap_or(0), 16).unwrap_or('0'));
            format!("{head}{}", exchanged.collect::<String>())
        }
        _ => format!("{known}-unknown"),
    }
}

fn judge_refusal(what: &str, words: &[&str], seen: &Refusal) -> Judgement {
    let unknown = &seen.unknown;
    let Answer::Refused { message, culprit, .. } = &seen.answer else {
        return Judgement::fail("accepted", format!("a request with the unknown {what} {unknown} is accepted"));
    };
    if !seen.left.is_empty() {
        let summary = format!("a request with an unknown {what} is refused, and leaves {}", seen.left.join(", "));
        return Judgement::fail("node-left", summary);
    }
    let said = format!("{message} {}", culprit.as_deref().unwrap_or_default()).to_lowercase();
    if said.contains(&unknown.to_lowercase()) || words.iter().any(|word| said.contains(word)) {
        return Judgement::pass(format!("refused, and no node is left: {message}"));
    }
    let summary = format!("the refusal of the unknown {what} {unknown} does not say what is wrong: {message}");
    Judgement::fail("culprit-unnamed", summary).comparing(unknown, message)
}

#[cfg(test)]
mod tests {
    use levelfield_provider::FailureClass;
    use levelfield_reports::Verdict;

    use super::*;

    #[test]
    fn unknown_ids_look_like_known_ones() {
        for (known, unknown) in [
            ("ami-0abcdef01234567f", "ami-0abcdef0edcba980"),
            ("5f2b0c6e-9a1d-4f7e-8b3c-2d1e0f9a8b7c", "5f2b0c6e-9a1d-4f7e-8b3c-2d1ef0657483"),
            ("t3.medium", "t3.medium-unknown"),
            ("7", "7-unknown"),
            ("größe", "größe-unknown"),
        ] {
            assert_eq!(unknown_id_like(known), unknown);
        }
    }

    #[test]
    fn a_refusal_names_the_culprit_and_leaves_nothing() {
        let refused = |message: &str, culprit: Option<&str>| Answer::Refused {
            class: FailureClass::Invalid,
            message: message.to_owned(),
            culprit: culprit.map(str::to_owned),
        };
        for (answer, left, verdict) in [
            (refused("there is no image `img-0f`", Some("img-0f")), &[][..], Verdict::Pass),
            (refused("The image id '[IMG-0F]' does not exist", None), &[], Verdict::Pass),
            (refused("not found", Some("img-0f")), &[], Verdict::Pass),
            (refused("Can not find requested image", None), &[], Verdict::Pass),
            // invalid-image-accepted
            (Answer::Accepted("n1".to_owned()), &["n1"], Verdict::fail("accepted")),
            (Answer::Accepted("n1".to_owned()), &[], Verdict::fail("accepted")),
            (refused("there is no image `img-0f`", None), &["n1"], Verdict::fail("node-left")),
            (refused("bad request", None), &[], Verdict::fail("culprit-unnamed")),
        ] {
            let left = left.iter().map(|id| (*id).to_owned()).collect();
            let seen = Refusal { unknown: "img-0f".to_owned(), answer, left };
            let judged = judge_invalid_image_refused(&seen, &Nothing {});
            assert_eq!(judged.verdict, verdict, "{}", judged.summary);
        }
        for (answer, verdict) in [
            (refused("Invalid value 'x9' for InstanceType.", None), Verdict::Pass),
            (refused("Flavor x9 could not be found", None), Verdict::Pass),
            // invalid-flavor-unnamed
            (refused("the request cannot be carried out", None), Verdict::fail("culprit-unnamed")),
        ] {
            let seen = Refusal { unknown: "x9".to_owned(), answer, left: vec![] };
            assert_eq!(judge_invalid_flavor_refused(&seen, &Nothing {}).verdict, verdict);
        }
    }
}
