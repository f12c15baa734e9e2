//! A size in bytes.

use crate::{PAGE_SIZE, PageCount};
use core::fmt;

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// No bytes.
    pub const ZERO: Bytes = Bytes(0);

    /// A size of `kib` times 1024 bytes.
    #[must_use]
    pub const fn kib(kib: u64) -> Bytes {
        Bytes(kib * 1024)
    }

    /// A size of `mib` times 1024 KiB.
    #[must_use]
    pub const fn mib(mib: u64) -> Bytes {
        Bytes(mib * 1024 * 1024)
    }

    /// The number of pages that hold this many bytes, the last one perhaps in part.
    #[must_use]
    pub const fn pages_rounded_up(self) -> PageCount {
        PageCount(self.0.div_ceil(PAGE_SIZE.0))
    }

    /// This size as an index of the running computer, which has 64-bit addresses.
    #[must_use]
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 byte"),
            n => write!(f, "{n} bytes"),
        }
    }
}
