//! The provider: one method, one call, as far as the API lets it be one.

mod addresses;
mod catalog;
mod connect;
mod groups;
mod images;
mod inventory;
mod keys;
mod nodes;
mod probe;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use aws_sdk_ec2::Client;
use levelfield_provider::{
    Address, AddressRequest, Capability, Console, Declaration, Fingerprint, Flavor, Group, GroupRequest, Image,
    KeyPair, KeyRequest, Kind, Network, Node, NodeAction, NodeRequest, Page, Probe, Provider, ProviderError, Query,
    Quota, Region, Resource, ResourceRef, Result, Rule, Tags,
};

pub use self::connect::ConnectError;
use crate::failure::failed;

/// Drives one region of an AWS account, or another endpoint that speaks EC2's API.
pub struct AwsProvider {
    sdk: aws_config::SdkConfig,
    ec2: Client,
    /// The same, calling again by itself.
    patient: Client,
    region: String,
    declaration: Declaration,
    facts: BTreeMap<String, String>,
    /// The VPC that nodes and groups are made in.
    vpc: Option<String>,
    image_owners: Vec<String>,
    /// Which image a distribution's public parameter names: parameter by image id.
    published: HashMap<String, String>,
    /// Clients of other regions, made when they are asked for.
    elsewhere: Mutex<HashMap<String, Client>>,
    /// The elastic addresses that were allocated through this provider. Any other public address came with its instance.
    requested: Mutex<HashSet<IpAddr>>,
}

impl AwsProvider {
    /// The client of the region asked for.
    fn client(&self, region: Option<&str>) -> Client {
        match region {
            Some(region) if region != self.region => {
                let mut known = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
                known.entry(region.to_owned()).or_insert_with(|| connect::client(&self.sdk, Some(region))).clone()
            }
            _ => self.ec2.clone(),
        }
    }
}

#[async_trait]
impl Provider for AwsProvider {
    fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    async fn fingerprint(&self) -> Result<Fingerprint> {
        Ok(Fingerprint { facts: self.facts.clone() })
    }

    async fn probe(&self, capability: Capability) -> Result<Probe> {
        probe::probe(&self.ec2, capability).await
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
        self.import(request).await
    }

    async fn keys(&self) -> Result<Vec<KeyPair>> {
        self.list_keys().await
    }

    async fn create_node(&self, request: &NodeRequest) -> Result<Node> {
        self.run_instance(request).await
    }

    async fn node(&self, id: &str) -> Result<Node> {
        self.read_node(id).await
    }

    async fn nodes_by_id(&self, ids: &[String]) -> Result<Vec<Node>> {
        self.read_nodes(ids).await
    }

    async fn nodes(&self, tags: &Tags) -> Result<Vec<Node>> {
        self.list_nodes(tags).await
    }

    async fn act(&self, node: &str, action: NodeAction) -> Result<()> {
        let ids = Some(vec![node.to_owned()]);
        match action {
            NodeAction::Reboot => {
                let asked = self.ec2.reboot_instances().set_instance_ids(ids).send().await;
                asked.map(drop).map_err(|e| failed(format!("reboot node {node}"), e))
            }
            NodeAction::Stop => {
                let asked = self.ec2.stop_instances().set_instance_ids(ids).send().await;
                asked.map(drop).map_err(|e| failed(format!("stop node {node}"), e))
            }
            NodeAction::Start => {
                let asked = self.ec2.start_instances().set_instance_ids(ids).send().await;
                asked.map(drop).map_err(|e| failed(format!("start node {node}"), e))
            }
        }
    }

    async fn console(&self, node: &str) -> Result<Console> {
        self.read_console(node).await
    }

    async fn create_group(&self, request: &GroupRequest) -> Result<Group> {
        self.make_group(request).await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        self.list_groups().await
    }

    async fn add_rule(&self, group: &str, rule: &Rule) -> Result<()> {
        self.let_in(group, rule).await
    }

    async fn remove_rule(&self, group: &str, rule: &Rule) -> Result<()> {
        self.shut_out(group, rule).await
    }

    async fn allocate_address(&self, request: &AddressRequest) -> Result<Address> {
        self.allocate(request).await
    }

    async fn addresses(&self) -> Result<Vec<Address>> {
        self.list_addresses().await
    }

    async fn attach_address(&self, address: &str, node: &str) -> Result<()> {
        self.associate(address, node).await
    }

    async fn detach_address(&self, address: &str) -> Result<()> {
        self.disassociate(address).await
    }

    async fn delete(&self, resource: &ResourceRef) -> Result<()> {
        let operation = format!("delete {resource}");
        let (ec2, id) = (&self.ec2, resource.id.as_str());
        match resource.kind {
            Kind::Node => {
                ec2.terminate_instances().instance_ids(id).send().await.map(drop).map_err(|e| failed(operation, e))
            }
            Kind::Address => {
                ec2.release_address().allocation_id(id).send().await.map(drop).map_err(|e| failed(operation, e))
            }
            Kind::Port => ec2
                .delete_network_interface()
                .network_interface_id(id)
                .send()
                .await
                .map(drop)
                .map_err(|e| failed(operation, e)),
            Kind::Group => {
                ec2.delete_security_group().group_id(id).send().await.map(drop).map_err(|e| failed(operation, e))
            }
            Kind::Volume => ec2.delete_volume().volume_id(id).send().await.map(drop).map_err(|e| failed(operation, e)),
            Kind::Image => ec2.deregister_image().image_id(id).send().await.map(drop).map_err(|e| failed(operation, e)),
            // A key that is gone already is removed without complaint: the API does not tell the two apart.
            Kind::KeyPair => {
                ec2.delete_key_pair().key_name(id).send().await.map(drop).map_err(|e| failed(operation, e))
            }
            Kind::Lease => Err(ProviderError::unsupported(operation)),
        }
    }

    async fn inventory(&self) -> Result<Vec<Resource>> {
        Box::pin(self.take_inventory()).await
    }
}
