//! The one trait through which a target is driven.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Address, Capability, Console, Declaration, Fingerprint, Flavor, Group, Image, KeyPair, Network, Node, Presence,
    Probe, ProviderError, Quota, Region, Resource, ResourceRef, Result, Rule, Tags,
};

/// Which part of a listing is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The region; the target's configured one when absent.
    pub region: Option<String>,
    /// The most items wanted in one answer; the target's own default when absent.
    pub limit: Option<u32>,
    /// Where the last answer ended.
    pub marker: Option<String>,
}

/// One answer of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next answer begins; `None` at the end.
    pub next: Option<String>,
}

/// A public key to import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRequest {
    /// A name unique in the account.
    pub name: String,
    /// The key in OpenSSH's one-line form.
    pub public_key: String,
    /// Tags to put on it.
    pub tags: Tags,
}

/// A node to create.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRequest {
    /// A name; also asked for as hostname.
    pub name: String,
    /// Image id.
    pub image: String,
    /// Flavor id.
    pub flavor: String,
    /// Network id; the target's default when absent.
    pub network: Option<String>,
    /// Zone name; the target's choice when absent.
    pub zone: Option<String>,
    /// Id of an imported key.
    pub key: Option<String>,
    /// Ids of the groups that the node is put in; the target's default group when empty.
    pub groups: Vec<String>,
    /// User data to run on first boot.
    pub user_data: Option<String>,
    /// Two requests with one token are one request.
    pub client_token: Option<String>,
    /// Tags to put on it.
    pub tags: Tags,
}

/// A group to create. It lets nothing in until rules are added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRequest {
    /// A name unique in the account.
    pub name: String,
    /// Tags to put on it.
    pub tags: Tags,
}

/// A public address to allocate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRequest {
    /// Tags to put on it.
    pub tags: Tags,
}

/// Something to do to a node that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeAction {
    /// Restart the operating system.
    Reboot,
    /// Power off, keeping disk and addresses.
    Stop,
    /// Power on again.
    Start,
}

/// A machine that exists already, with what it takes to log in to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingNode {
    /// The machine.
    pub node: Node,
    /// The account that the operator states.
    pub account: String,
    /// The private key that logs in, in OpenSSH or PEM form. Never serialised.
    pub private_key: String,
    /// The host's public key that the operator states, in OpenSSH's one-line form, if any.
    pub host_key: Option<String>,
}

