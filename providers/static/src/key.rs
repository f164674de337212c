//! Private keys, read by reference.

use std::{env, fs, io, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::KeySource;

/// Why a key is not to be had, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum KeyProblem {
    /// The file is not there, or not for this account to read.
    #[error("cannot read the file {}: {source}; {}", path.display(), advice(source))]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
    /// The variable is not set.
    #[error("the environment variable {name} is not set; export the key's text in it: {name}=\"$(cat KEYFILE)\"")]
    Variable {
        /// The variable.
        name: String,
    },
    /// There is no home folder to take the place of `~`.
    #[error("the path begins with `~/`, and HOME is not set; give the path in full")]
    Home,
    /// There is a text, and it is no private key.
    #[error("it holds no private key in PEM or OpenSSH form{}", if *public { "; it holds a public key: name the file without `.pub`" } else { "" })]
    NoKey {
        /// Whether it is the public half instead.
        public: bool,
    },
    /// The key is encrypted.
    #[error(
        "it is encrypted, and nobody is asked for a passphrase; name a copy without one (`ssh-keygen -p -N '' -f COPY`)"
    )]
    Encrypted,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "make the key with `ssh-keygen -t ed25519 -f FILE`, or correct the path",
        io::ErrorKind::PermissionDenied => "run as the account that owns it, or name one that this account may read",
        _ => "name a text file that this account may read",
    }
}

/// A key that was read, with what its owner should be told about it.
pub(crate) struct ReadKey {
    pub(crate) text: String,
    pub(crate) warning: Option<String>,
}

/// Reads the key that `source` refers to.
pub(crate) fn read(source: &KeySource) -> Result<ReadKey, KeyProblem> {
    let (text, warning) = match source {
        KeySource::File(path) => {
            let path = expand(path.clone())?;
            match fs::read_to_string(&path) {
                Ok(text) => (text, open_to_others(&path)),
                Err(source) => return Err(KeyProblem::File { path, source }),
            }
        }
        KeySource::Env(name) => match env::var(name) {
            Ok(text) => (text, None),
            Err(_) => return Err(KeyProblem::Variable { name: name.clone() }),
        },
    };
    check(&text)?;
    Ok(ReadKey { text, warning })
}

fn expand(path: PathBuf) -> Result<PathBuf, KeyProblem> {
    match path.strip_prefix("~") {
        Ok(rest) => env::home_dir().map(|home| home.join(rest)).ok_or(KeyProblem::Home),
        Err(_) => Ok(path),
    }
}

#[cfg(unix)]
fn open_to_others(path: &std::path::Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let file = path.display();
    (mode & 0o077 != 0).then(|| format!("{file} is open to others (mode {mode:04o}); close it with `chmod 600 {file}`"))
}

#[cfg(not(unix))]
fn open_to_others(_: &std::path::Path) -> Option<String> {
    None
}

fn check(text: &str) -> Result<(), KeyProblem> {
    let text = text.trim();
    if !text.contains("-----BEGIN ") || !text.contains("PRIVATE KEY-----") {
        let public =
            ["ssh-", "ecdsa-", "sk-"].iter().any(|prefix| text.starts_with(prefix)) || text.contains("PUBLIC KEY");
        return Err(KeyProblem::NoKey { public });
    }
    let encrypted =
        text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") || openssh_cipher(text);
    if encrypted { Err(KeyProblem::Encrypted) } else { Ok(()) }
}

/// Whether a key in OpenSSH's own form names a cipher: its blob begins with a magic word, and the cipher's name.
fn openssh_cipher(text: &str) -> bool {
    const MAGIC: &[u8] = b"openssh-key-v1\0";
    if !text.contains("BEGIN OPENSSH PRIVATE KEY") {
        return false;
    }
    let body: String = text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let Ok(blob) = STANDARD.decode(body) else { return false };
    let Some((length, rest)) = blob.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk::<4>()) else {
        return false;
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    rest.get(..length).is_some_and(|cipher| cipher != b"none")
}
