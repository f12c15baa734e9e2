//! A stack of addresses that threads push and pop without a lock.
//!
//! Each address sits in a slot; two chains of slots, the used ones and the free ones, are linked by the slots' numbers.
//! A chain's head holds the first slot, the length, and a number that every change makes another, so that an exchange
//! fails when the chain was changed and changed back meanwhile.
//!
//! # Invariants
//! - Every slot is in one of the chains, or belongs to the one thread that is moving it.
//! - A slot's address is written only by the thread that the slot belongs to, before it is put in the used chain.

use crate::sync::{AtomicPtr, AtomicU16, AtomicU64, Ordering, atomics, const_unless_modelled};
use core::ptr::{self, NonNull};

/// A stack of up to `CAPACITY` addresses.
#[derive(Debug)]
pub(super) struct Stack<const CAPACITY: usize> {
    used: AtomicU64,
    free: AtomicU64,
    /// For each slot the number of the next in its chain, counted from 1, or 0.
    next: [AtomicU16; CAPACITY],
    entries: [AtomicPtr<u8>; CAPACITY],
}

/// A chain's head, taken apart.
#[derive(Clone, Copy)]
struct Head {
    /// The first slot, counted from 1, or 0.
    first: u16,
    length: u16,
    sequence: u32,
}

impl Head {
    const fn pack(self) -> u64 {
        (self.sequence as u64) << 32 | (self.length as u64) << 16 | self.first as u64
    }

    const fn unpack(word: u64) -> Head {
        Head { first: word as u16, length: (word >> 16) as u16, sequence: (word >> 32) as u32 }
    }
}

impl<const CAPACITY: usize> Stack<CAPACITY> {
    const_unless_modelled! {
        pub(super) const fn new() -> Stack<CAPACITY> {
            assert!(CAPACITY > 0 && CAPACITY <= super::DEPTH_LIMIT as usize, "no list is that deep");
            let mut next: [AtomicU16; CAPACITY] = atomics!(AtomicU16::new(0));
            let mut slot = 1;
            while slot < CAPACITY {
                next[slot] = AtomicU16::new(slot as u16);
                slot += 1;
            }
            let all = Head { first: CAPACITY as u16, length: CAPACITY as u16, sequence: 0 };
            Stack {
                used: AtomicU64::new(0),
                free: AtomicU64::new(all.pack()),
                next,
                entries: atomics!(AtomicPtr::new(ptr::null_mut())),
            }
        }
    }

    pub(super) fn len(&self) -> u16 {
        Head::unpack(self.used.load(Ordering::Relaxed)).length
    }

    /// Puts an address on top, or gives it back where no slot is free.
    pub(super) fn push(&self, entry: NonNull<u8>) -> Result<(), NonNull<u8>> {
        let Some(slot) = self.unlink(&self.free) else { return Err(entry) };
        self.entries[slot].store(entry.as_ptr(), Ordering::Relaxed);
        self.link(&self.used, slot);
        Ok(())
    }

    /// Takes the address that was pushed last.
    pub(super) fn pop(&self) -> Option<NonNull<u8>> {
        let slot = self.unlink(&self.used)?;
        let entry = self.entries[slot].load(Ordering::Relaxed);
        self.link(&self.free, slot);
        NonNull::new(entry)
    }

    /// Takes the first slot of a chain. What its last owner wrote is seen, since the exchange acquires what that owner's
    /// [`link`](Stack::link) released; exchanges in between carry it on.
    fn unlink(&self, chain: &AtomicU64) -> Option<usize> {
        let mut word = chain.load(Ordering::Acquire);
        loop {
            let head = Head::unpack(word);
            let slot = usize::from(head.first).checked_sub(1)?;
            // Another thread may own the slot by now, and its link mean something else: then the exchange fails.
            let first = self.next[slot].load(Ordering::Relaxed);
            let rest = Head { first, length: head.length - 1, sequence: head.sequence.wrapping_add(1) };
            match chain.compare_exchange_weak(word, rest.pack(), Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return Some(slot),
                Err(changed) => word = changed,
            }
        }
    }

    /// Puts a slot, which belongs to the caller, in front of a chain.
    fn link(&self, chain: &AtomicU64, slot: usize) {
        let mut word = chain.load(Ordering::Relaxed);
        loop {
            let head = Head::unpack(word);
            self.next[slot].store(head.first, Ordering::Relaxed);
            let sequence = head.sequence.wrapping_add(1);
            let longer = Head { first: slot as u16 + 1, length: head.length + 1, sequence };
            match chain.compare_exchange_weak(word, longer.pack(), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(changed) => word = changed,
            }
        }
    }
}
