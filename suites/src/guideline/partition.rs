//! Splits a selection over several runs, the same way every time and everywhere.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

/// One part of a selection: `hash:1/4` is the first of four.
///
/// A behaviour's part follows from its id alone, so it stays where it is when others come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    part: u32,
    of: u32,
}

impl Partition {
    /// Whether the behaviour `id` is in this part.
    pub fn holds(self, id: &str) -> bool {
        let digest = Sha256::digest(id.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        u64::from_be_bytes(first) % u64::from(self.of) == u64::from(self.part - 1)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hash:{}/{}", self.part, self.of)
    }
}

/// A text that names no [`Partition`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no partition: write `hash:I/N` with I from 1 to N, such as `hash:1/4`")]
pub struct PartitionError(pub String);

impl FromStr for Partition {
    type Err = PartitionError;

    fn from_str(text: &str) -> Result<Self, PartitionError> {
        let read = || {
            let (part, of) = text.strip_prefix("hash:")?.split_once('/')?;
            let plain = |number: &str| number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse::<u32>().ok());
            let (part, of) = (plain(part)??, plain(of)??);
            (1..=of).contains(&part).then_some(Self { part, of })
        };
        read().ok_or_else(|| PartitionError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_parts_that_exist_are_read() {
        for good in ["hash:1/1", "hash:1/4", "hash:4/4"] {
            assert_eq!(good.parse::<Partition>().unwrap().to_string(), good);
        }
        for bad in ["", "1/4", "hash:0/4", "hash:5/4", "hash:1/0", "hash:1/", "hash:+1/4", "hash:1/4/2", "count:1/4"] {
            assert_eq!(bad.parse::<Partition>(), Err(PartitionError(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn the_assignment_never_changes() {
        let part = |id: &str| (1..=4).find(|part| Partition { part: *part, of: 4 }.holds(id)).unwrap();
        assert_eq!(["metadata/pick-image", "login/key-accepted", "underlay/mtu"].map(part), [2, 4, 1]);
    }

    proptest! {
        #[test]
        fn every_id_is_in_exactly_one_part(id in "[a-z/-]{0,30}", of in 1..50_u32) {
            let parts = (1..=of).filter(|part| Partition { part: *part, of }.holds(&id)).count();
            prop_assert_eq!(parts, 1);
        }
    }
}
