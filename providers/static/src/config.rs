//! The configuration's own words.

use std::{net::IpAddr, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Machines that exist already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StaticConfig {
    /// The machines.
    pub nodes: Vec<StaticNode>,
    /// Whether accounts and login rules inside them may be changed for good.
    #[serde(default)]
    pub alterable: bool,
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StaticNode {
    /// A name of its own; also its id.
    pub name: String,
    /// Its address, or a name that has one.
    pub host: String,
    /// The TCP port of its SSH server.
    #[serde(default = "ssh_port")]
    pub port: u16,
    /// The account to log in to.
    pub account: String,
    /// Where the private key that logs in is found. Never the key itself.
    pub private_key: KeySource,
    /// The host's public key in OpenSSH's one-line form, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// Its address on a network that it shares with the other machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_address: Option<IpAddr>,
}

/// Where a private key is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeySource {
    /// In a file. `~/` at its beginning means the home folder.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
}

fn ssh_port() -> u16 {
    22
}
