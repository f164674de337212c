//! What there is to choose from: regions, networks, flavors, images; and how much of it may be had.

use std::collections::BTreeSet;

use levelfield_provider::{FailureClass, Flavor, Image, Network, Page, Query, Quota, Region, Result};
use serde_json::Value;

use super::OpenStackProvider;
use crate::api::{
    Api, Call, Service,
    compute::{FlavorShown, Limits, Zones},
    image::ImageShown,
    network::{NetworkShown, PortShown, RouterShown, SubnetShown},
};

/// The id of the network that a server asks for when the project has none; Nova's own word for it.
pub(super) const ON_REQUEST: &str = "auto";

/// What a marker begins with once the listing of images has come to the hidden ones.
const HIDDEN: &str = "hidden:";

impl OpenStackProvider {
    pub(super) async fn list_regions(&self) -> Result<Vec<Region>> {
        let mut regions = Vec::new();
        for name in self.region_names().await? {
            let api = self.api(&Query { region: Some(name.clone()), ..Query::default() });
            let call = Call::get(format!("list zones of region {name}"), Service::Compute, ["os-availability-zone"]);
            let zones: Zones = api.fetch(call).await?;
            regions.push(Region { zones: zones.available(), name });
        }
        // The region in use comes first.
        regions.sort_by_key(|region| Some(&region.name) != self.region.as_ref());
        Ok(regions)
    }

    /// Networks that a server can be put on: the project's own and those that are shared with it.
    pub(super) async fn list_networks(&self, query: &Query) -> Result<Page<Network>> {
        let api = self.api(query);
        let call = Call::get("list networks", Service::Network, ["networks"]);
        let (listed, next) = api.page::<NetworkShown>(call, query.limit, query.marker.as_deref()).await?;
        if query.limit.is_none() && query.marker.is_none() && query.region.is_none() {
            self.note_networks(&listed);
        }
        let listed: Vec<NetworkShown> =
            listed.into_iter().filter(|network| !network.external || network.shared).collect();
        if listed.is_empty() && next.is_none() && query.marker.is_none() {
            let items = self.network_to_be(&api).await?.into_iter().collect();
            return Ok(Page { items, next });
        }
        let (subnets, outward) = if listed.is_empty() {
            (Vec::new(), BTreeSet::new())
        } else {
            (subnets(&api).await?, networks_leading_out(&api).await?)
        };
        let of = |network: &NetworkShown| {
            subnets.iter().filter(|subnet| subnet.network_id == network.id).collect::<Vec<_>>()
        };
        let items = listed
            .into_iter()
            .map(|network| {
                let subnets = of(&network);
                let own = network.project_id.as_ref() == Some(&self.project);
                // Every subnet names a gateway by default; on a network of the project's own there is one only behind a router.
                let gateway = !own && subnets.iter().any(|subnet| subnet.gateway_ip.is_some());
                Network {
                    cidrs: subnets.iter().map(|subnet| subnet.cidr).collect(),
                    external: Some(outward.contains(&network.id) || gateway),
                    default: network.is_default,
                    id: network.id,
                    name: network.name,
                }
            })
            .collect();
        Ok(Page { items, next })
    }

