//! Asking the cloud, harmlessly, whether it has a capability.

use levelfield_provider::{Capability, NodeAction, Presence, Probe, Provider, Query, Result};

use super::{OpenStackProvider, addresses::external_network};

/// An id that nothing has, of the form that ids have.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

impl OpenStackProvider {
    pub(super) async fn probe_by_call(&self, capability: Capability) -> Result<Probe> {
        let few = Query { limit: Some(1), ..Query::default() };
        match capability {
            Capability::Catalog => {
                Probe::of_answer("GET /flavors/detail", self.flavors(&Query::default()).await, |page| {
                    !page.items.is_empty()
                })
            }
            Capability::Pagination => {
                Probe::of_answer("GET /flavors/detail?limit=1", self.flavors(&few).await, |page| page.items.len() == 1)
            }
            Capability::Zones => Probe::of_answer("GET /os-availability-zone", self.regions().await, |all| {
                all.first().is_some_and(|region| !region.zones.is_empty())
            }),
            Capability::Regions => {
                Probe::of_answer("the catalogue's endpoints", self.region_names().await, |all| all.len() > 1)
            }
            Capability::ImageLifecycle => {
                let hidden = Query { marker: Some("hidden:".to_owned()), ..Query::default() };
                Probe::of_answer("GET /v2/images?os_hidden=true", self.images(&hidden).await, |_| true)
            }
            Capability::Keys => Probe::of_answer("GET /os-keypairs", self.keys().await, |_| true),
            Capability::Nodes | Capability::Tags => {
                Probe::of_answer("GET /servers/detail", self.list_servers().await, |_| true)
            }
            Capability::Console => {
                Probe::of_nobody("os-getConsoleOutput of nobody", self.console(NOBODY).await, NOBODY)
            }
            Capability::Reboot => {
                Probe::of_nobody("reboot of nobody", self.act(NOBODY, NodeAction::Reboot).await, NOBODY)
            }
            Capability::StopStart => {
                Probe::of_nobody("os-stop of nobody", self.act(NOBODY, NodeAction::Stop).await, NOBODY)
            }
            Capability::FloatingIp => {
                let found = external_network(&self.api, self.external_network.as_deref()).await;
                Probe::of_answer("GET /v2.0/networks?router:external=true", found, |_| true)
            }
            Capability::SecurityRules => Probe::of_answer("GET /v2.0/security-groups", self.groups().await, |_| true),
            Capability::Quota => Probe::of_answer("GET /limits", self.quota().await, |_| true),
            Capability::Ipv6 => Probe::of_answer("GET /v2.0/subnets", self.networks(&Query::default()).await, |page| {
                page.items.iter().any(|network| network.cidrs.iter().any(|cidr| cidr.addr().is_ipv6()))
            }),
            Capability::ClientToken => Ok(Probe {
                presence: Presence::Absent,
                note: "the Compute API has no client token: two requests are two servers".to_owned(),
            }),
            Capability::ExistingNodes => {
                Ok(Probe { presence: Presence::Absent, note: "nodes are made here, not found".to_owned() })
            }
            Capability::AlterNodes
            | Capability::UserData
            | Capability::PublicAddress
            | Capability::MetadataService
            | Capability::Login => Ok(Probe { presence: Presence::Unknown, note: "only a node can tell".to_owned() }),
        }
    }
}
