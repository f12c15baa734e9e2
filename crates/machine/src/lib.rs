//! An NT machine as pure logic: processors with their IRQL, the dispatcher of threads, a virtual clock, spin locks,
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

mod clock;
mod computer;
mod device;
pub mod dispatcher;
mod name;
mod pool_limits;
mod process;
mod processor;
mod registry;
mod spin_lock;

pub use clock::{Clock, Instant};
pub use computer::{
    DriverMemory, Exit, Fault, Fiber, FullRegisters, MOST_ARGUMENTS, Registers, Trap, TrapKind, register,
};
pub use ntpool_verifier::Access;

pub use device::{Device, DeviceError, Devices};
pub use name::ObjectName;
pub use pool_limits::pool_limit;
pub use process::{Charge, Process, Processes, QuotaExceeded};
pub use processor::{DispatchLevel, Levels, Processor};
pub use registry::{Key, KeyPath, Registry, Root, Value, ValueType};
pub use spin_lock::SpinLocks;
