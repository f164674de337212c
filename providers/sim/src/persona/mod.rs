//! What a simulated cloud is like, written down: a persona is a YAML document, and this module reads it.
//!
//! All durations are in target seconds. Three personas are embedded; a persona of one's own is read with
//! [`Persona::from_yaml`].

mod catalog;
mod conduct;
mod error;

use std::collections::BTreeSet;

use levelfield_provider::Capability;
use levelfield_yaml::YamlSource;
use serde::Deserialize;
use sha2::{Digest, Sha256};

pub use catalog::{FlavorSpec, ImageSpec, NetworkSpec, RegionSpec};
pub use conduct::{
    AddressPattern, Addressing, Faults, Fingerprinting, MetadataService, MetadataStyle, Quotas, RepeatedDelete,
    Timings, TokenMode,
};
pub use error::PersonaError;

use crate::{Mutation, random::hex};

const EMBEDDED: [(&str, &str); 3] = [
    ("aws-like", include_str!("../../personas/aws-like.yaml")),
    ("openstack-common", include_str!("../../personas/openstack-common.yaml")),
    ("openstack-good", include_str!("../../personas/openstack-good.yaml")),
];

/// A simulated cloud's catalogue, conduct and deviations.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Persona {
    /// The name it is known by.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// What the cloud declares.
    #[serde(deserialize_with = "catalog::capabilities")]
    pub capabilities: BTreeSet<Capability>,
    /// Target seconds per wall second.
    #[serde(default = "twenty")]
    pub pace: f64,
    /// Where all randomness comes from: host keys, ids, times within their ranges, faults.
    #[serde(default)]
    pub seed: u64,
    /// Regions; the first is the one that nodes are made in.
    pub regions: Vec<RegionSpec>,
    /// Networks; the addresses are the sim's to choose.
    pub networks: Vec<NetworkSpec>,
    /// Sizes of node.
    pub flavors: Vec<FlavorSpec>,
    /// Machine images; every region has each of them, under an id of its own.
    pub images: Vec<ImageSpec>,
    /// How nodes come to public addresses.
    pub addressing: Addressing,
    /// The instance metadata service.
    #[serde(default)]
    pub metadata: MetadataService,
    /// How the fingerprint of an imported key is written.
    #[serde(default)]
    pub fingerprints: Fingerprinting,
    /// What deleting a key answers that is gone already.
    #[serde(default)]
    pub repeated_delete: RepeatedDelete,
    /// How long things take.
    #[serde(default)]
    pub timings: Timings,
    /// The account's limits.
    #[serde(default)]
    pub quotas: Quotas,
    /// What goes wrong by itself, and how often.
    #[serde(default)]
    pub faults: Faults,
    /// The most items in one page of a listing whose caller names no limit.
    #[serde(default = "hundred")]
    pub page_size: u32,
    /// Deliberate deviations.
    #[serde(default)]
    pub mutations: BTreeSet<Mutation>,
}

fn twenty() -> f64 {
    20.0
}

fn hundred() -> u32 {
    100
}

impl Persona {
    /// The names of the embedded personas.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    /// The embedded persona of that name.
    ///
    /// # Errors
    /// [`PersonaError::Unknown`] if none is embedded under `name`.
    pub fn embedded(name: &str) -> Result<Self, PersonaError> {
        let (name, text) = EMBEDDED
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| PersonaError::Unknown { name: name.to_owned(), known: Self::names().collect() })?;
        Self::read(&format!("{name}.yaml"), text)
    }

    /// Reads a persona.
    ///
    /// # Errors
    /// [`PersonaError::Malformed`], with line and key, where the text is no persona or one that no cloud can be.
    pub fn from_yaml(text: &str) -> Result<Self, PersonaError> {
        Self::read("persona", text)
    }

    fn read(name: &str, text: &str) -> Result<Self, PersonaError> {
        let source = YamlSource::new(name, text);
        let persona: Self = source.parse()?;
        match persona.nonsense() {
            Some((path, why)) => Err(source.error_at(path, why, std::iter::empty::<&str>()).into()),
            None => Ok(persona),
        }
    }

    /// With these mutations besides its own.
    #[must_use]
    pub fn with_mutations(mut self, mutations: impl IntoIterator<Item = Mutation>) -> Self {
        self.mutations.extend(mutations);
        self
    }

    /// With these faults instead of its own.
    #[must_use]
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// With this seed instead of its own.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// With this pace, in target seconds per wall second, instead of its own.
    #[must_use]
    pub fn with_pace(mut self, pace: f64) -> Self {
        self.pace = pace;
        self
    }

    /// Whether `mutation` is on.
    pub fn has(&self, mutation: Mutation) -> bool {
        self.mutations.contains(&mutation)
    }

    /// What it declares; mutations never change a declaration.
    pub fn declares(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// SHA-256, in hexadecimal digits, of regions, networks, flavors and images.
    pub fn catalogue_digest(&self) -> String {
        let catalogue = format!("{:?}", (&self.regions, &self.networks, &self.flavors, &self.images));
        hex(&Sha256::digest(catalogue.as_bytes()))
    }

    /// The first key whose value no cloud can have, and what is wrong with it.
    fn nonsense(&self) -> Option<(&'static str, &'static str)> {
        let wrong = [
            (!self.pace.is_finite() || self.pace <= 0.0, "pace", "must be greater than 0"),
            (
                self.regions.is_empty() || self.regions.iter().any(|region| region.zones.is_empty()),
                "regions",
                "needs a region, and a zone in each",
            ),
            (!(1..=NetworkSpec::MOST).contains(&self.networks.len()), "networks", "needs one or two networks"),
            (self.flavors.is_empty(), "flavors", "needs a flavor"),
            (self.images.is_empty(), "images", "needs an image"),
            (self.page_size == 0, "page-size", "must be at least 1"),
            (!self.timings.are_sound(), "timings", "needs seconds from 0 on, and boot as [shortest, longest]"),
            (!self.faults.are_sound(), "faults", "needs shares from 0 to 1 that together are no more than 1"),
        ];
        wrong.into_iter().find(|(is_wrong, ..)| *is_wrong).map(|(_, path, why)| (path, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_persona_reads() {
        for name in Persona::names() {
            let persona = Persona::embedded(name).unwrap();
            assert_eq!(persona.name, name);
            assert!(persona.mutations.is_empty(), "a persona's deviations are its catalogue and conduct");
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = Persona::embedded("azure").unwrap_err().to_string();
        assert_eq!(error, "no persona `azure` is embedded; there are aws-like, openstack-common, openstack-good");
    }

    #[test]
    fn a_malformed_persona_names_key_and_line() {
        let text = EMBEDDED[0].1.replace("pattern: default", "pattern: defualt");
        let error = Persona::from_yaml(&text).unwrap_err().to_string();
        assert!(error.starts_with("persona:11:24: unknown value `defualt` for `pattern` in addressing"), "{error}");
        let text = EMBEDDED[0].1.replace("page-size:", "pagesize:");
        let error = Persona::from_yaml(&text).unwrap_err().to_string();
        assert!(error.contains("unknown key `pagesize`"), "{error}");
    }

    #[test]
    fn a_persona_that_no_cloud_can_be_is_refused() {
        let text = EMBEDDED[0].1.replace("pace: 20", "pace: 0");
        let error = Persona::from_yaml(&text).unwrap_err().to_string();
        assert!(error.contains("must be greater than 0"), "{error}");
    }
}
