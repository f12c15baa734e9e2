//! The end: what a process is told before it is stopped.
//!
//! This face is an edge of the house: below it a caller's crime is a value, here it ends the process, as the C library's
//! own allocator does it.

use crate::lines::Lines;
use crate::os::process;
use core::fmt::{self, Write};
use ntpool_pool::{Corruption, Damage};
use ntpool_types::Violation;

/// Stops the process because of a free of something that is no live block.
#[cold]
pub(crate) fn bad_free(address: *mut u8, violation: Violation) -> ! {
    stop(format_args!("free({address:p}): {} ({})", violation.rule.title(), violation.rule.id()))
}

/// Stops the process because `function` was given an address that is no live block's.
#[cold]
pub(crate) fn bad_address(function: &str, address: *mut u8) -> ! {
    stop(format_args!("{function}({address:p}): no live block begins at this address"))
}

/// Stops the process because of a write that a checked pool found.
#[cold]
pub(crate) fn corruption(corruption: &Corruption) -> ! {
    let Corruption { damage, block, size, address, .. } = corruption;
    match damage {
        Damage::Overrun => stop(format_args!(
            "{address}: written to, behind the end of the block at {block} with {size}; found when it was freed"
        )),
        Damage::WriteAfterFree => stop(format_args!(
            "{address}: written to after the block at {block} had been freed; found when it was to be handed out again"
        )),
    }
}

/// Stops the process because a thread that is within the pool has come in again.
#[cold]
pub(crate) fn entered_again() -> ! {
    stop(format_args!(
        "the allocator was entered while the same thread was inside it: a signal handler allocates, or this is a fault \
         of the allocator"
    ))
}

#[cold]
fn stop(what: fmt::Arguments<'_>) -> ! {
    let mut lines = Lines::new();
    // Nothing to be done when even that fails.
    let _ = writeln!(lines, "ntpool: {what}");
    drop(lines);
    process::abort()
}
