//! A portable name leads to one image, in every region, and means the newest.

use std::{cmp::Reverse, collections::BTreeMap};

use levelfield_kit::{
    Behavior, Ctx, Hindrance, Nothing, Observation,
    catalogue::all_images,
    naming::{PortableName, ReadFrom, candidates, identify},
};
use levelfield_provider::{Image, ImageState, Query};
use levelfield_reports::Judgement;
use serde::{Deserialize, Serialize};

use super::is_official;
use crate::excerpt::{Excerpt, a_few};

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new("image-naming/portable-name", observe_portable_name, judge_portable_name),
        Behavior::new(
            "image-naming/consistent-across-regions",
            observe_consistent_across_regions,
            judge_consistent_across_regions,
        ),
        Behavior::new("image-naming/unique-current", observe_unique_current, judge_unique_current),
        Behavior::new("image-naming/newest-wins", observe_newest_wins, judge_newest_wins),
    ]
}

/// The names that must resolve.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    names: Vec<PortableName>,
}

impl Names {
    /// The images, those first that can be read as one of the names, and newer ones before older ones.
    fn excerpt(&self, images: &[Image]) -> Excerpt<Image> {
        Excerpt::ranked(images, |image| {
            let asked_for = identify(image).is_some_and(|i| self.names.contains(&i.portable));
            (!asked_for, image.state != ImageState::Current, image.official != Some(true), Reverse(image.created))
        })
    }
}

/// Where a portable name leads.
#[derive(Debug, PartialEq)]
enum Resolved<'i> {
    /// By the images' names.
    ByName(Vec<&'i Image>),
    /// The name leads nowhere; distribution, version and architecture stated as properties do.
    ByProperties(Vec<&'i Image>),
    /// Nothing can be read as the name.
    Nowhere,
}

fn resolve<'i>(images: &'i [Image], name: &PortableName) -> Resolved<'i> {
    let found = candidates(images, name);
    if found.is_empty() {
        return Resolved::Nowhere;
    }
    let (by_name, by_properties): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|image| identify(image).is_some_and(|i| i.read_from == ReadFrom::Name));
    if by_name.is_empty() { Resolved::ByProperties(by_properties) } else { Resolved::ByName(by_name) }
}

fn described(images: &[&Image]) -> String {
    let described: Vec<String> = images.iter().map(|image| format!("{} ({})", image.name, image.id)).collect();
    a_few(&described)
}

// image-naming/portable-name

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PortableNames {
    images: Excerpt<Image>,
}

async fn observe_portable_name(ctx: Ctx, expect: Names) -> Observation<PortableNames> {
    Ok(PortableNames { images: expect.excerpt(ctx.catalogue.images(&ctx.target).await?) })
}

fn judge_portable_name(seen: &PortableNames, expect: &Names) -> Judgement {
    let mut found = Vec::new();
    let mut by_properties = false;
    for name in &expect.names {
        let (Resolved::ByName(images) | Resolved::ByProperties(images)) = resolve(&seen.images.shown, name) else {
            let summary = format!("none of {} images can be read as {name}", seen.images.listed);
            return Judgement::fail("unresolved", summary);
        };
        if images.len() > 1 {
            let summary = format!("{name} means {} current images: {}", images.len(), described(&images));
            return Judgement::fail("ambiguous", summary);
        }
        by_properties |= matches!(resolve(&seen.images.shown, name), Resolved::ByProperties(_));
        found.push(format!("{name} is {}", described(&images)));
    }
    let pass = Judgement::pass(a_few(&found));
    if by_properties { pass.deviating("resolved-by-properties") } else { pass }
}

