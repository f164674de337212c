//! The standard itself: a dated edition of behaviours, read, checked, selected from and written out.
//!
//! A [`Guideline`] is eight YAML files: `edition.yaml` and one file a suite. It is checked as a whole when it is read, and a
//! mistake is answered with file, line and what was meant. [`Filter`] selects from it, for profiles and for `--filter` alike;
//! [`Partition`] splits a selection over several runs. [`edition_markdown`], [`explain`] and [`list`] write it for people.

mod embedded;
mod filter;
mod load;
mod markdown;
mod model;
mod partition;
mod profiles;
pub mod schema;
mod text;
mod validate;

#[cfg(test)]
mod tests;

pub use filter::{Expr, Filter, FilterError, StepIs};
pub use load::{GuidelineError, UnknownBehavior, UnknownProfile};
pub use markdown::edition_markdown;
pub use model::{
    Alternative, Behavior, EditionFile, FORMAT, Guideline, Level, Reference, Status, Step, Suite, SuiteFile, Untested,
};
pub use partition::{Partition, PartitionError};
pub use profiles::{Profile, Profiles};
pub use text::{explain, list};
