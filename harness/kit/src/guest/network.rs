//! What the node sees of the network, and what it reaches.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Guest, GuestError, GuestErrorKind, parse};
use crate::remote::{Command, Running};

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Interface {
    /// The kernel's name: `eth0`.
    pub name: String,
    /// The largest packet it takes, in bytes.
    pub mtu: u32,
    /// Its hardware address in lower case, if it is of Ethernet's kind.
    pub mac: Option<String>,
    /// Whether it is switched on.
    pub up: bool,
    /// Its addresses, with the length of their networks' prefixes.
    pub addresses: Vec<IpNet>,
}

/// A route of the main table, IPv4.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Route {
    /// Where it leads; `None` for the default route.
    pub destination: Option<IpNet>,
    /// Through which router; `None` if directly.
    pub gateway: Option<IpAddr>,
    /// Through which interface.
    pub device: String,
}

/// One HTTP request to make from inside a node. Redirects are not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HttpProbe {
    /// The method: `GET`.
    pub method: String,
    /// The URL.
    pub url: String,
    /// Headers to send.
    pub headers: Vec<(String, String)>,
    /// The longest wait for the whole answer, in seconds, at least 1.
    pub within_s: u32,
}

impl HttpProbe {
    /// A `GET` without further headers.
    pub fn get(url: impl Into<String>, within_s: u32) -> Self {
        Self { method: "GET".to_owned(), url: url.into(), headers: Vec::new(), within_s }
    }

    /// A `PUT` without a body.
    pub fn put(url: impl Into<String>, within_s: u32) -> Self {
        Self { method: "PUT".to_owned(), ..Self::get(url, within_s) }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// How an HTTP request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpOutcome {
    /// The server answered with a status, whichever.
    Status,
    /// The name has no address.
    NoSuchName,
    /// Nobody listens there.
    Refused,
    /// No answer, or not all of it, in time.
    TimedOut,
    /// The server's certificate is not trusted by the node, or is another name's.
    UntrustedCertificate,
    /// Anything else; see the detail.
    Other,
}

/// What came back of an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HttpAnswer {
    /// How it went.
    pub outcome: HttpOutcome,
    /// The status code.
    pub status: Option<u16>,
    /// Headers, names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body, decoded leniently, up to 64 KiB.
    pub body: String,
    /// Whether the body was longer.
    pub body_truncated: bool,
    /// The client's own words about a failure.
    pub detail: String,
}

impl HttpAnswer {
    /// The first header of that name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Whether a status from 200 to 299 came back.
    pub fn is_success(&self) -> bool {
        self.outcome == HttpOutcome::Status && self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// Echo requests and their answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ping {
    /// How many were sent.
    pub sent: u32,
    /// How many were answered.
    pub received: u32,
    /// The shortest round trip, in milliseconds.
    pub rtt_ms_min: Option<f64>,
    /// The mean round trip, in milliseconds.
    pub rtt_ms_avg: Option<f64>,
    /// The longest round trip, in milliseconds.
    pub rtt_ms_max: Option<f64>,
    /// The path's MTU in bytes, where the node or a router stated it in refusing a packet.
    pub mtu: Option<u32>,
    /// The first refusal or error reported.
    pub complaint: Option<String>,
}

/// Seconds given to a command on top of its own limit, before the session gives up on it.
const SLACK_S: u64 = 15;

impl Guest {
    /// Every network interface with its addresses.
    pub async fn interfaces(&self) -> Result<Vec<Interface>, GuestError> {
        let links = self.demand(&Command::new(["ip", "-o", "link", "show"])).await?;
        let command = Command::new(["ip", "-o", "addr", "show"]);
        self.read(&command, "interfaces", |addresses| parse::interfaces(&links.text(), addresses)).await
    }

    /// The routes of the main table, IPv4. None at all is an answer: an empty list.
    pub async fn routes(&self) -> Result<Vec<Route>, GuestError> {
        self.read(&Command::new(["ip", "-o", "route", "show"]), "routes", parse::routes).await
    }

