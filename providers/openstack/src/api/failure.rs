//! What went wrong, told from an answer: the class of the failure, the service's own words, what may be left.
//!
//! The crate's typed calls keep neither status nor headers, so every call goes over its session and is judged here.

use std::time::Duration;

use levelfield_provider::{FailureClass, LeftBehind, ProviderError};
use osauth::ErrorKind;
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;

use super::Effect;

/// The longest message that is passed on, in characters.
const LONGEST: usize = 600;

/// The error that an answer of any status but 2xx is. `inputs` are the things that the call named, one of which may be the culprit.
pub(crate) fn refused(
    operation: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &str,
    effect: Effect,
    inputs: &[&str],
) -> ProviderError {
    let said = message(body);
    let class = classify(status, &said);
    let request = ["x-openstack-request-id", "x-compute-request-id"];
    let request = request.iter().find_map(|name| headers.get(*name)?.to_str().ok());
    let elsewhere = headers.get("location").and_then(|to| to.to_str().ok()).filter(|_| status.is_redirection());
    let words = match elsewhere {
        Some(to) => format!("the service redirects to {to}"),
        None if said.text.is_empty() => status.to_string(),
        None => said.text,
    };
    let message = match request {
        Some(id) => format!("{words} [HTTP {}, {id}]", status.as_u16()),
        None => format!("{words} [HTTP {}]", status.as_u16()),
    };
    let culprit = inputs.iter().find(|input| !input.is_empty() && words.contains(**input));
    let mut error = ProviderError::new(operation, class, message).after(retry_after(headers)).leaving(
        // A gateway that gives up says nothing of what the service behind it did.
        if status.is_server_error() && effect == Effect::Creates { LeftBehind::Unknown } else { LeftBehind::Nothing },
    );
    if let Some(culprit) = culprit {
        error = error.culprit(*culprit);
    }
    error
}

/// The error that a call without an answer is.
#[expect(clippy::needless_pass_by_value, reason = "what came back is given away with the call")]
pub(crate) fn unanswered(operation: &str, error: osauth::Error, effect: Effect) -> ProviderError {
    let class = match error.kind() {
        ErrorKind::AuthenticationFailed => FailureClass::Unauthorized,
        ErrorKind::AccessDenied => FailureClass::Forbidden,
        ErrorKind::EndpointNotFound | ErrorKind::IncompatibleApiVersion => FailureClass::Unsupported,
        ErrorKind::OperationTimedOut => FailureClass::Timeout,
        ErrorKind::InternalServerError => FailureClass::Unavailable,
        ErrorKind::InvalidInput | ErrorKind::InvalidConfig => FailureClass::Local,
        ErrorKind::ResourceNotFound | ErrorKind::InvalidResponse => FailureClass::Unexpected,
        _ => FailureClass::Transport,
    };
    // Whether the request had been sent when the connection broke is not known.
    let broke = matches!(class, FailureClass::Transport | FailureClass::Timeout | FailureClass::Unavailable);
    let left = if broke && effect == Effect::Creates { LeftBehind::Unknown } else { LeftBehind::Nothing };
    ProviderError::new(operation, class, error.to_string()).leaving(left)
}

/// What a service said of a failure.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// In words.
    text: String,
    /// Neutron's name for it.
    kind: Option<String>,
}

/// Reads the message from any of the shapes in use: `{"badRequest": {"message": …}}` (Nova), `{"NeutronError": {"type": …}}`,
/// `{"error": {…}}` (Keystone), `{"message": …}` (Placement and others), or plain text and HTML (Glance, gateways).
fn message(body: &str) -> Said {
    let Ok(Value::Object(map)) = serde_json::from_str::<Value>(body) else {
        return Said { text: shorten(&without_tags(body)), kind: None };
    };
    let inner = map.values().find_map(Value::as_object).unwrap_or(&map);
    let text = |name: &str| inner.get(name).or_else(|| map.get(name)).and_then(Value::as_str).unwrap_or_default();
    let words = [text("message"), text("faultstring"), text("title"), text("detail")];
    let words = words.into_iter().find(|word| !word.is_empty()).unwrap_or(body);
    Said { text: shorten(&without_tags(words)), kind: inner.get("type").and_then(Value::as_str).map(str::to_owned) }
}

