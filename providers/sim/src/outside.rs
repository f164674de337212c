//! The world outside the cloud: an echo of the caller's address, mirrors, a static service, all one real HTTP server.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::ConnectInfo,
    http::{HeaderMap, StatusCode, header},
    routing::get,
};

/// Which families of address a name outside has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Families {
    /// Both; IPv4 is preferred.
    Both,
    /// IPv6 only.
    Six,
}

const MIRRORS: [&str; 3] = ["mirror.levelfield.test", "registry.levelfield.test", "code.levelfield.test"];
const STATIC: &str = "static.levelfield.test";
/// Beside hosts of its own, the simulated outside answers to the two public names that the standard looks up.
const OTHERS: [&str; 4] = ["echo.levelfield.test", "secure.levelfield.test", "deb.debian.org", "github.com"];
const SIX_ONLY: &str = "echo6.levelfield.test";

/// The families of `name`; `None` if nothing outside is called so.
pub(crate) fn families(name: &str) -> Option<Families> {
    if name == SIX_ONLY {
        return Some(Families::Six);
    }
    (is_mirror(name) || is_static(name) || OTHERS.contains(&name)).then_some(Families::Both)
}

/// Whether `host` is one of the mirrors of dependencies.
pub(crate) fn is_mirror(host: &str) -> bool {
    MIRRORS.contains(&host)
}

/// Whether `host` is the static service.
pub(crate) fn is_static(host: &str) -> bool {
    host == STATIC
}

/// The server's routes. Every host answers every path; `/echo` with the caller's address.
pub(crate) fn router() -> Router {
    Router::new().route("/echo", get(echo)).fallback(other)
}

async fn echo(ConnectInfo(caller): ConnectInfo<SocketAddr>) -> String {
    format!("{}\n", caller.ip())
}

async fn other(ConnectInfo(caller): ConnectInfo<SocketAddr>, headers: HeaderMap) -> (StatusCode, String) {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    if host.starts_with("echo") {
        return (StatusCode::OK, format!("{}\n", caller.ip()));
    }
    (StatusCode::OK, format!("{host} at your service\n"))
}
