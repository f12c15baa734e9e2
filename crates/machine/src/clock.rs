//! The virtual clock: it stands still while code runs and moves only when somebody waits.

use core::cell::Cell;

/// A moment, in units of 100 ns since the machine's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub u64);

impl Instant {
    /// Units of 100 ns in a millisecond.
    pub const PER_MILLISECOND: u64 = 10_000;
}

/// The machine's clock.
///
/// Ten seconds of waiting take no time, and the same run shows the same times.
#[derive(Debug, Default)]
pub struct Clock {
    now: Cell<u64>,
    time_stamps_read: Cell<u64>,
}

impl Clock {
    /// The system time at the machine's start, in units of 100 ns since 1601: midnight of 1 January 2024, UTC, so that
    /// a run has the same dates whenever it takes place.
    pub const SYSTEM_TIME_AT_START: u64 = 133_485_408_000_000_000;

    /// Time stamp counts in a unit of 100 ns: a processor of 3 GHz.
    const TIME_STAMPS_PER_UNIT: u64 = 300;

    /// The current moment.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant(self.now.get())
    }

    /// Units of 100 ns since 1601-01-01 UTC (MACH-169).
    #[must_use]
    pub fn system_time(&self) -> u64 {
        Clock::SYSTEM_TIME_AT_START.saturating_add(self.now.get())
    }

    /// Lets a wait pass.
    pub fn wait(&self, units: u64) {
        self.now.set(self.now.get().saturating_add(units));
    }

    /// The time stamp counter. Each reading is a little larger than the last, as on a real processor, so code that
    /// measures a difference never gets zero.
    pub fn read_time_stamp(&self) -> u64 {
        let readings = self.time_stamps_read.get() + 1;
        self.time_stamps_read.set(readings);
        self.now.get().wrapping_mul(Clock::TIME_STAMPS_PER_UNIT).wrapping_add(readings * 25)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_beyond_the_end_of_time_end_there() {
        let clock = Clock::default();
        for _ in 0..3 {
            clock.wait(1 << 63);
        }
        assert_eq!((clock.now(), clock.system_time()), (Instant(u64::MAX), u64::MAX));
    }

    #[test]
    fn only_a_wait_moves_the_clock() {
        let clock = Clock::default();
        let before = clock.now();
        let stamps = [clock.read_time_stamp(), clock.read_time_stamp()];
        assert!(stamps[0] < stamps[1], "time stamps grow");
        assert_eq!(clock.now(), before, "reading is not waiting");
        clock.wait(10 * 1000 * Instant::PER_MILLISECOND);
        assert_eq!(clock.now(), Instant(100_000_000), "ten seconds passed at once");
        assert!(clock.read_time_stamp() > stamps[1] + 25);
        assert_eq!(clock.system_time(), Clock::SYSTEM_TIME_AT_START + 100_000_000);
    }
}
