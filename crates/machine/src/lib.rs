//! An NT machine as pure logic: processors with their IRQL, the dispatcher of threads, a virtual clock, locks,
//! devices and their names, the registry.
//!
//! What the machine needs of a real computer it asks for through two traits: [`DriverMemory`], memory at the driver's
//! addresses, and [`Fiber`], on which driver code runs. It makes no system call itself, so its rules are tested without a
//! driver and without an operating system.
//!
//! Which thread goes on, and why, is decided by the [`dispatcher`]; every such decision can be repeated.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod callback;
mod clock;
mod computer;
mod device;
pub mod dispatcher;
mod fast_mutex;
mod grant;
mod lock_order;
mod name;
mod pool_limits;
mod process;
mod processor;
mod push_lock;
mod reader_writer_lock;
mod registry;
mod remove_lock;
mod resource;
mod rundown;
mod spin_lock;

pub use callback::{Callbacks, RegisterError, Registration};
pub use clock::{Clock, Instant};
pub use computer::{
    DriverMemory, Exit, Fault, Fiber, FullRegisters, MOST_ARGUMENTS, Registers, Trap, TrapKind, register,
};
pub use ntpool_verifier::Access;

pub use device::{Device, DeviceError, Devices};
pub use fast_mutex::FastMutexes;
pub use grant::{Grant, NotHeld, Recursive};
pub use lock_order::{Inversion, LockOrder};
pub use name::ObjectName;
pub use pool_limits::pool_limit;
pub use process::{Charge, Process, Processes, QuotaExceeded};
pub use processor::{DispatchLevel, Levels, Processor};
pub use push_lock::{Hold, PushLocks};
pub use reader_writer_lock::ReaderWriterLocks;
pub use registry::{Key, KeyPath, Registry, Root, Value, ValueType};
pub use remove_lock::{RemoveLockError, RemoveLocks};
pub use resource::{Access as ResourceAccess, NotOwned, Owner, ResourceView, Resources};
pub use rundown::{Rundown, RundownError, Rundowns};
pub use spin_lock::{SpinLocks, SpinUse};
