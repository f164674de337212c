//! What moves a node from state to state: timers on the target's clock, each ended by the node's power going off.

use std::sync::Arc;

use levelfield_provider::{AddressOrigin, NodeState};
use tokio_util::sync::CancellationToken;

use super::{
    Cloud, State,
    record::{AddressRecord, NodeRecord, Tombstone, VolumeRecord},
    remember, series,
};
use crate::{AddressPattern, Mutation, guest::Guest};

/// Which boot of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Boot {
    /// The first: the node is built before.
    First,
    /// A start after a stop.
    Start,
    /// A restart of the operating system: the node counts as running all the while.
    Restart,
}

impl Cloud {
    /// Boots a node in its own time.
    pub(super) fn boot_later(&self, id: String, guest: Arc<Guest>, power: CancellationToken, boot: Boot) {
        let Some(cloud) = self.me() else { return };
        if boot == Boot::First && self.has(Mutation::NeverRunning) {
            return;
        }
        let seconds = self.boot_seconds(&id, boot);
        tokio::spawn(power.run_until_cancelled_owned(async move {
            cloud.clock.pass(seconds).await;
            cloud.power_is_on(&id);
            guest.boot(cloud.seed);
            cloud.clock.pass(cloud.persona.timings.login).await;
            cloud.answer(&id);
        }));
    }

    fn boot_seconds(&self, id: &str, boot: Boot) -> f64 {
        let (shortest, longest) = self.persona.timings.boot;
        let seconds = shortest + (longest - shortest) * self.seed.fraction(&["boot", id]);
        let slow = self.seed.fraction(&["slow boot", id]) < self.persona.faults.slow_boot;
        let seconds = if slow { seconds * 10.0 } else { seconds };
        match boot {
            // A cliff rather than a slope: what surrounds a boot must not level it out, and no boot may take longer than a request may.
            Boot::First if self.has(Mutation::ChurnSlows) && self.gone_before(id) >= 4 => seconds * 20.0,
            Boot::First | Boot::Start => seconds,
            Boot::Restart => seconds / 2.0,
        }
    }

    /// How many nodes of the series that a node belongs to were terminated.
    fn gone_before(&self, id: &str) -> u32 {
        let state = self.state();
        let gone = state.nodes.get(id).and_then(|node| state.terminated.get(series(&node.name)));
        gone.copied().unwrap_or_default()
    }

    /// The node runs, as far as the API knows.
    fn power_is_on(&self, id: &str) {
        let mut state = self.state();
        let adds = self.pattern() == AddressPattern::AddedByTarget;
        let added = if adds { state.pools.public.take() } else { None };
        let Some(node) = state.nodes.get_mut(id) else { return };
        node.state = NodeState::Running;
        match added {
            Some(address) if node.public.is_none() => {
                node.public = Some(address);
                node.origin = AddressOrigin::AddedByTarget;
            }
            Some(address) => state.pools.public.free(address.into()),
            None => {}
        }
    }

    /// The node's SSH server listens from now on.
    fn answer(&self, id: &str) {
        let mut state = self.state();
        if let Some(node) = state.nodes.get_mut(id) {
            node.listening = true;
        }
        self.rewire_node(&mut state, id);
    }

    /// A doomed node fails in its own time.
    pub(super) fn fail_later(&self, id: String, power: CancellationToken) {
        let Some(cloud) = self.me() else { return };
        let seconds = self.boot_seconds(&id, Boot::First);
        tokio::spawn(power.run_until_cancelled_owned(async move {
            cloud.clock.pass(seconds).await;
            if let Some(node) = cloud.state().nodes.get_mut(&id) {
                node.state = NodeState::Failed;
                node.reason = node.doomed.map(str::to_owned);
            }
        }));
    }

    pub(super) fn reboot(&self, state: &mut State, id: &str) {
        let other = self.has(Mutation::PublicAddressChangesOnReboot).then(|| state.pools.public.take()).flatten();
        let Some(node) = state.nodes.get_mut(id) else { return };
        node.unplug();
        node.power = self.stop.child_token();
        let before = match (node.public, other) {
            (Some(_), Some(_)) => std::mem::replace(&mut node.public, other),
            _ => other,
        };
        let (guest, power) = (Arc::clone(&node.guest), node.power.clone());
        if let Some(address) = before {
            state.pools.public.free(address.into());
        }
        self.boot_later(id.to_owned(), guest, power, Boot::Restart);
    }