/// The adapter through which one target is driven.
///
/// Every method is one operation on the target; none retries, waits or sleeps, because the harness does so by failure class
/// and keeps count. A method whose capability the [declaration](Provider::declaration) lacks answers
/// [`FailureClass::Unsupported`](crate::FailureClass::Unsupported), which the defaults do.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What the target is said to be able to do. Costs no call.
    fn declaration(&self) -> &Declaration;

    /// Facts that identify the target.
    async fn fingerprint(&self) -> Result<Fingerprint>;

    /// Asks the target, harmlessly, whether it has `capability`.
    async fn probe(&self, capability: Capability) -> Result<Probe> {
        Ok(Probe { presence: Presence::Unknown, note: format!("no harmless call tells whether {capability} is there") })
    }

    /// What the account may still create.
    async fn quota(&self) -> Result<Quota> {
        Err(ProviderError::unsupported("read quota"))
    }

    /// Regions, with their zones.
    async fn regions(&self) -> Result<Vec<Region>> {
        Err(ProviderError::unsupported("list regions"))
    }

    /// One page of networks.
    async fn networks(&self, _query: &Query) -> Result<Page<Network>> {
        Err(ProviderError::unsupported("list networks"))
    }

    /// One page of flavors.
    async fn flavors(&self, _query: &Query) -> Result<Page<Flavor>> {
        Err(ProviderError::unsupported("list flavors"))
    }

    /// One page of images.
    async fn images(&self, _query: &Query) -> Result<Page<Image>> {
        Err(ProviderError::unsupported("list images"))
    }

    /// Imports a public key. A duplicate name is a [`Conflict`](crate::FailureClass::Conflict), a malformed key is
    /// [`Invalid`](crate::FailureClass::Invalid).
    async fn import_key(&self, _request: &KeyRequest) -> Result<KeyPair> {
        Err(ProviderError::unsupported("import key"))
    }

    /// Every key pair of the account.
    async fn keys(&self) -> Result<Vec<KeyPair>> {
        Err(ProviderError::unsupported("list keys"))
    }

    /// Requests a node and returns as soon as the target gave it an id.
    async fn create_node(&self, _request: &NodeRequest) -> Result<Node> {
        Err(ProviderError::unsupported("create node"))
    }

    /// The node, as the target's API sees it now.
    async fn node(&self, _id: &str) -> Result<Node> {
        Err(ProviderError::unsupported("read node"))
    }

    /// Those of the nodes `ids` that the target's API lists now, in any order, with one call. Only for targets whose declaration says
    /// that one read may ask for several.
    async fn nodes_by_id(&self, _ids: &[String]) -> Result<Vec<Node>> {
        Err(ProviderError::unsupported("read nodes together"))
    }

    /// The account's nodes that carry all of `tags`; with none, every node of the account.
    async fn nodes(&self, _tags: &Tags) -> Result<Vec<Node>> {
        Err(ProviderError::unsupported("list nodes"))
    }

    /// Machines that exist already, for targets that declare [`Capability::ExistingNodes`].
    async fn existing_nodes(&self) -> Result<Vec<ExistingNode>> {
        Err(ProviderError::unsupported("list existing nodes"))
    }

    /// Asks for `action` and returns as soon as the target accepted it.
    async fn act(&self, _node: &str, _action: NodeAction) -> Result<()> {
        Err(ProviderError::unsupported("act on node"))
    }

    /// What the node wrote to its console so far.
    async fn console(&self, _node: &str) -> Result<Console> {
        Err(ProviderError::unsupported("read console"))
    }

    /// Creates an empty group, which lets nothing in.
    async fn create_group(&self, _request: &GroupRequest) -> Result<Group> {
        Err(ProviderError::unsupported("create group"))
    }

    /// Every group of the account.
    async fn groups(&self) -> Result<Vec<Group>> {
        Err(ProviderError::unsupported("list groups"))
    }

    /// Lets in what `rule` says, on live nodes too.
    async fn add_rule(&self, _group: &str, _rule: &Rule) -> Result<()> {
        Err(ProviderError::unsupported("add rule"))
    }

    /// Stops letting in what `rule` says.
    async fn remove_rule(&self, _group: &str, _rule: &Rule) -> Result<()> {
        Err(ProviderError::unsupported("remove rule"))
    }

    /// Allocates a public address.
    async fn allocate_address(&self, _request: &AddressRequest) -> Result<Address> {
        Err(ProviderError::unsupported("allocate address"))
    }

    /// Every public address of the account that lives apart from nodes.
    async fn addresses(&self) -> Result<Vec<Address>> {
        Err(ProviderError::unsupported("list addresses"))
    }

    /// Attaches an address to a node, taking it from the one it was on.
    async fn attach_address(&self, _address: &str, _node: &str) -> Result<()> {
        Err(ProviderError::unsupported("attach address"))
    }

    /// Detaches an address from the node it is on, and keeps it. Only for targets on which an address cannot be moved while
    /// attached.
    async fn detach_address(&self, _address: &str) -> Result<()> {
        Err(ProviderError::unsupported("detach address"))
    }

    /// Removes a resource. One that is gone already is [`NotFound`](crate::FailureClass::NotFound), or success where the
    /// target does not tell the two apart.
    async fn delete(&self, resource: &ResourceRef) -> Result<()> {
        Err(ProviderError::unsupported(format!("delete {resource}")))
    }

    /// Everything in the account, of every kind the target has, that carries the tag `levelfield-run` — or, where a kind has
    /// no tags, a name that begins with `lf-`.
    async fn inventory(&self) -> Result<Vec<Resource>>;
}
