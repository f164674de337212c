//! What a configuration says of an OpenStack cloud: its name in `clouds.yaml`, and little else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An OpenStack cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct OpenStackConfig {
    /// The cloud's name in `clouds.yaml`. When absent, `OS_CLOUD` or the other `OS_*` variables say which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<String>,
    /// The region; that of `clouds.yaml` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The external network that floating addresses come from, by id or name. When absent it is found: the one that a router of the
    /// project leads to, the one marked as default, or the only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_network: Option<String>,
}
