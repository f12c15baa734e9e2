#![expect(unsafe_code, reason = "follows the pointers from a call to the one around it")]
//! Segments: the runs of driver frames of the running fiber, between the machine's calls and the driver's arrivals.
//!
//! # Invariants
//! There is a segment for each call that lasts, the innermost at depth 0.

use super::record::{innermost, slot};
use super::slot::KernelSlot;
use crate::layout::Window;
use ntpool_machine::FullRegisters;
use ntpool_types::{Bytes, VirtualAddress};

/// A run of driver frames on the running fiber, between the machine's call that began it and the driver's arrival at the
/// machine that ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where its stack begins: its frames lie below.
    pub top: VirtualAddress,
    /// The stack that it lies on.
    pub stack: Window,
}

/// The calls of the running fiber, the innermost first.
#[inline]
fn calls() -> impl Iterator<Item = &'static KernelSlot> {
    // SAFETY: slots live while their calls do, and an outer call outlives an inner one; who asks keeps nothing.
    let call = |slot: *const KernelSlot| unsafe { slot.as_ref() };
    std::iter::successors(call(innermost()), move |slot| call(slot.outer))
}

/// The segments of the running fiber, the innermost at depth 0.
#[must_use]
pub fn segment(depth: usize) -> Option<Segment> {
    calls().nth(depth).map(|slot| Segment { top: VirtualAddress(slot.top), stack: slot.stack })
}

/// How many segments the running fiber has.
#[must_use]
pub fn segment_count() -> usize {
    calls().count()
}

/// The driver's registers where it had arrived at the machine that then made the call of this segment; `None` for the
/// fiber's first, and for one on another stack, which interrupted what the fiber was doing.
#[must_use]
pub fn caller(depth: usize) -> Option<FullRegisters> {
    let mut calls = calls().skip(depth);
    let (inner, outer) = (calls.next()?, calls.next()?);
    // The frames of a call on another stack are nobody's callers.
    if outer.stack == inner.stack { outer.arrived() } else { None }
}

/// The registers with which driver code of the running fiber arrived at the machine; `None` when it has not.
#[must_use]
#[inline]
pub fn arrival() -> Option<FullRegisters> {
    calls().next().and_then(KernelSlot::arrived)
}

/// Takes bytes of the driver's stack below all that it uses, aligned to 16; calls into the driver lie below them until
/// driver code goes on.
///
/// # Errors
/// Where they would begin, when that is not on the stack.
pub fn reserve(size: Bytes) -> Result<VirtualAddress, VirtualAddress> {
    slot(|slot| {
        let bottom = slot.stack_pointer.get().wrapping_sub(size.0) & !0xF;
        slot.stack_pointer.set(bottom);
        let bottom = VirtualAddress(bottom);
        if slot.stack.contains(bottom) { Ok(bottom) } else { Err(bottom) }
    })
}
