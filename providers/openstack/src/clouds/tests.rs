//! Files in a private folder, and an environment that is passed in.

mod refusals;

use std::fs;

use tempfile::TempDir;

use super::*;

/// Variables, and what they mean.
type Row<'a> = (&'a [(&'a str, &'a str)], Method, Scope);

const DEV: &str = "\
clouds:
  dev:
    auth:
      auth_url: https://cloud.example:5000/v3
      username: ada
      password: s3cret
      user_domain_id: default
      project_name: bench
      project_domain_name: Default
";

/// A folder with `work`, `home` and `etc` in it.
struct Place {
    folder: TempDir,
    surroundings: Surroundings,
}

impl Place {
    /// With these files, by path below the folder, and these variables.
    fn new(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let under = |name: &str| folder.path().join(name);
        let surroundings = Surroundings {
            variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            working_folder: under("work"),
            home: Some(under("home")),
            system: under("etc"),
        };
        Self { folder, surroundings }
    }

    fn load(&self, name: Option<&str>) -> Result<Access, CloudsError> {
        load(name, &self.surroundings)
    }

    /// The error's text, without the folder's changing name.
    fn error(&self, name: Option<&str>) -> String {
        let error = self.load(name).expect_err("refused");
        error.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }
}

/// The cloud `dev` with more keys, and with more keys in its `auth`, both as they are indented there.
fn dev(top: &str, auth: &str) -> String {
    let lines = |text: &str, indent: &str| text.lines().fold(String::new(), |lines, line| lines + indent + line + "\n");
    format!("{DEV}{}{}", lines(auth, "      "), lines(top, "    "))
}

