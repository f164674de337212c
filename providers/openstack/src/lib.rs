//! OpenStack clouds, driven with an ordinary tenant's rights: Keystone, Nova, Glance and Neutron, and Cinder's listing.
//!
//! Every call goes over the session of the `openstack` crate, which authenticates, discovers services and sets microversions. What a
//! cloud offers is looked at once, when the provider is made: extensions, external networks, IPv6 subnets, zones. Nothing of it is
//! taken from the cloud's name or version.
//!
//! Without the feature `client` only the words of the configuration are here, so that a program that is built without the SDK still
//! reads and checks them.

#[cfg(feature = "client")]
mod api;
#[cfg(feature = "client")]
mod clouds;
mod config;
#[cfg(feature = "client")]
mod identity;
#[cfg(feature = "client")]
mod provider;
#[cfg(feature = "client")]
mod tags;

#[cfg(feature = "client")]
pub use clouds::CloudsError;
pub use config::{OpenStackConfig, PortForwarding};
#[cfg(feature = "client")]
pub use provider::{ConnectError, OpenStackProvider};
