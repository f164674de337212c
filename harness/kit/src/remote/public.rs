//! Public keys as they travel: one line, a wire blob, fingerprints.

use std::fmt;

use base64::{Engine as _, engine::general_purpose};
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A public key that a server proves to hold, or is expected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HostKey {
    /// The key's own algorithm name, as its blob begins: `ssh-ed25519`, `ssh-rsa`.
    pub algorithm: String,
    /// The wire form in standard base64, as it stands in `known_hosts`.
    pub blob: String,
    /// `SHA256:` and the digest of the wire form in base64 without padding, as `ssh-keygen -l` prints it.
    pub sha256: String,
}

/// Text that is no public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an OpenSSH public key: {why}")]
pub struct PublicKeyError {
    why: String,
}

impl PublicKeyError {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

impl HostKey {
    /// The key of this wire form.
    pub fn from_blob(blob: &[u8]) -> Result<Self, PublicKeyError> {
        let name = first_string(blob).ok_or_else(|| PublicKeyError::new("the blob is cut short"))?;
        let algorithm = std::str::from_utf8(name)
            .ok()
            .filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()))
            .ok_or_else(|| PublicKeyError::new("the blob names no algorithm"))?;
        Ok(Self { algorithm: algorithm.to_owned(), blob: general_purpose::STANDARD.encode(blob), sha256: sha256(blob) })
    }

    /// The key on this line: `ssh-ed25519 AAAA… comment`, with or without comment.
    pub fn from_line(line: &str) -> Result<Self, PublicKeyError> {
        let mut words = line.split_ascii_whitespace();
        let (Some(algorithm), Some(blob)) = (words.next(), words.next()) else {
            return Err(PublicKeyError::new("expected an algorithm and a base64 blob"));
        };
        let blob =
            general_purpose::STANDARD.decode(blob).map_err(|e| PublicKeyError::new(format!("its base64: {e}")))?;
        let key = Self::from_blob(&blob)?;
        if key.algorithm == algorithm {
            Ok(key)
        } else {
            Err(PublicKeyError::new(format!("it says {algorithm}, its blob says {}", key.algorithm)))
        }
    }

    /// The one-line form, without comment.
    pub fn line(&self) -> String {
        format!("{} {}", self.algorithm, self.blob)
    }

    /// The signature algorithms with which a server proves that it holds a key of this kind, best first.
    pub(super) fn signature_algorithms(&self) -> &str {
        if self.algorithm == "ssh-rsa" { "rsa-sha2-512,rsa-sha2-256,ssh-rsa" } else { &self.algorithm }
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm, self.sha256)
    }
}

/// How a target writes down the fingerprint of an imported key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FingerprintNotation {
    /// SHA-256 of the wire form, in base64: what OpenSSH prints, and AWS for Ed25519 keys.
    Sha256,
    /// MD5 of the wire form, in hex: what OpenSSH printed before 6.8, and `OpenStack` does.
    Md5,
    /// MD5 of the key's DER `SubjectPublicKeyInfo`, in hex: AWS, for RSA keys that were imported.
    Md5Der,
}

/// `SHA256:` and the digest in base64 without padding.
pub(super) fn sha256(blob: &[u8]) -> String {
    format!("SHA256:{}", general_purpose::STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}

/// The MD5 digest as hex pairs joined by colons.
pub(super) fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Whether two fingerprints are the same but for prefix, padding, colons and the case of hex digits.
pub(super) fn same_fingerprint(ours: &str, theirs: &str) -> bool {
    let bare = |text: &str| {
        let text = text.trim();
        let text = text.strip_prefix("SHA256:").or_else(|| text.strip_prefix("MD5:")).unwrap_or(text);
        text.trim_end_matches('=').to_owned()
    };
    let (ours, theirs) = (bare(ours), bare(theirs));
    let hex = |text: &str| text.replace(':', "").to_ascii_lowercase();
    let is_hex = |text: &str| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    ours == theirs || (is_hex(&hex(&ours)) && hex(&ours) == hex(&theirs))
}

/// The length-prefixed string that a wire form begins with.
pub(super) fn first_string(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// `bytes` as a length-prefixed string, appended to `blob`.
pub(super) fn push_string(blob: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("no part of a key is 4 GiB long");
    blob.extend_from_slice(&length.to_be_bytes());
    blob.extend_from_slice(bytes);
}

/// The unsigned big-endian number `bytes` as a length-prefixed `mpint`, appended to `blob`.
pub(super) fn push_mpint(blob: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        push_string(blob, &[&[0], bytes].concat());
    } else {
        push_string(blob, bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti user@example.com";

    #[test]
    fn a_line_gives_the_fingerprint_that_ssh_keygen_prints() {
        let key = HostKey::from_line(LINE).unwrap();
        assert_eq!(key.algorithm, "ssh-ed25519");
        assert_eq!(key.sha256, "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ");
        assert_eq!(HostKey::from_line(&key.line()).unwrap(), key);
    }

    #[test]
    fn lines_that_lie_are_refused() {
        for line in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 !!!",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti",
            "ssh-rsa AAAA",
        ] {
            assert!(HostKey::from_line(line).is_err(), "{line}");
        }
    }

    #[test]
    fn notations_of_one_digest_are_told_to_be_the_same() {
        assert!(same_fingerprint("SHA256:abc", "abc="));
        assert!(same_fingerprint(&md5(b"x"), &md5(b"x").replace(':', "").to_uppercase()));
        assert!(!same_fingerprint("SHA256:abc", "ABC"));
    }

    proptest! {
        #[test]
        fn nothing_panics(line in ".*", blob in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = HostKey::from_line(&line);
            let _ = HostKey::from_blob(&blob);
        }
    }
}
