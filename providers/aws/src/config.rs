//! What a configuration says of an AWS account, or of another endpoint with EC2's API: little, because the SDK's own files say the rest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An AWS account in one region, or another endpoint that speaks EC2's API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AwsConfig {
    /// The profile in `~/.aws/config`; `AWS_PROFILE` or the default one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The region; that of the profile or the environment when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The URL of another endpoint than AWS's own; that of the profile or of `AWS_ENDPOINT_URL` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The VPC that nodes and groups are made in; the region's default VPC when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// Accounts whose images are listed too, by number; one's own and those of the distributions always are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_owners: Vec<String>,
}
