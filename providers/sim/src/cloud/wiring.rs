//! Which sockets a node has, and whom they let in: computed afresh from the account's state after every change.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Weak},
};

use ipnet::IpNet;
use levelfield_provider::{Protocol, Rule};
use tokio::net::TcpStream;

use super::{Cloud, State, record::NodeRecord};
use crate::{
    AddressPattern, Mutation,
    net::{Gate, Sources},
    ssh,
};

/// What answers on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// The SSH server. Rules know it as port 22, whatever its number.
    Ssh,
    /// The SSH server, at a port of an address that all nodes share.
    SshForwarded,
    /// What stands for ICMP echo.
    Echo,
    /// A process that serves HTTP at that port.
    Http(u16),
    /// The same process, as it is reached from inside the node: no rule is in between.
    Inside(u16),
}

/// One socket of a node.
pub(super) struct Wire {
    ip: IpAddr,
    purpose: Purpose,
    gate: Gate,
}

impl Wire {
    /// Where a process that listens on `port` is reached from inside the node.
    pub(super) fn inside(&self, port: u16) -> Option<SocketAddr> {
        (self.purpose == Purpose::Inside(port)).then(|| self.gate.address())
    }

    /// Where it listens, if that is a forwarded port.
    pub(super) fn forwarded(&self) -> Option<SocketAddr> {
        (self.purpose == Purpose::SshForwarded).then(|| self.gate.address())
    }
}

impl Cloud {
    /// Brings all sockets in line with rules and addresses.
    pub(crate) fn rewire(&self) {
        let mut state = self.state();
        // A node that is gone is remembered for long, and has none.
        let wired = |node: &NodeRecord| node.listening || !node.wires.is_empty();
        let ids: Vec<_> = state.nodes.iter().filter(|(_, node)| wired(node)).map(|(id, _)| id.clone()).collect();
        // An address that moves is taken from the one node before the other gets it.
        for id in &ids {
            self.unwire_node(&mut state, id);
        }
        for id in ids {
            self.rewire_node(&mut state, &id);
        }
    }

    /// The same, after the time that the target takes for changes of the network.
    pub(super) fn rewire_soon(&self) {
        let Some(cloud) = self.me() else { return };
        self.spawn(async move {
            cloud.clock.pass(cloud.persona.timings.network).await;
            cloud.rewire();
        });
    }

    /// Brings the sockets of one node in line with rules and addresses.
    pub(super) fn rewire_node(&self, state: &mut State, id: &str) {
        self.unwire_node(state, id);
        let Some(mut node) = state.nodes.remove(id) else { return };
        let wanted = self.wanted(state, &node);
        let rules = state.rules(&node.groups);
        for (ip, purpose) in wanted {
            let sources = self.admitted(&rules, ip, purpose);
            if let Some(wire) = node.wires.iter().find(|wire| wire.ip == ip && wire.purpose == purpose) {
                wire.gate.admit(sources);
            } else if let Some(gate) = self.open(&node, ip, purpose, sources) {
                node.wires.push(Wire { ip, purpose, gate });
            }
        }
        state.nodes.insert(id.to_owned(), node);
    }

    /// Takes away the sockets that a node is not to have.
    fn unwire_node(&self, state: &mut State, id: &str) {
        let Some(wanted) = state.nodes.get(id).map(|node| self.wanted(state, node)) else { return };
        if let Some(node) = state.nodes.get_mut(id) {
            node.wires.retain(|wire| wanted.contains(&(wire.ip, wire.purpose)));
        }
    }

    fn wanted(&self, state: &State, node: &NodeRecord) -> Vec<(IpAddr, Purpose)> {
        if !node.listening {
            return vec![];
        }
        let private = IpAddr::V4(node.private);
        let floating = state.floating(&node.id);
        let outer = node.public.iter().chain(&floating).copied().map(IpAddr::V4).chain(node.six.map(IpAddr::V6));
        let outer: Vec<_> = outer.collect();
        let mut wanted: Vec<_> = outer.iter().map(|ip| (*ip, Purpose::Ssh)).collect();
        wanted.push((private, Purpose::Echo));
        if self.pattern() == AddressPattern::PortForwarding {
            wanted.push((self.block.shared().into(), Purpose::SshForwarded));
        }
        for port in &node.listeners {
            wanted.extend(outer.iter().chain([&private]).map(|ip| (*ip, Purpose::Http(*port))));
            wanted.push((private, Purpose::Inside(*port)));
        }
        wanted
    }

