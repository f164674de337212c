//! What is sent to Keystone to log in.

use reqwest::Url;
use serde_json::{Value, json};

use crate::clouds::{Credential, Domain, Method, Project, Scope, User};

/// Where tokens are made, given an address with or without `/v3` and a slash at its end.
pub(super) fn tokens_url(auth_url: &Url) -> Url {
    let path = auth_url.path().trim_end_matches('/');
    let root = path.strip_suffix("/v3").unwrap_or(path);
    let mut url = auth_url.clone();
    url.set_path(&format!("{root}/v3/auth/tokens"));
    url
}

/// The request's body. It holds the secret.
pub(super) fn login(method: &Method, scope: &Scope) -> Value {
    let identity = match method {
        Method::Password { user, password } => {
            let mut user = user_of(user);
            user["password"] = json!(password.expose());
            json!({ "methods": ["password"], "password": { "user": user } })
        }
        Method::Token { token } => json!({ "methods": ["token"], "token": { "id": token.expose() } }),
        Method::ApplicationCredential { credential, secret } => {
            let credential = match credential {
                Credential::Id(id) => json!({ "id": id, "secret": secret.expose() }),
                Credential::Name { name, user } => {
                    json!({ "name": name, "user": user_of(user), "secret": secret.expose() })
                }
            };
            json!({ "methods": ["application_credential"], "application_credential": credential })
        }
    };
    let mut auth = json!({ "identity": identity });
    let scope = match scope {
        Scope::Project(Project::Id(id)) => json!({ "project": { "id": id } }),
        Scope::Project(Project::Name { name, domain }) => {
            json!({ "project": { "name": name, "domain": domain_of(domain) } })
        }
        Scope::Domain(domain) => json!({ "domain": domain_of(domain) }),
        Scope::System => json!({ "system": { "all": true } }),
        Scope::OfCredential => return json!({ "auth": auth }),
    };
    auth["scope"] = scope;
    json!({ "auth": auth })
}

fn user_of(user: &User) -> Value {
    match user {
        User::Id(id) => json!({ "id": id }),
        User::Name { name, domain } => json!({ "name": name, "domain": domain_of(domain) }),
    }
}

fn domain_of(domain: &Domain) -> Value {
    match domain {
        Domain::Id(id) => json!({ "id": id }),
        Domain::Name(name) => json!({ "name": name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clouds::Secret;

    #[test]
    fn addresses_end_the_same() {
        for (given, wanted) in [
            ("https://c.example:5000", "https://c.example:5000/v3/auth/tokens"),
            ("https://c.example:5000/", "https://c.example:5000/v3/auth/tokens"),
            ("https://c.example:5000/v3", "https://c.example:5000/v3/auth/tokens"),
            ("https://c.example/identity/v3/", "https://c.example/identity/v3/auth/tokens"),
            ("https://c.example/identity", "https://c.example/identity/v3/auth/tokens"),
        ] {
            assert_eq!(tokens_url(&Url::parse(given).unwrap()).as_str(), wanted, "{given}");
        }
    }

    #[test]
    fn bodies_are_those_of_the_identity_api() {
        let secret = || Secret::new("s");
        let by_name = || User::Name { name: "u".into(), domain: Domain::Name("D".into()) };
        let by_id = Scope::Project(Project::Id("p".into()));
        let project = Scope::Project(Project::Name { name: "p".into(), domain: Domain::Id("d".into()) });
        let password = |user| Method::Password { user, password: secret() };
        let named = Credential::Name { name: "c".into(), user: User::Id("u".into()) };
        let table = [
            (
                password(by_name()),
                project,
                json!({"auth": {
                    "identity": {"methods": ["password"],
                        "password": {"user": {"name": "u", "domain": {"name": "D"}, "password": "s"}}},
                    "scope": {"project": {"name": "p", "domain": {"id": "d"}}}}}),
            ),
            (
                password(User::Id("u".into())),
                Scope::System,
                json!({"auth": {
                    "identity": {"methods": ["password"], "password": {"user": {"id": "u", "password": "s"}}},
                    "scope": {"system": {"all": true}}}}),
            ),
            (
                Method::Token { token: secret() },
                by_id,
                json!({"auth": {
                    "identity": {"methods": ["token"], "token": {"id": "s"}},
                    "scope": {"project": {"id": "p"}}}}),
            ),
            (
                Method::Token { token: secret() },
                Scope::Domain(Domain::Id("d".into())),
                json!({"auth": {
                    "identity": {"methods": ["token"], "token": {"id": "s"}},
                    "scope": {"domain": {"id": "d"}}}}),
            ),
            (
                Method::ApplicationCredential { credential: Credential::Id("c".into()), secret: secret() },
                Scope::OfCredential,
                json!({"auth": {"identity": {"methods": ["application_credential"],
                    "application_credential": {"id": "c", "secret": "s"}}}}),
            ),
            (
                Method::ApplicationCredential { credential: named, secret: secret() },
                Scope::OfCredential,
                json!({"auth": {"identity": {"methods": ["application_credential"],
                    "application_credential": {"name": "c", "user": {"id": "u"}, "secret": "s"}}}}),
            ),
        ];
        for (method, scope, wanted) in table {
            assert_eq!(login(&method, &scope), wanted);
        }
    }
}
