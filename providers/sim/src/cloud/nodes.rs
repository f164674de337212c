//! Nodes: requesting, reading, acting on, terminating.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use levelfield_provider::{AddressOrigin, FailureClass, Node, NodeAction, NodeRequest, NodeState, Tags};

use super::{
    Answer, Cloud, Refusal, State, Stock, architecture, carries,
    life::Boot,
    record::{KeyRecord, NodeRecord},
    series,
};
use crate::{
    AddressPattern, Mutation,
    guest::{Guest, Hardware},
};

/// For how many target seconds tags may be late, and requests of one series count as close together.
const TAGS_LATE: f64 = 3.0;
const CLOSE_TOGETHER: f64 = 60.0;

impl Cloud {
    /// Accepts a request for a node.
    pub(crate) fn create_node(&self, request: &NodeRequest) -> Answer<Node> {
        let mut state = self.state();
        if let Some(node) = self.by_token(&state, request) {
            return Ok(self.view(&state, node));
        }
        let node = self.build(&mut state, request)?;
        let (id, image_doomed) = (node.id.clone(), node.doomed);
        if let Some(token) = &request.client_token
            && !self.has(Mutation::ClientTokenIgnored)
        {
            state.tokens.insert(token.clone(), id.clone());
        }
        let view = self.view(&state, &node);
        let guest = Arc::clone(&node.guest);
        let power = node.power.clone();
        state.nodes.insert(id.clone(), node);
        drop(state);
        match image_doomed {
            Some(_) => self.fail_later(id, power),
            None => self.boot_later(id, guest, power, Boot::First),
        }
        Ok(view)
    }

