//! An arena: one kind of pool on one node, its free pages and its lists of pages with free blocks.

use crate::class::{CLASS_LIMIT, Classes};
use crate::cut::Cut;
use crate::descriptor::Descriptor;
use crate::geometry::PAGE;
use crate::metadata::{Array, Carver, Tally};
use crate::pages::{Pages, Span, Table};
use crate::runs::{Run, Runs, Sort};
use crate::slots::{Areas, STRIPES};
use crate::{NoMemory, PageSource, TailModel};
use ntpool_types::{PageCount, PoolKind, VirtualAddress};

/// Lists of pages, by class, those with free blocks by stripe and class (see [`list`]): each the first of a chain, as a
/// page number plus one; 0 is an empty list.
pub(crate) type Lists = Array<u32>;

/// How many pages of a kind may still be taken without it going beyond its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// In all.
    pub(crate) pages: u64,
    /// Of those that are not usable yet.
    pub(crate) clean: u64,
}

/// The place of the list of a stripe and class.
#[inline(always)]
pub(crate) fn list(stripe: usize, class: usize) -> usize {
    stripe * CLASS_LIMIT + class
}

/// What a request to an arena needs beside it: its pages, their slots' areas, and how they are cut.
pub(crate) struct Ground<'a> {
    pub(crate) pages: &'a Pages,
    /// What is known of each page of the arena.
    pub(crate) table: Table<'a>,
    /// Where the arena's first page begins.
    pub(crate) base: VirtualAddress,
    pub(crate) classes: &'static Classes,
    pub(crate) areas: &'a mut Areas,
    pub(crate) tail: TailModel,
    /// How many pages of the arena's kind may still be taken.
    pub(crate) allowance: Allowance,
    /// The stripe that the request comes from.
    pub(crate) stripe: usize,
}

impl Ground<'_> {
    /// The address `offset` bytes into a page of the arena.
    pub(crate) fn address(&self, page: u32, offset: usize) -> VirtualAddress {
        VirtualAddress(self.base.0 + u64::from(page) * PAGE as u64 + offset as u64)
    }

    /// The page of the arena that an address of it lies in.
    pub(crate) fn page_of(&self, address: VirtualAddress) -> u32 {
        ((address.0 - self.base.0) / PAGE as u64) as u32
    }

    /// An area of `units` units for a page: the one that it has, or another; where it begins.
    ///
    /// Errors: [`NoMemory`]; the page keeps what it has.
    pub(crate) fn area(&mut self, descriptors: Table<'_>, page: u32, units: usize) -> Result<u32, NoMemory> {
        let descriptor = &descriptors[page as usize];
        let (had, own) = (descriptor.area(), descriptors.cut(page).unit());
        if had == units && descriptor.stripe() == self.stripe {
            return Ok(own);
        }
        let link = |unit| Ground::link(self.pages, unit);
        let taken = self.areas.take(self.stripe, units, link).map(|unit| (unit, units));
        // For want of one of the right length, a longer one does as well.
        let longer = if had >= units { Some((own, had)) } else { None };
        let found = taken.or(longer).or_else(|| self.areas.take_longer(units, link));
        let (unit, length) = found.ok_or(NoMemory)?;
        if unit != own {
            self.release_area(descriptors, page);
        }
        descriptor.set_area(length);
        descriptor.set_stripe(self.stripe);
        Ok(unit)
    }

    /// Takes a page's area from it.
    pub(crate) fn release_area(&mut self, descriptors: Table<'_>, page: u32) {
        let units = descriptors[page as usize].area();
        if units > 0 {
            let cut = descriptors.cut(page);
            let stripe = descriptors[page as usize].stripe();
            self.areas.give_back(stripe, cut.unit(), units, |unit, next| {
                Ground::set_link(self.pages, unit, next);
            });
            descriptors[page as usize].set_area(0);
            // A large block may still end in the page.
            descriptors.set_cut(page, Cut::new(0, 0, cut.start()));
        }
    }

    /// Reads the first two slots of an unused area.
    pub(crate) fn link(pages: &Pages, unit: u32) -> u32 {
        use crate::sync::Ordering::Relaxed;
        let first = unit as usize * crate::slots::UNIT;
        u32::from(pages.slot(first).load(Relaxed)) | u32::from(pages.slot(first + 1).load(Relaxed)) << 16
    }

    /// Writes the first two slots of an unused area.
    pub(crate) fn set_link(pages: &Pages, unit: u32, link: u32) {
        use crate::sync::Ordering::Relaxed;
        let first = unit as usize * crate::slots::UNIT;
        pages.slot(first).store(link as u16, Relaxed);
        pages.slot(first + 1).store((link >> 16) as u16, Relaxed);
    }
}

/// One kind of pool on one node.
pub(crate) struct Arena {
    pub(crate) number: usize,
    pub(crate) kind: PoolKind,
    /// The free pages.
    pub(crate) runs: Runs,
    /// Pages with free main blocks.
    pub(crate) partial: Lists,
    /// Pages with a free rest, by the rest's class.
    pub(crate) rests: Lists,
    /// Last pages of live large blocks whose tail is not cut, by the class that just fits the tail.
    pub(crate) tails: Lists,
    /// Pages that were made usable and not given back.
    pub(crate) committed: u64,
    /// The fewest free dirty pages since the last look at the clock.
    pub(crate) idle_dirty: u64,
}

