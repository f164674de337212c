//! What a node, the metadata service and the outside know of a node: its place in the network as it really is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::Ipv4Net;

use super::{Cloud, record::NodeRecord};
use crate::Mutation;

/// A node's place in the network.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) zone: String,
    /// The address that its traffic on the private network has.
    pub(crate) private: Ipv4Addr,
    /// The private address that its interface and the metadata service state.
    pub(crate) stated: Ipv4Addr,
    /// The address that its traffic outside has, if it has one of its own.
    pub(crate) public: Option<Ipv4Addr>,
    pub(crate) six: Option<Ipv6Addr>,
    pub(crate) network: Ipv4Net,
    /// In bytes, as the interface states it.
    pub(crate) mtu: u32,
    /// Name and public key.
    pub(crate) key: Option<(String, String)>,
    pub(crate) user_data: Option<String>,
}

impl Cloud {
    /// The facts of a node; `None` if it is gone.
    pub(crate) fn facts(&self, id: &str) -> Option<Facts> {
        let state = self.state();
        let node = state.nodes.get(id)?;
        let floating = state.floating(id).first().copied();
        Some(self.facts_of(node, floating))
    }

    fn facts_of(&self, node: &NodeRecord, floating: Option<Ipv4Addr>) -> Facts {
        Facts {
            id: node.id.clone(),
            name: node.name.clone(),
            zone: node.zone.clone(),
            private: node.private,
            stated: node.stated.unwrap_or(node.private),
            public: floating.or(node.public),
            six: node.six,
            network: self.block.network(node.network),
            mtu: self.catalog.mtus.get(node.network).copied().unwrap_or(1500),
            key: node.key.as_ref().map(|key| (key.name.clone(), key.public_key.clone())),
            user_data: node.user_data.clone(),
        }
    }

    /// The node whose private address is really `address`.
    pub(crate) fn node_at(&self, address: IpAddr) -> Option<Facts> {
        let IpAddr::V4(address) = address.to_canonical() else { return None };
        let state = self.state();
        let node = state.nodes.values().find(|node| node.private == address && !node.is_gone())?;
        let floating = state.floating(&node.id).first().copied();
        Some(self.facts_of(node, floating))
    }

    /// The private address of the node called `name` on the network that the node `asker` is on.
    pub(crate) fn named(&self, asker: &str, name: &str) -> Option<Ipv4Addr> {
        let state = self.state();
        let network = state.nodes.get(asker)?.network;
        let named = |node: &&NodeRecord| node.name == name && node.network == network && !node.is_gone();
        state.nodes.values().find(named).map(|node| node.stated.unwrap_or(node.private))
    }

    /// Notes that a process in the node listens on `port`, until the guard is dropped. `None` if one does already.
    pub(crate) fn listen(&self, node: &str, port: u16) -> Option<ListenGuard> {
        let added = self.state().nodes.get_mut(node)?.listeners.insert(port);
        if !added {
            return None;
        }
        self.rewire();
        Some(ListenGuard { cloud: self.me.clone(), node: node.to_owned(), port })
    }

    /// Where a process that listens on `port` of the node is reached from inside it.
    pub(crate) fn inside(&self, node: &str, port: u16) -> Option<SocketAddr> {
        self.state().nodes.get(node)?.wires.iter().find_map(|wire| wire.inside(port))
    }

    /// Whether nodes of one network reach each other at all.
    pub(crate) fn peers_connected(&self) -> bool {
        !self.has(Mutation::PeersIsolated)
    }
}

/// A process that listens in a node.
pub(crate) struct ListenGuard {
    cloud: std::sync::Weak<Cloud>,
    node: String,
    port: u16,
}

impl Drop for ListenGuard {
    fn drop(&mut self) {
        let Some(cloud) = self.cloud.upgrade() else { return };
        if let Some(node) = cloud.state().nodes.get_mut(&self.node) {
            node.listeners.remove(&self.port);
        }
        cloud.rewire();
    }
}
