//! The clock, as cheaply as it can be read.
#![expect(unsafe_code, reason = "asks the system for the time")]

/// Milliseconds since some start, a few behind.
pub(crate) fn milliseconds() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes the structure, which is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_on() {
        let before = milliseconds();
        std::thread::sleep(std::time::Duration::from_millis(30));
        assert!(milliseconds() >= before + 10);
    }
}