    fn by_token<'a>(&self, state: &'a State, request: &NodeRequest) -> Option<&'a NodeRecord> {
        if self.has(Mutation::ClientTokenIgnored) {
            return None;
        }
        state.nodes.get(state.tokens.get(request.client_token.as_ref()?)?)
    }

    fn build(&self, state: &mut State, request: &NodeRequest) -> Answer<NodeRecord> {
        let mut doomed = None;
        let stock = match self.catalog.image(&request.image) {
            Some(stock) => stock,
            None if self.has(Mutation::InvalidImageAccepted) => {
                doomed = Some("the image could not be found");
                self.any_image()?
            }
            None => return Err(missing_input("image", &request.image)),
        };
        if self.has(Mutation::SupersededRefused) && stock.image.state == levelfield_provider::ImageState::Superseded {
            return Err(Refusal::invalid("the image is superseded and can no longer be used").blaming(&request.image));
        }
        let flavor = self.catalog.flavor(&request.flavor).ok_or_else(|| {
            if self.has(Mutation::InvalidFlavorUnnamed) {
                Refusal::invalid("the request cannot be carried out")
            } else {
                missing_input("flavor", &request.flavor)
            }
        })?;
        if let (Some(of_flavor), Some(of_image)) = (flavor.architecture, stock.image.architecture)
            && of_flavor != of_image
        {
            let message = format!("an image for {of_image} does not run on a flavor with {of_flavor}");
            return Err(Refusal::invalid(message).blaming(&request.image));
        }
        let key = request.key.as_ref().map(|id| state.key_for_node(id)).transpose()?;
        let network = self.network(request)?;
        let zone = self.zone(request)?;
        if let Some(group) = request.groups.iter().find(|group| !state.groups.contains_key(*group)) {
            return Err(missing_input("group", group));
        }
        let vcpus = flavor.vcpus.unwrap_or(1);
        self.within_quota(state, vcpus)?;

        let private = state.pools.private[network].take().ok_or_else(|| Refusal::capacity("private address"))?;
        let first = *state.first_private.entry(network).or_insert(private);
        let stated = (self.has(Mutation::PrivateAddressGivenTwice) && first != private).then_some(first);
        let public = match self.pattern() {
            AddressPattern::Default => state.pools.public.take(),
            _ => None,
        };
        let six = self.persona.addressing.ipv6 && self.ipv6 && !self.has(Mutation::Ipv6NotAssigned);
        let six = if six { state.take_six() } else { None };
        if let Some(reason) = self.lost_of_series(state, request) {
            doomed = Some(reason);
        }
        let id = state.id(self.seed, "node");
        let now = self.clock.now();
        let lag = self.persona.timings.consistency * self.seed.fraction(&["consistency", &id]);
        let guest = Guest::new(
            &self.persona,
            &id,
            &request.name,
            &stock,
            self.hardware(flavor, &stock),
            key.as_ref().map(|key: &KeyRecord| key.public_key.clone()),
            request.user_data.clone(),
        );
        Ok(NodeRecord {
            name: request.name.clone(),
            state: NodeState::Pending,
            reason: None,
            going: false,
            doomed,
            flavor: flavor.clone(),
            vcpus,
            image: request.image.clone(),
            zone,
            tags: request.tags.clone(),
            groups: request.groups.clone(),
            network,
            key,
            user_data: request.user_data.clone(),
            private,
            stated,
            public,
            origin: AddressOrigin::Default,
            six,
            created: now,
            visible: now + lag,
            read: OnceLock::new(),
            guest: Arc::new(guest),
            power: self.stop.child_token(),
            listening: false,
            listeners: BTreeSet::new(),
            wires: vec![],
            id,
        })
    }

    fn hardware(&self, flavor: &levelfield_provider::Flavor, stock: &Stock) -> Hardware {
        let memory = flavor.memory_mib.unwrap_or(1024);
        Hardware {
            vcpus: flavor.vcpus.unwrap_or(1),
            memory_mib: if self.has(Mutation::FlavorMemoryOverstated) { memory / 2 } else { memory },
            disk_gib: flavor.disk_gib.unwrap_or(10),
            machine: architecture(flavor, &stock.image).machine(),
        }
    }

    fn any_image(&self) -> Answer<Arc<Stock>> {
        self.catalog.first_image().ok_or_else(|| Refusal::invalid("there are no images"))
    }

    fn network(&self, request: &NodeRequest) -> Answer<usize> {
        let networks = &self.catalog.networks;
        let index = match &request.network {
            None => networks.iter().position(|network| network.default).unwrap_or(0),
            Some(id) => networks
                .iter()
                .position(|network| network.id == *id && !network.cidrs.is_empty())
                .ok_or_else(|| missing_input("network", id))?,
        };
        // Networks beyond the block's two exist only in listings.
        Ok(index.min(1))
    }

    fn zone(&self, request: &NodeRequest) -> Answer<String> {
        let zones = &self.catalog.home().zones;
        let index = match &request.zone {
            None => 0,
            Some(name) => zones.iter().position(|zone| zone == name).ok_or_else(|| missing_input("zone", name))?,
        };
        if self.has(Mutation::ZoneIgnored) && request.zone.is_some() {
            return Ok(zones
                .get((index + 1) % zones.len())
                .filter(|_| zones.len() > 1)
                .cloned()
                .unwrap_or_else(|| "elsewhere".into()));
        }
        Ok(zones[index].clone())
    }

    fn within_quota(&self, state: &State, vcpus: u32) -> Answer<()> {
        let limits = &self.persona.quotas;
        if let Some(limit) = limits.nodes.filter(|limit| state.nodes.len() >= *limit as usize) {
            return Err(Refusal::quota("nodes", limit));
        }
        if let Some(limit) = limits.vcpus.filter(|limit| state.vcpus() + vcpus > *limit) {
            return Err(Refusal::quota("vCPUs", limit));
        }
        Ok(())
    }

    /// Why a node is lost, as one of several requested close together: of one image, and with names that differ in the numbers
    /// at the end only.
    fn lost_of_series(&self, state: &State, request: &NodeRequest) -> Option<&'static str> {
        let (lost, reason) = if self.has(Mutation::ParallelRequestLost) {
            (3, "no host was found in time")
        } else if self.has(Mutation::ScaleOneFails) {
            (4, "the host failed while the node was built")
        } else {
            return None;
        };
        let of = series(&request.name);
        if of.len() == request.name.len() {
            return None;
        }
        let since = self.clock.now() - CLOSE_TOGETHER;
        let is_one = |node: &&NodeRecord| {
            !node.is_gone() && node.created > since && node.image == request.image && series(&node.name) == of
        };
        let before = state.nodes.values().filter(is_one).count();
        (before + 1 == lost).then_some(reason)
    }

    /// `node` as the API states it now.
    pub(super) fn view(&self, state: &State, node: &NodeRecord) -> Node {
        let tags = if self.tags_hidden(node) { Tags::new() } else { node.tags.clone() };
        state.view(node, self.ports.ssh, !self.has(Mutation::Ipv6Unlisted), tags)
    }

    fn tags_hidden(&self, node: &NodeRecord) -> bool {
        self.has(Mutation::TagsArriveLate) && node.read.get().is_none_or(|read| self.clock.now() < read + TAGS_LATE)
    }

    /// The node with that id. A terminated one is remembered for a while.
    pub(crate) fn node(&self, id: &str) -> Answer<Node> {
        let now = self.clock.now();
        let state = self.state();
        if let Some(node) = state.nodes.get(id).filter(|node| now >= node.visible) {
            node.read.get_or_init(|| now);
            return Ok(self.view(&state, node));
        }
        let gone = state.tombstones.iter().find(|tombstone| tombstone.node.id == id && now < tombstone.until);
        gone.map(|tombstone| tombstone.node.clone()).ok_or_else(|| Refusal::missing("node", id))
    }

    /// The nodes that carry all of `tags`.
    pub(crate) fn nodes(&self, tags: &Tags) -> Vec<Node> {
        let now = self.clock.now();
        let state = self.state();
        state
            .nodes
            .values()
            .filter(|node| now >= node.visible)
            .map(|node| self.view(&state, node))
            .filter(|node| carries(&node.tags, tags))
            .collect()
    }

    /// What the node wrote to its console.
    pub(crate) fn console(&self, id: &str) -> Answer<String> {
        let state = self.state();
        let node = state.nodes.get(id).ok_or_else(|| Refusal::missing("node", id))?;
        Ok(if self.has(Mutation::ConsoleEmpty) { String::new() } else { node.guest.console() })
    }

    /// Reboots, stops or starts a node.
    pub(crate) fn act(&self, id: &str, action: NodeAction) -> Answer<()> {
        let mut state = self.state();
        let node = state.nodes.get_mut(id).filter(|n| !n.is_gone()).ok_or_else(|| Refusal::missing("node", id))?;
        match (action, node.state) {
            (NodeAction::Reboot, NodeState::Running) => self.reboot(&mut state, id),
            (NodeAction::Stop, NodeState::Running) => self.halt(&mut state, id),
            (NodeAction::Start, NodeState::Stopped) => self.power_on(&mut state, id),
            (NodeAction::Stop, NodeState::Stopped | NodeState::Stopping) | (NodeAction::Start, NodeState::Running) => {}
            (_, now) => return Err(Refusal::conflict(format!("the node is {now}")).blaming(id)),
        }
        Ok(())
    }

    /// Terminates a node; one that is terminated stays so.
    pub(crate) fn delete_node(&self, id: &str) -> Answer<()> {
        let mut state = self.state();
        let gone = match state.nodes.get(id) {
            Some(node) => node.is_gone(),
            None if state.tombstones.iter().any(|tombstone| tombstone.node.id == id) => true,
            None => return Err(Refusal::missing("node", id)),
        };
        if !gone {
            self.terminate(&mut state, id);
            return Ok(());
        }
        if self.has(Mutation::SecondTerminateFails) {
            return Err(Refusal::new(FailureClass::Unavailable, "an unexpected error occurred"));
        }
        Ok(())
    }
}

fn missing_input(what: &str, id: &str) -> Refusal {
    Refusal::invalid(format!("there is no {what} `{id}`")).blaming(id)
}
