//! Who one is to a cloud: tokens of Keystone's identity API v3, and the catalog of services that comes with them.
//!
//! A [`Keystone`] is one user's way in. It asks for a token when one is needed, keeps it while it is good, and finds services'
//! addresses in its catalog. It is an [`osauth::AuthType`], so a session works through it; it is cheap to clone, and clones share
//! the token.

mod body;
mod catalog;
mod client;
mod failure;
#[cfg(test)]
mod tests;
mod token;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use osauth::{AuthType, EndpointFilters, Error};
use reqwest::{Client, RequestBuilder, Url};
use tokio::sync::RwLock;

use crate::clouds::{Access, Method, Scope};
use token::Token;

pub(crate) use client::client;

/// One user's way into one cloud. Prints without secrets.
#[derive(Clone)]
pub(crate) struct Keystone {
    shared: Arc<Shared>,
}

struct Shared {
    /// Where tokens are made: `https://cloud.example:5000/v3/auth/tokens`.
    tokens: Url,
    method: Method,
    scope: Scope,
    client: Client,
    /// Logins that have ended so far. Whoever waited while it grew takes the outcome of that login for its own. It grows under
    /// the lock below, and is read before that lock is asked for.
    logins: AtomicU64,
    /// How the last login ended.
    outcome: RwLock<Option<Result<Arc<Token>, Error>>>,
}

impl Keystone {
    /// The way in that `access` describes. Nothing is sent yet. `client` is what the methods here use; make it with [`client()`].
    pub(crate) fn new(access: &Access, client: Client) -> Self {
        let shared = Shared {
            tokens: body::tokens_url(&access.auth_url),
            method: access.method.clone(),
            scope: access.scope.clone(),
            client,
            logins: AtomicU64::new(0),
            outcome: RwLock::new(None),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The names of the catalog's regions, sorted.
    ///
    /// # Errors
    ///
    /// Keystone is out of reach ([`ProtocolError`](osauth::ErrorKind::ProtocolError),
    /// [`OperationTimedOut`](osauth::ErrorKind::OperationTimedOut)), refuses (with the HTTP status's kind and Keystone's own
    /// words), or answers what can't be read ([`InvalidResponse`](osauth::ErrorKind::InvalidResponse)).
    pub(crate) async fn regions(&self) -> Result<Vec<String>, Error> {
        Ok(self.token(&self.shared.client, None).await?.catalog.regions())
    }

    /// The id and name of the project that the token is good for; none if its scope is no project.
    ///
    /// # Errors
    ///
    /// Those of [`regions`](Self::regions).
    pub(crate) async fn project(&self) -> Result<Option<(String, String)>, Error> {
        Ok(self.token(&self.shared.client, None).await?.project.clone())
    }

    /// The names of the roles that the user has in the token's scope, sorted.
    ///
    /// # Errors
    ///
    /// Those of [`regions`](Self::regions).
    pub(crate) async fn roles(&self) -> Result<Vec<String>, Error> {
        Ok(self.token(&self.shared.client, None).await?.roles.clone())
    }

    /// Whether the catalog has a service of this type, under any of its names.
    ///
    /// # Errors
    ///
    /// Those of [`regions`](Self::regions).
    pub(crate) async fn has_service(&self, service_type: &str) -> Result<bool, Error> {
        Ok(self.token(&self.shared.client, None).await?.catalog.has_service(service_type))
    }

    /// Logs in, unless there is a good token. Answers how many logins have ended so far.
    ///
    /// # Errors
    ///
    /// Those of [`regions`](Self::regions).
    pub(crate) async fn log_in_first(&self) -> Result<u64, Error> {
        self.token(&self.shared.client, None).await?;
        Ok(self.shared.logins.load(Ordering::Acquire))
    }

    /// Logs in again, unless somebody did since that many logins had ended: of many calls whose token is refused, one does.
    ///
    /// # Errors
    ///
    /// Those of [`regions`](Self::regions), of whoever did.
    pub(crate) async fn log_in_again(&self, since: u64) -> Result<(), Error> {
        self.token(&self.shared.client, Some(since)).await.map(drop)
    }

    /// A good token; with `since`, one that was not at hand yet when that many logins had ended.
    ///
    /// One request is under way at most, and all who wait for it share its outcome. A failure is shared too: twenty tasks with a
    /// wrong password are one failed login, not twenty, at which some clouds lock the account. Whoever comes after a failure
    /// tries again.
    async fn token(&self, client: &Client, since: Option<u64>) -> Result<Arc<Token>, Error> {
        let Shared { logins, outcome, .. } = &*self.shared;
        let seen = since.unwrap_or_else(|| logins.load(Ordering::Acquire));
        if since.is_none()
            && let Some(Ok(token)) = &*outcome.read().await
            && Instant::now() < token.renew_at
        {
            return Ok(Arc::clone(token));
        }
        let mut outcome = outcome.write().await;
        if logins.load(Ordering::Acquire) != seen
            && let Some(shared) = &*outcome
        {
            return shared.clone();
        }
        let result = self.log_in(client).await.map(Arc::new);
        *outcome = Some(result.clone());
        logins.fetch_add(1, Ordering::Release);
        result
    }

    async fn log_in(&self, client: &Client) -> Result<Token, Error> {
        let Shared { tokens, method, scope, .. } = &*self.shared;
        let asked = Instant::now();
        let body = body::login(method, scope);
        let answer =
            client.post(tokens.clone()).json(&body).send().await.map_err(|e| failure::unreached(&e, tokens))?;
        if !answer.status().is_success() {
            return Err(failure::refused(answer, tokens, method).await);
        }
        Token::read(answer, asked, tokens).await
    }
}

#[async_trait]
impl AuthType for Keystone {
    async fn authenticate(&self, client: &Client, request: RequestBuilder) -> Result<RequestBuilder, Error> {
        let token = self.token(client, None).await?;
        Ok(request.header("x-auth-token", token.value.clone()))
    }

    async fn get_endpoint(&self, client: &Client, service_type: &str, filters: &EndpointFilters) -> Result<Url, Error> {
        self.token(client, None).await?.catalog.find(service_type, filters)
    }

    async fn refresh(&self, client: &Client) -> Result<(), Error> {
        self.token(client, Some(self.shared.logins.load(Ordering::Acquire))).await.map(drop)
    }
}

impl fmt::Debug for Keystone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keystone")
            .field("tokens", &self.shared.tokens.as_str())
            .field("method", &self.shared.method)
            .field("scope", &self.shared.scope)
            .finish_non_exhaustive()
    }
}
