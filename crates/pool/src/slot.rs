//! A slot: the sixteen bits that the pool keeps of each block.
//!
//! Thirteen bits hold the tag's index, of which 4,096 are used; one says that the block is live, one that it ever was, one
//! is the checker's mark. The word is all that the fast paths write of a block's metadata, and all that a walk over the
//! pool needs to read: freeing finds the tag here, a second free finds the block no longer live, and the frees of a tag
//! are its allocations less its live slots.
//!
//! # Who writes
//! A block that is not live belongs to whoever holds the magazine or the lock it is in; it becomes live once, in that
//! holder's hands. A live block belongs to its owner, and the free that ends it is the owner's last act. So a plain load
//! and store end a block; two frees of one block that race on two processors are two owners, which there are not, and
//! are told apart only where the pool is built to check ([`end_exclusively`]).

use crate::sync::{AtomicU16, Ordering};

/// The block is live.
const LIVE: u16 = 1 << 15;

/// The block was live at some time since its page was cut.
const KNOWN: u16 = 1 << 14;

/// The block was met in a magazine, a depot or a quarantine; used by the consistency checker alone.
const MARK: u16 = 1 << 13;

/// The bits that name the tag.
const TAG: u16 = (1 << 13) - 1;

/// What a slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u16);

impl Word {
    /// What a live block's slot says; `tag` is an index of the table of tags.
    #[inline(always)]
    pub(crate) const fn live(tag: u16) -> Word {
        Word(LIVE | KNOWN | tag)
    }

    /// Whether the block is live.
    #[inline(always)]
    pub(crate) const fn is_live(self) -> bool {
        self.0 & LIVE != 0
    }

    /// Whether the block was ever live.
    pub(crate) const fn is_known(self) -> bool {
        self.0 & KNOWN != 0
    }

    /// Whether the checker has met the block.
    pub(crate) const fn is_marked(self) -> bool {
        self.0 & MARK != 0
    }

    /// The index of the tag that the block is, or was, counted under.
    #[inline(always)]
    pub(crate) const fn tag(self) -> u16 {
        self.0 & TAG
    }
}

/// What the slot says.
#[inline(always)]
pub(crate) fn read(slot: &AtomicU16) -> Word {
    Word(slot.load(Ordering::Relaxed))
}

/// Makes the block live. Release: who later reads the count of this allocation sees the block live.
#[inline(always)]
pub(crate) fn begin(slot: &AtomicU16, tag: u16) {
    slot.store(Word::live(tag).0, Ordering::Release);
}

/// Ends the block: what the slot said before. Unless that was a live block, nothing has changed.
#[inline(always)]
pub(crate) fn end(slot: &AtomicU16) -> Word {
    let word = read(slot);
    if word.is_live() {
        slot.store(word.0 & !LIVE, Ordering::Relaxed);
    }
    word
}

/// Ends the block as [`end`] does; of two that try at once, one succeeds.
#[inline(always)]
pub(crate) fn end_exclusively(slot: &AtomicU16) -> Word {
    Word(slot.fetch_and(!LIVE, Ordering::AcqRel))
}

/// Says that nothing is known of the block: its page has been cut anew.
pub(crate) fn forget(slot: &AtomicU16) {
    slot.store(0, Ordering::Relaxed);
}

/// Sets or clears the checker's mark; whether it was set before.
pub(crate) fn mark(slot: &AtomicU16, on: bool) -> bool {
    let word = slot.load(Ordering::Relaxed);
    slot.store(if on { word | MARK } else { word & !MARK }, Ordering::Relaxed);
    word & MARK != 0
}
