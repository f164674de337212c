//! Suite `image-naming`: images can be found by what they are, under names that a program can use.

mod facts;
mod names;
mod superseded;

use levelfield_kit::Behavior;
use levelfield_provider::{Image, ImageState};

/// The behaviours of this suite.
pub fn behaviors() -> Vec<Behavior> {
    [names::behaviors(), facts::behaviors(), superseded::behaviors()].concat()
}

/// Whether the target marks an image that can be used as its publisher's own.
fn is_official(image: &Image) -> bool {
    image.official == Some(true) && image.state != ImageState::Pending
}

/// What is said where nothing is marked as official: telling publishers apart has an owner of its own.
fn nothing_official(listed: usize) -> levelfield_kit::Hindrance {
    let detail = format!("none of {listed} images is marked as an official publisher's");
    levelfield_kit::Hindrance::prerequisite("image-naming/publisher-identified", detail)
}
