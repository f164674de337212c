//! Reads what happened, by its kind.
//!
//! The engine writes the kind before everything else, so that the rest can be read right into its place. What serde derives for a
//! tag inside of what it tags can't know that: it keeps all of an event in a form of its own first, and reading that takes as long
//! again. An event whose kind stands elsewhere is still read, in that slower way.

use std::{collections::BTreeMap, fmt};

use levelfield_provider::{Fingerprint, ResourceRef};
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error, IgnoredAny, IntoDeserializer, MapAccess, Unexpected, VariantAccess,
        Visitor,
        value::{EnumAccessDeserializer, MapAccessDeserializer, MapDeserializer},
    },
};
use serde_json::Value;

use super::{BehaviorInfo, CallStats, CapabilityRow, EventKind, Proof, RunHeader, Stage, Stamp, TargetManifest};
use crate::verdict::{Judgement, Verdict};

/// The key of the kind.
const TAG: &str = "event";

/// The kinds once more, for serde to derive how their fields are read. The compiler sees to it that the fields are the same.
macro_rules! mirror {
    ($name:ident $(, $serde:meta)*) => {
        #[derive(Deserialize)]
        #[serde(remote = "EventKind", rename_all = "kebab-case")]
        $(#[$serde])*
        #[allow(clippy::large_enum_variant, reason = "none is ever made")]
        enum $name {
            RunStarted {
                header: RunHeader,
                behaviors: BTreeMap<String, BehaviorInfo>,
                manifest: Vec<TargetManifest>,
            },
            RunResumed { remaining: u32 },
            TargetStarted { target: String, fingerprint: Fingerprint, capabilities: Vec<CapabilityRow> },
            StageEntered { target: String, round: u32, stage: Stage },
            WaitStarted { target: String, wait: String, limit_s: f64 },
            WaitEnded { target: String, wait: String, took_s: f64, met: bool },
            Created { target: String, resource: ResourceRef },
            Deleted { target: String, resource: ResourceRef },
            Stamped { target: String, round: u32, stamp: Stamp, seconds: f64 },
            BehaviorStarted { target: String, behavior: String, round: u32, attempt: u32 },
            Observed { target: String, behavior: String, round: u32, attempt: u32, stage: Stage, evidence: String },
            Judged {
                target: String,
                behavior: String,
                round: u32,
                attempt: u32,
                seconds: f64,
                judgement: Judgement,
            },
            Concluded { target: String, behavior: String, verdict: Verdict },
            WaiverStale { target: String, behavior: String, waiver: String },
            CallsCounted { target: String, calls: BTreeMap<String, CallStats> },
            InventoryProven { target: String, proof: Proof },
            Warned { target: Option<String>, message: String },
            Interrupted { by: String },
            RunSealed { evidence_digest: String },
        }
    };
}

mirror!(Fields);

impl<'de> Deserialize<'de> for EventKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = EventKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event with its kind")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EventKind, A::Error> {
        let mut before = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if key != TAG {
                before.push((key, map.next_value::<Value>()?));
                continue;
            }
            let kind = map.next_value()?;
            if before.is_empty() {
                return read(Tagged { kind, fields: map });
            }
            while let Some(field) = map.next_entry()? {
                before.push(field);
            }
            let fields = MapDeserializer::new(before.into_iter());
            return read(Tagged { kind, fields }).map_err(A::Error::custom::<serde_json::Error>);
        }
        Err(A::Error::missing_field(TAG))
    }
}

fn read<'de, A: MapAccess<'de>>(tagged: Tagged<A>) -> Result<EventKind, A::Error> {
    Fields::deserialize(EnumAccessDeserializer::new(tagged))
}

/// A kind and its fields, as serde reads them where the tag stands outside of what it tags.
struct Tagged<A> {
    kind: String,
    fields: A,
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Tagged<A> {
    type Error = A::Error;
    type Variant = Untagged<A>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Untagged<A>), A::Error> {
        Ok((seed.deserialize(self.kind.into_deserializer())?, Untagged(self.fields)))
    }
}

/// The fields of a kind. Another kind among them is an error.
struct Untagged<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Untagged<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(NoTag(seed))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Untagged<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        IgnoredAny.visit_map(self).map(drop)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        seed.deserialize(MapAccessDeserializer::new(self))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, A::Error> {
        Err(A::Error::invalid_type(Unexpected::Map, &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }
}

/// Reads a key that is not the kind's.
struct NoTag<K>(K);

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for NoTag<K> {
    type Value = K::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<K::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for NoTag<K> {
    type Value = K::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<K::Value, E> {
        if key == TAG { Err(E::duplicate_field(TAG)) } else { self.0.deserialize(key.into_deserializer()) }
    }
}

#[cfg(test)]
mod tests;
