//! Host keys that can be made again from the seed.

use russh::keys::{PrivateKey, ssh_key::private::Ed25519Keypair};

use crate::random::Seed;

/// The Ed25519 host key that `labels` stand for.
pub(super) fn host_key(seed: Seed, labels: &[&str]) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&seed.bytes(labels)))
}
