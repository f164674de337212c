//! What goes wrong, and what is said of it.

use std::time::Duration;

use levelfield_provider::{FailureClass, Kind, LeftBehind, NodeRequest, Provider, Query, ResourceRef};
use serde_json::json;

use super::*;

const SERVERS: &str = "/compute/v2.1/servers";

fn some_node() -> NodeRequest {
    NodeRequest { name: "lf-fixture-node".to_owned(), network: Some(NOBODY.to_owned()), ..NodeRequest::default() }
}

#[tokio::test]
async fn a_node_that_is_not_made_says_why_and_what_may_be_left() {
    let (cloud, provider) = connected().await;
    let html = "<html><head><title>502 Bad Gateway</title></head>\n<body><center>nginx</center></body></html>";
    let over = r#"{"overLimit": {"code": 413, "message": "This request was rate-limited.", "retryAfter": "7"}}"#;
    let fault = r#"{"computeFault": {"code": 500, "message": "Unexpected API Error."}}"#;
    let exists = r#"{"conflictingRequest": {"code": 409, "message": "Port 1 is still in use."}}"#;
    let (nothing, unknown) = (LeftBehind::Nothing, LeftBehind::Unknown);
    for (reply, class, left, wait, said) in [
        (Reply::of("server-over-quota"), FailureClass::Quota, &nothing, None, "Quota exceeded for instances"),
        (Reply::of("server-over-port-quota"), FailureClass::Quota, &nothing, None, "Maximum number of ports exceeded"),
        (Reply::new(409, &[], exists), FailureClass::Conflict, &nothing, None, "still in use. [HTTP 409]"),
        (Reply::new(413, &[("retry-after", "7")], over), FailureClass::Throttled, &nothing, Some(7), "rate-limited"),
        (
            Reply::new(429, &[("retry-after", "30")], ""),
            FailureClass::Throttled,
            &nothing,
            Some(30),
            "Too Many Requests",
        ),
        (Reply::new(429, &[], ""), FailureClass::Throttled, &nothing, None, "HTTP 429"),
        (Reply::new(500, &[], fault), FailureClass::Unavailable, &unknown, None, "Unexpected API Error. [HTTP 500]"),
        (Reply::new(502, &[], html), FailureClass::Unavailable, &unknown, None, "502 Bad Gateway nginx [HTTP 502]"),
        (Reply::new(503, &[("retry-after", "5")], ""), FailureClass::Unavailable, &unknown, Some(5), "HTTP 503"),
        (Reply::Cut, FailureClass::Transport, &unknown, None, ""),
        (Reply::CutMidway, FailureClass::Transport, &unknown, None, ""),
        (
            Reply::new(200, &[("content-type", "text/html")], html),
            FailureClass::Unexpected,
            &unknown,
            None,
            "cannot be read",
        ),
        (Reply::new(202, &[], "{}"), FailureClass::Unexpected, &unknown, None, "cannot be read"),
        (
            Reply::new(302, &[("location", "https://login.example/")], ""),
            FailureClass::Unexpected,
            &nothing,
            None,
            "redirects to https://login.example/ [HTTP 302]",
        ),
    ] {
        let what = format!("{reply:?}");
        cloud.once_with("POST", SERVERS, reply);
        let error = provider.create_node(&some_node()).await.unwrap_err();
        assert_eq!((error.class, &error.left_behind), (class, left), "{what}: {error}");
        assert_eq!(error.retry_after, wait.map(Duration::from_secs), "{what}");
        assert!(error.message.contains(said) && !error.message.contains('<'), "{what}: {error}");
        assert_eq!(error.operation, "create node \"lf-fixture-node\"");
    }
    cloud.done();
}

#[tokio::test]
async fn what_only_reads_or_changes_leaves_nothing() {
    let (cloud, provider) = connected().await;
    let path = format!("{SERVERS}/{NOBODY}");
    for (reply, class) in [
        (Reply::Cut, FailureClass::Transport),
        (Reply::new(503, &[], ""), FailureClass::Unavailable),
        (Reply::new(302, &[("location", "https://login.example/")], ""), FailureClass::Unexpected),
        (Reply::new(404, &[], ""), FailureClass::NotFound),
    ] {
        let what = format!("{reply:?}");
        cloud.once_with("GET", &path, reply.clone()).once_with("DELETE", &path, reply);
        let read = provider.node(NOBODY).await.unwrap_err();
        let deleted = provider.delete(&ResourceRef::new(Kind::Node, NOBODY)).await.unwrap_err();
        for error in [read, deleted] {
            assert_eq!((error.class, &error.left_behind), (class, &LeftBehind::Nothing), "{what}: {error}");
        }
    }
    cloud.done();
}

