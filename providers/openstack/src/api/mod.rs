//! One call on one service, over the session of the `openstack` crate: authenticated, discovered, judged by status.

pub(crate) mod compute;
mod failure;
pub(crate) mod image;
pub(crate) mod network;

use std::{collections::HashSet, sync::Arc};

use levelfield_provider::{FailureClass, ProviderError, Result};
use openstack::session::Session;
use osauth::{
    ApiVersion, ErrorKind, ServiceRequestBuilder,
    services::{BLOCK_STORAGE, COMPUTE, IMAGE, NETWORK, ServiceType},
};
use reqwest::{Method, Response, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::identity::Keystone;

/// The most that is read of one answer, in bytes.
const LARGEST: usize = 32 << 20;
/// The most pages that one listing may have: a service that ignores the marker must not be followed for ever.
const MOST_PAGES: usize = 500;

/// The parts of paths, besides the first, that are fixed.
const VERBS: [&str; 4] = ["action", "detail", "details.json", "volumes"];

/// A service, by its type in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Compute,
    Image,
    Network,
    Volume,
}

/// The error that a call without an answer is, when nothing was to be made.
pub(crate) fn unanswered(operation: &str, error: osauth::Error) -> ProviderError {
    failure::unanswered(operation, error, Effect::Reads)
}

/// What a call does, as far as that decides what a broken one leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Changes,
    Creates,
}

/// One request.
pub(crate) struct Call<'a> {
    /// What is being done, to what, for the reader of an error.
    pub(crate) operation: String,
    pub(crate) service: Service,
    pub(crate) method: Method,
    pub(crate) path: Vec<&'a str>,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) effect: Effect,
    /// Compute's microversion; 2.1 where absent.
    pub(crate) version: Option<ApiVersion>,
    /// The ids and names that the request mentions, one of which an error may be about.
    pub(crate) inputs: Vec<&'a str>,
}

impl<'a> Call<'a> {
    pub(crate) fn get(operation: impl Into<String>, service: Service, path: impl Into<Vec<&'a str>>) -> Self {
        Self::new(operation, service, Method::GET, path, Effect::Reads)
    }

    pub(crate) fn post(operation: impl Into<String>, service: Service, path: impl Into<Vec<&'a str>>) -> Self {
        Self::new(operation, service, Method::POST, path, Effect::Creates)
    }

    pub(crate) fn new(
        operation: impl Into<String>,
        service: Service,
        method: Method,
        path: impl Into<Vec<&'a str>>,
        effect: Effect,
    ) -> Self {
        let path = path.into();
        Self {
            operation: operation.into(),
            service,
            method,
            // The folder, and what is done in it, are nobody's inputs.
            inputs: path.iter().skip(1).copied().filter(|part| !VERBS.contains(part)).collect(),
            path,
            query: Vec::new(),
            body: None,
            effect,
            version: None,
        }
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn version(mut self, minor: u16) -> Self {
        self.version = Some(ApiVersion(2, minor));
        self
    }

    /// An order to a thing that exists.
    pub(crate) fn changing(mut self) -> Self {
        self.effect = Effect::Changes;
        self
    }

    pub(crate) fn naming(mut self, inputs: impl IntoIterator<Item = &'a str>) -> Self {
        self.inputs.extend(inputs);
        self
    }
}

/// The services of one region. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    session: Arc<Session>,
    /// What the session logs in with.
    keystone: Keystone,
}

impl Api {
    pub(crate) fn new(session: Session, keystone: Keystone) -> Self {
        Self { session: Arc::new(session), keystone }
    }

    /// The same services in another region.
    pub(crate) fn in_region(&self, region: &str) -> Self {
        Self::new(Session::clone(&self.session).with_region(region), self.keystone.clone())
    }

    /// The newest microversion of the Compute API, where it has any.
    pub(crate) async fn compute_version(&self) -> Result<Option<String>> {
        let operation = "read the compute service's versions";
        let known = self.session.get_api_versions(COMPUTE).await;
        let known = known.map_err(|error| failure::unanswered(operation, error, Effect::Reads))?;
        Ok(known.map(|(_, newest)| newest.to_string()))
    }

    /// Sees that there is an image service. Nothing else asks for it before images are listed.
    pub(crate) async fn find_images(&self) -> Result<()> {
        let found = self.session.get_endpoint(IMAGE, ["images"]).await;
        found.map(drop).map_err(|error| failure::unanswered("find the image service", error, Effect::Reads))
    }

    /// Makes the call and reads its answer.
    pub(crate) async fn fetch<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T> {
        let (operation, effect) = (call.operation.clone(), call.effect);
        let text = self.send(call).await?;
        serde_json::from_str(&text).map_err(|error| {
            let left = match effect {
                Effect::Creates => levelfield_provider::LeftBehind::Unknown,
                Effect::Reads | Effect::Changes => levelfield_provider::LeftBehind::Nothing,
            };
            ProviderError::new(operation, FailureClass::Unexpected, "the answer cannot be read")
                .leaving(left)
                .caused_by(error)
        })
    }

    /// Makes the call; its answer does not matter, if it is a success.
    pub(crate) async fn order(&self, call: Call<'_>) -> Result<()> {
        self.send(call).await.map(drop)
    }

