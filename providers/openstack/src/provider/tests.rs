//! Against a cloud on a loopback port, which answers what a real one was recorded to answer: see `tests/record.sh`.

mod failures;
mod life;
mod offer;
mod replay;

use std::collections::BTreeMap;

use levelfield_provider::Tags;
use serde_json::Value;

use self::replay::{Cloud, Reply, body};
use super::{ConnectError, OpenStackProvider};
use crate::{
    clouds::Surroundings,
    config::{OpenStackConfig, PortForwarding},
};

/// An id that nothing has.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// The tags on everything in the fixtures that was made for them.
fn tags() -> Tags {
    [("levelfield-expires", "1790000000"), ("levelfield-run", "fixture")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Logs in to the cloud with `password`; `right` is the right one.
async fn log_in(cloud: &Cloud, password: &str) -> Result<OpenStackProvider, ConnectError> {
    log_in_as(cloud, password, &OpenStackConfig::default()).await
}

/// The same, configured like this.
async fn log_in_as(cloud: &Cloud, password: &str, config: &OpenStackConfig) -> Result<OpenStackProvider, ConnectError> {
    let auth_url = format!("{}/identity/v3", cloud.address);
    let variables = [
        ("OS_AUTH_URL", auth_url.as_str()),
        ("OS_USERNAME", "demo"),
        ("OS_USER_DOMAIN_NAME", "Default"),
        ("OS_PASSWORD", password),
        ("OS_PROJECT_NAME", "demo"),
        ("OS_PROJECT_DOMAIN_NAME", "Default"),
        ("OS_REGION_NAME", "RegionOne"),
    ];
    let variables: BTreeMap<_, _> = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let around = Surroundings { variables, working_folder: "/nowhere".into(), home: None, system: "/nowhere".into() };
    OpenStackProvider::connect_in(config, &around).await
}

/// A cloud, and the provider of it.
async fn connected() -> (Cloud, OpenStackProvider) {
    let cloud = Cloud::start().await;
    let provider = log_in(&cloud, "right").await.unwrap();
    (cloud, provider)
}

/// The id of the item of a recorded listing that is called `name`.
fn id_of(fixture: &str, listing: &str, name: &str) -> String {
    let body = body(fixture);
    let items = body[listing].as_array().unwrap();
    text(&items.iter().find(|item| item["name"] == name).unwrap()["id"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// An error with all that is beneath it.
fn whole(error: &dyn std::error::Error) -> String {
    let beneath = error.source().map(|source| format!(": {}", whole(source)));
    format!("{error}{}", beneath.unwrap_or_default())
}
