//! Security groups and their inbound rules.

use levelfield_provider::{FailureClass, Group, GroupRequest, ProviderError, Result, Rule};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::OpenStackProvider;
use crate::{
    api::{
        Call, Effect, Service,
        network::{GroupShown, words},
        under,
    },
    tags::{describe, described},
};

#[derive(Deserialize)]
struct Shown {
    security_group: GroupShown,
}

impl From<GroupShown> for Group {
    fn from(shown: GroupShown) -> Self {
        Self {
            rules: shown.security_group_rules.iter().filter_map(crate::api::network::RuleShown::inbound).collect(),
            tags: described(shown.description.as_deref()),
            id: shown.id,
            name: shown.name,
        }
    }
}

impl OpenStackProvider {
    pub(super) async fn make_group(&self, request: &GroupRequest) -> Result<Group> {
        let GroupRequest { name, tags } = request;
        let body = under("security_group", json!({ "name": name, "description": describe(tags) }));
        let call = Call::post(format!("create group \"{name}\""), Service::Network, ["security-groups"]);
        let Shown { security_group } = self.api.fetch(call.body(body)).await?;
        Ok(security_group.into())
    }

    pub(super) async fn let_in(&self, group: &str, rule: &Rule) -> Result<()> {
        let (protocol, ether_type) = words(rule);
        let mut fields = json!({
            "security_group_id": group,
            "direction": "ingress",
            "protocol": protocol,
            "ethertype": ether_type,
            "remote_ip_prefix": rule.source,
        });
        // For ICMP the range would mean type and code.
        if !protocol.contains("icmp")
            && let Some(fields) = fields.as_object_mut()
        {
            fields.insert("port_range_min".to_owned(), json!(rule.from_port));
            fields.insert("port_range_max".to_owned(), json!(rule.to_port));
        }
        let call = Call::post(format!("add rule to group {group}"), Service::Network, ["security-group-rules"]);
        let call = call.changing().naming([group]);
        self.api.order(call.body(under("security_group_rule", fields))).await
    }

    /// Neutron removes rules by their own ids, so the group is read first.
    pub(super) async fn shut_out(&self, group: &str, rule: &Rule) -> Result<()> {
        let operation = format!("remove rule from group {group}");
        let path = ["security-groups", group];
        let Shown { security_group } = self.api.fetch(Call::get(&operation, Service::Network, path)).await?;
        let wanted = |shown: &&crate::api::network::RuleShown| {
            shown.inbound().is_some_and(|found| {
                let ports = words(rule).0.contains("icmp")
                    || (found.from_port, found.to_port) == (rule.from_port, rule.to_port);
                found.protocol == rule.protocol && found.source == rule.source && ports
            })
        };
        let found = security_group.security_group_rules.iter().find(wanted).ok_or_else(|| {
            ProviderError::new(&operation, FailureClass::NotFound, "the group has no such rule").culprit(group)
        })?;
        let path = ["security-group-rules", found.id.as_str()];
        self.api.order(Call::new(operation, Service::Network, Method::DELETE, path, Effect::Changes)).await
    }
}
