//! Regions and zones, VPCs, instance types, limits.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{ArchitectureType, InstanceTypeInfo, Vpc};
use futures_util::future::try_join_all;
use ipnet::IpNet;
use levelfield_provider::{Architecture, FailureClass, Flavor, Network, Page, Query, Quota, Region, Result};

use super::{AwsProvider, connect};
use crate::{
    failure::failed,
    tags::{self, filter},
};

/// The limits of `MaxResults`: of instance types, and of VPCs. A smaller page is not to be had.
const TYPES_IN_A_PAGE: (u32, u32) = (5, 100);
const VPCS_IN_A_PAGE: (u32, u32) = (5, 1000);

/// A page size that the API takes.
pub(super) fn page_size(limit: Option<u32>, (least, most): (u32, u32)) -> Option<i32> {
    limit.map(|limit| i32::try_from(limit.clamp(least, most)).unwrap_or(i32::MAX))
}

/// The marker of the next page; at the end the API gives none, or an empty one.
pub(super) fn next(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

impl AwsProvider {
    /// The regions that are enabled for the account, its own first.
    pub(super) async fn list_regions(&self) -> Result<Vec<Region>> {
        let listed = self.patient.describe_regions().send().await.map_err(|e| failed("list regions", e))?;
        let mut names: Vec<String> =
            listed.regions.unwrap_or_default().into_iter().filter_map(|r| r.region_name).collect();
        names.sort_unstable();
        names.sort_by_key(|name| *name != self.region);
        if !names.contains(&self.region) {
            // A private cloud may call its one region what it likes.
            names.insert(0, self.region.clone());
        }
        let regions = try_join_all(names.into_iter().map(|name| self.region(name))).await?;
        Ok(regions.into_iter().flatten().collect())
    }

    /// A region with its zones; none where the account may not enter it, which the API says as if the credentials were wrong.
    async fn region(&self, name: String) -> Result<Option<Region>> {
        let own = name == self.region;
        let client = connect::patient(&self.sdk, Some(&name));
        let call = client.describe_availability_zones().filters(filter("state", ["available"]));
        let zones = match call.send().await.map_err(|e| failed(format!("list the zones of {name}"), e)) {
            Err(error) if !own && !error.class.is_transient() => return Ok(None),
            answered => answered?.availability_zones.unwrap_or_default(),
        };
        // Local zones and wavelength zones are places of another kind, with instance types of their own.
        let usual = |kind: Option<&str>| kind.is_none_or(|kind| kind == "availability-zone");
        let zones = zones.into_iter().filter(|z| usual(z.zone_type())).filter_map(|z| z.zone_name).collect();
        Ok(Some(Region { name, zones }))
    }

    pub(super) async fn list_networks(&self, query: &Query) -> Result<Page<Network>> {
        let client = self.client(query.region.as_deref());
        let call = client
            .describe_vpcs()
            .set_max_results(page_size(query.limit, VPCS_IN_A_PAGE))
            .set_next_token(query.marker.clone());
        let listed = call.send().await.map_err(|e| failed("list networks", e))?;
        let vpcs = listed.vpcs.unwrap_or_default();
        let open = self.open_vpcs(query.region.as_deref()).await?;
        let items = vpcs.into_iter().filter_map(|vpc| network(&vpc, open.as_ref(), self.vpc.as_deref())).collect();
        Ok(Page { items, next: next(listed.next_token) })
    }

    /// The VPCs that an internet gateway is attached to; `None` where the endpoint does not say.
    async fn open_vpcs(&self, region: Option<&str>) -> Result<Option<BTreeSet<String>>> {
        let client = connect::patient(&self.sdk, region);
        let pages = client.describe_internet_gateways().into_paginator().items().send();
        match pages.try_collect().await.map_err(|e| failed("list internet gateways", e)) {
            Ok(gateways) => {
                let attachments = gateways.into_iter().flat_map(|gateway| gateway.attachments.unwrap_or_default());
                Ok(Some(attachments.filter_map(|attachment| attachment.vpc_id).collect()))
            }
            Err(error) if error.class == FailureClass::Unsupported => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn list_flavors(&self, query: &Query) -> Result<Page<Flavor>> {
        let client = self.client(query.region.as_deref());
        let call = client
            .describe_instance_types()
            // Machines without a hypervisor take their time, and types of old generations are closed to new accounts.
            .filters(filter("bare-metal", ["false"]))
            .filters(filter("current-generation", ["true"]))
            .set_max_results(page_size(query.limit, TYPES_IN_A_PAGE))
            .set_next_token(query.marker.clone());
        let listed = call.send().await.map_err(|e| failed("list flavors", e))?;
        let types = listed.instance_types.unwrap_or_default();
        Ok(Page {
            items: types.into_iter().filter_map(|shown| flavor(&shown)).collect(),
            next: next(listed.next_token),
        })
    }

    /// What the API tells of limits: elastic addresses. Those of processors are with another service, and are met as errors.
    pub(super) async fn read_quota(&self) -> Result<Quota> {
        let operation = "read quota";
        let call = self.ec2.describe_account_attributes();
        let listed = call.send().await.map_err(|e| failed(operation, e))?;
        let attributes = listed.account_attributes.unwrap_or_default();
        let limit = |name: &str| {
            let found = attributes.iter().find(|attribute| attribute.attribute_name() == Some(name))?;
            found.attribute_values().first()?.attribute_value()?.parse::<u32>().ok()
        };
        let addresses_free = match limit("vpc-max-elastic-ips") {
            Some(limit) => {
                let held = levelfield_provider::Provider::addresses(self).await?.len();
                Some(limit.saturating_sub(u32::try_from(held).unwrap_or(u32::MAX)))
            }
            None => None,
        };
        Ok(Quota { addresses_free, ..Quota::default() })
    }
}

fn network(vpc: &Vpc, open: Option<&BTreeSet<String>>, configured: Option<&str>) -> Option<Network> {
    let id = vpc.vpc_id()?.to_owned();
    let tags = tags::read(vpc.tags());
    let v4 = vpc.cidr_block_association_set().iter().filter_map(|block| block.cidr_block()).chain(vpc.cidr_block());
    let v6 = vpc.ipv6_cidr_block_association_set().iter().filter_map(|block| block.ipv6_cidr_block());
    let cidrs: BTreeSet<IpNet> = v4.chain(v6).filter_map(|cidr| cidr.parse().ok()).collect();
    Some(Network {
        name: tags::name(&tags).unwrap_or(&id).clone(),
        external: open.map(|open| open.contains(&id)),
        // The one that the configuration names is the one to use here.
        default: configured.map_or(vpc.is_default().unwrap_or(false), |configured| configured == id),
        cidrs: cidrs.into_iter().collect(),
        id,
    })
}

fn flavor(shown: &InstanceTypeInfo) -> Option<Flavor> {
    let id = shown.instance_type()?.as_str().to_owned();
    let architectures =
        shown.processor_info().map(aws_sdk_ec2::types::ProcessorInfo::supported_architectures).unwrap_or_default();
    let architecture = architectures.iter().find_map(|architecture| match architecture {
        ArchitectureType::X8664 => Some(Architecture::Amd64),
        ArchitectureType::Arm64 => Some(Architecture::Arm64),
        _ => None,
    });
    let vcpus = shown.v_cpu_info().and_then(aws_sdk_ec2::types::VCpuInfo::default_v_cpus);
    let memory = shown.memory_info().and_then(aws_sdk_ec2::types::MemoryInfo::size_in_mib);
    Some(Flavor {
        name: id.clone(),
        id,
        vcpus: vcpus.and_then(|count| u32::try_from(count).ok()),
        memory_mib: memory.and_then(|size| u64::try_from(size).ok()),
        // The root disk is as large as the image asks for; what a type has besides is storage that a stop loses.
        disk_gib: Some(0),
        architecture,
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{MemoryInfo, ProcessorInfo, VCpuInfo, VpcCidrBlockAssociation};

    use super::*;

    #[test]
    fn pages_are_as_small_as_the_api_lets_them_be() {
        assert_eq!(page_size(None, TYPES_IN_A_PAGE), None);
        assert_eq!(page_size(Some(1), TYPES_IN_A_PAGE), Some(5));
        assert_eq!(page_size(Some(7), TYPES_IN_A_PAGE), Some(7));
        assert_eq!(page_size(Some(5000), TYPES_IN_A_PAGE), Some(100));
        assert_eq!(next(Some(String::new())), None);
    }

    #[test]
    fn types_state_their_architecture() {
        let shown = InstanceTypeInfo::builder()
            .instance_type("t4g.nano".into())
            .processor_info(ProcessorInfo::builder().supported_architectures(ArchitectureType::Arm64).build())
            .v_cpu_info(VCpuInfo::builder().default_v_cpus(2).build())
            .memory_info(MemoryInfo::builder().size_in_mib(512).build())
            .build();
        let flavor = flavor(&shown).unwrap();
        assert_eq!(
            (flavor.vcpus, flavor.memory_mib, flavor.architecture),
            (Some(2), Some(512), Some(Architecture::Arm64))
        );
    }

    #[test]
    fn the_configured_vpc_is_the_default_here() {
        let block = VpcCidrBlockAssociation::builder().cidr_block("172.31.0.0/16").build();
        let vpc = Vpc::builder()
            .vpc_id("vpc-1")
            .is_default(true)
            .cidr_block("172.31.0.0/16")
            .cidr_block_association_set(block);
        let vpc = vpc.build();
        let open = BTreeSet::from(["vpc-1".to_owned()]);
        for (configured, default) in [(None, true), (Some("vpc-1"), true), (Some("vpc-2"), false)] {
            let network = network(&vpc, Some(&open), configured).unwrap();
            assert_eq!((network.default, network.external, network.cidrs.len()), (default, Some(true), 1));
        }
        assert_eq!(network(&vpc, None, None).unwrap().external, None);
    }
}
