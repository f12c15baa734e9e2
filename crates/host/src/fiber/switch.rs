#![expect(unsafe_code, reason = "switches stacks between fibers")]
//! Fibers themselves: how they are made, begin, and go on with one another.
//!
//! # Invariants
//! - One fiber runs on a thread of Linux; every other one was left by a switch, or has not begun.
//! - A fiber is suspended only in host code, by its own switch to another one.

use super::record::{Record, current};
use super::slot::KernelSlot;
use super::stack::paint_stack;
use crate::host_stack::HostStack;
use crate::layout::Window;
use crate::{HostError, gate, words};
use ntpool_machine::FullRegisters;
use std::convert::Infallible;
use std::ptr;

/// A fiber with its kernel stack.
pub struct KernelFiber {
    pub(super) record: Box<Record>,
}

impl KernelFiber {
    /// The fiber of the calling thread of Linux, on a kernel stack that is mapped and writable.
    ///
    /// # Errors
    /// When it is not.
    pub fn new(stack: Window) -> Result<KernelFiber, HostError> {
        paint_stack(stack)?;
        Ok(KernelFiber { record: Box::new(Record::new(stack, None, None)) })
    }

    /// A fiber that runs `main` on a host stack of its own when it is first switched to. What `main` does at its end is
    /// switch to another fiber, and never come back.
    ///
    /// # Errors
    /// When the kernel stack is not mapped and writable, or Linux has no memory for the host stack.
    pub fn with_routine(
        stack: Window,
        main: Box<dyn FnOnce() -> Infallible>,
    ) -> Result<KernelFiber, HostError> {
        paint_stack(stack)?;
        let host_stack = HostStack::new()?;
        let fiber = KernelFiber { record: Box::new(Record::new(stack, Some(host_stack), Some(main))) };
        let record = ptr::from_ref::<Record>(&fiber.record) as u64;
        let host_stack = fiber.record.host_stack.as_ref().expect("it was given one just now");
        fiber.record.saved_stack_pointer.set(host_stack.push_words(&gate::new_stack_words(record)));
        Ok(fiber)
    }

    /// The addresses of its kernel stack.
    #[must_use]
    pub fn stack(&self) -> Window {
        self.record.kernel_stack
    }

    /// The registers with which driver code of this fiber arrived at the machine; `None` when it has not.
    #[must_use]
    pub fn arrival(&self) -> Option<FullRegisters> {
        // SAFETY: slots live while their calls do, and a suspended fiber's calls stay where they are.
        unsafe { self.record.slot.get().as_ref() }.and_then(KernelSlot::arrived)
    }

    /// Makes it the running fiber of the calling thread of Linux, whose stack it is on.
    ///
    /// # Panics
    /// For a fiber with a host stack of its own.
    pub fn begin(&self) {
        assert!(self.record.host_stack.is_none(), "a fiber with a stack of its own begins by a switch");
        words::set_fiber(ptr::from_ref::<Record>(&self.record) as u64);
    }

    /// Whether it is the one that runs.
    #[must_use]
    pub fn is_current(&self) -> bool {
        words::fiber() == ptr::from_ref::<Record>(&self.record) as u64
    }

    /// Suspends the running fiber and goes on with this one; returns when somebody switches back.
    ///
    /// # Panics
    /// When no fiber runs on this thread.
    #[inline(never)]
    pub fn switch_to(&self) {
        if self.is_current() {
            return;
        }
        let from = current();
        from.saved_host_word.set(words::host_stack());
        words::set_fiber(ptr::from_ref::<Record>(&self.record) as u64);
        words::set_host_stack(self.record.saved_host_word.get());
        self.record.watched.get().goes_on();
        // SAFETY: a fiber that does not run was left by this very function, or has the stack that `with_routine` laid
        // out; nothing runs on its stack, since it is not the running one.
        unsafe {
            gate::switch_stacks(from.saved_stack_pointer.as_ptr(), self.record.saved_stack_pointer.get())
        };
    }
}

impl Drop for KernelFiber {
    fn drop(&mut self) {
        if self.is_current() {
            words::set_fiber(0);
        }
    }
}
