//! Servers: requested, read, listed; and their consoles.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::PoisonError,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use levelfield_provider::{
    AddressOrigin, Console, Node, NodeAddress, NodeRequest, NodeState, Query, Result, Scope, Tags,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{OpenStackProvider, catalog::ON_REQUEST, checked};
use crate::api::{
    Call, Service,
    compute::{AddressShown, ServerShown},
    under,
};

/// From this microversion on a request without a network can ask for an automatically allocated one.
const AUTO_NETWORK: u16 = 37;

#[derive(Deserialize)]
struct Created {
    server: CreatedServer,
}

#[derive(Deserialize)]
struct CreatedServer {
    id: String,
}

#[derive(Deserialize)]
struct Shown {
    server: ServerShown,
}

#[derive(Deserialize)]
struct Output {
    output: Option<String>,
}

impl OpenStackProvider {
    pub(super) async fn request_node(&self, request: &NodeRequest) -> Result<Node> {
        let call = Call::post(format!("create node \"{}\"", request.name), Service::Compute, ["servers"]);
        let mut call = call.body(under("server", body(request)));
        if allocates_network(request) {
            call = call.version(AUTO_NETWORK);
        }
        let inputs = [Some(&request.image), Some(&request.flavor), request.network.as_ref(), request.key.as_ref()];
        let inputs = inputs.into_iter().flatten().chain(&request.groups).chain(&request.zone).map(String::as_str);
        let Created { server } = self.api.fetch(call.naming(inputs)).await?;
        Ok(Node {
            id: server.id,
            name: request.name.clone(),
            state: NodeState::Pending,
            state_reason: None,
            flavor: Some(request.flavor.clone()),
            image: Some(request.image.clone()),
            zone: request.zone.clone(),
            addresses: Vec::new(),
            tags: request.tags.clone(),
        })
    }

    pub(super) async fn read_node(&self, id: &str) -> Result<Node> {
        let operation = format!("read node {id}");
        let id = checked(&operation, id)?;
        let Shown { server } = self.api.fetch(Call::get(operation, Service::Compute, ["servers", id])).await?;
        self.node_of(server).await
    }

    pub(super) async fn list_nodes(&self, tags: &Tags) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        for server in self.list_servers().await? {
            if tags.iter().all(|(key, value)| server.metadata.get(key) == Some(value)) {
                nodes.push(self.node_of(server).await?);
            }
        }
        Ok(nodes)
    }

    pub(super) async fn list_servers(&self) -> Result<Vec<ServerShown>> {
        self.api.all(|| Call::get("list nodes", Service::Compute, ["servers", "detail"])).await
    }

    pub(super) async fn read_console(&self, id: &str) -> Result<Console> {
        let operation = format!("read console of node {id}");
        let id = checked(&operation, id)?;
        let call = Call::post(operation, Service::Compute, ["servers", id, "action"]).changing();
        let Output { output } = self.api.fetch(call.body(under("os-getConsoleOutput", json!({})))).await?;
        Ok(Console { text: output.unwrap_or_default() })
    }

    async fn node_of(&self, server: ServerShown) -> Result<Node> {
        let unknown = |name: &String| {
            let known = self.networks.read().unwrap_or_else(PoisonError::into_inner);
            !known.iter().any(|network| network.name == *name)
        };
        // A network that came to be since the last listing, such as an automatically allocated one.
        if server.addresses.keys().any(unknown) {
            self.list_networks(&Query::default()).await?;
        }
        let mut addresses = Vec::new();
        for (network, shown) in &server.addresses {
            addresses.extend(shown.iter().filter_map(|address| self.address_of(network, address)));
        }
        if let Some(forwarding) = &self.port_forwarding {
            let ways: Vec<_> = addresses.iter().filter_map(|known| forwarding.way_to(known.address)).collect();
            addresses.extend(ways.into_iter().map(|way| NodeAddress {
                address: way.ip(),
                scope: Scope::Public,
                origin: AddressOrigin::PortForwarding,
                ssh_port: way.port(),
            }));
        }
        Ok(Node {
            state: server.state(),
            state_reason: server.reason(),
            flavor: server.flavor(),
            image: server.image(),
            zone: server.zone(),
            addresses,
            tags: server.metadata,
            id: server.id,
            name: server.name,
        })
    }

    /// An address of a server, as `network` and its own kind tell. What is fixed on a network of the project's own is private to
    /// it, unless the world can route it; what is fixed on a network that the cloud shares is how others reach the server.
    fn address_of(&self, network: &str, shown: &AddressShown) -> Option<NodeAddress> {
        let address: IpAddr = shown.addr.parse().ok()?;
        let floating = shown.kind.as_deref() == Some("floating");
        let own = {
            let known = self.networks.read().unwrap_or_else(PoisonError::into_inner);
            let mut named = known.iter().filter(|known| known.name == network).peekable();
            named.peek().is_none() || named.any(|known| known.project_id.as_ref() == Some(&self.project))
        };
        let (scope, origin) = match floating {
            true if self.was_requested(address) => (Scope::Public, AddressOrigin::Floating),
            true => (Scope::Public, AddressOrigin::AddedByTarget),
            false if own && !is_routable(address) => (Scope::Private, AddressOrigin::Default),
            false => (Scope::Public, AddressOrigin::Default),
        };
        Some(NodeAddress { address, scope, origin, ssh_port: 22 })
    }
}

/// Whether a network is to be allocated with the server: none is named, or the one that is yet to be.
fn allocates_network(request: &NodeRequest) -> bool {
    request.network.as_ref().is_none_or(|id| id == ON_REQUEST)
}

/// A server as it is asked for.
fn body(request: &NodeRequest) -> Value {
    let mut body = json!({
        "name": request.name,
        "imageRef": request.image,
        "flavorRef": request.flavor,
        "metadata": request.tags,
        "networks": match &request.network {
            Some(id) if !allocates_network(request) => json!([{ "uuid": id }]),
            _ => json!(ON_REQUEST),
        },
    });
    let mut set = |name: &str, value: Option<Value>| {
        if let (Some(fields), Some(value)) = (body.as_object_mut(), value) {
            fields.insert(name.to_owned(), value);
        }
    };
    set("key_name", request.key.as_ref().map(|key| json!(key)));
    set("availability_zone", request.zone.as_ref().map(|zone| json!(zone)));
    set("user_data", request.user_data.as_ref().map(|text| json!(STANDARD.encode(text))));
    let groups: Vec<Value> = request.groups.iter().map(|id| json!({ "name": id })).collect();
    set("security_groups", (!groups.is_empty()).then(|| json!(groups)));
    body
}

/// Whether the world can route an address: not one of RFC 1918, RFC 6598, RFC 4193, nor link-local.
fn is_routable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            !(v4.is_private() || v4.is_link_local() || v4.is_loopback() || shared)
        }
        IpAddr::V6(v6) => !(is_unique_local(v6) || v6.is_unicast_link_local() || v6.is_loopback()),
    }
}

fn is_unique_local(v6: Ipv6Addr) -> bool {
    v6.segments()[0] & 0xfe00 == 0xfc00
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_addresses_the_world_can_route() {
        for (address, routable) in [
            ("10.0.0.5", false),
            ("172.24.4.9", false),
            ("100.64.3.1", false),
            ("100.128.3.1", true),
            ("203.0.113.9", true),
            ("169.254.169.254", false),
            ("fd00::1", false),
            ("fe80::1", false),
            ("2001:db8:77::5", true),
        ] {
            assert_eq!(is_routable(address.parse().unwrap()), routable, "{address}");
        }
    }
}
