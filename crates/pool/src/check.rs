//! The consistency checker: every invariant of the metadata, run.
//!
//! It reads metadata only, never a block, so whatever callers write into their blocks leaves it true. It writes one bit
//! of slots, to see that every block that is not live is in exactly one place. It is linear in the pages in use, their
//! blocks and the known tags.
//!
//! # What a lossy pool may lack
//! A copy of a process that has [abandoned](crate::Pool::abandon) a shard has lost what that shard's thread was about.
//! There, and nowhere else, three more things are accepted, each of them something missing: a block that is in no place
//! at all; pages that are still leaving, taken from the free runs and never brought back; live blocks of a tag that no
//! shard has counted. A block in two places is none of them, nor is one place that contradicts another.

use crate::arena::{Arena, Chain, MAIN, REST, list};
use crate::central::Central;
use crate::class::Classes;
use crate::descriptor::State;
use crate::geometry::PAGE;
use crate::pages::{Pages, Table};
use crate::runs::Sort;
use crate::shard::{Entry, Shards};
use crate::slab;
use crate::slot;
use crate::slots::{self, STRIPES};
use crate::snapshot::Snapshot;
use crate::sync::{AtomicU16, Ordering};
use crate::tag_table::{TagIndex, TagTable};
use core::fmt;
use ntpool_types::{PoolKind, VirtualAddress};

/// An invariant that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// Every page is in one free run or taken, and runs are in the bins of their lengths.
    PageHeap,
    /// A cut page holds a block that is live, in a magazine, in the depot or in quarantine.
    PageUse,
    /// A page is cut as its class and start demand.
    Cut,
    /// Every block is live, or in one magazine, the depot or quarantine, or in its page's bitmap: in one of them.
    BlockSets,
    /// A block is no larger than its place, and its tag is known.
    Record,
    /// A large block's pages name it, and its last one says where it ends.
    Large,
    /// A tail is idle exactly while its large block is live and nothing is cut from the tail.
    IdleTail,
    /// Every page with a free block is in the list of its class, once, and no other is.
    List,
    /// Every known tag is found in the table of tags, and no other is.
    TagTable,
    /// The counts of tags are the number and the bytes of the live blocks.
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
            Invariant::PageHeap => "the page heap contradicts itself",
            Invariant::PageUse => "a page is in use without a block",
            Invariant::Cut => "a page is not cut as its class demands",
            Invariant::BlockSets => "a block is in no place or in two: live, magazine, depot, bitmap",
            Invariant::Record => "a block's record does not fit its place or names no tag",
            Invariant::Large => "a large block's pages do not name it",
            Invariant::IdleTail => "a tail is marked idle and is not, or the other way round",
            Invariant::List => "the lists of pages with free blocks contradict the pages",
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

/// What the checks of one pool need.
struct Checker<'a> {
    central: &'a Central,
    pages: &'a Pages,
    tags: &'a TagTable,
    slack: &'a [AtomicU16],
    classes: &'static Classes,
    lossy: bool,
}

/// What a walk over an arena's pages adds up.
#[derive(Default)]
struct Seen {
    partial: usize,
    rests: usize,
    tails: usize,
    free: [u64; 2],
    runs: [usize; 2],
}

/// Checks every invariant but that of the counters. `lossy` says that a shard was abandoned.
pub(crate) fn check(
    central: &Central,
    pages: &Pages,
    shards: &Shards,
    tags: &TagTable,
    slack: &[AtomicU16],
    classes: &'static Classes,
    lossy: bool,
) -> Result<(), Inconsistency> {
    demand(tags.is_consistent(), Invariant::TagTable, VirtualAddress::NULL)?;
    let checker = Checker { central, pages, tags, slack, classes, lossy };
    let marked = checker.each_kept(shards, |entry, bin| checker.mark(entry, bin));
    let checked = marked.and_then(|()| central.arenas().try_for_each(|arena| checker.arena(arena)));
    // The marks go again, whatever came out.
    let unmarked = checker.each_kept(shards, |entry, _| {
        slot::mark(pages.slot(entry.slot as usize), false);
        Ok(())
    });
    checked.and(unmarked)
}

