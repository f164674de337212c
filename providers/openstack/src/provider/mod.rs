//! The provider: one method, one call, as far as the cloud lets it be one.

mod addresses;
mod catalog;
mod connect;
mod groups;
mod inventory;
mod nodes;
mod probe;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashSet},
    net::IpAddr,
    sync::{Mutex, PoisonError, RwLock},
};

use async_trait::async_trait;
use levelfield_provider::{
    Address, AddressRequest, Capability, Console, Declaration, FailureClass, Fingerprint, Flavor, Group, GroupRequest,
    Image, KeyPair, KeyRequest, Kind, Network, Node, NodeAction, NodeRequest, Page, Probe, Provider, ProviderError,
    Query, Quota, Region, Resource, ResourceRef, Result, Rule, Tags,
};
use reqwest::Method;
use serde_json::json;

pub use self::connect::ConnectError;
use crate::{
    api::{
        Api, Call, Effect, Service,
        compute::KeyPairShown,
        network::{GroupShown, NetworkShown},
        under,
    },
    config::PortForwarding,
    identity::Keystone,
};

/// Drives one region of an OpenStack cloud.
pub struct OpenStackProvider {
    api: Api,
    keystone: Keystone,
    declaration: Declaration,
    facts: BTreeMap<String, String>,
    /// The project that the credentials are scoped to.
    project: String,
    /// The region in use.
    region: Option<String>,
    external_network: Option<String>,
    port_forwarding: Option<PortForwarding>,
    /// Whether a server of a project without a network can ask for an automatically allocated one.
    network_on_request: bool,
    secrets: Vec<String>,
    /// The networks as last listed: an address of a node is told by the name of its network only.
    networks: RwLock<Vec<NetworkShown>>,
    /// The floating addresses that were requested through this provider. Any other on a node was added by the cloud.
    requested: Mutex<HashSet<IpAddr>>,
}

impl OpenStackProvider {
    /// What must appear nowhere: passwords, tokens given by the user.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }

    /// The services of the region asked for.
    fn api(&self, query: &Query) -> Api {
        match &query.region {
            Some(region) if Some(region) != self.region.as_ref() => self.api.in_region(region),
            _ => self.api.clone(),
        }
    }

    fn note_networks(&self, listed: &[NetworkShown]) {
        *self.networks.write().unwrap_or_else(PoisonError::into_inner) = listed.to_vec();
    }

    fn note_requested(&self, address: IpAddr) {
        self.requested.lock().unwrap_or_else(PoisonError::into_inner).insert(address);
    }

    fn was_requested(&self, address: IpAddr) -> bool {
        self.requested.lock().unwrap_or_else(PoisonError::into_inner).contains(&address)
    }
}

#[async_trait]
impl Provider for OpenStackProvider {
    fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    async fn fingerprint(&self) -> Result<Fingerprint> {
        Ok(Fingerprint { facts: self.facts.clone() })
    }

    async fn probe(&self, capability: Capability) -> Result<Probe> {
        self.probe_by_call(capability).await
    }

    async fn quota(&self) -> Result<Quota> {
        self.read_quota().await
    }

    async fn regions(&self) -> Result<Vec<Region>> {
        self.list_regions().await
    }

    async fn networks(&self, query: &Query) -> Result<Page<Network>> {
        self.list_networks(query).await
    }

    async fn flavors(&self, query: &Query) -> Result<Page<Flavor>> {
        self.list_flavors(query).await
    }

    async fn images(&self, query: &Query) -> Result<Page<Image>> {
        self.list_images(query).await
    }

    async fn import_key(&self, request: &KeyRequest) -> Result<KeyPair> {
        let KeyRequest { name, public_key, .. } = request;
        let body = under("keypair", json!({ "name": name, "public_key": public_key }));
        let call = Call::post(format!("import key \"{name}\""), Service::Compute, ["os-keypairs"]);
        let shown: KeyPairShown = self.api.fetch(call.body(body).naming([name.as_str()])).await?;
        Ok(shown.into())
    }

