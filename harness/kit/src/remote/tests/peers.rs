//! Peers that are silent, closed, or no SSH servers.

use std::{net::SocketAddr, time::Instant};

use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
};

use super::*;

/// A peer that does `what` with each connection.
async fn peer<F>(what: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(what(stream));
        }
    });
    address
}

async fn say_and_wait(mut stream: TcpStream, text: &'static [u8]) {
    let _ = stream.write_all(text).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
}

async fn attempts(address: SocketAddr) -> [LoginFailure; 3] {
    let limits = RemoteLimits { handshake: Duration::from_millis(600), ..RemoteLimits::default() };
    let remote = Remote::new(limits);
    let door = Door::new(address, "root");
    let credential = Credential::Key(NodeKey::generate_ed25519("").unwrap());
    let began = Instant::now();
    let outcomes = [
        remote.greet(address).await.map(|_| ()).unwrap_err(),
        remote.offered_methods(&door).await.map(|_| ()).unwrap_err(),
        remote.login(&door, &credential, None).await.map(|_| ()).unwrap_err(),
    ];
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    outcomes
}

#[tokio::test]
async fn a_silent_peer_is_given_up() {
    let address = peer(|stream| say_and_wait(stream, b"")).await;
    for failure in attempts(address).await {
        assert_eq!(failure, LoginFailure::TimedOut { phase: Phase::Banner });
    }
}

#[tokio::test]
async fn a_peer_that_falls_silent_after_its_banner_is_given_up() {
    let address = peer(|stream| say_and_wait(stream, b"SSH-2.0-tarpit\r\n")).await;
    for failure in attempts(address).await {
        assert_eq!(failure, LoginFailure::TimedOut { phase: Phase::Handshake });
    }
}

#[tokio::test]
async fn a_peer_that_refuses_in_words_is_quoted() {
    let address = peer(|mut stream| async move {
        let _ = stream.write_all(b"Not allowed at this time\r\n").await;
    })
    .await;
    for failure in attempts(address).await {
        let LoginFailure::NoBanner { why } = failure else { panic!("{failure:?}") };
        assert!(why.contains("Not allowed at this time"), "{why}");
    }
    let address = peer(|stream| async move { drop(stream) }).await;
    for failure in attempts(address).await {
        assert_eq!(failure.code(), "no-banner");
    }
}

#[tokio::test]
async fn a_peer_that_never_stops_talking_is_given_up() {
    let address = peer(|mut stream| async move { while stream.write_all(b"bla bla bla\n").await.is_ok() {} }).await;
    for failure in attempts(address).await {
        assert_eq!(failure.code(), "no-banner", "{failure}");
    }
}

#[tokio::test]
async fn nonsense_after_the_banner_is_a_failed_handshake() {
    let address =
        peer(|stream| say_and_wait(stream, b"hello\r\nSSH-2.0-x\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")).await;
    for failure in attempts(address).await {
        assert!(matches!(failure, LoginFailure::Handshake { .. } | LoginFailure::TimedOut { .. }), "{failure:?}");
    }
}

#[tokio::test]
async fn knocks_tell_open_from_closed() {
    let address = peer(|stream| say_and_wait(stream, b"")).await;
    let remote = quick();
    assert_eq!(remote.knock(address, Duration::from_secs(2)).await, Knock::Open);
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(remote.knock(closed, Duration::from_secs(2)).await, Knock::Refused);
    // An address set aside for documentation: what one is told about it depends on the network, but not how long it takes.
    let began = Instant::now();
    assert_ne!(remote.knock("192.0.2.1:22".parse().unwrap(), Duration::from_millis(200)).await, Knock::Open);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn silent_peers_hold_up_nobody_else() {
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let silent = peer(|stream| say_and_wait(stream, b"")).await;
    let remote = Remote::new(RemoteLimits { handshakes_at_once: 1, ..quick().limits().clone() });
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let remote = remote.clone();
            tokio::spawn(async move { remote.offered_methods(&Door::new(silent, "root")).await })
        })
        .collect();
    let began = Instant::now();
    remote.login(&door(&sshd), &credential(&sshd), None).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    for task in waiting {
        task.abort();
    }
}
