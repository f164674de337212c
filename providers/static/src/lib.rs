//! Machines that exist already, given by host, port and account: nothing is created on them, nothing is removed.
//!
//! The smallest of the providers. It declares that there are nodes and that they can be logged in to, and, where the configuration
//! allows it, that what is changed inside them may stay.

mod config;
mod key;
mod provider;

pub use config::{KeySource, StaticConfig, StaticNode};
pub use key::KeyProblem;
pub use provider::{StaticError, StaticProvider};
