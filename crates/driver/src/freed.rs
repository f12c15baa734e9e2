//! Freed blocks: filled with a pattern, and looked at when their memory goes to somebody else or the run ends.
//!
//! A write through a stale pointer hurts nobody at first, and later whoever has the memory by then. Here it changes the
//! pattern, and that is noticed when the memory is handed out again, when its page is given back, or at the end of the
//! run; the finding names who allocated and who freed the block. The pool keeps freed blocks back for a while
//! ([`PoolPlatform`](ntpool_host::physical::PoolPlatform)), so that a stale pointer does not meet another block at once.
//!
//! Blocks above [`KEPT`] leave their pages, and those are given back at once: whoever touches one of them, reading or
//! writing, is caught in the act, by a fault. Smaller blocks' pages go back only when memory is short.
//!
//! Why this is not left to the pool's own checks says `docs/decisions/0010-freed-pool.md`.
//!
//! # Invariants
//! - No two watched ranges overlap, and none overlaps a block that was handed out since.
//! - Every byte of a watched range held the pattern when the range came here.
//! - Behind `used` no byte of a kind's pool was ever handed out, so it is zero.

use crate::findings::Draft;
use crate::session::Session;
use ntpool_finding::{Role, Stack};
use ntpool_host::guarded;
use ntpool_host::physical::LastLook;
use ntpool_machine::Fault;
use ntpool_pool::{Block, Contents, NoMemory, Place, Placement, Request};
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, PoolKind, VirtualAddress};
use ntpool_verifier::{Allocation, FreedAllocation, rules};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

/// The largest blocks that the pool may keep at hand when they are freed; the pages of others are idle at once.
const KEPT: Bytes = Bytes::mib(1);

/// Freed memory is looked at in pieces of so many bytes, which stay in the nearest cache while they are compared.
const PIECE: usize = 4096;

/// Part of a freed block that holds the pattern.
#[derive(Clone, Copy, Debug)]
struct Watched {
    end: VirtualAddress,
    block: FreedAllocation,
}

/// When a write was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noticed {
    HandedOut,
    GivenBack,
    AtTheEnd,
}

impl fmt::Display for Noticed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Noticed::HandedOut => "when its memory was handed out again",
            Noticed::GivenBack => "when its page was given back",
            Noticed::AtTheEnd => "at the end of the run",
        })
    }
}

/// A write to a freed block.
#[derive(Clone, Copy, Debug)]
struct LateWrite {
    block: FreedAllocation,
    /// The first byte that changed.
    at: VirtualAddress,
    /// How many bytes changed.
    count: u64,
    /// Whether the first byte is the first one that was watched, as it is when what lies before it was overrun.
    from_the_beginning: bool,
    noticed: Noticed,
}

impl fmt::Display for LateWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LateWrite { block, at, count, noticed, .. } = self;
        let offset = at.offset_from(block.allocation.address).unwrap_or_default();
        let bytes = Bytes(*count);
        write!(f, "{bytes} of the block changed after it had been freed, from {offset} into it on; ")?;
        write!(f, "noticed {noticed}")
    }
}

/// The freed blocks whose memory nobody was given since.
#[derive(Debug)]
pub(crate) struct FreedBlocks {
    pattern: u8,
    /// [`PIECE`] bytes of the pattern.
    untouched: Box<[u8]>,
    /// Room for as many, to look at.
    copy: RefCell<Box<[u8]>>,
    watched: RefCell<BTreeMap<VirtualAddress, Watched>>,
    /// What was noticed and not told yet.
    noticed: RefCell<Vec<LateWrite>>,
    /// The end of what was handed out of each kind of pool.
    used: [Cell<VirtualAddress>; PoolKind::ALL.len()],
}

impl FreedBlocks {
    /// None yet; `rubbish` is what uninitialized memory holds.
    pub(crate) fn new(rubbish: u8) -> FreedBlocks {
        // As a pointer it is none that is canonical, whatever the rubbish is: the upper bit is set, and another is not.
        let pattern = rubbish ^ 0x7F;
        FreedBlocks {
            pattern,
            untouched: vec![pattern; PIECE].into(),
            copy: RefCell::new(vec![0; PIECE].into()),
            watched: RefCell::default(),
            noticed: RefCell::default(),
            used: [const { Cell::new(VirtualAddress::NULL) }; PoolKind::ALL.len()],
        }
    }