#[tokio::test]
async fn a_token_that_is_good_no_more_is_replaced_once() {
    let (cloud, provider) = connected().await;
    cloud.revoke(false);
    let given = cloud.tokens();
    provider.keys().await.unwrap();
    provider.flavors(&Query::default()).await.unwrap();
    assert_eq!(cloud.tokens(), given + 1);

    // Many at once share the new one.
    cloud.revoke(false);
    provider.inventory().await.unwrap();
    assert_eq!(cloud.tokens(), given + 2);

    cloud.revoke(true);
    let error = provider.keys().await.unwrap_err();
    assert_eq!(
        (error.class, error.message.contains("requires authentication")),
        (FailureClass::Unauthorized, true),
        "{error}"
    );
    assert_eq!(cloud.tokens(), given + 3);

    // Keystone refuses too, as when the password was changed in the meantime; or it is down. Nothing can be left of either.
    for (reply, class) in [
        (Reply::of("token-wrong-password"), FailureClass::Unauthorized),
        (Reply::new(503, &[], "<h1>Down</h1>"), FailureClass::Unavailable),
        (Reply::Cut, FailureClass::Transport),
    ] {
        let (cloud, provider) = connected().await;
        cloud.revoke(false);
        cloud.once_with("POST", "/identity/v3/auth/tokens", reply);
        cloud.seen();
        let error = provider.create_node(&some_node()).await.unwrap_err();
        assert_eq!((error.class, &error.left_behind), (class, &LeftBehind::Nothing), "{error}");
        assert_eq!(cloud.seen(), ["POST /compute/v2.1/servers", "POST /identity/v3/auth/tokens"]);
        cloud.done();
    }
}

#[tokio::test]
async fn listings_that_cannot_be_followed_or_read_are_unexpected() {
    let (cloud, provider) = connected().await;
    let path = format!("{SERVERS}/detail");
    let after = |marker: &str| format!("{path}?marker={marker}");
    let page = |id: &str| {
        let server = json!({ "id": id, "name": "n", "status": "ACTIVE" });
        let body = json!({ "servers": [server], "servers_links": [{ "rel": "next", "href": "http://cloud.test/" }] });
        Reply::new(200, &[], &body.to_string())
    };
    let text = |body: &str| Reply::new(200, &[], body);
    for (pages, said) in [
        // The marker is ignored.
        (vec![(path.clone(), page("a")), (after("a"), page("a"))], "marker leads nowhere"),
        // Two pages lead to each other.
        (vec![(path.clone(), page("a")), (after("a"), page("b")), (after("b"), page("a"))], "marker leads nowhere"),
        (vec![(path.clone(), text("<html>Log in</html>"))], "the answer cannot be read"),
        (vec![(path.clone(), text(""))], "the answer cannot be read"),
        (vec![(path.clone(), text(r#"{"servers": "many"}"#))], "`servers` in the answer cannot be read"),
        (vec![(path.clone(), text("{}"))], "`servers` in the answer cannot be read"),
    ] {
        let calls = pages.len();
        cloud.seen();
        for (path, reply) in pages {
            cloud.once_with("GET", &path, reply);
        }
        let error = provider.nodes(&tags()).await.unwrap_err();
        assert_eq!((error.class, error.message.contains(said)), (FailureClass::Unexpected, true), "{error}");
        assert_eq!(cloud.seen().len(), calls, "{error}");
    }
    cloud.done();
}

#[tokio::test]
async fn a_cloud_that_cannot_be_used_says_what_to_do() {
    let without = |service: &'static str| {
        Reply::altered("token", move |body| {
            body["token"]["catalog"].as_array_mut().unwrap().retain(|listed| listed["type"] != service);
        })
    };
    let no_project = Reply::altered("token", |body| {
        body["token"].as_object_mut().unwrap().remove("project");
    });
    let tokens = "/identity/v3/auth/tokens";
    for (password, answers, next, said) in [
        ("wrong", vec![], "correct the credentials", "The request you have made requires authentication."),
        (
            "right",
            vec![("POST", tokens, without("network"))],
            "ask its operator for the service",
            "no endpoint of `network`",
        ),
        (
            "right",
            vec![("POST", tokens, without("compute"))],
            "ask its operator for the service",
            "no endpoint of `compute`",
        ),
        (
            "right",
            vec![("POST", tokens, without("image"))],
            "ask its operator for the service",
            "no endpoint of `image`",
        ),
        ("right", vec![("POST", tokens, no_project)], "see what came back", "the token is for no project"),
        ("right", vec![("POST", tokens, Reply::Cut)], "correct `auth_url`", "no whole answer from Keystone"),
        (
            "right",
            vec![("GET", "/compute/v2.1/os-availability-zone", Reply::new(403, &[], ""))],
            "give the account the role",
            "403",
        ),
        ("right", vec![("GET", "/compute/v2.1", Reply::Cut)], "see that it is up", ""),
        (
            "right",
            vec![("GET", "/network/v2.0/extensions", Reply::new(500, &[], "<h1>Oops</h1>"))],
            "see what came back",
            "Oops [HTTP 500]",
        ),
    ] {
        let cloud = Cloud::start().await;
        for (method, path, reply) in answers {
            cloud.once_with(method, path, reply);
        }
        let Err(error) = log_in(&cloud, password).await else { panic!("{next}: {said}") };
        let text = whole(&error);
        assert!(
            text.starts_with(&format!("cannot use the cloud `envvars` at {}/identity/v3; ", cloud.address)),
            "{text}"
        );
        assert!(error.to_string().contains(next) && text.contains(said), "{text}");
        assert!(!text.contains(password) && !format!("{error:?}").contains(password), "{text}");
        cloud.done();
    }
}
