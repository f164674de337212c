//! Private keys: made here or read from the operator's files, kept in memory.

use base64::{Engine as _, engine::general_purpose};
use openssl::{
    bn::BigNumContext,
    ec::PointConversionForm,
    nid::Nid,
    pkey::{Id, PKey, Private},
    rand::rand_bytes,
    rsa::Rsa,
};
use ssh_key::{
    LineEnding, PrivateKey,
    private::{Ed25519Keypair, KeypairData},
};

use super::{
    FingerprintNotation, HostKey, Secret,
    public::{md5, push_mpint, push_string, same_fingerprint},
};

/// A key pair that logs in to nodes.
///
/// `Debug` shows the public half only. The caller registers the [private text](Self::private) with the redactor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeKey {
    private: Secret,
    public: HostKey,
    comment: String,
    /// The DER `SubjectPublicKeyInfo`, for RSA keys only.
    der: Option<Vec<u8>>,
}

/// Why a key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is encrypted, and there is nobody to ask for a passphrase.
    #[error("the private key is encrypted; decrypt a copy with `ssh-keygen -p -N '' -f COPY`")]
    Encrypted,
    /// The text is no private key of a known form.
    #[error("not a private key in OpenSSH, PKCS#1, SEC1 or PKCS#8 form: {0}")]
    Unreadable(String),
    /// A key of a kind that is not used for login.
    #[error("keys of this kind are not supported: {0}")]
    Unsupported(String),
    /// The library could not make a key.
    #[error("could not make a key: {0}")]
    Generate(String),
}

