//! Groups of inbound rules.

use levelfield_provider::{Group, GroupRequest, Rule};

use super::{Answer, Cloud, Refusal, State, record::GroupRecord};
use crate::Mutation;

impl Cloud {
    /// Makes a group that lets nothing in.
    pub(crate) fn create_group(&self, request: &GroupRequest) -> Answer<Group> {
        let mut state = self.state();
        if state.groups.values().any(|group| group.name == request.name) {
            return Err(Refusal::conflict(format!("a group named `{}` exists", request.name)).blaming("name"));
        }
        if let Some(limit) = self.persona.quotas.groups.filter(|limit| state.groups.len() >= *limit as usize) {
            return Err(Refusal::quota("groups", limit));
        }
        let record = GroupRecord {
            id: state.id(self.seed, "sg"),
            name: request.name.clone(),
            listed: vec![],
            enforced: vec![],
            tags: request.tags.clone(),
        };
        let view = record.view();
        state.groups.insert(record.id.clone(), record);
        Ok(view)
    }

    /// Every group of the account.
    pub(crate) fn groups(&self) -> Vec<Group> {
        self.state().groups.values().map(GroupRecord::view).collect()
    }

    /// Lets in what `rule` says.
    pub(crate) fn add_rule(&self, group: &str, rule: &Rule) -> Answer<()> {
        if rule.from_port > rule.to_port {
            return Err(Refusal::invalid("the first port is behind the last").blaming("from_port"));
        }
        let mut state = self.state();
        let live = state.has_live_nodes(group);
        let record = state.groups.get_mut(group).ok_or_else(|| Refusal::missing("group", group))?;
        if record.listed.contains(rule) {
            return Err(Refusal::conflict("the group has that rule").blaming("rule"));
        }
        record.listed.push(rule.clone());
        if !(live && self.has(Mutation::RuleAddIgnored)) {
            record.enforced.push(rule.clone());
        }
        drop(state);
        self.rewire_soon();
        Ok(())
    }

    /// Stops letting in what `rule` says.
    pub(crate) fn remove_rule(&self, group: &str, rule: &Rule) -> Answer<()> {
        let mut state = self.state();
        let live = state.has_live_nodes(group);
        let record = state.groups.get_mut(group).ok_or_else(|| Refusal::missing("group", group))?;
        let position = record
            .listed
            .iter()
            .position(|listed| listed == rule)
            .ok_or_else(|| Refusal::missing("rule in group", group))?;
        record.listed.remove(position);
        if !(live && self.has(Mutation::RuleRemoveIgnored)) {
            record.enforced.retain(|enforced| enforced != rule);
        }
        drop(state);
        self.rewire_soon();
        Ok(())
    }

    /// Removes a group that no node is in.
    pub(crate) fn delete_group(&self, id: &str) -> Answer<()> {
        let mut state = self.state();
        if !state.groups.contains_key(id) {
            return Err(Refusal::missing("group", id));
        }
        if let Some(node) = state.nodes.values().find(|node| node.groups.iter().any(|group| group == id)) {
            return Err(Refusal::conflict(format!("node `{}` is in the group", node.id)).blaming(&node.id));
        }
        state.groups.remove(id);
        Ok(())
    }
}

impl State {
    fn has_live_nodes(&self, group: &str) -> bool {
        self.nodes.values().any(|node| !node.is_gone() && node.groups.iter().any(|g| g == group))
    }

    /// The rules in effect for a node that is in `groups`. One that is in none is in the account's default group, which
    /// lets nothing in from outside.
    pub(super) fn rules(&self, groups: &[String]) -> Vec<Rule> {
        groups.iter().filter_map(|id| self.groups.get(id)).flat_map(|group| group.enforced.iter().cloned()).collect()
    }
}
