//! The bytes between a block's end and the next granule, which belong to nobody: marked when the block is handed out,
//! looked at when it comes back.
//!
//! An overrun by a few bytes, the commonest there is, lands here: a terminator too many, an index one too high. What
//! lies beyond the granule is another block's or none's, and is not looked at.
//!
//! The pool can do the same with a canary of its own. It would look when a block is freed and at no other time; here blocks
//! that are left behind are looked at as well, and a tail that is wasted, and the finding shows what was written.

use crate::session::Session;
use ntpool_host::guarded;
use ntpool_types::{Bytes, PAGE_SIZE, VirtualAddress};
use std::fmt;

/// The multiple that every block begins at and, with its slack, ends at.
const GRANULE: Bytes = Bytes(16);

/// Slack that was written.
pub(crate) struct Written {
    /// The distance of the first byte that changed from the block's end.
    pub(crate) offset: Bytes,
    /// How many bytes changed.
    pub(crate) count: u64,
    /// What the first eight bytes behind the block hold now, the first one lowest.
    pub(crate) found: u64,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Written { offset, count: 1, .. } => {
                write!(f, "the byte {offset} past the end of the block was written")
            }
            Written { offset, count, .. } => {
                write!(f, "{count} bytes behind the block were written, from {offset} past its end on")
            }
        }
    }
}

impl Session {
    /// The end of a block and its slack.
    pub(crate) fn end_with_slack(&self, address: VirtualAddress, size: Bytes) -> VirtualAddress {
        let wasted_tail = self.order.waste_tails && size > PAGE_SIZE;
        let multiple = if wasted_tail { PAGE_SIZE } else { GRANULE };
        VirtualAddress(address.0 + size.0.max(1).next_multiple_of(multiple.0))
    }

    /// Where a block's slack lies; the rest of the last page, where that is nobody's either.
    fn slack(&self, address: VirtualAddress, size: Bytes) -> (VirtualAddress, Bytes) {
        let start = VirtualAddress(address.0 + size.0);
        (start, Bytes(self.end_with_slack(address, size).0 - start.0))
    }

    /// What slack holds: never zero, which is what overruns write most, and never what uninitialized memory holds.
    fn mark(&self) -> u8 {
        self.rubbish ^ 0x5A
    }

    /// Marks the slack of a block that is handed out.
    pub(crate) fn mark_slack(&self, address: VirtualAddress, size: Bytes) {
        let (at, length) = self.slack(address, size);
        // The slack lies in the block's last page, so this can't fail; if it did, the block's owner would find out.
        let _ = guarded::fill(at, length, self.mark());
    }

    /// What was written to a block's slack since it was marked.
    pub(crate) fn written_slack(&self, address: VirtualAddress, size: Bytes) -> Option<Written> {
        let (at, length) = self.slack(address, size);
        let mut bytes = vec![0; length.as_usize()];
        guarded::read(at, &mut bytes).ok()?;
        let changed = |byte: &u8| *byte != self.mark();
        let offset = bytes.iter().position(changed)?;
        let count = bytes.iter().filter(|byte| changed(byte)).count() as u64;
        let found = bytes.iter().take(8).rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
        Some(Written { offset: Bytes(offset as u64), count, found })
    }
}
