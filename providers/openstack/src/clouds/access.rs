//! What is needed to reach one cloud.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use reqwest::Url;

/// Everything that is needed to reach one cloud as one user. Prints without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Access {
    /// What messages call the cloud: its name in the file, or `envvars`.
    pub(crate) name: String,
    /// Where Keystone answers; with or without `/v3` at its end. Carries no user and no password.
    pub(crate) auth_url: Url,
    /// How one says who one is.
    pub(crate) method: Method,
    /// What the token is to be good for.
    pub(crate) scope: Scope,
    /// The region whose endpoints count; none means the catalog's first endpoint, whatever its region.
    pub(crate) region: Option<String>,
    /// Which of a service's endpoints counts.
    pub(crate) interface: Interface,
    /// A PEM file with the authorities to trust besides the public ones. It was readable when this was made.
    pub(crate) cacert: Option<PathBuf>,
    /// The PEM files of a client certificate and of its key; the same file twice if it holds both.
    pub(crate) client_cert: Option<(PathBuf, PathBuf)>,
    /// Whether certificates are verified.
    pub(crate) verify: bool,
    /// Addresses to use instead of the catalog's, by service type as [`official`](super::official) spells it: `compute`,
    /// `block-storage`.
    pub(crate) endpoint_overrides: BTreeMap<String, Url>,
    pub(super) ignored: Vec<String>,
}

impl Access {
    /// What must never be printed, recorded or logged: the password, token or secret. Never empty texts.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        Some(self.method.secret().expose()).filter(|text| !text.is_empty()).into_iter().collect()
    }

    /// The keys that are there, and that nothing here reads: `image_format`, `dns_api_version`. Sorted.
    pub(crate) fn ignored(&self) -> &[String] {
        &self.ignored
    }
}

/// How one says who one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// A user's password.
    Password {
        /// The user.
        user: User,
        /// The password.
        password: Secret,
    },
    /// A token that exists already.
    Token {
        /// The token.
        token: Secret,
    },
    /// An application credential.
    ApplicationCredential {
        /// Which one.
        credential: Credential,
        /// Its secret.
        secret: Secret,
    },
}

impl Method {
    /// The one part of it that must stay secret.
    pub(crate) fn secret(&self) -> &Secret {
        match self {
            Self::Password { password, .. } => password,
            Self::Token { token } => token,
            Self::ApplicationCredential { secret, .. } => secret,
        }
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// By id.
    Id(String),
    /// By a name, which is unique in its domain only.
    Name {
        /// The user's name.
        name: String,
        /// The domain that the user belongs to.
        domain: Domain,
    },
}

/// An application credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// By id.
    Id(String),
    /// By a name, which is unique among its user's only.
    Name {
        /// The credential's name.
        name: String,
        /// The user that it belongs to.
        user: User,
    },
}

/// A domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    /// By id.
    Id(String),
    /// By name.
    Name(String),
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Project {
    /// By id.
    Id(String),
    /// By a name, which is unique in its domain only.
    Name {
        /// The project's name.
        name: String,
        /// The domain that the project belongs to.
        domain: Domain,
    },
}

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One project.
    Project(Project),
    /// One domain.
    Domain(Domain),
    /// The whole installation.
    System,
    /// Whatever the credential itself is bound to: an application credential carries its project.
    OfCredential,
}

/// Which of a service's endpoints counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Interface {
    /// The one for everybody.
    #[default]
    Public,
    /// The one inside the cloud's own network.
    Internal,
    /// The one for administrators.
    Admin,
}

impl Interface {
    /// Reads `public`, `internal` and `admin`, and the older `publicURL`, `internalURL` and `adminURL`.
    pub(crate) fn read(word: &str) -> Option<Self> {
        match word {
            "public" | "publicURL" => Some(Self::Public),
            "internal" | "internalURL" => Some(Self::Internal),
            "admin" | "adminURL" => Some(Self::Admin),
            _ => None,
        }
    }
}

impl From<Interface> for osauth::InterfaceType {
    fn from(interface: Interface) -> Self {
        match interface {
            Interface::Public => Self::Public,
            Interface::Internal => Self::Internal,
            Interface::Admin => Self::Admin,
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Admin => "admin",
        })
    }
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Keeps `text`.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
