//! Asking the target, harmlessly, whether it has a capability.

use levelfield_provider::{
    Capability, FailureClass, NodeAction, Page, Presence, Probe, Provider, ProviderError, Query, Result, Tags,
};

use super::SimProvider;

/// An id that nothing has.
const NOBODY: &str = "nobody";

impl SimProvider {
    pub(super) async fn probe_by_call(&self, capability: Capability) -> Result<Probe> {
        let query = Query::default();
        let few = Query { limit: Some(1), ..Query::default() };
        match capability {
            Capability::Catalog => {
                seen("GET /v1/flavors", self.flavors(&query).await, |page: &Page<_>| !page.items.is_empty())
            }
            Capability::Pagination => {
                seen("GET /v1/flavors?limit=1", self.flavors(&few).await, |page: &Page<_>| page.items.len() == 1)
            }
            Capability::Zones => {
                seen("GET /v1/regions", self.regions().await, |all: &Vec<_>| all.iter().all(|r| !r.zones.is_empty()))
            }
            Capability::Regions => seen("GET /v1/regions", self.regions().await, |all: &Vec<_>| all.len() > 1),
            Capability::ImageLifecycle => seen("GET /v1/images", self.images(&query).await, |page: &Page<_>| {
                page.items.iter().any(|image| image.state == levelfield_provider::ImageState::Superseded)
            }),
            Capability::Keys => seen("GET /v1/keys", self.keys().await, |_| true),
            Capability::Nodes => seen("GET /v1/nodes", self.nodes(&Tags::new()).await, |_| true),
            Capability::Tags => {
                let none = Tags::from([("levelfield-probe".to_owned(), NOBODY.to_owned())]);
                seen("GET /v1/nodes?tags=…", self.nodes(&none).await, Vec::is_empty)
            }
            Capability::Console => of_nobody("GET /v1/nodes/nobody/console", self.console(NOBODY).await),
            Capability::Reboot => {
                of_nobody("POST /v1/nodes/nobody/actions reboot", self.act(NOBODY, NodeAction::Reboot).await)
            }
            Capability::StopStart => {
                of_nobody("POST /v1/nodes/nobody/actions stop", self.act(NOBODY, NodeAction::Stop).await)
            }
            Capability::FloatingIp => {
                of_nobody("PUT /v1/addresses/nobody/node", self.attach_address(NOBODY, NOBODY).await)
            }
            Capability::SecurityRules => seen("GET /v1/groups", self.groups().await, |_| true),
            Capability::Quota => seen("GET /v1/quota", self.quota().await, |_| true),
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
        FailureClass::Unsupported | FailureClass::NotFound => Ok(found(Presence::Absent, call, &error.message)),
        _ => Err(error),
    }
}

fn found(presence: Presence, call: &str, what: &str) -> Probe {
    Probe { presence, note: format!("{call}: {what}") }
}
