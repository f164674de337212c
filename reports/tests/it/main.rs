//! What the writers make of whole runs.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "../common/mod.rs"]
mod common;

mod baseline;
mod compare;
mod fold;
mod journal;
mod json;
mod junit;
mod markdown;
mod merge;
mod overall;
mod readers;
mod text;
