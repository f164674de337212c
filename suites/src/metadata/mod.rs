//! Suite `metadata`: what a target offers can be learnt by asking, and picked without knowing the site.

mod choice;
mod listed;
mod paging;
mod truth;

use levelfield_kit::Behavior;

/// The behaviours of this suite.
pub fn behaviors() -> Vec<Behavior> {
    [listed::behaviors(), paging::behaviors(), choice::behaviors(), truth::behaviors()].concat()
}
