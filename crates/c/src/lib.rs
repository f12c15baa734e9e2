//! The kernel memory pool as a C library: what `include/ntpool.h` declares.
//!
//! Built as a static and as a shared library. The header is written by hand and is the documentation; the tests
//! compare its constants and layouts with the ones here.
//!
//! # Layout
//! A handle owns a heap of the crate ntpool-heap, on memory that was mapped for it or is the caller's. Above the
//! heap there is only translation: numbers to kinds and tags, results to structures.
//!
//! # Locks
//! One shard behind a lock that blocks: the threads of a program may be preempted while they hold it, and a spinning
//! neighbour would burn its time slice.

pub mod abi;
mod exports;
mod handle;
mod mapping;
mod texts;

pub use exports::*;
pub use handle::Handle;
