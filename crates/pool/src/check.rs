//! The consistency checker: every invariant of the metadata, run.
//!
//! It reads metadata only, never a block, so whatever callers write into their blocks leaves it true. It is linear in
//! the committed pages and the known tags.

use crate::TailModel;
use crate::arena::{Arena, Spot, record_index};
use crate::bitmap;
use crate::central::Central;
use crate::class::SizeClass;
use crate::descriptor::{Descriptor, Node, Page, Side};
use crate::geometry::{BLOCKS_PER_PAGE, GEOMETRY, PAGE};
use crate::shard::Shards;
use crate::slab::Lists;
use crate::tag_table::{TagIndex, TagTable};
use core::fmt;
use ntpool_types::{Bytes, PoolKind, VirtualAddress};

/// An invariant that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// The bitmap of free pages agrees with its counts, and no more is committed than may be.
    PageMap,
    /// A page is in use exactly while it holds a live block.
    PageUse,
    /// A page is cut as its class and start demand.
    Cut,
    /// Every live block is known, every known block exists, and parts count their live blocks.
    BlockSets,
    /// A block is no larger than its place, and its tag is known.
    Record,
    /// Every page of a live large block names the block's first page, and is cut where the block ends.
    Large,
    /// A tail is idle exactly while its large block is live and nothing is in the tail.
    IdleTail,
    /// Every part with a free block is in the list of its class, once, and no other is.
    List,
    /// Every known tag is found in the table of tags, and no other is.
    TagTable,
    /// The counters' sums are the number and the bytes of the live blocks.
    Counters,
}

/// A broken invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inconsistency {
    /// Which one.
    pub invariant: Invariant,
    /// Where: the page or block that does not fit, or the region's base; NULL for the pool as a whole.
    pub address: VirtualAddress,
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.invariant {
            Invariant::PageMap => "the map of free pages contradicts itself",
            Invariant::PageUse => "a page is in use without a live block, or free with one",
            Invariant::Cut => "a page is not cut as its class demands",
            Invariant::BlockSets => "a page's sets of live and known blocks contradict its counts",
            Invariant::Record => "a block's record does not fit its place or names no tag",
            Invariant::Large => "a large block's pages do not name it",
            Invariant::IdleTail => "a tail is marked idle and is not, or the other way round",
            Invariant::List => "the lists of parts with free blocks contradict the pages",
            Invariant::TagTable => "the table of tags contradicts itself",
            Invariant::Counters => "the counters of tags contradict the live blocks",
        };
        write!(f, "pool metadata about {}: {what}; the pool can't be used any more", self.address)
    }
}

impl core::error::Error for Inconsistency {}

/// Fails with `invariant` unless it holds.
fn demand(holds: bool, invariant: Invariant, address: VirtualAddress) -> Result<(), Inconsistency> {
    if holds { Ok(()) } else { Err(Inconsistency { invariant, address }) }
}

/// What a walk over an arena adds up.
#[derive(Default)]
struct Seen {
    blocks: u64,
    bytes: u64,
    listed_parts: usize,
    idle_tails: usize,
}

/// Checks every invariant.
pub(crate) fn check(central: &Central, shards: &Shards) -> Result<(), Inconsistency> {
    demand(central.tags.is_consistent(), Invariant::TagTable, VirtualAddress::NULL)?;
    for arena in &central.arenas {
        let base = arena.region.base;
        demand(arena.map.is_consistent(), Invariant::PageMap, base)?;
        let mut seen = Seen::default();
        for page in (0..arena.map.committed().0 as u32).map(Page) {
            check_page(arena, page, &central.tags, &mut seen)?;
        }
        let listed = |node: Node, class| {
            let descriptor = &arena.descriptors[node.page().index()];
            descriptor.part(node.side()).class == class && is_listed(arena, node.page(), node.side())
        };
        check_lists(arena, &arena.partial, seen.listed_parts, listed)?;
        let idle = |node: Node, class| {
            let descriptor = &arena.descriptors[node.page().index()];
            descriptor.idle_tail && descriptor.room_class() == Some(class) && node.side() == Side::Main
        };
        check_lists(arena, &arena.tails, seen.idle_tails, idle)?;
        check_counters(&central.tags, shards, arena.kind, &seen)?;
    }
    Ok(())
}

fn check_page(arena: &Arena, page: Page, tags: &TagTable, seen: &mut Seen) -> Result<(), Inconsistency> {
    let address = arena.address(page, 0);
    let descriptor = &arena.descriptors[page.index()];
    check_parts(descriptor, address)?;
    check_records(arena, page, tags, seen)?;
    let large = arena.has_live_large(page);
    let small = descriptor.live_count() > 0;
    demand(arena.map.is_free(page) != (large || small), Invariant::PageUse, address)?;
    let room = descriptor.room_class().is_some();
    demand(descriptor.idle_tail == (large && room && !small), Invariant::IdleTail, address)?;
    seen.idle_tails += usize::from(descriptor.idle_tail);
    seen.listed_parts +=
        [Side::Main, Side::Rest].iter().filter(|&&side| is_listed(arena, page, side)).count();
    if descriptor.large.live {
        check_large(arena, page, tags)?;
        seen.blocks += 1;
        seen.bytes += descriptor.large.size;
    }
    Ok(())
}

