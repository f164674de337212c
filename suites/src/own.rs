//! What behaviours make of their own: keys and nodes that are removed again whatever became of the observation.

use levelfield_kit::{Ctx, Hindrance, Observation, journey, remote::NodeKey, subject::Answer, wait::Waited};
use levelfield_provider::{KeyPair, Kind, Node, NodeState, ResourceRef, Tags};

/// What a behaviour made so far.
#[derive(Default)]
pub(crate) struct Made(Vec<ResourceRef>);

impl Made {
    /// Notes a resource, to be removed.
    pub(crate) fn note(&mut self, kind: Kind, id: &str) {
        let resource = ResourceRef::new(kind, id);
        if !self.0.contains(&resource) {
            self.0.push(resource);
        }
    }

    /// Removes it all, nodes before what they hold. What cannot be removed now stays in the ledger, for the end of the run.
    pub(crate) async fn remove(mut self, ctx: &Ctx) {
        self.0.sort_unstable();
        for resource in self.0 {
            if let Err(error) = ctx.target.delete_patiently(&resource, &ctx.waiter).await {
                ctx.target.warn(format!("remove {resource} of {}: {error}", ctx.behavior()));
            }
        }
    }
}

/// A new Ed25519 key of the behaviour's own.
pub(crate) fn new_key() -> Result<NodeKey, Hindrance> {
    NodeKey::generate_ed25519("levelfield-own").map_err(|e| Hindrance::harness(format!("generate a key: {e}")))
}

/// Imports a key for a behaviour about something else: that keys are taken at all is not its matter.
pub(crate) async fn import(ctx: &Ctx, name: &str, key: &NodeKey, made: &mut Made) -> Result<KeyPair, Hindrance> {
    match Answer::of(ctx.target.import_key(name, &key.public_line()).await)? {
        Answer::Accepted(pair) => {
            made.note(Kind::KeyPair, &pair.id);
            Ok(pair)
        }
        Answer::Refused { message, .. } => {
            Err(Hindrance::prerequisite("allocation/key-import", format!("import a key: {message}")))
        }
    }
}

/// Until the API shows a node of the behaviour's own as running, for as long as the guideline gives any node.
///
/// # Errors
/// Why the API does not say.
pub(crate) async fn until_running(ctx: &Ctx, id: &str) -> Observation<Waited<Node>> {
    journey::until_state(ctx, id, NodeState::Running, ctx.params.running_within_s).await
}

/// The account's nodes of that name that are not gone. Asked for without tags, which may come late.
pub(crate) async fn nodes_named(ctx: &Ctx, name: &str) -> Result<Vec<Node>, Hindrance> {
    let mut nodes = ctx.target.nodes(&Tags::new()).await?;
    nodes.retain(|node| node.name == name && node.state != NodeState::Terminated);
    Ok(nodes)
}
