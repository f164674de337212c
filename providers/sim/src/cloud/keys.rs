//! Imported keys.

use levelfield_provider::{FailureClass, KeyPair, KeyRequest};
use md5::Md5;
use russh::keys::{HashAlg, PublicKey};
use sha2::Digest;

use super::{Answer, Cloud, Refusal, record::KeyRecord, remember};
use crate::{Fingerprinting, Mutation, RepeatedDelete, random::hex};

impl Cloud {
    /// Stores a public key.
    pub(crate) fn import_key(&self, request: &KeyRequest) -> Answer<KeyPair> {
        let key = PublicKey::from_openssh(request.public_key.trim());
        let fingerprint = match &key {
            Ok(key) if key.algorithm().is_rsa() && self.has(Mutation::RsaKeyRefused) => {
                return Err(Refusal::invalid("keys of type ssh-rsa are not accepted").blaming("public_key"));
            }
            Ok(key) => self.fingerprint(key),
            Err(_) if self.has(Mutation::InvalidKeyStored) => String::new(),
            Err(error) => {
                return Err(Refusal::invalid(format!("the key is not OpenSSH format: {error}")).blaming("public_key"));
            }
        };
        let mut state = self.state();
        if state.keys.values().any(|key| key.name == request.name) && !self.has(Mutation::DuplicateKeyAccepted) {
            return Err(Refusal::conflict(format!("a key named `{}` exists", request.name)).blaming("name"));
        }
        if let Some(limit) = self.persona.quotas.keys.filter(|limit| state.keys.len() >= *limit as usize) {
            return Err(Refusal::quota("keys", limit));
        }
        let record = KeyRecord {
            id: state.id(self.seed, "key"),
            name: request.name.clone(),
            public_key: request.public_key.trim().to_owned(),
            fingerprint,
            tags: request.tags.clone(),
        };
        let view = record.view();
        state.keys.insert(record.id.clone(), record);
        Ok(view)
    }

    fn fingerprint(&self, key: &PublicKey) -> String {
        let blob = key.to_bytes().unwrap_or_default();
        let text = match self.persona.fingerprints {
            Fingerprinting::Sha256 => key.fingerprint(HashAlg::Sha256).to_string(),
            Fingerprinting::Md5 => colons(&hex(&Md5::digest(&blob))),
        };
        if !self.has(Mutation::KeyFingerprintWrong) {
            return text;
        }
        // That of another key: the same length and notation.
        let other = self.seed.bytes(&["another key", &text]);
        match self.persona.fingerprints {
            Fingerprinting::Sha256 => format!("SHA256:{}", base64_unpadded(&other)),
            Fingerprinting::Md5 => colons(&hex(&other[..16])),
        }
    }

    /// Every key of the account.
    pub(crate) fn keys(&self) -> Vec<KeyPair> {
        self.state().keys.values().map(KeyRecord::view).collect()
    }

    /// Forgets a key. Deleting a forgotten one is not-found.
    pub(crate) fn delete_key(&self, id: &str) -> Answer<()> {
        let mut state = self.state();
        let Some(record) = state.keys.remove(id) else {
            return match self.persona.repeated_delete {
                RepeatedDelete::Silent => Ok(()),
                RepeatedDelete::NotFound => Err(Refusal::missing("key", id)),
            };
        };
        if self.has(Mutation::DeletedKeyUsable) {
            remember(&mut state.deleted_keys, record);
        }
        Ok(())
    }
}

impl super::State {
    /// The key that a node request names.
    pub(super) fn key_for_node(&self, id: &str) -> Answer<KeyRecord> {
        let known = self.keys.get(id).or_else(|| self.deleted_keys.iter().find(|key| key.id == id));
        known
            .cloned()
            .ok_or_else(|| Refusal::new(FailureClass::Invalid, format!("there is no key `{id}`")).blaming("key"))
    }
}

fn colons(digits: &str) -> String {
    digits.as_bytes().chunks(2).map(String::from_utf8_lossy).collect::<Vec<_>>().join(":")
}

fn base64_unpadded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
}
