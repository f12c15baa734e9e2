//! Time that passes while driver code runs: the little that reading a clock takes, and what a stall asks for.

use crate::session::Session;
use crate::stop::Stop;

/// What reading a clock takes, in units of 100 ns: a loop that waits for a time by reading clocks comes to an end.
pub(crate) const READING: u64 = 10;

impl Session {
    /// Lets so many units of 100 ns pass for the running processor.
    ///
    /// # Errors
    /// When a processor has been at a raised level for too long (MACH-049).
    pub(crate) fn pass(&self, units: u64) -> Result<(), Stop> {
        let watchdog = {
            let mut dispatcher = self.dispatcher();
            dispatcher.pass(units);
            dispatcher.watchdog()
        };
        self.show_time();
        self.show_objects();
        watchdog.map_or(Ok(()), |crime| Err(self.stop_for(&crime)))
    }
}
