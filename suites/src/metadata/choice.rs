//! Network, flavor and image are picked by one rule that knows nothing of the site.

use std::cmp::Reverse;

use levelfield_kit::{
    Behavior, Ctx, Nothing, Observation,
    journey::{flavor_that_fits, pick_flavor, pick_image, pick_network},
    naming::{PortableName, candidates},
};
use levelfield_provider::{Architecture, Flavor, Image, Network};
use levelfield_reports::Judgement;
use serde::{Deserialize, Serialize};

use crate::excerpt::Excerpt;

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new("metadata/default-network", observe_default_network, judge_default_network),
        Behavior::new("metadata/pick-flavor", observe_pick_flavor, judge_pick_flavor),
        Behavior::new("metadata/pick-image", observe_pick_image, judge_pick_image),
    ]
}

// metadata/default-network

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct DefaultNetwork {
    networks: Excerpt<Network>,
}

async fn observe_default_network(ctx: Ctx, _: Nothing) -> Observation<DefaultNetwork> {
    let networks = ctx.catalogue.networks(&ctx.target).await?;
    Ok(DefaultNetwork { networks: Excerpt::ranked(networks, |n| !n.default) })
}

fn judge_default_network(seen: &DefaultNetwork, _: &Nothing) -> Judgement {
    match pick_network(&seen.networks.shown) {
        Ok(network) if network.default => {
            Judgement::pass(format!("{} ({}) is marked as the default, and no other", network.name, network.id))
        }
        Ok(only) => Judgement::pass(format!("{} ({}) is the only network there is", only.name, only.id)),
        Err(why) if seen.networks.shown.iter().any(|n| n.default) => Judgement::fail("several-defaults", why),
        Err(why) => Judgement::fail("no-default", why),
    }
}

