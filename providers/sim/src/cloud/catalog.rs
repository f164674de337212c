//! What is on offer, as it is listed: the persona's catalogue with ids, and with the mutations that concern it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ipnet::IpNet;
use levelfield_provider::{Architecture, Flavor, Image, ImageState, Network, Page, Query, Region};

use super::{Answer, Refusal, images};
use crate::{Mutation, Persona, net::Block, random::Seed};

/// An image on offer in one region, with what is in it.
#[derive(Debug)]
pub(crate) struct Stock {
    /// As listed.
    pub(crate) image: Image,
    /// The region it is in.
    pub(crate) region: String,
    /// The content of `/etc/os-release`.
    pub(crate) os_release: String,
    /// The account that a key really logs in to.
    pub(crate) account: String,
    /// The unit of its SSH server.
    pub(crate) ssh_unit: String,
    /// Whether its SSH server refuses root whatever its configuration says.
    pub(crate) root_login_barred: bool,
}

/// All that can be listed without an account.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) regions: Vec<Region>,
    pub(crate) networks: Vec<Network>,
    pub(crate) mtus: Vec<u32>,
    flavors: Vec<Flavor>,
    stock: Vec<Arc<Stock>>,
    page_size: u32,
    mutations: std::collections::BTreeSet<Mutation>,
    flavor_listings: AtomicU64,
}

impl Catalog {
    /// The catalogue of `persona`, with networks in `block`.
    pub(crate) fn new(persona: &Persona, seed: Seed, block: Block) -> Self {
        let regions =
            persona.regions.iter().map(|r| Region { name: r.name.clone(), zones: r.zones.clone() }).collect::<Vec<_>>();
        let stock = images::stock(persona, seed);
        Self {
            networks: networks(persona, seed, block),
            mtus: persona.networks.iter().map(|network| network.mtu).collect(),
            flavors: flavors(persona, seed),
            stock: stock.into_iter().map(Arc::new).collect(),
            page_size: persona.page_size,
            mutations: persona.mutations.clone(),
            flavor_listings: AtomicU64::new(0),
            regions,
        }
    }

    fn has(&self, mutation: Mutation) -> bool {
        self.mutations.contains(&mutation)
    }

    /// The region that nodes are made in.
    pub(crate) fn home(&self) -> &Region {
        &self.regions[0]
    }

    /// The flavor with that id.
    pub(crate) fn flavor(&self, id: &str) -> Option<&Flavor> {
        self.flavors.iter().find(|flavor| flavor.id == id)
    }

    /// The image with that id in the region that nodes are made in.
    pub(crate) fn image(&self, id: &str) -> Option<Arc<Stock>> {
        self.stock.iter().find(|stock| stock.image.id == id && stock.region == self.home().name).cloned()
    }

    /// Any image of the region that nodes are made in.
    pub(crate) fn first_image(&self) -> Option<Arc<Stock>> {
        self.stock.first().cloned()
    }

    /// One page of networks.
    pub(crate) fn list_networks(&self, query: &Query) -> Answer<Page<Network>> {
        self.region(query)?;
        self.page(&self.networks, query, Edge::Clean)
    }

    /// One page of flavors.
    pub(crate) fn list_flavors(&self, query: &Query) -> Answer<Page<Flavor>> {
        self.region(query)?;
        let edge = if self.has(Mutation::ListingDropsAtPageEdge) {
            Edge::Drops
        } else if self.has(Mutation::ListingRepeatsAtPageEdge) {
            Edge::Repeats
        } else {
            Edge::Clean
        };
        if self.has(Mutation::ListingIdsShift) {
            // Pages of one listing agree with each other: only a listing's first page counts.
            let listing = match query.marker {
                None => self.flavor_listings.fetch_add(1, Ordering::Relaxed),
                Some(_) => self.flavor_listings.load(Ordering::Relaxed).saturating_sub(1),
            };
            if listing % 2 == 1 {
                return self.page(&shifted(&self.flavors), query, edge);
            }
        }
        self.page(&self.flavors, query, edge)
    }

    /// One page of images.
    pub(crate) fn list_images(&self, query: &Query) -> Answer<Page<Image>> {
        let region = self.region(query)?;
        let images: Vec<_> =
            self.stock.iter().filter(|stock| stock.region == region).map(|stock| stock.image.clone()).collect();
        self.page(&images, query, Edge::Clean)
    }

    fn region(&self, query: &Query) -> Answer<String> {
        match &query.region {
            None => Ok(self.home().name.clone()),
            Some(name) if self.regions.iter().any(|region| region.name == *name) => Ok(name.clone()),
            Some(name) => Err(Refusal::missing("region", name)),
        }
    }

