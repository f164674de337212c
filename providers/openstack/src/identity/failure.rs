//! What a failed login says: the status, Keystone's words, and never the secret.

use std::{error::Error as _, fmt::Write as _};

use osauth::{Error, ErrorKind};
use reqwest::{Response, Url, header::LOCATION};
use serde_json::Value;

use crate::clouds::Method;

/// The most characters of an answer that are repeated: front ends answer with pages of HTML.
const REPEATED: usize = 300;

/// Keystone was not reached, or broke off.
pub(super) fn unreached(error: &reqwest::Error, tokens: &Url) -> Error {
    let mut causes = String::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Writing to a string can't fail.
        let _ = write!(causes, ": {inner}");
        cause = inner.source();
    }
    let what = if error.is_timeout() {
        "no answer in time from"
    } else if error.is_connect() {
        "no connection to"
    } else {
        "no whole answer from"
    };
    let kind = if error.is_timeout() { ErrorKind::OperationTimedOut } else { ErrorKind::ProtocolError };
    Error::new(
        kind,
        format!("{what} Keystone at {tokens}{causes}; check `auth_url`, and `cacert` where a certificate is at fault"),
    )
}

/// Keystone, or what stands in front of it, refused.
pub(super) async fn refused(answer: Response, tokens: &Url, method: &Method) -> Error {
    let status = answer.status();
    let target = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()).map(str::to_owned);
    let moved = if status.is_redirection() {
        target
    } else {
        Some(answer.url().to_string()).filter(|url| *url != tokens.as_str())
    };
    // The status alone says enough if the rest does not arrive.
    let text = answer.text().await.unwrap_or_default();
    let mut message = format!("{tokens} answered a login with HTTP {status}");
    let words = words(&text, method);
    if !words.is_empty() {
        let _ = write!(message, ": {words}");
    }
    if let Some(moved) = moved {
        let _ = write!(message, "; it redirects to {moved}: write that address into `auth_url`");
    } else if status == reqwest::StatusCode::NOT_FOUND {
        message.push_str("; is `auth_url` Keystone's address?");
    }
    Error::new(ErrorKind::from(status), message).with_status(status)
}

/// Keystone's message, or the beginning of whatever else was answered, in one line and without the secret.
fn words(text: &str, method: &Method) -> String {
    let said = serde_json::from_str::<Value>(text).ok();
    let said = said.as_ref().and_then(|body| body["error"]["message"].as_str().or_else(|| body["message"].as_str()));
    let mut words = said.unwrap_or(text).to_owned();
    let secret = method.secret().expose();
    if !secret.is_empty() {
        words = words.replace(secret, "…");
    }
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = words.chars().filter(|c| !c.is_control()).take(REPEATED).collect();
    if words.chars().nth(REPEATED).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clouds::Secret;

    #[test]
    fn answers_are_repeated_without_secrets() {
        let method = Method::Token { token: Secret::new("hush") };
        let long = "x".repeat(400);
        for (text, said) in [
            (
                r#"{"error": {"code": 401, "message": "The request you have made requires\nauthentication."}}"#,
                "The request you have made requires authentication.",
            ),
            (r#"{"message": "no token hush"}"#, "no token …"),
            ("<html>\n <body>Bad Gateway", "<html> <body>Bad Gateway"),
            ("", ""),
            (long.as_str(), &*format!("{}…", "x".repeat(300))),
        ] {
            assert_eq!(words(text, &method), said);
        }
    }
}