// metadata/pick-flavor

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Size {
    vcpus: u32,
    memory_gib: f64,
    max_oversize: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PickFlavor {
    /// The image that a node of the flavor would run: the architecture must be its own.
    to_run: PortableName,
    flavors: Excerpt<Flavor>,
}

async fn observe_pick_flavor(ctx: Ctx, expect: Size) -> Observation<PickFlavor> {
    let flavors = ctx.catalogue.flavors(&ctx.target).await?;
    let to_run = ctx.params.image.clone();
    let flavors = Excerpt::ranked(flavors, |flavor| {
        let other = flavor.architecture.is_some_and(|a| a != to_run.architecture);
        let fits = flavor_that_fits(flavor, expect.vcpus, expect.memory_gib) && !other;
        (!fits, flavor.vcpus, flavor.memory_mib, flavor.disk_gib)
    });
    Ok(PickFlavor { to_run, flavors })
}

fn judge_pick_flavor(seen: &PickFlavor, expect: &Size) -> Judgement {
    let asked = format!("{} vCPU and {} GiB", expect.vcpus, expect.memory_gib);
    let found = pick_flavor(&seen.flavors.shown, expect.vcpus, expect.memory_gib, Some(&seen.to_run));
    let Ok(flavor) = found else {
        let summary = format!("none of {} flavors states {asked} or more", seen.flavors.listed);
        return Judgement::fail("none-fits", summary);
    };
    let (vcpus, memory_gib) = (flavor.vcpus.unwrap_or(0), flavor.memory_mib.unwrap_or(0) as f64 / 1024.0);
    let oversize = (f64::from(vcpus) / f64::from(expect.vcpus.max(1))).max(memory_gib / expect.memory_gib);
    let found = format!("{} has {vcpus} vCPU and {memory_gib} GiB", flavor.name);
    let judgement = if oversize > expect.max_oversize {
        Judgement::fail(
            "far-too-large",
            format!("{asked} asked for, and the smallest that fits is {oversize:.1} times that: {found}"),
        )
    } else {
        Judgement::pass(format!("{asked} asked for, and {found}"))
    };
    judgement.measured("oversize", oversize, "times")
}

// metadata/pick-image

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct System {
    distribution: String,
    version: String,
    architecture: Architecture,
}

impl System {
    fn name(&self) -> PortableName {
        PortableName {
            distribution: self.distribution.to_ascii_lowercase(),
            version: self.version.clone(),
            architecture: self.architecture,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PickImage {
    images: Excerpt<Image>,
}

async fn observe_pick_image(ctx: Ctx, expect: System) -> Observation<PickImage> {
    let images = ctx.catalogue.images(&ctx.target).await?;
    let fitting: Vec<&str> = candidates(images, &expect.name()).iter().map(|i| i.id.as_str()).collect();
    let images = Excerpt::ranked(images, |i| (!fitting.contains(&i.id.as_str()), Reverse(i.created)));
    Ok(PickImage { images })
}

fn judge_pick_image(seen: &PickImage, expect: &System) -> Judgement {
    let name = expect.name();
    match pick_image(&seen.images.shown, &name) {
        Ok(image) => Judgement::pass(format!("{name} asked for, and {} ({}) found", image.name, image.id)),
        Err(_) => Judgement::fail("none-found", format!("none of {} images can be read as {name}", seen.images.listed)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use levelfield_provider::ImageState;
    use levelfield_reports::Verdict;

    use super::*;

    fn excerpt<T: Clone>(items: &[T]) -> Excerpt<T> {
        Excerpt::ranked(items, |_| 0)
    }

    #[test]
    fn exactly_one_network_is_the_default() {
        let network = |name: &str, default| Network {
            id: name.into(),
            name: name.into(),
            cidrs: vec![],
            external: None,
            default,
        };
        for (networks, verdict) in [
            (vec![network("a", true)], Verdict::Pass),
            (vec![network("a", true), network("b", false)], Verdict::Pass),
            (vec![network("a", false)], Verdict::Pass),
            // two-default-networks
            (vec![network("a", true), network("b", true)], Verdict::fail("several-defaults")),
            // no-default-network
            (vec![network("a", false), network("b", false)], Verdict::fail("no-default")),
            (vec![], Verdict::fail("no-default")),
        ] {
            let judged = judge_default_network(&DefaultNetwork { networks: excerpt(&networks) }, &Nothing {});
            assert_eq!(judged.verdict, verdict, "{networks:?}");
        }
    }

    #[test]
    fn the_flavor_fits_and_is_not_far_too_large() {
        let of = |vcpus, memory_gib: u64, architecture| Flavor {
            id: "f".to_owned(),
            name: "f".to_owned(),
            vcpus: Some(vcpus),
            memory_mib: Some(memory_gib * 1024),
            disk_gib: Some(8),
            architecture: Some(architecture),
        };
        let (amd, arm) = (Architecture::Amd64, Architecture::Arm64);
        let expect = Size { vcpus: 2, memory_gib: 4.0, max_oversize: 4.0 };
        for (flavors, verdict) in [
            (vec![of(1, 1, amd), of(2, 4, amd), of(64, 512, amd)], Verdict::Pass),
            (vec![of(8, 16, amd)], Verdict::Pass),
            (vec![of(2, 17, amd)], Verdict::fail("far-too-large")),
            (vec![of(9, 4, amd)], Verdict::fail("far-too-large")),
            // flavors-all-huge
            (vec![of(64, 512, amd)], Verdict::fail("far-too-large")),
            (vec![of(1, 64, amd)], Verdict::fail("none-fits")),
            (vec![of(2, 4, arm)], Verdict::fail("none-fits")),
            (vec![Flavor { memory_mib: None, ..of(2, 4, amd) }], Verdict::fail("none-fits")),
            (vec![], Verdict::fail("none-fits")),
        ] {
            let seen = PickFlavor { to_run: "debian-12-amd64".parse().unwrap(), flavors: excerpt(&flavors) };
            assert_eq!(judge_pick_flavor(&seen, &expect).verdict, verdict, "{flavors:?}");
        }
    }

    #[test]
    fn the_image_is_found_by_what_it_is() {
        let named = |name: &str| Image {
            id: "img".to_owned(),
            name: name.to_owned(),
            architecture: Some(Architecture::Amd64),
            distribution: None,
            version: None,
            owner: None,
            official: Some(true),
            created: None,
            state: ImageState::Current,
            login_account: None,
            properties: BTreeMap::new(),
        };
        let by_properties = Image {
            distribution: Some("debian".to_owned()),
            version: Some("12".to_owned()),
            ..named("IMG-0147 bookworm latest")
        };
        let expect = System { distribution: "debian".into(), version: "12".into(), architecture: Architecture::Amd64 };
        for (images, verdict) in [
            (vec![named("debian-12-amd64-20261102")], Verdict::Pass),
            (vec![by_properties], Verdict::Pass),
            // portable-name-ambiguous: the newest is found all the same.
            (vec![named("debian-12-amd64-20261102"), named("debian-12-generic-amd64-20261102")], Verdict::Pass),
            // opaque-image-names
            (vec![named("IMG-0147 bookworm latest")], Verdict::fail("none-found")),
            (vec![named("debian-13-amd64-20261103")], Verdict::fail("none-found")),
            (vec![], Verdict::fail("none-found")),
        ] {
            let judged = judge_pick_image(&PickImage { images: excerpt(&images) }, &expect);
            assert_eq!(judged.verdict, verdict, "{images:?}");
        }
    }
}
