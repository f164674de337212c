use std::{fs, net::TcpListener, path::Path};

use super::*;

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
-----END OPENSSH PRIVATE KEY-----
";
const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti host";

type Change = fn(&mut StaticNode);

fn configuration(text: &str) -> StaticConfig {
    serde_json::from_str(text).unwrap()
}

fn with_key(path: &Path) -> StaticConfig {
    let node = StaticNode {
        name: "one".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: 22,
        account: "debian".to_owned(),
        private_key: KeySource::File(path.to_owned()),
        host_key: Some(HOST_KEY.to_owned()),
        private_address: Some("10.0.0.5".parse().unwrap()),
    };
    StaticConfig { nodes: vec![node], alterable: false }
}

fn key_file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn the_configuration_is_read_and_what_is_not_known_is_refused() {
    let text = r#"{"nodes": [{"name": "a", "host": "h", "account": "u", "private-key": {"env": "K"}}]}"#;
    let config = configuration(text);
    assert_eq!((config.nodes[0].port, config.alterable), (22, false));
    assert_eq!(configuration(&serde_json::to_string(&config).unwrap()), config);
    assert!(serde_json::from_str::<StaticConfig>(&text.replace("account", "acount")).is_err());
    assert!(serde_json::from_str::<StaticConfig>(&text.replace(r#"{"env": "K"}"#, r#""-----BEGIN""#)).is_err());
}

#[test]
fn a_key_that_is_not_to_be_had_is_named_with_what_to_do() {
    let (_folder, encrypted) = key_file(&KEY.replace(
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW",
        &general_purpose::STANDARD.encode(b"openssh-key-v1\0\0\0\0\x0aaes256-ctr"),
    ));
    let (_folder2, public) = key_file(HOST_KEY);
    let (_folder3, nothing) = key_file("");
    for (path, words) in [
        (Path::new("/no/such/key"), &["`one`", "/no/such/key", "ssh-keygen"][..]),
        (&encrypted, &["`one`", "encrypted", "ssh-keygen -p"]),
        (&public, &["public key", ".pub"]),
        (&nothing, &["no private key"]),
    ] {
        let message = StaticProvider::new(&with_key(path)).unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{message}");
        }
    }
    let mut config = with_key(&encrypted);
    config.nodes[0].private_key = KeySource::Env("LEVELFIELD_NO_SUCH_VARIABLE".to_owned());
    let message = StaticProvider::new(&config).unwrap_err().to_string();
    assert!(message.contains("LEVELFIELD_NO_SUCH_VARIABLE") && message.contains("export"), "{message}");
}

#[test]
fn an_open_key_is_only_warned_about() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = key_file(KEY);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let provider = StaticProvider::new(&with_key(&path)).unwrap();
    assert!(provider.warnings()[0].contains("0644") && provider.warnings()[0].contains("chmod 600"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let provider = StaticProvider::new(&with_key(&path)).unwrap();
    assert!(provider.warnings().is_empty());
    assert_eq!(provider.secrets().collect::<Vec<_>>(), [KEY]);
    assert!(!format!("{provider:?}").contains("BEGIN"));
}

#[test]
fn fields_that_cannot_be_are_named() {
    let (_folder, path) = key_file(KEY);
    let changes: [(Change, &str); 6] = [
        (|node| node.name.clear(), "name"),
        (|node| node.host.clear(), "host"),
        (|node| node.host = "debian@h".to_owned(), "account have fields"),
        (|node| node.account.clear(), "account"),
        (|node| node.port = 0, "port"),
        (|node| node.host_key = Some("ssh-rsa AAAA".to_owned()), "host-key"),
    ];
    for (change, word) in changes {
        let mut config = with_key(&path);
        change(&mut config.nodes[0]);
        let message = StaticProvider::new(&config).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
    let mut config = with_key(&path);
    config.nodes.push(config.nodes[0].clone());
    assert!(matches!(StaticProvider::new(&config), Err(StaticError::Twice { .. })));
    assert!(matches!(StaticProvider::new(&StaticConfig::default()), Err(StaticError::Empty)));
}

#[tokio::test]
async fn what_is_listed_is_what_there_is() {
    let (_folder, path) = key_file(KEY);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut config = with_key(&path);
    config.nodes[0].port = port;
    config.alterable = true;
    let provider = StaticProvider::new(&config).unwrap();
    let declared = provider.declaration();
    assert!(declared.has(Capability::AlterNodes) && declared.has(Capability::Login));
    assert!(!declared.has(Capability::Nodes));

    let existing = provider.existing_nodes().await.unwrap();
    assert_eq!((existing[0].account.as_str(), existing[0].private_key.as_str()), ("debian", KEY));
    let node = provider.node("one").await.unwrap();
    assert_eq!((node.state, &node), (NodeState::Running, &existing[0].node));
    assert_eq!(node.addresses_in(Scope::Public).next().unwrap().ssh(), listener.local_addr().unwrap());
    assert_eq!(node.addresses_in(Scope::Private).next().unwrap().address.to_string(), "10.0.0.5");
    let missing = provider.node("two").await.unwrap_err();
    assert_eq!((missing.class, missing.culprit.as_deref()), (FailureClass::NotFound, Some("two")));
    assert_eq!(provider.nodes(&Tags::new()).await.unwrap().len(), 1);
    assert!(provider.nodes(&Tags::from([("a".to_owned(), "b".to_owned())])).await.unwrap().is_empty());
    assert!(provider.inventory().await.unwrap().is_empty());
    let fact = &provider.fingerprint().await.unwrap().facts["node.one"];
    assert_eq!(*fact, format!("127.0.0.1:{port} SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ"));
}

#[tokio::test]
async fn probes_say_what_was_seen() {
    let (_folder, path) = key_file(KEY);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = with_key(&path);
    config.nodes[0].port = listener.local_addr().unwrap().port();
    let provider = StaticProvider::new(&config).unwrap();
    let presence = async |capability| provider.probe(capability).await.unwrap().presence;
    assert_eq!(presence(Capability::Login).await, Presence::Present);
    assert_eq!(presence(Capability::AlterNodes).await, Presence::Absent);
    assert_eq!(presence(Capability::Console).await, Presence::Absent);
    drop(listener);
    let probe = provider.probe(Capability::Login).await.unwrap();
    assert_eq!(probe.presence, Presence::Unknown);
    assert!(probe.note.contains("`one`"), "{}", probe.note);
}

#[tokio::test]
async fn a_name_without_an_address_is_an_error_that_names_it() {
    let (_folder, path) = key_file(KEY);
    let mut config = with_key(&path);
    config.nodes[0].host = "no-such-host.invalid".to_owned();
    let provider = StaticProvider::new(&config).unwrap();
    let error = provider.existing_nodes().await.unwrap_err();
    assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
}
