//! Suite `allocation`: keys and nodes come, stay and go as stated.

mod end;
mod first_boot;
mod key_removed;
mod keys;
mod many;
mod refusals;
mod request;
mod survival;

use levelfield_kit::Behavior;

/// The behaviours of this suite.
pub fn behaviors() -> Vec<Behavior> {
    [
        keys::behaviors(),
        request::behaviors(),
        many::behaviors(),
        refusals::behaviors(),
        first_boot::behaviors(),
        survival::behaviors(),
        end::behaviors(),
        key_removed::behaviors(),
    ]
    .concat()
}
