//! What a behaviour's `observe` is given.

use std::{ops::Deref, sync::Arc};

use levelfield_provider::{Capability, Node, NodeRequest, Scope};
use levelfield_reports::event::Stage;

use crate::{
    guest::Guest,
    hindrance::Hindrance,
    journey::{self, Env},
    subject::{Facts, Subject, Way},
};

/// The context of one observation. Everything of [`Env`] is reached through it directly.
#[derive(Clone)]
pub struct Ctx {
    env: Env,
    behavior: &'static str,
    stage: Stage,
    round: u32,
    subject: Option<Arc<Subject>>,
    peer: Option<Arc<Subject>>,
}

impl Deref for Ctx {
    type Target = Env;

    fn deref(&self) -> &Env {
        &self.env
    }
}

impl Ctx {
    /// The context of `behavior` at `stage`.
    pub fn new(env: Env, behavior: &'static str, stage: Stage, round: u32) -> Self {
        Self { env, behavior, stage, round, subject: None, peer: None }
    }

    /// With the subject, and the peer if there is one.
    #[must_use]
    pub fn on(mut self, subject: Arc<Subject>, peer: Option<Arc<Subject>>) -> Self {
        self.subject = Some(subject);
        self.peer = peer;
        self
    }

    /// The behaviour being observed.
    pub fn behavior(&self) -> &'static str {
        self.behavior
    }

    /// The stage at which it is observed.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The round, from 1.
    pub fn round(&self) -> u32 {
        self.round
    }

    /// The subject.
    ///
    /// # Errors
    /// When the behaviour is observed at a stage that has none.
    pub fn subject(&self) -> Result<&Subject, Hindrance> {
        self.subject.as_deref().ok_or_else(|| Hindrance::harness("this stage has no subject"))
    }

    /// The second node, which stays as delivered.
    ///
    /// # Errors
    /// When the behaviour did not ask for one.
    pub fn peer(&self) -> Result<&Subject, Hindrance> {
        self.peer.as_deref().ok_or_else(|| Hindrance::harness("the behaviour asked for no peer"))
    }

    /// A fact of the subject.
    ///
    /// # Errors
    /// Why there is none: the prerequisite that is missing, or what blocks this very behaviour.
    pub fn fact<T>(&self, pick: impl FnOnce(&Facts) -> Option<T>) -> Result<T, Hindrance> {
        self.subject()?.fact(self.behavior, pick)
    }

    /// The subject's node, as the API last showed it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn node(&self) -> Result<Node, Hindrance> {
        self.subject()?.node(self.behavior)
    }

    /// The way in to the subject.
    ///
    /// # Errors
    /// Why there is none.
    pub fn way(&self) -> Result<Way, Hindrance> {
        self.subject()?.way(self.behavior)
    }

    /// The guest behind the way in to the subject.
    ///
    /// # Errors
    /// Why there is no way in.
    pub fn inside(&self) -> Result<Guest, Hindrance> {
        self.env.subject_guest(self.subject()?, self.behavior)
    }

    /// The guest behind the way in to the peer.
    ///
    /// # Errors
    /// Why there is no way in.
    pub fn inside_peer(&self) -> Result<Guest, Hindrance> {
        self.env.subject_guest(self.peer()?, self.behavior)
    }

    /// A node of this behaviour's own, walked through steps 1 to 6. Where that fails, the subject says why; it is removed with
    /// everything else of the run, or earlier by [`discard`](Self::discard).
    pub async fn own_node(&self, purpose: &str) -> Arc<Subject> {
        let subject = Arc::new(Subject::new(purpose, self.round));
        journey::deliver(&self.env, &subject).await;
        subject
    }

    /// As [`own_node`](Self::own_node), of a certain image, given by id or name.
    pub async fn own_node_of(&self, purpose: &str, image: &str) -> Arc<Subject> {
        let subject = Arc::new(Subject::new(purpose, self.round).of_image(image));
        journey::deliver(&self.env, &subject).await;
        subject
    }

    /// The request for a node of the journey's choice, for behaviours that ask in a way of their own. No key, no user data.
    ///
    /// # Errors
    /// Why nothing could be chosen.
    pub async fn plain_request(&self, purpose: &str) -> Result<NodeRequest, Hindrance> {
        let choice = journey::choose(&self.env, None).await.map_err(|block| block.seen_by(self.behavior))?;
        Ok(NodeRequest {
            name: self.env.target.fresh_name(purpose),
            image: choice.image.id().to_owned(),
            flavor: choice.flavor.id().to_owned(),
            network: choice.network.map(|c| c.id().to_owned()),
            ..NodeRequest::default()
        })
    }

    /// Removes a subject of this behaviour's own, with its key, group and floating address, so that the budget is free again.
    pub async fn discard(&self, subject: &Subject) {
        journey::discard(&self.env, subject).await;
    }

    /// Says plainly that the target lacks what this observation turned out to need.
    pub fn lacking(&self, capability: Capability, seen: &str) -> Hindrance {
        Hindrance::Unsupported { capability, detail: seen.to_owned() }
    }

    /// The address by which the subject's neighbours reach it, as the API states it: private, or its public one where that is all it
    /// has.
    ///
    /// # Errors
    /// Why there is none.
    pub fn neighbour_address(&self, subject: &Subject) -> Result<std::net::IpAddr, Hindrance> {
        let node = subject.node(self.behavior)?;
        let of = |scope| node.addresses_in(scope).map(|a| a.address).min_by_key(std::net::IpAddr::is_ipv6);
        let found = of(Scope::Private).or_else(|| of(Scope::Public));
        found.ok_or_else(|| Hindrance::prerequisite("addressing/private-address", "the API states no private address"))
    }
}
