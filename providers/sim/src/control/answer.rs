//! Refusals as HTTP answers.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use levelfield_provider::FailureClass;

use super::ErrorBody;
use crate::cloud::Refusal;

/// A refusal on its way out.
#[derive(Debug)]
pub(super) struct ApiError(pub(super) Refusal);

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Refusal { class, message, culprit, retry_after } = self.0;
        let wait = retry_after.map(|seconds| [(header::RETRY_AFTER, format!("{}", seconds.ceil()))]);
        let body = Json(ErrorBody { code: class, message, culprit, retry_after });
        match wait {
            Some(headers) => (status(class), headers, body).into_response(),
            None => (status(class), body).into_response(),
        }
    }
}

fn status(class: FailureClass) -> StatusCode {
    match class {
        FailureClass::Invalid => StatusCode::BAD_REQUEST,
        FailureClass::NotFound => StatusCode::NOT_FOUND,
        FailureClass::Conflict => StatusCode::CONFLICT,
        FailureClass::Unauthorized => StatusCode::UNAUTHORIZED,
        FailureClass::Forbidden | FailureClass::Quota => StatusCode::FORBIDDEN,
        FailureClass::Capacity => StatusCode::SERVICE_UNAVAILABLE,
        FailureClass::Throttled => StatusCode::TOO_MANY_REQUESTS,
        FailureClass::Unsupported => StatusCode::NOT_IMPLEMENTED,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
