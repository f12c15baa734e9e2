//! Processes and the pool quota charged to them.

use core::cell::Cell;
use ntpool_types::{Bytes, VirtualAddress};

/// A process.
#[derive(Debug)]
pub struct Process {
    object: VirtualAddress,
    id: u64,
    charged: Cell<u64>,
    limit: Bytes,
}

/// A charge that would have gone past the process's limit; nothing was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaExceeded;

impl Process {
    /// The process whose object lies at `object`, with a limit on the pool charged to it.
    #[must_use]
    pub const fn new(object: VirtualAddress, id: u64, limit: Bytes) -> Process {
        Process { object, id, charged: Cell::new(0), limit }
    }

    /// The address of its object.
    #[must_use]
    pub const fn object(&self) -> VirtualAddress {
        self.object
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The pool charged to it.
    #[must_use]
    pub fn charged(&self) -> Bytes {
        Bytes(self.charged.get())
    }

    /// Charges pool to the process.
    ///
    /// # Errors
    /// [`QuotaExceeded`] when the limit would be passed.
    pub fn charge(&self, size: Bytes) -> Result<(), QuotaExceeded> {
        let sum =
            self.charged.get().checked_add(size.0).filter(|&sum| sum <= self.limit.0).ok_or(QuotaExceeded)?;
        self.charged.set(sum);
        Ok(())
    }

    /// Gives charged pool back.
    ///
    /// # Panics
    /// When more is given back than was charged, which would be our own mistake.
    pub fn give_back(&self, size: Bytes) {
        let rest = self.charged.get().checked_sub(size.0).expect("more quota given back than was charged");
        self.charged.set(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_past_the_limit_charges_nothing() {
        let process = Process::new(VirtualAddress(1), 4, Bytes(100));
        process.charge(Bytes(60)).unwrap();
        assert_eq!(process.charge(Bytes(41)), Err(QuotaExceeded));
        assert_eq!(process.charge(Bytes(u64::MAX)), Err(QuotaExceeded));
        assert_eq!(process.charged(), Bytes(60));
        process.give_back(Bytes(60));
        assert_eq!(process.charged(), Bytes::ZERO);
    }
}
