//! Public addresses that live apart from nodes.

use levelfield_provider::{Address, AddressRequest, FailureClass};

use super::{
    Answer, Cloud, Refusal,
    record::{AddressRecord, NodeRecord},
};
use crate::{AddressPattern, Mutation};

impl Cloud {
    /// How nodes come to public addresses, mutations included.
    pub(crate) fn pattern(&self) -> AddressPattern {
        if self.has(Mutation::NoPublicAddressAtAll) {
            AddressPattern::None
        } else if self.has(Mutation::NoPublicAddressByDefault) {
            AddressPattern::FloatingOnRequest
        } else {
            self.persona.addressing.pattern
        }
    }

    fn has_public_addresses(&self) -> Answer<()> {
        if self.pattern() == AddressPattern::None {
            return Err(Refusal::new(FailureClass::Unsupported, "there are no public addresses here"));
        }
        Ok(())
    }

    /// Allocates a floating address.
    pub(crate) fn allocate_address(&self, request: &AddressRequest) -> Answer<Address> {
        self.has_public_addresses()?;
        let mut state = self.state();
        if let Some(limit) = self.persona.quotas.addresses.filter(|limit| state.addresses.len() >= *limit as usize) {
            return Err(Refusal::quota("addresses", limit));
        }
        let address = state.pools.public.take().ok_or_else(|| Refusal::capacity("public address"))?;
        let id = state.id(self.seed, "eip");
        let record = AddressRecord { id, address, node: None, leads_to: None, tags: request.tags.clone() };
        let view = record.view();
        state.addresses.insert(record.id.clone(), record);
        Ok(view)
    }

    /// Every floating address of the account.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.state().addresses.values().map(AddressRecord::view).collect()
    }

    /// Attaches an address to a node, taking it from the one it was on.
    pub(crate) fn attach_address(&self, id: &str, node: &str) -> Answer<()> {
        self.has_public_addresses()?;
        let stays = self.has(Mutation::FloatingIpStays);
        let mut state = self.state();
        if state.nodes.get(node).is_none_or(NodeRecord::is_gone) {
            return Err(Refusal::missing("node", node));
        }
        let record = state.addresses.get_mut(id).ok_or_else(|| Refusal::missing("address", id))?;
        record.node = Some(node.to_owned());
        if record.leads_to.is_none() || !stays {
            record.leads_to = Some(node.to_owned());
        }
        drop(state);
        self.rewire_soon();
        Ok(())
    }

    /// Gives an address back, taking it from the node it is on.
    pub(crate) fn delete_address(&self, id: &str) -> Answer<()> {
        let mut state = self.state();
        let record = state.addresses.remove(id).ok_or_else(|| Refusal::missing("address", id))?;
        state.pools.public.free(record.address.into());
        drop(state);
        self.rewire();
        Ok(())
    }
}