    async fn send(&self, call: Call<'_>) -> Result<String> {
        let no_answer = |error| failure::unanswered(&call.operation, error, call.effect);
        // Whatever is wrong with a login has no effect on the service.
        let no_login = |error| failure::unanswered(&call.operation, error, Effect::Reads);
        let logins = self.keystone.log_in_first().await.map_err(no_login)?;
        let mut answer = self.ask(&call).await;
        // A token may have been revoked before its time: once, another one is asked for. Where it is the discovery before a
        // service's first call that is refused, there is an error instead of an answer.
        let refused = match &answer {
            Ok(response) => response.status() == StatusCode::UNAUTHORIZED,
            Err(error) => error.kind() == ErrorKind::AuthenticationFailed,
        };
        if refused {
            self.keystone.log_in_again(logins).await.map_err(no_login)?;
            answer = self.ask(&call).await;
        }
        let response = answer.map_err(no_answer)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = read(response).await.map_err(|why| no_answer(osauth::Error::new(ErrorKind::ProtocolError, why)))?;
        // A redirect that was not followed is no success either: the service never saw the call.
        if !status.is_success() {
            return Err(failure::refused(&call.operation, status, &headers, &text, call.effect, &call.inputs));
        }
        Ok(text)
    }

    async fn ask(&self, call: &Call<'_>) -> std::result::Result<Response, osauth::Error> {
        match call.service {
            Service::Compute => {
                let mut request = self.request(COMPUTE, call);
                if let Some(version) = call.version {
                    request.set_api_version(version);
                }
                request.send_unchecked().await
            }
            Service::Image => self.request(IMAGE, call).send_unchecked().await,
            Service::Network => self.request(NETWORK, call).send_unchecked().await,
            Service::Volume => self.request(BLOCK_STORAGE, call).send_unchecked().await,
        }
    }

    fn request<S: ServiceType + Send>(&self, service: S, call: &Call<'_>) -> ServiceRequestBuilder<S> {
        let mut request = self.session.request(service, call.method.clone(), call.path.iter());
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        match &call.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// One page of a listing: at most `limit` items after `marker`, and the marker of the next page.
    pub(crate) async fn page<T: Listed>(
        &self,
        call: Call<'_>,
        limit: Option<u32>,
        marker: Option<&str>,
    ) -> Result<(Vec<T>, Option<String>)> {
        let mut call = call;
        if let Some(limit) = limit {
            call = call.query("limit", limit.to_string());
        }
        if let Some(marker) = marker {
            call = call.query("marker", marker);
        }
        let operation = call.operation.clone();
        let answer: Value = self.fetch(call).await?;
        let items = answer.get(T::KEY).cloned().unwrap_or_default();
        let items: Vec<T> = serde_json::from_value(items).map_err(|error| {
            let what = format!("`{}` in the answer cannot be read", T::KEY);
            ProviderError::new(operation, FailureClass::Unexpected, what).caused_by(error)
        })?;
        let next = has_more(&answer, T::KEY).then(|| items.last().map(T::marker)).flatten();
        Ok((items, next))
    }

    /// Every item of a listing.
    pub(crate) async fn all<'a, T: Listed>(&self, make: impl Fn() -> Call<'a>) -> Result<Vec<T>> {
        let (mut items, mut marker, mut followed) = (Vec::new(), None, HashSet::new());
        for _ in 0..MOST_PAGES {
            let (page, next) = self.page::<T>(make(), None, marker.as_deref()).await?;
            items.extend(page);
            let Some(next) = next else { return Ok(items) };
            // A service that ignores the marker gives the same page again, and one that confuses markers goes in circles.
            if !followed.insert(next.clone()) {
                break;
            }
            marker = Some(next);
        }
        let operation = make().operation;
        Err(ProviderError::new(
            operation,
            FailureClass::Unexpected,
            "the listing does not end: its marker leads nowhere",
        ))
    }
}

/// Something that a service lists in pages.
pub(crate) trait Listed: DeserializeOwned {
    /// The key under which the answer holds the items.
    const KEY: &'static str;

    /// What names the item as the last one of a page.
    fn marker(&self) -> String;
}

/// Whether a listing goes on: Nova and Neutron say so by a link beside the items, Glance by a path.
fn has_more(answer: &Value, key: &str) -> bool {
    let links = answer.get(format!("{key}_links")).and_then(Value::as_array);
    let link =
        links.is_some_and(|links| links.iter().any(|link| link.get("rel").and_then(Value::as_str) == Some("next")));
    link || answer.get("next").is_some_and(Value::is_string)
}

async fn read(mut response: Response) -> std::result::Result<String, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST {
            return Err(format!("the answer is longer than {} MiB", LARGEST >> 20));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A request's body under one key, as most calls want it.
pub(crate) fn under(key: &str, value: impl Serialize) -> Value {
    serde_json::json!({ key: value })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_listing_goes_on_while_the_service_says_so() {
        for (answer, more) in [
            (json!({ "servers": [], "servers_links": [{ "rel": "next", "href": "…" }] }), true),
            (json!({ "servers": [], "servers_links": [{ "rel": "previous", "href": "…" }] }), false),
            (json!({ "servers": [] }), false),
        ] {
            assert_eq!(has_more(&answer, "servers"), more, "{answer}");
        }
        assert!(has_more(&json!({ "images": [], "next": "/v2/images?marker=x" }), "images"));
    }
}
