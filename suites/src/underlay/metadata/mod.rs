//! `underlay/metadata-service`, `underlay/metadata-not-exposed`: how a machine learns who it is, and that no other learns it.

use std::collections::BTreeMap;

use levelfield_kit::{
    Observation,
    guest::{Guest, GuestError, HttpAnswer, HttpOutcome, HttpProbe},
    remote::HostKey,
};
use serde::{Deserialize, Serialize};

mod exposure;
mod service;

pub(super) use exposure::{judge as judge_exposure, observe as observe_exposure};
pub(super) use service::{judge as judge_service, observe as observe_service};

/// Where every cloud that has the service has it.
const SERVICE: &str = "http://169.254.169.254";
const TOKEN: &str = "/latest/api/token";
const META_DATA: &str = "/latest/meta-data/";
/// The longest wait for one answer, in seconds. The service is on the same machine or next to it.
const WITHIN_S: u32 = 5;
/// The most characters of an answer that are kept: a long key has under a thousand.
const KEPT: usize = 2000;

const INSTANCE_ID: &str = "instance-id";
const LOCAL_IPV4: &str = "local-ipv4";
const KEY: &str = "public-keys/0/openssh-key";

/// What the service said to one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Said {
    outcome: HttpOutcome,
    status: Option<u16>,
    /// The beginning of the answer, where it is one.
    text: Option<String>,
}

impl Said {
    fn of(answer: &HttpAnswer) -> Self {
        let text = answer.is_success().then(|| answer.body.trim().chars().take(KEPT).collect());
        Self { outcome: answer.outcome, status: answer.status, text }
    }

    /// In words: `status 401`.
    fn words(&self) -> String {
        match (self.outcome, self.status) {
            (HttpOutcome::Status, Some(status)) => format!("status {status}"),
            (HttpOutcome::TimedOut, _) => "no answer in time".to_owned(),
            (HttpOutcome::Refused, _) => "connection refused".to_owned(),
            _ => "no answer".to_owned(),
        }
    }
}

/// What the service said, by path below `meta-data`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Told(BTreeMap<String, Said>);

impl Told {
    async fn ask(guest: &Guest, headers: &[Header], paths: &[&str]) -> Observation<Self> {
        let mut told = BTreeMap::new();
        for path in paths {
            let said = Said::of(&get(guest, &format!("{META_DATA}{path}"), headers).await?);
            told.insert((*path).to_owned(), said);
        }
        Ok(Self(told))
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path)?.text.as_deref()
    }

    fn words(&self, path: &str) -> String {
        self.0.get(path).map_or_else(|| "was not asked for".to_owned(), Said::words)
    }

    /// The key, without its comment.
    fn key(&self) -> Option<String> {
        HostKey::from_line(self.text(KEY)?).ok().map(|key| key.line())
    }
}

type Header = (String, String);

fn header(name: &str, value: impl Into<String>) -> Header {
    (name.to_owned(), value.into())
}

/// The header that carries a session token.
const BEARER: &str = "X-aws-ec2-metadata-token";

fn bearing(token: &str) -> Header {
    header(BEARER, token)
}

async fn get(guest: &Guest, path: &str, headers: &[Header]) -> Observation<HttpAnswer> {
    let probe = HttpProbe { headers: headers.to_vec(), ..HttpProbe::get(format!("{SERVICE}{path}"), WITHIN_S) };
    Ok(guest.http(&probe).await.map_err(|error| without_token(error, headers))?)
}

/// An error quotes the command that was run: not with the token in it.
fn without_token(mut error: GuestError, headers: &[Header]) -> GuestError {
    for (_, token) in headers.iter().filter(|(name, _)| name == BEARER) {
        error.command = error.command.replace(token.as_str(), "…");
    }
    error
}

/// Asks for a session token. The token itself is a secret and no evidence.
async fn session_token(guest: &Guest, headers: &[Header]) -> Observation<(Said, Option<String>)> {
    let mut probe = HttpProbe::put(format!("{SERVICE}{TOKEN}"), WITHIN_S);
    probe.headers = headers.to_vec();
    let probe = probe.header("X-aws-ec2-metadata-token-ttl-seconds", "300");
    let answer = guest.http(&probe).await?;
    let token = answer.is_success().then(|| answer.body.trim().to_owned()).filter(|token| !token.is_empty());
    Ok((Said { text: None, ..Said::of(&answer) }, token))
}

#[cfg(test)]
mod tests {
    use levelfield_kit::guest::GuestErrorKind;

    use super::*;

    #[test]
    fn an_error_does_not_quote_the_session_token() {
        let command = "curl -H 'X-aws-ec2-metadata-token: s3cret' -H 'X-Real-IP: 10.0.0.5' http://169.254.169.254/";
        let error = GuestError { command: command.to_owned(), kind: GuestErrorKind::Missing };
        let error = without_token(error, &[bearing("s3cret"), header("X-Real-IP", "10.0.0.5")]);
        assert!(!error.to_string().contains("s3cret"));
        assert!(error.to_string().contains("X-Real-IP: 10.0.0.5"));
    }
}
