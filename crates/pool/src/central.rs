//! The part of the pool that all shards share, under one lock: the arenas and the depot.

use crate::arena::{Allowance, Arena, Ground};
use crate::class::{Classes, MAGAZINE_LIMIT};
use crate::depot::Depot;
use crate::live::Entry as Known;
use crate::metadata::{Carver, Tally};
use crate::pages::{ARENA_LIMIT, Pages};
use crate::runs::{Run, Sort};
use crate::shard::Entry;
use crate::slots::Areas;
use crate::{Config, NoMemory, PageRun, PageSource, TailModel};
use ntpool_types::{PageCount, PoolKind};

/// How many runs are given back to the page source at a time.
pub(crate) const BATCH: usize = 64;

/// What all shards share.
pub(crate) struct Central {
    /// There are `count`, the first ones.
    arenas: [Option<Arena>; ARENA_LIMIT],
    count: usize,
    areas: Areas,
    depot: Depot,
    classes: &'static Classes,
    limits: [PageCount; 3],
    tail: TailModel,
    /// When the clock was last looked at, in milliseconds.
    looked: u64,
}

/// Runs on their way back to the page source.
pub(crate) struct Leaving {
    arena: usize,
    runs: [Run; BATCH],
    count: usize,
}

impl Leaving {
    /// The runs, as the page source is told.
    pub(crate) fn page_runs(&self, pages: &Pages) -> [PageRun; BATCH] {
        let span = pages.span(self.arena);
        self.runs.map(|run| PageRun {
            kind: span.kind,
            first: span.address(run.first, 0),
            count: PageCount(u64::from(run.pages)),
        })
    }

    /// How many of them there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The pages in them.
    pub(crate) fn pages(&self) -> u64 {
        self.runs[..self.count].iter().map(|run| u64::from(run.pages)).sum()
    }
}

impl Central {
    /// Adds what the shared part of a pool with so many arenas needs.
    pub(crate) fn tally(tally: Tally, classes: &Classes, arenas: usize) -> Tally {
        let tally = (0..arenas).fold(tally, |tally, _| Arena::tally(tally));
        Depot::tally(tally, classes, arenas)
    }

    /// The shared part of a pool without a block.
    pub(crate) fn new(
        carver: &mut Carver,
        config: &Config,
        classes: &'static Classes,
        pages: &Pages,
        areas: Areas,
    ) -> Central {
        let count = pages.spans().len();
        let arenas =
            core::array::from_fn(|number| (number < count).then(|| Arena::new(carver, number, pages)));
        let depot = Depot::new(carver, classes, count);
        let limits = config.regions.map(|region| region.limit);
        Central { arenas, count, areas, depot, classes, limits, tail: config.tail, looked: 0 }
    }

    /// Takes blocks of a bin for a shard's magazine: at least one, and no more than `most`.
    ///
    /// Steps: a bounded number for each block. Errors: [`NoMemory`]; nothing has changed.
    pub(crate) fn refill(
        &mut self,
        pages: &Pages,
        bin: usize,
        stripe: usize,
        most: usize,
        source: &impl PageSource,
        mut each: impl FnMut(Entry),
    ) -> Result<(), NoMemory> {
        if self.depot.take(bin, most, &mut each) > 0 {
            return Ok(());
        }
        let class = bin % self.classes.count();
        if class < self.classes.small_count() {
            let number = bin / self.classes.count();
            let allowance = self.allowance(pages, number);
            let (arena, mut ground) = self.arena(pages, number, allowance, stripe);
            return arena.take_small(&mut ground, class, most, source, each).map(drop);
        }
        let bytes = self.classes.size(class) as u64;
        self.take_run(pages, bin, stripe, bytes, 1, source).map(each)
    }

    /// Takes a run of pages of its own for a block with `bytes` bytes.
    ///
    /// Errors: [`NoMemory`]; nothing has changed.
    pub(crate) fn take_run(
        &mut self,
        pages: &Pages,
        bin: usize,
        stripe: usize,
        bytes: u64,
        alignment: u32,
        source: &impl PageSource,
    ) -> Result<Entry, NoMemory> {
        let (class, number) = (bin % self.classes.count(), bin / self.classes.count());
        let allowance = self.allowance(pages, number);
        let (arena, mut ground) = self.arena(pages, number, allowance, stripe);
        arena.take_large(&mut ground, class, bytes, alignment, source)
    }

    /// Takes free blocks of a bin back: into the depot while it has room, then to where they came from.
    pub(crate) fn take_back(&mut self, pages: &Pages, bin: usize, entries: impl Iterator<Item = Entry>) {
        let mut entries = entries;
        self.depot.put(bin, &mut entries);
        self.take_home(pages, bin, entries);
    }

    /// Empties the depot of a bin.
    pub(crate) fn empty_depot(&mut self, pages: &Pages, bin: usize) {
        while self.depot.count(bin) > 0 {
            let mut home = [Entry::NONE; MAGAZINE_LIMIT];
            let mut count = 0;
            self.depot.take(bin, MAGAZINE_LIMIT, |entry| {
                home[count] = entry;
                count += 1;
            });
            self.take_home(pages, bin, home[..count].iter().copied());
        }
    }

