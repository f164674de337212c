//! The probes against a real OpenSSH server on this machine, and the alterations in a world of their own.

use std::{
    fs,
    time::{Duration, Instant},
};

use levelfield_sshd_fixture::{ACCOUNT, Sshd};

use super::*;
use crate::remote::{Credential, Door, NodeKey, Pool, Remote, Secret};

fn guest(sshd: &Sshd) -> Guest {
    let key = NodeKey::from_private(&sshd.private_key()).unwrap();
    let door = Door::new(sshd.address(), sshd.account());
    Guest::new(Pool::new(Remote::default()).shell(door, Credential::Key(key), None))
}

/// The answer, unless this machine lacks the command.
fn unless_missing<T>(answer: Result<T, GuestError>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(GuestError { kind: GuestErrorKind::Missing, command }) => {
            println!("skipped: no {command} here");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn facts_about_the_machine_are_those_that_it_states() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let guest = guest(&sshd);
    guest.responds().await.unwrap();
    assert_eq!(guest.account().await.unwrap(), sshd.account());
    guest.uid().await.unwrap();
    let local = |path: &str| fs::read_to_string(path).unwrap().trim().to_owned();
    assert_eq!(guest.boot_id().await.unwrap(), local("/proc/sys/kernel/random/boot_id"));
    assert_eq!(guest.machine().await.unwrap(), std::env::consts::ARCH);
    assert!(local("/etc/os-release").contains(&guest.os_release().await.unwrap().id));
    assert!(guest.cpus().await.unwrap() >= 1);
    assert!(guest.memory_kib().await.unwrap() > 100_000);
    assert!(guest.entropy_bits().await.unwrap() > 0);
    assert!(guest.uptime_s().await.unwrap() > 0.0);
    unless_missing(guest.hostname().await);
    unless_missing(guest.disks().await);
    let clock = guest.clock().await.unwrap();
    assert!(clock.offset_s.abs() <= clock.uncertainty_s + 0.01, "{clock:?}");
    guest.accounts().await.unwrap().iter().find(|account| account.uid == 0).expect("root can log in");
}

#[tokio::test]
async fn files_that_are_absent_are_told_from_files_that_cannot_be_read() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let guest = guest(&sshd);
    assert_eq!(guest.read_file("/etc/hostname", false).await.unwrap(), fs::read("/etc/hostname").ok());
    assert_eq!(guest.read_file("/no/such/file", false).await.unwrap(), None);
    let error = guest.read_file("/etc", false).await.unwrap_err();
    assert!(matches!(&error.kind, GuestErrorKind::Failed { status: 1, .. }), "{error}");
    let long = guest.read_file("/proc/kallsyms", false).await;
    assert!(
        matches!(&long, Err(GuestError { kind: GuestErrorKind::Unreadable { .. }, .. })),
        "{:?}",
        long.map(|b| b.map(|b| b.len()))
    );
}

#[tokio::test]
async fn the_network_is_seen_from_inside() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let guest = guest(&sshd);
    if let Some(interfaces) = unless_missing(guest.interfaces().await) {
        let lo = interfaces.iter().find(|interface| interface.name == "lo").expect("there is a loopback interface");
        assert!(lo.up && lo.addresses.iter().any(|address| address.addr().is_loopback()));
        unless_missing(guest.routes().await);
    }
    assert!(guest.resolve("localhost").await.unwrap().iter().all(std::net::IpAddr::is_loopback));
    assert!(guest.resolve("no-such-name.invalid").await.unwrap().is_empty());
    match guest.ping("127.0.0.1", 1, Some(1000), true).await {
        Ok(ping) => assert_eq!((ping.sent, ping.received), (1, 1)),
        Err(error) => println!("skipped: {error}"),
    }
}

