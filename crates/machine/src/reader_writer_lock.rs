//! Spin locks that readers share and a writer has alone.
//!
//! A writer that waits keeps new readers out. No processor has the lock twice (reference: reader-writer spin locks).

use crate::Recursive;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use ntpool_types::{Bytes, ProcessorNumber, VirtualAddress};

/// The locks that are held or waited for, by the address of the driver's lock.
#[derive(Debug, Default)]
pub struct ReaderWriterLocks {
    all: BTreeMap<VirtualAddress, State>,
}

#[derive(Debug, Default)]
struct State {
    writer: Option<ProcessorNumber>,
    readers: Vec<ProcessorNumber>,
    /// The writers that wait, first come, first served.
    waiting: Vec<ProcessorNumber>,
}

impl State {
    fn is_unused(&self) -> bool {
        self.writer.is_none() && self.readers.is_empty() && self.waiting.is_empty()
    }
}

impl ReaderWriterLocks {
    /// A processor tries to take a lock; whether it has it. One that wants it alone and spins keeps readers out from now on.
    ///
    /// # Errors
    /// [`Recursive`] when the processor has it already.
    pub fn try_acquire(
        &mut self,
        lock: VirtualAddress,
        processor: ProcessorNumber,
        exclusive: bool,
        spins: bool,
    ) -> Result<bool, Recursive> {
        let state = self.all.entry(lock).or_default();
        if state.writer == Some(processor) || state.readers.contains(&processor) {
            return Err(Recursive);
        }
        let is_next = state.waiting.first().is_none_or(|&first| first == processor);
        let granted = match exclusive {
            true => state.writer.is_none() && state.readers.is_empty() && is_next,
            false => state.writer.is_none() && state.waiting.is_empty(),
        };
        match (granted, exclusive) {
            (true, true) => {
                state.writer = Some(processor);
                state.waiting.retain(|&waiter| waiter != processor);
            }
            (true, false) => state.readers.push(processor),
            (false, true) if spins && !state.waiting.contains(&processor) => {
                state.waiting.push(processor);
            }
            (false, _) => {}
        }
        self.forget_unused(lock);
        Ok(granted)
    }

    /// The only reader becomes the writer, unless another one waits to be; `None` when the processor is no reader.
    pub fn try_convert(&mut self, lock: VirtualAddress, processor: ProcessorNumber) -> Option<bool> {
        let state = self.all.get_mut(&lock).filter(|state| state.readers.contains(&processor))?;
        let granted = state.readers == [processor] && state.waiting.is_empty();
        if granted {
            state.readers.clear();
            state.writer = Some(processor);
        }
        Some(granted)
    }

    /// A processor lets a lock go that it has in this way; whether it had it.
    pub fn release(&mut self, lock: VirtualAddress, processor: ProcessorNumber, exclusive: bool) -> bool {
        let Some(state) = self.all.get_mut(&lock) else { return false };
        let had = match exclusive {
            true => state.writer.take_if(|writer| *writer == processor).is_some(),
            false => {
                let before = state.readers.len();
                state.readers.retain(|&reader| reader != processor);
                state.readers.len() < before
            }
        };
        self.forget_unused(lock);
        had
    }

    fn forget_unused(&mut self, lock: VirtualAddress) {
        if self.all.get(&lock).is_some_and(State::is_unused) {
            self.all.remove(&lock);
        }
    }

    /// A processor that has the lock.
    #[must_use]
    pub fn holder(&self, lock: VirtualAddress) -> Option<ProcessorNumber> {
        let state = self.all.get(&lock)?;
        state.writer.or_else(|| state.readers.first().copied())
    }

    /// How many readers have the lock, or `None` for a writer.
    #[must_use]
    pub fn reader_count(&self, lock: VirtualAddress) -> Option<usize> {
        match self.all.get(&lock) {
            None => Some(0),
            Some(state) => state.writer.is_none().then_some(state.readers.len()),
        }
    }

