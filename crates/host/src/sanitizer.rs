#![cfg_attr(
    ntpool_thread_sanitizer,
    expect(unsafe_code, reason = "tells the thread sanitizer of switches between stacks")
)]
//! What the thread sanitizer has to be told of fibers; without it, nothing.
//!
//! # What this module promises
//! - A fiber is switched to here just before its stack is.

/// The sanitizer's record of a fiber.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched(#[cfg(ntpool_thread_sanitizer)] *mut libc::c_void);

#[cfg(ntpool_thread_sanitizer)]
unsafe extern "C" {
    fn __tsan_get_current_fiber() -> *mut libc::c_void;
    fn __tsan_create_fiber(flags: u32) -> *mut libc::c_void;
    fn __tsan_switch_to_fiber(fiber: *mut libc::c_void, flags: u32);
}

impl Watched {
    /// The record of the calling thread's own stack.
    #[inline(always)]
    pub(crate) fn own() -> Watched {
        Watched(
            #[cfg(ntpool_thread_sanitizer)]
            // SAFETY: asks the sanitizer's runtime, which is linked where this is built for it.
            unsafe {
                __tsan_get_current_fiber()
            },
        )
    }

    /// A new record.
    #[inline(always)]
    pub(crate) fn new() -> Watched {
        Watched(
            #[cfg(ntpool_thread_sanitizer)]
            // SAFETY: as above.
            unsafe {
                __tsan_create_fiber(0)
            },
        )
    }

    /// Says that the stack of this fiber goes on.
    #[inline(always)]
    pub(crate) fn goes_on(self) {
        #[cfg(ntpool_thread_sanitizer)]
        // SAFETY: the record was made above, and its stack is gone on with next.
        unsafe {
            __tsan_switch_to_fiber(self.0, 0);
        }
    }
}
