//! What Neutron answers, as far as it is read: Networking API v2.0.

use std::net::IpAddr;

use ipnet::IpNet;
use levelfield_provider::{Protocol, Rule};
use serde::Deserialize;

use super::Listed;

macro_rules! listed {
    ($type:ty, $key:literal) => {
        impl Listed for $type {
            const KEY: &'static str = $key;

            fn marker(&self) -> String {
                self.id.clone()
            }
        }
    };
}

/// A network.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct NetworkShown {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) project_id: Option<String>,
    #[serde(default)]
    pub(crate) shared: bool,
    #[serde(rename = "router:external", default)]
    pub(crate) external: bool,
    #[serde(default)]
    pub(crate) is_default: bool,
}
listed!(NetworkShown, "networks");

/// A subnet.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SubnetShown {
    pub(crate) id: String,
    pub(crate) network_id: String,
    pub(crate) cidr: IpNet,
    #[serde(default)]
    pub(crate) gateway_ip: Option<IpAddr>,
}
listed!(SubnetShown, "subnets");

/// A router, with the network that its gateway is on.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RouterShown {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) external_gateway_info: Option<Gateway>,
}
listed!(RouterShown, "routers");

/// Where a router leads out.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Gateway {
    pub(crate) network_id: String,
}

/// A port: of a server, of a router, or of nobody.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PortShown {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) network_id: String,
    #[serde(default)]
    pub(crate) device_id: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) fixed_ips: Vec<FixedIp>,
}
listed!(PortShown, "ports");

/// One address of a port.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct FixedIp {
    pub(crate) ip_address: IpAddr,
}

/// A floating address.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct FloatingShown {
    pub(crate) id: String,
    pub(crate) floating_ip_address: IpAddr,
    #[serde(default)]
    pub(crate) port_id: Option<String>,
    #[serde(default)]
    pub(crate) description: Option<String>,
}
listed!(FloatingShown, "floatingips");

/// A security group with its rules.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct GroupShown {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) security_group_rules: Vec<RuleShown>,
}
listed!(GroupShown, "security_groups");

/// A rule of a security group.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RuleShown {
    pub(crate) id: String,
    pub(crate) direction: String,
    #[serde(default)]
    pub(crate) ethertype: Option<String>,
    #[serde(default)]
    pub(crate) protocol: Option<String>,
    #[serde(default)]
    pub(crate) port_range_min: Option<u16>,
    #[serde(default)]
    pub(crate) port_range_max: Option<u16>,
    #[serde(default)]
    pub(crate) remote_ip_prefix: Option<IpNet>,
    #[serde(default)]
    pub(crate) remote_group_id: Option<String>,
}

impl RuleShown {
    /// The inbound rule that it is, if the nouns have a word for it.
    pub(crate) fn inbound(&self) -> Option<Rule> {
        if self.direction != "ingress" || self.remote_group_id.is_some() {
            return None;
        }
        let protocol = match self.protocol.as_deref()? {
            "tcp" | "6" => Protocol::Tcp,
            "udp" | "17" => Protocol::Udp,
            "icmp" | "1" | "ipv6-icmp" | "icmpv6" | "58" => Protocol::Icmp,
            _ => return None,
        };
        let everywhere = if self.ethertype.as_deref() == Some("IPv6") { "::/0" } else { "0.0.0.0/0" };
        let source = self.remote_ip_prefix.or_else(|| everywhere.parse().ok())?;
        // For ICMP the range holds type and code, of which the nouns know nothing.
        let (from_port, to_port) = match protocol {
            Protocol::Icmp => (0, u16::MAX),
            Protocol::Tcp | Protocol::Udp => {
                (self.port_range_min.unwrap_or(0), self.port_range_max.unwrap_or(u16::MAX))
            }
        };
        Some(Rule { protocol, from_port, to_port, source })
    }
}

/// Neutron's words for a rule: protocol, and the ether type of its source.
pub(crate) fn words(rule: &Rule) -> (&'static str, &'static str) {
    let six = rule.source.addr().is_ipv6();
    let protocol = match (rule.protocol, six) {
        (Protocol::Tcp, _) => "tcp",
        (Protocol::Udp, _) => "udp",
        (Protocol::Icmp, false) => "icmp",
        (Protocol::Icmp, true) => "ipv6-icmp",
    };
    (protocol, if six { "IPv6" } else { "IPv4" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_are_read_as_they_are_written() {
        for (rule, expected) in [
            (
                json!({ "protocol": "tcp", "ethertype": "IPv4", "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": "10.0.0.0/8" }),
                Some("Tcp 22-22 10.0.0.0/8"),
            ),
            (json!({ "protocol": "icmp", "ethertype": "IPv4" }), Some("Icmp 0-65535 0.0.0.0/0")),
            (json!({ "protocol": "ipv6-icmp", "ethertype": "IPv6" }), Some("Icmp 0-65535 ::/0")),
            (json!({ "protocol": "udp", "ethertype": "IPv6" }), Some("Udp 0-65535 ::/0")),
            (json!({ "protocol": "tcp", "remote_group_id": "g" }), None),
            (json!({ "protocol": null }), None),
            (json!({ "protocol": "vrrp" }), None),
        ] {
            let mut whole = json!({ "id": "r", "direction": "ingress" });
            whole.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
            let shown: RuleShown = serde_json::from_value(whole).unwrap();
            let read = shown.inbound().map(|r| format!("{:?} {}-{} {}", r.protocol, r.from_port, r.to_port, r.source));
            assert_eq!(read.as_deref(), expected, "{rule}");
        }
    }
}
