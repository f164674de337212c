//! The result model and its writers.
//!
//! The engine emits one stream of [`Event`]s; the journal keeps them, and a [`Record`] is nothing but their fold. Every report is
//! written from a record alone, so all of them can be written again at any time and none can say more than the journal does.

pub mod event;
pub mod record;
pub mod verdict;

pub use event::{Event, EventKind};
pub use record::Record;
pub use verdict::{Deviation, Difference, InconclusiveReason, Judgement, Measure, Verdict};
