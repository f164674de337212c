//! The instance metadata service: a real HTTP server that knows a node by the address that it asks from.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    extract::{ConnectInfo, Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, put},
};
use serde_json::json;

use crate::{
    MetadataStyle, Mutation, TokenMode,
    cloud::{Cloud, Facts},
};

type Reply = Result<String, StatusCode>;

const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const FORWARDED: &str = "x-forwarded-for";

/// The service's routes.
pub(crate) fn router(cloud: Arc<Cloud>) -> Router {
    Router::new()
        .route("/latest/api/token", put(token))
        .route("/latest/user-data", get(user_data))
        .route("/latest/meta-data/", get(listing))
        .route("/latest/meta-data/{*path}", get(fact))
        .route("/openstack/latest/meta_data.json", get(openstack))
        .route("/openstack/latest/user_data", get(user_data))
        .with_state(cloud)
}

/// The node that asks.
fn asker(cloud: &Cloud, caller: SocketAddr, headers: &HeaderMap) -> Result<Facts, StatusCode> {
    let mut address = caller.ip();
    if cloud.has(Mutation::MetadataTrustsForwardedFor)
        && let Some(claimed) = text(headers, FORWARDED).and_then(|claim| claim.split(',').next()?.trim().parse().ok())
    {
        address = claimed;
    }
    cloud.node_at(address).ok_or(StatusCode::NOT_FOUND)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn session_token(cloud: &Cloud, node: &Facts) -> String {
    cloud.seed.hex(&["metadata token", &node.id], 48)
}

/// The node that asks, if it may.
fn admitted(cloud: &Cloud, caller: SocketAddr, headers: &HeaderMap) -> Result<Facts, StatusCode> {
    let node = asker(cloud, caller, headers)?;
    if cloud.persona.metadata.token == TokenMode::Absent {
        return Ok(node);
    }
    // A token is the asking machine's, whoever it claims to ask for.
    let holder = cloud.node_at(caller.ip()).ok_or(StatusCode::NOT_FOUND)?;
    match text(headers, TOKEN) {
        Some(token) if token == session_token(cloud, &holder) => Ok(node),
        Some(_) => Err(StatusCode::UNAUTHORIZED),
        None if cloud.persona.metadata.token == TokenMode::Required => Err(StatusCode::UNAUTHORIZED),
        None => Ok(node),
    }
}

async fn token(
    State(cloud): State<Arc<Cloud>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Reply {
    if cloud.persona.metadata.token == TokenMode::Absent {
        return Err(StatusCode::NOT_FOUND);
    }
    // As on AWS: a request that came through a proxy gets no token.
    if headers.contains_key(FORWARDED) && !cloud.has(Mutation::MetadataTrustsForwardedFor) {
        return Err(StatusCode::FORBIDDEN);
    }
    if text(&headers, TOKEN_TTL).and_then(|ttl| ttl.parse::<u32>().ok()).is_none_or(|ttl| !(1..=21600).contains(&ttl)) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let node = cloud.node_at(caller.ip()).ok_or(StatusCode::NOT_FOUND)?;
    Ok(session_token(&cloud, &node))
}

async fn user_data(
    State(cloud): State<Arc<Cloud>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Reply {
    admitted(&cloud, caller, &headers)?.user_data.ok_or(StatusCode::NOT_FOUND)
}

async fn listing(
    State(cloud): State<Arc<Cloud>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Reply {
    let node = admitted(&cloud, caller, &headers)?;
    let mut names = vec!["hostname", "instance-id", "local-hostname", "local-ipv4", "placement/"];
    names.extend(node.public.map(|_| "public-ipv4"));
    names.extend(node.key.as_ref().map(|_| "public-keys/"));
    names.sort_unstable();
    Ok(names.join("\n"))
}

async fn fact(
    State(cloud): State<Arc<Cloud>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Reply {
    let node = admitted(&cloud, caller, &headers)?;
    let found = match path.trim_end_matches('/') {
        "instance-id" => Some(node.id),
        "local-ipv4" => Some(node.stated.to_string()),
        "public-ipv4" => node.public.map(|address| public(&cloud, address).to_string()),
        "ipv6" => node.six.map(|address| address.to_string()),
        "hostname" | "local-hostname" => Some(node.name),
        "placement/availability-zone" => Some(node.zone),
        "public-keys" => node.key.map(|(name, _)| format!("0={name}")),
        "public-keys/0" => node.key.map(|_| "openssh-key".to_owned()),
        "public-keys/0/openssh-key" => node.key.map(|(_, key)| format!("{key}\n")),
        _ => None,
    };
    found.ok_or(StatusCode::NOT_FOUND)
}

/// The public address that the service states.
fn public(cloud: &Cloud, address: Ipv4Addr) -> IpAddr {
    if cloud.has(Mutation::MetadataPublicAddressWrong) {
        return Ipv4Addr::from(u32::from(address) ^ 1).into();
    }
    address.into()
}

async fn openstack(
    State(cloud): State<Arc<Cloud>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Reply {
    if cloud.persona.metadata.style != MetadataStyle::Openstack {
        return Err(StatusCode::NOT_FOUND);
    }
    let node = admitted(&cloud, caller, &headers)?;
    let keys: BTreeMap<_, _> = node.key.into_iter().collect();
    let document = json!({
        "uuid": node.id,
        "name": node.name,
        "hostname": node.name,
        "availability_zone": node.zone,
        "public_keys": keys,
        "launch_index": 0,
    });
    Ok(document.to_string())
}