/// Whether the part belongs into the list of its class.
fn is_listed(arena: &Arena, page: Page, side: Side) -> bool {
    let descriptor = &arena.descriptors[page.index()];
    let part = descriptor.part(side);
    !arena.map.is_free(page) && descriptor.live_count() > 0 && part.live < part.count
}

fn check_parts(descriptor: &Descriptor, address: VirtualAddress) -> Result<(), Inconsistency> {
    let start = usize::from(descriptor.start);
    demand(start.is_multiple_of(GEOMETRY.granule) && start <= PAGE, Invariant::Cut, address)?;
    let (main, rest) = (descriptor.part(Side::Main), descriptor.part(Side::Rest));
    if main.count > 0 {
        let mut anew = Descriptor::taken_from(start);
        anew.cut(main.class);
        let same = |side| {
            let (is, should) = (descriptor.part(side), anew.part(side));
            is.count == should.count && is.class == should.class
        };
        demand(same(Side::Main) && same(Side::Rest), Invariant::Cut, address)?;
    }
    let (_, end) = descriptor.numbers(Side::Rest);
    demand(end <= BLOCKS_PER_PAGE && (main.count > 0 || rest.count == 0), Invariant::Cut, address)?;
    let subset = descriptor.live.iter().zip(&descriptor.known).all(|(live, known)| live & !known == 0);
    let beyond = bitmap::first(&descriptor.known, end, BLOCKS_PER_PAGE, true);
    demand(subset && beyond.is_none(), Invariant::BlockSets, address)?;
    for side in [Side::Main, Side::Rest] {
        let (from, to) = descriptor.numbers(side);
        let live = bitmap::count(&descriptor.live, from, to);
        demand(live == usize::from(descriptor.part(side).live), Invariant::BlockSets, address)?;
    }
    Ok(())
}

fn check_records(arena: &Arena, page: Page, tags: &TagTable, seen: &mut Seen) -> Result<(), Inconsistency> {
    let descriptor = &arena.descriptors[page.index()];
    let mut from = 0;
    while let Some(number) = bitmap::first(&descriptor.live, from, BLOCKS_PER_PAGE, true) {
        let record = arena.records[record_index(page, number)];
        let room = descriptor.part(descriptor.side_of(number)).class.size();
        let address = arena.address(page, descriptor.block_offset(number));
        let fits = SizeClass::holding(usize::from(record.size)).is_some_and(|class| class.size() == room);
        demand(fits && is_known(tags, record.tag), Invariant::Record, address)?;
        seen.blocks += 1;
        seen.bytes += u64::from(record.size);
        from = number + 1;
    }
    Ok(())
}

fn is_known(tags: &TagTable, tag: TagIndex) -> bool {
    tags.nth(tag.index()) == Some(tag)
}

fn check_large(arena: &Arena, head: Page, tags: &TagTable) -> Result<(), Inconsistency> {
    let address = arena.address(head, 0);
    let large = arena.descriptors[head.index()].large;
    let size = Bytes(large.size);
    demand(
        arena.entry(Spot::Large(head)).is_some() && is_known(tags, large.tag),
        Invariant::Record,
        address,
    )?;
    demand(
        large.pages > 1 && size.pages_rounded_up().0 == u64::from(large.pages),
        Invariant::Large,
        address,
    )?;
    for page in (0..large.pages).map(|count| head.plus(count)) {
        let is_last = page.0 - head.0 == large.pages - 1;
        let end =
            if is_last && arena.tail == TailModel::Reuse { GEOMETRY.end_in_last_page(size) } else { PAGE };
        let committed = arena.map.is_committed(page);
        demand(committed && arena.large_of(page) == Some(head), Invariant::Large, address)?;
        demand(usize::from(arena.descriptors[page.index()].start) == end, Invariant::Large, address)?;
    }
    Ok(())
}

/// Walks all lists: whether each node belongs there, names its neighbour, and none is missing.
fn check_lists(
    arena: &Arena,
    lists: &Lists,
    expected: usize,
    belongs: impl Fn(Node, SizeClass) -> bool,
) -> Result<(), Inconsistency> {
    let mut found = 0;
    for class in SizeClass::all() {
        let mut previous = None;
        let mut next = lists[class.index()];
        while let Some(node) = next {
            let address = arena.address(node.page(), 0);
            demand(arena.map.is_committed(node.page()), Invariant::List, address)?;
            let part = arena.descriptors[node.page().index()].part(node.side());
            // Each node names the one before it, so none is met twice without this failing.
            demand(belongs(node, class) && part.previous == previous, Invariant::List, address)?;
            found += 1;
            previous = Some(node);
            next = part.next;
        }
    }
    demand(found == expected, Invariant::List, arena.region.base)
}

fn check_counters(
    tags: &TagTable,
    shards: &Shards,
    kind: PoolKind,
    seen: &Seen,
) -> Result<(), Inconsistency> {
    let (mut blocks, mut bytes) = (0_u64, 0_u64);
    for index in (0..).map_while(|place| tags.nth(place)) {
        let sums = shards.sum(index, kind);
        blocks = blocks.wrapping_add(sums.allocations).wrapping_sub(sums.frees);
        bytes = bytes.wrapping_add(sums.bytes);
    }
    demand(blocks == seen.blocks && bytes == seen.bytes, Invariant::Counters, VirtualAddress::NULL)
}

#[cfg(test)]
mod tests;
