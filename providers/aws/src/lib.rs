//! AWS EC2, and whatever speaks its API: the yardstick that every other target is held against, judged like any other.
//!
//! Every call goes through the official SDK, with its ordinary chain of credentials, regions and endpoints. What the endpoint offers is
//! looked at once, when the provider is made; nothing of it is taken from a name, because private clouds speak this API too.
//!
//! Without the feature `client` only the words of the configuration are here, so that a program that is built without the SDK still
//! reads and checks them.

#[cfg(feature = "client")]
mod actions;
mod config;
#[cfg(feature = "client")]
mod failure;
#[cfg(feature = "client")]
mod provider;
#[cfg(feature = "client")]
mod publisher;
#[cfg(feature = "client")]
mod tags;

#[cfg(feature = "client")]
pub use actions::policy;
pub use config::AwsConfig;
#[cfg(feature = "client")]
pub use provider::{AwsProvider, ConnectError};