    /// Fills the bytes from `start` to `end`, part of a freed block, and watches them.
    fn watch(&self, start: VirtualAddress, end: VirtualAddress, block: FreedAllocation) {
        // What can't be filled, nobody can write to.
        if start < end && guarded::fill(start, Bytes(end.0 - start.0), self.pattern).is_ok() {
            self.watched.borrow_mut().insert(start, Watched { end, block });
        }
    }

    /// Looks at what is watched from `start` to `end` for the last time.
    fn let_go(&self, start: VirtualAddress, end: VirtualAddress, noticed: Noticed) {
        let mut watched = self.watched.borrow_mut();
        let before = watched.range(..start).next_back().filter(|(_, range)| range.end > start);
        let first = before.map_or(start, |(&begin, _)| begin);
        let overlapping: Vec<VirtualAddress> = watched.range(first..end).map(|(&begin, _)| begin).collect();
        for begin in overlapping {
            let Some(range) = watched.remove(&begin) else { continue };
            let (from, to) = (begin.max(start), range.end.min(end));
            if let Some((at, count)) = self.changed(from, to, guarded::read) {
                // What else of the block is watched would only tell the same again.
                let from_the_beginning = at == begin;
                let write = LateWrite { block: range.block, at, count, from_the_beginning, noticed };
                self.noticed.borrow_mut().push(write);
                continue;
            }
            if begin < from {
                watched.insert(begin, Watched { end: from, ..range });
            }
            if to < range.end {
                watched.insert(to, range);
            }
        }
    }

    /// The first byte that does not hold the pattern any more, and how many do not.
    fn changed(
        &self,
        from: VirtualAddress,
        to: VirtualAddress,
        read: impl Fn(VirtualAddress, &mut [u8]) -> Result<(), Fault>,
    ) -> Option<(VirtualAddress, u64)> {
        let mut copy = self.copy.borrow_mut();
        let (mut first, mut count) = (None, 0);
        let mut at = from;
        while at < to {
            let length = (to.0 - at.0).min(PIECE as u64);
            let bytes = &mut copy[..length as usize];
            read(at, bytes).ok()?;
            // Compared as a whole, which is done many bytes at a time; byte by byte only where something changed.
            if bytes != &self.untouched[..bytes.len()] {
                let changed = |byte: &u8| *byte != self.pattern;
                let place = bytes.iter().position(changed).unwrap_or_default();
                first = first.or(Some(VirtualAddress(at.0 + place as u64)));
                count += bytes.iter().filter(|byte| changed(byte)).count() as u64;
            }
            at = VirtualAddress(at.0 + length);
        }
        first.map(|first| (first, count))
    }

    /// Takes note that the memory up to `end` was handed out; the end of what had been before.
    fn extend(&self, kind: PoolKind, end: VirtualAddress) -> VirtualAddress {
        let used = &self.used[kind.index()];
        used.replace(used.get().max(end))
    }
}

impl LastLook for FreedBlocks {
    fn look(&self, first: VirtualAddress, count: PageCount) {
        self.let_go(first, VirtualAddress(first.0 + count.bytes().0), Noticed::GivenBack);
    }
}

impl Session {
    /// Takes a block from the pool, after a last look at what lay there before.
    ///
    /// Every block comes this way, be it the driver's or the machine's.
    ///
    /// # Errors
    /// [`NoMemory`], also when all idle pages were given back.
    pub(crate) fn take_block(&self, request: Request, placement: Placement) -> Result<Block, NoMemory> {
        let _in_reach = self.reach_paged_pool();
        // Zeroes would cover what is to be looked at, so they are written afterwards.
        let uninitialized = Request { contents: Contents::Uninitialized, ..request };
        let block = self.pool.allocate_placed(uninitialized, placement).or_else(|_| {
            self.make_room();
            self.pool.allocate_placed(uninitialized, placement)
        })?;
        let end = self.end_with_slack(block.address, block.size);
        self.freed.let_go(block.address, end, Noticed::HandedOut);
        let used = self.freed.extend(block.kind, end);
        if request.contents == Contents::Zeroed && block.address < used {
            let size = block.size.0.min(used.0 - block.address.0);
            // The block is writable, so this can't fail; if it did, the driver would find out as it should.
            let _ = guarded::fill(block.address, Bytes(size), 0);
        }
        self.tell_late_writes();
        Ok(block)
    }

    /// Gives back all pages of the pool that no block lies in, those of blocks kept back included.
    pub(crate) fn make_room(&self) {
        let _in_reach = self.reach_paged_pool();
        self.pool.flush();
        self.pool.trim();
        self.tell_late_writes();
    }