    /// The network that comes to be when the first server of a project without one asks for it, where the cloud says that it would.
    async fn network_to_be(&self, api: &Api) -> Result<Option<Network>> {
        if !self.network_on_request {
            return Ok(None);
        }
        let path = ["auto-allocated-topology", self.project.as_str()];
        let call = Call::get("ask for an automatically allocated network", Service::Network, path);
        match api.fetch::<Value>(call.query("fields", "dry-run")).await {
            Ok(_) => Ok(Some(Network {
                id: ON_REQUEST.to_owned(),
                name: "automatically allocated".to_owned(),
                cidrs: Vec::new(),
                external: Some(true),
                default: true,
            })),
            // What it takes is missing: a default external network, or pools of addresses.
            Err(error) if matches!(error.class, FailureClass::Conflict | FailureClass::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn list_flavors(&self, query: &Query) -> Result<Page<Flavor>> {
        let call = Call::get("list flavors", Service::Compute, ["flavors", "detail"]);
        let (listed, next) = self.api(query).page::<FlavorShown>(call, query.limit, query.marker.as_deref()).await?;
        Ok(Page { items: listed.into_iter().map(Flavor::from).collect(), next })
    }

    /// Images of machines that are active, then those that are hidden: Glance's way to say that a newer one took their place.
    pub(super) async fn list_images(&self, query: &Query) -> Result<Page<Image>> {
        let marker = query.marker.as_deref();
        let hidden = marker.is_some_and(|marker| marker.starts_with(HIDDEN));
        let marker = marker.map(|marker| marker.trim_start_matches(HIDDEN)).filter(|marker| !marker.is_empty());
        let mut call = Call::get("list images", Service::Image, ["images"]);
        if hidden {
            call = call.query("os_hidden", "true");
        }
        let page = self.api(query).page::<ImageShown>(call, query.limit, marker).await;
        let (listed, next) = match page {
            // A Glance older than the property knows none that are hidden.
            Err(error) if hidden && error.class == FailureClass::Invalid => (Vec::new(), None),
            page => page?,
        };
        let next = match next {
            Some(marker) if hidden => Some(format!("{HIDDEN}{marker}")),
            None if !hidden => Some(HIDDEN.to_owned()),
            next => next,
        };
        Ok(Page { items: listed.into_iter().filter(ImageShown::is_of_a_machine).map(Image::from).collect(), next })
    }

    pub(super) async fn read_quota(&self) -> Result<Quota> {
        let Limits { limits } = self.api.fetch(Call::get("read quota", Service::Compute, ["limits"])).await?;
        let keys = levelfield_provider::Provider::keys(self).await?.len();
        let network = self.read_network_quota().await?;
        Ok(Quota {
            nodes_free: limits.free("maxTotalInstances", limits.used("totalInstancesUsed")),
            vcpus_free: limits.free("maxTotalCores", limits.used("totalCoresUsed")),
            keys_free: limits.free("maxTotalKeypairs", i64::try_from(keys).unwrap_or(i64::MAX)),
            addresses_free: free(network.as_ref(), "floatingip"),
            groups_free: free(network.as_ref(), "security_group"),
        })
    }

    /// Neutron's limits with what is used of them, where it tells a tenant.
    async fn read_network_quota(&self) -> Result<Option<Value>> {
        let path = ["quotas", self.project.as_str(), "details.json"];
        let answer = self.api.fetch::<Value>(Call::get("read network quota", Service::Network, path)).await;
        match answer {
            Ok(answer) => Ok(answer.get("quota").cloned()),
            Err(error) if matches!(error.class, FailureClass::NotFound | FailureClass::Forbidden) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What is left of one of Neutron's limits; `None` where there is none, which −1 stands for.
fn free(quota: Option<&Value>, name: &str) -> Option<u32> {
    let counted = quota?.get(name)?;
    let number = |name: &str| counted.get(name).and_then(Value::as_i64);
    let limit = number("limit")?;
    let used = number("used").unwrap_or(0) + number("reserved").unwrap_or(0);
    (limit >= 0).then(|| u32::try_from((limit - used).max(0)).unwrap_or(u32::MAX))
}

async fn subnets(api: &Api) -> Result<Vec<SubnetShown>> {
    api.all(|| Call::get("list subnets", Service::Network, ["subnets"])).await
}

/// The networks from which a router of the project leads out.
async fn networks_leading_out(api: &Api) -> Result<BTreeSet<String>> {
    let routers = api.all::<RouterShown>(|| Call::get("list routers", Service::Network, ["routers"])).await?;
    let open: BTreeSet<String> =
        routers.into_iter().filter(|r| r.external_gateway_info.is_some()).map(|r| r.id).collect();
    if open.is_empty() {
        return Ok(BTreeSet::new());
    }
    let ports = api.all::<PortShown>(|| Call::get("list ports", Service::Network, ["ports"])).await?;
    Ok(ports.into_iter().filter(|port| open.contains(&port.device_id)).map(|port| port.network_id).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_of_a_network_quota() {
        let quota = json!({ "floatingip": { "limit": 50, "used": 3, "reserved": 1 }, "security_group": { "limit": -1, "used": 9 } });
        assert_eq!(free(Some(&quota), "floatingip"), Some(46));
        assert_eq!(free(Some(&quota), "security_group"), None);
        assert_eq!(free(Some(&quota), "port"), None);
        assert_eq!(free(None, "port"), None);
    }
}