    /// Lets every lock go that a processor has and returns them.
    pub fn release_all_of(&mut self, processor: ProcessorNumber) -> Vec<VirtualAddress> {
        let has = |state: &State| state.writer == Some(processor) || state.readers.contains(&processor);
        let held: Vec<VirtualAddress> =
            self.all.iter().filter(|(_, state)| has(state)).map(|(&lock, _)| lock).collect();
        for &lock in &held {
            let _ = self.release(lock, processor, true) || self.release(lock, processor, false);
        }
        held
    }

    /// Memory was freed: forgets the locks in it and returns those that were held.
    pub fn forget_range(&mut self, base: VirtualAddress, size: Bytes) -> Vec<VirtualAddress> {
        let end = VirtualAddress(base.0.saturating_add(size.0));
        self.all.extract_if(base..end, |_, _| true).map(|(lock, _)| lock).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: VirtualAddress = VirtualAddress(0x1000);
    const A: ProcessorNumber = ProcessorNumber(0);
    const B: ProcessorNumber = ProcessorNumber(1);
    const C: ProcessorNumber = ProcessorNumber(2);

    #[test]
    fn readers_share_and_a_writer_that_waits_keeps_new_ones_out() {
        let mut locks = ReaderWriterLocks::default();
        assert_eq!(locks.try_acquire(LOCK, A, false, true), Ok(true));
        assert_eq!(locks.try_acquire(LOCK, B, false, true), Ok(true));
        assert_eq!(locks.try_acquire(LOCK, C, true, false), Ok(false));
        assert!(locks.release(LOCK, B, false));
        assert_eq!(locks.try_acquire(LOCK, B, false, true), Ok(true), "who only tries keeps nobody out");
        assert!(locks.release(LOCK, B, false));
        assert_eq!(locks.try_acquire(LOCK, C, true, true), Ok(false));
        assert_eq!(locks.try_acquire(LOCK, B, false, true), Ok(false));
        assert_eq!((locks.holder(LOCK), locks.reader_count(LOCK)), (Some(A), Some(1)));
        assert!(locks.release(LOCK, A, false));
        assert_eq!(locks.try_acquire(LOCK, B, true, true), Ok(false), "the other writer was first");
        assert_eq!(locks.try_acquire(LOCK, C, true, true), Ok(true));
        assert_eq!(locks.reader_count(LOCK), None);
        assert!(locks.release(LOCK, C, true));
        assert_eq!(locks.try_acquire(LOCK, B, true, true), Ok(true));
    }

    #[test]
    fn a_processor_has_the_lock_once() {
        let mut locks = ReaderWriterLocks::default();
        locks.try_acquire(LOCK, A, false, true).unwrap();
        assert_eq!(locks.try_acquire(LOCK, A, false, true), Err(Recursive));
        assert_eq!(locks.try_acquire(LOCK, A, true, true), Err(Recursive));
        assert!(!locks.release(LOCK, A, true) && !locks.release(LOCK, B, false));
        assert_eq!(locks.release_all_of(A), [LOCK]);
        assert_eq!(locks.holder(LOCK), None);
    }

    #[test]
    fn the_only_reader_becomes_the_writer_unless_one_waits() {
        let mut locks = ReaderWriterLocks::default();
        assert_eq!(locks.try_convert(LOCK, A), None);
        locks.try_acquire(LOCK, A, false, true).unwrap();
        assert_eq!(locks.try_convert(LOCK, A), Some(true));
        assert!(locks.release(LOCK, A, true));
        locks.try_acquire(LOCK, A, false, true).unwrap();
        locks.try_acquire(LOCK, B, true, true).unwrap();
        assert_eq!(locks.try_convert(LOCK, A), Some(false));
        assert_eq!(locks.forget_range(LOCK, Bytes(4)), [LOCK]);
        assert_eq!(locks.holder(LOCK), None);
    }
}
