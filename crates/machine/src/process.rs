//! Processes and the pool quota charged to them.
//!
//! A charge is a receipt: it says which process was charged how much of which pool, and only the receipt is taken back.
//! So quota returns to the process that was charged, whichever runs when a block is freed (POOL-106). Drivers that
//! charge by themselves have no receipt; what they return is compared with what they charged (POOL-108).

use alloc::vec::Vec;
use core::cell::Cell;
use ntpool_types::{Bytes, PoolKind, VirtualAddress};

/// A process.
#[derive(Debug)]
pub struct Process {
    object: VirtualAddress,
    id: u64,
    quotas: [Quota; 2],
}

/// One pool's quota of a process.
#[derive(Debug)]
struct Quota {
    charged: Cell<u64>,
    /// The part of `charged` that was charged without a receipt.
    by_hand: Cell<u64>,
    limit: Bytes,
}

/// The process has not that much quota left, or was not charged that much; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaExceeded;

/// What a process was charged, to be given back to it.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Charge {
    process: usize,
    kind: PoolKind,
    size: Bytes,
}

impl Process {
    /// The process whose object lies at `object`, with a limit on the pool charged to it, for paged and for nonpaged
    /// pool each.
    #[must_use]
    pub const fn new(object: VirtualAddress, id: u64, limit: Bytes) -> Process {
        const fn quota(limit: Bytes) -> Quota {
            Quota { charged: Cell::new(0), by_hand: Cell::new(0), limit }
        }
        Process { object, id, quotas: [quota(limit), quota(limit)] }
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

    /// The pool of this kind charged to it; both kinds of nonpaged pool are one.
    #[must_use]
    pub fn charged(&self, kind: PoolKind) -> Bytes {
        Bytes(self.quota(kind).charged.get())
    }

    /// The part of it that was charged by hand and has not been returned.
    #[must_use]
    pub fn charged_by_hand(&self, kind: PoolKind) -> Bytes {
        Bytes(self.quota(kind).by_hand.get())
    }

    fn quota(&self, kind: PoolKind) -> &Quota {
        &self.quotas[usize::from(kind.is_paged())]
    }

    /// Charges pool of this kind to the process without a receipt (POOL-107).
    ///
    /// # Errors
    /// [`QuotaExceeded`] when the limit would be passed.
    pub fn charge_by_hand(&self, kind: PoolKind, size: Bytes) -> Result<(), QuotaExceeded> {
        let quota = self.quota(kind);
        quota.take(size)?;
        quota.by_hand.set(quota.by_hand.get() + size.0);
        Ok(())
    }

    /// Returns pool that was charged by hand (POOL-108).
    ///
    /// # Errors
    /// [`QuotaExceeded`] when more is returned than was charged.
    pub fn return_by_hand(&self, kind: PoolKind, size: Bytes) -> Result<(), QuotaExceeded> {
        let quota = self.quota(kind);
        let rest = quota.by_hand.get().checked_sub(size.0).ok_or(QuotaExceeded)?;
        quota.by_hand.set(rest);
        quota.charged.set(quota.charged.get() - size.0);
        Ok(())
    }
}

impl Quota {
    fn take(&self, size: Bytes) -> Result<(), QuotaExceeded> {
        let sum =
            self.charged.get().checked_add(size.0).filter(|&sum| sum <= self.limit.0).ok_or(QuotaExceeded)?;
        self.charged.set(sum);
        Ok(())
    }
}

/// Every process, and the one that runs.
#[derive(Debug)]
pub struct Processes {
    all: Vec<Process>,
    current: Cell<usize>,
}

impl Processes {
    /// Nothing but this process, which runs.
    #[must_use]
    pub fn new(first: Process) -> Processes {
        Processes { all: Vec::from([first]), current: Cell::new(0) }
    }

    /// Adds a process.
    pub fn add(&mut self, process: Process) {
        self.all.push(process);
    }

    /// The process that runs.
    #[must_use]
    pub fn current(&self) -> &Process {
        &self.all[self.current.get()]
    }

    /// The process whose object lies at this address.
    #[must_use]
    pub fn find(&self, object: VirtualAddress) -> Option<&Process> {
        self.all.iter().find(|process| process.object == object)
    }

    /// Every process.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.all.iter()
    }

    /// Makes the process with this object the one that runs; whether there is such a process.
    pub fn switch_to(&self, object: VirtualAddress) -> bool {
        let place = self.all.iter().position(|process| process.object == object);
        place.is_some_and(|place| {
            self.current.set(place);
            true
        })
    }

