//! Steps 2 and 3: network, flavor and image, chosen without anything site-specific.

use levelfield_provider::{Capability, Flavor, Image, Network};

use super::Env;
use crate::{
    hindrance::Hindrance,
    naming::{self, PortableName},
    subject::{Block, Choice, Chosen},
};

/// The one network to use when none is named: the only one marked as default, or the only one there is.
///
/// # Errors
/// Why there is not exactly one, in one line.
pub fn pick_network(networks: &[Network]) -> Result<&Network, String> {
    let marked: Vec<&Network> = networks.iter().filter(|n| n.default).collect();
    match (marked.as_slice(), networks) {
        ([one], _) => Ok(*one),
        ([], [one]) => Ok(one),
        ([], []) => Err("the target lists no network".to_owned()),
        ([], many) => Err(format!("{} networks and none is the default", many.len())),
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|n| n.name.as_str()).collect();
            Err(format!("{} networks are the default: {}", names.len(), names.join(", ")))
        }
    }
}

/// Whether a flavor has at least what is asked for, as far as it states it.
pub fn flavor_that_fits(flavor: &Flavor, vcpus: u32, memory_gib: f64) -> bool {
    flavor.vcpus.is_some_and(|n| n >= vcpus) && flavor.memory_mib.is_some_and(|m| m as f64 >= memory_gib * 1024.0)
}

/// The smallest flavor of an architecture with at least so many processors and so much memory.
///
/// # Errors
/// Why none fits, in one line.
pub fn pick_flavor<'a>(
    flavors: &'a [Flavor],
    vcpus: u32,
    memory_gib: f64,
    image: Option<&PortableName>,
) -> Result<&'a Flavor, String> {
    flavors
        .iter()
        .filter(|f| flavor_that_fits(f, vcpus, memory_gib))
        .filter(|f| image.is_none_or(|i| f.architecture.is_none_or(|a| a == i.architecture)))
        .min_by_key(|f| (f.vcpus, f.memory_mib, f.disk_gib, &f.name))
        .ok_or_else(|| format!("none of {} flavors states {vcpus} vCPU and {memory_gib} GiB or more", flavors.len()))
}

/// The newest current image that `name` can mean.
///
/// # Errors
/// Why there is none, in one line.
pub fn pick_image<'a>(images: &'a [Image], name: &PortableName) -> Result<&'a Image, String> {
    naming::candidates(images, name)
        .into_iter()
        .max_by_key(|i| i.created)
        .ok_or_else(|| format!("none of {} images can be read as {name}", images.len()))
}

/// Chooses what the request names, falling back on the configuration. An image that is wanted, by id or name, is not chosen.
///
/// # Errors
/// The first thing that neither the standard's way nor the configuration finds.
pub async fn choose(env: &Env, wanted_image: Option<&String>) -> Result<Choice, Block> {
    let target = &env.target;
    let choices = &target.settings.choices;
    let listed = |owner| move |hindrance: Hindrance| Block::new(owner, hindrance);

    let network = if target.has(Capability::Catalog) {
        let networks = env.catalogue.networks(target).await.map_err(listed("metadata/networks-listed"))?;
        let picked = pick_network(networks).map(|n| n.id.clone());
        let named = by_name(networks, choices.network.as_ref(), |n| (&n.id, &n.name));
        Some(chosen("metadata/default-network", picked, named)?)
    } else {
        None
    };

    let images = env.catalogue.images(target).await.map_err(listed("metadata/images-listed"))?;
    let image = if let Some(id) = by_name(images, wanted_image, |i| (&i.id, &i.name)) {
        Chosen::Configured { id, because: "this one was asked for".to_owned() }
    } else {
        let picked = pick_image(images, &env.params.image).map(|i| i.id.clone());
        let named = by_name(images, choices.image.as_ref(), |i| (&i.id, &i.name));
        chosen("metadata/pick-image", picked, named)?
    };
    let chosen_image = images.iter().find(|i| i.id == image.id());

    let flavors = env.catalogue.flavors(target).await.map_err(listed("metadata/flavors-listed"))?;
    let picked =
        pick_flavor(flavors, env.params.vcpus, env.params.memory_gib, Some(&env.params.image)).map(|f| f.id.clone());
    let flavor =
        chosen("metadata/pick-flavor", picked, by_name(flavors, choices.flavor.as_ref(), |f| (&f.id, &f.name)))?;

    let zone = if target.has(Capability::Zones) {
        let regions = env.catalogue.regions(target).await.map_err(listed("metadata/zones-listed"))?;
        // The last zone of the first region: a target that ignores the wish is likely to put nodes into the first.
        regions.first().and_then(|r| r.zones.last().cloned())
    } else {
        None
    };
    Ok(Choice {
        network,
        flavor,
        distribution: chosen_image.and_then(naming::identify).map(|i| i.portable.distribution),
        stated_account: chosen_image
            .and_then(|i| i.login_account.clone())
            // What the configuration states is the account of the image that it names.
            .or_else(|| choices.account.clone().filter(|_| wanted_image.is_none())),
        image,
        zone,
    })
}

/// A configured choice may be an id or a name; what the listing does not know is passed on as it is, for the target to judge.
fn by_name<T>(listed: &[T], word: Option<&String>, id_and_name: impl Fn(&T) -> (&String, &String)) -> Option<String> {
    let word = word?;
    let known = listed.iter().map(id_and_name).find(|(id, name)| *id == word || *name == word);
    Some(known.map_or(word, |(id, _)| id).clone())
}

fn chosen(owner: &'static str, picked: Result<String, String>, configured: Option<String>) -> Result<Chosen, Block> {
    match (picked, configured) {
        (Ok(id), _) => Ok(Chosen::Found { id }),
        (Err(because), Some(id)) => Ok(Chosen::Configured { id, because }),
        (Err(because), None) => {
            Err(Block::explained(owner, format!("{because}, and the target's configuration names none under `use`")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(name: &str, default: bool) -> Network {
        Network { id: name.to_owned(), name: name.to_owned(), cidrs: vec![], external: Some(true), default }
    }

    fn flavor(name: &str, vcpus: u32, memory_mib: u64) -> Flavor {
        Flavor {
            id: name.to_owned(),
            name: name.to_owned(),
            vcpus: Some(vcpus),
            memory_mib: Some(memory_mib),
            disk_gib: Some(10),
            architecture: None,
        }
    }

    #[test]
    fn exactly_one_network_is_chosen() {
        for (networks, found) in [
            (vec![network("a", true), network("b", false)], Ok("a")),
            (vec![network("a", false)], Ok("a")),
            (vec![], Err("the target lists no network")),
            (vec![network("a", false), network("b", false)], Err("2 networks and none is the default")),
            (vec![network("a", true), network("b", true)], Err("2 networks are the default: a, b")),
        ] {
            assert_eq!(pick_network(&networks).map(|n| n.name.as_str()), found.map_err(str::to_owned));
        }
    }

    #[test]
    fn the_smallest_flavor_that_fits_is_chosen() {
        let flavors = [flavor("big", 8, 16384), flavor("small", 1, 1024), flavor("medium", 2, 2048)];
        assert_eq!(pick_flavor(&flavors, 1, 1.0, None).unwrap().name, "small");
        assert_eq!(pick_flavor(&flavors, 2, 1.0, None).unwrap().name, "medium");
        assert!(pick_flavor(&flavors, 64, 1.0, None).is_err());
    }
}
