//! Who one is and what the token is for, from the keys of `auth`.

use reqwest::Url;

use super::{
    access::{Credential, Domain, Method, Project, Scope, Secret, User},
    error::CloudsError,
    keys,
    layer::Entry,
    settings::Settings,
};

const ACCEPTED: &str = "accepted: password, v3password, token, v3token, v3applicationcredential";
const CREDENTIAL: &str = "create an application credential for this user and use auth_type v3applicationcredential";

enum Kind {
    Password,
    Token,
    ApplicationCredential,
}

/// Where Keystone answers.
pub(super) fn url(settings: &Settings, region: Option<&str>) -> Result<Url, CloudsError> {
    let Some((text, entry)) = settings.auth("auth_url")? else {
        return Err(settings.missing("auth_url", "give Keystone's address, such as https://cloud.example:5000/v3"));
    };
    // Profiles leave the region's place open.
    let text = text.replace("{region_name}", region.unwrap_or_default());
    let url = address("auth_url", &text, entry)?;
    if url.path().trim_end_matches('/').ends_with("/v2.0") {
        let problem = format!(
            "{} asks for the identity API v2.0, which Keystone no longer has",
            entry.origin.subject("auth_url")
        );
        return Err(entry.origin.wrong("auth_url", problem, "end it in /v3 instead"));
    }
    Ok(url)
}

/// Reads an address of an HTTP service.
pub(super) fn address(key: &str, text: &str, entry: &Entry) -> Result<Url, CloudsError> {
    let subject = entry.origin.subject(key);
    // What stands before an @ may be a password, so such an address is not repeated.
    let said = if text.contains('@') { String::new() } else { format!(" `{text}`") };
    let wrong = |problem: String, advice: &str| Err(entry.origin.wrong(key, problem, advice));
    match Url::parse(text) {
        Err(error) => {
            wrong(format!("{subject} is no URL{said}: {error}"), "write one such as https://cloud.example:5000/v3")
        }
        Ok(url) if !matches!(url.scheme(), "http" | "https") || !url.has_host() => {
            wrong(format!("{subject} is no address of an HTTP service{said}"), "begin it with https:// or http://")
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            wrong(format!("{subject} carries a user or password"), "move them to `username` and `password` in auth")
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            wrong(format!("{subject} has a query or fragment{said}"), "end the address before its ? or #")
        }
        Ok(url) => Ok(url),
    }
}

/// How one says who one is.
pub(super) fn method(settings: &Settings) -> Result<Method, CloudsError> {
    Ok(match kind(settings)? {
        Kind::Password => Method::Password {
            user: user(settings)?,
            password: secret(settings, "password", "write it there, into secure.yaml, or choose another auth_type")?,
        },
        Kind::Token => {
            Method::Token { token: secret(settings, "token", "write a token there, or choose another auth_type")? }
        }
        Kind::ApplicationCredential => {
            let name = settings.auth_text("application_credential_name")?;
            let credential = match (settings.auth_text("application_credential_id")?, name) {
                (Some(id), _) => Credential::Id(id),
                (None, Some(name)) => Credential::Name { name, user: user(settings)? },
                (None, None) => {
                    let advice =
                        "write the id that `openstack application credential list` shows, or its name and user";
                    return Err(settings.missing("application_credential_id", advice));
                }
            };
            let advice = "it is shown once, when the credential is created; if it is lost, create another";
            Method::ApplicationCredential {
                credential,
                secret: secret(settings, "application_credential_secret", advice)?,
            }
        }
    })
}

