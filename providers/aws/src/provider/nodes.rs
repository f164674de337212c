//! Instances: requested, read, listed; and their consoles.

use std::{
    collections::{BTreeSet, HashSet},
    net::IpAddr,
    sync::PoisonError,
};

use aws_sdk_ec2::types::{
    Filter, Instance, InstanceNetworkInterface, InstanceStateName, Placement, ResourceType, Subnet,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use levelfield_provider::{
    AddressOrigin, Console, FailureClass, Node, NodeAddress, NodeRequest, NodeState, ProviderError, Result, Scope, Tags,
};

use super::{AwsProvider, groups::without_id};
use crate::{
    failure::failed,
    tags::{self, filter, specification},
};

impl AwsProvider {
    pub(super) async fn run_instance(&self, request: &NodeRequest) -> Result<Node> {
        let operation = format!("create node \"{}\"", request.name);
        let subnet = match &request.network {
            Some(vpc) => self.subnet(vpc, request.zone.as_deref()).await?,
            None => None,
        };
        let placement = request.zone.as_ref().map(|zone| Placement::builder().availability_zone(zone).build());
        let marked = |kind| specification(kind, Some(&request.name), &request.tags);
        let call = self
            .ec2
            .run_instances()
            .min_count(1)
            .max_count(1)
            .image_id(&request.image)
            .instance_type(request.flavor.as_str().into())
            .set_key_name(request.key.clone())
            .set_subnet_id(subnet)
            .set_placement(placement)
            .set_security_group_ids((!request.groups.is_empty()).then(|| request.groups.clone()))
            .set_user_data(request.user_data.as_ref().map(|text| STANDARD.encode(text)))
            .set_client_token(request.client_token.clone())
            // What comes with an instance is to be found as well, should it outlive it.
            .tag_specifications(marked(ResourceType::Instance))
            .tag_specifications(marked(ResourceType::Volume))
            .tag_specifications(marked(ResourceType::NetworkInterface));
        let made = call.send().await.map_err(|e| failed(&operation, e))?;
        let instance = made.instances.unwrap_or_default().into_iter().next();
        instance.and_then(|shown| self.node_of(&shown)).ok_or_else(|| without_id(operation))
    }

    /// The subnet of a VPC that an instance is put in: one that gives public addresses before one that does not.
    async fn subnet(&self, vpc: &str, zone: Option<&str>) -> Result<Option<String>> {
        let operation = format!("list the subnets of {vpc}");
        let mut filters = vec![filter("vpc-id", [vpc])];
        filters.extend(zone.map(|zone| filter("availability-zone", [zone])));
        let pages = self.patient.describe_subnets().set_filters(Some(filters)).into_paginator().items().send();
        let subnets = pages.try_collect().await.map_err(|e| failed(&operation, e))?;
        let best = subnets.into_iter().min_by_key(|subnet| {
            let (public, default) = (subnet.map_public_ip_on_launch(), subnet.default_for_az());
            (!public.unwrap_or(false), !default.unwrap_or(false), subnet.subnet_id.clone())
        });
        if let Some(id) = best.and_then(|subnet: Subnet| subnet.subnet_id) {
            return Ok(Some(id));
        }
        let place = zone.map(|zone| format!(" in zone {zone}")).unwrap_or_default();
        let why = format!("the VPC has no subnet{place}");
        Err(ProviderError::new(operation, FailureClass::Invalid, why).culprit(vpc))
    }

    pub(super) async fn read_node(&self, id: &str) -> Result<Node> {
        let operation = format!("read node {id}");
        let mut found = self.described(&operation, vec![filter("instance-id", [id])]).await?;
        found.pop().ok_or_else(|| {
            ProviderError::new(operation, FailureClass::NotFound, "the endpoint lists no such instance").culprit(id)
        })
    }

    /// By a filter, because a list of ids is refused as a whole when one of them is not there (yet, or any more).
    pub(super) async fn read_nodes(&self, ids: &[String]) -> Result<Vec<Node>> {
        let wanted = filter("instance-id", ids.iter().map(String::as_str));
        self.described(&format!("read {} nodes", ids.len()), vec![wanted]).await
    }

    pub(super) async fn list_nodes(&self, tags: &Tags) -> Result<Vec<Node>> {
        self.described("list nodes", tags::filters(tags)).await
    }

    async fn described(&self, operation: &str, filters: Vec<Filter>) -> Result<Vec<Node>> {
        let filters = (!filters.is_empty()).then_some(filters);
        let pages = self.ec2.describe_instances().set_filters(filters).into_paginator().items().send();
        let reservations = pages.try_collect().await.map_err(|e| failed(operation, e))?;
        let instances = reservations.into_iter().flat_map(|r| r.instances.unwrap_or_default());
        Ok(instances.filter_map(|shown| self.node_of(&shown)).collect())
    }

    fn node_of(&self, shown: &Instance) -> Option<Node> {
        let requested = self.requested.lock().unwrap_or_else(PoisonError::into_inner);
        node(shown, &requested)
    }

    /// The newest text where the hardware gives it; elsewhere what was kept at the last change of state.
    pub(super) async fn read_console(&self, id: &str) -> Result<Console> {
        let operation = format!("read the console of node {id}");
        let latest = self.ec2.get_console_output().instance_id(id).latest(true).send().await;
        let output = match latest.map_err(|e| failed(&operation, e)) {
            Err(error) if matches!(error.class, FailureClass::Unsupported | FailureClass::Invalid) => {
                let kept = self.ec2.get_console_output().instance_id(id).send().await;
                kept.map_err(|e| failed(&operation, e))?
            }
            answered => answered?,
        };
        let encoded: String = output.output.unwrap_or_default().split_whitespace().collect();
        let bytes = STANDARD.decode(encoded).map_err(|error| {
            ProviderError::new(operation, FailureClass::Unexpected, "the answer is not base64").caused_by(error)
        })?;
        Ok(Console { text: String::from_utf8_lossy(&bytes).into_owned() })
    }
}

/// An instance in the words of every target. `None` for one without an id.
fn node(shown: &Instance, requested: &HashSet<IpAddr>) -> Option<Node> {
    let tags = tags::read(shown.tags());
    let id = shown.instance_id.clone()?;
    let reason = [
        shown.state_reason().and_then(|reason| reason.message()),
        shown.state_transition_reason().filter(|reason| !reason.is_empty()),
    ];
    Some(Node {
        name: tags::name(&tags).unwrap_or(&id).clone(),
        state: shown.state().and_then(|state| state.name()).map_or(NodeState::Pending, state),
        state_reason: reason.into_iter().flatten().next().map(str::to_owned),
        flavor: shown.instance_type().map(|flavor| flavor.as_str().to_owned()),
        image: shown.image_id.clone(),
        zone: shown.placement().and_then(|placement| placement.availability_zone()).map(str::to_owned),
        addresses: addresses(shown, requested),
        id,
        tags,
    })
}

/// Source: EC2 User Guide, "Instance lifecycle".
fn state(name: &InstanceStateName) -> NodeState {
    match name {
        InstanceStateName::Running => NodeState::Running,
        // On its way to its end it still holds what it has.
        InstanceStateName::Stopping | InstanceStateName::ShuttingDown => NodeState::Stopping,
        InstanceStateName::Stopped => NodeState::Stopped,
        InstanceStateName::Terminated => NodeState::Terminated,
        _ => NodeState::Pending,
    }
}

/// Every address of an instance, each once: private and public IPv4 by its interfaces, IPv6 wherever the answer has it.
///
/// Whether a public one is elastic is not told: the owner of an association is `amazon` on AWS where it is not, and anybody elsewhere.
fn addresses(shown: &Instance, requested: &HashSet<IpAddr>) -> Vec<NodeAddress> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut add = |address: Option<&str>, scope| {
        let Some(address) = address.and_then(|words| words.parse::<IpAddr>().ok()) else { return };
        let elastic = scope == Scope::Public && requested.contains(&address);
        let origin = if elastic { AddressOrigin::Floating } else { AddressOrigin::Default };
        if seen.insert(address) {
            found.push(NodeAddress { address, scope, origin, ssh_port: 22 });
        }
    };
    for interface in shown.network_interfaces() {
        add(interface.private_ip_address(), Scope::Private);
    }
    add(shown.private_ip_address(), Scope::Private);
    for association in shown.network_interfaces().iter().filter_map(InstanceNetworkInterface::association) {
        add(association.public_ip(), Scope::Public);
    }
    add(shown.public_ip_address(), Scope::Public);
    let of_interfaces = shown.network_interfaces().iter().flat_map(InstanceNetworkInterface::ipv6_addresses);
    for address in of_interfaces.filter_map(|address| address.ipv6_address()).chain(shown.ipv6_address()) {
        add(Some(address), Scope::Public);
    }
    found
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{
        InstanceIpv6Address, InstanceNetworkInterfaceAssociation, InstanceState, StateReason, Tag,
    };

    use super::*;

    fn interface(private: &str, public: &str) -> InstanceNetworkInterface {
        let association =
            InstanceNetworkInterfaceAssociation::builder().public_ip(public).ip_owner_id("amazon").build();
        InstanceNetworkInterface::builder()
            .private_ip_address(private)
            .association(association)
            .ipv6_addresses(InstanceIpv6Address::builder().ipv6_address("2001:db8::7").build())
            .build()
    }

    #[test]
    fn every_address_is_told_once_with_its_origin() {
        for (requested, origin) in [
            (HashSet::new(), AddressOrigin::Default),
            (HashSet::from(["203.0.113.5".parse().unwrap()]), AddressOrigin::Floating),
        ] {
            let shown = Instance::builder()
                .private_ip_address("172.31.0.5")
                .public_ip_address("203.0.113.5")
                .ipv6_address("2001:db8::7")
                .network_interfaces(interface("172.31.0.5", "203.0.113.5"))
                .build();
            let told: Vec<_> =
                addresses(&shown, &requested).into_iter().map(|a| (a.address.to_string(), a.scope, a.origin)).collect();
            let expected = [
                ("172.31.0.5".to_owned(), Scope::Private, AddressOrigin::Default),
                ("203.0.113.5".to_owned(), Scope::Public, origin),
                ("2001:db8::7".to_owned(), Scope::Public, AddressOrigin::Default),
            ];
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn an_instance_that_went_straight_to_its_end_says_why() {
        let reason = "Client.VolumeLimitExceeded: Volume limit exceeded";
        let shown = Instance::builder()
            .instance_id("i-1")
            .state(InstanceState::builder().name(InstanceStateName::Terminated).build())
            .state_reason(StateReason::builder().code("Client.VolumeLimitExceeded").message(reason).build())
            .tags(Tag::builder().key("Name").value("lf-1").build())
            .build();
        let node = node(&shown, &HashSet::new()).unwrap();
        assert_eq!((node.state, node.name.as_str()), (NodeState::Terminated, "lf-1"));
        assert_eq!(node.state_reason.as_deref(), Some(reason));
    }

    #[test]
    fn states_are_those_of_the_lifecycle() {
        for (name, expected) in [
            ("pending", NodeState::Pending),
            ("running", NodeState::Running),
            ("stopping", NodeState::Stopping),
            ("stopped", NodeState::Stopped),
            ("shutting-down", NodeState::Stopping),
            ("terminated", NodeState::Terminated),
        ] {
            assert_eq!(state(&InstanceStateName::from(name)), expected, "{name}");
        }
    }
}
