//! Asking the cloud, harmlessly, whether it has a capability.

use levelfield_provider::{
    Capability, FailureClass, NodeAction, Presence, Probe, Provider, ProviderError, Query, Result,
};

use super::{OpenStackProvider, addresses::external_network};

/// An id that nothing has, of the form that ids have.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

impl OpenStackProvider {
    pub(super) async fn probe_by_call(&self, capability: Capability) -> Result<Probe> {
        let few = Query { limit: Some(1), ..Query::default() };
        match capability {
            Capability::Catalog => {
                seen("GET /flavors/detail", self.flavors(&Query::default()).await, |page| !page.items.is_empty())
            }
            Capability::Pagination => {
                seen("GET /flavors/detail?limit=1", self.flavors(&few).await, |page| page.items.len() == 1)
            }
            Capability::Zones => seen("GET /os-availability-zone", self.regions().await, |all| {
                all.first().is_some_and(|region| !region.zones.is_empty())
            }),
            Capability::Regions => seen("the catalogue's endpoints", self.region_names().await, |all| all.len() > 1),
            Capability::ImageLifecycle => {
                let hidden = Query { marker: Some("hidden:".to_owned()), ..Query::default() };
                seen("GET /v2/images?os_hidden=true", self.images(&hidden).await, |_| true)
            }
            Capability::Keys => seen("GET /os-keypairs", self.keys().await, |_| true),
            Capability::Nodes | Capability::Tags => seen("GET /servers/detail", self.list_servers().await, |_| true),
            Capability::Console => of_nobody("os-getConsoleOutput of nobody", self.console(NOBODY).await),
            Capability::Reboot => of_nobody("reboot of nobody", self.act(NOBODY, NodeAction::Reboot).await),
            Capability::StopStart => of_nobody("os-stop of nobody", self.act(NOBODY, NodeAction::Stop).await),
            Capability::FloatingIp => {
                let found = external_network(&self.api, self.external_network.as_deref()).await;
                seen("GET /v2.0/networks?router:external=true", found, |_| true)
            }
            Capability::SecurityRules => seen("GET /v2.0/security-groups", self.groups().await, |_| true),
            Capability::Quota => seen("GET /limits", self.quota().await, |_| true),
            Capability::Ipv6 => seen("GET /v2.0/subnets", self.networks(&Query::default()).await, |page| {
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

/// Present if the call's answer is as expected, absent if it is not or there is no such call.
fn seen<T>(call: &str, answer: Result<T>, expected: impl Fn(&T) -> bool) -> Result<Probe> {
    match answer {
        Ok(answer) if expected(&answer) => Ok(found(Presence::Present, call, "answered")),
        Ok(_) => Ok(found(Presence::Absent, call, "answered, without what was looked for")),
        Err(error) => unanswered(call, error),
    }
}

/// Present if the call, about something that does not exist, is answered by saying so.
fn of_nobody<T>(call: &str, answer: Result<T>) -> Result<Probe> {
    match answer {
        Ok(_) => Ok(found(Presence::Unknown, call, "answered, although there is nothing of that id")),
        Err(error) if error.class == FailureClass::NotFound && error.culprit.as_deref() == Some(NOBODY) => {
            Ok(found(Presence::Present, call, "answered that there is nothing of that id"))
        }
        Err(error) => unanswered(call, error),
    }
}

fn unanswered(call: &str, error: ProviderError) -> Result<Probe> {
    match error.class {
        FailureClass::Unsupported | FailureClass::NotFound | FailureClass::Forbidden => {
            Ok(found(Presence::Absent, call, &error.message))
        }
        _ => Err(error),
    }
}

fn found(presence: Presence, call: &str, what: &str) -> Probe {
    Probe { presence, note: format!("{call}: {what}") }
}