    async fn keys(&self) -> Result<Vec<KeyPair>> {
        let shown = self.api.all::<KeyPairShown>(|| Call::get("list keys", Service::Compute, ["os-keypairs"])).await?;
        Ok(shown.into_iter().map(KeyPair::from).collect())
    }

    async fn create_node(&self, request: &NodeRequest) -> Result<Node> {
        self.request_node(request).await
    }

    async fn node(&self, id: &str) -> Result<Node> {
        self.read_node(id).await
    }

    async fn nodes(&self, tags: &Tags) -> Result<Vec<Node>> {
        self.list_nodes(tags).await
    }

    async fn act(&self, node: &str, action: NodeAction) -> Result<()> {
        let (word, body) = match action {
            NodeAction::Reboot => ("reboot", json!({ "reboot": { "type": "SOFT" } })),
            NodeAction::Stop => ("stop", json!({ "os-stop": null })),
            NodeAction::Start => ("start", json!({ "os-start": null })),
        };
        let call = Call::post(format!("{word} node {node}"), Service::Compute, ["servers", node, "action"]);
        self.api.order(call.changing().body(body)).await
    }

    async fn console(&self, node: &str) -> Result<Console> {
        self.read_console(node).await
    }

    async fn create_group(&self, request: &GroupRequest) -> Result<Group> {
        self.make_group(request).await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        let listed = self.list_groups().await?;
        Ok(listed.into_iter().map(Group::from).collect())
    }

    async fn add_rule(&self, group: &str, rule: &Rule) -> Result<()> {
        self.let_in(group, rule).await
    }

    async fn remove_rule(&self, group: &str, rule: &Rule) -> Result<()> {
        self.shut_out(group, rule).await
    }

    async fn allocate_address(&self, request: &AddressRequest) -> Result<Address> {
        self.request_floating(request).await
    }

    async fn addresses(&self) -> Result<Vec<Address>> {
        self.list_floating().await
    }

    async fn attach_address(&self, address: &str, node: &str) -> Result<()> {
        self.attach_floating(address, node).await
    }

    async fn detach_address(&self, address: &str) -> Result<()> {
        let operation = format!("detach address {address}");
        let call = Call::new(operation, Service::Network, Method::PUT, ["floatingips", address], Effect::Changes);
        self.api.order(call.body(under("floatingip", json!({ "port_id": null })))).await
    }

    async fn delete(&self, resource: &ResourceRef) -> Result<()> {
        let operation = format!("delete {resource}");
        let (service, folder) = match resource.kind {
            Kind::Node => (Service::Compute, vec!["servers"]),
            Kind::KeyPair => (Service::Compute, vec!["os-keypairs"]),
            Kind::Address => (Service::Network, vec!["floatingips"]),
            Kind::Group => (Service::Network, vec!["security-groups"]),
            Kind::Port => (Service::Network, vec!["ports"]),
            // Cinder before Yoga knows no volumes outside a project.
            Kind::Volume => (Service::Volume, vec![self.project.as_str(), "volumes"]),
            Kind::Image | Kind::Lease => return Err(ProviderError::unsupported(operation)),
        };
        let path = [folder, vec![resource.id.as_str()]].concat();
        self.api.order(Call::new(operation, service, Method::DELETE, path, Effect::Changes)).await
    }

    async fn inventory(&self) -> Result<Vec<Resource>> {
        Box::pin(self.take_inventory()).await
    }
}

/// The refusal of an id that is no id: a path is made of it.
fn checked<'a>(operation: &str, id: &'a str) -> Result<&'a str> {
    let plain = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if plain {
        Ok(id)
    } else {
        Err(ProviderError::new(operation, FailureClass::NotFound, "there is nothing of that id").culprit(id))
    }
}

impl OpenStackProvider {
    async fn list_groups(&self) -> Result<Vec<GroupShown>> {
        let project = self.project.clone();
        self.api
            .all(move || {
                Call::get("list groups", Service::Network, ["security-groups"]).query("project_id", project.clone())
            })
            .await
    }
}