// image-naming/consistent-across-regions

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RegionImages {
    region: String,
    images: Excerpt<Image>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ConsistentAcrossRegions {
    regions: Vec<RegionImages>,
}

async fn observe_consistent_across_regions(ctx: Ctx, expect: Names) -> Observation<ConsistentAcrossRegions> {
    let mut regions = Vec::new();
    for region in ctx.catalogue.regions(&ctx.target).await? {
        let query = Query { region: Some(region.name.clone()), ..Query::default() };
        let images = expect.excerpt(&all_images(&ctx.target, &query).await?);
        regions.push(RegionImages { region: region.name.clone(), images });
    }
    Ok(ConsistentAcrossRegions { regions })
}

fn judge_consistent_across_regions(seen: &ConsistentAcrossRegions, expect: &Names) -> Judgement {
    let mut deviates = false;
    for name in &expect.names {
        let mut by_name = Vec::new();
        let mut by_properties = Vec::new();
        let mut nowhere = Vec::new();
        for RegionImages { region, images } in &seen.regions {
            match resolve(&images.shown, name) {
                Resolved::ByName(_) => by_name.push(region.as_str()),
                Resolved::ByProperties(one) if one.len() == 1 => by_properties.push(region.as_str()),
                Resolved::ByProperties(_) | Resolved::Nowhere => nowhere.push(region.as_str()),
            }
        }
        if !nowhere.is_empty() {
            let summary = format!(
                "{name} leads nowhere in {} of {} regions: {}",
                nowhere.len(),
                seen.regions.len(),
                a_few(&nowhere)
            );
            return Judgement::fail("unresolved-in-region", summary);
        }
        if !by_name.is_empty() && !by_properties.is_empty() {
            let summary = format!(
                "{name} is found by name in {} and only by properties in {}",
                a_few(&by_name),
                a_few(&by_properties)
            );
            return Judgement::fail("regions-differ", summary);
        }
        deviates |= !by_properties.is_empty();
    }
    let regions: Vec<&str> = seen.regions.iter().map(|r| r.region.as_str()).collect();
    if regions.is_empty() {
        return Judgement::fail("no-region-listed", "the target lists no region to look in");
    }
    let names: Vec<String> = expect.names.iter().map(ToString::to_string).collect();
    let pass = Judgement::pass(format!("{} resolves in {}", a_few(&names), a_few(&regions)));
    if deviates { pass.deviating("resolved-by-properties") } else { pass }
}

// image-naming/unique-current

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UniqueCurrent {
    images: Excerpt<Image>,
}

async fn observe_unique_current(ctx: Ctx, _: Nothing) -> Observation<UniqueCurrent> {
    let images = ctx.catalogue.images(&ctx.target).await?;
    let shared = |image: &Image| images.iter().any(|other| other.id != image.id && current_namesakes(image, other));
    Ok(UniqueCurrent { images: Excerpt::ranked(images, |image| (!shared(image), image.state != ImageState::Current)) })
}

/// Whether two images are current, of one stated owner, and of one name.
fn current_namesakes(one: &Image, other: &Image) -> bool {
    let current = |image: &Image| image.state == ImageState::Current;
    current(one) && current(other) && one.owner.is_some() && one.owner == other.owner && one.name == other.name
}

fn judge_unique_current(seen: &UniqueCurrent, _: &Nothing) -> Judgement {
    let images = &seen.images.shown;
    for (index, image) in images.iter().enumerate() {
        let namesakes: Vec<&str> =
            images[index..].iter().filter(|other| current_namesakes(image, other)).map(|i| i.id.as_str()).collect();
        if namesakes.len() > 1 {
            let owner = image.owner.as_deref().unwrap_or_default();
            let summary = format!(
                "{} current images of {owner} are all called {}: {}",
                namesakes.len(),
                image.name,
                a_few(&namesakes)
            );
            return Judgement::fail("name-shared", summary);
        }
    }
    Judgement::pass(format!("of {} images, no two current ones of one owner share a name", seen.images.listed))
}

// image-naming/newest-wins

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct NewestWins {
    images: Excerpt<Image>,
}

async fn observe_newest_wins(ctx: Ctx, _: Nothing) -> Observation<NewestWins> {
    let images = ctx.catalogue.images(&ctx.target).await?;
    // A rule that is told publishers apart looks at official images only; where nothing is marked, at all of them.
    let any_official = images.iter().any(is_official);
    let matters: Vec<Image> = images
        .iter()
        .filter(|image| if any_official { is_official(image) } else { image.state != ImageState::Pending })
        .cloned()
        .collect();
    if !matters.iter().any(is_dated) {
        let detail = format!("none of {} images bears the date of its build", matters.len());
        return Err(Hindrance::prerequisite("image-naming/parseable", detail));
    }
    Ok(NewestWins { images: Excerpt::ranked(&matters, |image| (!is_dated(image), Reverse(image.created))) })
}

fn is_dated(image: &Image) -> bool {
    image.created.is_some() && identify(image).is_some_and(|i| i.built.is_some())
}

/// An image and the date of its build.
type Build<'i> = (&'i Image, String);

fn judge_newest_wins(seen: &NewestWins, _: &Nothing) -> Judgement {
    let mut families: BTreeMap<(Option<&str>, PortableName), Vec<Build<'_>>> = BTreeMap::new();
    for image in seen.images.shown.iter().filter(|image| is_dated(image)) {
        if let Some((portable, built)) = identify(image).and_then(|i| Some((i.portable, i.built?))) {
            families.entry((image.owner.as_deref(), portable)).or_default().push((image, built));
        }
    }
    for ((_, name), builds) in &families {
        let Some((_, newest)) = builds.iter().max_by_key(|(_, built)| built) else { continue };
        let last_created = builds.iter().map(|(image, _)| image.created).max().flatten();
        let mut last = builds.iter().filter(|(image, _)| image.created == last_created);
        if last.clone().any(|(_, built)| built == newest) {
            continue;
        }
        if let Some((image, built)) = last.next() {
            let summary =
                format!("of {} builds of {name} the one created last, {}, is of {built}", builds.len(), image.name);
            return Judgement::fail("newest-is-older", summary).comparing(newest, built);
        }
    }
    let builds: usize = families.values().map(Vec::len).sum();
    let summary =
        format!("in {} families with {builds} dated builds the one created last is the newest", families.len());
    Judgement::pass(summary)
}

#[cfg(test)]
mod tests;
