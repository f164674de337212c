//! The provider: what is listed is what there is.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose};
use levelfield_provider::{
    AddressOrigin, Capability, Declaration, ExistingNode, FailureClass, Fingerprint, Node, NodeAddress, NodeState,
    Presence, Probe, Provider, ProviderError, Resource, Result, Scope, Tags,
};
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

use crate::{KeyProblem, KeySource, StaticConfig, StaticNode, key};

/// The longest wait for a name's address, and for a TCP connection.
const WITHIN: Duration = Duration::from_secs(5);
/// How many machines are knocked at, at once, to find out whether any lets somebody in.
const KNOCKS: usize = 16;

/// Machines that exist already.
pub struct StaticProvider {
    declaration: Declaration,
    nodes: Vec<Listed>,
    warnings: Vec<String>,
}

struct Listed {
    config: StaticNode,
    private_key: String,
}

/// Names the machines, never their keys.
impl fmt::Debug for StaticProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.nodes.iter().map(|node| &node.config.name)).finish()
    }
}

/// A configuration that gives no provider.
#[derive(Debug, thiserror::Error)]
pub enum StaticError {
    /// There is nothing to test.
    #[error("no nodes are listed; list at least one under `nodes`")]
    Empty,
    /// Ids must be unique.
    #[error("two nodes are named `{name}`; a node's name is its id, so give each its own")]
    Twice {
        /// The name.
        name: String,
    },
    /// A field that cannot be.
    #[error("node `{node}`: {field} {problem}")]
    Field {
        /// The node's name.
        node: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// No key to log in with.
    #[error("node `{node}`: the private key from {reference}: {problem}")]
    Key {
        /// The node's name.
        node: String,
        /// Where the key was looked for.
        reference: String,
        /// Why it is not to be had, and what to do.
        #[source]
        problem: KeyProblem,
    },
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
        }
    }
}

impl StaticProvider {
    /// Reads the keys that the configuration refers to. Touches no network.
    pub fn new(config: &StaticConfig) -> std::result::Result<Self, StaticError> {
        let mut capabilities = BTreeSet::from([Capability::ExistingNodes, Capability::Login]);
        if config.alterable {
            capabilities.insert(Capability::AlterNodes);
        }
        if config.nodes.is_empty() {
            return Err(StaticError::Empty);
        }
        let mut nodes: Vec<Listed> = Vec::new();
        let mut warnings = Vec::new();
        for node in &config.nodes {
            check(node)?;
            if nodes.iter().any(|known| known.config.name == node.name) {
                return Err(StaticError::Twice { name: node.name.clone() });
            }
            let key = key::read(&node.private_key).map_err(|problem| StaticError::Key {
                node: node.name.clone(),
                reference: node.private_key.to_string(),
                problem,
            })?;
            warnings.extend(key.warning.map(|warning| format!("node `{}`: {warning}", node.name)));
            nodes.push(Listed { config: node.clone(), private_key: key.text });
        }
        let declaration = Declaration { provider: "static".to_owned(), capabilities, pace: 1.0, nodes_per_read: 1 };
        Ok(Self { declaration, nodes, warnings })
    }

    /// What the operator should be told: keys that others can read.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The private keys' texts, for the redactor.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| node.private_key.as_str())
    }

    fn listed(&self, id: &str) -> Option<&Listed> {
        self.nodes.iter().find(|node| node.config.name == id)
    }
}

fn check(node: &StaticNode) -> std::result::Result<(), StaticError> {
    let wrong =
        |field, problem: &str| StaticError::Field { node: node.name.clone(), field, problem: problem.to_owned() };
    if node.name.trim().is_empty() {
        return Err(wrong("name", "is empty"));
    }
    if node.host.trim().is_empty() {
        return Err(wrong("host", "is empty"));
    }
    if node.host.contains("://") || node.host.contains('@') {
        return Err(wrong("host", "must be an address or a name alone; port and account have fields of their own"));
    }
    if node.account.trim().is_empty() {
        return Err(wrong("account", "is empty"));
    }
    if node.port == 0 {
        return Err(wrong("port", "0 is no port; SSH's is 22"));
    }
    match &node.host_key {
        Some(line) if host_key_hash(line).is_none() => {
            Err(wrong("host-key", "is no public key in OpenSSH's one-line form: `ssh-ed25519 AAAA…`"))
        }
        _ => Ok(()),
    }
}

/// `SHA256:` and the digest of the key on this line, as `ssh-keygen -l` prints it.
fn host_key_hash(line: &str) -> Option<String> {
    let mut words = line.split_ascii_whitespace();
    let (algorithm, blob) = (words.next()?, general_purpose::STANDARD.decode(words.next()?).ok()?);
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let named = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let hash = general_purpose::STANDARD_NO_PAD.encode(Sha256::digest(&blob));
    (named == algorithm.as_bytes()).then(|| format!("SHA256:{hash}"))
}

