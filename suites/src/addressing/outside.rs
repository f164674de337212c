//! What a node learns about itself from an echo outside and from the metadata service.

use std::net::IpAddr;

use levelfield_kit::{
    Hindrance,
    guest::{Guest, HttpAnswer, HttpOutcome, HttpProbe},
};
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

use super::truth::missing;

/// How an echo outside answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Echo {
    /// Its URL.
    pub(super) url: String,
    /// How the request went.
    pub(super) outcome: HttpOutcome,
    /// The status code.
    pub(super) status: Option<u16>,
    /// The source address that it saw; absent if it stated none.
    pub(super) source: Option<IpAddr>,
    /// What came back instead, cut short.
    pub(super) detail: String,
}

impl Echo {
    /// Why no address came back, if the reason is not that the node does not reach outside.
    pub(super) fn excuse(&self) -> Option<Judgement> {
        let harness = || {
            Judgement::inconclusive(
                InconclusiveReason::Harness,
                format!("the echo service misbehaves: {}", self.words()),
            )
        };
        match self.outcome {
            HttpOutcome::NoSuchName => {
                Some(missing("underlay/dns", &format!("the name of {} has no address inside the node", self.url)))
            }
            HttpOutcome::UntrustedCertificate => Some(missing("underlay/tls-not-intercepted", &self.words())),
            HttpOutcome::Status if self.source.is_none() => Some(harness()),
            // Whether the service or somebody on the way refused cannot be told from here.
            HttpOutcome::Refused => Some(harness()),
            HttpOutcome::Status | HttpOutcome::TimedOut | HttpOutcome::Other => None,
        }
    }

    /// What came of it, in words.
    pub(super) fn words(&self) -> String {
        match (self.source, self.status) {
            (Some(source), _) => format!("{} saw {source}", self.url),
            (None, Some(status)) => format!("{} answered with status {status} and no address", self.url),
            (None, None) => format!("{} was not reached: {}", self.url, self.detail),
        }
    }
}

/// The longest wait for an answer from outside, in seconds.
const OUTSIDE_WITHIN_S: u32 = 15;
/// The longest wait for an answer of the metadata service, in seconds.
const METADATA_WITHIN_S: u32 = 5;
/// How often an echo that gives no answer is asked.
const ECHOES: usize = 2;

/// Asks the echo at `url` from inside the node.
pub(super) async fn echo(guest: &Guest, url: &str) -> Result<Echo, Hindrance> {
    let mut echo = read_echo(url, &guest.http(&HttpProbe::get(url, OUTSIDE_WITHIN_S)).await?);
    for _ in 1..ECHOES {
        if echo.source.is_some() {
            break;
        }
        echo = read_echo(url, &guest.http(&HttpProbe::get(url, OUTSIDE_WITHIN_S)).await?);
    }
    Ok(echo)
}

fn read_echo(url: &str, answer: &HttpAnswer) -> Echo {
    let source = if answer.is_success() { answer.body.trim().parse().ok() } else { None };
    let detail = if source.is_some() { String::new() } else { shortened(answer) };
    Echo { url: url.to_owned(), outcome: answer.outcome, status: answer.status, source, detail }
}

fn shortened(answer: &HttpAnswer) -> String {
    let text = if answer.detail.is_empty() { &answer.body } else { &answer.detail };
    text.trim().chars().take(200).collect()
}

/// What the metadata service says the public address is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct PublicItem {
    /// Whether the service answered.
    pub(super) answered: bool,
    /// Whether it took a session token.
    pub(super) with_token: bool,
    /// The status of the item; 404 where there is none.
    pub(super) status: Option<u16>,
    /// The address that it states.
    pub(super) address: Option<IpAddr>,
    /// What came back instead, cut short.
    pub(super) detail: String,
}

const METADATA: &str = "http://169.254.169.254/latest";

/// Asks the metadata service for the public address, with a session token where it gives them.
pub(super) async fn public_item(guest: &Guest) -> Result<PublicItem, Hindrance> {
    let wish = HttpProbe::put(format!("{METADATA}/api/token"), METADATA_WITHIN_S)
        .header("X-aws-ec2-metadata-token-ttl-seconds", "60");
    let token = guest.http(&wish).await?;
    let token = token.is_success().then(|| token.body.trim().to_owned()).filter(|token| !token.is_empty());
    let mut item = HttpProbe::get(format!("{METADATA}/meta-data/public-ipv4"), METADATA_WITHIN_S);
    if let Some(token) = &token {
        item = item.header("X-aws-ec2-metadata-token", token);
    }
    let answer = guest.http(&item).await?;
    let address = if answer.is_success() { answer.body.trim().parse().ok() } else { None };
    Ok(PublicItem {
        answered: answer.outcome == HttpOutcome::Status,
        with_token: token.is_some(),
        status: answer.status,
        address,
        detail: if address.is_some() { String::new() } else { shortened(&answer) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(outcome: HttpOutcome, status: Option<u16>, body: &str) -> HttpAnswer {
        HttpAnswer {
            outcome,
            status,
            headers: vec![],
            body: body.to_owned(),
            body_truncated: false,
            detail: String::new(),
        }
    }

    #[test]
    fn an_echo_states_one_address() {
        for (answer, source) in [
            (answer(HttpOutcome::Status, Some(200), "192.0.2.7\n"), Some("192.0.2.7")),
            (answer(HttpOutcome::Status, Some(200), "2001:db8::7"), Some("2001:db8::7")),
            (answer(HttpOutcome::Status, Some(200), "<html>log in first</html>"), None),
            (answer(HttpOutcome::Status, Some(503), "192.0.2.7"), None),
            (answer(HttpOutcome::TimedOut, None, ""), None),
        ] {
            let read = read_echo("http://echo.example", &answer);
            assert_eq!(read.source.map(|s| s.to_string()).as_deref(), source);
        }
    }
}
