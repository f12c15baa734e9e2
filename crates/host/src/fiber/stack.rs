//! Kernel stacks: how much of one was ever used.

use crate::layout::{self, Window};
use crate::{HostError, guarded};
use ntpool_types::{PAGE_SIZE, VirtualAddress};

/// What untouched stack memory holds, so that the deepest use can be told afterwards.
const STACK_PAINT: u8 = 0xDB;

/// Makes a kernel stack, which is mapped and writable, look untouched.
///
/// # Errors
/// When it is not mapped and writable.
pub fn paint_stack(stack: Window) -> Result<(), HostError> {
    guarded::fill(stack.base, stack.size, STACK_PAINT)
        .map_err(|fault| HostError::plain(format!("write a new kernel stack at {}", fault.address)))
}

/// The most bytes of a kernel stack that have been used since it was painted.
#[must_use]
pub fn stack_used(stack: Window) -> u64 {
    let mut page = [0; PAGE_SIZE.0 as usize];
    for start in (stack.base.0..stack.end().0).step_by(page.len()) {
        if guarded::read(VirtualAddress(start), &mut page).is_err() {
            return stack.size.0;
        }
        if let Some(offset) = page.iter().position(|&byte| byte != STACK_PAINT) {
            return stack.end().0 - (start + offset as u64);
        }
    }
    0
}

/// Whether the stack pointer is on a kernel stack or its guard pages.
pub(crate) fn is_on_kernel_stack(stack_pointer: u64) -> bool {
    layout::STACKS.contains(VirtualAddress(stack_pointer))
}
