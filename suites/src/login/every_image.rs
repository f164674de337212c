//! Step 7 on the other images of the target: one of each other distribution, on a node of its own.
//!
//! Where root is barred on all of them, a node of the journey's own image tells whether that is a matter of images at all.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use levelfield_kit::{
    Ctx, Hindrance, Nothing, Observation, journey,
    naming::{PortableName, identify},
    remote::LoginFailure,
    subject::RootLogin,
};
use levelfield_provider::{Image, ImageState};
use levelfield_reports::Judgement;
use serde::{Deserialize, Serialize};

use super::root::{first_failure, judge_failure};

/// The most images that are tried side by side; so many nodes the behaviour demands.
const MOST: usize = 3;

/// Step 7, image by image.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct EveryImage {
    /// The images of other distributions.
    images: Vec<OnImage>,
    /// The journey's own image; walked only where root could log in on none of the others.
    own: Option<OnImage>,
}

/// Step 7 on one image.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct OnImage {
    /// The image's id.
    id: String,
    /// The name people see.
    name: String,
    /// How far a node of it came.
    came: Came,
}

/// How far a node came.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Came {
    /// The operator keys were installed; one login as root for each.
    ToRoot(Vec<RootLogin>),
    /// Not so far.
    ToAStop(Hindrance),
}

impl OnImage {
    fn logins(&self) -> &[RootLogin] {
        match &self.came {
            Came::ToRoot(logins) => logins,
            Came::ToAStop(_) => &[],
        }
    }

    /// The login that the server declined.
    fn barred(&self) -> Option<&RootLogin> {
        first_failure(self.logins()).filter(|l| l.failure.as_ref().is_some_and(LoginFailure::is_refusal))
    }

    fn opened(&self) -> bool {
        !self.logins().is_empty() && first_failure(self.logins()).is_none()
    }

    /// What this image alone leaves open.
    fn open_question(&self) -> Option<Judgement> {
        match &self.came {
            Came::ToRoot(logins) => first_failure(logins).map(judge_failure),
            Came::ToAStop(hindrance) => Some(hindrance.judgement()),
        }
    }
}

/// An image to try.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pick {
    id: String,
    name: String,
}

/// The newest current image of each distribution but the journey's own, of its architecture; official ones before others.
fn other_distributions(images: &[Image], own: &PortableName) -> Vec<Pick> {
    let mut best: BTreeMap<String, &Image> = BTreeMap::new();
    for image in images.iter().filter(|image| image.state == ImageState::Current) {
        let Some(found) = identify(image).map(|identity| identity.portable) else { continue };
        if found.architecture != own.architecture || found.distribution == own.distribution {
            continue;
        }
        let rank = |image: &Image| (image.official == Some(true), image.created);
        let kept = best.entry(found.distribution).or_insert(image);
        if rank(image) > rank(kept) {
            *kept = image;
        }
    }
    best.into_values().take(MOST).map(|image| Pick { id: image.id.clone(), name: image.name.clone() }).collect()
}

/// The images that the configuration names, for catalogues that tell no distributions.
fn configured(images: &[Image], words: &[String]) -> Vec<Pick> {
    let pick = |word: &String| {
        let known = images.iter().find(|image| image.id == *word || image.name == *word);
        let (id, name) = known.map_or((word, word), |image| (&image.id, &image.name));
        Pick { id: id.clone(), name: name.clone() }
    };
    words.iter().take(MOST).map(pick).collect()
}

pub(super) async fn observe(ctx: Ctx, _: Nothing) -> Observation<EveryImage> {
    let catalogue = ctx.catalogue.images(&ctx.target).await?;
    let mut picks = other_distributions(catalogue, &ctx.params.image);
    if picks.is_empty() {
        picks = configured(catalogue, &ctx.target.settings.choices.other_images);
    }
    if picks.is_empty() {
        let detail =
            "the catalogue tells of no other distribution, and the configuration names none (`use.other-images`)";
        return Err(Hindrance::harness(detail));
    }
    let letters = ["a", "b", "c"];
    let images = join_all(picks.into_iter().zip(letters).map(|(pick, letter)| walk(&ctx, pick, letter))).await;
    let own = if images.iter().any(|i| i.barred().is_some()) && !images.iter().any(OnImage::opened) {
        Some(walk_own(&ctx).await)
    } else {
        None
    };
    Ok(EveryImage { images, own })
}

/// Takes a node of that image through steps 1 to 7, and discards it.
async fn walk(ctx: &Ctx, pick: Pick, letter: &str) -> OnImage {
    let node = ctx.own_node_of(&format!("image-{letter}"), &pick.id).await;
    journey::harden(ctx, &node).await;
    let came = came(ctx, &node);
    ctx.discard(&node).await;
    OnImage { id: pick.id, name: pick.name, came }
}

async fn walk_own(ctx: &Ctx) -> OnImage {
    let node = ctx.own_node("image-own").await;
    journey::harden(ctx, &node).await;
    let id = node.read(|s| s.facts.choice.as_ref().map(|c| c.image.id().to_owned())).unwrap_or_default();
    let came = came(ctx, &node);
    ctx.discard(&node).await;
    OnImage { name: ctx.params.image.to_string(), id, came }
}

fn came(ctx: &Ctx, node: &levelfield_kit::subject::Subject) -> Came {
    match node.fact(ctx.behavior(), |f| f.hardened.clone()) {
        Ok(hardened) => Came::ToRoot(hardened.logins),
        Err(hindrance) => Came::ToAStop(hindrance),
    }
}

pub(super) fn judge(seen: &EveryImage, _: &Nothing) -> Judgement {
    let names = |images: &[&OnImage]| images.iter().map(|i| i.name.clone()).collect::<Vec<_>>().join(", ");
    let barred: Vec<&OnImage> = seen.images.iter().filter(|i| i.barred().is_some()).collect();
    if !barred.is_empty() {
        if seen.own.as_ref().is_some_and(|own| own.barred().is_some()) {
            let detail = "root is barred on the journey's own image as well";
            return Hindrance::prerequisite("login/root-key-added", detail).judgement();
        }
        if let Some(judgement) = seen.own.as_ref().and_then(OnImage::open_question) {
            return judgement;
        }
        return Judgement::fail(
            "root-refused-on-some-images",
            format!("root is refused to the operator keys on {}", names(&barred)),
        );
    }
    if let Some(judgement) = seen.images.iter().find_map(OnImage::open_question) {
        return judgement;
    }
    let opened: Vec<&OnImage> = seen.images.iter().filter(|i| i.opened()).collect();
    if opened.is_empty() {
        return Hindrance::harness("no image was tried").judgement();
    }
    Judgement::pass(format!("root logs in with the operator keys on {} too", names(&opened)))
}

#[cfg(test)]
#[path = "every_image_tests.rs"]
mod tests;