    /// Watches the memory of a block that was freed just now, as far as it is still there.
    pub(crate) fn watch_freed(&self, block: FreedAllocation) {
        let _in_reach = self.reach_paged_pool();
        let Allocation { address, size, .. } = block.allocation;
        let end = VirtualAddress(address.0 + size.0);
        if size <= KEPT {
            self.freed.watch(address, end, block);
            return;
        }
        self.pool.trim();
        self.tell_late_writes();
        // The last page stays where others have blocks in it; all stay when the system could not take them.
        let mut start = address;
        while start < end {
            let mut next = start;
            while next < end && self.physical.entry(next).is_some() {
                next = VirtualAddress(next.page_base().0 + PAGE_SIZE.0);
            }
            self.freed.watch(start, next.min(end), block);
            start = VirtualAddress(next.page_base().0 + PAGE_SIZE.0);
        }
    }

    /// The block that an address of the pool belonged to before it was freed, if nobody has the memory now.
    pub(crate) fn freed_block_at(&self, address: VirtualAddress) -> Option<FreedAllocation> {
        match self.pool.find(address) {
            Place::Freed(_) | Place::Unused(_) => self.tracker.borrow().last_freed(address).copied(),
            Place::Live(_) | Place::Metadata | Place::Outside => None,
        }
    }

    /// The stacks of a freed block, for a report.
    pub(crate) fn history(&self, block: &FreedAllocation) -> Vec<Stack> {
        vec![self.stack(Role::Allocated, block.allocation.stack), self.stack(Role::Freed, block.stack)]
    }

    /// Reports the writes to freed blocks that nobody's allocation has brought to light, as the run ends.
    pub(crate) fn report_late_writes_left(&self) {
        self.open_paged_pool();
        self.freed.let_go(VirtualAddress::NULL, VirtualAddress(u64::MAX), Noticed::AtTheEnd);
        self.tell_late_writes();
    }

    /// Tells of writes that were noticed, once for each place that freed a block.
    fn tell_late_writes(&self) {
        for write in self.freed.noticed.take() {
            let Allocation { address, size, kind, tag, .. } = write.block.allocation;
            let violation = rules::write_after_free(address, write.at);
            if self.is_repeated(violation.rule, write.block.stack) {
                continue;
            }
            let mut message = write.to_string();
            if write.from_the_beginning
                && let Some(before) = self.tracker.borrow().nearest_below(write.at)
                && self.end_with_slack(before.address, before.size) == write.at
            {
                message += &format!("; the block before it, at {}, may have been overrun", before.address);
            }
            let draft = Draft::new(violation.rule, Some(violation.bug_check), message)
                .about(Some(&Block { address, size, kind, tag }))
                .explained_by(self.history(&write.block));
            self.tell(draft);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_a_pointer_the_pattern_is_none_and_it_is_no_zero_and_no_rubbish() {
        for rubbish in 0x81..=0xFC_u8 {
            let pattern = FreedBlocks::new(rubbish).pattern;
            assert!(pattern != 0 && pattern != rubbish);
            assert!(!VirtualAddress(u64::from_ne_bytes([pattern; 8])).is_canonical(), "{pattern:#x}");
        }
    }

    #[test]
    fn changes_are_counted_over_all_pieces_from_the_first_one_on() {
        let freed = FreedBlocks::new(0x99);
        let start = VirtualAddress(0x7F00);
        let changed = |length: usize, places: &[usize]| {
            let mut memory = vec![freed.pattern; length];
            for &place in places {
                memory[place] ^= 1;
            }
            let read = |at: VirtualAddress, into: &mut [u8]| {
                let place = (at.0 - start.0) as usize;
                into.copy_from_slice(&memory[place..place + into.len()]);
                Ok(())
            };
            freed.changed(start, VirtualAddress(start.0 + length as u64), read)
        };
        let at = |place: usize| VirtualAddress(start.0 + place as u64);
        for length in [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7] {
            assert_eq!(changed(length, &[]), None);
            assert_eq!(changed(length, &[length - 1]), Some((at(length - 1), 1)), "{length}");
            assert_eq!(changed(length, &[0]), Some((at(0), 1)), "{length}");
        }
        let places = [PIECE + 5, PIECE + 6, 2 * PIECE, 3 * PIECE + 6];
        assert_eq!(changed(3 * PIECE + 7, &places), Some((at(PIECE + 5), 4)));
    }
}