    fn page<T: Clone>(&self, all: &[T], query: &Query, edge: Edge) -> Answer<Page<T>> {
        let limit = query.limit.unwrap_or(self.page_size).clamp(1, self.page_size) as usize;
        let start: usize =
            match &query.marker {
                None => 0,
                Some(marker) => marker.parse().ok().filter(|start| *start <= all.len()).ok_or_else(|| {
                    Refusal::invalid(format!("`{marker}` is no marker of this listing")).blaming(marker)
                })?,
            };
        let end = all.len().min(start + limit);
        let (from, next) = match edge {
            Edge::Repeats if start > 0 => (start - 1, end),
            Edge::Drops if end < all.len() => (start, end + 1),
            _ => (start, end),
        };
        let more = (next < all.len()).then(|| next.to_string());
        Ok(Page { items: all[from..end].to_vec(), next: more })
    }
}

/// What happens where one page ends and the next begins.
#[derive(Clone, Copy)]
enum Edge {
    Clean,
    Drops,
    Repeats,
}

/// The flavors, with the ids of the two biggest exchanged.
fn shifted(flavors: &[Flavor]) -> Vec<Flavor> {
    let mut shifted = flavors.to_vec();
    let mut by_size: Vec<usize> = (0..shifted.len()).collect();
    by_size.sort_by_key(|&index| std::cmp::Reverse(shifted[index].memory_mib));
    if let [one, other, ..] = by_size[..] {
        let id = shifted[one].id.clone();
        shifted[one].id = std::mem::replace(&mut shifted[other].id, id);
    }
    shifted
}

fn networks(persona: &Persona, seed: Seed, block: Block) -> Vec<Network> {
    let mut networks: Vec<_> = persona
        .networks
        .iter()
        .enumerate()
        .map(|(index, spec)| Network {
            id: format!("net-{}", seed.hex(&["network", &spec.name], 8)),
            name: spec.name.clone(),
            cidrs: vec![IpNet::V4(block.network(index))],
            external: spec.external,
            default: spec.default && !persona.has(Mutation::NoDefaultNetwork),
        })
        .collect();
    let extra = |name: &str, cidrs, external, default| Network {
        id: format!("net-{}", seed.hex(&["network", name], 8)),
        name: name.to_owned(),
        cidrs,
        external,
        default,
    };
    if persona.has(Mutation::NetworkWithoutCidr) {
        networks.push(extra("unplanned", vec![], None, false));
    }
    if persona.has(Mutation::NoDefaultNetwork) && networks.len() == 1 {
        // A network that is alone needs no mark to be the one.
        networks.push(extra("another", vec![IpNet::V4(block.network(1))], Some(true), false));
    }
    if persona.has(Mutation::TwoDefaultNetworks) {
        networks.push(extra("default-too", vec![IpNet::V4(block.network(1))], Some(true), true));
    }
    networks
}

fn flavors(persona: &Persona, seed: Seed) -> Vec<Flavor> {
    let id = |name: &str| format!("fl-{}", seed.hex(&["flavor", name], 8));
    let mut flavors: Vec<_> = persona
        .flavors
        .iter()
        .map(|spec| Flavor {
            id: id(&spec.name),
            name: spec.name.clone(),
            vcpus: Some(spec.vcpus),
            memory_mib: Some(spec.memory_mib),
            disk_gib: Some(spec.disk_gib),
            architecture: Some(spec.architecture),
        })
        .collect();
    if persona.has(Mutation::FlavorsAllHuge) {
        for flavor in &mut flavors {
            flavor.vcpus = flavor.vcpus.map(|vcpus| vcpus.max(64));
            flavor.memory_mib = flavor.memory_mib.map(|memory| memory.max(512 * 1024));
        }
    }
    if persona.has(Mutation::FlavorWithoutMemory) {
        let name = "metal.undescribed".to_owned();
        let disk_gib = Some(4096);
        flavors.push(Flavor { id: id(&name), name, vcpus: None, memory_mib: None, disk_gib, architecture: None });
    }
    flavors
}

/// An image that says nothing about itself.
pub(super) fn mystery_box(id: String) -> Image {
    Image {
        id,
        name: "mystery-box".to_owned(),
        architecture: None,
        distribution: None,
        version: None,
        owner: None,
        official: None,
        created: None,
        state: ImageState::Current,
        login_account: None,
        properties: BTreeMap::new(),
    }
}

/// The architecture that a node of `flavor` and `image` has.
pub(crate) fn architecture(flavor: &Flavor, image: &Image) -> Architecture {
    flavor.architecture.or(image.architecture).unwrap_or(Architecture::Amd64)
}
