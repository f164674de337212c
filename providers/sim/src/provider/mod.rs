//! The provider of simulated clouds: every call is one HTTP request to a control plane.

mod client;
mod probe;

use std::collections::BTreeMap;

use async_trait::async_trait;
use levelfield_provider::{
    Address, AddressRequest, Capability, Console, Declaration, Fingerprint, Flavor, Group, GroupRequest, Image,
    KeyPair, KeyRequest, Kind, Network, Node, NodeAction, NodeRequest, Page, Probe, Provider, ProviderError, Query,
    Quota, Region, Resource, ResourceRef, Result, Rule, Tags,
};
use reqwest::Method;

use self::client::{Client, Effect};
use crate::{
    Persona, SimServer, StartError,
    control::{About, Action, Attachment},
};

/// Drives a simulated cloud.
pub struct SimProvider {
    client: Client,
    declaration: Declaration,
    /// The cloud itself, where it runs in this process.
    server: Option<SimServer>,
}

impl SimProvider {
    /// Drives the cloud whose control plane is at `endpoint`.
    ///
    /// # Errors
    /// What asking it about itself fails with.
    pub async fn connect(endpoint: &str, token: &str) -> Result<Self> {
        let client = Client::new(endpoint, token)?;
        let about: About = client.get("read what the target declares", "/v1/about", &[]).await?;
        let capabilities = about.capabilities.into_iter().collect();
        Ok(Self { client, declaration: declaration(capabilities, about.pace), server: None })
    }

    /// Starts a cloud like `persona` in this process and drives it.
    ///
    /// # Errors
    /// What starting it fails with.
    pub async fn embedded(persona: Persona) -> Result<Self, StartError> {
        let declaration = declaration(persona.capabilities.clone(), persona.pace);
        let server = SimServer::start(persona).await?;
        let client =
            Client::new(&server.endpoint(), server.token()).map_err(|error| StartError::Client(Box::new(error)))?;
        Ok(Self { client, declaration, server: Some(server) })
    }

    /// The cloud itself, where it runs in this process.
    pub fn server(&self) -> Option<&SimServer> {
        self.server.as_ref()
    }
}

fn declaration(capabilities: std::collections::BTreeSet<Capability>, pace: f64) -> Declaration {
    Declaration { provider: "sim".to_owned(), capabilities, pace, nodes_per_read: 100 }
}

/// A listing's parameters.
fn parameters(query: &Query) -> Vec<(&'static str, String)> {
    let limit = query.limit.map(|limit| limit.to_string());
    [("region", query.region.clone()), ("limit", limit), ("marker", query.marker.clone())]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect()
}

#[async_trait]
impl Provider for SimProvider {
    fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    async fn fingerprint(&self) -> Result<Fingerprint> {
        let about: About = self.client.get("read what the target is", "/v1/about", &[]).await?;
        let facts = [("persona", about.persona), ("catalogue-sha256", about.catalogue), ("sim-version", about.version)];
        Ok(Fingerprint { facts: BTreeMap::from(facts.map(|(name, fact)| (name.to_owned(), fact))) })
    }

    async fn probe(&self, capability: Capability) -> Result<Probe> {
        self.probe_by_call(capability).await
    }

    async fn quota(&self) -> Result<Quota> {
        self.client.get("read quota", "/v1/quota", &[]).await
    }

    async fn regions(&self) -> Result<Vec<Region>> {
        self.client.get("list regions", "/v1/regions", &[]).await
    }

    async fn networks(&self, query: &Query) -> Result<Page<Network>> {
        self.client.get("list networks", "/v1/networks", &parameters(query)).await
    }

    async fn flavors(&self, query: &Query) -> Result<Page<Flavor>> {
        self.client.get("list flavors", "/v1/flavors", &parameters(query)).await
    }

    async fn images(&self, query: &Query) -> Result<Page<Image>> {
        self.client.get("list images", "/v1/images", &parameters(query)).await
    }