/// Every address that a machine's host has now, in the resolver's order.
async fn addresses(config: &StaticNode) -> Result<Vec<SocketAddr>> {
    let operation = format!("find the address of node `{}`", config.name);
    if let Ok(address) = config.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, config.port)]);
    }
    let host = &config.host;
    let looked_up = timeout(WITHIN, tokio::net::lookup_host((host.as_str(), config.port))).await;
    let failed = |class, message: String| ProviderError::new(operation.clone(), class, message).culprit(host);
    match looked_up {
        Ok(Ok(found)) => {
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in found {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            if addresses.is_empty() {
                return Err(failed(FailureClass::Invalid, format!("the host name `{host}` has no address")));
            }
            Ok(addresses)
        }
        Ok(Err(error)) => {
            Err(failed(FailureClass::Transport, format!("the host name `{host}` has no address: {error}")))
        }
        Err(_) => Err(failed(FailureClass::Timeout, format!("no answer about the host name `{host}` in {WITHIN:?}"))),
    }
}

impl Listed {
    async fn node(&self) -> Result<Node> {
        let address = |address: SocketAddr, scope| NodeAddress {
            address: address.ip(),
            scope,
            origin: AddressOrigin::Default,
            ssh_port: address.port(),
        };
        let mut addresses: Vec<NodeAddress> =
            addresses(&self.config).await?.into_iter().map(|found| address(found, Scope::Public)).collect();
        if let Some(private) = self.config.private_address {
            addresses.push(address(SocketAddr::new(private, self.config.port), Scope::Private));
        }
        Ok(Node {
            id: self.config.name.clone(),
            name: self.config.name.clone(),
            state: NodeState::Running,
            state_reason: Some("listed in the configuration".to_owned()),
            flavor: None,
            image: None,
            zone: None,
            addresses,
            tags: Tags::new(),
        })
    }
}

/// The first of a machine's addresses that takes a TCP connection, or what each of them said.
async fn knock(config: &StaticNode) -> std::result::Result<SocketAddr, String> {
    let mut said = Vec::new();
    for address in addresses(config).await.map_err(|error| error.to_string())? {
        match timeout(WITHIN, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(address),
            Ok(Err(error)) => said.push(format!("{address}: {error}")),
            Err(_) => said.push(format!("{address}: no answer in {WITHIN:?}")),
        }
    }
    Err(said.join("; "))
}

#[async_trait]
impl Provider for StaticProvider {
    fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    async fn fingerprint(&self) -> Result<Fingerprint> {
        let fact = |node: &Listed| {
            let (config, mut fact) = (&node.config, format!("{}:{}", node.config.host, node.config.port));
            if config.host.contains(':') {
                fact = format!("[{}]:{}", config.host, config.port);
            }
            if let Some(hash) = config.host_key.as_deref().and_then(host_key_hash) {
                fact = format!("{fact} {hash}");
            }
            (format!("node.{}", config.name), fact)
        };
        Ok(Fingerprint { facts: self.nodes.iter().map(fact).collect() })
    }

    async fn probe(&self, capability: Capability) -> Result<Probe> {
        let (presence, note) = match capability {
            Capability::ExistingNodes => {
                (Presence::Present, format!("{} listed in the configuration", self.nodes.len()))
            }
            Capability::AlterNodes => {
                let presence = if self.declaration.has(capability) { Presence::Present } else { Presence::Absent };
                (presence, format!("`alterable: {}` in the configuration", presence == Presence::Present))
            }
            Capability::Login => {
                // One that answers is proof enough; none that does leaves open whether they ever will.
                let mut said = Vec::new();
                let mut knocks = JoinSet::new();
                for node in self.nodes.iter().take(KNOCKS) {
                    let config = node.config.clone();
                    knocks.spawn(async move { (knock(&config).await, config.name) });
                }
                while let Some(knocked) = knocks.join_next().await {
                    match knocked {
                        Ok((Ok(address), name)) => {
                            let note = format!("TCP connect to {address} (`{name}`): accepted");
                            return Ok(Probe { presence: Presence::Present, note });
                        }
                        Ok((Err(why), name)) => said.push(format!("`{name}`: {why}")),
                        Err(error) => said.push(error.to_string()),
                    }
                }
                said.sort();
                (Presence::Unknown, format!("TCP connect: {}", said.join("; ")))
            }
            other => (Presence::Absent, format!("a list of machines has no {other}; no call was made")),
        };
        Ok(Probe { presence, note })
    }

    async fn node(&self, id: &str) -> Result<Node> {
        if let Some(listed) = self.listed(id) {
            return listed.node().await;
        }
        let names: Vec<&str> = self.nodes.iter().map(|node| node.config.name.as_str()).collect();
        let message = format!("the configuration lists no such node; it lists {}", names.join(", "));
        Err(ProviderError::new(format!("read node `{id}`"), FailureClass::NotFound, message).culprit(id))
    }

    async fn nodes(&self, tags: &Tags) -> Result<Vec<Node>> {
        // None of them carries any tag.
        if !tags.is_empty() {
            return Ok(Vec::new());
        }
        let mut nodes = Vec::new();
        for node in &self.nodes {
            nodes.push(node.node().await?);
        }
        Ok(nodes)
    }

    async fn existing_nodes(&self) -> Result<Vec<ExistingNode>> {
        let mut nodes = Vec::new();
        for listed in &self.nodes {
            nodes.push(ExistingNode {
                node: listed.node().await?,
                account: listed.config.account.clone(),
                private_key: listed.private_key.clone(),
                host_key: listed.config.host_key.clone(),
            });
        }
        Ok(nodes)
    }

    async fn inventory(&self) -> Result<Vec<Resource>> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests;
