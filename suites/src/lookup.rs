//! Questions that a run asks of the standard, by id.

use levelfield_kit::{Behavior, Demand, settings::Settings};
use levelfield_provider::{Capability, Declaration};
use serde_json::Value;

use crate::Standard;

impl Standard {
    /// The code of a behaviour.
    pub fn behavior(&self, id: &str) -> Option<&Behavior> {
        self.entry(id).ok().map(|entry| entry.code)
    }

    /// The parameters of a behaviour; none for one that is not known.
    pub fn expect(&self, id: &str) -> Value {
        self.entry(id).map_or(Value::Null, |entry| entry.expect())
    }

    /// What a behaviour takes on a target of these settings beside the subject.
    pub fn demand(&self, id: &str, settings: &Settings) -> Demand {
        self.entry(id).map_or_else(|_| Demand::default(), |entry| entry.demand(settings))
    }

    /// The capabilities that a behaviour needs.
    pub fn needs(&self, id: &str) -> &[Capability] {
        self.guideline().behavior(id).map_or(&[], |stated| &stated.needs)
    }

    /// The first capability that a behaviour needs and a target does not declare.
    pub fn lacks(&self, id: &str, declaration: &Declaration) -> Option<Capability> {
        self.needs(id).iter().copied().find(|capability| !declaration.has(*capability))
    }
}
