//! The interrupt request level: what may run, and what may be called, on a processor.

use core::fmt;

/// An interrupt request level of x64, 0 to 15 (POOL-026, MACH-142).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Irql(u8);

impl Irql {
    /// Ordinary thread code.
    pub const PASSIVE: Irql = Irql(0);
    /// Asynchronous procedure calls are held back.
    pub const APC: Irql = Irql(1);
    /// The dispatcher is held back: no waiting, no paged memory.
    pub const DISPATCH: Irql = Irql(2);
    /// The clock interrupt.
    pub const CLOCK: Irql = Irql(13);
    /// Everything is held back.
    pub const HIGH: Irql = Irql(15);

    /// The level with this number, or `None` above 15.
    #[must_use]
    pub const fn new(level: u8) -> Option<Irql> {
        if level <= Irql::HIGH.0 { Some(Irql(level)) } else { None }
    }

    /// The level's number.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.0
    }

    /// The header name of the level where it has one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Irql::PASSIVE => Some("PASSIVE_LEVEL"),
            Irql::APC => Some("APC_LEVEL"),
            Irql::DISPATCH => Some("DISPATCH_LEVEL"),
            Irql::CLOCK => Some("CLOCK_LEVEL"),
            Irql::HIGH => Some("HIGH_LEVEL"),
            _ => None,
        }
    }
}

impl fmt::Debug for Irql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Irql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "IRQL {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // POOL-026 MACH-142
    #[test]
    fn pool_026_mach_142_levels_have_their_x64_numbers() {
        let levels = [Irql::PASSIVE, Irql::APC, Irql::DISPATCH, Irql::CLOCK, Irql::HIGH];
        assert_eq!(levels.map(Irql::level), [0, 1, 2, 13, 15]);
        assert_eq!(Irql::new(16), None);
    }
}
