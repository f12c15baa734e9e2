//! The operating system: what the allocator asks of it, each thing as a safe function.
//!
//! Only system calls, and functions of the C library that neither allocate nor depend on its constructors.

pub(crate) mod clock;
pub(crate) mod errno;
pub(crate) mod hooks;
pub(crate) mod memory;
pub(crate) mod modules;
pub(crate) mod process;
pub(crate) mod signal;
pub(crate) mod wait;
