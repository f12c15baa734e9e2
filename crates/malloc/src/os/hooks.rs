#![expect(unsafe_code, reason = "asks the C library to call back at a fork and at a thread's end")]
//! Call-backs of the C library: around a fork, and at a thread's end.
//!
//! Both are asked for while the process has one thread and few such call-backs, when the C library keeps them without
//! allocating. Asked for this early, our preparation for a fork is the last to run, and what follows the fork the first,
//! so that other libraries' call-backs may allocate.
//!
//! # Promise
//! What is registered are functions of this library, which is linked so that it is never unloaded.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

/// The key by which the C library knows that a thread's end is to be told, plus one; zero when there is none.
static KEY: AtomicU32 = AtomicU32::new(0);

/// Has `f` called in every thread that [`tell_end_of_this_thread`] is called in, when it ends.
pub(crate) fn tell_end_of_threads(f: extern "C" fn(*mut c_void)) {
    let mut key = 0;
    // SAFETY: the call writes the key, which is ours; the function is one of this library.
    if unsafe { libc::pthread_key_create(&raw mut key, Some(f)) } == 0 {
        KEY.store(key + 1, Ordering::Release);
    }
}

/// Has the end of this thread told; whether that could be arranged. May allocate, for a key with a high number.
pub(crate) fn tell_end_of_this_thread() -> bool {
    match KEY.load(Ordering::Acquire) {
        0 => false,
        // SAFETY: the key was made above. The value is never used as an address; it is only not null, so that the
        // function is called.
        key => unsafe { libc::pthread_setspecific(key - 1, ptr::without_provenance(1)) == 0 },
    }
}

/// Has these called in a thread that forks: before, after in the parent, after in the child. Whether that could be
/// arranged.
pub(crate) fn tell_forks(before: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) -> bool {
    // SAFETY: the functions take nothing and are functions of this library.
    unsafe { libc::pthread_atfork(Some(before), Some(parent), Some(child)) == 0 }
}
