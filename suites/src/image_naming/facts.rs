//! What an official image says of itself: what it is, whose it is, and which account it lets in.

use std::collections::BTreeMap;

use levelfield_kit::{
    Behavior, Ctx, Nothing, Observation,
    naming::{Identity, identify},
};
use levelfield_provider::{Image, ImageState};
use levelfield_reports::Judgement;
use serde::{Deserialize, Serialize};

use super::{is_official, nothing_official};
use crate::excerpt::{Excerpt, a_few};

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new("image-naming/parseable", observe_parseable, judge_parseable),
        Behavior::new("image-naming/publisher-identified", observe_publisher_identified, judge_publisher_identified),
        Behavior::new("image-naming/login-account-stated", observe_login_account_stated, judge_login_account_stated),
    ]
}

async fn official_images(ctx: &Ctx) -> Observation<Vec<Image>> {
    let images = ctx.catalogue.images(&ctx.target).await?;
    let official: Vec<Image> = images.iter().filter(|image| is_official(image)).cloned().collect();
    if official.is_empty() { Err(nothing_official(images.len())) } else { Ok(official) }
}

// image-naming/parseable

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Parseable {
    official: Excerpt<Image>,
}

async fn observe_parseable(ctx: Ctx, _: Nothing) -> Observation<Parseable> {
    let official = official_images(&ctx).await?;
    Ok(Parseable {
        official: Excerpt::ranked(&official, |image| (is_complete(image), is_complete(&name_alone(image)))),
    })
}

fn judge_parseable(seen: &Parseable, _: &Nothing) -> Judgement {
    let listed = seen.official.listed;
    let images = &seen.official.shown;
    let silent: Vec<String> = images.iter().filter(|i| !is_complete(i)).map(what_is_missing).collect();
    if !silent.is_empty() {
        return Judgement::fail("unparseable", format!("of {listed} official images: {}", a_few(&silent)));
    }
    let by_properties: Vec<&str> =
        images.iter().filter(|i| !is_complete(&name_alone(i))).map(|i| i.name.as_str()).collect();
    let pass = Judgement::pass(format!(
        "{listed} official images give distribution, version, architecture and build date, {} of them by name alone",
        listed - by_properties.len().min(listed)
    ));
    if by_properties.is_empty() { pass } else { pass.deviating("stated-by-properties") }
}

/// The image as one who sees nothing but its name sees it.
fn name_alone(image: &Image) -> Image {
    Image { architecture: None, distribution: None, version: None, properties: BTreeMap::new(), ..image.clone() }
}

fn is_complete(image: &Image) -> bool {
    matches!(identify(image), Some(Identity { built: Some(_), .. }))
}

fn what_is_missing(image: &Image) -> String {
    match identify(image) {
        Some(_) => format!("{} bears no build date", image.name),
        None => format!("{} does not give distribution, version and architecture", image.name),
    }
}

// image-naming/publisher-identified

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PublisherIdentified {
    images: Excerpt<Image>,
}

async fn observe_publisher_identified(ctx: Ctx, _: Nothing) -> Observation<PublisherIdentified> {
    let images = ctx.catalogue.images(&ctx.target).await?;
    let suspect =
        |image: &Image| image.owner.is_none() || images.iter().any(|official| is_copy_under_one_owner(image, official));
    Ok(PublisherIdentified {
        images: Excerpt::ranked(images, |i| (!(is_official(i) && i.owner.is_none()), !suspect(i), !is_official(i))),
    })
}

/// Whether `image` passes for the same system as an official image of the same owner, without being marked itself.
fn is_copy_under_one_owner(image: &Image, official: &Image) -> bool {
    is_official(official)
        && image.official != Some(true)
        && image.state == ImageState::Current
        && image.owner.is_some()
        && image.owner == official.owner
        && identify(image).is_some_and(|i| identify(official).is_some_and(|o| o.portable == i.portable))
}

fn judge_publisher_identified(seen: &PublisherIdentified, _: &Nothing) -> Judgement {
    let listed = seen.images.listed;
    let images = &seen.images.shown;
    let official: Vec<&Image> = images.iter().filter(|i| is_official(i)).collect();
    if official.is_empty() {
        return Judgement::fail(
            "publisher-unmarked",
            format!("none of {listed} images is marked as an official publisher's"),
        );
    }
    let ownerless: Vec<&str> = official.iter().filter(|i| i.owner.is_none()).map(|i| i.name.as_str()).collect();
    if !ownerless.is_empty() {
        return Judgement::fail("owner-unstated", format!("official, but of no stated owner: {}", a_few(&ownerless)));
    }
    let copies: Vec<String> = images
        .iter()
        .filter(|image| official.iter().any(|official| is_copy_under_one_owner(image, official)))
        .map(|image| format!("{} of {}", image.name, image.owner.as_deref().unwrap_or_default()))
        .collect();
    if !copies.is_empty() {
        let summary = format!("not marked official, yet of an official image's owner: {}", a_few(&copies));
        return Judgement::fail("copy-under-one-owner", summary);
    }
    let mut owners: Vec<&str> = official.iter().filter_map(|i| i.owner.as_deref()).collect();
    owners.sort_unstable();
    owners.dedup();
    Judgement::pass(format!("official images are those of {}", a_few(&owners)))
}

