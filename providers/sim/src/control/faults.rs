//! Faults of the control plane: which request fails is drawn from the seed and the request's number, so a run can be had again.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use levelfield_provider::FailureClass;

use super::answer::ApiError;
use crate::{Faults, cloud::Refusal, random::Seed};

/// The wait that a throttled caller is asked for, in wall seconds: it shows that the caller keeps to it, and costs little.
const RETRY_AFTER: f64 = 1.0;

/// Draws the faults of a control plane.
pub(super) struct Injector {
    seed: Seed,
    faults: Faults,
    requests: AtomicU64,
}

/// What is done to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    ErrorBefore,
    ErrorAfter,
    Throttle,
    ResetBefore,
    ResetAfter,
}

impl Injector {
    pub(super) fn new(seed: Seed, faults: Faults) -> Self {
        Self { seed, faults, requests: AtomicU64::new(0) }
    }

    /// The fault of the next request.
    fn draw(&self) -> Option<Fault> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut drawn = self.seed.fraction(&["fault", &number.to_string()]);
        let Faults { api_500_before, api_500_after, throttle, reset, .. } = self.faults;
        for (rate, fault) in [
            (api_500_before, Fault::ErrorBefore),
            (api_500_after, Fault::ErrorAfter),
            (throttle, Fault::Throttle),
            (reset / 2.0, Fault::ResetBefore),
            (reset / 2.0, Fault::ResetAfter),
        ] {
            if drawn < rate {
                return Some(fault);
            }
            drawn -= rate;
        }
        None
    }
}

/// Lets a request through, or not.
pub(super) async fn inject(State(injector): State<Arc<Injector>>, request: Request, next: Next) -> Response {
    match injector.draw() {
        None => next.run(request).await,
        Some(Fault::ErrorBefore) => internal_error(),
        Some(Fault::ErrorAfter) => {
            next.run(request).await;
            internal_error()
        }
        Some(Fault::Throttle) => {
            let mut refusal = Refusal::new(FailureClass::Throttled, "too many requests");
            refusal.retry_after = Some(RETRY_AFTER);
            ApiError(refusal).into_response()
        }
        Some(Fault::ResetBefore) => dropped(),
        Some(Fault::ResetAfter) => {
            next.run(request).await;
            dropped()
        }
    }
}

fn internal_error() -> Response {
    ApiError(Refusal::new(FailureClass::Unavailable, "an internal error occurred")).into_response()
}

/// An answer that ends before it said anything: the server drops the connection in its middle.
fn dropped() -> Response {
    let broken =
        futures_util::stream::once(async { Err::<Vec<u8>, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
    (StatusCode::OK, [(header::CONTENT_LENGTH, "4096")], Body::from_stream(broken)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(faults: Faults) -> Vec<Option<Fault>> {
        let injector = Injector::new(Seed::new(3), faults);
        (0..1000).map(|_| injector.draw()).collect()
    }

    #[test]
    fn faults_come_at_their_rate_and_can_be_had_again() {
        let faults = Faults { api_500_before: 0.1, throttle: 0.2, ..Faults::default() };
        let drawn = draws(faults);
        assert_eq!(drawn, draws(faults));
        let count = |fault| drawn.iter().filter(|drawn| **drawn == Some(fault)).count();
        assert!((70..130).contains(&count(Fault::ErrorBefore)));
        assert!((160..240).contains(&count(Fault::Throttle)));
        assert_eq!(count(Fault::ResetAfter), 0);
        assert!(draws(Faults::default()).iter().all(Option::is_none));
    }
}