impl NodeKey {
    /// A new Ed25519 key.
    pub fn generate_ed25519(comment: &str) -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        rand_bytes(&mut seed).map_err(|e| KeyError::Generate(e.to_string()))?;
        Self::ed25519(&seed, comment)
    }

    /// A new RSA key of `bits` bits (2048 to 8192).
    pub fn generate_rsa(bits: u32, comment: &str) -> Result<Self, KeyError> {
        if !(2048..=8192).contains(&bits) {
            return Err(KeyError::Generate(format!("{bits} bits are not between 2048 and 8192")));
        }
        let generate = || PKey::from_rsa(Rsa::generate(bits)?);
        let key = generate().map_err(|e| KeyError::Generate(e.to_string()))?;
        Self::from_pkey(&key, comment)
    }

    /// The key in this text: OpenSSH's own form, PKCS#1, SEC1 or PKCS#8, not encrypted.
    pub fn from_private(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.contains("-----BEGIN OPENSSH PRIVATE KEY-----") {
            return Self::from_openssh(text);
        }
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        if text.starts_with("PuTTY-User-Key-File") {
            return Err(KeyError::Unsupported("PuTTY's format; export it as an OpenSSH key".to_owned()));
        }
        // The empty passphrase keeps OpenSSL from asking the terminal for one.
        let key = PKey::private_key_from_pem_passphrase(text.as_bytes(), b"").map_err(|_| {
            let what = if text.is_empty() { "it is empty" } else { "OpenSSL finds no key in it" };
            KeyError::Unreadable(what.to_owned())
        })?;
        Self::from_pkey(&key, "")
    }

    /// The private text, in a form that the SSH library takes.
    pub fn private(&self) -> &Secret {
        &self.private
    }

    /// The public half in OpenSSH's one-line form, with its comment.
    pub fn public_line(&self) -> String {
        if self.comment.is_empty() { self.public.line() } else { format!("{} {}", self.public.line(), self.comment) }
    }

    /// The public half.
    pub fn public(&self) -> &HostKey {
        &self.public
    }

    /// `SHA256:` and base64 without padding, as `ssh-keygen -l` prints it.
    pub fn sha256(&self) -> &str {
        &self.public.sha256
    }

    /// MD5 of the wire form, hex pairs joined by colons.
    pub fn md5(&self) -> String {
        md5(&general_purpose::STANDARD.decode(&self.public.blob).unwrap_or_default())
    }

    /// MD5 of the DER `SubjectPublicKeyInfo`, hex pairs joined by colons: AWS's notation for imported RSA keys. `None` for keys
    /// of another kind.
    pub fn md5_der(&self) -> Option<String> {
        self.der.as_deref().map(md5)
    }

    /// The notation in which `fingerprint` is this key's, if it is this key's at all. Prefix, padding, colons and the case of
    /// hex digits do not matter.
    pub fn recognise(&self, fingerprint: &str) -> Option<FingerprintNotation> {
        if same_fingerprint(self.sha256(), fingerprint) {
            Some(FingerprintNotation::Sha256)
        } else if same_fingerprint(&self.md5(), fingerprint) {
            Some(FingerprintNotation::Md5)
        } else if self.md5_der().is_some_and(|ours| same_fingerprint(&ours, fingerprint)) {
            Some(FingerprintNotation::Md5Der)
        } else {
            None
        }
    }

    fn ed25519(seed: &[u8; 32], comment: &str) -> Result<Self, KeyError> {
        let unreadable = |e: ssh_key::Error| KeyError::Unreadable(e.to_string());
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(seed));
        let key = PrivateKey::new(pair, comment).map_err(unreadable)?;
        let text = key.to_openssh(LineEnding::LF).map_err(unreadable)?;
        Self::assemble(text.as_str(), &key.public_key().to_bytes().map_err(unreadable)?, comment, None)
    }

    fn from_openssh(text: &str) -> Result<Self, KeyError> {
        let unreadable = |e: ssh_key::Error| KeyError::Unreadable(e.to_string());
        let key = PrivateKey::from_openssh(text).map_err(unreadable)?;
        if key.is_encrypted() {
            return Err(KeyError::Encrypted);
        }
        let blob = key.public_key().to_bytes().map_err(unreadable)?;
        let der = match key.key_data() {
            KeypairData::Rsa(pair) => {
                let number = |mpint: &ssh_key::Mpint| openssl::bn::BigNum::from_slice(mpint.as_bytes());
                let public = number(pair.public().n())
                    .and_then(|n| Ok((n, number(pair.public().e())?)))
                    .and_then(|(n, e)| Rsa::from_public_components(n, e)?.public_key_to_der());
                Some(public.map_err(|e| KeyError::Unreadable(e.to_string()))?)
            }
            KeypairData::Ed25519(_) | KeypairData::Ecdsa(_) => None,
            _ => return Err(KeyError::Unsupported(key.algorithm().to_string())),
        };
        let comment = String::from_utf8_lossy(key.comment().as_ref()).into_owned();
        Self::assemble(&format!("{text}\n"), &blob, &comment, der)
    }

    fn from_pkey(key: &PKey<Private>, comment: &str) -> Result<Self, KeyError> {
        let unreadable = |e: openssl::error::ErrorStack| KeyError::Unreadable(e.to_string());
        if key.id() == Id::ED25519 {
            let seed = key.raw_private_key().map_err(unreadable)?;
            let seed = seed.try_into().map_err(|_| KeyError::Unreadable("an Ed25519 key has 32 bytes".to_owned()))?;
            return Self::ed25519(&seed, comment);
        }
        let mut blob = Vec::new();
        let (text, der) = if let Ok(rsa) = key.rsa() {
            push_string(&mut blob, b"ssh-rsa");
            push_mpint(&mut blob, &rsa.e().to_vec());
            push_mpint(&mut blob, &rsa.n().to_vec());
            (rsa.private_key_to_pem().map_err(unreadable)?, Some(key.public_key_to_der().map_err(unreadable)?))
        } else if let Ok(ec) = key.ec_key() {
            let curve = match ec.group().curve_name() {
                Some(Nid::X9_62_PRIME256V1) => "nistp256",
                Some(Nid::SECP384R1) => "nistp384",
                Some(Nid::SECP521R1) => "nistp521",
                other => return Err(KeyError::Unsupported(format!("elliptic curve {other:?}"))),
            };
            let mut context = BigNumContext::new().map_err(unreadable)?;
            let point = ec
                .public_key()
                .to_bytes(ec.group(), PointConversionForm::UNCOMPRESSED, &mut context)
                .map_err(unreadable)?;
            push_string(&mut blob, format!("ecdsa-sha2-{curve}").as_bytes());
            push_string(&mut blob, curve.as_bytes());
            push_string(&mut blob, &point);
            (ec.private_key_to_pem().map_err(unreadable)?, None)
        } else {
            return Err(KeyError::Unsupported(format!("{:?}", key.id())));
        };
        let text = String::from_utf8(text).map_err(|e| KeyError::Unreadable(e.to_string()))?;
        Self::assemble(&text, &blob, comment, der)
    }

    fn assemble(text: &str, blob: &[u8], comment: &str, der: Option<Vec<u8>>) -> Result<Self, KeyError> {
        let public = HostKey::from_blob(blob).map_err(|e| KeyError::Unreadable(e.to_string()))?;
        Ok(Self { private: Secret::new(text), public, comment: comment.replace(['\n', '\r'], " "), der })
    }
}
