//! The nouns of infrastructure and the one trait through which a target is driven.
//!
//! A [`Provider`] adapts one cloud, site or rack. It knows nothing of behaviours, verdicts or reports: it says what the
//! target [declares](Declaration), carries out one call at a time, and answers every failure with a [`ProviderError`] that
//! states the [class](FailureClass) of the failure and what was [left behind](LeftBehind).

mod capability;
mod error;
mod nouns;
mod provider;
mod resource;

pub use capability::{Capability, Declaration, Presence, Probe, UnknownCapability};
pub use error::{FailureClass, LeftBehind, ProviderError, Result};
pub use nouns::{
    Address, AddressOrigin, Architecture, Console, Fingerprint, Flavor, Group, Image, ImageState, KeyPair, Network,
    Node, NodeAddress, NodeState, Protocol, Quota, Region, Rule, Scope,
};
pub use provider::{
    AddressRequest, ExistingNode, GroupRequest, KeyRequest, NodeAction, NodeRequest, Page, Provider, Query,
};
pub use resource::{Kind, Resource, ResourceRef, Tags, tag};
