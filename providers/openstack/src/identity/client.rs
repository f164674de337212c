//! The HTTP client that a cloud's access data call for.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{Certificate, Client, Identity, redirect};

use crate::clouds::Access;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// The most redirects that are followed.
const REDIRECTS: usize = 5;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ClientError {
    /// A file can't be read.
    #[error("`{key}`: {} can't be read: {source}; correct the path, or make the file readable", path.display())]
    Unreadable {
        /// The key that names the file: `cacert`, `cert` or `key`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{key}`: {} holds no {wanted}{cause}; write it in PEM form (-----BEGIN …)", path.display())]
    NotPem {
        /// The key that names the file: `cacert` or `cert`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// Nothing, or ` that can be read: ` and the reader's words.
        cause: String,
    },
    /// The client can't be made of these parts.
    #[error("no HTTP client can be made: {0}; check `cacert`, `cert` and `key`")]
    Build(String),
}

/// A client for the cloud of `access`: with its authorities and client certificate, 10 s to connect, and no limit for a whole
/// call, which callers bound themselves.
///
/// Connections are not kept. Some front ends (uwsgi behind a balancer) close an idle connection without a word, and about
/// one call in fifty would go out on such a connection and be reset; a call that makes something can't simply be sent again
/// then. A new connection for each call costs milliseconds next to calls that cost hundreds.
///
/// Redirects are followed within one host only, and never from https to http: the token stands in a header that would go along.
///
/// # Errors
///
/// A certificate or key can't be read, or is none.
pub(crate) fn client(access: &Access) -> Result<Client, ClientError> {
    let mut builder = Client::builder()
        .user_agent(concat!("levelfield/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .pool_max_idle_per_host(0)
        .redirect(redirect::Policy::custom(follow))
        .danger_accept_invalid_certs(!access.verify);
    if let Some(path) = &access.cacert {
        let not_pem = |cause| ClientError::NotPem { key: "cacert", path: path.clone(), wanted: "certificate", cause };
        let found = Certificate::from_pem_bundle(&read("cacert", path)?).map_err(|e| not_pem(unread(&e)))?;
        if found.is_empty() {
            return Err(not_pem(String::new()));
        }
        for certificate in found {
            builder = builder.add_root_certificate(certificate);
        }
    }
    if let Some((cert, key)) = &access.client_cert {
        let mut pem = read("cert", cert)?;
        if key != cert {
            pem.push(b'\n');
            pem.extend(read("key", key)?);
        }
        let identity = Identity::from_pem(&pem).map_err(|error| ClientError::NotPem {
            key: "cert",
            path: cert.clone(),
            wanted: "certificate with its private key",
            cause: unread(&error),
        })?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| ClientError::Build(chain(&error)))
}

fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let Some(last) = attempt.previous().last() else { return attempt.stop() };
    let next = attempt.url();
    let safe = next.scheme() == last.scheme() || next.scheme() == "https";
    if attempt.previous().len() <= REDIRECTS && safe && next.host_str() == last.host_str() {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, ClientError> {
    fs::read(path).map_err(|source| ClientError::Unreadable { key, path: path.to_owned(), source })
}

fn unread(error: &dyn std::error::Error) -> String {
    format!(" that can be read: {}", chain(error))
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
