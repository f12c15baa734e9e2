#![expect(unsafe_code, reason = "installs a signal handler")]
//! A signal that makes a function run.
//!
//! # Promise
//! The function that runs in the handler is safe there: it neither allocates nor waits for the interrupted thread.

use crate::os::errno;
use core::mem;
use core::sync::atomic::{AtomicPtr, Ordering};
use libc::c_int;

static FUNCTION: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Has `f` run when the signal arrives, which must be safe in a signal handler; whether the system agreed.
pub(crate) fn run_at(signal: c_int, f: fn()) -> bool {
    FUNCTION.store(f as *mut (), Ordering::Release);
    // SAFETY: all-zero bytes are a `sigaction`: integers and a null pointer.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: the structure is complete, and the handler has the signature that the flags say.
    unsafe { libc::sigaction(signal, &raw const action, core::ptr::null_mut()) == 0 }
}

extern "C" fn handler(_: c_int) {
    let function = FUNCTION.load(Ordering::Acquire);
    // SAFETY: only `run_at` stores here, a `fn()`, and before it installs this handler.
    let function: fn() = unsafe { mem::transmute(function) };
    errno::kept(function);
}