fn load_text(text: &str) -> Access {
    Place::new(&[("work/clouds.yaml", text)], &[]).load(Some("dev")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn name(name: &str, domain: Domain) -> (User, Project) {
    (User::Name { name: name.into(), domain: domain.clone() }, Project::Name { name: name.into(), domain })
}

#[test]
fn a_cloud_is_read_whole() {
    let access = load_text(&dev(
        "region_name: RegionOne\ninterface: internalURL\nverify: false\nimage_format: raw\n\
         volumev3_endpoint_override: http://v.example/v3",
        "",
    ));
    let user = name("ada", Domain::Id("default".into())).0;
    let project = name("bench", Domain::Name("Default".into())).1;
    assert_eq!(access.name, "dev");
    assert_eq!(access.auth_url.as_str(), "https://cloud.example:5000/v3");
    assert_eq!(access.method, Method::Password { user, password: Secret::new("s3cret") });
    assert_eq!(access.scope, Scope::Project(project));
    assert_eq!(access.region.as_deref(), Some("RegionOne"));
    assert_eq!(access.interface, Interface::Internal);
    assert!(!access.verify);
    assert_eq!(access.endpoint_overrides["block-storage"].as_str(), "http://v.example/v3");
    assert_eq!(access.ignored(), ["image_format"]);
    assert_eq!(access.secrets(), ["s3cret"]);
    assert!(!format!("{access:?}").contains("s3cret"), "{access:?}");
}

#[test]
fn files_are_found_in_order() {
    let cloud = |project: &str| DEV.replace("bench", project);
    let (work, xdg, home, etc, named) = (cloud("work"), cloud("xdg"), cloud("home"), cloud("etc"), cloud("named"));
    let all = [
        ("named.yaml", named.as_str(), "named"),
        ("work/clouds.yml", &work, "work"),
        ("xdg/openstack/clouds.json", &xdg, "xdg"),
        ("home/.config/openstack/clouds.yaml", &home, "home"),
        ("etc/clouds.yaml", &etc, "etc"),
    ];
    for first in 0..all.len() {
        let files: Vec<_> = all[first..].iter().map(|(path, text, _)| (*path, *text)).collect();
        let mut place = Place::new(&files, &[]);
        let under = |path: &str| place.folder.path().join(path).display().to_string();
        let (xdg, named) = (under("xdg"), under("named.yaml"));
        let variables = &mut place.surroundings.variables;
        variables.insert("XDG_CONFIG_HOME".into(), xdg);
        if first == 0 {
            variables.insert("OS_CLIENT_CONFIG_FILE".into(), named);
        }
        let Scope::Project(Project::Name { name, .. }) = place.load(None).unwrap().scope else { panic!("no project") };
        assert_eq!(name, all[first].2);
    }
}

#[test]
fn a_cloud_is_chosen() {
    let two = format!("{DEV}  prod: {{auth: {{auth_url: https://p.example, token: t0ken, project_id: 12}}}}\n");
    let openrc = [("OS_AUTH_URL", "https://e.example"), ("OS_TOKEN", "t0ken"), ("OS_TENANT_ID", "p")];
    let cloud = |name: &'static str| [("OS_CLOUD", name)].into_iter().chain(openrc).collect::<Vec<_>>();
    for (text, given, variables, wanted) in [
        (DEV, None, vec![], "dev"),
        (DEV, None, vec![("OS_REGION_NAME", "r"), ("OS_LOG_PATH", "x")], "dev"),
        (&two, Some("prod"), cloud("dev"), "prod"),
        (&two, None, cloud("prod"), "prod"),
        (&two, None, openrc.to_vec(), "envvars"),
        (&two, Some("envvars"), cloud("prod"), "envvars"),
        (&two, Some("mine"), [("OS_CLOUD_NAME", "mine")].into_iter().chain(openrc).collect(), "mine"),
    ] {
        let access = Place::new(&[("work/clouds.yaml", text)], &variables).load(given).unwrap();
        assert_eq!(access.name, wanted);
    }
}

#[test]
fn secrets_and_profiles_are_laid_over_each_other() {
    let clouds =
        "clouds:\n  dev:\n    profile: corp\n    region_name: two\n    auth: {username: ada, password: weak}\n";
    let secure = "clouds:\n  dev:\n    auth: {password: s3cret}\n";
    let public = "\
public-clouds:
  corp:
    auth:
      auth_url: https://{region_name}.example
      user_domain_name: Corp
      project_domain_name: Corp
      project_name: p
      username: x
    verify: no
    regions:
      - one
      - name: two
        values: {interface: internal, auth: {project_name: of-two}}
";
    let files = [
        ("work/clouds.yaml", clouds),
        ("etc/secure.yaml", secure),
        ("home/.config/openstack/clouds-public.yaml", public),
    ];
    let access = Place::new(&files, &[]).load(None).unwrap();
    let corp = || Domain::Name("Corp".into());
    let password = Secret::new("s3cret");
    assert_eq!(access.auth_url.as_str(), "https://two.example/");
    assert_eq!(access.method, Method::Password { user: name("ada", corp()).0, password });
    assert_eq!(access.scope, Scope::Project(name("of-two", corp()).1));
    assert_eq!(access.interface, Interface::Internal);
    assert!(!access.verify);
    // Without the file that describes it, a profile is no guess.
    assert_eq!(
        Place::new(&files[..2], &[]).error(None),
        "work/clouds.yaml:3: `profile` in clouds.dev is `corp`, and there is no clouds-public.yaml; the profiles \
         inside openstacksdk are not known here: remove the key and write the profile's keys (`auth_url`, \
         `region_name`) into the cloud `dev`"
    );
}

#[test]
fn regions_are_chosen() {
    for (top, variable, wanted) in [
        ("", None, None),
        ("region_name: one", None, Some("one")),
        ("region_name: one,two", None, Some("one")),
        ("regions: [one]", None, Some("one")),
        ("regions: [one, two]", None, Some("one")),
        ("regions: [one, two]\nregion_name: two", None, Some("two")),
        ("regions: [one, {name: two, values: {verify: false}}]", Some("two"), Some("two")),
        ("region_name: one", Some("two"), Some("two")),
    ] {
        let variables: Vec<_> =
            variable.map(|region| ("OS_REGION_NAME", region)).into_iter().chain([("OS_CLOUD", "dev")]).collect();
        let place = Place::new(&[("work/clouds.yaml", &dev(top, ""))], &variables);
        assert_eq!(place.load(None).unwrap().region.as_deref(), wanted, "{top} {variable:?}");
    }
    // A name that the caller gives is not the environment's business.
    let place = Place::new(&[("work/clouds.yaml", &dev("region_name: one", ""))], &[("OS_REGION_NAME", "two")]);
    assert_eq!(place.load(Some("dev")).unwrap().region.as_deref(), Some("one"));
}

#[test]
fn the_environment_alone_is_enough() {
    let common = [
        ("OS_AUTH_URL", "https://e.example/v3"),
        ("OS_INTERFACE", ""),
        ("OS_ENDPOINT_TYPE", "adminURL"),
        ("OS_INSECURE", "True"),
    ];
    let user = || name("u", Domain::Id("d".into())).0;
    let password = |user| Method::Password { user, password: Secret::new("s3cret") };
    let credential = |credential| Method::ApplicationCredential { credential, secret: Secret::new("s3cret") };
    let table: [Row<'_>; 8] = [
        (
            &[("OS_USERNAME", "u"), ("OS_PASSWORD", "s3cret"), ("OS_TENANT_NAME", "u"), ("OS_DEFAULT_DOMAIN", "d")],
            password(user()),
            Scope::Project(name("u", Domain::Id("d".into())).1),
        ),
        (
            &[
                ("OS_USERNAME", "u"),
                ("OS_PASSWORD", "s3cret"),
                ("OS_PROJECT_ID", "p"),
                ("OS_DOMAIN_ID", "d"),
                ("OS_AUTH_TYPE", "v3password"),
            ],
            password(user()),
            Scope::Project(Project::Id("p".into())),
        ),
        (
            &[("OS_USER_ID", "i"), ("OS_USERNAME", "u"), ("OS_PASSWORD", "s3cret"), ("OS_DOMAIN_NAME", "D")],
            password(User::Id("i".into())),
            Scope::Domain(Domain::Name("D".into())),
        ),
        (
            &[("OS_USER_ID", "i"), ("OS_PASSWORD", "s3cret"), ("OS_SYSTEM_SCOPE", "all")],
            password(User::Id("i".into())),
            Scope::System,
        ),
        (
            &[("OS_TOKEN", "s3cret"), ("OS_PROJECT_ID", "p")],
            Method::Token { token: Secret::new("s3cret") },
            Scope::Project(Project::Id("p".into())),
        ),
        (
            &[("OS_AUTH_TYPE", "v3token"), ("OS_TOKEN", "s3cret"), ("OS_PASSWORD", "no"), ("OS_PROJECT_ID", "p")],
            Method::Token { token: Secret::new("s3cret") },
            Scope::Project(Project::Id("p".into())),
        ),
        (
            &[
                ("OS_APPLICATION_CREDENTIAL_ID", "c"),
                ("OS_APPLICATION_CREDENTIAL_SECRET", "s3cret"),
                ("OS_USER_DOMAIN_NAME", "Default"),
            ],
            credential(Credential::Id("c".into())),
            Scope::OfCredential,
        ),
        (
            &[
                ("OS_AUTH_TYPE", "v3applicationcredential"),
                ("OS_APPLICATION_CREDENTIAL_NAME", "c"),
                ("OS_APPLICATION_CREDENTIAL_SECRET", "s3cret"),
                ("OS_USERNAME", "u"),
                ("OS_USER_DOMAIN_ID", "d"),
            ],
            credential(Credential::Name { name: "c".into(), user: user() }),
            Scope::OfCredential,
        ),
    ];
    for (variables, method, scope) in table {
        let variables: Vec<_> = variables.iter().copied().chain(common).collect();
        let place = Place::new(&[], &variables);
        let access = place.load(None).unwrap_or_else(|error| panic!("{error}: {variables:?}"));
        assert_eq!((&access.method, &access.scope), (&method, &scope));
        assert_eq!(access.secrets(), ["s3cret"]);
        assert_eq!(access.interface, Interface::Admin);
        assert!(!access.verify);
        assert!(!format!("{:?}", place.surroundings).contains("s3cret"));
    }
}

#[test]
fn values_are_read_as_they_are_meant() {
    for (top, verify) in [
        ("", true),
        ("verify: no", false),
        ("verify: 'False'", false),
        ("insecure: true", false),
        ("insecure: true\nverify: true", false),
        ("insecure: 0", true),
    ] {
        assert_eq!(load_text(&dev(top, "")).verify, verify, "{top}");
    }
    let merged =
        DEV.replace("clouds:\n", "shared: &shared {region_name: r, interface: admin}\nclouds:\n") + "    <<: *shared\n";
    assert_eq!(load_text(&merged).region.as_deref(), Some("r"));
    let dashes = DEV.replace("project_name", "project-name").replace("user_domain_id", "user-domain-id");
    assert_eq!(load_text(&dashes), load_text(DEV));
    let outside = dev("password: other", "");
    assert_eq!(load_text(&outside).secrets(), ["other"]);
    let quoted = r#"{"clouds": {"dev": {"auth": {
        "auth_url": "https://c.example", "user_id": 7, "password": "pw", "project_id": 610275
    }}}}"#;
    assert_eq!(load_text(quoted).scope, Scope::Project(Project::Id("610275".into())));
    for version in ["3", "'3'", "v3", "3.0", "'3.14'"] {
        load_text(&dev(&format!("identity_api_version: {version}"), ""));
    }
}

#[test]
fn paths_start_at_home_or_at_the_working_folder() {
    let text = dev("cacert: ~/ca.pem\ncert: both.pem", "");
    let place = Place::new(&[("work/clouds.yaml", &text), ("home/ca.pem", ""), ("work/both.pem", "")], &[]);
    let access = place.load(None).unwrap();
    let under = |path: &str| place.folder.path().join(path);
    assert_eq!(access.cacert, Some(under("home/ca.pem")));
    assert_eq!(access.client_cert, Some((under("work/both.pem"), under("work/both.pem"))));
}
