//! A server that answers from fixtures.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use reqwest::Url;
use serde_json::Value;

/// Where services are in fixtures.
const RECORDED_AT: &str = "http://cloud.test";

/// What is answered as often as it is asked.
const STANDING: [&str; 36] = [
    "token",
    "token-wrong-password",
    "versions-compute",
    "versions-network",
    "versions-image",
    "versions-volume-of-project",
    "versions-volume",
    "extensions",
    "zones",
    "subnets",
    "networks",
    "networks-external",
    "routers",
    "ports",
    "flavors",
    "flavors-first",
    "flavors-second",
    "flavors-unknown-marker",
    "images",
    "images-first",
    "images-hidden",
    "limits",
    "network-quota",
    "keys",
    "groups",
    "servers",
    "addresses",
    "volumes",
    "server-unknown",
    "reboot-unknown",
    "stop-unknown",
    "console-unknown",
    "server-auto-network",
    "server-unknown-image",
    "server-unknown-flavor",
    "server-unknown-zone",
];

/// A recorded call.
fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The body of a recorded answer.
pub(super) fn body(name: &str) -> Value {
    fixture(name)["body"].clone()
}

/// A way to answer.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// A whole answer.
    Answer { status: u16, headers: Vec<(String, String)>, body: String },
    /// None: the connection is closed.
    Cut,
    /// The beginning of one, and the connection is closed.
    CutMidway,
}

impl Reply {
    /// What was recorded.
    pub(super) fn of(name: &str) -> Self {
        let fixture = fixture(name);
        let body = match (fixture.get("body"), fixture.get("text")) {
            (Some(body), _) => body.to_string(),
            (None, text) => text.and_then(Value::as_str).unwrap_or_default().to_owned(),
        };
        let headers = fixture["headers"].as_object().unwrap().iter();
        let headers = headers.map(|(name, value)| (name.clone(), super::text(value))).collect();
        Self::Answer { status: status(&fixture), headers, body }
    }

    /// What was recorded, but for a change in the body.
    pub(super) fn altered(name: &str, change: impl FnOnce(&mut Value)) -> Self {
        let mut changed = body(name);
        change(&mut changed);
        Self::new(status(&fixture(name)), &[("content-type", "application/json")], &changed.to_string())
    }

    /// What was not recorded.
    pub(super) fn new(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::Answer { status, headers, body: body.to_owned() }
    }
}

fn status(fixture: &Value) -> u16 {
    fixture["status"].as_u64().unwrap().try_into().unwrap()
}

/// One call and how it is answered.
struct Line {
    call: String,
    /// The body and microversion that the call must have, for what was recorded with them.
    exactly: Option<(Value, String)>,
    reply: Reply,
}

impl Line {
    fn of(name: &str) -> Self {
        let fixture = fixture(name);
        let version = fixture["version"].as_str().unwrap_or_default().to_owned();
        Self {
            call: call(fixture["method"].as_str().unwrap(), fixture["path"].as_str().unwrap()),
            exactly: Some((fixture["request"].clone(), version)),
            reply: Reply::of(name),
        }
    }
}

/// Method, path and query in one form: parameters decoded and sorted, no slash at the path's end.
fn call(method: &str, path: &str) -> String {
    let url = Url::parse(&format!("{RECORDED_AT}{path}")).unwrap();
    let mut query: Vec<String> = url.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
    query.sort();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{method} {}{mark}{}", url.path().trim_end_matches('/'), query.join("&"))
}

#[derive(Default)]
struct Script {
    /// What comes first, once each and in this order among calls that are the same.
    once: Vec<Line>,
    standing: Vec<Line>,
    /// Tokens given so far.
    tokens: usize,
    /// The tokens up to this one are good no more.
    revoked: usize,
    /// Every call, with its body.
    seen: Vec<(String, Value)>,
    /// Calls that nothing was there for.
    missed: Vec<String>,
}

/// The cloud.
#[derive(Clone)]
pub(super) struct Cloud {
    /// `http://127.0.0.1:…`
    pub(super) address: String,
    script: Arc<Mutex<Script>>,
}

