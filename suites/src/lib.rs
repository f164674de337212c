//! The behaviours, one module per suite, and the guideline that states them.

pub mod guideline;
mod lookup;
pub mod registry;

pub mod addressing;
pub mod allocation;
pub mod image_naming;
pub mod login;
pub mod metadata;
pub mod scale;
pub mod underlay;

mod excerpt;
mod own;

use levelfield_kit::Behavior;

pub use registry::{Entry, Standard};

/// Every behaviour of every suite. Registered by explicit calls, so that none can be lost to a linker.
pub fn behaviors() -> Vec<Behavior> {
    [
        metadata::behaviors(),
        image_naming::behaviors(),
        allocation::behaviors(),
        addressing::behaviors(),
        login::behaviors(),
        underlay::behaviors(),
        scale::behaviors(),
    ]
    .concat()
}
