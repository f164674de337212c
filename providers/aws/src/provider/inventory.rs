//! Everything of ours in the region, of every kind: found by the tag that every one of them was made with.

use aws_sdk_ec2::types::{Filter, InstanceStateName, VolumeState};
use levelfield_provider::{Kind, Resource, ResourceRef, Result, Tags, tag};

use super::AwsProvider;
use crate::{
    failure::failed,
    tags::{self, filter},
};

fn ours() -> Filter {
    filter("tag-key", [tag::RUN])
}

impl AwsProvider {
    pub(super) async fn take_inventory(&self) -> Result<Vec<Resource>> {
        let (nodes, volumes, ports, groups, rest) = tokio::try_join!(
            self.our_nodes(),
            self.our_volumes(),
            self.our_ports(),
            self.our_groups(),
            self.our_addresses_and_keys(),
        )?;
        Ok([nodes, volumes, ports, groups, rest].concat())
    }

    /// Terminated instances are listed for an hour, and are nothing that is left.
    async fn our_nodes(&self) -> Result<Vec<Resource>> {
        let living = ["pending", "running", "stopping", "stopped", "shutting-down"]
            .map(InstanceStateName::from)
            .map(|state| state.as_str().to_owned());
        let call = self
            .patient
            .describe_instances()
            .filters(ours())
            .filters(filter("instance-state-name", living.iter().map(String::as_str)));
        let pages = call.into_paginator().items().send();
        let found = pages.try_collect().await.map_err(|e| failed("list our nodes", e))?;
        let instances = found.into_iter().flat_map(|r| r.instances.unwrap_or_default());
        Ok(instances.filter_map(|i| resource(Kind::Node, i.instance_id.clone(), tags::read(i.tags()))).collect())
    }

    async fn our_volumes(&self) -> Result<Vec<Resource>> {
        let pages = self.patient.describe_volumes().filters(ours()).into_paginator().items().send();
        let found = pages.try_collect().await.map_err(|e| failed("list our volumes", e))?;
        let there = found.into_iter().filter(|volume| volume.state() != Some(&VolumeState::Deleting));
        Ok(there.filter_map(|v| resource(Kind::Volume, v.volume_id.clone(), tags::read(v.tags()))).collect())
    }

    async fn our_ports(&self) -> Result<Vec<Resource>> {
        let pages = self.patient.describe_network_interfaces().filters(ours()).into_paginator().items().send();
        let found = pages.try_collect().await.map_err(|e| failed("list our network interfaces", e))?;
        let read = |port: aws_sdk_ec2::types::NetworkInterface| {
            let tags = tags::read(port.tag_set());
            resource(Kind::Port, port.network_interface_id, tags)
        };
        Ok(found.into_iter().filter_map(read).collect())
    }

    async fn our_groups(&self) -> Result<Vec<Resource>> {
        let pages = self.patient.describe_security_groups().filters(ours()).into_paginator().items().send();
        let found = pages.try_collect().await.map_err(|e| failed("list our groups", e))?;
        Ok(found.into_iter().filter_map(|g| resource(Kind::Group, g.group_id.clone(), tags::read(g.tags()))).collect())
    }

    async fn our_addresses_and_keys(&self) -> Result<Vec<Resource>> {
        let addresses = self.patient.describe_addresses().filters(ours()).send();
        let addresses = addresses.await.map_err(|e| failed("list our addresses", e))?;
        let keys = self.patient.describe_key_pairs().filters(ours()).send();
        let keys = keys.await.map_err(|e| failed("list our keys", e))?;
        let addresses = addresses.addresses.unwrap_or_default().into_iter();
        let keys = keys.key_pairs.unwrap_or_default().into_iter();
        Ok(addresses
            .filter_map(|a| resource(Kind::Address, a.allocation_id.clone(), tags::read(a.tags())))
            .chain(keys.filter_map(|k| resource(Kind::KeyPair, k.key_name.clone(), tags::read(k.tags()))))
            .collect())
    }
}

fn resource(kind: Kind, id: Option<String>, tags: Tags) -> Option<Resource> {
    let id = id?;
    // Some endpoints know no filter by tag, and list what is somebody else's.
    tags.contains_key(tag::RUN).then(|| Resource {
        name: tags::name(&tags).unwrap_or(&id).clone(),
        resource: ResourceRef::new(kind, id),
        tags,
    })
}
