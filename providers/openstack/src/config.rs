//! What a configuration says of an OpenStack cloud: its name in `clouds.yaml`, and little else.

use std::net::{IpAddr, SocketAddr};

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An OpenStack cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct OpenStackConfig {
    /// The cloud's name in `clouds.yaml`. When absent, `OS_CLOUD` or the other `OS_*` variables say which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<String>,
    /// The region; that of `clouds.yaml` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The external network that floating addresses come from, by id or name. When absent it is found: the one that a router of the
    /// project leads to, the one marked as default, or the only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_network: Option<String>,
    /// The ports of a public address that lead to the servers' port 22, where the site forwards them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_forwarding: Option<PortForwarding>,
}

/// Ports of one public address, in a row, that the site forwards to port 22 of a network's addresses, in a row too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PortForwarding {
    /// The public address.
    pub address: IpAddr,
    /// The network that it leads to: `10.0.0.0/24`.
    #[schemars(with = "String")]
    pub network: Ipv4Net,
    /// The port that leads to the network's first address, which is the network itself; the n-th address after it has the n-th port
    /// after this one.
    pub first_port: u16,
}

impl PortForwarding {
    /// Where a server with this fixed address is reached; nowhere, if the address or its port is beyond what is forwarded.
    pub fn way_to(&self, fixed: IpAddr) -> Option<SocketAddr> {
        let IpAddr::V4(fixed) = fixed else { return None };
        if !self.network.contains(&fixed) {
            return None;
        }
        let nth = u16::try_from(u32::from(fixed) - u32::from(self.network.network())).ok()?;
        Some(SocketAddr::new(self.address, self.first_port.checked_add(nth)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_address_has_the_nth_port() {
        let forwarding = PortForwarding {
            address: "203.0.113.7".parse().unwrap(),
            network: "10.0.0.0/23".parse().unwrap(),
            first_port: 65_000,
        };
        for (fixed, way) in [
            ("10.0.0.0", Some("203.0.113.7:65000")),
            ("10.0.0.9", Some("203.0.113.7:65009")),
            ("10.0.1.255", Some("203.0.113.7:65511")),
            ("10.0.2.1", None),
            ("fd00::9", None),
        ] {
            let found = forwarding.way_to(fixed.parse().unwrap());
            assert_eq!(found, way.map(|way| way.parse().unwrap()), "{fixed}");
        }
        let late = PortForwarding { first_port: 65_535, ..forwarding };
        assert_eq!(late.way_to("10.0.0.1".parse().unwrap()), None);
    }
}
