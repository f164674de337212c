//! Logins and commands, against OpenSSH: among them the traps that libssh2 sets.

use std::time::Instant;

use super::*;

#[tokio::test]
async fn a_command_runs_and_tells_everything() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let session = login(&sshd).await;
    assert!(sshd.host_keys().iter().any(|line| HostKey::from_line(line).unwrap() == *session.host_key()));
    assert!(session.banner().unwrap().starts_with("SSH-2.0-OpenSSH"));
    let output = session.run(&Command::new(["sh", "-c", "cat; echo no >&2; exit 7"]).stdin("it's fed")).await.unwrap();
    assert_eq!((output.status, output.signal.as_deref(), output.truncated), (7, None, false));
    assert_eq!((output.text().as_ref(), output.complaint().as_str()), ("it's fed", "no"));
    // The same session again, with words that a shell would take apart.
    let output = session.run(&Command::new(["printf", "%s|", "a b", "$HOME", "'", ""])).await.unwrap();
    assert_eq!(output.text(), "a b|$HOME|'||");
    assert_eq!(session.run(&Command::new(["no-such-command"])).await.unwrap().status, 127);
    assert!(matches!(session.run(&Command::new(["a\0b"])).await, Err(RunFailure::Local { .. })));
    assert!(session.is_usable());
}

#[tokio::test]
async fn a_key_that_is_taken_may_open_nothing() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let entered = login(&sshd).await.entered().await.unwrap();
    assert_eq!(entered, Entered::Commands { runs_as: sshd.account().to_owned() });
    // As cloud-init writes it in front of root's key.
    let said = "Please login as the user \"opc\" rather than the user \"root\".";
    let forced = format!("ForceCommand echo '{said}';echo;exit 142");
    let Some(sshd) = Sshd::plain(&[&forced]) else { return };
    let entered = login(&sshd).await.entered().await.unwrap();
    assert_eq!(entered, Entered::TurnedAway { said: said.to_owned() });
}

#[tokio::test]
async fn a_command_that_was_killed_did_not_end_well() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let session = login(&sshd).await;
    let output = session.run(&Command::new(["sh", "-c", "kill -KILL $$"])).await.unwrap();
    assert!(!output.ok());
    assert_eq!((output.status, output.signal.as_deref()), (-1, Some("KILL")));
    assert!(session.run(&Command::new(["true"])).await.unwrap().ok());
}

#[tokio::test]
async fn eight_megabytes_of_complaints_do_not_stop_anything() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let session = login(&sshd).await;
    let script = "head -c 8388608 /dev/zero >&2; head -c 3000000 /dev/zero; echo end >&2";
    let output = session.run(&Command::new(["sh", "-c", script])).await.unwrap();
    assert!(output.ok() && output.truncated);
    assert_eq!((output.stdout.len(), output.stderr.len()), (OUTPUT_LIMIT, OUTPUT_LIMIT));
}

#[tokio::test]
async fn input_larger_than_the_window_comes_through_whole() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let session = login(&sshd).await;
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let output =
        session.run(&Command::new(["sh", "-c", "tee /dev/stderr | wc -c"]).stdin(bytes.clone())).await.unwrap();
    assert_eq!(output.text().trim(), "5000000");
    assert_eq!(output.stderr, bytes[..OUTPUT_LIMIT]);
    // One that never reads its input ends all the same.
    let output = session.run(&Command::new(["true"]).stdin(bytes)).await.unwrap();
    assert!(output.ok());
}

#[tokio::test]
async fn a_deadline_is_the_clocks_even_while_output_flows() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    for script in ["exec sleep 30", "echo before >&2; exec yes"] {
        let session = login(&sshd).await;
        let began = Instant::now();
        let outcome = session.run(&Command::new(["sh", "-c", script]).within(Duration::from_millis(700))).await;
        assert!(
            matches!(outcome, Err(RunFailure::TimedOut { phase: Phase::Command, after_ms: 700, .. })),
            "{outcome:?}"
        );
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        assert!(!session.is_usable());
        let after = session.run(&Command::new(["true"])).await;
        assert!(matches!(after, Err(RunFailure::Disconnected { phase: Phase::Channel, .. })), "{after:?}");
    }
}

#[tokio::test]
async fn a_dropped_command_breaks_its_session() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let session = login(&sshd).await;
    let command = Command::new(["sleep", "30"]);
    assert!(tokio::time::timeout(Duration::from_millis(300), session.run(&command)).await.is_err());
    assert!(!session.is_usable());
}

#[tokio::test]
async fn a_connection_that_ends_in_the_middle_is_no_success() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let session = login(&sshd).await;
    let outcome = session.run(&Command::new(["sh", "-c", "echo before; kill -KILL $PPID; sleep 5"])).await;
    assert!(matches!(outcome, Err(RunFailure::Disconnected { phase: Phase::Command, .. })), "{outcome:?}");
    assert!(!session.is_usable());
}

#[tokio::test]
async fn commands_side_by_side_do_not_wait_for_each_other() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let pool = Pool::new(quick());
    let shell = pool.shell(door(&sshd), credential(&sshd), None);
    let began = Instant::now();
    let (sleep, yes) = (Command::new(["sleep", "2"]), Command::new(["true"]));
    let slow = shell.run(&sleep);
    let swift = async {
        shell.run(&yes).await.unwrap();
        began.elapsed()
    };
    let (slow, swift) = tokio::join!(slow, swift);
    assert!(slow.unwrap().ok());
    assert!(swift < Duration::from_millis(1500), "{swift:?}");
    assert_eq!(pool.idle_sessions(), 2);
}

