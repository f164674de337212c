//! What is not accepted, and what is said about it.

use super::*;

#[test]
fn what_can_not_be_obeyed_is_refused() {
    let line = |top: &str, auth: &str| dev(top, auth);
    for (text, said) in [
        (
            line("", "pasword: s3cret"),
            "work/clouds.yaml:10: unknown key `pasword` in clouds.dev.auth; did you mean `password`?",
        ),
        (line("", "usernmae: x"), "did you mean `username`?"),
        (line("", "auth_ulr: x"), "did you mean `auth_url`?"),
        (line("", "colour: s3cret"), "unknown key `colour` in clouds.dev.auth; valid here: application_credential_id,"),
        (
            line("regoin_name: x", ""),
            "work/clouds.yaml:10: unknown key `regoin_name` in clouds.dev; did you mean `region_name`?",
        ),
        (line("region: x", ""), "did you mean `region_name`?"),
        (line("trust_id: x", ""), "`trust_id` in clouds.dev changes how the cloud is reached"),
        (line("compute_service_type: x", ""), "changes how the cloud is reached"),
        (
            line("identity_api_version: 2.0", ""),
            "`identity_api_version` in clouds.dev is `2.0`, and only Keystone's v3 is spoken; write 3",
        ),
        (
            line("auth_type: v3oidcpassword", ""),
            "work/clouds.yaml:10: `auth_type` in clouds.dev is `v3oidcpassword`, which is not \
             supported; create an application credential",
        ),
        (line("auth_type: v3totp", ""), "create an application credential"),
        (line("auth_type: none", ""), "goes to a single service without Keystone"),
        (line("auth_type: v3pasword", ""), "did you mean `v3password`? accepted: password, v3password, token"),
        (line("auth_type: token", ""), "cloud `dev`: `auth.token` is missing"),
        (line("", "token: x"), "say which counts"),
        (
            line("interface: pubic", ""),
            "`interface` in clouds.dev is `pubic`, which is unknown; did you mean `public`?",
        ),
        (
            line("verify: /ca.pem", ""),
            "is neither true nor false; write true or false; a file of authorities goes into `cacert`",
        ),
        (
            line("cacert: ca.pem", ""),
            "work/clouds.yaml:10: `cacert` in clouds.dev: work/ca.pem can't be read: No such file",
        ),
        (line("key: clouds.yaml", ""), "`cert` is missing"),
        (line("regions: [one, two]\nregion_name: tow", ""), "did you mean `two`? there are: one, two"),
        (line("regions: {one: two}", ""), "`regions` in clouds.dev is no list"),
        (line("image_endpoint_override: nowhere", ""), "`image_endpoint_override` in clouds.dev is no URL `nowhere`"),
        (line("", "system_scope: all"), "a token has one scope"),
        (
            line("", "application_credential_id: a\napplication_credential_secret: b")
                .replace("password: s3cret", "password:"),
            "Keystone refuses one with an application credential",
        ),
        (
            DEV.replace("https://cloud.example:5000/v3", "cloud.example"),
            "work/clouds.yaml:4: `auth_url` in clouds.dev.auth is no URL `cloud.example`",
        ),
        (DEV.replace("https://cloud", "ftp://cloud"), "is no address of an HTTP service"),
        (DEV.replace("https://cloud", "https://ada:s3cret@cloud"), "carries a user or password"),
        (DEV.replace("/v3", "/v2.0"), "which Keystone no longer has"),
        (
            DEV.replace("s3cret", ""),
            "work/clouds.yaml:2: cloud `dev`: `auth.password` is missing; write it there, into secure.yaml",
        ),
        (
            DEV.replace("s3cret", "true"),
            "`password` in clouds.dev.auth is a truth value, not a text; write one text, in quotes",
        ),
        (DEV.replace("s3cret", "[s3cret]"), "is a list, not a text"),
        (DEV.replace("project_name: bench", ""), "`auth.project_name` is missing; without a scope"),
        (
            DEV.replace("project_domain_name: Default", ""),
            "`auth.project_domain_name` is missing; a project's name is unique in its domain only",
        ),
        (
            DEV.replace("username: ada", "username: ada\n      username: bob"),
            "work/clouds.yaml:6: key `username` is given twice",
        ),
        (DEV.replace("password: s3cret", "password: 's3cret"), "work/clouds.yaml:"),
        (DEV.replace("clouds:", "cluods:"), "no key `clouds`, only `cluods`; the clouds stand below `clouds:`"),
        ("clouds: [dev]".to_owned(), "work/clouds.yaml:1: `clouds` is no mapping"),
        ("clouds: {dev: x}".to_owned(), "the cloud `dev` is no mapping"),
        (
            "clouds: {dve: {}, prod: {}}".to_owned(),
            "no cloud `dev` in work/clouds.yaml; did you mean `dve`? there are: dve, prod",
        ),
        (String::new(), "no cloud `dev` in work/clouds.yaml; there is none at all"),
    ] {
        let error = Place::new(&[("work/clouds.yaml", &text)], &[]).error(Some("dev"));
        assert!(error.contains(said), "{error}\ninstead of\n{said}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let two = format!("{DEV}  prod: {{}}\n");
    let files: &[(&str, &str)] = &[("work/clouds.yaml", &two)];
    let half = [("OS_AUTH_URL", "https://e.example"), ("OS_USERNAME", "u"), ("OS_USER_DOMAIN_NAME", "D")];
    let typo: Vec<_> = half.into_iter().chain([("OS_PASWORD", "s3cret")]).collect();
    for (files, variables, said) in [
        (
            &[][..],
            vec![],
            "no clouds.yaml found; looked at work/clouds.yaml, work/clouds.yml, work/clouds.json, \
             home/.config/openstack/clouds.yaml",
        ),
        (files, vec![], "work/clouds.yaml has several clouds and none was chosen; set OS_CLOUD or name one: dev, prod"),
        (
            files,
            vec![("OS_CLIENT_CONFIG_FILE", "gone.yaml")],
            "work/gone.yaml: there is no such file; OS_CLIENT_CONFIG_FILE names it",
        ),
        (files, vec![("OS_CLIENT_SECURE_FILE", "gone.yaml")], "OS_CLIENT_SECURE_FILE names it"),
        (
            files,
            typo,
            "the environment: `OS_PASSWORD` is missing; OS_PASWORD is set, and nothing reads it; write it there",
        ),
        (
            files,
            vec![("OS_AUTH_URL", "https://e.example"), ("OS_AUTH_TYPE", "v3totp")],
            "OS_AUTH_TYPE: `OS_AUTH_TYPE` is `v3totp`",
        ),
    ] {
        let error = Place::new(files, &variables).error(None);
        assert!(error.contains(said), "{error}\ninstead of\n{said}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn no_text_makes_it_panic() {
    let text = dev(
        "regions: [one, {name: two, values: {verify: false}}]\ninterface: [public]\nx: !tag {a: 1}\n? [k]\n: v",
        "",
    );
    let place = Place::new(&[("work/clouds.yaml", "")], &[]);
    let path = place.folder.path().join("work/clouds.yaml");
    for end in 0..text.len() {
        for tail in ["", "\n      - {"] {
            fs::write(&path, format!("{}{tail}", &text[..end])).unwrap();
            let _ = place.load(Some("dev"));
        }
    }
}
