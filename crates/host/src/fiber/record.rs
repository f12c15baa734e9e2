#![expect(
    unsafe_code,
    reason = "turns the thread's words into references to the running fiber and its innermost call"
)]
//! A fiber's record, and the way from a thread of Linux to the record of the fiber that it runs.
//!
//! # Invariants
//! - A record stays where it is for as long as its fiber is: gates, words and the fiber's first stack words hold its address.
//! - The thread's word names the running fiber's record, or nothing. What is read through it is used at once and kept by
//!   nobody, since after a switch another thread may be running the fiber.

use super::kernel::Kernel;
use super::slot::KernelSlot;
use crate::host_stack::HostStack;
use crate::layout::Window;
use crate::sanitizer::Watched;
use crate::{giant, words};
use ntpool_machine::TrapKind;
use std::cell::Cell;
use std::convert::Infallible;
use std::ptr;

/// Why a signal handler sends driver code to the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Summons {
    /// It trapped.
    Trap(TrapKind),
    /// The host's clock ticked.
    Tick {
        /// Whether it turns in a loop that only waits.
        turns: bool,
    },
    /// Its time is over.
    TimeOver,
}

/// A fiber's record, which stays where it is for as long as the fiber is.
pub(crate) struct Record {
    pub(super) kernel_stack: Window,
    /// The stack for host code; `None` for a fiber on the stack that Linux gave its thread.
    pub(super) host_stack: Option<HostStack>,
    /// Where host code was left, while the fiber is suspended.
    pub(super) saved_stack_pointer: Cell<u64>,
    /// What the word of the host's stack is for this fiber, while it is suspended.
    pub(super) saved_host_word: Cell<u64>,
    /// The innermost call into driver code.
    pub(super) slot: Cell<*const KernelSlot>,
    /// Why a signal handler sent driver code to the trap gate.
    pub(super) summons: Cell<Option<Summons>>,
    pub(super) watched: Cell<Watched>,
    /// Below this address on its host stack no more calls into driver code are made.
    host_floor: u64,
    /// What the fiber is for, before it runs the first time.
    main: Cell<Option<Box<dyn FnOnce() -> Infallible>>>,
}

/// How much of the stack that Linux gave a thread calls into driver code may use, of 2 MiB at least.
const OWN_STACK_USE: u64 = 1 << 20;

impl Record {
    /// Whether the host stack has room for another call into driver code.
    pub(super) fn has_room(&self) -> bool {
        let here = 0_u8;
        (&raw const here) as u64 > self.host_floor
    }

    /// The record of a fiber that does not run.
    pub(super) fn new(
        kernel_stack: Window,
        host_stack: Option<HostStack>,
        main: Option<Box<dyn FnOnce() -> Infallible>>,
    ) -> Record {
        let watched = if host_stack.is_some() { Watched::new() } else { Watched::own() };
        let here = ptr::from_ref(&watched) as u64;
        let host_floor = host_stack.as_ref().map_or(here.saturating_sub(OWN_STACK_USE), HostStack::floor);
        Record {
            kernel_stack,
            host_stack,
            saved_stack_pointer: Cell::new(0),
            saved_host_word: Cell::new(0),
            slot: Cell::new(ptr::null()),
            summons: Cell::new(None),
            watched: Cell::new(watched),
            host_floor,
            main: Cell::new(main),
        }
    }
}

/// The first routine of a fiber on a host stack of its own.
///
/// # Safety
/// 1. `record` is the address of the record of the fiber that begins.
pub(crate) unsafe extern "sysv64" fn main_routine(record: *const Record) -> ! {
    // SAFETY: the caller's promise 1; a fiber's record outlives its running.
    let main = unsafe { (*record).main.take() };
    match main.expect("a fiber begins once")() {}
}

/// The record of the fiber that runs.
#[inline]
pub(super) fn current() -> &'static Record {
    let record = words::fiber() as *const Record;
    assert!(!record.is_null(), "driver code runs on fibers only");
    // SAFETY: the word holds the address of the running fiber's record, which lives for as long as it runs; the reference
    // is used at once and kept by nobody.
    unsafe { &*record }
}

/// The innermost call of the running fiber.
#[inline]
pub(super) fn innermost() -> *const KernelSlot {
    if words::fiber() == 0 { ptr::null() } else { current().slot.get() }
}

/// Lets the innermost call of the running fiber be looked at.
pub(super) fn slot<R>(use_it: impl FnOnce(&KernelSlot) -> R) -> R {
    let slot = innermost();
    assert!(!slot.is_null(), "driver code runs only inside a fiber's call");
    // SAFETY: `KernelFiber::call` keeps the slot alive on its own frame while the pointer is set.
    use_it(unsafe { &*slot })
}

/// Lets the innermost call's machine do something.
pub(crate) fn with_kernel<R>(use_it: impl FnOnce(&dyn Kernel) -> R) -> R {
    // SAFETY: `KernelFiber::call` borrows the machine for as long as the slot exists.
    let kernel = slot(|slot| unsafe { &*slot.kernel });
    use_it(kernel)
}

/// Lets the innermost call's machine do something for driver code that runs, and so does not hold the machine.
pub(crate) fn with_kernel_held<R>(use_it: impl FnOnce(&dyn Kernel) -> R) -> R {
    giant::enter();
    let result = with_kernel(use_it);
    giant::leave();
    result
}

/// Whether driver code is running on this fiber or waiting for the machine.
pub(crate) fn is_running() -> bool {
    !innermost().is_null()
}