#[tokio::test]
async fn the_pool_reuses_sessions_and_replaces_dead_ones() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let pool = Pool::new(quick());
    let shell = pool.shell(door(&sshd), credential(&sshd), None);
    for _ in 0..5 {
        assert!(shell.run(&Command::new(["true"])).await.unwrap().ok());
    }
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1, "{}", sshd.log());
    // Ten at once are served by two.
    let command = Command::new(["true"]);
    futures_util::future::join_all((0..10).map(|_| shell.run(&command)))
        .await
        .into_iter()
        .for_each(|o| assert!(o.unwrap().ok()));
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 2);
    // Another credential is another session.
    let stranger = pool.shell(door(&sshd), Credential::Key(NodeKey::generate_ed25519("x").unwrap()), None);
    assert!(matches!(stranger.run(&command).await, Err(RunFailure::Login { failure }) if failure.is_refusal()));
    // One that broke is dropped, and the next command gets a new one.
    assert!(shell.run(&Command::new(["sh", "-c", "kill -KILL $PPID; sleep 5"])).await.is_err());
    assert!(shell.run(&command).await.unwrap().ok());
    shell.fresh().await.unwrap();
    pool.forget(shell.door());
    assert_eq!(pool.idle_sessions(), 0);
}

#[tokio::test]
async fn a_long_command_ends_with_its_handle() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let shell = Pool::new(quick()).shell(door(&sshd), credential(&sshd), None);
    for polite in [true, false] {
        let mut running = shell.start(&Command::new(["timeout", "97", "sleep", "31.7"])).await.unwrap();
        if !running.has_terminal() {
            println!("skipped: this server has no terminal to give");
            return;
        }
        assert_eq!(running.ended(Duration::from_millis(300)).await, Ok(None));
        let there = || async { shell.run(&Command::new(["pgrep", "-f", "^sleep 31[.]7"])).await.unwrap().ok() };
        assert!(there().await);
        if polite {
            running.stop().await;
        } else {
            drop(running);
        }
        let mut left = true;
        for _ in 0..50 {
            left = there().await;
            if !left {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(!left, "it went on after its handle was gone (polite: {polite})");
    }
    let mut short = shell.start(&Command::new(["sh", "-c", "echo taken; exit 3"])).await.unwrap();
    let output = short.ended(Duration::from_secs(10)).await.unwrap().unwrap();
    assert_eq!((output.status, output.text().trim()), (3, "taken"));
}

#[tokio::test]
async fn the_host_key_is_checked_before_the_credential_is_shown() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let keys: Vec<HostKey> = sshd.host_keys().iter().map(|line| HostKey::from_line(line).unwrap()).collect();
    for key in &keys {
        // Whichever of its keys is expected is the one negotiated.
        let session = quick().login(&door(&sshd), &credential(&sshd), Some(key)).await.unwrap();
        assert_eq!(session.host_key(), key);
    }
    let other_of_kind = NodeKey::generate_ed25519("").unwrap().public().clone();
    let other_kind = HostKey::from_line("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA==");
    for stranger in [other_of_kind, other_kind.unwrap()] {
        let outcome = quick().login(&door(&sshd), &credential(&sshd), Some(&stranger)).await;
        let Err(LoginFailure::HostKeyMismatch { expected, presented }) = outcome else { panic!("{outcome:?}") };
        assert_eq!(*expected, stranger);
        assert!(keys.contains(&presented));
    }
    assert_eq!(sshd.log().matches("Accepted publickey").count(), keys.len());
}

#[tokio::test]
async fn refusals_say_what_is_offered_instead() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let methods = quick().offered_methods(&door(&sshd)).await.unwrap();
    assert_eq!((methods.none_accepted, methods.methods.as_slice()), (false, &["publickey".to_owned()][..]));
    let stranger = Credential::Key(NodeKey::generate_ed25519("").unwrap());
    let outcome = quick().login(&door(&sshd), &stranger, None).await;
    let Err(LoginFailure::Refused { methods, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(methods, ["publickey"]);
    let outcome = quick().login(&door(&sshd), &Credential::Password(Secret::new("wrong")), None).await;
    assert!(matches!(&outcome, Err(failure) if failure.is_refusal()), "{outcome:?}");
}

#[tokio::test]
async fn the_greeting_lists_what_the_server_would_agree_to() {
    let Some(sshd) = Sshd::plain(&["Ciphers aes256-ctr,aes128-gcm@openssh.com", "MACs hmac-sha2-512"]) else { return };
    let greeting = quick().greet(sshd.address()).await.unwrap();
    assert!(greeting.banner.starts_with("SSH-2.0-OpenSSH"));
    assert_eq!(greeting.ciphers_to_client, ["aes256-ctr", "aes128-gcm@openssh.com"]);
    assert_eq!(greeting.macs_to_server, ["hmac-sha2-512"]);
    assert!(greeting.host_key.contains(&"ssh-ed25519".to_owned()) && !greeting.kex.is_empty());
}
