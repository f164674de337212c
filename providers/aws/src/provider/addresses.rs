//! Elastic addresses.

use std::{net::IpAddr, sync::PoisonError};

use aws_sdk_ec2::types::{DomainType, ResourceType};
use levelfield_provider::{Address, AddressRequest, FailureClass, ProviderError, Result};

use super::{AwsProvider, groups::without_id};
use crate::{
    failure::failed,
    tags::{self, specification},
};

impl AwsProvider {
    pub(super) async fn allocate(&self, request: &AddressRequest) -> Result<Address> {
        let operation = "allocate address";
        let call = self.ec2.allocate_address().domain(DomainType::Vpc).tag_specifications(specification(
            ResourceType::ElasticIp,
            None,
            &request.tags,
        ));
        let made = call.send().await.map_err(|e| failed(operation, e))?;
        let id = made.allocation_id.ok_or_else(|| without_id(operation.to_owned()))?;
        let address = read(operation, made.public_ip.as_deref().or(made.carrier_ip.as_deref()))?;
        self.requested.lock().unwrap_or_else(PoisonError::into_inner).insert(address);
        Ok(Address { id, address, node: None, tags: request.tags.clone() })
    }

    pub(super) async fn list_addresses(&self) -> Result<Vec<Address>> {
        let operation = "list addresses";
        let listed = self.ec2.describe_addresses().send().await.map_err(|e| failed(operation, e))?;
        let shown = listed.addresses.unwrap_or_default().into_iter();
        shown
            .filter_map(|shown| {
                let id = shown.allocation_id?;
                let address = read(operation, shown.public_ip.as_deref().or(shown.carrier_ip.as_deref()));
                let tags = tags::read(shown.tags.as_deref().unwrap_or_default());
                let node = shown.instance_id.filter(|id| !id.is_empty());
                Some(address.map(|address| Address { id, address, node, tags }))
            })
            .collect()
    }

    pub(super) async fn associate(&self, address: &str, node: &str) -> Result<()> {
        let call = self.ec2.associate_address().allocation_id(address).instance_id(node).allow_reassociation(true);
        call.send().await.map(drop).map_err(|e| failed(format!("attach address {address} to node {node}"), e))
    }

    /// An association has an id of its own, which the listing tells.
    pub(super) async fn disassociate(&self, address: &str) -> Result<()> {
        let operation = format!("detach address {address}");
        let listed = self.ec2.describe_addresses().allocation_ids(address).send().await;
        let listed = listed.map_err(|e| failed(&operation, e))?;
        let association = listed.addresses.unwrap_or_default().into_iter().find_map(|shown| shown.association_id);
        // What is attached to nothing is detached already.
        let Some(association) = association else { return Ok(()) };
        let call = self.ec2.disassociate_address().association_id(association);
        call.send().await.map(drop).map_err(|e| failed(operation, e))
    }
}

fn read(operation: &str, shown: Option<&str>) -> Result<IpAddr> {
    let words = shown.unwrap_or_default();
    words.parse().map_err(|_| {
        ProviderError::new(operation, FailureClass::Unexpected, format!("the answer's address `{words}` is none"))
    })
}