#[tokio::test]
async fn a_listener_listens_until_its_handle_is_gone() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let guest = guest(&sshd);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/x");
    let before = guest.http(&HttpProbe::get(&url, 5)).await.unwrap();
    assert_eq!((before.outcome, before.status), (HttpOutcome::Refused, None), "{before:?}");

    let running = guest.listen(port, 60).await.unwrap();
    let answered = |want: bool| {
        let (guest, probe) = (guest.clone(), HttpProbe::get(&url, 5).header("X-Test", "it's a test"));
        async move {
            let until = Instant::now() + Duration::from_secs(20);
            loop {
                let answer = guest.http(&probe).await.unwrap();
                if (answer.outcome == HttpOutcome::Status) == want || Instant::now() > until {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    };
    let answer = answered(true).await;
    // It publishes nothing.
    assert_eq!((answer.outcome, answer.status), (HttpOutcome::Status, Some(404)), "{answer:?}");
    assert!(answer.header("server").is_some());

    let mut second = guest.listen(port, 60).await.unwrap();
    let ended = second.ended(Duration::from_secs(20)).await.unwrap().expect("the port is taken");
    let said = format!("{}{}", ended.text(), ended.complaint());
    assert!(!ended.ok() && said.contains("Address already in use"), "{said}");

    if !running.has_terminal() {
        println!("skipped: this server has no terminal to give");
        return;
    }
    drop(running);
    assert_eq!(answered(false).await.outcome, HttpOutcome::Refused);
}

#[tokio::test]
async fn commands_that_are_missing_or_denied_are_told_apart() {
    let Some(sshd) = Sshd::alterable(&[]) else { return };
    let guest = guest(&sshd);
    assert!(guest.sudo_works().await.unwrap());
    let missing = guest.ask(&Command::new(["no-such-command"])).await.unwrap_err();
    assert_eq!(missing.kind, GuestErrorKind::Missing);
    let missing = guest.ask(&guest.root(["no-such-command"])).await.unwrap_err();
    assert_eq!(missing.kind, GuestErrorKind::Missing);
    guest.remove_file_as_root(&format!("/etc/sudoers.d/{ACCOUNT}")).await.unwrap();
    assert!(!guest.sudo_works().await.unwrap());
    let denied = guest.remove_file_as_root("/etc/hostname").await.unwrap_err();
    assert_eq!(denied.kind, GuestErrorKind::Denied, "{denied}");
}

#[tokio::test]
async fn files_are_written_as_root_with_mode_and_owner() {
    let Some(sshd) = Sshd::alterable(&[]) else { return };
    let guest = guest(&sshd);
    guest.make_folder_as_root("/etc/levelfield test", "0750").await.unwrap();
    let path = "/etc/levelfield test/it's";
    let bytes: Vec<u8> = (0..=255).collect();
    guest.write_file_as_root(path, &bytes, "0600").await.unwrap();
    assert!(guest.read_file(path, false).await.is_err());
    assert_eq!(guest.read_file(path, true).await.unwrap(), Some(bytes));
    guest.remove_file_as_root(path).await.unwrap();
    assert_eq!(guest.read_file(path, true).await.unwrap(), None);
    assert!(!std::path::Path::new("/etc/levelfield test").exists(), "the machine itself was altered");

    guest.write_file_as_root("/etc/ssh/ssh_known_hosts", b"# x\n\nh ssh-ed25519 A\n", "0644").await.unwrap();
    assert_eq!(guest.known_hosts().await.unwrap(), ["h ssh-ed25519 A"]);
    let keys = guest.authorized_keys(ACCOUNT).await.unwrap();
    assert_eq!(keys.keys.len(), 1);
    assert_eq!(keys.keys[0].comment, "client_key");
}

#[tokio::test]
async fn a_password_lets_in_until_password_login_ends() {
    for include in [true, false] {
        let extra: &[&str] = if include { &[] } else { &["PasswordAuthentication yes", "PermitRootLogin no"] };
        let Some(sshd) = Sshd::alterable(extra) else { return };
        let guest = guest(&sshd);
        // The settings that the fixture gives come after those of the drop-in folder.
        let drop_in = "/etc/ssh/sshd_config.d/50-cloud-init.conf";
        guest.write_file_as_root(drop_in, b"PasswordAuthentication yes\n", "0600").await.unwrap();
        if !include {
            let main =
                String::from_utf8(guest.read_file("/etc/ssh/sshd_config", true).await.unwrap().unwrap()).unwrap();
            let main = main.replace("Include", "#Include");
            guest.write_file_as_root("/etc/ssh/sshd_config", main.as_bytes(), "0644").await.unwrap();
        }
        guest.reload_sshd().await.unwrap();
        let secret = Secret::new("sesame 'open'");
        guest.set_password(ACCOUNT, &secret).await.unwrap();
        assert!(guest.set_password("a:b", &secret).await.is_err());
        let remote = Remote::default();
        let (door, password) = (guest.shell().door().clone(), Credential::Password(secret));
        let mut outcome = remote.login(&door, &password, None).await;
        for _ in 0..50 {
            if outcome.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            outcome = remote.login(&door, &password, None).await;
        }
        assert_eq!(outcome.unwrap_or_else(|e| panic!("{e}; {}", sshd.log())).method(), "password");

        let alteration = guest.disable_password_login().await.unwrap();
        assert!(alteration.settled_ms.is_some(), "{alteration:?}");
        assert_eq!(alteration.settings["passwordauthentication"], "no");
        let altered = if include { "/etc/ssh/sshd_config.d/00-levelfield.conf" } else { "/etc/ssh/sshd_config" };
        assert_eq!(
            (alteration.files[0].path.as_str(), alteration.files[0].added.len()),
            (altered, 3),
            "{alteration:?}"
        );
        let refused = remote.login(&door, &password, None).await.unwrap_err();
        assert!(refused.is_refusal(), "{refused}");
        // And the key still lets in, so the node is not locked.
        guest.shell().fresh().await.unwrap();
        // Once more changes nothing.
        assert!(guest.disable_password_login().await.unwrap().settled_ms.is_some());
    }
}

#[tokio::test]
async fn root_gets_the_operators_keys_and_the_node_key_goes() {
    for forbidden in [false, true] {
        let extra: &[&str] = if forbidden { &["PermitRootLogin no"] } else { &["PermitRootLogin prohibit-password"] };
        let Some(sshd) = Sshd::alterable(extra) else { return };
        let guest = guest(&sshd);
        let node_key = sshd.public_key();
        // What cloud-init leaves in root's file.
        let old = format!("command=\"echo no;exit 142\" {node_key}");
        guest.make_folder_as_root("/root/.ssh", "0700").await.unwrap();
        guest.write_file_as_root("/root/.ssh/authorized_keys", old.as_bytes(), "0600").await.unwrap();

        let operators = [NodeKey::generate_ed25519("one").unwrap(), NodeKey::generate_rsa(2048, "two").unwrap()];
        let lines: Vec<String> = operators.iter().map(NodeKey::public_line).collect();
        let mut alteration = guest.install_root_keys(&lines).await.unwrap();
        assert_eq!(alteration.files[0].added, lines);
        assert_eq!(alteration.files[0].removed.len(), 1);
        assert_eq!(guest.let_root_in_by_key(&mut alteration).await.unwrap(), forbidden);
        assert_eq!(alteration.settled_ms.is_some(), forbidden, "{alteration:?}");
        let remote = Remote::default();
        let root = Door::new(sshd.address(), "root");
        for key in &operators {
            let outcome = remote.login(&root, &Credential::Key(key.clone()), None).await;
            outcome.unwrap_or_else(|e| panic!("{e}; {}", sshd.log()));
        }
        let node_credential = guest.shell().credential().clone();
        assert!(remote.login(&root, &node_credential, None).await.unwrap_err().is_refusal());
        assert!(guest.install_root_keys(&["not a key".to_owned()]).await.is_err());

        let root = Guest::new(guest.shell().pool().shell(root, Credential::Key(operators[0].clone()), None));
        assert_eq!(root.account().await.unwrap(), "root");
        let alteration = root.remove_key_everywhere(&node_key).await.unwrap();
        let home = format!("/home/{ACCOUNT}/.ssh/authorized_keys");
        assert!(alteration.files.iter().any(|file| file.path == home && file.removed.len() == 1), "{alteration:?}");
        assert!(guest.shell().fresh().await.unwrap_err().is_refusal());
        assert_eq!(root.remove_key_everywhere(&node_key).await.unwrap().files, []);
        root.shell().fresh().await.unwrap();
    }
}

#[tokio::test]
async fn settings_that_would_stop_the_server_are_not_left_behind() {
    let Some(sshd) = Sshd::alterable(&[]) else { return };
    let guest = guest(&sshd);
    let broken = "/etc/ssh/sshd_config.d/90-broken.conf";
    guest.write_file_as_root(broken, b"NoSuchKeyword yes\n", "0644").await.unwrap();
    let error = guest.disable_password_login().await.unwrap_err();
    assert!(matches!(error.kind, GuestErrorKind::Failed { .. }), "{error}");
    assert_eq!(guest.read_file("/etc/ssh/sshd_config.d/00-levelfield.conf", true).await.unwrap(), None);
    guest.shell().fresh().await.unwrap();
}

#[tokio::test]
async fn a_password_is_also_offered_to_keyboard_interactive() {
    let extra = ["UsePAM yes", "PasswordAuthentication no", "KbdInteractiveAuthentication yes"];
    let Some(sshd) = Sshd::alterable(&extra) else { return };
    let guest = guest(&sshd);
    let (right, wrong) = (Secret::new("sesame"), Secret::new("other"));
    guest.set_password(ACCOUNT, &right).await.unwrap();
    let (remote, door) = (Remote::default(), guest.shell().door());
    let offered = remote.offered_methods(door).await.unwrap().methods;
    assert_eq!(offered, ["publickey", "keyboard-interactive"]);
    let refused = remote.login(door, &Credential::Password(wrong), None).await.unwrap_err();
    assert!(refused.is_refusal() && refused.to_string().contains("keyboard-interactive: "), "{refused}");
    let session = remote.login(door, &Credential::Password(right), None).await;
    assert_eq!(session.unwrap_or_else(|e| panic!("{e}; {}", sshd.log())).method(), "keyboard-interactive");
    // That is a way in by password too, and it ends like the other.
    let alteration = guest.disable_password_login().await.unwrap();
    assert!(alteration.settled_ms.is_some(), "{alteration:?}");
    assert_eq!(remote.offered_methods(door).await.unwrap().methods, ["publickey"]);
}
