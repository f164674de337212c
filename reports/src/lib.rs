//! The result model and its writers.
//!
//! The engine emits one stream of [`Event`]s; the journal keeps them, and a [`Record`] is nothing but their fold. Every report is
//! written from a record alone, so all of them can be written again at any time and none can say more than the journal does.

pub mod abreast;
pub mod atomic;
pub mod baseline;
pub mod blocks;
pub mod compare;
pub mod diff;
pub mod event;
pub mod fold;
pub mod html;
pub mod journal;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod merge;
pub mod overall;
pub mod record;
pub mod redact;
pub mod sanitize;
mod snug;
pub mod stats;
pub mod steps;
pub mod text;
pub mod verdict;

pub use baseline::Baseline;
pub use event::{Event, EventKind};
pub use journal::read_journal;
pub use overall::{Outcome, Overall};
pub use record::Record;
pub use redact::Redactor;
pub use verdict::{Deviation, Difference, InconclusiveReason, Judgement, Measure, Verdict};
