//! A flow of control in driver code, with a kernel stack for the driver and a host stack for the machine's routines.
//!
//! A call of driver code runs a routine of the driver's on the kernel stack; what the driver calls is served on the host
//! stack (the module `gate` has the ways between them). Calls may nest: an import may call the driver back, and so may
//! the machine after a trap. A fiber is suspended only in host code, by going on with another one
//! ([`KernelFiber::switch_to`]), so a routine of the machine that waits simply does not return for a while.
//!
//! # Rooms
//! Each uses only those above it.
//! - `kernel`: what the host asks of the machine while driver code runs.
//! - `slot`: a call that lasts, and how driver code arrived from it.
//! - `record`: a fiber's record, and the one of the fiber that runs.
//! - `arrivals`: what gates and signal handlers bring, and how driver code goes on.
//! - `segments`: the calls that last on the running fiber, as others see them.
//! - `stack`: how much of a kernel stack was used.
//! - `switch`: making fibers, and going from one to another.
//! - `calls`: calling driver code.
//! - `thunks`: what imports are bound to.
//!
//! # What this module promises
//! - Driver registers that the Windows calling convention preserves are preserved over an import.
//! - A call is given up only from a gate, after its Rust frames have returned: so no Rust frame is ever skipped.
//! - Calls may nest; each level has its own place on the host stack.

mod arrivals;
mod calls;
mod kernel;
mod record;
mod segments;
mod slot;
mod stack;
mod switch;
mod thunks;

pub use crate::gate::{THUNK_SIZE, thunk};
pub use arrivals::take_interrupt;
pub(crate) use arrivals::{interrupt_import, serve_import, serve_trap, summon};
pub use calls::ServedFiber;
pub use kernel::{Kernel, Verdict};
pub(crate) use record::{Summons, is_running, main_routine, with_kernel, with_kernel_held};
pub use segments::{Segment, arrival, caller, reserve, segment, segment_count};
pub(crate) use stack::is_on_kernel_stack;
pub use stack::{paint_stack, stack_used};
pub use switch::KernelFiber;
pub use thunks::place_thunks;
