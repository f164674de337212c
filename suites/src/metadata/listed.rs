//! Networks, flavors and images are listed with the facts that a rule needs to choose among them.

use levelfield_kit::{Behavior, Ctx, Nothing, Observation};
use levelfield_provider::{Flavor, Image, Network};
use levelfield_reports::Judgement;
use serde::{Deserialize, Serialize};

use crate::excerpt::{Excerpt, a_few};

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new("metadata/networks-listed", observe_networks_listed, judge_networks_listed),
        Behavior::new("metadata/flavors-listed", observe_flavors_listed, judge_flavors_listed),
        Behavior::new("metadata/images-listed", observe_images_listed, judge_images_listed),
    ]
}

// metadata/networks-listed

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct NetworksListed {
    networks: Excerpt<Network>,
}

async fn observe_networks_listed(ctx: Ctx, _: Nothing) -> Observation<NetworksListed> {
    let networks = ctx.catalogue.networks(&ctx.target).await?;
    Ok(NetworksListed { networks: Excerpt::ranked(networks, |n| unstated_of_network(n).is_empty()) })
}

fn judge_networks_listed(seen: &NetworksListed, _: &Nothing) -> Judgement {
    judge_listing("network", &seen.networks, |n| (&n.name, &n.id, unstated_of_network(n)))
}

fn unstated_of_network(network: &Network) -> Vec<&'static str> {
    unstated(&[
        ("id", !network.id.is_empty()),
        ("name", !network.name.is_empty()),
        ("address range", !network.cidrs.is_empty()),
        ("word on whether it leads outside", network.external.is_some()),
    ])
}

// metadata/flavors-listed

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct FlavorsListed {
    flavors: Excerpt<Flavor>,
}

async fn observe_flavors_listed(ctx: Ctx, _: Nothing) -> Observation<FlavorsListed> {
    let flavors = ctx.catalogue.flavors(&ctx.target).await?;
    Ok(FlavorsListed { flavors: Excerpt::ranked(flavors, |f| unstated_of_flavor(f).is_empty()) })
}

fn judge_flavors_listed(seen: &FlavorsListed, _: &Nothing) -> Judgement {
    judge_listing("flavor", &seen.flavors, |f| (&f.name, &f.id, unstated_of_flavor(f)))
}

fn unstated_of_flavor(flavor: &Flavor) -> Vec<&'static str> {
    unstated(&[
        ("id", !flavor.id.is_empty()),
        ("name", !flavor.name.is_empty()),
        ("processors", flavor.vcpus.is_some()),
        ("memory", flavor.memory_mib.is_some()),
        // 0 is a statement: the image decides.
        ("disk", flavor.disk_gib.is_some()),
        ("architecture", flavor.architecture.is_some()),
    ])
}

// metadata/images-listed

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ImagesListed {
    images: Excerpt<Image>,
}

async fn observe_images_listed(ctx: Ctx, _: Nothing) -> Observation<ImagesListed> {
    let images = ctx.catalogue.images(&ctx.target).await?;
    Ok(ImagesListed { images: Excerpt::ranked(images, |i| unstated_of_image(i).is_empty()) })
}

fn judge_images_listed(seen: &ImagesListed, _: &Nothing) -> Judgement {
    judge_listing("image", &seen.images, |i| (&i.name, &i.id, unstated_of_image(i)))
}

fn unstated_of_image(image: &Image) -> Vec<&'static str> {
    unstated(&[
        ("id", !image.id.is_empty()),
        ("name", !image.name.is_empty()),
        ("architecture", image.architecture.is_some()),
        ("owner", image.owner.as_deref().is_some_and(|owner| !owner.is_empty())),
        ("creation time", image.created.is_some()),
    ])
}

// What the three have in common.

