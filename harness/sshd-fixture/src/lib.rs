//! A real OpenSSH server for tests, on a loopback port of its own, which leaves the machine as it was.
//!
//! [`Sshd::plain`] logs in as whoever runs the tests and is there to be read from. [`Sshd::alterable`] runs in a mount namespace of its
//! own, over copies of `/etc`, `/root` and `/home`, and may be changed at will; that takes root. Where one of them cannot be had, the
//! reason is printed in one line and there is none — unless `LEVELFIELD_REQUIRE_REAL_TARGETS=1`, which makes that a failure.

use std::{
    fmt::Write as _,
    fs,
    io::Read as _,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The name of the ordinary account of an alterable server. It becomes root without a password.
pub const ACCOUNT: &str = "debian";
/// The environment variable that turns a skipped test into a failed one, if it is `1`.
pub const REQUIRE: &str = "LEVELFIELD_REQUIRE_REAL_TARGETS";

const SSHD: &str = "/usr/sbin/sshd";
/// How long the server may take to greet.
const START_WITHIN: Duration = Duration::from_secs(10);
/// How often another port is tried, where somebody else took the one that was free a moment ago.
const ATTEMPTS: usize = 5;

/// A running server. Dropping it stops it; sessions end with their connections.
#[derive(Debug)]
pub struct Sshd {
    address: SocketAddr,
    account: String,
    folder: TempDir,
    child: Child,
}

/// What kind of server is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Alterable,
}

impl Sshd {
    /// A server that lets the current account in by key, with these lines of configuration before its own.
    pub fn plain(extra: &[&str]) -> Option<Self> {
        offer(Self::start(Kind::Plain, extra))
    }

    /// A server in a world of its own: the account [`ACCOUNT`] comes in by key and becomes root by `sudo`, root has an empty home,
    /// `systemctl reload` reloads this server, and nothing done inside reaches the machine.
    pub fn alterable(extra: &[&str]) -> Option<Self> {
        offer(Self::start(Kind::Alterable, extra))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The account that the key opens.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The private key that opens it, in OpenSSH's form.
    pub fn private_key(&self) -> String {
        self.file("client_key")
    }

    /// The public key that opens it, in OpenSSH's one-line form.
    pub fn public_key(&self) -> String {
        self.file("client_key.pub")
    }

    /// The host's public keys, in OpenSSH's one-line form: Ed25519, then RSA.
    pub fn host_keys(&self) -> Vec<String> {
        ["host_ed25519.pub", "host_rsa.pub"].map(|name| self.file(name)).to_vec()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.file("log")
    }

    /// A file of the alterable world, by its absolute path in there. Readable for root's and the account's homes and `/etc`.
    pub fn inside(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default().trim_end().to_owned() + "\n"
    }

    fn start(kind: Kind, extra: &[&str]) -> Result<Self, String> {
        if !Path::new(SSHD).exists() {
            return Err(format!("{SSHD} is not installed"));
        }
        let uid = output("id", &["-u"])?;
        if kind == Kind::Alterable && uid != "0" {
            return Err("altering a node takes a namespace, and that takes root".to_owned());
        }
        let account = if kind == Kind::Alterable { ACCOUNT.to_owned() } else { output("id", &["-un"])? };
        let folder = tempfile::Builder::new().prefix("sshd-").tempdir().map_err(|e| format!("no folder: {e}"))?;
        for (name, algorithm) in [("host_ed25519", "ed25519"), ("host_rsa", "rsa"), ("client_key", "ed25519")] {
            let path = folder.path().join(name);
            output("ssh-keygen", &["-q", "-t", algorithm, "-N", "", "-C", name, "-f", &path.display().to_string()])?;
        }
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            let address = free_address()?;
            let mut child = launch(kind, folder.path(), address, extra, uid == "0")?;
            match greeted(address, &mut child) {
                Ok(()) => return Ok(Self { address, account, folder, child }),
                Err(why) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
                    last = format!("{SSHD} does not start: {why}; {}", log.trim().replace('\n', " | "));
                }
            }
        }
        Err(last)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server, or the printed reason why there is none.
#[expect(clippy::print_stderr, reason = "a skipped test has no other way to say so")]
fn offer(outcome: Result<Sshd, String>) -> Option<Sshd> {
    match outcome {
        Ok(sshd) => Some(sshd),
        Err(why) if std::env::var(REQUIRE).is_ok_and(|value| value == "1") => {
            panic!("{REQUIRE}=1, and there is no real SSH server: {why}")
        }
        Err(why) => {
            eprintln!("skipped: {why}");
            None
        }
    }
}

fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| format!("no port: {e}"))?;
    listener.local_addr().map_err(|e| format!("no port: {e}"))
}

/// What a command printed, if it ended well.
fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let done = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let done = done.map_err(|e| format!("{program}: {e}"))?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
    } else {
        Err(format!("{program}: {}", String::from_utf8_lossy(&done.stderr).trim()))
    }
}

fn launch(kind: Kind, folder: &Path, address: SocketAddr, extra: &[&str], root: bool) -> Result<Child, String> {
    let io = |e: std::io::Error| e.to_string();
    let config = configuration(kind, folder, address, extra, root);
    fs::write(folder.join("sshd_config"), config).map_err(io)?;
    fs::copy(folder.join("client_key.pub"), folder.join("authorized_keys")).map_err(io)?;
    let script = match kind {
        Kind::Plain => include_str!("plain.sh"),
        Kind::Alterable => include_str!("alterable.sh"),
    };
    fs::write(folder.join("start.sh"), script).map_err(io)?;
    let mut command = if root {
        // The server wants folders under /run and writes to /var/log: both are its own in there.
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "--", "/bin/sh"]).arg(folder.join("start.sh"));
        command
    } else {
        let mut command = Command::new(SSHD);
        command.args(["-D", "-e", "-f"]).arg(folder.join("sshd_config"));
        command
    };
    let log = fs::File::create(folder.join("log")).map_err(io)?;
    command
        .env("FOLDER", folder)
        .env("ACCOUNT", ACCOUNT)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|e| format!("start: {e}"))
}

fn configuration(kind: Kind, folder: &Path, address: SocketAddr, extra: &[&str], root: bool) -> String {
    let folder = folder.display();
    let mut lines = String::new();
    if kind == Kind::Alterable {
        lines.push_str("Include /etc/ssh/sshd_config.d/*.conf\n");
    }
    for line in extra {
        let _ = writeln!(lines, "{line}");
    }
    if kind == Kind::Plain {
        let _ = writeln!(lines, "AuthorizedKeysFile {folder}/authorized_keys\nPermitRootLogin yes");
    }
    // A server that may not read the shadow file takes every account for locked, unless PAM answers for it.
    let pam = if root { "no" } else { "yes" };
    let _ = write!(
        lines,
        "UsePAM {pam}\nPort {}\nListenAddress {}\nHostKey {folder}/host_ed25519\nHostKey {folder}/host_rsa\n\
         PidFile {folder}/pid\nStrictModes no\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nMaxStartups 500:30:600\nLogLevel VERBOSE\n",
        address.port(),
        address.ip()
    );
    lines
}

/// Waits for the banner. The server is given up when its process ends or the time is over.
fn greeted(address: SocketAddr, child: &mut Child) -> Result<(), String> {
    let until = Instant::now() + START_WITHIN;
    while Instant::now() < until {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("it ended with {status}"));
        }
        if let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
            let mut banner = [0; 4];
            if stream.read_exact(&mut banner).is_ok() && &banner == b"SSH-" {
                return Ok(());
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
    Err("no banner".to_owned())
}
