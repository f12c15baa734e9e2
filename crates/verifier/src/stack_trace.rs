//! Call stacks, and the table that keeps each one once.
//!
//! A driver allocates from few places very often, so a record of an allocation holds the number of its stack, four
//! bytes, and two allocations come from one place exactly when their numbers are equal.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use ntpool_types::VirtualAddress;

/// A call stack of up to 32 addresses, the innermost first.
#[derive(Clone, Copy)]
pub struct StackTrace {
    frames: [VirtualAddress; StackTrace::DEEPEST],
    depth: u8,
}

impl StackTrace {
    /// The addresses that a trace can hold; outer frames beyond are left out.
    pub const DEEPEST: usize = 32;

    /// A trace of no frames.
    pub const EMPTY: StackTrace =
        StackTrace { frames: [VirtualAddress::NULL; StackTrace::DEEPEST], depth: 0 };

    /// Adds the next frame outwards; says whether there was room.
    pub fn push(&mut self, address: VirtualAddress) -> bool {
        let Some(frame) = self.frames.get_mut(usize::from(self.depth)) else { return false };
        *frame = address;
        self.depth += 1;
        true
    }

    /// The addresses, the innermost first.
    #[must_use]
    pub fn frames(&self) -> &[VirtualAddress] {
        &self.frames[..usize::from(self.depth)]
    }
}

impl Default for StackTrace {
    fn default() -> StackTrace {
        StackTrace::EMPTY
    }
}

impl PartialEq for StackTrace {
    fn eq(&self, other: &StackTrace) -> bool {
        self.frames() == other.frames()
    }
}

impl Eq for StackTrace {}

impl fmt::Debug for StackTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.frames()).finish()
    }
}

impl FromIterator<VirtualAddress> for StackTrace {
    /// Takes the innermost 32 addresses.
    fn from_iter<I: IntoIterator<Item = VirtualAddress>>(addresses: I) -> StackTrace {
        let mut trace = StackTrace::EMPTY;
        for address in addresses {
            if !trace.push(address) {
                break;
            }
        }
        trace
    }
}

/// The number of a stack in its table; numbers grow in the order in which stacks were first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackId(pub u32);

/// Where a stack's addresses lie.
#[derive(Clone, Copy)]
struct Entry {
    start: u32,
    depth: u8,
    hash: u64,
}

/// An unused slot of the index.
const VACANT: u32 = u32::MAX;

/// Every stack that was seen, once.
///
/// The addresses of all stacks lie one after the other; an open-addressed index of numbers finds a stack by its
/// hash. At least half of the index is vacant.
pub struct StackTable {
    addresses: Vec<VirtualAddress>,
    entries: Vec<Entry>,
    index: Vec<u32>,
}

impl StackTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> StackTable {
        StackTable { addresses: Vec::new(), entries: Vec::new(), index: vec![VACANT; 64] }
    }

    /// The number of the stack, a new one when it has not been seen before.
    ///
    /// # Panics
    /// When the table holds 2^32 - 1 addresses.
    pub fn intern(&mut self, trace: &StackTrace) -> StackId {
        let hash = hash(trace.frames());
        let slot = self.slot(hash, trace.frames());
        if self.index[slot] != VACANT {
            return StackId(self.index[slot]);
        }
        let id = u32::try_from(self.entries.len()).expect("fewer than 2^32 stacks");
        let start = u32::try_from(self.addresses.len()).expect("fewer than 2^32 addresses in all stacks");
        self.addresses.extend_from_slice(trace.frames());
        self.entries.push(Entry { start, depth: trace.depth, hash });
        self.index[slot] = id;
        if self.entries.len() * 2 > self.index.len() {
            self.grow();
        }
        StackId(id)
    }

    /// The addresses of a stack, the innermost first; none for a number that this table did not give.
    #[must_use]
    pub fn frames(&self, id: StackId) -> &[VirtualAddress] {
        self.entries.get(id.0 as usize).map_or(&[], |entry| self.frames_of(*entry))
    }

    /// How many stacks there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    fn frames_of(&self, entry: Entry) -> &[VirtualAddress] {
        &self.addresses[entry.start as usize..][..usize::from(entry.depth)]
    }

    /// The slot of the index that holds the stack, or the vacant one where it belongs.
    fn slot(&self, hash: u64, frames: &[VirtualAddress]) -> usize {
        let mask = self.index.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let id = self.index[slot];
            if id == VACANT {
                return slot;
            }
            let entry = self.entries[id as usize];
            if entry.hash == hash && self.frames_of(entry) == frames {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let mask = self.index.len() * 2 - 1;
        self.index = vec![VACANT; mask + 1];
        for (id, entry) in (0..).zip(&self.entries) {
            let mut slot = entry.hash as usize & mask;
            while self.index[slot] != VACANT {
                slot = (slot + 1) & mask;
            }
            self.index[slot] = id;
        }
    }
}

impl Default for StackTable {
    fn default() -> StackTable {
        StackTable::new()
    }
}

/// Mixes the addresses of a stack: a multiplication by an odd constant (2^64 over the golden ratio) and a fold for
/// each, which is enough for addresses that no adversary chooses.
fn hash(frames: &[VirtualAddress]) -> u64 {
    frames.iter().fold(frames.len() as u64, |hash, frame| {
        let mixed = (hash ^ frame.0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ mixed >> 32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(addresses: &[u64]) -> StackTrace {
        addresses.iter().copied().map(VirtualAddress).collect()
    }

    #[test]
    fn a_stack_is_kept_once_and_keeps_its_order() {
        let mut table = StackTable::new();
        let first = table.intern(&trace(&[1, 2, 3]));
        let second = table.intern(&trace(&[3, 2, 1]));
        assert_eq!([first, second], [StackId(0), StackId(1)]);
        assert_eq!(table.intern(&trace(&[1, 2, 3])), first);
        assert_eq!(table.frames(second), trace(&[3, 2, 1]).frames());
        assert_eq!(table.count(), 2);
        assert_eq!(table.frames(StackId(2)), []);
    }

    #[test]
    fn a_trace_keeps_the_innermost_32_frames() {
        let deep: StackTrace = (0..40).map(VirtualAddress).collect();
        assert_eq!(deep.frames().len(), 32);
        assert_eq!(deep.frames()[31], VirtualAddress(31));
    }

    #[test]
    fn ten_thousand_stacks_are_found_again() {
        let mut table = StackTable::new();
        let stack = |number: u64| trace(&[0x2000_0000_1000 + number * 5, 0x2000_0000_2000, number % 7]);
        for number in 0..10_000 {
            assert_eq!(u64::from(table.intern(&stack(number)).0), number);
        }
        for number in (0..10_000).rev() {
            assert_eq!(u64::from(table.intern(&stack(number)).0), number);
        }
        assert_eq!(table.count(), 10_000);
    }

    #[test]
    fn an_empty_stack_is_a_stack() {
        let mut table = StackTable::new();
        let empty = table.intern(&StackTrace::EMPTY);
        assert_eq!(table.frames(empty), []);
        assert_ne!(table.intern(&trace(&[0])), empty, "one frame at address zero is another stack");
    }
}
