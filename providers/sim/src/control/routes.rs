//! What each path of the control plane does.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query as Parameters, State, rejection::JsonRejection},
    http::StatusCode,
    routing::{delete, get, post, put},
};
use levelfield_provider::{
    Address, AddressRequest, Console, Flavor, Group, GroupRequest, Image, KeyPair, KeyRequest, Network, Node,
    NodeRequest, Page, Query, Quota, Region, Resource, Rule, Tags,
};
use serde::Deserialize;

use super::{About, Action, Attachment, answer::ApiError};
use crate::cloud::{Cloud, Refusal};

type Cloudy = State<Arc<Cloud>>;
type Reply<T> = Result<Json<T>, ApiError>;
type Done = Result<StatusCode, ApiError>;
type Body<T> = Result<Json<T>, JsonRejection>;

/// Every route.
pub(super) fn all() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/v1/about", get(about))
        .route("/v1/quota", get(|State(cloud): Cloudy| async move { Json::<Quota>(cloud.quota()) }))
        .route(
            "/v1/regions",
            get(|State(cloud): Cloudy| async move { Json::<Vec<Region>>(cloud.catalog.regions.clone()) }),
        )
        .route("/v1/networks", get(networks))
        .route("/v1/flavors", get(flavors))
        .route("/v1/images", get(images))
        .route(
            "/v1/keys",
            get(|State(cloud): Cloudy| async move { Json::<Vec<KeyPair>>(cloud.keys()) }).post(import_key),
        )
        .route("/v1/keys/{id}", delete(delete_key))
        .route("/v1/nodes", get(nodes).post(create_node))
        .route("/v1/nodes/{id}", get(node).delete(delete_node))
        .route("/v1/nodes/{id}/actions", post(act))
        .route("/v1/nodes/{id}/console", get(console))
        .route(
            "/v1/groups",
            get(|State(cloud): Cloudy| async move { Json::<Vec<Group>>(cloud.groups()) }).post(create_group),
        )
        .route("/v1/groups/{id}", delete(delete_group))
        .route("/v1/groups/{id}/rules", post(add_rule))
        .route("/v1/groups/{id}/rules/remove", post(remove_rule))
        .route(
            "/v1/addresses",
            get(|State(cloud): Cloudy| async move { Json::<Vec<Address>>(cloud.addresses()) }).post(allocate_address),
        )
        .route("/v1/addresses/{id}", delete(delete_address))
        .route("/v1/addresses/{id}/node", put(attach_address))
        .route("/v1/volumes/{id}", delete(delete_volume))
        .route("/v1/inventory", get(|State(cloud): Cloudy| async move { Json::<Vec<Resource>>(cloud.inventory()) }))
        .fallback(|| async { ApiError(Refusal::missing("operation", "at this path")) })
}

/// The body of a request, or why it is none.
fn read<T>(body: Body<T>) -> Result<T, ApiError> {
    body.map(|Json(body)| body).map_err(|rejection| ApiError(Refusal::invalid(rejection.body_text())))
}

async fn about(State(cloud): Cloudy) -> Json<About> {
    let persona = &cloud.persona;
    Json(About {
        persona: persona.name.clone(),
        title: persona.title.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        catalogue: persona.catalogue_digest(),
        pace: persona.pace,
        capabilities: persona.capabilities.iter().copied().collect(),
        outside: format!("http://127.0.0.1:{}", cloud.ports.outside),
    })
}

async fn networks(State(cloud): Cloudy, Parameters(query): Parameters<Query>) -> Reply<Page<Network>> {
    Ok(Json(cloud.catalog.list_networks(&query)?))
}

async fn flavors(State(cloud): Cloudy, Parameters(query): Parameters<Query>) -> Reply<Page<Flavor>> {
    Ok(Json(cloud.catalog.list_flavors(&query)?))
}

async fn images(State(cloud): Cloudy, Parameters(query): Parameters<Query>) -> Reply<Page<Image>> {
    Ok(Json(cloud.catalog.list_images(&query)?))
}

async fn import_key(State(cloud): Cloudy, body: Body<KeyRequest>) -> Reply<KeyPair> {
    Ok(Json(cloud.import_key(&read(body)?)?))
}

async fn delete_key(State(cloud): Cloudy, Path(id): Path<String>) -> Done {
    cloud.delete_key(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn create_node(State(cloud): Cloudy, body: Body<NodeRequest>) -> Reply<Node> {
    let request = read(body)?;
    cloud.clock.pass(cloud.persona.timings.request).await;
    Ok(Json(cloud.create_node(&request)?))
}

/// What to select by, as JSON: an object of tags, or a list of ids.
#[derive(Deserialize)]
struct Selection {
    tags: Option<String>,
    ids: Option<String>,
}

async fn nodes(State(cloud): Cloudy, Parameters(selection): Parameters<Selection>) -> Reply<Vec<Node>> {
    if let Some(ids) = selection.ids {
        let ids: Vec<String> = serde_json::from_str(&ids)
            .map_err(|error| Refusal::invalid(format!("`ids` is no list of texts: {error}")).blaming("ids"))?;
        return Ok(Json(ids.iter().filter_map(|id| cloud.node(id).ok()).collect()));
    }
    let tags: Tags = match selection.tags {
        None => Tags::new(),
        Some(text) => serde_json::from_str(&text)
            .map_err(|error| Refusal::invalid(format!("`tags` is no object of texts: {error}")).blaming("tags"))?,
    };
    Ok(Json(cloud.nodes(&tags)))
}

async fn node(State(cloud): Cloudy, Path(id): Path<String>) -> Reply<Node> {
    Ok(Json(cloud.node(&id)?))
}

async fn delete_node(State(cloud): Cloudy, Path(id): Path<String>) -> Done {
    cloud.delete_node(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn act(State(cloud): Cloudy, Path(id): Path<String>, body: Body<Action>) -> Done {
    cloud.act(&id, read(body)?.action)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn console(State(cloud): Cloudy, Path(id): Path<String>) -> Reply<Console> {
    Ok(Json(Console { text: cloud.console(&id)? }))
}

async fn create_group(State(cloud): Cloudy, body: Body<GroupRequest>) -> Reply<Group> {
    Ok(Json(cloud.create_group(&read(body)?)?))
}

async fn delete_group(State(cloud): Cloudy, Path(id): Path<String>) -> Done {
    cloud.delete_group(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn add_rule(State(cloud): Cloudy, Path(id): Path<String>, body: Body<Rule>) -> Done {
    cloud.add_rule(&id, &read(body)?)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove_rule(State(cloud): Cloudy, Path(id): Path<String>, body: Body<Rule>) -> Done {
    cloud.remove_rule(&id, &read(body)?)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn allocate_address(State(cloud): Cloudy, body: Body<AddressRequest>) -> Reply<Address> {
    Ok(Json(cloud.allocate_address(&read(body)?)?))
}

async fn attach_address(State(cloud): Cloudy, Path(id): Path<String>, body: Body<Attachment>) -> Done {
    cloud.attach_address(&id, &read(body)?.node)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_address(State(cloud): Cloudy, Path(id): Path<String>) -> Done {
    cloud.delete_address(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_volume(State(cloud): Cloudy, Path(id): Path<String>) -> Done {
    cloud.delete_volume(&id)?;
    Ok(StatusCode::NO_CONTENT)
}
