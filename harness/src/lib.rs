//! Interop conformance for infrastructure: does it behave like AWS where operations depend on it?
//!
//! This crate is the engine and the command line. Behaviours are in `levelfield-suites`, what they touch in `levelfield-kit`, the
//! adapters under `providers/`, and the result model with its writers in `levelfield-reports`.

pub mod cli;
pub mod config;
pub mod engine;
pub mod libtest;
mod progress;
pub mod store;
