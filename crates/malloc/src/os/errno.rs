#![expect(unsafe_code, reason = "reads and writes the thread's errno")]
//! The thread's error number.
//!
//! # Promise
//! Only the calling thread's `errno` is touched.

use libc::c_int;

/// What the thread's `errno` is.
pub(crate) fn get() -> c_int {
    // SAFETY: the C library returns the address of the calling thread's errno, which lives as long as the thread.
    unsafe { *libc::__errno_location() }
}

/// Sets the thread's `errno`.
pub(crate) fn set(number: c_int) {
    // SAFETY: as for `get`; nobody borrows it.
    unsafe { *libc::__errno_location() = number }
}

/// Runs `f` and leaves `errno` as it was.
pub(crate) fn kept<R>(f: impl FnOnce() -> R) -> R {
    let before = get();
    let result = f();
    set(before);
    result
}
