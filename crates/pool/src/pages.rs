//! The pages of all arenas: from an address to its descriptor and slot, without a lock.
//!
//! # Promise
//! Only descriptors of the pool's pages, and slots that these name, are reached.
#![expect(unsafe_code, reason = "the fast paths find descriptors and slots without bounds checks")]

use crate::class::Classes;
use crate::cut::{Cut, Spot};
use crate::descriptor::Descriptor;
use crate::geometry::PAGE;
use crate::metadata::Array;
use crate::sync::{AtomicU16, AtomicU32, AtomicU64, Ordering};
use crate::{NodeNumber, Region};
use core::ops::Index;
use ntpool_types::{PageCount, PoolKind, VirtualAddress};

/// The most arenas that a pool has: three kinds on eight nodes.
pub(crate) const ARENA_LIMIT: usize = PoolKind::ALL.len() * NodeNumber::LIMIT;

/// The addresses of one arena: one kind of pool on one node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) base: VirtualAddress,
    pub(crate) bytes: u64,
    /// The number of its first page's descriptor.
    pub(crate) first: usize,
    pub(crate) kind: PoolKind,
    pub(crate) node: NodeNumber,
}

impl Span {
    /// No addresses.
    pub(crate) const EMPTY: Span =
        Span { base: VirtualAddress(0), bytes: 0, first: 0, kind: PoolKind::NonPaged, node: NodeNumber(0) };

    /// How many pages there are.
    pub(crate) fn pages(&self) -> u32 {
        (self.bytes / PAGE as u64) as u32
    }

    /// The address `offset` bytes into page `page` of the span.
    pub(crate) fn address(&self, page: u32, offset: usize) -> VirtualAddress {
        VirtualAddress(self.base.0 + u64::from(page) * PAGE as u64 + offset as u64)
    }
}

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    /// Of which arena.
    pub(crate) arena: usize,
    /// The page, counted from the arena's first.
    pub(crate) page: u32,
    /// The offset in the page.
    pub(crate) offset: usize,
}

/// The address lies in another span, or in none.
pub(crate) struct Elsewhere;

/// Descriptors and slots of every page.
pub(crate) struct Pages {
    spans: [Span; ARENA_LIMIT],
    count: usize,
    classes: &'static Classes,
    /// How each page is cut, by the number of its descriptor.
    cuts: Array<AtomicU64>,
    descriptors: Array<Descriptor>,
    /// A bit for each page where something begins, by the number of its descriptor.
    heads: Array<AtomicU64>,
    slots: Array<AtomicU16>,
    /// By arena: the first page that was never taken, nor any behind it.
    frontiers: [AtomicU32; ARENA_LIMIT],
}

/// Spans begin at descriptors with numbers that are multiples of this, so that no two share a word of bits.
pub(crate) const SPAN_STEP: usize = 64;

/// The descriptors of one arena's pages, by page.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a> {
    cuts: &'a [AtomicU64],
    descriptors: &'a [Descriptor],
    heads: &'a [AtomicU64],
}

impl Index<usize> for Table<'_> {
    type Output = Descriptor;

    #[inline(always)]
    fn index(&self, page: usize) -> &Descriptor {
        &self.descriptors[page]
    }
}

impl<'a> Table<'a> {
    /// How many pages there are.
    pub(crate) fn count(self) -> u32 {
        self.descriptors.len() as u32
    }

    /// The descriptor of a page, if there is such a page.
    pub(crate) fn get(self, page: u32) -> Option<&'a Descriptor> {
        self.descriptors.get(page as usize)
    }

    /// How a page is cut.
    #[inline(always)]
    pub(crate) fn cut(self, page: u32) -> Cut {
        Cut::from_word(self.cuts[page as usize].load(Ordering::Relaxed))
    }

    /// Changes how a page is cut. Inside the central lock.
    pub(crate) fn set_cut(self, page: u32, cut: Cut) {
        self.cuts[page as usize].store(cut.word(), Ordering::Relaxed);
    }

    /// Whether something begins at `page`.
    pub(crate) fn is_head(self, page: u32) -> bool {
        self.heads[page as usize / 64].load(Ordering::Relaxed) >> (page % 64) & 1 != 0
    }

    /// Makes `page` the beginning of something, or no longer. Inside the central lock.
    pub(crate) fn mark_head(self, page: u32, on: bool) {
        let word = &self.heads[page as usize / 64];
        let bits = word.load(Ordering::Relaxed);
        let bit = 1 << (page % 64);
        word.store(if on { bits | bit } else { bits & !bit }, Ordering::Relaxed);
    }

    /// The page where what holds `page` begins.
    ///
    /// Steps: a word of 64 pages each, back to there; for questions about addresses, never on the way of a request.
    pub(crate) fn head_of(self, page: u32) -> u32 {
        let mut word = page as usize / 64;
        let mut bits = self.heads[word].load(Ordering::Relaxed) & (u64::MAX >> (63 - page % 64));
        while bits == 0 {
            let Some(before) = word.checked_sub(1) else { return 0 };
            word = before;
            bits = self.heads[word].load(Ordering::Relaxed);
        }
        (word * 64) as u32 + bits.ilog2()
    }

    /// The first page at or behind `page` and before `end` where something begins.
    pub(crate) fn next_head(self, page: u32, end: u32) -> Option<u32> {
        let mut word = page as usize / 64;
        let mut bits = self.heads.get(word)?.load(Ordering::Relaxed) & (u64::MAX << (page % 64));
        while bits == 0 {
            word += 1;
            if word * 64 >= end as usize {
                return None;
            }
            bits = self.heads.get(word)?.load(Ordering::Relaxed);
        }
        Some((word * 64) as u32 + bits.trailing_zeros()).filter(|&head| head < end)
    }
}