    /// The sources that may come in, by the rules in effect.
    fn admitted(&self, rules: &[Rule], ip: IpAddr, purpose: Purpose) -> Sources {
        if matches!(purpose, Purpose::Inside(_)) {
            return vec![everywhere(ip)];
        }
        let inner = self.block.network(0).contains(&as_v4(ip)) || self.block.network(1).contains(&as_v4(ip));
        let unreachable = match ip {
            IpAddr::V4(_) => !inner && self.has(Mutation::PublicAddressUnreachable),
            IpAddr::V6(_) => self.has(Mutation::Ipv6Unreachable),
        };
        if unreachable || inner && !self.peers_connected() {
            return vec![];
        }
        if self.has(Mutation::FirewallOpen) && purpose != Purpose::Echo {
            return vec![everywhere(ip)];
        }
        let (protocol, port) = match purpose {
            Purpose::Ssh | Purpose::SshForwarded => (Protocol::Tcp, 22),
            Purpose::Http(port) | Purpose::Inside(port) => (Protocol::Tcp, port),
            Purpose::Echo => (Protocol::Icmp, 0),
        };
        rules
            .iter()
            .filter(|rule| rule.protocol == protocol)
            .filter(|rule| protocol == Protocol::Icmp || (rule.from_port..=rule.to_port).contains(&port))
            .map(|rule| rule.source)
            .filter(|source| matches!(source, IpNet::V4(_)) == ip.is_ipv4())
            .collect()
    }

    fn open(&self, node: &NodeRecord, ip: IpAddr, purpose: Purpose, sources: Sources) -> Option<Gate> {
        let (port, service) = match purpose {
            Purpose::Ssh => (self.ports.ssh, self.ssh_service(node)),
            Purpose::SshForwarded => (0, self.ssh_service(node)),
            Purpose::Echo => (self.ports.echo, echo_service()),
            Purpose::Http(port) => (port, http_service()),
            Purpose::Inside(_) => (0, http_service()),
        };
        // An address that cannot be bound does not answer, which is what behaviours then find.
        Gate::open(SocketAddr::new(ip, port), sources, service).ok()
    }

    fn ssh_service(&self, node: &NodeRecord) -> Arc<dyn Fn(TcpStream, SocketAddr) + Send + Sync> {
        let cloud: Weak<Self> = self.me.clone();
        let (guest, power) = (Arc::clone(&node.guest), node.power.clone());
        Arc::new(move |stream, _| {
            if let Some(cloud) = cloud.upgrade() {
                tokio::spawn(ssh::serve(cloud, Arc::clone(&guest), stream, power.clone()));
            }
        })
    }
}

fn as_v4(ip: IpAddr) -> std::net::Ipv4Addr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => std::net::Ipv4Addr::UNSPECIFIED,
    }
}

/// All sources of `ip`'s family.
fn everywhere(ip: IpAddr) -> IpNet {
    let prefix = if ip.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
    prefix.parse().unwrap_or_else(|_| IpNet::from(ip))
}

fn echo_service() -> Arc<dyn Fn(TcpStream, SocketAddr) + Send + Sync> {
    Arc::new(|stream, _| {
        tokio::spawn(async move {
            let _ = stream.writable().await;
            let _ = stream.try_write(b".");
        });
    })
}

/// What `python3 -m http.server` answers in an empty folder.
fn http_service() -> Arc<dyn Fn(TcpStream, SocketAddr) + Send + Sync> {
    Arc::new(|stream, _| {
        tokio::spawn(async move {
            let answer = b"HTTP/1.0 200 OK\r\nServer: SimpleHTTP/0.6\r\nContent-type: text/html; charset=utf-8\r\n\
                Content-Length: 32\r\n\r\n<title>Directory listing</title>";
            // The request is read first: closing with unread bytes would reset the connection under the answer.
            let mut request = [0_u8; 4096];
            let patience = std::time::Duration::from_secs(5);
            if let Ok(Ok(())) = tokio::time::timeout(patience, stream.readable()).await {
                let _ = stream.try_read(&mut request);
                let _ = stream.writable().await;
                let _ = stream.try_write(answer);
            }
        });
    })
}
