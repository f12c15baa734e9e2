#![expect(unsafe_code, reason = "places a function where the C library calls it before main")]
//! How a program that uses this library becomes the child in which a driver runs.
//!
//! A run starts the calling program again. That may be a command-line tool, but also a test binary, whose `main` belongs
//! to the test harness. So the decision is taken before `main`: the C library calls every function of the `.init_array`
//! section at start-up, and the one here asks whether this process was started as a child. If it was, the process never
//! reaches `main`.
//!
//! # What this module promises
//! - In a process that is no child the function looks at one environment variable and returns.

use ntpool_host::child;

/// Called by the C library before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = become_child_if_asked;

extern "C" fn become_child_if_asked() {
    if !child::is_child() {
        return;
    }
    match child::as_child() {
        Ok(Some(inheritance)) => ntpool_driver::run_as_child(inheritance),
        Ok(None) => {}
        Err(error) => {
            eprintln!("ntpool: {error}");
            child::leave(2)
        }
    }
}

/// Makes sure that the decision before `main` is part of the program.
pub(crate) fn is_linked() -> bool {
    let function: extern "C" fn() = BEFORE_MAIN;
    function as usize != 0
}