fn unstated(facts: &[(&'static str, bool)]) -> Vec<&'static str> {
    facts.iter().filter(|(_, stated)| !stated).map(|(fact, _)| *fact).collect()
}

fn judge_listing<'e, T>(
    what: &str,
    excerpt: &'e Excerpt<T>,
    describe: impl Fn(&'e T) -> (&'e String, &'e String, Vec<&'static str>),
) -> Judgement {
    if excerpt.listed == 0 {
        return Judgement::fail("nothing-listed", format!("no {what} is listed"));
    }
    let silent: Vec<String> = excerpt
        .shown
        .iter()
        .map(describe)
        .filter(|(_, _, unstated)| !unstated.is_empty())
        .map(|(name, id, unstated)| format!("{name} ({id}) states no {}", unstated.join(", no ")))
        .collect();
    if silent.is_empty() {
        return Judgement::pass(format!("{} {what}s are listed, each with all its facts", excerpt.listed));
    }
    Judgement::fail("facts-missing", format!("of {} {what}s: {}", excerpt.listed, a_few(&silent)))
}

#[cfg(test)]
mod tests {
    use levelfield_provider::{Architecture, ImageState};
    use levelfield_reports::Verdict;
    use time::OffsetDateTime;

    use super::*;

    fn excerpt<T: Clone>(items: &[T]) -> Excerpt<T> {
        Excerpt::ranked(items, |_| 0)
    }

    fn network() -> Network {
        Network {
            id: "net-1".to_owned(),
            name: "default".to_owned(),
            cidrs: vec!["10.0.0.0/24".parse().unwrap()],
            external: Some(true),
            default: true,
        }
    }

    #[test]
    fn a_network_says_where_it_is_and_where_it_leads() {
        let fail = Verdict::fail("facts-missing");
        for (networks, verdict) in [
            (vec![network()], Verdict::Pass),
            (vec![Network { external: Some(false), ..network() }], Verdict::Pass),
            (vec![], Verdict::fail("nothing-listed")),
            // network-without-cidr
            (vec![network(), Network { cidrs: vec![], external: None, default: false, ..network() }], fail.clone()),
            (vec![Network { external: None, ..network() }], fail.clone()),
            (vec![Network { name: String::new(), ..network() }], fail),
        ] {
            let judged = judge_networks_listed(&NetworksListed { networks: excerpt(&networks) }, &Nothing {});
            assert_eq!(judged.verdict, verdict, "{networks:?}");
        }
    }

    fn flavor() -> Flavor {
        Flavor {
            id: "fl-1".to_owned(),
            name: "small".to_owned(),
            vcpus: Some(2),
            memory_mib: Some(4096),
            disk_gib: Some(0),
            architecture: Some(Architecture::Amd64),
        }
    }

    #[test]
    fn a_flavor_says_how_large_it_is() {
        let fail = Verdict::fail("facts-missing");
        for (flavors, verdict) in [
            (vec![flavor()], Verdict::Pass),
            (vec![], Verdict::fail("nothing-listed")),
            // flavor-without-memory
            (vec![flavor(), Flavor { vcpus: None, memory_mib: None, architecture: None, ..flavor() }], fail.clone()),
            (vec![Flavor { disk_gib: None, ..flavor() }], fail),
        ] {
            let judged = judge_flavors_listed(&FlavorsListed { flavors: excerpt(&flavors) }, &Nothing {});
            assert_eq!(judged.verdict, verdict, "{flavors:?}");
        }
    }

    fn image() -> Image {
        Image {
            id: "img-1".to_owned(),
            name: "debian-12-amd64-20261102".to_owned(),
            architecture: Some(Architecture::Amd64),
            distribution: None,
            version: None,
            owner: Some("136693071363".to_owned()),
            official: Some(true),
            created: Some(OffsetDateTime::UNIX_EPOCH),
            state: ImageState::Current,
            login_account: None,
            properties: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn an_image_says_what_it_is_and_whose() {
        let mystery = Image {
            name: "mystery-box".to_owned(),
            architecture: None,
            owner: None,
            official: None,
            created: None,
            ..image()
        };
        for (images, verdict) in [
            (vec![image()], Verdict::Pass),
            (vec![Image { name: "IMG-0147 bookworm latest".to_owned(), official: None, ..image() }], Verdict::Pass),
            (vec![], Verdict::fail("nothing-listed")),
            // image-without-facts
            (vec![image(), mystery], Verdict::fail("facts-missing")),
        ] {
            let judged = judge_images_listed(&ImagesListed { images: excerpt(&images) }, &Nothing {});
            assert_eq!(judged.verdict, verdict, "{images:?}");
        }
    }

    #[test]
    fn the_summary_names_the_thing_and_what_it_keeps_to_itself() {
        let nameless = Flavor { vcpus: None, memory_mib: None, ..flavor() };
        let judged = judge_flavors_listed(&FlavorsListed { flavors: excerpt(&[nameless]) }, &Nothing {});
        assert_eq!(judged.summary, "of 1 flavors: small (fl-1) states no processors, no memory");
    }
}
