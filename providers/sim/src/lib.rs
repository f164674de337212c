//! A small cloud with real sockets, whose faults are written down.
//!
//! A [`Persona`] says what a simulated cloud is like: catalogue, addressing, timings, limits, faults, and the
//! [mutations](Mutation) by which it departs from what is expected. A [`SimServer`] is that cloud, running: an HTTP control
//! plane, nodes that are real SSH servers on loopback addresses of their own, a packet filter, a metadata service, and a
//! stand-in for the world outside. A [`SimProvider`] drives it as any other target is driven.
//!
//! Nothing leaves the loopback network, and no rights beyond an ordinary user's are needed. Linux only: other systems do not
//! answer on all of 127.0.0.0/8.

mod clock;
mod cloud;
mod control;
mod guest;
mod metadata;
mod mutation;
mod net;
mod outside;
mod persona;
mod provider;
mod random;
mod server;
mod ssh;
mod sync;

pub use mutation::{Mutation, UnknownMutation};
pub use persona::{
    AddressPattern, Addressing, Faults, Fingerprinting, FlavorSpec, ImageSpec, MetadataService, MetadataStyle,
    NetworkSpec, Persona, PersonaError, Quotas, RegionSpec, RepeatedDelete, Timings, TokenMode,
};
pub use provider::SimProvider;
pub use server::{SimServer, StartError};