impl Arena {
    /// Adds what an arena needs.
    pub(crate) fn tally(tally: Tally) -> Tally {
        let lists = [STRIPES, STRIPES, 1]
            .into_iter()
            .fold(tally, |tally, stripes| tally.and::<u32>((stripes * CLASS_LIMIT) as u64));
        Runs::tally(lists)
    }

    /// An arena with all its pages free and clean.
    pub(crate) fn new(carver: &mut Carver, number: usize, pages: &Pages) -> Arena {
        let Span { kind, .. } = *pages.span(number);
        let [partial, rests, tails] =
            [STRIPES, STRIPES, 1].map(|stripes| carver.carve((stripes * CLASS_LIMIT) as u64));
        let runs = Runs::new(carver, pages.of(number));
        Arena { number, kind, runs, partial, rests, tails, committed: 0, idle_dirty: 0 }
    }

    /// The pages that are taken.
    pub(crate) fn in_use(&self) -> PageCount {
        let free = self.runs.free(Sort::Dirty).0 + self.runs.free(Sort::Clean).0;
        PageCount(u64::from(self.runs.count()) - free)
    }

    /// Takes a run of pages and has it made usable; whether it is zero.
    ///
    /// Errors: [`NoMemory`] when there is no such run, the limit is reached, or the source refuses; nothing is taken.
    pub(crate) fn take_pages(
        &mut self,
        ground: &Ground<'_>,
        pages: u32,
        alignment: u32,
        source: &impl PageSource,
    ) -> Result<(Run, bool), NoMemory> {
        if u64::from(pages) > ground.allowance.pages {
            return Err(NoMemory);
        }
        let descriptors = ground.table;
        let taken = if alignment <= 1 {
            self.runs.take(descriptors, pages)
        } else {
            let phase = (ground.base.0 / PAGE as u64) as u32;
            self.runs.take_aligned(descriptors, pages, alignment, phase & (alignment - 1))
        };
        let (run, sort) = taken.ok_or(NoMemory)?;
        ground.pages.advance_frontier(self.number, run.first + run.pages);
        let zero = self.make_usable(ground, run, sort, source).inspect_err(|_| {
            self.runs.give_back(ground.table, run, sort);
        })?;
        self.idle_dirty = self.idle_dirty.min(self.runs.free(Sort::Dirty).0);
        Ok((run, zero))
    }

    /// Has a run of this sort made usable; whether it is zero.
    pub(crate) fn make_usable(
        &mut self,
        ground: &Ground<'_>,
        run: Run,
        sort: Sort,
        source: &impl PageSource,
    ) -> Result<bool, NoMemory> {
        if sort == Sort::Dirty {
            return Ok(false);
        }
        if u64::from(run.pages) > ground.allowance.clean {
            return Err(NoMemory);
        }
        let first = ground.address(run.first, 0);
        let contents = source.commit(self.kind, first, PageCount(u64::from(run.pages)))?;
        self.committed += u64::from(run.pages);
        Ok(contents == crate::FreshPages::Zero)
    }

    /// Makes a run free again.
    pub(crate) fn give_back_pages(&mut self, descriptors: Table<'_>, run: Run) {
        self.runs.give_back(descriptors, run, Sort::Dirty);
    }
}

/// How a list's links are kept in descriptors.
#[derive(Clone, Copy)]
pub(crate) struct Chain {
    pub(crate) next: fn(&Descriptor) -> u32,
    pub(crate) set_next: fn(&Descriptor, u32),
    pub(crate) previous: fn(&Descriptor) -> u32,
    pub(crate) set_previous: fn(&Descriptor, u32),
}

/// Links of pages with free main blocks, and of idle tails.
pub(crate) const MAIN: Chain = Chain {
    next: Descriptor::next,
    set_next: Descriptor::set_next,
    previous: Descriptor::previous,
    set_previous: Descriptor::set_previous,
};

/// Links of pages with a free rest.
pub(crate) const REST: Chain = Chain {
    next: Descriptor::rest_next,
    set_next: Descriptor::set_rest_next,
    previous: Descriptor::rest_previous,
    set_previous: Descriptor::set_rest_previous,
};

impl Chain {
    /// Puts a page at the front of a list.
    pub(crate) fn link(self, first: &mut u32, descriptors: Table<'_>, page: u32) {
        let next = core::mem::replace(first, page + 1);
        (self.set_next)(&descriptors[page as usize], next);
        (self.set_previous)(&descriptors[page as usize], 0);
        if next != 0 {
            (self.set_previous)(&descriptors[(next - 1) as usize], page + 1);
        }
    }

    /// Takes a page out of a list.
    pub(crate) fn unlink(self, first: &mut u32, descriptors: Table<'_>, page: u32) {
        let (next, previous) =
            ((self.next)(&descriptors[page as usize]), (self.previous)(&descriptors[page as usize]));
        match previous {
            0 => *first = next,
            _ => (self.set_next)(&descriptors[(previous - 1) as usize], next),
        }
        if next != 0 {
            (self.set_previous)(&descriptors[(next - 1) as usize], previous);
        }
    }
}
