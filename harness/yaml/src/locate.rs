//! Finds the line and column of a key path.
//!
//! The parser itself is asked: the text is walked along the path and the walk is broken off, with an error, at the value or key
//! that is looked for. The parser puts the position into that error. So every notation is understood, flow style and anchors
//! included, and there is no second scanner to disagree with the first.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{
    error::Position,
    path::{KeyPath, Segment},
};

/// The position of the value at `path`; if there is none, that of the deepest part of the path that exists.
pub(crate) fn nearest_value(text: &str, path: &KeyPath) -> Option<Position> {
    let segments = path.segments();
    if let Some(found) = value(text, segments) {
        return Some(found);
    }
    for length in (0..segments.len()).rev() {
        let part = &segments[..length];
        // The key says more than the place where its mapping begins.
        let found = match part.last() {
            Some(Segment::Key(name)) => key(text, &part[..length - 1], name, 1),
            _ => value(text, part),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The position of the value at `path`.
fn value(text: &str, path: &[Segment]) -> Option<Position> {
    walk(text, path, None)
}

/// The position of the `nth` occurrence (from 1) of the key `name` in the mapping at `path`.
pub(crate) fn key(text: &str, path: &[Segment], name: &str, nth: usize) -> Option<Position> {
    walk(text, path, Some((name, nth)))
}

fn walk(text: &str, path: &[Segment], key: Option<(&str, usize)>) -> Option<Position> {
    let found = Cell::new(false);
    let node = Node { path, key, found: &found };
    let error = node.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    let at = error.location().filter(|_| found.get())?;
    Some(Position { line: at.line(), column: at.column() })
}

/// A value on the way.
struct Node<'p> {
    path: &'p [Segment],
    key: Option<(&'p str, usize)>,
    found: &'p Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Node<'_> {
    /// Ends the walk here if this value is the one looked for, and goes on past it if not.
    fn here<E: Error>(&self) -> Result<(), E> {
        if self.path.is_empty() && self.key.is_none() {
            self.found.set(true);
            return Err(E::custom("found"));
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value looked for")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.here()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.here()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.here()
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<(), E> {
        self.here()
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<(), E> {
        self.here()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.here()
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.here()
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.here()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.here()?;
        let mut at = 0;
        loop {
            let step = match self.path.first() {
                Some(Segment::Index(index)) if *index == at => {
                    items.next_element_seed(Node { path: &self.path[1..], key: self.key, found: self.found })?.is_some()
                }
                _ => items.next_element::<IgnoredAny>()?.is_some(),
            };
            if !step {
                return Ok(());
            }
            at += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.here()?;
        let mut seen = 0;
        let (name, nth) = match (self.path.first(), self.key) {
            (Some(Segment::Key(name)), _) => (name.as_str(), None),
            (None, Some((name, nth))) => (name, Some(nth)),
            _ => return while_some(|| entries.next_entry::<IgnoredAny, IgnoredAny>()),
        };
        while let Some(hit) = entries.next_key_seed(Key { name, nth, seen: &mut seen, found: self.found })? {
            if hit && nth.is_none() {
                entries.next_value_seed(Node { path: &self.path[1..], key: self.key, found: self.found })?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

fn while_some<T, E>(mut next: impl FnMut() -> Result<Option<T>, E>) -> Result<(), E> {
    while next()?.is_some() {}
    Ok(())
}

/// A key on the way. Tells whether it is `name`; breaks off at the `nth` one if a key is what is looked for.
struct Key<'p> {
    name: &'p str,
    nth: Option<usize>,
    seen: &'p mut usize,
    found: &'p Cell<bool>,
}

impl Key<'_> {
    fn named<E: Error>(self, name: &str) -> Result<bool, E> {
        if name != self.name {
            return Ok(false);
        }
        *self.seen += 1;
        if self.nth == Some(*self.seen) {
            self.found.set(true);
            return Err(E::custom("found"));
        }
        Ok(true)
    }
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bool<E: Error>(self, key: bool) -> Result<bool, E> {
        self.named(&key.to_string())
    }

    fn visit_i64<E: Error>(self, key: i64) -> Result<bool, E> {
        self.named(&key.to_string())
    }

    fn visit_u64<E: Error>(self, key: u64) -> Result<bool, E> {
        self.named(&key.to_string())
    }

    fn visit_f64<E: Error>(self, key: f64) -> Result<bool, E> {
        self.named(&key.to_string())
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        self.named(key)
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        self.named("null")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        while_some(|| items.next_element::<IgnoredAny>())?;
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<bool, A::Error> {
        while_some(|| entries.next_entry::<IgnoredAny, IgnoredAny>())?;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a comment: with a colon
targets:
  - name: one
    use: {flavor: small, image: &img debian}
  - name: \"two\"
    use:
      flavor: big
      image: *img
  -
    text: |
      name: not a key
    name: three
7: seven
";

    fn at(path: &str) -> Option<(usize, usize)> {
        value(TEXT, KeyPath::from(path).segments()).map(|p| (p.line, p.column))
    }

    #[test]
    fn values_are_found_in_every_notation() {
        assert_eq!(at(""), Some((2, 1)));
        assert_eq!(at("targets[0].name"), Some((3, 11)));
        assert_eq!(at("targets[0].use.image"), Some((4, 33)));
        assert_eq!(at("targets[1].use.flavor"), Some((7, 15)));
        assert_eq!(at("targets[2].name"), Some((12, 11)));
        assert_eq!(at("7"), Some((13, 4)));
        assert_eq!(at("targets[3].name"), None);
        assert_eq!(at("targets.name"), None);
    }

    #[test]
    fn what_is_missing_is_placed_at_the_deepest_thing_that_exists() {
        let found = |path: &str| nearest_value(TEXT, &path.into()).map(|p| (p.line, p.column));
        assert_eq!(found("targets[1].use.network"), Some((6, 5)));
        assert_eq!(found("targets[1].zone"), Some((5, 5)));
        assert_eq!(found("nowhere"), Some((2, 1)));
        assert_eq!(nearest_value("", &"a".into()), None);
    }

    #[test]
    fn repeated_keys_are_told_apart() {
        let text = "a: 1\nb: {a: 2,\n a: 3}\n";
        let b = [Segment::Key("b".into())];
        assert_eq!(key(text, &b, "a", 1), Some(Position { line: 2, column: 5 }));
        assert_eq!(key(text, &b, "a", 2), Some(Position { line: 3, column: 2 }));
        assert_eq!(key(text, &b, "a", 3), None);
    }
}
