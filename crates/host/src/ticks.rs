#![expect(unsafe_code, reason = "sets an interval timer")]
//! The host's clock, which ticks while code runs: so driver code that calls nobody is noticed all the same.
//!
//! It counts the processor time of this process, not the time of day, and only tells that some has passed: nothing that
//! a report shows may depend on when a tick comes.

use crate::HostError;
use std::time::Duration;

/// The signal of a tick.
pub(crate) const SIGNAL: i32 = libc::SIGVTALRM;

/// Makes the clock tick each time that so much processor time was used.
///
/// # Errors
/// When Linux refuses.
pub fn start(interval: Duration) -> Result<(), HostError> {
    let interval = libc::timeval {
        tv_sec: interval.as_secs() as libc::time_t,
        tv_usec: libc::suseconds_t::from(interval.subsec_micros()),
    };
    let timer = libc::itimerval { it_interval: interval, it_value: interval };
    // SAFETY: the pointer is to a live structure, and the previous setting is not asked for.
    if unsafe { libc::setitimer(libc::ITIMER_VIRTUAL, &raw const timer, std::ptr::null_mut()) } == 0 {
        Ok(())
    } else {
        Err(HostError::last("make the host's clock tick"))
    }
}
