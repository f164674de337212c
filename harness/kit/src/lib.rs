//! What a behaviour touches: its context, waits, the ledger, the remote shell and the guest probes.
//!
//! A suite's author reads this crate and the nouns of `levelfield-provider`, and nothing else. The engine above schedules; this
//! crate acts and records what was seen.

pub mod behavior;
pub mod catalogue;
pub mod ctx;
pub mod events;
pub mod evidence;
pub mod guest;
pub mod hindrance;
pub mod journey;
pub mod ledger;
pub mod naming;
pub mod open_files;
pub mod remote;
pub mod settings;
pub mod subject;
pub mod target;
pub mod triage;
pub mod wait;

pub use behavior::{Behavior, Demand, Nothing, Observation};
pub use ctx::Ctx;
pub use hindrance::Hindrance;
