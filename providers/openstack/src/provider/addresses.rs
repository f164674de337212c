//! Floating addresses, and the external network that they come from.

use std::{collections::BTreeMap, net::IpAddr};

use levelfield_provider::{Address, AddressRequest, FailureClass, ProviderError, Result};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{OpenStackProvider, checked};
use crate::{
    api::{
        Api, Call, Effect, Service,
        network::{FloatingShown, NetworkShown, PortShown, RouterShown},
        under,
    },
    tags::{describe, described},
};

#[derive(Deserialize)]
struct Shown {
    floatingip: FloatingShown,
}

impl OpenStackProvider {
    pub(super) async fn request_floating(&self, request: &AddressRequest) -> Result<Address> {
        let operation = "allocate address";
        let network = external_network(&self.api, self.external_network.as_deref()).await?;
        let body = json!({ "floating_network_id": network, "description": describe(&request.tags) });
        let call = Call::post(operation, Service::Network, ["floatingips"]).naming([network.as_str()]);
        let Shown { floatingip } = self.api.fetch(call.body(under("floatingip", body))).await?;
        self.note_requested(floatingip.floating_ip_address);
        Ok(address(floatingip, &BTreeMap::new()))
    }

    pub(super) async fn list_floating(&self) -> Result<Vec<Address>> {
        let listed = self.floating().await?;
        // Neutron knows a port, the nouns a node.
        let nodes = if listed.iter().any(|floating| floating.port_id.is_some()) {
            let ports = self.api.all::<PortShown>(|| Call::get("list ports", Service::Network, ["ports"])).await?;
            ports.into_iter().map(|port| (port.id, port.device_id)).collect()
        } else {
            BTreeMap::new()
        };
        Ok(listed.into_iter().map(|floating| address(floating, &nodes)).collect())
    }

    pub(super) async fn floating(&self) -> Result<Vec<FloatingShown>> {
        let project = self.project.clone();
        self.api
            .all(move || {
                Call::get("list addresses", Service::Network, ["floatingips"]).query("project_id", project.clone())
            })
            .await
    }

    /// Puts an address on the first port of the node that has an IPv4 address. Neutron takes it from another port by itself.
    pub(super) async fn attach_floating(&self, address: &str, node: &str) -> Result<()> {
        let operation = format!("attach address {address} to node {node}");
        let (address, node) = (checked(&operation, address)?, checked(&operation, node)?);
        let ports: Vec<PortShown> = self
            .api
            .page(Call::get(&operation, Service::Network, ["ports"]).query("device_id", node), None, None)
            .await?
            .0;
        let four = |port: &&PortShown| port.fixed_ips.iter().any(|fixed| fixed.ip_address.is_ipv4());
        let port = ports.iter().find(four).ok_or_else(|| {
            ProviderError::new(&operation, FailureClass::NotFound, "the node has no port with an IPv4 address")
                .culprit(node)
        })?;
        let fixed = port.fixed_ips.iter().map(|fixed| fixed.ip_address).find(IpAddr::is_ipv4);
        let path = ["floatingips", address];
        let call = Call::new(operation, Service::Network, Method::PUT, path, Effect::Changes);
        let body = json!({ "port_id": port.id, "fixed_ip_address": fixed });
        self.api.order(call.body(under("floatingip", body))).await
    }
}

fn address(floating: FloatingShown, nodes: &BTreeMap<String, String>) -> Address {
    let node = floating.port_id.as_ref().and_then(|port| nodes.get(port)).filter(|node| !node.is_empty()).cloned();
    Address {
        node: node.or(floating.port_id),
        tags: described(floating.description.as_deref()),
        id: floating.id,
        address: floating.floating_ip_address,
    }
}

/// The external network that floating addresses come from: the one configured, by id or name; the one that a router of the project
/// leads to, because from another one nothing can be attached; the one marked as default; the only one.
///
/// # Errors
/// [`FailureClass::Unsupported`] where there is none; [`FailureClass::Invalid`], with the candidates, where none of these decides.
pub(super) async fn external_network(api: &Api, configured: Option<&str>) -> Result<String> {
    let operation = "find the external network";
    let call = || Call::get(operation, Service::Network, ["networks"]).query("router:external", "true");
    let networks = api.all::<NetworkShown>(call).await?;
    let routers = api.all::<RouterShown>(|| Call::get(operation, Service::Network, ["routers"])).await?;
    pick(&networks, &routers, configured).map_err(|(class, why)| ProviderError::new(operation, class, why))
}

fn pick(
    networks: &[NetworkShown],
    routers: &[RouterShown],
    configured: Option<&str>,
) -> Result<String, (FailureClass, String)> {
    let names = || networks.iter().map(|network| network.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(word) = configured {
        let found = networks.iter().find(|network| network.id == word || network.name == word);
        return found.map(|network| network.id.clone()).ok_or_else(|| {
            (FailureClass::Invalid, format!("there is no external network `{word}`; there are: {}", names()))
        });
    }
    let led_to = |network: &&NetworkShown| {
        routers
            .iter()
            .any(|router| router.external_gateway_info.as_ref().is_some_and(|way| way.network_id == network.id))
    };
    let picked = only(networks.iter().filter(led_to))
        .or_else(|| only(networks.iter().filter(|network| network.is_default)))
        .or_else(|| only(networks.iter()));
    match picked {
        Some(network) => Ok(network.id.clone()),
        None if networks.is_empty() => {
            Err((FailureClass::Unsupported, "the project sees no external network".to_owned()))
        }
        None => Err((
            FailureClass::Invalid,
            format!("several external networks, and none decides: {}; name one as `external-network`", names()),
        )),
    }
}

/// The one that is found, if it is the only one.
fn only<'a>(mut found: impl Iterator<Item = &'a NetworkShown>) -> Option<&'a NetworkShown> {
    let first = found.next();
    first.filter(|_| found.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::network::Gateway;

    fn network(name: &str, is_default: bool) -> NetworkShown {
        let (id, name) = (format!("id-{name}"), name.to_owned());
        NetworkShown { id, name, project_id: None, shared: false, external: true, is_default }
    }

    #[test]
    fn the_external_network_is_found() {
        let router = |to: &str| RouterShown {
            id: "r".to_owned(),
            external_gateway_info: Some(Gateway { network_id: format!("id-{to}") }),
        };
        let (plain, default) = (|name| network(name, false), |name| network(name, true));
        for (networks, routers, configured, found) in [
            (vec![plain("a")], vec![], None, Ok("id-a")),
            (vec![plain("a"), default("b")], vec![], None, Ok("id-b")),
            (vec![plain("a"), default("b")], vec![router("a")], None, Ok("id-a")),
            (vec![plain("a"), plain("b")], vec![router("a")], Some("b"), Ok("id-b")),
            (vec![plain("a"), plain("b")], vec![], None, Err(FailureClass::Invalid)),
            (vec![plain("a")], vec![], Some("c"), Err(FailureClass::Invalid)),
            (vec![], vec![], None, Err(FailureClass::Unsupported)),
        ] {
            let picked = pick(&networks, &routers, configured).map_err(|(class, _)| class);
            assert_eq!(picked, found.map(str::to_owned), "{networks:?}");
        }
    }
}
