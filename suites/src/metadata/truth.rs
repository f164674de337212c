//! What the catalogue says of a flavor, an image and a zone is so in the node.

use levelfield_kit::{
    Behavior, Ctx, Hindrance, Nothing, Observation,
    guest::{Disk, OsRelease},
    naming,
};
use levelfield_provider::{Flavor, Image, Region};
use levelfield_reports::{Judgement, event::Stage};
use serde::{Deserialize, Serialize};

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new("metadata/flavor-truthful", observe_flavor_truthful, judge_flavor_truthful)
            .at(&[Stage::Delivered]),
        Behavior::new("metadata/image-truthful", observe_image_truthful, judge_image_truthful).at(&[Stage::Delivered]),
        Behavior::new("metadata/zones-listed", observe_zones_listed, judge_zones_listed).at(&[Stage::Delivered]),
    ]
}

// metadata/flavor-truthful

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Tolerances {
    memory_tolerance: f64,
    disk_tolerance: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct FlavorTruthful {
    stated: Flavor,
    cpus: u32,
    memory_kib: u64,
    disks: Vec<Disk>,
}

async fn observe_flavor_truthful(ctx: Ctx, _: Tolerances) -> Observation<FlavorTruthful> {
    let choice = ctx.fact(|f| f.choice.clone())?;
    let guest = ctx.inside()?;
    let flavors = ctx.catalogue.flavors(&ctx.target).await?;
    let stated = flavors.iter().find(|f| f.id == choice.flavor.id()).cloned().ok_or_else(|| {
        let detail = format!("the node's flavor {} is not listed", choice.flavor.id());
        Hindrance::prerequisite("metadata/flavors-listed", detail)
    })?;
    let (cpus, memory_kib, disks) = (guest.cpus().await?, guest.memory_kib().await?, guest.disks().await?);
    Ok(FlavorTruthful { stated, cpus, memory_kib, disks })
}

fn judge_flavor_truthful(seen: &FlavorTruthful, expect: &Tolerances) -> Judgement {
    let flavor = &seen.stated;
    let (Some(vcpus), Some(stated_memory_mib)) = (flavor.vcpus, flavor.memory_mib) else {
        let detail = format!("{} states no size to compare with", flavor.name);
        return Hindrance::prerequisite("metadata/flavors-listed", detail).judgement();
    };
    let stated_disk_gib = flavor.disk_gib.unwrap_or(0) as f64;
    let memory_gib = seen.memory_kib as f64 / 1024.0 / 1024.0;
    let promised_gib = stated_memory_mib as f64 / 1024.0;
    let disk_gib = largest_disk(&seen.disks) as f64 / 1024.0 / 1024.0 / 1024.0;
    let stated = format!("{vcpus} vCPU, {promised_gib:.1} GiB memory, {stated_disk_gib:.0} GiB disk");
    let found = format!("{} vCPU, {memory_gib:.1} GiB memory, {disk_gib:.1} GiB disk", seen.cpus);
    let judgement = if seen.cpus < vcpus {
        let summary = format!("{} states {vcpus} processors; the node has {}", flavor.name, seen.cpus);
        Judgement::fail("fewer-processors", summary)
    } else if memory_gib < promised_gib * (1.0 - expect.memory_tolerance) {
        let summary =
            format!("{} states {promised_gib:.1} GiB of memory; the node has {memory_gib:.1} GiB", flavor.name);
        Judgement::fail("less-memory", summary)
    } else if disk_gib < stated_disk_gib * (1.0 - expect.disk_tolerance) {
        let summary =
            format!("{} states a disk of {stated_disk_gib:.0} GiB; the node's has {disk_gib:.1} GiB", flavor.name);
        Judgement::fail("smaller-disk", summary)
    } else {
        Judgement::pass(format!("a node of {} has {found}", flavor.name))
    };
    judgement.comparing(stated, found).measured("memory", memory_gib * 1024.0 * 1024.0 * 1024.0, "bytes")
}

fn largest_disk(disks: &[Disk]) -> u64 {
    disks.iter().filter(|d| d.kind == "disk").map(|d| d.bytes).max().unwrap_or(0)
}

// metadata/image-truthful

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ImageTruthful {
    stated: Image,
    os_release: OsRelease,
    machine: String,
}

async fn observe_image_truthful(ctx: Ctx, _: Nothing) -> Observation<ImageTruthful> {
    let choice = ctx.fact(|f| f.choice.clone())?;
    let guest = ctx.inside()?;
    let images = ctx.catalogue.images(&ctx.target).await?;
    let stated = images.iter().find(|i| i.id == choice.image.id()).cloned().ok_or_else(|| {
        let detail = format!("the node's image {} is not listed", choice.image.id());
        Hindrance::prerequisite("metadata/images-listed", detail)
    })?;
    Ok(ImageTruthful { stated, os_release: guest.os_release().await?, machine: guest.machine().await? })
}

fn judge_image_truthful(seen: &ImageTruthful, _: &Nothing) -> Judgement {
    let image = &seen.stated;
    // Both what the name says and what the properties say must be so.
    let named = naming::identify(image).map(|i| i.portable);
    let named = named.as_ref();
    let distributions: Vec<&str> =
        [image.distribution.as_deref(), named.map(|n| n.distribution.as_str())].into_iter().flatten().collect();
    let versions: Vec<&str> =
        [image.version.as_deref(), named.map(|n| n.version.as_str())].into_iter().flatten().collect();
    let architectures = [image.architecture, named.map(|n| n.architecture)];
    let mut architectures = architectures.into_iter().flatten().peekable();
    if architectures.peek().is_none() {
        let detail = format!("{} states nothing that could be compared", image.name);
        return Hindrance::prerequisite("metadata/images-listed", detail).judgement();
    }
    let version = seen.os_release.version_id.as_deref().unwrap_or("");
    let found = format!("{} {version} on {}", seen.os_release.id, seen.machine);
    let lie = |reason: &str, stated: &str| {
        Judgement::fail(reason, format!("{} states {stated}; the node runs {found}", image.name))
            .comparing(stated, &found)
    };
    if let Some(wrong) = architectures.find(|a| a.machine() != seen.machine) {
        return lie("architecture-differs", wrong.id());
    }
    if let Some(wrong) = distributions.iter().find(|d| !d.eq_ignore_ascii_case(&seen.os_release.id)) {
        return lie("distribution-differs", wrong);
    }
    if let Some(wrong) = versions.iter().find(|v| **v != version && !is_first_part(v, version)) {
        return lie("version-differs", &format!("version {wrong}"));
    }
    if versions.is_empty() {
        return Judgement::pass(format!("{} states its architecture only, and the node runs {found}", image.name));
    }
    let pass = Judgement::pass(format!("{} is what it states: {found}", image.name));
    if versions.contains(&version) { pass } else { pass.deviating("major-version-stated") }
}

/// Whether `stated` is the first part of `version`, as 9 is of 9.6.
fn is_first_part(stated: &str, version: &str) -> bool {
    !stated.is_empty() && version.strip_prefix(stated).is_some_and(|rest| rest.starts_with('.'))
}

// metadata/zones-listed

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ZonesListed {
    regions: Vec<Region>,
    asked: Option<String>,
    placed: Option<String>,
}

async fn observe_zones_listed(ctx: Ctx, _: Nothing) -> Observation<ZonesListed> {
    let regions = ctx.catalogue.regions(&ctx.target).await?.to_vec();
    let requested = ctx.fact(|f| f.requested.clone())?;
    let sentence = requested.running.sentence();
    let node = requested.running.value.ok_or_else(|| Hindrance::prerequisite("allocation/node-requested", sentence))?;
    Ok(ZonesListed { regions, asked: requested.zone_asked, placed: node.zone })
}

fn judge_zones_listed(seen: &ZonesListed, _: &Nothing) -> Judgement {
    let zones: usize = seen.regions.iter().map(|r| r.zones.len()).sum();
    let listed = format!("{} regions with {zones} zones are listed", seen.regions.len());
    let Some(asked) = &seen.asked else {
        return Judgement::fail("no-zone-listed", format!("{listed}, and none to ask a node in"));
    };
    match &seen.placed {
        Some(placed) if placed == asked => {
            Judgement::pass(format!("{listed}, and the node asked for in {asked} is there"))
        }
        Some(placed) => {
            Judgement::fail("zone-ignored", format!("{listed}; a node asked for in {asked} is in {placed}"))
                .comparing(asked, placed)
        }
        None => {
            Judgement::fail("zone-unstated", format!("{listed}; a node asked for in {asked} does not say where it is"))
        }
    }
}

#[cfg(test)]
mod tests;
