//! Against a Keystone on a loopback port.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::AtomicUsize},
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, Uri, header::LOCATION},
    response::{IntoResponse, Response},
    routing::post,
};
use osauth::{AuthType, EndpointFilters, ErrorKind};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::*;
use crate::clouds::{self, Surroundings};

/// What the Keystone was asked, and what it answers next.
#[derive(Clone, Default)]
struct Fake {
    asked: Arc<Mutex<Vec<Value>>>,
    /// Lifetimes of the next tokens in seconds; an hour when they are used up.
    lives: Arc<Mutex<Vec<i64>>>,
    /// What each login waits for, if anything.
    gate: Option<Arc<Semaphore>>,
}

impl Fake {
    /// Starts it and returns its `auth_url`.
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/v3/auth/tokens", post(log_in))
            .route(
                "/moved/v3/auth/tokens",
                post(|| async { (StatusCode::FOUND, [(LOCATION, "http://elsewhere.example/v3")]) }),
            )
            .route("/odd/v3/auth/tokens", post(|| async { (StatusCode::CREATED, [("x-subject-token", "t")], "{}") }))
            .fallback(|uri: Uri| async move { (StatusCode::NOT_FOUND, format!("<html>nothing at {uri}")) })
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn logins(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn log_in(State(fake): State<Fake>, Json(body): Json<Value>) -> Response {
    let number = {
        let mut asked = fake.asked.lock().unwrap();
        asked.push(body.clone());
        asked.len()
    };
    if let Some(gate) = &fake.gate {
        gate.acquire().await.unwrap().forget();
    }
    let user = &body["auth"]["identity"]["password"]["user"];
    if user["password"] != "right" {
        let said = json!({"error": {
            "code": 401,
            "message": "The request you have made requires authentication.",
            "title": "Unauthorized",
        }});
        return (StatusCode::UNAUTHORIZED, Json(said)).into_response();
    }
    let life = fake.lives.lock().unwrap().pop().unwrap_or(3600);
    // Keystone's clock is of another century: only the difference may matter.
    let issued = time::OffsetDateTime::UNIX_EPOCH;
    let at = |seconds: i64| {
        let at = issued + time::Duration::seconds(seconds);
        at.format(&time::format_description::well_known::Rfc3339).unwrap()
    };
    let endpoint = |region: &str| {
        let url = format!("http://{region}/compute");
        json!({"interface": "public", "region": region, "region_id": region, "url": url})
    };
    let token = json!({"token": {
        "methods": ["password"],
        "issued_at": at(0),
        "expires_at": at(life),
        "user": {"id": "u1", "name": "ada", "domain": {"id": "default"}, "password_expires_at": null},
        "project": {"id": "p1", "name": "bench", "domain": {"id": "default", "name": "Default"}},
        "roles": [{"id": "r2", "name": "reader"}, {"id": "r1", "name": "member"}],
        "is_domain": false,
        "catalog": [{"type": "compute", "name": "nova", "id": "c", "endpoints": [endpoint("one"), endpoint("two")]}],
    }});
    (StatusCode::CREATED, [("x-subject-token", format!("token-{number}"))], Json(token)).into_response()
}

fn access(auth_url: &str, password: &str) -> Access {
    let variables = [
        ("OS_AUTH_URL", auth_url),
        ("OS_USERNAME", "ada"),
        ("OS_USER_DOMAIN_ID", "default"),
        ("OS_PASSWORD", password),
        ("OS_PROJECT_NAME", "bench"),
        ("OS_PROJECT_DOMAIN_NAME", "Default"),
    ];
    let surroundings = Surroundings {
        variables: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        working_folder: "/nowhere".into(),
        home: None,
        system: "/nowhere".into(),
    };
    clouds::load(None, &surroundings).unwrap()
}

/// A client that no proxy of the machine gets in the way of.
fn plain() -> Client {
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn header(keystone: &Keystone) -> Result<String, Error> {
    let request = keystone.authenticate(&plain(), plain().get("http://127.0.0.1/")).await?.build().unwrap();
    let header = &request.headers()["x-auth-token"];
    assert!(header.is_sensitive());
    Ok(header.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_password_by_name_gets_a_token_and_a_catalog() {
    let fake = Fake::default();
    let url = fake.start().await;
    let keystone = Keystone::new(&access(&format!("{url}/v3/"), "right"), plain());
    assert_eq!(fake.logins(), 0);
    assert_eq!(header(&keystone).await.unwrap(), "token-1");
    assert_eq!(
        fake.asked.lock().unwrap()[0],
        json!({"auth": {
            "identity": {"methods": ["password"],
                "password": {"user": {"name": "ada", "domain": {"id": "default"}, "password": "right"}}},
            "scope": {"project": {"name": "bench", "domain": {"name": "Default"}}}}})
    );
    assert_eq!(keystone.regions().await.unwrap(), ["one", "two"]);
    assert_eq!(keystone.project().await.unwrap(), Some(("p1".to_owned(), "bench".to_owned())));
    assert_eq!(keystone.roles().await.unwrap(), ["member", "reader"]);
    assert!(keystone.has_service("compute").await.unwrap());
    assert!(!keystone.has_service("network").await.unwrap());
    let filters = EndpointFilters::default().with_region("two");
    let found = keystone.get_endpoint(&plain(), "compute", &filters).await.unwrap();
    assert_eq!(found.as_str(), "http://two/compute");
    let error = keystone.get_endpoint(&plain(), "compute", &filters.with_region("three")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EndpointNotFound);
    assert!(
        error.to_string().contains("`three`") && error.to_string().contains("one (public); two (public)"),
        "{error}"
    );
    assert_eq!(fake.logins(), 1);
    assert!(!format!("{keystone:?}").contains("right"), "{keystone:?}");
}

#[tokio::test]
async fn a_session_shares_its_token() {
    let fake = Fake::default();
    let keystone = Keystone::new(&access(&fake.start().await, "right"), plain());
    let session = osauth::Session::new_with_client(plain(), keystone.clone()).await.unwrap();
    assert_eq!(header(&keystone).await.unwrap(), "token-1");
    assert_eq!(
        session.auth_type().get_endpoint(&plain(), "compute", session.endpoint_filters()).await.unwrap().as_str(),
        "http://one/compute"
    );
    assert_eq!(fake.logins(), 1);
}

#[tokio::test]
async fn a_token_is_replaced_before_its_end_and_when_asked() {
    let fake = Fake::default();
    // The last is the first to be given: one that has ended already, then one of an hour.
    fake.lives.lock().unwrap().push(0);
    let keystone = Keystone::new(&access(&fake.start().await, "right"), plain());
    for (step, wanted) in [(1, "token-1"), (2, "token-2"), (3, "token-2")] {
        assert_eq!(header(&keystone).await.unwrap(), wanted, "{step}");
    }
    keystone.refresh(&plain()).await.unwrap();
    assert_eq!(header(&keystone).await.unwrap(), "token-3");
    assert_eq!(header(&keystone.clone()).await.unwrap(), "token-3");
}

#[tokio::test]
async fn failures_keep_their_status_and_words() {
    let fake = Fake::default();
    let url = fake.start().await;
    let table = [
        (
            "",
            "wrong-pass",
            ErrorKind::AuthenticationFailed,
            "HTTP 401 Unauthorized: The request you have made requires authentication.",
        ),
        ("/moved", "right", ErrorKind::InvalidResponse, "it redirects to http://elsewhere.example/v3"),
        ("/odd", "right", ErrorKind::InvalidResponse, "missing field `token`"),
        (
            "/none",
            "right",
            ErrorKind::ResourceNotFound,
            "<html>nothing at /none/v3/auth/tokens; is `auth_url` Keystone's address?",
        ),
    ];
    for (path, password, kind, said) in table {
        let keystone = Keystone::new(&access(&format!("{url}{path}"), password), plain());
        let error = keystone.regions().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(!error.to_string().contains("wrong-pass"), "{error}");
        // The status has no accessor; the debug form shows it.
        assert_eq!(format!("{error:?}").contains("status: Some(401)"), path.is_empty(), "{error:?}");
    }
    // A port that is taken and that nobody listens on.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let error = Keystone::new(&access(&url, "right"), plain()).regions().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProtocolError);
    assert!(error.to_string().contains(&format!("no connection to Keystone at {url}/v3/auth/tokens: ")), "{error}");
}

// On one thread: a task that has counted itself goes on without a break to where it waits for the login.
#[tokio::test]
async fn twenty_at_once_are_one_login() {
    for (password, force, fine) in
        [("right", false, true), ("right", true, true), ("wrong-pass", false, false), ("wrong-pass", true, false)]
    {
        let gate = Arc::new(Semaphore::new(0));
        let fake = Fake { gate: Some(Arc::clone(&gate)), ..Fake::default() };
        let keystone = Keystone::new(&access(&fake.start().await, password), plain());
        let begun = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (keystone, begun) = (keystone.clone(), Arc::clone(&begun));
                tokio::spawn(async move {
                    let client = plain();
                    begun.fetch_add(1, Ordering::SeqCst);
                    if force { keystone.refresh(&client).await } else { header(&keystone).await.map(drop) }
                })
            })
            .collect();
        while begun.load(Ordering::SeqCst) < 20 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(100);
        for task in tasks {
            assert_eq!(task.await.unwrap().is_ok(), fine);
        }
        assert_eq!(fake.logins(), 1, "{password} {force}");
        // Whoever comes later does try again after a failure, and does not after a success.
        assert_eq!(keystone.project().await.is_ok(), fine);
        assert_eq!(fake.logins(), if fine { 1 } else { 2 });
    }
}

/// A certificate that nobody has the key of.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUO1v7Kn6VEXvDKUSoa+EPf+ZHtNgwCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFYmVuY2gwIBcNMjYxMTIxMTgyMTQzWhgPMjEyNjEwMjgxODIx
NDNaMBAxDjAMBgNVBAMMBWJlbmNoMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
JmS7bZOXRBXzHYOyTQ4p/f+eXasCCXIjSrmxoi4XGjAOggeACrOYbPMgtIhRC7Ev
I8xYIRcVc7KXhQhZIqF5S6NhMF8wHQYDVR0OBBYEFFVB0ZaCe84wBi2PxnTgwiqn
m84dMB8GA1UdIwQYMBaAFFVB0ZaCe84wBi2PxnTgwiqnm84dMA8GA1UdEQQIMAaH
BH8AAAEwDAYDVR0TAQH/BAIwADAKBggqhkjOPQQDAgNIADBFAiBYMvtmo1TKIiOP
NlLit8zJ3heDfqLsZjKvzmE9A+wIvwIhAK0YpgWZdhEc4RlZr3WJKIAVPBhEGhKF
YPtG1TQVZmb+
-----END CERTIFICATE-----
";

#[test]
fn clients_are_made_of_readable_certificates_only() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate\n").unwrap();
    let good = folder.path().join("good.pem");
    std::fs::write(&good, CERTIFICATE.repeat(2)).unwrap();
    let gone = folder.path().join("gone.pem");
    let base = || access("https://cloud.example", "right");
    let changed = |change: &dyn Fn(&mut Access)| {
        let mut access = base();
        change(&mut access);
        access
    };
    let table: [(Access, Option<&str>); 8] = [
        (base(), None),
        (changed(&|a| a.cacert = Some(good.clone())), None),
        (
            changed(&|a| a.client_cert = Some((good.clone(), good.clone()))),
            Some("holds no certificate with its private key"),
        ),
        (changed(&|a| a.verify = false), None),
        (changed(&|a| a.cacert = Some(gone.clone())), Some("`cacert`: ")),
        (changed(&|a| a.cacert = Some(empty.clone())), Some("holds no certificate")),
        (changed(&|a| a.client_cert = Some((empty.clone(), gone.clone()))), Some("`key`: ")),
        (
            changed(&|a| a.client_cert = Some((empty.clone(), empty.clone()))),
            Some("holds no certificate with its private key"),
        ),
    ];
    for (access, wanted) in table {
        match (client(&access), wanted) {
            (Ok(_), None) => {}
            (Err(error), Some(said)) => assert!(error.to_string().contains(said), "{error}"),
            (made, wanted) => panic!("{made:?} instead of {wanted:?}"),
        }
    }
}
