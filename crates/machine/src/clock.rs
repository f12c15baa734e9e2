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
    /// What was added to the system time by those who set it.
    adjustment: Cell<i64>,
    time_stamps_read: Cell<u64>,
}

impl Clock {
    /// The system time at the machine's start, in units of 100 ns since 1601: midnight of 1 January 2024, UTC, so that
    /// a run has the same dates whenever it takes place.
    pub const SYSTEM_TIME_AT_START: u64 = 133_485_408_000_000_000;

    /// Time stamp counts in a unit of 100 ns: a processor of 3 GHz.
    const TIME_STAMPS_PER_UNIT: u64 = 300;

    /// The current moment: the interrupt time, which setting the system time does not change (MACH-169).
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant(self.now.get())
    }

    /// Units of 100 ns since 1601-01-01 UTC (MACH-169).
    #[must_use]
    pub fn system_time(&self) -> u64 {
        let unadjusted = Clock::SYSTEM_TIME_AT_START.saturating_add(self.now.get());
        unadjusted.saturating_add_signed(self.adjustment.get())
    }

    /// Sets the system time, in units of 100 ns since 1601-01-01 UTC; the interrupt time goes on as before (MACH-169).
    pub fn set_system_time(&self, to: u64) {
        let unadjusted = Clock::SYSTEM_TIME_AT_START.saturating_add(self.now.get());
        let adjustment = i128::from(to) - i128::from(unadjusted);
        self.adjustment.set(adjustment.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64);
    }

    /// The moment at which the system time will be, or was, `time`; the machine's start when that lies before it
    /// (MACH-145).
    #[must_use]
    pub fn moment_of(&self, time: u64) -> Instant {
        let start = i128::from(Clock::SYSTEM_TIME_AT_START) + i128::from(self.adjustment.get());
        Instant((i128::from(time) - start).clamp(0, i128::from(u64::MAX)) as u64)
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
    fn mach_169_setting_the_system_time_leaves_the_interrupt_time_alone() {
        let clock = Clock::default();
        clock.wait(50);
        clock.set_system_time(1_000);
        assert_eq!((clock.system_time(), clock.now()), (1_000, Instant(50)));
        clock.wait(5);
        assert_eq!((clock.system_time(), clock.now()), (1_005, Instant(55)));
        assert_eq!(clock.moment_of(1_010), Instant(60));
        assert_eq!(clock.moment_of(0), Instant(0));
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