    /// Takes free blocks of a bin back to their pages, or ends their runs.
    pub(crate) fn take_home(&mut self, pages: &Pages, bin: usize, entries: impl Iterator<Item = Entry>) {
        let (class, number) = (bin % self.classes.count(), bin / self.classes.count());
        let small = class < self.classes.small_count();
        let (arena, mut ground) = self.arena(pages, number, Allowance::default(), 0);
        if small {
            arena.return_small(&mut ground, entries);
            return;
        }
        for entry in entries {
            let page = ground.page_of(entry.address());
            arena.return_large(&mut ground, page);
        }
    }

    /// Makes a live block above a page one of a class with so many bytes, where it is; whether that could be done.
    pub(crate) fn resize(
        &mut self,
        pages: &Pages,
        block: &Known,
        class: usize,
        bytes: u64,
        source: &impl PageSource,
    ) -> bool {
        let allowance = self.allowance(pages, block.arena);
        let (arena, mut ground) = self.arena(pages, block.arena, allowance, 0);
        arena.resize_large(&mut ground, block.page, class, bytes, source)
    }

    /// Every arena.
    pub(crate) fn arenas(&self) -> impl Iterator<Item = &Arena> {
        self.arenas[..self.count].iter().flatten()
    }

    /// The arena with this number.
    pub(crate) fn arena_at(&self, number: usize) -> &Arena {
        self.arenas[number].as_ref().expect("numbers come from spans")
    }

    /// The depot.
    pub(crate) fn depot(&self) -> &Depot {
        &self.depot
    }

    /// The pages of one kind: in use, and committed.
    pub(crate) fn usage(&self, kind: PoolKind) -> (PageCount, PageCount) {
        let of_kind = self.arenas().filter(|arena| arena.kind == kind);
        of_kind.fold((PageCount(0), PageCount(0)), |(in_use, committed), arena| {
            (PageCount(in_use.0 + arena.in_use().0), PageCount(committed.0 + arena.committed))
        })
    }

    /// Whether a kind has all the pages in use that it may.
    pub(crate) fn is_at_limit(&self, kind: PoolKind) -> bool {
        self.usage(kind).0 >= self.limit(kind)
    }

    /// The most pages of one kind that may be in use.
    pub(crate) fn limit(&self, kind: PoolKind) -> PageCount {
        self.limits[kind.index()]
    }

    /// The dirty pages that nobody needed since this was last answered, less `reserve`; `None` if that is not long enough
    /// ago.
    pub(crate) fn idle_pages(&mut self, now: u64, period: u64, reserve: u64) -> Option<u64> {
        if now.wrapping_sub(self.looked) < period {
            return None;
        }
        self.looked = now;
        let mut idle = 0;
        for arena in self.arenas.iter_mut().flatten() {
            idle += arena.idle_dirty;
            arena.idle_dirty = arena.runs.free(Sort::Dirty).0;
        }
        Some(idle.saturating_sub(reserve))
    }

    /// Takes dirty runs, the longest first, at most `most` pages, to be given back to the page source.
    pub(crate) fn begin_leaving(&mut self, pages: &Pages, most: u64) -> Option<Leaving> {
        let arena = self.arenas.iter_mut().flatten().find(|arena| arena.runs.free(Sort::Dirty).0 > 0)?;
        let descriptors = pages.of(arena.number);
        let mut left = most;
        let mut leaving =
            Leaving { arena: arena.number, runs: [Run { first: 0, pages: 0 }; BATCH], count: 0 };
        while leaving.count < BATCH && left > 0 {
            let limit = u32::try_from(left).unwrap_or(u32::MAX);
            let Some(run) = arena.runs.take_dirty(descriptors, limit) else { break };
            leaving.runs[leaving.count] = run;
            leaving.count += 1;
            left -= u64::from(run.pages);
        }
        arena.idle_dirty = arena.idle_dirty.min(arena.runs.free(Sort::Dirty).0);
        (leaving.count > 0).then_some(leaving)
    }

    /// Makes runs free again that were on their way back, clean if the source has taken them.
    pub(crate) fn end_leaving(&mut self, pages: &Pages, leaving: &Leaving, taken: bool) {
        let arena = self.arenas[leaving.arena].as_mut().expect("numbers come from spans");
        let descriptors = pages.of(leaving.arena);
        for &run in &leaving.runs[..leaving.count] {
            arena.runs.give_back(descriptors, run, if taken { Sort::Clean } else { Sort::Dirty });
            if taken {
                arena.committed -= u64::from(run.pages);
            }
        }
    }

    /// How many pages of an arena's kind may still be taken.
    fn allowance(&self, pages: &Pages, number: usize) -> Allowance {
        let kind = pages.span(number).kind;
        let (limit, (in_use, committed)) = (self.limit(kind).0, self.usage(kind));
        Allowance { pages: limit.saturating_sub(in_use.0), clean: limit.saturating_sub(committed.0) }
    }

    /// An arena, and what it needs of the rest.
    fn arena<'a>(
        &'a mut self,
        pages: &'a Pages,
        number: usize,
        allowance: Allowance,
        stripe: usize,
    ) -> (&'a mut Arena, Ground<'a>) {
        let arena = self.arenas[number].as_mut().expect("numbers come from spans");
        let ground = Ground {
            pages,
            table: pages.of(number),
            base: pages.span(number).base,
            classes: self.classes,
            areas: &mut self.areas,
            tail: self.tail,
            allowance,
            stripe,
        };
        (arena, ground)
    }
}