    async fn import_key(&self, request: &KeyRequest) -> Result<KeyPair> {
        let operation = format!("import key \"{}\"", request.name);
        self.client.send(&operation, Method::POST, "/v1/keys", request, Effect::Creates).await
    }

    async fn keys(&self) -> Result<Vec<KeyPair>> {
        self.client.get("list keys", "/v1/keys", &[]).await
    }

    async fn create_node(&self, request: &NodeRequest) -> Result<Node> {
        let operation = format!("create node \"{}\"", request.name);
        self.client.send(&operation, Method::POST, "/v1/nodes", request, Effect::Creates).await
    }

    async fn node(&self, id: &str) -> Result<Node> {
        self.client.get(&format!("read node {id}"), &format!("/v1/nodes/{id}"), &[]).await
    }

    async fn nodes_by_id(&self, ids: &[String]) -> Result<Vec<Node>> {
        let ids = serde_json::Value::from(ids).to_string();
        self.client.get("read nodes", "/v1/nodes", &[("ids", ids)]).await
    }

    async fn nodes(&self, tags: &Tags) -> Result<Vec<Node>> {
        let tags = serde_json::Value::from_iter(tags.clone()).to_string();
        self.client.get("list nodes", "/v1/nodes", &[("tags", tags)]).await
    }

    async fn act(&self, node: &str, action: NodeAction) -> Result<()> {
        let word = match action {
            NodeAction::Reboot => "reboot",
            NodeAction::Stop => "stop",
            NodeAction::Start => "start",
        };
        let path = format!("/v1/nodes/{node}/actions");
        self.client.order(&format!("{word} node {node}"), Method::POST, &path, &Action { action }).await
    }

    async fn console(&self, node: &str) -> Result<Console> {
        self.client.get(&format!("read console of node {node}"), &format!("/v1/nodes/{node}/console"), &[]).await
    }

    async fn create_group(&self, request: &GroupRequest) -> Result<Group> {
        let operation = format!("create group \"{}\"", request.name);
        self.client.send(&operation, Method::POST, "/v1/groups", request, Effect::Creates).await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        self.client.get("list groups", "/v1/groups", &[]).await
    }

    async fn add_rule(&self, group: &str, rule: &Rule) -> Result<()> {
        let path = format!("/v1/groups/{group}/rules");
        self.client.order(&format!("add rule to group {group}"), Method::POST, &path, rule).await
    }

    async fn remove_rule(&self, group: &str, rule: &Rule) -> Result<()> {
        let path = format!("/v1/groups/{group}/rules/remove");
        self.client.order(&format!("remove rule from group {group}"), Method::POST, &path, rule).await
    }

    async fn allocate_address(&self, request: &AddressRequest) -> Result<Address> {
        self.client.send("allocate address", Method::POST, "/v1/addresses", request, Effect::Creates).await
    }

    async fn addresses(&self) -> Result<Vec<Address>> {
        self.client.get("list addresses", "/v1/addresses", &[]).await
    }

    async fn attach_address(&self, address: &str, node: &str) -> Result<()> {
        let operation = format!("attach address {address} to node {node}");
        let attachment = Attachment { node: node.to_owned() };
        self.client.order(&operation, Method::PUT, &format!("/v1/addresses/{address}/node"), &attachment).await
    }

    async fn delete(&self, resource: &ResourceRef) -> Result<()> {
        let operation = format!("delete {resource}");
        let folder = match resource.kind {
            Kind::Node => "nodes",
            Kind::Address => "addresses",
            Kind::Group => "groups",
            Kind::Volume => "volumes",
            Kind::KeyPair => "keys",
            Kind::Port | Kind::Image | Kind::Lease => return Err(ProviderError::unsupported(operation)),
        };
        self.client.remove(&operation, &format!("/v1/{folder}/{}", resource.id), resource).await
    }

    async fn inventory(&self) -> Result<Vec<Resource>> {
        self.client.get("read inventory", "/v1/inventory", &[]).await
    }
}
