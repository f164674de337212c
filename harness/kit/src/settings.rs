//! What a configuration says of a target beside how to reach it: choices for where the catalogue decides nothing, services to
//! reach, budgets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Settings {
    /// Site-specific choices, used only where the standard's own way finds nothing. That it found nothing stays a failure of the
    /// behaviour concerned; the choices let the later steps get verdicts of their own.
    #[serde(rename = "use")]
    pub choices: Choices,
    /// What nodes must be able to reach.
    pub services: Services,
    /// How much of the target may be in use at one time.
    pub budget: Budget,
    /// How large the behaviours about scale are made here.
    pub scale: Scale,
}

/// Site-specific choices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Choices {
    /// Network, by id or name.
    pub network: Option<String>,
    /// Flavor, by id or name.
    pub flavor: Option<String>,
    /// Image, by id or name.
    pub image: Option<String>,
    /// Images of other distributions, by id or name, for behaviours that hold for every image.
    pub other_images: Vec<String>,
    /// The account that the image's documentation states, for catalogues that do not.
    pub account: Option<String>,
}

/// What nodes must be able to reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Services {
    /// URL of an echo service outside: it answers with the caller's address as plain text.
    pub echo: Option<String>,
    /// The same over IPv6.
    pub echo_ipv6: Option<String>,
    /// URLs of dependency repositories, by what they are: `packages`, `code`, `registry`.
    pub mirrors: BTreeMap<String, String>,
    /// HTTPS URLs whose certificates must verify with the node's own roots.
    pub tls: Vec<String>,
    /// Names outside that must resolve.
    pub names: Vec<String>,
    /// URL of a static service that nodes must reach.
    pub static_service: Option<String>,
}

/// How much of a target may be in use at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Budget {
    /// Nodes that may exist at one time.
    pub nodes: u32,
    /// Floating addresses that may exist at one time.
    pub addresses: u32,
    /// Behaviours observed side by side.
    pub parallel: u32,
}

/// How large the behaviours about scale are made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Scale {
    /// Nodes that walk the steps together, instead of the guideline's number.
    pub nodes: Option<u32>,
}

impl Default for Budget {
    /// Eight nodes, two addresses, eight behaviours side by side.
    fn default() -> Self {
        Self { nodes: 8, addresses: 2, parallel: 8 }
    }
}