/// Checks the sums of a fresh snapshot against the counters, with nobody running.
pub(crate) fn check_counters(
    snapshot: &Snapshot,
    tags: &TagTable,
    shards: &Shards,
    uncounted: bool,
) -> Result<(), Inconsistency> {
    for tag in tags.indices() {
        for kind in PoolKind::ALL {
            let sums = snapshot.sums(kind, tag);
            let exact = sums.allocations == shards.allocations(kind, tag) && sums.frees <= sums.allocations;
            let empty = sums.allocations > sums.frees || sums.bytes == 0 || uncounted;
            demand(exact && empty, Invariant::Counters, VirtualAddress::NULL)?;
        }
    }
    Ok(())
}

impl Checker<'_> {
    /// Every block in a magazine, the depot or quarantine, with the bin it is kept under, if by bin.
    fn each_kept(
        &self,
        shards: &Shards,
        mut each: impl FnMut(Entry, Option<usize>) -> Result<(), Inconsistency>,
    ) -> Result<(), Inconsistency> {
        for bin in 0..self.pages.spans().len() * self.classes.count() {
            for number in 0..shards.count() {
                shards.shard(number).entries(bin).try_for_each(|entry| each(entry, Some(bin)))?;
            }
            self.central.depot().entries(bin).try_for_each(|entry| each(entry, Some(bin)))?;
        }
        (0..shards.count())
            .try_for_each(|number| shards.shard(number).quarantined().try_for_each(|entry| each(entry, None)))
    }

    /// Marks a kept block: it is a block, of this bin, not live, and met once.
    fn mark(&self, entry: Entry, bin: Option<usize>) -> Result<(), Inconsistency> {
        let address = entry.address();
        let fits = self.pages.block_beginning_at(address).is_some_and(|(arena, spot)| {
            let of_bin = |bin| arena * self.classes.count() + spot.class == bin;
            spot.slot as u64 == entry.slot && bin.is_none_or(of_bin)
        });
        demand(fits, Invariant::BlockSets, address)?;
        let slot = self.pages.slot(entry.slot as usize);
        demand(!slot::read(slot).is_live(), Invariant::BlockSets, address)?;
        demand(!slot::mark(slot, true), Invariant::BlockSets, address)
    }

    fn arena(&self, arena: &Arena) -> Result<(), Inconsistency> {
        let table = self.pages.of(arena.number);
        let span = self.pages.span(arena.number);
        let mut seen = Seen::default();
        let mut page = 0;
        while page < table.count() {
            let address = span.address(page, 0);
            demand(table.is_head(page), Invariant::PageHeap, address)?;
            let length = self.head(arena, table, page, &mut seen)?;
            let inside = (page + 1..page + length).take(4).all(|page| !table.is_head(page));
            demand(inside && page + length <= table.count(), Invariant::PageHeap, address)?;
            page += length;
        }
        for sort in [Sort::Dirty, Sort::Clean] {
            let mut found = 0;
            for (bin, run, before) in arena.runs.each_free(table, sort) {
                let address = span.address(run.first, 0);
                let link_fits = before == 0 || table[before as usize - 1].next() == run.first + 1;
                let fits = arena.runs.is_bin_of(bin, run.pages, sort) && link_fits;
                demand(fits && table.is_head(run.first), Invariant::PageHeap, address)?;
                found += 1;
            }
            let sort_at = sort as usize;
            let counted = found == seen.runs[sort_at] && arena.runs.free(sort).0 == seen.free[sort_at];
            demand(counted, Invariant::PageHeap, span.base)?;
        }
        self.lists(arena, &seen)
    }

    /// Checks what begins at a page; how many pages it has.
    fn head(
        &self,
        arena: &Arena,
        table: Table<'_>,
        page: u32,
        seen: &mut Seen,
    ) -> Result<u32, Inconsistency> {
        let address = self.pages.span(arena.number).address(page, 0);
        let descriptor = &table[page as usize];
        match descriptor.state() {
            state @ (State::Dirty | State::Clean) => {
                let length = descriptor.rest_next();
                let last = table.get(page + length.max(1) - 1);
                let whole = length > 0
                    && last.is_some_and(|last| last.state() == state && last.rest_previous() == length);
                demand(whole, Invariant::PageHeap, address)?;
                let next = table.get(page + length);
                demand(next.is_none_or(|next| next.state() != state), Invariant::PageHeap, address)?;
                let sort = usize::from(state == State::Clean);
                seen.free[sort] += u64::from(length);
                seen.runs[sort] += 1;
                Ok(length)
            }
            State::Cut => {
                self.cut(arena, table, page, seen)?;
                Ok(1)
            }
            State::Large => self.large(arena, table, page, seen),
            State::Leaving if self.lossy => {
                // Nothing but where the next one begins says how long the run is.
                let end = table.next_head(page + 1, table.count()).unwrap_or(table.count());
                demand(table[end as usize - 1].state() == State::Leaving, Invariant::PageHeap, address)?;
                Ok(end - page)
            }
            _ => {
                demand(false, Invariant::PageUse, address)?;
                Ok(1)
            }
        }
    }

    fn cut(&self, arena: &Arena, table: Table<'_>, page: u32, seen: &mut Seen) -> Result<(), Inconsistency> {
        let span = self.pages.span(arena.number);
        let address = span.address(page, 0);
        let (descriptor, cut, classes) = (&table[page as usize], table.cut(page), self.classes);
        let room = PAGE - cut.start();
        let whole = cut.is_small(classes)
            && cut.count(classes) > 0
            && descriptor.area() >= slots::units(cut.blocks(classes));
        demand(whole, Invariant::Cut, address)?;
        let rest = room % classes.size(cut.class());
        let rest_size = classes.size(cut.rest_class());
        demand(rest == 0 || rest_size == rest, Invariant::Cut, address)?;
        let mut free = 0;
        let count = cut.count(classes);
        for number in 0..cut.blocks(classes) {
            let block = span.address(page, cut.block_offset(classes, number));
            let word = slot::read(self.pages.slot(cut.slot(number)));
            let in_bitmap = if number < count {
                slab::bit(self.pages, classes, descriptor, cut, number)
            } else {
                descriptor.rest_free() != 0
            };
            self.in_one_place(&[word.is_live(), word.is_marked(), in_bitmap], block)?;
            free += usize::from(in_bitmap && number < count);
            if word.is_live() {
                let place = classes.size(cut.class_of(classes, number));
                self.record(cut.slot(number), place, word.tag(), block)?;
            }
        }
        demand(free == descriptor.free(), Invariant::BlockSets, address)?;
        let rest_free = rest > 0 && descriptor.rest_free() != 0;
        demand(free < count || (rest > 0 && !rest_free), Invariant::PageUse, address)?;
        seen.partial += usize::from(free > 0);
        seen.rests += usize::from(rest_free);
        Ok(())
    }

    /// Of all places where a block may be it is in one; in a lossy pool, in one at most.
    fn in_one_place(&self, places: &[bool], block: VirtualAddress) -> Result<(), Inconsistency> {
        let count = places.iter().filter(|&&place| place).count();
        demand(count == 1 || (count == 0 && self.lossy), Invariant::BlockSets, block)
    }

    fn large(
        &self,
        arena: &Arena,
        table: Table<'_>,
        page: u32,
        seen: &mut Seen,
    ) -> Result<u32, Inconsistency> {
        let span = self.pages.span(arena.number);
        let address = span.address(page, 0);
        let (head, cut) = (&table[page as usize], table.cut(page));
        let (length, bytes) = (head.rest_next(), head.bits());
        let fits = length > 0
            && bytes.div_ceil(PAGE as u64) == u64::from(length)
            && !cut.is_small(self.classes)
            && head.area() >= 1;
        demand(fits, Invariant::Large, address)?;
        let word = slot::read(self.pages.slot(cut.slot(0)));
        self.in_one_place(&[word.is_live(), word.is_marked()], address)?;
        if word.is_live() {
            let most = bytes.min(usize::MAX as u64) as usize;
            self.record(cut.slot(0), most, word.tag(), address)?;
        }
        if length > 1 {
            let last = page + length - 1;
            let descriptor = table.get(last).ok_or(Inconsistency { invariant: Invariant::Large, address })?;
            let end = (bytes % PAGE as u64) as usize;
            demand(end == 0 || table.cut(last).start() == end, Invariant::Large, address)?;
            match descriptor.state() {
                State::Cut => {
                    demand(end > 0, Invariant::Large, address)?;
                    self.cut(arena, table, last, seen)?;
                }
                State::IdleTail => {
                    demand(end > 0, Invariant::IdleTail, address)?;
                    seen.tails += 1;
                }
                state => demand(state == State::NoTail, Invariant::Large, address)?,
            }
        }
        Ok(length)
    }

    fn record(
        &self,
        slot: usize,
        place: usize,
        tag: u16,
        block: VirtualAddress,
    ) -> Result<(), Inconsistency> {
        let slack = self.slack.get(slot).map_or(0, |slack| slack.load(Ordering::Relaxed));
        let known = self.tags.indices().nth(usize::from(tag)) == Some(TagIndex::named(tag));
        demand(usize::from(slack) <= place && known, Invariant::Record, block)
    }

    /// Walks all lists: whether each page belongs there, names its neighbour, and none is missing.
    fn lists(&self, arena: &Arena, seen: &Seen) -> Result<(), Inconsistency> {
        let table = self.pages.of(arena.number);
        let span = self.pages.span(arena.number);
        let mut found = [0; 3];
        let is_cut = |page: u32| table[page as usize].state() == State::Cut;
        let mut walked = Ok(());
        for (stripe, class) in
            (0..STRIPES).flat_map(|stripe| (0..self.classes.small_count()).map(move |class| (stripe, class)))
        {
            let is_own = |page: u32| table[page as usize].stripe() == stripe;
            walked = walked.and(walk(table, arena.partial[list(stripe, class)], MAIN, |page| {
                found[0] += 1;
                let is_partial = table.cut(page).class() == class && table[page as usize].free() > 0;
                is_cut(page) && is_own(page) && is_partial
            }));
            walked = walked.and(walk(table, arena.rests[list(stripe, class)], REST, |page| {
                found[1] += 1;
                let cut = table.cut(page);
                let is_rest = cut.has_rest() && table[page as usize].rest_free() != 0;
                is_cut(page) && is_own(page) && cut.rest_class() == class && is_rest
            }));
        }
        for class in 0..self.classes.small_count() {
            walked = walked.and(walk(table, arena.tails[class], MAIN, |page| {
                found[2] += 1;
                let fitting = self.classes.fitting(PAGE - table.cut(page).start());
                table[page as usize].state() == State::IdleTail && fitting == Some(class)
            }));
        }
        walked
            .map_err(|page| Inconsistency { invariant: Invariant::List, address: span.address(page, 0) })?;
        demand(found == [seen.partial, seen.rests, seen.tails], Invariant::List, span.base)
    }
}

/// Walks a list; the page where it is none.
fn walk(table: Table<'_>, first: u32, chain: Chain, mut belongs: impl FnMut(u32) -> bool) -> Result<(), u32> {
    let (mut link, mut before) = (first, 0);
    while link != 0 {
        let page = link - 1;
        let descriptor = table.get(page).ok_or(page)?;
        // Each page names the one before it, so none is met twice without this failing.
        if !belongs(page) || (chain.previous)(descriptor) != before {
            return Err(page);
        }
        before = link;
        link = (chain.next)(descriptor);
    }
    Ok(())
}
