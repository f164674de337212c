//! A token: its value, how long it is good for, and what came with it.

use std::time::{Duration, Instant};

use osauth::{Error, ErrorKind};
use reqwest::{Response, Url, header::HeaderValue};
use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    catalog::{Catalog, Service},
    failure,
};

/// How long before its end a token is replaced: longer than any one call takes.
const MARGIN: Duration = Duration::from_mins(5);

/// A token and what came with it. Not printable: the value is as good as a password.
pub(super) struct Token {
    pub(super) value: HeaderValue,
    /// From when on another is asked for.
    pub(super) renew_at: Instant,
    pub(super) catalog: Catalog,
    pub(super) project: Option<(String, String)>,
    pub(super) roles: Vec<String>,
}

#[derive(Deserialize)]
struct Body {
    token: Said,
}

#[derive(Deserialize)]
struct Said {
    expires_at: String,
    issued_at: Option<String>,
    #[serde(default)]
    catalog: Vec<Service>,
    project: Option<Named>,
    #[serde(default)]
    roles: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    #[serde(default)]
    name: String,
}

impl Token {
    /// Reads the answer to a login that was sent at `asked`.
    pub(super) async fn read(answer: Response, asked: Instant, tokens: &Url) -> Result<Self, Error> {
        let status = answer.status();
        let unreadable = |what: String| {
            let message =
                format!("{tokens} answered a login with HTTP {}, but {what}; is it a Keystone?", status.as_u16());
            Error::new(ErrorKind::InvalidResponse, message).with_status(status)
        };
        let value = answer.headers().get("x-subject-token").cloned();
        let body = answer.bytes().await.map_err(|error| failure::unreached(&error, tokens))?;
        let mut value = value.ok_or_else(|| unreadable("without a token (no header X-Subject-Token)".to_owned()))?;
        value.set_sensitive(true);
        let said = serde_json::from_slice::<Body>(&body)
            .map_err(|error| unreadable(format!("with a body that can't be read: {error}")))?;
        let said = said.token;
        let at = |key: &str, text: &str| {
            OffsetDateTime::parse(text, &Rfc3339)
                .map_err(|error| unreadable(format!("`{key}` is no time: `{text}`: {error}")))
        };
        let expires = at("expires_at", &said.expires_at)?;
        let issued = said.issued_at.as_deref().map(|text| at("issued_at", text)).transpose()?;
        let mut roles: Vec<String> = said.roles.into_iter().map(|role| role.name).collect();
        roles.sort();
        Ok(Self {
            value,
            renew_at: asked + useful_for(expires, issued.unwrap_or_else(OffsetDateTime::now_utc)),
            catalog: Catalog::new(said.catalog),
            project: said.project.map(|project| (project.id, project.name)),
            roles,
        })
    }
}

/// How long a token is used. Both times are Keystone's, so it does not matter what time it is here.
///
/// A token that lives shorter than twice the margin is used for half of its life: with the whole margin it would be replaced at
/// each call.
fn useful_for(expires: OffsetDateTime, issued: OffsetDateTime) -> Duration {
    let life = Duration::try_from(expires - issued).unwrap_or(Duration::ZERO).min(Duration::from_hours(24 * 365));
    life.saturating_sub(MARGIN.min(life / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced_before_their_end() {
        let issued = OffsetDateTime::UNIX_EPOCH;
        for (life, used) in
            [(3600_i64, 3300), (600, 300), (240, 120), (0, 0), (-60, 0), (i64::from(i32::MAX), 31_535_700)]
        {
            let expires = issued + time::Duration::seconds(life);
            assert_eq!(useful_for(expires, issued), Duration::from_secs(used), "{life} s");
        }
    }
}
