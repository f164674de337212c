//! The sim's piece of the loopback network: addresses of its own, and listeners that really drop what no rule lets in.

mod block;
mod dial;
mod gate;

pub(crate) use block::{Block, Pool, mapped};
pub(crate) use dial::{Dial, dial};
pub(crate) use gate::{Gate, Sources};