    /// Charges pool of this kind to the process that runs (POOL-099).
    ///
    /// # Errors
    /// [`QuotaExceeded`] when its limit would be passed.
    pub fn charge(&self, kind: PoolKind, size: Bytes) -> Result<Charge, QuotaExceeded> {
        self.current().quota(kind).take(size)?;
        Ok(Charge { process: self.current.get(), kind, size })
    }

    /// Gives a charge back to the process that was charged (POOL-106).
    pub fn give_back(&self, charge: Charge) {
        let charged = &self.all[charge.process].quota(charge.kind).charged;
        charged.set(charged.get() - charge.size.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: VirtualAddress = VirtualAddress(0x1000);
    const OTHER: VirtualAddress = VirtualAddress(0x2000);
    const KIND: PoolKind = PoolKind::NonPaged;

    fn process(object: VirtualAddress) -> Process {
        Process::new(object, 4, Bytes(100))
    }

    fn two() -> Processes {
        let mut processes = Processes::new(process(SYSTEM));
        processes.add(process(OTHER));
        processes
    }

    #[test]
    fn a_charge_past_the_limit_charges_nothing() {
        let processes = two();
        let charge = processes.charge(KIND, Bytes(60)).unwrap();
        assert_eq!(processes.charge(KIND, Bytes(41)), Err(QuotaExceeded));
        assert_eq!(processes.charge(KIND, Bytes(u64::MAX)), Err(QuotaExceeded));
        assert_eq!(processes.current().charged(KIND), Bytes(60));
        processes.give_back(charge);
        assert_eq!(processes.current().charged(KIND), Bytes::ZERO);
    }

    // POOL-099 POOL-106
    #[test]
    fn pool_099_106_quota_is_charged_to_the_process_that_runs_and_returned_to_the_one_charged() {
        let processes = two();
        let charged = |object| processes.find(object).unwrap().charged(KIND);
        let first = processes.charge(KIND, Bytes(60)).unwrap();
        assert!(processes.switch_to(OTHER));
        let second = processes.charge(KIND, Bytes(30)).unwrap();
        assert_eq!((charged(SYSTEM), charged(OTHER)), (Bytes(60), Bytes(30)));
        processes.give_back(first);
        assert_eq!((charged(SYSTEM), charged(OTHER)), (Bytes::ZERO, Bytes(30)));
        assert!(processes.switch_to(SYSTEM));
        processes.give_back(second);
        assert_eq!((charged(SYSTEM), charged(OTHER)), (Bytes::ZERO, Bytes::ZERO));
        assert!(!processes.switch_to(VirtualAddress(0x3000)), "no such process");
    }

    #[test]
    fn paged_and_nonpaged_quota_are_apart_and_both_nonpaged_kinds_are_one() {
        let process = process(SYSTEM);
        process.charge_by_hand(PoolKind::Paged, Bytes(100)).unwrap();
        process.charge_by_hand(PoolKind::NonPaged, Bytes(60)).unwrap();
        assert_eq!(process.charge_by_hand(PoolKind::NonPagedExecute, Bytes(41)), Err(QuotaExceeded));
        assert_eq!(process.charged(PoolKind::NonPagedExecute), Bytes(60));
    }

    // POOL-107 POOL-108
    #[test]
    fn pool_107_108_what_is_charged_by_hand_is_returned_by_hand_and_no_more() {
        let processes = two();
        let charge = processes.charge(KIND, Bytes(50)).unwrap();
        let system = processes.current();
        assert_eq!(system.charge_by_hand(KIND, Bytes(51)), Err(QuotaExceeded));
        assert_eq!(system.charged(KIND), Bytes(50), "nothing was charged");
        system.charge_by_hand(KIND, Bytes(20)).unwrap();
        assert_eq!(
            system.return_by_hand(KIND, Bytes(21)),
            Err(QuotaExceeded),
            "a block's charge is not returned"
        );
        assert_eq!((system.charged(KIND), system.charged_by_hand(KIND)), (Bytes(70), Bytes(20)));
        assert_eq!(system.return_by_hand(PoolKind::Paged, Bytes(20)), Err(QuotaExceeded), "the other pool");
        system.return_by_hand(KIND, Bytes(20)).unwrap();
        assert_eq!((system.charged(KIND), system.charged_by_hand(KIND)), (Bytes(50), Bytes::ZERO));
        processes.give_back(charge);
    }
}
