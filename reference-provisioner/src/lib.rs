//! The reference provisioner: DHCP, `ProxyDHCP`, TFTP and HTTP boot with an API in front.
//!
//! This crate holds the name and the place; it has no code yet.