    pub(super) fn halt(&self, state: &mut State, id: &str) {
        let Some(node) = state.nodes.get_mut(id) else { return };
        node.unplug();
        node.power = self.stop.child_token();
        node.state = NodeState::Stopping;
        let power = node.power.clone();
        let (Some(cloud), id) = (self.me(), id.to_owned()) else { return };
        tokio::spawn(power.run_until_cancelled_owned(async move {
            cloud.clock.pass(cloud.persona.timings.down).await;
            let mut state = cloud.state();
            let Some(node) = state.nodes.get_mut(&id) else { return };
            node.state = NodeState::Stopped;
            if cloud.persona.addressing.released_on_stop
                && node.origin == AddressOrigin::Default
                && let Some(address) = node.public.take()
            {
                state.pools.public.free(address.into());
            }
        }));
    }

    pub(super) fn power_on(&self, state: &mut State, id: &str) {
        let Some(node) = state.nodes.get(id) else { return };
        let (network, bare) = (node.network, node.public.is_none() && self.pattern() == AddressPattern::Default);
        let public = if bare { state.pools.public.take() } else { None };
        let moves = self.has(Mutation::StopStartChangesPrivateAddress);
        let private = if moves { state.pools.private[network].take() } else { None };
        let Some(node) = state.nodes.get_mut(id) else { return };
        node.public = node.public.or(public);
        let before = private.map(|private| std::mem::replace(&mut node.private, private));
        node.state = NodeState::Pending;
        let (guest, power) = (Arc::clone(&node.guest), node.power.clone());
        if let Some(address) = before {
            state.pools.private[network].free(address.into());
        }
        self.boot_later(id.to_owned(), guest, power, Boot::Start);
    }

    /// Takes a node down for good.
    pub(super) fn terminate(&self, state: &mut State, id: &str) {
        let Some(node) = state.nodes.get_mut(id) else { return };
        node.going = true;
        node.state = NodeState::Stopping;
        node.reason = Some("terminating".to_owned());
        if !self.has(Mutation::TerminatedStillAnswers) {
            node.unplug();
        }
        let (Some(cloud), id) = (self.me(), id.to_owned()) else { return };
        self.spawn(async move {
            cloud.clock.pass(cloud.persona.timings.down).await;
            cloud.bury(&id);
        });
    }

    /// Frees everything that a node had.
    fn bury(&self, id: &str) {
        let mut state = self.state();
        let Some(mut node) = state.nodes.remove(id) else { return };
        node.state = NodeState::Terminated;
        node.reason = None;
        for address in state.addresses.values_mut() {
            address.node.take_if(|node| node == id);
            address.leads_to.take_if(|node| node == id);
        }
        let network = node.network;
        state.pools.private[network].free(node.private.into());
        if let Some(six) = node.six.take() {
            state.pools.six.free(six.into());
        }
        if let Some(public) = node.public.take() {
            if self.has(Mutation::AddressHeldAfterTerminate) {
                let id = state.id(self.seed, "eip");
                let tags = levelfield_provider::Tags::new();
                state
                    .addresses
                    .insert(id.clone(), AddressRecord { id, address: public, node: None, leads_to: None, tags });
            } else {
                state.pools.public.free(public.into());
            }
        }
        if self.has(Mutation::VolumeLeftBehind) {
            let id = state.id(self.seed, "vol");
            let name = format!("{}-root", node.name);
            state.volumes.insert(id.clone(), VolumeRecord { id, name, tags: node.tags.clone() });
        }
        *state.terminated.entry(series(&node.name).to_owned()).or_default() += 1;
        self.commemorate(&mut state, node);
    }

    fn commemorate(&self, state: &mut State, node: NodeRecord) {
        let now = self.clock.now();
        state.tombstones.retain(|tombstone| now < tombstone.until);
        state.tokens.retain(|_, id| *id != node.id);
        let mut view = self.view(state, &node);
        view.addresses.clear();
        let undead = self.has(Mutation::TerminatedStillAnswers).then_some(node);
        let until = now + self.persona.timings.remembered;
        remember(&mut state.tombstones, Tombstone { node: view, until, _undead: undead });
    }
}
