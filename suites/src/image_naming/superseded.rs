//! An image that was replaced is marked so, and still there for those who name it.

use std::cmp::Reverse;

use levelfield_kit::{Behavior, Ctx, Hindrance, Nothing, Observation, naming::identify, subject::Answer, wait::Waited};
use levelfield_provider::{Capability, Image, ImageState, Kind, Node, NodeState};
use levelfield_reports::Judgement;
use serde::{Deserialize, Serialize};

use crate::own::{Made, until_running};

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new("image-naming/superseded-usable", observe_superseded_usable, judge_superseded_usable)
            .owning(1, 0),
    ]
}

// image-naming/superseded-usable

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SupersededUsable {
    image: Image,
    node: Answer<Launched>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Launched {
    running: Waited<Node>,
    /// Where it stood when that wait was over.
    state: Option<NodeState>,
}

async fn observe_superseded_usable(ctx: Ctx, _: Nothing) -> Observation<SupersededUsable> {
    let mut made = Made::default();
    let seen = launch_superseded(&ctx, &mut made).await;
    made.remove(&ctx).await;
    seen
}

async fn launch_superseded(ctx: &Ctx, made: &mut Made) -> Observation<SupersededUsable> {
    let image = superseded_image(ctx).await?;
    let mut request = ctx.plain_request("superseded").await?;
    request.image.clone_from(&image.id);
    let node = match Answer::of(ctx.target.create_node(&request).await)? {
        Answer::Accepted(node) => {
            made.note(Kind::Node, &node.id);
            let running = until_running(ctx, &node.id).await?;
            let state = match &running.value {
                Some(node) => Some(node.state),
                None => ctx.target.node(&node.id).await.ok().map(|node| node.state),
            };
            Answer::Accepted(Launched { running, state })
        }
        Answer::Refused { class, message, culprit } => Answer::Refused { class, message, culprit },
    };
    Ok(SupersededUsable { image, node })
}

/// The superseded image to launch: one that runs on the flavor that the journey chose, of its image's own family if there is one,
/// and the newest.
async fn superseded_image(ctx: &Ctx) -> Result<Image, Hindrance> {
    let images = ctx.catalogue.images(&ctx.target).await?;
    let wanted = &ctx.params.image;
    let of_family = |image: &Image| identify(image).is_some_and(|i| i.portable == *wanted);
    images
        .iter()
        .filter(|i| i.state == ImageState::Superseded && i.architecture.is_none_or(|a| a == wanted.architecture))
        .min_by_key(|image| (!of_family(image), Reverse(image.created)))
        .cloned()
        .ok_or_else(|| {
            let seen =
                format!("none of {} images is marked as superseded, so none can be launched by id", images.len());
            ctx.lacking(Capability::ImageLifecycle, &seen)
        })
}

fn judge_superseded_usable(seen: &SupersededUsable, _: &Nothing) -> Judgement {
    let image = format!("{} ({}), marked as superseded", seen.image.name, seen.image.id);
    match &seen.node {
        Answer::Refused { message, .. } => {
            Judgement::fail("superseded-refused", format!("no node can be asked for of {image}: {message}"))
        }
        Answer::Accepted(launched) if launched.running.met() => {
            Judgement::pass(format!("a node of {image}, runs")).measured("running", launched.running.took_s, "s")
        }
        Answer::Accepted(Launched { running, state: Some(NodeState::Failed | NodeState::Terminated) }) => {
            Judgement::fail("superseded-fails", format!("a node of {image}, fails: {}", running.sentence()))
        }
        // Nothing says that it is the image's fault.
        Answer::Accepted(launched) => {
            Hindrance::prerequisite("allocation/node-requested", launched.running.sentence()).judgement()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use levelfield_provider::{FailureClass, Tags};
    use levelfield_reports::{InconclusiveReason, Verdict};

    use super::*;

    fn launched(runs: bool, state: NodeState) -> Answer<Launched> {
        let node = Node {
            id: "n".to_owned(),
            name: "n".to_owned(),
            state,
            state_reason: None,
            flavor: None,
            image: None,
            zone: None,
            addresses: vec![],
            tags: Tags::new(),
        };
        let running = Waited {
            wait: "node running".to_owned(),
            limit_s: 120.0,
            took_s: 3.0,
            value: runs.then_some(node),
            last: (!runs).then(|| state.to_string()),
        };
        Answer::Accepted(Launched { running, state: Some(state) })
    }

    #[test]
    fn a_superseded_image_can_be_launched() {
        let image = Image {
            id: "img".to_owned(),
            name: "debian-12-amd64-20260914".to_owned(),
            architecture: None,
            distribution: None,
            version: None,
            owner: None,
            official: Some(true),
            created: None,
            state: ImageState::Superseded,
            login_account: None,
            properties: BTreeMap::new(),
        };
        let refused = Answer::Refused { class: FailureClass::Invalid, message: "superseded".to_owned(), culprit: None };
        let waits = InconclusiveReason::Prerequisite("allocation/node-requested".to_owned());
        for (node, verdict) in [
            (launched(true, NodeState::Running), Verdict::Pass),
            // superseded-refused
            (refused, Verdict::fail("superseded-refused")),
            (launched(false, NodeState::Failed), Verdict::fail("superseded-fails")),
            // never-running
            (launched(false, NodeState::Pending), Verdict::Inconclusive { reason: waits }),
        ] {
            let judged = judge_superseded_usable(&SupersededUsable { image: image.clone(), node }, &Nothing {});
            assert_eq!(judged.verdict, verdict, "{}", judged.summary);
        }
    }
}