// image-naming/login-account-stated

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct LoginAccountStated {
    official: Excerpt<Image>,
}

async fn observe_login_account_stated(ctx: Ctx, _: Nothing) -> Observation<LoginAccountStated> {
    let official = official_images(&ctx).await?;
    Ok(LoginAccountStated { official: Excerpt::ranked(&official, states_account) })
}

fn states_account(image: &Image) -> bool {
    image.login_account.as_deref().is_some_and(|account| !account.is_empty())
}

fn judge_login_account_stated(seen: &LoginAccountStated, _: &Nothing) -> Judgement {
    let listed = seen.official.listed;
    let silent: Vec<&str> =
        seen.official.shown.iter().filter(|i| !states_account(i)).map(|i| i.name.as_str()).collect();
    if silent.is_empty() {
        return Judgement::pass(format!("{listed} official images state the account that a key logs in to"));
    }
    Judgement::fail(
        "account-unstated",
        format!("of {listed} official images no account is stated by {}", a_few(&silent)),
    )
}

#[cfg(test)]
mod tests {
    use levelfield_provider::Architecture;
    use levelfield_reports::Verdict;

    use super::*;

    fn image(name: &str) -> Image {
        Image {
            id: name.to_owned(),
            name: name.to_owned(),
            architecture: Some(Architecture::Amd64),
            distribution: Some("debian".to_owned()),
            version: Some("12".to_owned()),
            owner: Some("publisher".to_owned()),
            official: Some(true),
            created: None,
            state: ImageState::Current,
            login_account: Some("debian".to_owned()),
            properties: BTreeMap::new(),
        }
    }

    fn strangers(name: &str) -> Image {
        Image { owner: Some("stranger".to_owned()), official: Some(false), ..image(name) }
    }

    fn opaque() -> Image {
        Image { distribution: None, version: None, ..image("IMG-0147 bookworm latest") }
    }

    fn excerpt(images: &[Image]) -> Excerpt<Image> {
        Excerpt::ranked(images, |_| 0)
    }

    const DEBIAN: &str = "debian-12-amd64-20261102";

    #[test]
    fn an_official_image_says_what_it_is() {
        let dated = BTreeMap::from([("build-date".to_owned(), "2026-11-02".to_owned())]);
        for (images, verdict, deviates) in [
            (vec![image(DEBIAN)], Verdict::Pass, false),
            (vec![image(DEBIAN), Image { properties: dated.clone(), ..image("debian-12-amd64") }], Verdict::Pass, true),
            (vec![image("debian-12-20261102")], Verdict::Pass, true),
            (vec![Image { properties: dated.clone(), ..image("bookworm") }], Verdict::Pass, true),
            // image-name-without-date
            (vec![image("debian-12-amd64")], Verdict::fail("unparseable"), false),
            // opaque-image-names
            (vec![opaque()], Verdict::fail("unparseable"), false),
            (vec![image(DEBIAN), Image { properties: dated, ..opaque() }], Verdict::fail("unparseable"), false),
        ] {
            let judged = judge_parseable(&Parseable { official: excerpt(&images) }, &Nothing {});
            let patterns: Vec<&str> = judged.deviations.iter().map(|d| d.pattern.as_str()).collect();
            let expected: &[&str] = if deviates { &["stated-by-properties"] } else { &[] };
            assert_eq!((judged.verdict, patterns.as_slice()), (verdict, expected), "{images:?}");
        }
    }

    #[test]
    fn a_publisher_is_told_by_the_owner() {
        let unmarked = |image: Image| Image { official: None, ..image };
        for (images, verdict) in [
            (vec![image(DEBIAN), strangers(DEBIAN)], Verdict::Pass),
            (vec![opaque()], Verdict::Pass),
            (vec![image(DEBIAN), Image { owner: None, ..unmarked(image("mystery-box")) }], Verdict::Pass),
            // publisher-unmarked
            (vec![unmarked(image(DEBIAN)), unmarked(strangers(DEBIAN))], Verdict::fail("publisher-unmarked")),
            (vec![], Verdict::fail("publisher-unmarked")),
            (vec![Image { owner: None, ..image(DEBIAN) }], Verdict::fail("owner-unstated")),
            (vec![image(DEBIAN), unmarked(image("debian-12-amd64"))], Verdict::fail("copy-under-one-owner")),
        ] {
            let judged = judge_publisher_identified(&PublisherIdentified { images: excerpt(&images) }, &Nothing {});
            assert_eq!(judged.verdict, verdict, "{images:?}");
        }
    }

    #[test]
    fn an_official_image_states_its_account() {
        for (account, verdict) in [
            (Some("debian"), Verdict::Pass),
            (Some(""), Verdict::fail("account-unstated")),
            // login-account-unstated
            (None, Verdict::fail("account-unstated")),
        ] {
            let stated = Image { login_account: account.map(str::to_owned), ..image(DEBIAN) };
            let seen = LoginAccountStated { official: excerpt(&[image(DEBIAN), stated]) };
            assert_eq!(judge_login_account_stated(&seen, &Nothing {}).verdict, verdict);
        }
    }
}
