//! The SSH client: knock, greet, log in, run a command — and say exactly how each of them failed.
//!
//! [`Remote`] is the client, a cheap handle with limits that every session of a run shares. [`Remote::login`] gives a
//! [`Session`], which runs one [`Command`] at a time; a [`Pool`] keeps idle sessions, and a [`Shell`] is the pool's handle on
//! one account of one node. Failures ([`Knock`], [`LoginFailure`], [`RunFailure`]) are evidence and serialise as such.
//!
//! libssh2 is driven without blocking, on the runtime's own readiness events: neither an idle session nor a silent peer nor
//! a long command holds a thread, a future that is dropped breaks off what it did, and a deadline is the clock's and not that of a
//! single call. Keys come from memory. No agent, no `~/.ssh`, no `known_hosts` of the person who runs it is ever read.

mod client;
mod command;
mod entered;
mod failure;
mod greeting;
mod key;
mod login;
mod pool;
mod public;
mod secret;
mod session;
mod wire;

#[cfg(test)]
mod tests;

pub use client::{Remote, RemoteLimits};
pub use command::{Command, OUTPUT_LIMIT, Output};
pub use entered::Entered;
pub use failure::{Knock, LoginFailure, Phase, RunFailure};
pub use greeting::Greeting;
pub use key::{KeyError, NodeKey};
pub use login::{Credential, Door, Methods};
pub use pool::{Lease, Pool, Shell};
pub use public::{FingerprintNotation, HostKey, PublicKeyError};
pub use secret::Secret;
pub use session::{Running, Session};
