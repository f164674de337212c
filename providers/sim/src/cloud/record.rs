//! What the cloud keeps of each thing.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, OnceLock},
};

use levelfield_provider::{
    Address, AddressOrigin, Flavor, Group, KeyPair, Node, NodeAddress, NodeState, Rule, Scope, Tags,
};
use tokio_util::sync::CancellationToken;

use super::{State, wiring::Wire};
use crate::guest::Guest;

/// An imported key.
#[derive(Clone, Debug)]
pub(super) struct KeyRecord {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) public_key: String,
    pub(super) fingerprint: String,
    pub(super) tags: Tags,
}

impl KeyRecord {
    pub(super) fn view(&self) -> KeyPair {
        KeyPair {
            id: self.id.clone(),
            name: self.name.clone(),
            fingerprint: self.fingerprint.clone(),
            tags: self.tags.clone(),
        }
    }
}

/// A set of rules: those listed, and those in effect.
pub(super) struct GroupRecord {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) listed: Vec<Rule>,
    pub(super) enforced: Vec<Rule>,
    pub(super) tags: Tags,
}

impl GroupRecord {
    pub(super) fn view(&self) -> Group {
        Group { id: self.id.clone(), name: self.name.clone(), rules: self.listed.clone(), tags: self.tags.clone() }
    }
}

/// A floating address: the node that it is said to be attached to, and the one it leads to.
pub(super) struct AddressRecord {
    pub(super) id: String,
    pub(super) address: Ipv4Addr,
    pub(super) node: Option<String>,
    pub(super) leads_to: Option<String>,
    pub(super) tags: Tags,
}

impl AddressRecord {
    pub(super) fn view(&self) -> Address {
        Address { id: self.id.clone(), address: self.address.into(), node: self.node.clone(), tags: self.tags.clone() }
    }
}

/// A volume that outlived its node.
pub(super) struct VolumeRecord {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) tags: Tags,
}

/// A terminated node, as it can still be read.
pub(super) struct Tombstone {
    pub(super) node: Node,
    /// Until when, on the target's clock.
    pub(super) until: f64,
    /// The machine, if it goes on answering.
    pub(super) _undead: Option<NodeRecord>,
}

/// A node.
pub(super) struct NodeRecord {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) state: NodeState,
    pub(super) reason: Option<String>,
    /// Whether its termination was asked for.
    pub(super) going: bool,
    /// Why it will never run, if so.
    pub(super) doomed: Option<&'static str>,
    pub(super) flavor: Flavor,
    pub(super) vcpus: u32,
    pub(super) image: String,
    pub(super) zone: String,
    pub(super) tags: Tags,
    pub(super) groups: Vec<String>,
    pub(super) network: usize,
    pub(super) key: Option<KeyRecord>,
    pub(super) user_data: Option<String>,
    /// The address that its traffic really has.
    pub(super) private: Ipv4Addr,
    /// Another private address that API and interface state, under a mutation.
    pub(super) stated: Option<Ipv4Addr>,
    pub(super) public: Option<Ipv4Addr>,
    pub(super) origin: AddressOrigin,
    pub(super) six: Option<Ipv6Addr>,
    /// When it was asked for, on the target's clock.
    pub(super) created: f64,
    /// From when on reads know it, on the target's clock.
    pub(super) visible: f64,
    /// When it was first read by its id, on the target's clock.
    pub(super) read: OnceLock<f64>,
    pub(super) guest: Arc<Guest>,
    /// Cancelled when the machine goes down: ends its timers and connections.
    pub(super) power: CancellationToken,
    /// Whether the machine is up and its SSH server listens.
    pub(super) listening: bool,
    /// TCP ports that its processes listen on, besides SSH's.
    pub(super) listeners: BTreeSet<u16>,
    pub(super) wires: Vec<Wire>,
}

impl NodeRecord {
    pub(super) fn is_gone(&self) -> bool {
        self.going
    }

    /// Cuts the machine off: connections break, addresses stop answering.
    pub(super) fn unplug(&mut self) {
        self.power.cancel();
        self.listening = false;
        self.listeners.clear();
        self.wires.clear();
    }
}

impl State {
    /// The floating addresses that lead to `node`.
    pub(super) fn floating(&self, node: &str) -> Vec<Ipv4Addr> {
        self.addresses.values().filter(|a| a.leads_to.as_deref() == Some(node)).map(|a| a.address).collect()
    }

    /// The floating addresses that are said to be attached to `node`.
    pub(super) fn attached(&self, node: &str) -> Vec<Ipv4Addr> {
        self.addresses.values().filter(|a| a.node.as_deref() == Some(node)).map(|a| a.address).collect()
    }

    /// `node` as the API states it; `ssh` is SSH's port at its own addresses.
    pub(super) fn view(&self, node: &NodeRecord, ssh: u16, six_listed: bool, tags: Tags) -> Node {
        let stated = |address: IpAddr, scope, origin| NodeAddress { address, scope, origin, ssh_port: ssh };
        let private = node.stated.unwrap_or(node.private);
        let mut addresses = vec![stated(private.into(), Scope::Private, AddressOrigin::Default)];
        addresses.extend(node.public.map(|address| stated(address.into(), Scope::Public, node.origin)));
        let floating = self.attached(&node.id);
        addresses.extend(floating.into_iter().map(|a| stated(a.into(), Scope::Public, AddressOrigin::Floating)));
        if six_listed {
            addresses.extend(node.six.map(|a| stated(a.into(), Scope::Public, AddressOrigin::Default)));
        }
        addresses.extend(node.wires.iter().filter_map(Wire::forwarded).map(|at| NodeAddress {
            address: at.ip(),
            scope: Scope::Public,
            origin: AddressOrigin::PortForwarding,
            ssh_port: at.port(),
        }));
        Node {
            id: node.id.clone(),
            name: node.name.clone(),
            state: node.state,
            state_reason: node.reason.clone(),
            flavor: Some(node.flavor.id.clone()),
            image: Some(node.image.clone()),
            zone: Some(node.zone.clone()),
            addresses,
            tags,
        }
    }
}
