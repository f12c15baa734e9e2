//! What only Linux can do, as implementations of what the lower floors ask for.
//!
//! A driver runs natively in a child process. Its world is the *arena*: fixed address windows for images, pool, kernel
//! stacks and system data ([`layout`]), so that a run has the same addresses every time. It leaves its own code in
//! three ways only:
//!
//! - it calls an import: the gate saves its registers and continues on the host's stack;
//! - it traps: [`trap`] catches the signal, carries out what a kernel would (`cr8`, the shared user data page, the time
//!   stamp counter) or sends it to the gate as well, with the registers as they were;
//! - it returns to whoever called it.
//!
//! Each flow of control is a [`fiber`], and goes from its own stack to another's only in host code. Nothing of the host's
//! is ever skipped over: giving a call up means that [`call`](ntpool_machine::Fiber::call) returns, with the reason.
//!
//! Nearly all unsafe code of the project that is about an operating system lives in this crate, one small module per
//! concern.

pub mod arena;
pub mod channel;
pub mod child;
pub mod confine;
pub mod emulate;
pub mod fiber;
mod gate;
mod giant;
pub mod guarded;
mod host_stack;
pub mod layout;
mod paged_pool;
pub mod physical;
pub mod processor_area;
pub mod processors;
mod sanitizer;
mod spin;
pub mod ticks;
pub mod trap;
pub mod unrepeatable;
mod words;

mod error;

pub use error::HostError;
