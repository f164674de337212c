//! What the tests of a running sim share: polling with a bound, an SSH client, a rig of key and group.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses its part")]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use levelfield_provider::{
    Group, GroupRequest, KeyPair, KeyRequest, Node, NodeRequest, NodeState, Protocol, Provider, Query, Rule, Scope,
    Tags, tag,
};
use levelfield_sim::{Mutation, Persona, SimProvider};
use russh::{
    ChannelMsg, MethodKind,
    client::{self, AuthResult},
    keys::{Algorithm, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate},
};

const BOUND: Duration = Duration::from_secs(20);

/// Repeats `attempt` until it gives something, within the bound.
pub async fn until<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        assert!(begun.elapsed() < BOUND, "not within {BOUND:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub fn key() -> PrivateKey {
    PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).unwrap()
}

pub fn tags() -> Tags {
    BTreeMap::from([(tag::RUN.to_owned(), "test".to_owned())])
}

pub fn rule(protocol: Protocol, from_port: u16, to_port: u16, source: &str) -> Rule {
    Rule { protocol, from_port, to_port, source: source.parse().unwrap() }
}

/// A provider with a key, a group that lets SSH and ICMP in, and the catalogue's Debian.
pub struct Rig {
    pub sim: SimProvider,
    pub private: PrivateKey,
    pub key: KeyPair,
    pub group: Group,
    pub image: String,
    pub flavor: String,
}

impl Rig {
    pub async fn new(persona: &str, mutations: &[Mutation]) -> Self {
        let persona = Persona::embedded(persona).unwrap().with_mutations(mutations.iter().copied());
        let sim = SimProvider::embedded(persona).await.unwrap();
        let private = key();
        let public_key = private.public_key().to_openssh().unwrap();
        let key = sim.import_key(&KeyRequest { name: "lf-key".into(), public_key, tags: tags() }).await.unwrap();
        let group = sim.create_group(&GroupRequest { name: "lf-group".into(), tags: tags() }).await.unwrap();
        for rule in [
            rule(Protocol::Tcp, 22, 22, "0.0.0.0/0"),
            rule(Protocol::Tcp, 22, 22, "::/0"),
            rule(Protocol::Icmp, 0, 0, "0.0.0.0/0"),
        ] {
            sim.add_rule(&group.id, &rule).await.unwrap();
        }
        let image = sim.images(&Query::default()).await.unwrap().items[0].id.clone();
        let flavor = sim.flavors(&Query::default()).await.unwrap().items[1].id.clone();
        Self { sim, private, key, group, image, flavor }
    }

    pub fn request(&self, name: &str) -> NodeRequest {
        NodeRequest {
            name: name.into(),
            image: self.image.clone(),
            flavor: self.flavor.clone(),
            key: Some(self.key.id.clone()),
            groups: vec![self.group.id.clone()],
            tags: tags(),
            ..NodeRequest::default()
        }
    }

    /// Asks for a node and waits until it runs.
    pub async fn node(&self, request: &NodeRequest) -> Node {
        let id = self.sim.create_node(request).await.unwrap().id;
        self.reaches(&id, NodeState::Running).await
    }

    pub async fn reaches(&self, id: &str, state: NodeState) -> Node {
        until(&format!("{id} is {state}"), async || self.sim.node(id).await.ok().filter(|node| node.state == state))
            .await
    }

    /// Waits until `account` logs in to `node` with the rig's key.
    pub async fn login(&self, node: &Node, account: &str) -> Shell {
        let address = ssh_address(node);
        until("login", async || Shell::login(address, account, &self.private).await.ok()).await
    }
}

/// Where a node's SSH server is.
pub fn ssh_address(node: &Node) -> SocketAddr {
    node.addresses_in(Scope::Public).find(|address| address.address.is_ipv4()).expect("a public address").ssh()
}

#[derive(Debug, PartialEq)]
pub enum Refused {
    Connection,
    Key(Vec<MethodKind>),
}

/// An SSH session.
pub struct Shell {
    session: client::Handle<HostKey>,
    pub host_key: PublicKey,
}

struct HostKey(Arc<std::sync::Mutex<Option<PublicKey>>>);

impl client::Handler for HostKey {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        if let PublicKeyOrCertificate::PublicKey { key, .. } = key {
            *self.0.lock().unwrap() = Some(key.clone());
        }
        Ok(true)
    }
}

impl Shell {
    pub async fn login(address: SocketAddr, account: &str, key: &PrivateKey) -> Result<Self, Refused> {
        let seen = Arc::default();
        let config = Arc::new(client::Config::default());
        let connect = client::connect(config, address, HostKey(Arc::clone(&seen)));
        let patient = tokio::time::timeout(Duration::from_secs(2), connect);
        let mut session = patient.await.map_err(|_| Refused::Connection)?.map_err(|_| Refused::Connection)?;
        let key = PrivateKeyWithHashAlg::new(Arc::new(key.clone()), None);
        match session.authenticate_publickey(account, key).await.map_err(|_| Refused::Connection)? {
            AuthResult::Success => {}
            AuthResult::Failure { remaining_methods, .. } => return Err(Refused::Key(remaining_methods.to_vec())),
        }
        let host_key = seen.lock().unwrap().clone().unwrap();
        Ok(Self { session, host_key })
    }

    pub async fn password(address: SocketAddr, account: &str, password: &str) -> bool {
        let config = Arc::new(client::Config::default());
        let mut session = client::connect(config, address, HostKey(Arc::default())).await.unwrap();
        session.authenticate_password(account, password).await.unwrap().success()
    }

    /// Starts a command and leaves it running until the answer is dropped.
    pub async fn start(&self, line: &str) -> russh::Channel<client::Msg> {
        let channel = self.session.channel_open_session().await.unwrap();
        channel.exec(true, line).await.unwrap();
        channel
    }

    pub async fn run(&self, line: &str) -> (u32, String) {
        self.run_with(line, "").await
    }

    pub async fn run_with(&self, line: &str, stdin: &str) -> (u32, String) {
        let mut channel = self.start(line).await;
        if !stdin.is_empty() {
            channel.data(stdin.as_bytes()).await.unwrap();
        }
        channel.eof().await.unwrap();
        let (mut text, mut status) = (vec![], None);
        while let Some(message) = channel.wait().await {
            match message {
                ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } => text.extend_from_slice(&data),
                ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
                _ => {}
            }
        }
        (status.expect("an exit status"), String::from_utf8(text).unwrap())
    }
}
