//! Requests to a control plane, and its failures in the provider interface's terms.

use std::time::Duration;

use levelfield_provider::{FailureClass, LeftBehind, ProviderError, ResourceRef, Result};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::{Serialize, de::DeserializeOwned};

use crate::control::ErrorBody;

/// No answer for this long is none, wall time.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a request may leave behind when its answer is lost.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// Something new, whose id is then unknown.
    Creates,
    /// Something that was to be removed.
    Removes(ResourceRef),
}

/// A caller of one control plane.
pub(super) struct Client {
    http: reqwest::Client,
    endpoint: String,
    token: String,
}

impl Client {
    pub(super) fn new(endpoint: &str, token: &str) -> Result<Self> {
        // A proxy that the environment names has no business on the loopback network.
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(|error| {
            ProviderError::new("set up an HTTP client", FailureClass::Local, error.to_string()).caused_by(error)
        })?;
        Ok(Self { http, endpoint: endpoint.trim_end_matches('/').to_owned(), token: token.to_owned() })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.endpoint)).bearer_auth(&self.token)
    }

    /// Reads what is at `path`.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        operation: &str,
        path: &str,
        parameters: &[(&str, String)],
    ) -> Result<T> {
        let request = self.request(Method::GET, path).query(parameters);
        let answer = answer(operation, request, &Effect::None).await?;
        decode(operation, answer, &Effect::None).await
    }

    /// Sends `body`, and reads the answer.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        operation: &str,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
        effect: Effect,
    ) -> Result<T> {
        let answer = answer(operation, self.request(method, path).json(body), &effect).await?;
        decode(operation, answer, &effect).await
    }

    /// Sends `body`; the answer says nothing.
    pub(super) async fn order(
        &self,
        operation: &str,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<()> {
        finish(operation, answer(operation, self.request(method, path).json(body), &Effect::None).await?, &Effect::None)
            .await
    }

    /// Removes `resource`, which is at `path`.
    pub(super) async fn remove(&self, operation: &str, path: &str, resource: &ResourceRef) -> Result<()> {
        let effect = Effect::Removes(resource.clone());
        finish(operation, answer(operation, self.request(Method::DELETE, path), &effect).await?, &effect).await
    }
}

/// The answer to `request`, if it is one of success.
async fn answer(operation: &str, request: RequestBuilder, effect: &Effect) -> Result<reqwest::Response> {
    let answer = request.send().await.map_err(|error| broken(operation, error, effect))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let header = answer.headers().get(reqwest::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = answer.json::<ErrorBody>().await.ok();
    let class = body.as_ref().map_or_else(|| class(status), |body| body.code);
    let message = body.as_ref().map_or_else(|| format!("HTTP {status}"), |body| body.message.clone());
    let wait = body.as_ref().and_then(|body| body.retry_after).or(header);
    let mut error = ProviderError::new(operation, class, message)
        .after(wait.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
        .leaving(left_behind(class, effect));
    error.culprit = body.and_then(|body| body.culprit);
    Err(error)
}

async fn decode<T: DeserializeOwned>(operation: &str, answer: reqwest::Response, effect: &Effect) -> Result<T> {
    let bytes = answer.bytes().await.map_err(|error| broken(operation, error, effect))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        ProviderError::new(operation, FailureClass::Unexpected, format!("the answer cannot be read: {error}"))
            .leaving(left_behind(FailureClass::Unexpected, effect))
            .caused_by(error)
    })
}

/// Reads an answer that says nothing to its end, because only then it has arrived.
async fn finish(operation: &str, answer: reqwest::Response, effect: &Effect) -> Result<()> {
    answer.bytes().await.map(drop).map_err(|error| broken(operation, error, effect))
}

fn broken(operation: &str, error: reqwest::Error, effect: &Effect) -> ProviderError {
    let class = if error.is_timeout() { FailureClass::Timeout } else { FailureClass::Transport };
    // Nothing was sent where there was no connection.
    let left = if error.is_connect() { LeftBehind::Nothing } else { left_behind(class, effect) };
    // The URL in the error's text would name the token's owner to anyone who reads a report; the operation says enough.
    let error = error.without_url();
    ProviderError::new(operation, class, error.to_string()).leaving(left).caused_by(error)
}

/// What a call that failed so may have left.
fn left_behind(class: FailureClass, effect: &Effect) -> LeftBehind {
    let certain = matches!(
        class,
        FailureClass::Invalid
            | FailureClass::NotFound
            | FailureClass::Conflict
            | FailureClass::Unauthorized
            | FailureClass::Forbidden
            | FailureClass::Quota
            | FailureClass::Capacity
            | FailureClass::Throttled
            | FailureClass::Unsupported
    );
    match effect {
        Effect::Creates if !certain => LeftBehind::Unknown,
        Effect::Removes(resource) if class != FailureClass::NotFound => LeftBehind::These(vec![resource.clone()]),
        _ => LeftBehind::Nothing,
    }
}

fn class(status: StatusCode) -> FailureClass {
    match status.as_u16() {
        400 | 422 => FailureClass::Invalid,
        401 => FailureClass::Unauthorized,
        403 => FailureClass::Forbidden,
        404 => FailureClass::NotFound,
        409 => FailureClass::Conflict,
        429 => FailureClass::Throttled,
        500..=599 => FailureClass::Unavailable,
        _ => FailureClass::Unexpected,
    }
}
