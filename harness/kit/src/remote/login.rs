//! From an address to a session: banner, handshake, host key, credential.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use tokio::{
    io::AsyncReadExt as _,
    net::TcpStream,
    sync::SemaphorePermit,
    time::{Duration, Instant, sleep, timeout_at},
};

use super::{
    HostKey, LoginFailure, NodeKey, Phase, Remote, Secret, Session,
    wire::{self, Stopped, Wire, code, number},
};

/// Where to log in, as whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Door {
    /// Where the SSH server listens.
    pub address: SocketAddr,
    /// The account's name.
    pub account: String,
}

impl Door {
    /// The door of `account` at `address`.
    pub fn new(address: SocketAddr, account: impl Into<String>) -> Self {
        Self { address, account: account.into() }
    }
}

impl std::fmt::Display for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.account, self.address)
    }
}

/// What proves who one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A key pair.
    Key(NodeKey),
    /// A password, offered to `password` and, where the server offers it, to `keyboard-interactive`.
    Password(Secret),
}

/// The ways in that a server offers to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Methods {
    /// Whether it let the account in without any credential.
    pub none_accepted: bool,
    /// The method names it offers, in its order: `publickey`, `password`, `keyboard-interactive`, …
    pub methods: Vec<String>,
    /// The host key it proved to hold.
    pub host_key: HostKey,
}

/// The most bytes read in search of a banner.
const BANNER_SEARCH: usize = 8 * 1024;

impl Remote {
    /// Asks which login methods the server offers to the door's account, by trying none.
    pub async fn offered_methods(&self, door: &Door) -> Result<Methods, LoginFailure> {
        let (stream, _turn) = self.reach(door.address).await?;
        let deadline = Instant::now() + self.limits().handshake;
        let (wire, host_key) = shake_hands(stream, None, deadline).await?;
        let offer = offer(&wire, &door.account, deadline).await?;
        Ok(Methods { none_accepted: offer.is_none(), methods: offer.unwrap_or_default(), host_key })
    }

    /// Logs in. With an expected host key, no credential is presented to a server that holds another.
    ///
    /// Every call is a handshake of its own: see [`Shell`](super::Shell) for one that reuses sessions.
    pub async fn login(
        &self,
        door: &Door,
        credential: &Credential,
        expected_host_key: Option<&HostKey>,
    ) -> Result<Session, LoginFailure> {
        let (stream, turn) = self.reach(door.address).await?;
        let deadline = Instant::now() + self.limits().handshake;
        let (wire, host_key) = match (shake_hands(stream, expected_host_key, deadline).await, expected_host_key) {
            // The server may have no key of the expected kind: find out what it does have.
            (Err(LoginFailure::Handshake { .. }), Some(expected)) => {
                drop(turn);
                let (stream, _turn) = self.reach(door.address).await?;
                let deadline = Instant::now() + self.limits().handshake;
                let (_, presented) = shake_hands(stream, None, deadline).await?;
                return Err(mismatch(expected, presented));
            }
            (shaken, _) => shaken?,
        };
        if let Some(expected) = expected_host_key.filter(|expected| **expected != host_key) {
            return Err(mismatch(expected, host_key));
        }
        let method = match credential {
            Credential::Key(key) => present_key(&wire, &door.account, key, deadline).await?,
            Credential::Password(password) => present_password(&wire, &door.account, password, deadline).await?,
        };
        Ok(Session::new(wire, door.clone(), host_key, method, self.limits()))
    }

    /// Connects, waits for the server's banner, which is left in the socket, and then for the turn to shake hands.
    ///
    /// The turn to connect is given back only then, so that no more connections stand waiting than may be waiting.
    async fn reach(&self, address: SocketAddr) -> Result<(TcpStream, SemaphorePermit<'_>), LoginFailure> {
        let _turn = self.connect_turn().await;
        let mut stream = wire::connect(address, self.limits().connect).await.map_err(LoginFailure::Unreachable)?;
        let deadline = Instant::now() + self.limits().handshake;
        match timeout_at(deadline, await_banner(&mut stream)).await {
            Ok(Ok(())) => Ok((stream, self.handshake_turn().await)),
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(LoginFailure::TimedOut { phase: Phase::Banner }),
        }
    }
}

