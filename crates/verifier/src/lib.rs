//! What the checkers know: who allocated what, which rule a call breaks, and what a fault means.
//!
//! Nothing here stops a machine or touches its memory. The [`Tracker`] remembers blocks and frees, [`rules`] turns a
//! call that Driver Verifier would flag into a [`Violation`](ntpool_types::Violation), and [`explain`] turns an
//! unhandled memory fault into one, with its cause in words.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod explain;
pub mod rules;
mod stack_trace;
mod tracker;

pub use explain::{
    Access, AddressMap, Block, Cause, Explanation, Fault, MemoryException, Occupant, exception_of, explain,
    unhandled_exception,
};
pub use stack_trace::{StackId, StackTable, StackTrace};
pub use tracker::{Allocation, FREE_LOG_LENGTH, FreedAllocation, Leak, Tracker};
