//! Security groups, and what they let in.

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, ResourceType, SecurityGroup};
use ipnet::IpNet;
use levelfield_provider::{FailureClass, Group, GroupRequest, Protocol, ProviderError, Result, Rule};

use super::AwsProvider;
use crate::{
    failure::failed,
    tags::{self, specification},
};

impl AwsProvider {
    pub(super) async fn make_group(&self, request: &GroupRequest) -> Result<Group> {
        let GroupRequest { name, tags } = request;
        let call = self
            .ec2
            .create_security_group()
            .group_name(name)
            .description("levelfield")
            .set_vpc_id(self.vpc.clone())
            .tag_specifications(specification(ResourceType::SecurityGroup, None, tags));
        let operation = format!("create group \"{name}\"");
        let made = call.send().await.map_err(|e| failed(&operation, e))?;
        let id = made.group_id.ok_or_else(|| without_id(operation))?;
        Ok(Group { id, name: name.clone(), rules: vec![], tags: tags.clone() })
    }

    pub(super) async fn list_groups(&self) -> Result<Vec<Group>> {
        let pages = self.ec2.describe_security_groups().into_paginator().items().send();
        let shown = pages.try_collect().await.map_err(|e| failed("list groups", e))?;
        Ok(shown.into_iter().filter_map(group).collect())
    }

    pub(super) async fn let_in(&self, group: &str, rule: &Rule) -> Result<()> {
        let call = self.ec2.authorize_security_group_ingress().group_id(group).ip_permissions(permission(rule));
        match call.send().await.map_err(|e| failed(format!("add a rule to group {group}"), e)) {
            // What is let in already is let in: the API answers so only where the very same rule is there.
            Err(error) if error.class == FailureClass::Conflict => Ok(()),
            answered => answered.map(drop),
        }
    }

    pub(super) async fn shut_out(&self, group: &str, rule: &Rule) -> Result<()> {
        let call = self.ec2.revoke_security_group_ingress().group_id(group).ip_permissions(permission(rule));
        call.send().await.map(drop).map_err(|e| failed(format!("remove a rule from group {group}"), e))
    }
}

/// An answer that says that something was made, and not what.
pub(super) fn without_id(operation: String) -> ProviderError {
    ProviderError::new(operation, FailureClass::Unexpected, "the answer has no id of what was made")
        .leaving(levelfield_provider::LeftBehind::Unknown)
}

/// A rule in the API's words.
fn permission(rule: &Rule) -> IpPermission {
    let protocol = match (rule.protocol, rule.source) {
        (Protocol::Tcp, _) => "tcp",
        (Protocol::Udp, _) => "udp",
        (Protocol::Icmp, IpNet::V4(_)) => "icmp",
        (Protocol::Icmp, IpNet::V6(_)) => "icmpv6",
    };
    // Ports of ICMP are types and codes, and −1 is all of them.
    let (from, to) = match rule.protocol {
        Protocol::Icmp => (-1, -1),
        _ => (i32::from(rule.from_port), i32::from(rule.to_port)),
    };
    let source = rule.source.to_string();
    let permission = IpPermission::builder().ip_protocol(protocol).from_port(from).to_port(to);
    match rule.source {
        IpNet::V4(_) => permission.ip_ranges(IpRange::builder().cidr_ip(source).build()).build(),
        IpNet::V6(_) => permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(source).build()).build(),
    }
}

fn group(shown: SecurityGroup) -> Option<Group> {
    let rules = shown.ip_permissions.unwrap_or_default().iter().flat_map(rules).collect();
    Some(Group {
        id: shown.group_id?,
        name: shown.group_name.unwrap_or_default(),
        rules,
        tags: tags::read(shown.tags.as_deref().unwrap_or_default()),
    })
}

/// The rules in a permission whose sources are addresses. Those for other groups, prefix lists and all protocols are none of ours.
fn rules(permission: &IpPermission) -> Vec<Rule> {
    let protocol = match permission.ip_protocol() {
        Some("tcp") => Protocol::Tcp,
        Some("udp") => Protocol::Udp,
        Some("icmp" | "icmpv6") => Protocol::Icmp,
        _ => return Vec::new(),
    };
    let (from_port, to_port) = if protocol == Protocol::Icmp {
        (0, u16::MAX)
    } else {
        let port = |port: Option<i32>| port.and_then(|port| u16::try_from(port).ok());
        (port(permission.from_port()).unwrap_or(0), port(permission.to_port()).unwrap_or(u16::MAX))
    };
    let v4 = permission.ip_ranges().iter().filter_map(IpRange::cidr_ip);
    let v6 = permission.ipv6_ranges().iter().filter_map(Ipv6Range::cidr_ipv6);
    v4.chain(v6)
        .filter_map(|source| source.parse().ok())
        .map(|source| Rule { protocol, from_port, to_port, source })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_comes_back_as_it_was_sent() {
        for (protocol, from_port, to_port, source, words) in [
            (Protocol::Tcp, 22, 22, "0.0.0.0/0", "tcp"),
            (Protocol::Udp, 53, 53, "2001:db8::/32", "udp"),
            (Protocol::Icmp, 0, u16::MAX, "10.0.0.0/8", "icmp"),
            (Protocol::Icmp, 0, u16::MAX, "::/0", "icmpv6"),
        ] {
            let rule = Rule { protocol, from_port, to_port, source: source.parse().unwrap() };
            let sent = permission(&rule);
            assert_eq!(sent.ip_protocol(), Some(words));
            assert_eq!(rules(&sent), [rule]);
        }
        assert_eq!(rules(&IpPermission::builder().ip_protocol("-1").build()), []);
    }
}