/// Reads off the lines that may come before the banner (RFC 4253, section 4.2), up to a bound. libssh2 has none.
async fn await_banner(stream: &mut TcpStream) -> Result<(), LoginFailure> {
    let mut before = Vec::new();
    let mut at_line_start = true;
    let nothing = |before: &[u8], end: &str| {
        let said = String::from_utf8_lossy(before);
        let said = said.trim().chars().take(200).collect::<String>();
        let why = if said.is_empty() { end.to_owned() } else { format!("{end} after saying {said:?}") };
        Err(LoginFailure::NoBanner { why })
    };
    loop {
        let mut chunk = [0; 512];
        let seen = match stream.peek(&mut chunk).await {
            Ok(0) => return nothing(&before, "the peer closed the connection"),
            Ok(count) => &chunk[..count],
            Err(error) => return nothing(&before, &format!("the connection broke ({error})")),
        };
        if at_line_start && seen.starts_with(b"SSH-") {
            return Ok(());
        }
        if at_line_start && b"SSH-".starts_with(seen) {
            sleep(Duration::from_millis(5)).await;
            continue;
        }
        let line = seen.iter().position(|byte| *byte == b'\n').map_or(seen.len(), |end| end + 1);
        at_line_start = seen[line - 1] == b'\n';
        before.extend_from_slice(&seen[..line]);
        if stream.read_exact(&mut chunk[..line]).await.is_err() {
            return nothing(&before, "the connection broke");
        }
        if before.len() > BANNER_SEARCH {
            return nothing(&before, "the peer kept talking");
        }
    }
}

/// The handshake, up to a verified host key. `wanted` restricts the negotiation to keys of its kind.
async fn shake_hands(
    stream: TcpStream,
    wanted: Option<&HostKey>,
    deadline: Instant,
) -> Result<(Wire, HostKey), LoginFailure> {
    let mut wire = Wire::new(stream)?;
    if let Some(wanted) = wanted {
        // A kind that libssh2 does not know stays unrestricted, and the comparison says what there is to say.
        let _ = wire.session.method_pref(ssh2::MethodType::HostKey, wanted.signature_algorithms());
    }
    wire.handshake(deadline).await.map_err(|stopped| match stopped {
        Stopped::Deadline => LoginFailure::TimedOut { phase: Phase::Handshake },
        Stopped::Failed(error) if number(&error) == code::BANNER_RECV => {
            LoginFailure::NoBanner { why: error.message().to_owned() }
        }
        Stopped::Failed(error) if wire::is_disconnect(&error) => {
            LoginFailure::Disconnected { why: format!("{} during the handshake", error.message()) }
        }
        Stopped::Failed(error) => LoginFailure::Handshake { why: error.message().to_owned() },
    })?;
    let host_key = wire.session.host_key().map(|(blob, _)| HostKey::from_blob(blob));
    match host_key {
        Some(Ok(host_key)) => Ok((wire, host_key)),
        Some(Err(error)) => Err(LoginFailure::Handshake { why: error.to_string() }),
        None => Err(LoginFailure::Handshake { why: "the server presented no host key".to_owned() }),
    }
}

/// The methods that the server offers; `None` if it let the account in without any.
async fn offer(wire: &Wire, account: &str, deadline: Instant) -> Result<Option<Vec<String>>, LoginFailure> {
    let listed = wire.drive(deadline, |session| {
        // The wrapper panics on a list that is not UTF-8, which is for the server to choose.
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| session.auth_methods(account).map(str::to_owned)))
            .unwrap_or_else(|_| {
                Err(ssh2::Error::new(ssh2::ErrorCode::Session(code::PROTO), "a method list that is not text"))
            })
    });
    let listed = listed.await.map_err(authentication_failure)?;
    if wire.session.authenticated() {
        return Ok(None);
    }
    Ok(Some(listed.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()))
}

