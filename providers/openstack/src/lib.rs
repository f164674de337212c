//! OpenStack clouds, driven with an ordinary tenant's rights: Keystone, Nova, Glance and Neutron, and Cinder's listing.
//!
//! Every call goes over the session of the `openstack` crate, which authenticates, discovers services and sets microversions. What a
//! cloud offers is looked at once, when the provider is made: extensions, external networks, IPv6 subnets, zones. Nothing of it is
//! taken from the cloud's name or version.

mod api;
mod clouds;
mod config;
mod identity;
mod provider;
mod tags;

pub use clouds::CloudsError;
pub use config::OpenStackConfig;
pub use provider::{ConnectError, OpenStackProvider};
