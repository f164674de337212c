//! Everything of ours in the project, of every kind: by tag where the kind has something to hold tags, by name where not.

use std::collections::BTreeMap;

use levelfield_provider::{Kind, Resource, ResourceRef, Result, Tags, tag};
use serde::Deserialize;

use super::OpenStackProvider;
use crate::{
    api::{Call, Listed, Service, compute::KeyPairShown, network::PortShown, unanswered},
    tags::described,
};

/// What the name of everything of ours begins with.
const OURS: &str = "lf-";

/// A volume of `GET /volumes/detail`.
#[derive(Debug, Deserialize)]
struct VolumeShown {
    id: String,
    name: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl Listed for VolumeShown {
    const KEY: &'static str = "volumes";

    fn marker(&self) -> String {
        self.id.clone()
    }
}

impl OpenStackProvider {
    pub(super) async fn take_inventory(&self) -> Result<Vec<Resource>> {
        let (servers, keys, ports, groups, floating, volumes) = tokio::try_join!(
            self.list_servers(),
            self.api.all::<KeyPairShown>(|| Call::get("list keys", Service::Compute, ["os-keypairs"])),
            self.api.all::<PortShown>(|| Call::get("list ports", Service::Network, ["ports"])),
            self.list_groups(),
            self.floating(),
            self.volumes(),
        )?;
        let mut found = Vec::new();
        found.extend(servers.into_iter().map(|s| resource(Kind::Node, s.id, s.name, s.metadata)));
        found.extend(
            keys.into_iter()
                .map(levelfield_provider::KeyPair::from)
                .map(|k| resource(Kind::KeyPair, k.id, k.name, Tags::new())),
        );
        found
            .extend(ports.into_iter().map(|p| resource(Kind::Port, p.id, p.name, described(p.description.as_deref()))));
        found.extend(
            groups.into_iter().map(|g| resource(Kind::Group, g.id, g.name, described(g.description.as_deref()))),
        );
        found.extend(floating.into_iter().map(|f| {
            let name = f.floating_ip_address.to_string();
            resource(Kind::Address, f.id, name, described(f.description.as_deref()))
        }));
        found.extend(volumes.into_iter().map(|v| resource(Kind::Volume, v.id, v.name.unwrap_or_default(), v.metadata)));
        found.retain(|resource| resource.tags.contains_key(tag::RUN) || resource.name.starts_with(OURS));
        Ok(found)
    }

    /// Volumes, where the cloud has such a service at all.
    async fn volumes(&self) -> Result<Vec<VolumeShown>> {
        let there = self.keystone.has_service("block-storage").await;
        if !there.map_err(|error| unanswered("list volumes", error))? {
            return Ok(Vec::new());
        }
        self.api.all(|| Call::get("list volumes", Service::Volume, [self.project.as_str(), "volumes", "detail"])).await
    }
}

fn resource(kind: Kind, id: String, name: String, tags: Tags) -> Resource {
    Resource { resource: ResourceRef::new(kind, id), name, tags }
}
