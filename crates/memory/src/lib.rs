//! Physical frames, the mappings of system space, and memory descriptor lists.
//!
//! Everything here is bookkeeping over storage that the caller gives: nothing allocates, nothing touches the memory
//! it describes. The host and a kernel carry out the same steps on a real address space through [`PageTable`].
//!
//! Source: rows SYS-018 to SYS-023 (contiguous memory), SYS-065 to SYS-084 (memory descriptor lists) and
//! SYS-117 (translation) of the specification.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod frames;
pub mod mdl;
mod protection;
mod system_space;

pub use frames::{Frame, FrameDatabase, FrameError, FrameRun, FrameUse, Inconsistency, RunLimits};
pub use protection::Protection;
pub use system_space::{Frames, MapError, PageEntry, PageTable, SystemSpace};