impl Pages {
    /// The pages of `spans`, whose cuts, descriptors and slots these are.
    pub(crate) fn new(
        spans: impl Iterator<Item = Span>,
        classes: &'static Classes,
        cuts: Array<AtomicU64>,
        descriptors: Array<Descriptor>,
        heads: Array<AtomicU64>,
        slots: Array<AtomicU16>,
    ) -> Pages {
        let mut pages = Pages {
            spans: [Span::EMPTY; ARENA_LIMIT],
            count: 0,
            classes,
            cuts,
            descriptors,
            heads,
            slots,
            frontiers: core::array::from_fn(|_| AtomicU32::new(0)),
        };
        for span in spans {
            pages.spans[pages.count] = span;
            pages.count += 1;
        }
        assert!(pages.spans[0].first == 0, "the first span's pages are the first");
        pages
    }

    /// The arenas.
    pub(crate) fn spans(&self) -> &[Span] {
        &self.spans[..self.count]
    }

    /// The arena with this number.
    pub(crate) fn span(&self, arena: usize) -> &Span {
        &self.spans()[arena]
    }

    /// Where an address lies, if in a span.
    pub(crate) fn locate(&self, address: VirtualAddress) -> Option<Located> {
        self.spans().iter().enumerate().find_map(|(arena, span)| {
            let offset = address.0.wrapping_sub(span.base.0);
            let page = (offset / PAGE as u64) as u32;
            (offset < span.bytes).then_some(Located { arena, page, offset: (offset as usize) % PAGE })
        })
    }

    /// The block that begins at an address, by what its page's descriptor says, and its arena; whether it is live, its
    /// slot tells.
    pub(crate) fn block_beginning_at(&self, address: VirtualAddress) -> Option<(usize, Spot)> {
        self.spans().iter().enumerate().find_map(|(arena, span)| {
            let spot = self.block_of(self.classes, span, address).ok()?;
            Some(spot.map(|spot| (arena, spot)))
        })?
    }

    /// The same for an address of the first span, which is all that a process's pool has.
    #[inline(always)]
    pub(crate) fn block_in_first_span(
        &self,
        classes: &'static Classes,
        address: VirtualAddress,
    ) -> Result<Option<Spot>, Elsewhere> {
        let span = &self.spans[0];
        let offset = address.0.wrapping_sub(span.base.0);
        if offset >= span.bytes {
            return Err(Elsewhere);
        }
        Ok(self.block_at(classes, 0, offset))
    }

    #[inline(always)]
    fn block_of(
        &self,
        classes: &Classes,
        span: &Span,
        address: VirtualAddress,
    ) -> Result<Option<Spot>, Elsewhere> {
        let offset = address.0.wrapping_sub(span.base.0);
        if offset >= span.bytes {
            return Err(Elsewhere);
        }
        Ok(self.block_at(classes, span.first, offset))
    }

    /// The block that begins at an offset into the span whose first page's number is `first`; the offset is inside.
    #[inline(always)]
    fn block_at(&self, classes: &Classes, first: usize, offset: u64) -> Option<Spot> {
        let index = first.wrapping_add((offset / PAGE as u64) as usize);
        // SAFETY: 1. a span has a cut for each of its pages, from `first` on, and both callers have looked that the offset
        // is below the span's bytes.
        let cut = unsafe { self.cuts.at_unchecked(index) };
        let cut = Cut::from_word(cut.load(Ordering::Relaxed));
        cut.block_beginning_at(classes, offset as usize % PAGE)
    }

    /// The descriptors of an arena's pages.
    pub(crate) fn of(&self, arena: usize) -> Table<'_> {
        let span = self.span(arena);
        let (first, count) = (span.first, span.pages() as usize);
        Table {
            cuts: &self.cuts[first..first + count],
            descriptors: &self.descriptors[first..first + count],
            heads: &self.heads[first / 64..first / 64 + count.div_ceil(64)],
        }
    }

    /// The slot with this number, which comes from a cut of these pages.
    #[inline(always)]
    pub(crate) fn slot(&self, number: usize) -> &AtomicU16 {
        // SAFETY: 1. every caller has the number from a cut, or from a magazine's entry, which has it from one: a unit of
        // an area or 0, and a block's number, which is below the most blocks of a page, since an offset in a page is
        // divided by eight at least; so many slots follow on the last unit.
        unsafe { self.slots.at_unchecked(number) }
    }

    /// The first page of an arena that was never taken, nor any behind it.
    pub(crate) fn frontier(&self, arena: usize) -> u32 {
        self.frontiers[arena].load(Ordering::Acquire)
    }

    /// Notes that the pages below `end` may have been taken. Inside the central lock, before anything is made of them.
    pub(crate) fn advance_frontier(&self, arena: usize, end: u32) {
        if end > self.frontiers[arena].load(Ordering::Relaxed) {
            self.frontiers[arena].store(end, Ordering::Release);
        }
    }

    /// The addresses of an arena, as a region.
    pub(crate) fn region(&self, arena: usize) -> Region {
        let span = self.span(arena);
        let pages = PageCount(u64::from(span.pages()));
        Region { base: span.base, capacity: pages, limit: pages }
    }
}