impl Cloud {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let script = Script { standing: STANDING.map(Line::of).into(), ..Script::default() };
        let cloud = Self { address, script: Arc::new(Mutex::new(script)) };
        let router = Router::new().fallback(answer).with_state(cloud.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        cloud
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// Answers the recorded call as it was recorded, the next time that it comes.
    pub(super) fn once(&self, name: &str) -> &Self {
        self.script().once.push(Line::of(name));
        self
    }

    /// Answers a call with `reply`, the next time that it comes.
    pub(super) fn once_with(&self, method: &str, path: &str, reply: Reply) -> &Self {
        self.script().once.push(Line { call: call(method, path), exactly: None, reply });
        self
    }

    /// Answers a call with `reply` from now on.
    pub(super) fn always(&self, method: &str, path: &str, reply: Reply) -> &Self {
        self.script().standing.insert(0, Line { call: call(method, path), exactly: None, reply });
        self
    }

    /// Makes all tokens so far worthless; with `for_good`, all that will be given too.
    pub(super) fn revoke(&self, for_good: bool) {
        let mut script = self.script();
        script.revoked = if for_good { usize::MAX } else { script.tokens };
    }

    /// Tokens given so far.
    pub(super) fn tokens(&self) -> usize {
        self.script().tokens
    }

    /// The calls since the last time.
    pub(super) fn seen(&self) -> Vec<String> {
        self.script().seen.drain(..).map(|(call, _)| call).collect()
    }

    /// Asserts that all came that was to come, and nothing else.
    pub(super) fn done(&self) {
        let script = self.script();
        let waiting: Vec<&str> = script.once.iter().map(|line| line.call.as_str()).collect();
        assert!(waiting.is_empty(), "never asked: {waiting:#?}");
        assert!(script.missed.is_empty(), "nothing was recorded for: {:#?}", script.missed);
    }

    fn reply(&self, call: &str, asked: &(Value, String), token: &str) -> Reply {
        let mut script = self.script();
        script.seen.push((call.to_owned(), asked.0.clone()));
        let number = token.strip_prefix("token-").and_then(|number| number.parse::<usize>().ok());
        if !call.contains("/identity/") && number.is_none_or(|number| number <= script.revoked) {
            return Reply::of(if call.contains("/network/") { "bad-token-network" } else { "bad-token-compute" });
        }
        let fits = |line: &Line| line.call == call && line.exactly.as_ref().is_none_or(|exactly| exactly == asked);
        let reply = match script.once.iter().position(fits) {
            Some(at) => Some(script.once.remove(at).reply),
            None => script.standing.iter().find(|line| fits(line)).map(|line| line.reply.clone()),
        };
        let Some(mut reply) = reply else {
            script.missed.push(format!("{call} {} {}", asked.0, asked.1));
            return Reply::new(418, &[], "nothing was recorded for this");
        };
        if let Reply::Answer { status: 201, headers, .. } = &mut reply
            && call.ends_with("/auth/tokens")
        {
            script.tokens += 1;
            headers.retain(|(name, _)| name != "x-subject-token");
            headers.push(("x-subject-token".to_owned(), format!("token-{}", script.tokens)));
        }
        reply
    }
}

async fn answer(State(cloud): State<Cloud>, method: Method, uri: Uri, headers: HeaderMap, sent: Bytes) -> Response {
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let asked = (serde_json::from_slice(&sent).unwrap_or_default(), header("x-openstack-nova-api-version"));
    let path = uri.path_and_query().unwrap().as_str();
    match cloud.reply(&call(method.as_str(), path), &asked, &header("x-auth-token")) {
        Reply::Answer { status, headers, body } => {
            let here = |text: &str| text.replace(RECORDED_AT, &cloud.address);
            let mut response = (StatusCode::from_u16(status).unwrap(), here(&body)).into_response();
            response.headers_mut().remove("content-type");
            for (name, value) in headers {
                let name: axum::http::HeaderName = name.parse().unwrap();
                response.headers_mut().insert(name, here(&value).parse().unwrap());
            }
            response
        }
        // The server closes a connection whose handler unwinds; this way no message is printed.
        Reply::Cut => std::panic::resume_unwind(Box::new("cut")),
        Reply::CutMidway => {
            let parts = [Ok(Bytes::from_static(b"{\"server\": {")), Err(io::Error::other("cut"))];
            Body::from_stream(futures_util::stream::iter(parts)).into_response()
        }
    }
}
