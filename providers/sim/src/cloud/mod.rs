//! The simulated cloud: its account, its nodes, and the timers that move them.

mod addresses;
mod catalog;
mod facts;
mod groups;
mod images;
mod keys;
mod life;
mod nodes;
mod record;
mod refusal;
mod wiring;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::{Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, Weak, atomic::AtomicU64},
};

use levelfield_provider::{Kind, Quota, Resource, ResourceRef, Tags, tag};
use tokio_util::sync::CancellationToken;

pub(crate) use catalog::{Catalog, Stock, architecture};
pub(crate) use facts::Facts;
pub(crate) use refusal::{Answer, Refusal};

use self::record::{AddressRecord, GroupRecord, KeyRecord, NodeRecord, Tombstone, VolumeRecord};
use crate::{
    Mutation, Persona,
    clock::Clock,
    net::{Block, Pool},
    random::Seed,
    sync::lock,
};

/// The port numbers of a sim. Each is unique on this machine, so that two sims never collide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// The control plane's, and on the nodes' addresses SSH's.
    pub(crate) ssh: u16,
    /// On the nodes' private addresses: what answers for ICMP echo.
    pub(crate) echo: u16,
    /// The metadata service's.
    pub(crate) metadata: u16,
    /// The outside's.
    pub(crate) outside: u16,
}

/// One simulated cloud.
pub(crate) struct Cloud {
    pub(crate) persona: Persona,
    pub(crate) clock: Clock,
    pub(crate) seed: Seed,
    pub(crate) block: Block,
    pub(crate) ports: Ports,
    /// Whether this machine has IPv6.
    pub(crate) ipv6: bool,
    pub(crate) catalog: Catalog,
    pub(crate) stop: CancellationToken,
    /// SSH sessions served so far.
    pub(crate) sessions: Arc<AtomicU64>,
    state: Mutex<State>,
    me: Weak<Cloud>,
}

struct State {
    counter: u64,
    keys: BTreeMap<String, KeyRecord>,
    deleted_keys: VecDeque<KeyRecord>,
    nodes: BTreeMap<String, NodeRecord>,
    tombstones: VecDeque<Tombstone>,
    tokens: HashMap<String, String>,
    addresses: BTreeMap<String, AddressRecord>,
    groups: BTreeMap<String, GroupRecord>,
    volumes: BTreeMap<String, VolumeRecord>,
    pools: Pools,
    /// The first private address that each network gave.
    first_private: HashMap<usize, Ipv4Addr>,
    /// How many nodes were terminated, by their series.
    terminated: HashMap<String, u32>,
}

struct Pools {
    private: Vec<Pool>,
    public: Pool,
    six: Pool,
}

/// How many things that are gone are remembered, of each kind.
const REMEMBERED: usize = 4096;

impl Cloud {
    /// A cloud like `persona`, whose services are at `ports` in `block`.
    pub(crate) fn new(persona: Persona, block: Block, ports: Ports, stop: CancellationToken) -> Arc<Self> {
        let seed = Seed::new(persona.seed);
        let pools = Pools {
            private: (0..2).map(|index| Pool::new(block.network(index))).collect(),
            public: Pool::new(block.public()),
            six: Pool::new(block.six()),
        };
        Arc::new_cyclic(|me| Self {
            clock: Clock::new(persona.pace),
            catalog: Catalog::new(&persona, seed, block),
            state: Mutex::new(State::new(pools)),
            me: me.clone(),
            seed,
            block,
            ports,
            ipv6: std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok(),
            stop,
            sessions: Arc::default(),
            persona,
        })
    }

    pub(crate) fn has(&self, mutation: Mutation) -> bool {
        self.persona.has(mutation)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// An owner of this cloud; `None` while it is being dropped.
    fn me(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }

    /// Runs `task` until it is done or the cloud is stopped.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(self.stop.clone().run_until_cancelled_owned(task));
    }

    /// What the account may still create.
    pub(crate) fn quota(&self) -> Quota {
        let state = self.state();
        let limits = &self.persona.quotas;
        let free = |limit: Option<u32>, used: usize| {
            limit.map(|limit| limit.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX)))
        };
        Quota {
            nodes_free: free(limits.nodes, state.nodes.len()),
            vcpus_free: free(limits.vcpus, state.vcpus() as usize),
            addresses_free: free(limits.addresses, state.addresses.len()),
            keys_free: free(limits.keys, state.keys.len()),
            groups_free: free(limits.groups, state.groups.len()),
        }
    }

    /// Everything in the account that carries the tag of a run.
    pub(crate) fn inventory(&self) -> Vec<Resource> {
        let state = self.state();
        let nodes = state.nodes.values().filter(|n| !n.is_gone()).map(|n| (Kind::Node, &n.id, &n.name, &n.tags));
        let addresses = state.addresses.values().map(|a| (Kind::Address, &a.id, &a.id, &a.tags));
        let groups = state.groups.values().map(|g| (Kind::Group, &g.id, &g.name, &g.tags));
        let volumes = state.volumes.values().map(|v| (Kind::Volume, &v.id, &v.name, &v.tags));
        let keys = state.keys.values().map(|k| (Kind::KeyPair, &k.id, &k.name, &k.tags));
        nodes
            .chain(addresses)
            .chain(groups)
            .chain(volumes)
            .chain(keys)
            .filter(|(_, _, _, tags)| tags.contains_key(tag::RUN))
            .map(|(kind, id, name, tags)| Resource {
                resource: ResourceRef::new(kind, id.clone()),
                name: name.clone(),
                tags: tags.clone(),
            })
            .collect()
    }

    /// Removes a volume that outlived its node.
    pub(crate) fn delete_volume(&self, id: &str) -> Answer<()> {
        self.state().volumes.remove(id).map(drop).ok_or_else(|| Refusal::missing("volume", id))
    }

    /// Frees every socket and ends every timer.
    pub(crate) fn close(&self) {
        self.stop.cancel();
        let mut state = self.state();
        for node in state.nodes.values_mut() {
            node.unplug();
        }
        state.tombstones.clear();
    }
}

/// What the names of nodes have in common that are one numbered series: all but the numbers at the end.
fn series(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-')
}

impl State {
    fn new(pools: Pools) -> Self {
        Self {
            counter: 0,
            keys: BTreeMap::new(),
            deleted_keys: VecDeque::new(),
            nodes: BTreeMap::new(),
            tombstones: VecDeque::new(),
            tokens: HashMap::new(),
            addresses: BTreeMap::new(),
            groups: BTreeMap::new(),
            volumes: BTreeMap::new(),
            pools,
            first_private: HashMap::new(),
            terminated: HashMap::new(),
        }
    }

    /// A new id that begins with `prefix`.
    fn id(&mut self, seed: Seed, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}-{}", seed.hex(&["id", prefix, &self.counter.to_string()], 12))
    }

    fn vcpus(&self) -> u32 {
        self.nodes.values().filter(|node| !node.is_gone()).map(|node| node.vcpus).sum()
    }

    /// A free IPv6 address.
    fn take_six(&mut self) -> Option<Ipv6Addr> {
        self.pools.six.take().map(crate::net::mapped)
    }
}

/// Whether `tags` has all of `wanted`.
fn carries(tags: &Tags, wanted: &Tags) -> bool {
    wanted.iter().all(|(key, value)| tags.get(key) == Some(value))
}

/// Keeps the newest of `queue`.
fn remember<T>(queue: &mut VecDeque<T>, thing: T) {
    queue.push_back(thing);
    if queue.len() > REMEMBERED {
        queue.pop_front();
    }
}
