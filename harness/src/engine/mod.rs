//! The engine: plans, schedules, observes, has what was stored judged, and leaves nothing behind.
//!
//! Engine and reporters never call each other. The engine emits events; the [`pump`] writes them to the journal and hands them to
//! whoever looks on; every report is the fold of the journal.

pub mod again;
pub mod folder;
pub mod interrupt;
mod lane;
mod observe;
pub mod plan;
pub mod pump;
pub mod reap;
mod round;
pub mod run;