fn kind(settings: &Settings) -> Result<Kind, CloudsError> {
    let Some((named, entry)) = settings.top("auth_type")? else { return implied(settings) };
    let wrong = |problem: String, advice: String| Err(entry.origin.wrong("auth_type", problem, advice));
    let subject = entry.origin.subject("auth_type");
    match named.as_str() {
        "password" | "v3password" => Ok(Kind::Password),
        "token" | "v3token" => Ok(Kind::Token),
        "v3applicationcredential" => Ok(Kind::ApplicationCredential),
        "none" | "http_basic" | "noauth" => wrong(
            format!(
                "{subject} is `{named}`, which goes to a single service without Keystone; \
                 a cloud's services are found through it"
            ),
            format!("use Keystone; {ACCEPTED}"),
        ),
        "v2password" | "v2token" => wrong(
            format!("{subject} is `{named}`, of the identity API v2.0, which Keystone no longer has"),
            format!("use the one of v3; {ACCEPTED}"),
        ),
        other
            if [
                "v3oidc",
                "v3totp",
                "v3multifactor",
                "v3saml",
                "v3adfs",
                "v3kerberos",
                "v3oauth",
                "v3tokenlessauth",
            ]
            .iter()
            .any(|known| other.starts_with(known)) =>
        {
            wrong(format!("{subject} is `{named}`, which is not supported"), format!("{CREDENTIAL}; {ACCEPTED}"))
        }
        other => {
            let all = ["password", "v3password", "token", "v3token", "v3applicationcredential"];
            let near =
                keys::near(other, all.into_iter()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            wrong(format!("{subject} is `{named}`, which is unknown"), format!("{near}{ACCEPTED}"))
        }
    }
}

/// Without an `auth_type`, the one secret that is there says it.
fn implied(settings: &Settings) -> Result<Kind, CloudsError> {
    let has = |key: &str| settings.auth_text(key).map(|text| text.is_some());
    match (has("password")?, has("application_credential_secret")?, has("token")?) {
        (false, true, false) => Ok(Kind::ApplicationCredential),
        (false, false, true) => Ok(Kind::Token),
        (_, false, false) => Ok(Kind::Password),
        _ => {
            let advice = "there are several of password, token and application_credential_secret; say which counts";
            Err(settings.missing("auth_type", &format!("{advice}; {ACCEPTED}")))
        }
    }
}

fn secret(settings: &Settings, key: &str, advice: &str) -> Result<Secret, CloudsError> {
    settings.auth_text(key)?.map(Secret::new).ok_or_else(|| settings.missing(key, advice))
}

fn user(settings: &Settings) -> Result<User, CloudsError> {
    if let Some(id) = settings.auth_text("user_id")? {
        return Ok(User::Id(id));
    }
    let Some(name) = settings.auth_text("username")? else {
        return Err(settings.missing("username", "write the user's name there, or `user_id`"));
    };
    Ok(User::Name { name, domain: domain_of(settings, "user")? })
}

/// The domain of a user or project that is given by name.
fn domain_of(settings: &Settings, what: &str) -> Result<Domain, CloudsError> {
    // A bare domain is both of theirs where a project is the scope, and the scope itself where none is.
    let shared = if project_named(settings)? { domain(settings, "domain")? } else { None };
    let own = domain(settings, &format!("{what}_domain"))?;
    match own.or(shared).map_or_else(|| domain(settings, "default_domain"), |domain| Ok(Some(domain)))? {
        Some(domain) => Ok(domain),
        None => Err(settings.missing(
            &format!("{what}_domain_name"),
            &format!(
                "a {what}'s name is unique in its domain only: write the domain (often `Default`), or \
                 `{what}_domain_id`"
            ),
        )),
    }
}

fn domain(settings: &Settings, key: &str) -> Result<Option<Domain>, CloudsError> {
    if let Some(id) = settings.auth_text(&format!("{key}_id"))? {
        return Ok(Some(Domain::Id(id)));
    }
    Ok(settings.auth_text(&format!("{key}_name"))?.map(Domain::Name))
}

fn project_named(settings: &Settings) -> Result<bool, CloudsError> {
    Ok(settings.auth_text("project_id")?.is_some() || settings.auth_text("project_name")?.is_some())
}

/// What the token is to be good for.
pub(super) fn scope(settings: &Settings, method: &Method) -> Result<Scope, CloudsError> {
    let system = settings.auth("system_scope")?;
    if matches!(method, Method::ApplicationCredential { .. }) {
        for key in ["project_id", "project_name", "domain_id", "domain_name", "system_scope"] {
            if let Some((_, entry)) = settings.auth(key)? {
                let subject = entry.origin.subject(key);
                let problem =
                    format!("{subject} asks for a scope, and Keystone refuses one with an application credential");
                return Err(entry.origin.wrong(
                    key,
                    problem,
                    "remove or unset it: the credential carries its own project",
                ));
            }
        }
        return Ok(Scope::OfCredential);
    }
    if let Some((word, entry)) = system {
        if word != "all" {
            let problem = format!("{} is `{word}`", entry.origin.subject("system_scope"));
            return Err(entry.origin.wrong("system_scope", problem, "valid: all"));
        }
        if project_named(settings)? || domain(settings, "domain")?.is_some() {
            let problem = format!("{} stands beside a project or domain", entry.origin.subject("system_scope"));
            return Err(entry.origin.wrong(
                "system_scope",
                problem,
                "a token has one scope: keep one and remove the others",
            ));
        }
        return Ok(Scope::System);
    }
    if let Some(id) = settings.auth_text("project_id")? {
        return Ok(Scope::Project(Project::Id(id)));
    }
    if let Some(name) = settings.auth_text("project_name")? {
        return Ok(Scope::Project(Project::Name { name, domain: domain_of(settings, "project")? }));
    }
    if let Some(domain) = domain(settings, "domain")? {
        return Ok(Scope::Domain(domain));
    }
    let advice = "without a scope Keystone shows no services: write the project's name there, or `project_id`";
    Err(settings.missing("project_name", advice))
}