    /// A name's addresses, as the node's own programs get them. A name that is unknown has none.
    pub async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, GuestError> {
        let command = Command::new(["getent", "ahosts", name]);
        let output = self.ask(&command).await?;
        match output.status {
            2 => Ok(Vec::new()),
            0 => parse::ahosts(&output.text())
                .ok_or_else(|| GuestError::unreadable(&command, "addresses of a name", &output)),
            _ => Err(GuestError::failed(&command, &output)),
        }
    }

    /// Makes an HTTP request from inside, by `curl`, or by `wget` where `curl` is missing.
    pub async fn http(&self, probe: &HttpProbe) -> Result<HttpAnswer, GuestError> {
        let within = std::time::Duration::from_secs(u64::from(probe.within_s) + SLACK_S);
        match self.ask(&curl(probe).within(within)).await {
            Ok(output) if output.signal.is_none() => Ok(parse::curl_answer(&output)),
            Ok(output) => Err(GuestError::failed(&curl(probe), &output)),
            Err(GuestError { kind: GuestErrorKind::Missing, .. }) => {
                let output = self.ask(&wget(probe).within(within)).await?;
                Ok(parse::wget_answer(&output))
            }
            Err(error) => Err(error),
        }
    }

    /// Sends `count` echo requests to an address or name, one a second. With `payload`, of that many bytes (28 less than the packet for
    /// IPv4, 48 less for IPv6); with `dont_fragment`, never in pieces.
    ///
    /// No answer is an answer; a name that is unknown and a `ping` without the right to ping are errors.
    pub async fn ping(
        &self,
        destination: &str,
        count: u32,
        payload: Option<u32>,
        dont_fragment: bool,
    ) -> Result<Ping, GuestError> {
        let mut words: Vec<String> = ["ping", "-n", "-c"].map(String::from).to_vec();
        words.extend([count.to_string(), "-W".to_owned(), "2".to_owned()]);
        if dont_fragment {
            words.extend(["-M", "do"].map(String::from));
        }
        if let Some(bytes) = payload {
            words.extend(["-s".to_owned(), bytes.to_string()]);
        }
        words.push(destination.to_owned());
        let within = std::time::Duration::from_secs(u64::from(count) * 3 + SLACK_S);
        let command = Command::new(words).within(within);
        let output = self.ask(&command).await?;
        match parse::ping(&output.text(), &output.complaint()) {
            Some(ping) if output.signal.is_none() => Ok(ping),
            _ if output.ok() => Err(GuestError::unreadable(&command, "ping's statistics", &output)),
            _ => Err(GuestError::failed(&command, &output)),
        }
    }

    /// Listens on a TCP port of every address, for `seconds` at most or until the handle is stopped or dropped.
    ///
    /// An HTTP server that serves nothing: every request is answered with 404. That it listens is not waited for; a port that is taken
    /// shows in [`Running::ended`].
    pub async fn listen(&self, port: u16, seconds: u32) -> Result<Running, GuestError> {
        let (seconds, port) = (seconds.to_string(), port.to_string());
        let words = ["timeout", &seconds, "python3", "-m", "http.server", &port, "--bind", "0.0.0.0"];
        // Without a folder of its own it would publish the account's home.
        let command = Command::new(words.into_iter().chain(["--directory", "/nonexistent"]));
        self.shell().start(&command).await.map_err(|failure| GuestError::session(&command, failure))
    }
}

fn curl(probe: &HttpProbe) -> Command {
    let mut words: Vec<String> = ["curl", "-sS", "-i", "-m"].map(String::from).to_vec();
    words.push(probe.within_s.max(1).to_string());
    if probe.method != "GET" {
        words.extend(["-X".to_owned(), probe.method.clone()]);
    }
    for (name, value) in &probe.headers {
        words.extend(["-H".to_owned(), format!("{name}: {value}")]);
    }
    words.push(probe.url.clone());
    Command::new(words)
}

fn wget(probe: &HttpProbe) -> Command {
    let mut words: Vec<String> =
        ["wget", "-nv", "-S", "--content-on-error", "--max-redirect=0", "-t", "1", "-O", "-", "-T"]
            .map(String::from)
            .to_vec();
    words.push(probe.within_s.max(1).to_string());
    if probe.method != "GET" {
        words.push(format!("--method={}", probe.method));
    }
    for (name, value) in &probe.headers {
        words.push(format!("--header={name}: {value}"));
    }
    words.push(probe.url.clone());
    Command::new(words)
}
