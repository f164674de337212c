//! Randomness that can be had again: every draw is a digest of the seed and of what is drawn for.
//!
//! A draw depends on nothing but its labels, so the order in which tasks run changes no outcome.

use sha2::{Digest, Sha256};

/// A source of draws.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(u64);

impl Seed {
    /// The source that `seed` stands for.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 32 bytes for `labels`.
    pub(crate) fn bytes(self, labels: &[&str]) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.0.to_le_bytes());
        for label in labels {
            digest.update(label.len().to_le_bytes());
            digest.update(label.as_bytes());
        }
        digest.finalize().into()
    }

    /// A number for `labels`.
    pub(crate) fn number(self, labels: &[&str]) -> u64 {
        let bytes = self.bytes(labels);
        bytes[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// A number from 0 (included) to 1 (excluded) for `labels`.
    pub(crate) fn fraction(self, labels: &[&str]) -> f64 {
        (self.number(labels) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// `length` (at most 64) hexadecimal digits for `labels`.
    pub(crate) fn hex(self, labels: &[&str], length: usize) -> String {
        hex(&self.bytes(labels)).chars().take(length).collect()
    }

    /// A UUID of version 4 for `labels`.
    pub(crate) fn uuid(self, labels: &[&str]) -> String {
        let h = self.hex(labels, 32);
        format!("{}-{}-4{}-a{}-{}", &h[..8], &h[8..12], &h[13..16], &h[17..20], &h[20..32])
    }
}

/// `bytes` as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_its_labels_only() {
        let seed = Seed::new(7);
        assert_eq!(seed.bytes(&["a", "b"]), Seed::new(7).bytes(&["a", "b"]));
        assert_ne!(seed.bytes(&["a", "b"]), seed.bytes(&["ab", ""]));
        assert!((0.0..1.0).contains(&seed.fraction(&["x"])));
        assert_eq!(seed.uuid(&["x"]).len(), 36);
    }
}
