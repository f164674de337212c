//! The control plane: a small HTTP API of the sim's own, in JSON, with the nouns of the provider interface as its bodies.

mod answer;
mod faults;
mod routes;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::header,
    middleware::{self, Next},
    response::Response,
};
use levelfield_provider::FailureClass;
use serde::{Deserialize, Serialize};

use self::{answer::ApiError, faults::Injector};
use crate::cloud::{Cloud, Refusal};

/// What a failed call is answered with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ErrorBody {
    /// The class of the failure.
    pub(crate) code: FailureClass,
    /// For people.
    pub(crate) message: String,
    /// The input to blame.
    #[serde(default)]
    pub(crate) culprit: Option<String>,
    /// Wall seconds after which to ask again.
    #[serde(default)]
    pub(crate) retry_after: Option<f64>,
}

/// What the cloud says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) persona: String,
    pub(crate) title: String,
    pub(crate) version: String,
    pub(crate) catalogue: String,
    pub(crate) pace: f64,
    pub(crate) capabilities: Vec<levelfield_provider::Capability>,
    pub(crate) outside: String,
}

/// The address that a floating address is to be attached to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Attachment {
    pub(crate) node: String,
}

/// What is to be done to a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Action {
    pub(crate) action: levelfield_provider::NodeAction,
}

/// The API's routes, for callers that bear `token`.
pub(crate) fn router(cloud: Arc<Cloud>, token: &str) -> Router {
    let injector = Arc::new(Injector::new(cloud.seed, cloud.persona.faults));
    routes::all()
        .with_state(cloud)
        .layer(middleware::from_fn_with_state(injector, faults::inject))
        .layer(middleware::from_fn_with_state(Arc::new(format!("Bearer {token}")), admit))
}

async fn admit(State(expected): State<Arc<String>>, request: Request, next: Next) -> Result<Response, ApiError> {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some(expected.as_str()) {
        return Err(ApiError(Refusal::new(FailureClass::Unauthorized, "the token is missing or wrong")));
    }
    Ok(next.run(request).await)
}
