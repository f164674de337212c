//! Asking the target, harmlessly, whether it has a capability.

use levelfield_provider::{Capability, NodeAction, Page, Presence, Probe, Provider, Query, Result, Tags};

use super::SimProvider;

/// An id that nothing has.
const NOBODY: &str = "nobody";

impl SimProvider {
    pub(super) async fn probe_by_call(&self, capability: Capability) -> Result<Probe> {
        let query = Query::default();
        let few = Query { limit: Some(1), ..Query::default() };
        match capability {
            Capability::Catalog => {
                Probe::of_answer("GET /v1/flavors", self.flavors(&query).await, |page: &Page<_>| !page.items.is_empty())
            }
            Capability::Pagination => {
                Probe::of_answer("GET /v1/flavors?limit=1", self.flavors(&few).await, |page: &Page<_>| {
                    page.items.len() == 1
                })
            }
            Capability::Zones => Probe::of_answer("GET /v1/regions", self.regions().await, |all: &Vec<_>| {
                all.iter().all(|r| !r.zones.is_empty())
            }),
            Capability::Regions => {
                Probe::of_answer("GET /v1/regions", self.regions().await, |all: &Vec<_>| all.len() > 1)
            }
            Capability::ImageLifecycle => {
                Probe::of_answer("GET /v1/images", self.images(&query).await, |page: &Page<_>| {
                    page.items.iter().any(|image| image.state == levelfield_provider::ImageState::Superseded)
                })
            }
            Capability::Keys => Probe::of_answer("GET /v1/keys", self.keys().await, |_| true),
            Capability::Nodes => Probe::of_answer("GET /v1/nodes", self.nodes(&Tags::new()).await, |_| true),
            Capability::Tags => {
                let none = Tags::from([("levelfield-probe".to_owned(), NOBODY.to_owned())]);
                Probe::of_answer("GET /v1/nodes?tags=…", self.nodes(&none).await, Vec::is_empty)
            }
            Capability::Console => Probe::of_nobody("GET /v1/nodes/nobody/console", self.console(NOBODY).await, NOBODY),
            Capability::Reboot => Probe::of_nobody(
                "POST /v1/nodes/nobody/actions reboot",
                self.act(NOBODY, NodeAction::Reboot).await,
                NOBODY,
            ),
            Capability::StopStart => {
                Probe::of_nobody("POST /v1/nodes/nobody/actions stop", self.act(NOBODY, NodeAction::Stop).await, NOBODY)
            }
            Capability::FloatingIp => {
                Probe::of_nobody("PUT /v1/addresses/nobody/node", self.attach_address(NOBODY, NOBODY).await, NOBODY)
            }
            Capability::SecurityRules => Probe::of_answer("GET /v1/groups", self.groups().await, |_| true),
            Capability::Quota => Probe::of_answer("GET /v1/quota", self.quota().await, |_| true),
            Capability::ExistingNodes => {
                Ok(Probe { presence: Presence::Absent, note: "the control plane has no such operation".to_owned() })
            }
            Capability::AlterNodes
            | Capability::ClientToken
            | Capability::UserData
            | Capability::PublicAddress
            | Capability::Ipv6
            | Capability::MetadataService
            | Capability::Login => Ok(Probe { presence: Presence::Unknown, note: "only a node can tell".to_owned() }),
        }
    }
}