async fn present_key(
    wire: &Wire,
    account: &str,
    key: &NodeKey,
    deadline: Instant,
) -> Result<&'static str, LoginFailure> {
    let private = key.private().expose();
    let signed = wire.drive(deadline, |session| session.userauth_pubkey_memory(account, None, private, None));
    match signed.await {
        Ok(()) if wire.session.authenticated() => Ok("publickey"),
        Ok(()) => Err(LoginFailure::Refused { methods: Vec::new(), why: "publickey: not enough by itself".to_owned() }),
        Err(Stopped::Failed(error)) if is_no(&error) => {
            let methods = offer(wire, account, deadline).await.ok().flatten().unwrap_or_default();
            Err(LoginFailure::Refused { methods, why: format!("publickey: {}", error.message()) })
        }
        Err(stopped) => Err(authentication_failure(stopped)),
    }
}

async fn present_password(
    wire: &Wire,
    account: &str,
    password: &Secret,
    deadline: Instant,
) -> Result<&'static str, LoginFailure> {
    let Some(methods) = offer(wire, account, deadline).await? else {
        return Ok("none");
    };
    // Tried whether offered or not: what counts is what the server does, not what it says.
    let tried = wire.drive(deadline, |session| session.userauth_password(account, password.expose()));
    let mut why = match tried.await {
        Ok(()) if wire.session.authenticated() => return Ok("password"),
        Ok(()) => "password: not enough by itself".to_owned(),
        Err(Stopped::Failed(error)) if is_no(&error) => format!("password: {}", error.message()),
        Err(stopped) => return Err(authentication_failure(stopped)),
    };
    if methods.iter().any(|method| method == "keyboard-interactive") {
        let mut prompter = Answer(password);
        let tried = wire.drive(deadline, |session| session.userauth_keyboard_interactive(account, &mut prompter));
        match tried.await {
            Ok(()) if wire.session.authenticated() => return Ok("keyboard-interactive"),
            Ok(()) => why.push_str("; keyboard-interactive: not enough by itself"),
            Err(Stopped::Failed(error)) if is_no(&error) => {
                why.push_str("; keyboard-interactive: ");
                why.push_str(error.message());
            }
            Err(stopped) => return Err(authentication_failure(stopped)),
        }
    }
    Err(LoginFailure::Refused { methods, why })
}

/// Answers every prompt with the password.
struct Answer<'a>(&'a Secret);

impl ssh2::KeyboardInteractivePrompt for Answer<'_> {
    fn prompt(&mut self, _: &str, _: &str, prompts: &[ssh2::Prompt<'_>]) -> Vec<String> {
        prompts.iter().map(|_| self.0.expose().to_owned()).collect()
    }
}

fn mismatch(expected: &HostKey, presented: HostKey) -> LoginFailure {
    LoginFailure::HostKeyMismatch { expected: Box::new(expected.clone()), presented: Box::new(presented) }
}

/// Whether the server heard the credential out and said no.
fn is_no(error: &ssh2::Error) -> bool {
    matches!(number(error), code::AUTHENTICATION_FAILED | code::PUBLICKEY_UNVERIFIED)
}

fn authentication_failure(stopped: Stopped) -> LoginFailure {
    match stopped {
        Stopped::Deadline => LoginFailure::TimedOut { phase: Phase::Authentication },
        Stopped::Failed(error) => match number(&error) {
            code::PASSWORD_EXPIRED => LoginFailure::PasswordExpired,
            code::FILE | code::INVAL => LoginFailure::Local { why: error.message().to_owned() },
            _ => LoginFailure::Disconnected { why: format!("{} during authentication", error.message()) },
        },
    }
}