fn without_tags(text: &str) -> String {
    let mut inside = false;
    let plain: String = text
        .chars()
        .filter_map(|character| match character {
            '<' => {
                inside = true;
                None
            }
            '>' if inside => {
                inside = false;
                Some(' ')
            }
            _ if inside => None,
            other => Some(other),
        })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn classify(status: StatusCode, said: &Said) -> FailureClass {
    let words = said.text.to_lowercase();
    let kind = said.kind.as_deref().unwrap_or_default();
    // Nova: "Quota exceeded for cores: …", but "Maximum number of ports exceeded".
    let of_quota = kind == "OverQuota"
        || words.contains("quota")
        || (words.contains("maximum number of") && words.contains("exceeded"));
    let exhausted = matches!(kind, "IpAddressGenerationFailure" | "ExternalIpAddressExhausted")
        || words.contains("no more ip addresses")
        || words.contains("no valid host");
    match status.as_u16() {
        300..=399 => FailureClass::Unexpected,
        401 => FailureClass::Unauthorized,
        // Nova answers 403 to what exceeds a quota, Neutron 409, older services 413.
        403 | 409 | 413 if of_quota => FailureClass::Quota,
        403 => FailureClass::Forbidden,
        404 | 410 => FailureClass::NotFound,
        405 | 406 | 501 => FailureClass::Unsupported,
        409 | 503 if exhausted => FailureClass::Capacity,
        409 => FailureClass::Conflict,
        // Nova's old rate limiter answers 413 "overLimit" with a Retry-After.
        413 | 429 => FailureClass::Throttled,
        408 => FailureClass::Timeout,
        500..=599 => FailureClass::Unavailable,
        _ => FailureClass::Invalid,
    }
}

/// `Retry-After` in seconds, as services send it; a date is not understood.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get("retry-after")?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, body: &str) -> FailureClass {
        let status = StatusCode::from_u16(status).unwrap();
        refused("create node", status, &HeaderMap::new(), body, Effect::Creates, &[]).class
    }

    #[test]
    fn status_and_words_make_the_class() {
        for (status, body, expected) in [
            (400, r#"{"badRequest": {"code": 400, "message": "Invalid key_name provided."}}"#, FailureClass::Invalid),
            (
                401,
                r#"{"error": {"code": 401, "message": "The request you have made requires authentication."}}"#,
                FailureClass::Unauthorized,
            ),
            (
                403,
                r#"{"forbidden": {"code": 403, "message": "Quota exceeded for cores: Requested 4, but already used 8 of 8 cores"}}"#,
                FailureClass::Quota,
            ),
            (
                403,
                r#"{"forbidden": {"code": 403, "message": "Maximum number of ports exceeded"}}"#,
                FailureClass::Quota,
            ),
            (
                403,
                r#"{"forbidden": {"code": 403, "message": "Policy doesn't allow os_compute_api:servers:create"}}"#,
                FailureClass::Forbidden,
            ),
            (
                404,
                "<html><head><title>404 Not Found</title></head><body>No image found</body></html>",
                FailureClass::NotFound,
            ),
            (
                409,
                r#"{"NeutronError": {"type": "OverQuota", "message": "Quota exceeded for resources: ['floatingip'].", "detail": ""}}"#,
                FailureClass::Quota,
            ),
            (
                409,
                r#"{"NeutronError": {"type": "IpAddressGenerationFailure", "message": "No more IP addresses available on network x.", "detail": ""}}"#,
                FailureClass::Capacity,
            ),
            (
                409,
                r#"{"NeutronError": {"type": "SecurityGroupInUse", "message": "Security Group x in use.", "detail": ""}}"#,
                FailureClass::Conflict,
            ),
            (
                413,
                r#"{"overLimit": {"code": 413, "message": "This request was rate-limited.", "retryAfter": 3}}"#,
                FailureClass::Throttled,
            ),
            (429, "", FailureClass::Throttled),
            (500, r#"{"computeFault": {"code": 500, "message": "Unexpected API Error."}}"#, FailureClass::Unavailable),
            (
                503,
                "<html><body><h1>503 Service Unavailable</h1> No server is available </body></html>",
                FailureClass::Unavailable,
            ),
            (501, "", FailureClass::Unsupported),
            (302, "", FailureClass::Unexpected),
        ] {
            assert_eq!(class(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn an_error_says_what_came_back_and_what_may_be_left() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "7".parse().unwrap());
        headers.insert("x-openstack-request-id", "req-1".parse().unwrap());
        let body = r#"{"badRequest": {"message": "Flavor m1.none could not be found."}}"#;
        let inputs = ["lf-a", "m1.none"];
        let error = refused("create node \"lf-a\"", StatusCode::BAD_REQUEST, &headers, body, Effect::Creates, &inputs);
        assert_eq!(
            error.to_string(),
            "create node \"lf-a\": Flavor m1.none could not be found. [HTTP 400, req-1] (invalid)"
        );
        assert_eq!(error.culprit.as_deref(), Some("m1.none"));
        assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
        assert_eq!(error.left_behind, LeftBehind::Nothing);
        let status = StatusCode::BAD_GATEWAY;
        let error = refused("create node", status, &headers, "<h1>Bad Gateway</h1>", Effect::Creates, &[]);
        assert_eq!(error.left_behind, LeftBehind::Unknown);
        assert!(error.message.starts_with("Bad Gateway [HTTP 502"), "{error}");
    }

    #[test]
    fn broken_connections_leave_the_unknown_only_when_something_was_to_be_made() {
        let broken = || osauth::Error::new(ErrorKind::ProtocolError, "connection closed");
        assert_eq!(unanswered("x", broken(), Effect::Creates).left_behind, LeftBehind::Unknown);
        assert_eq!(unanswered("x", broken(), Effect::Reads).left_behind, LeftBehind::Nothing);
        assert_eq!(unanswered("x", broken(), Effect::Reads).class, FailureClass::Transport);
    }
}
