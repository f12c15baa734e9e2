//! Large blocks: runs of pages of their own.
//!
//! The first page's descriptor holds the length and the slot; the last one's says where the block ends, and serves as
//! the descriptor of what is cut behind it. The pages between are not touched, so a block of any length is made and
//! ended in a bounded number of steps.

use crate::arena::{Arena, Ground};
use crate::class::QUANTUM;
use crate::cut::Cut;
use crate::descriptor::State;
use crate::geometry::PAGE;
use crate::runs::{Run, Sort};
use crate::shard::Entry;
use crate::slot;
use crate::{NoMemory, PageSource};

/// The bytes that a huge block of `size` bytes has, up to where its tail begins; `None` when it fits no address space.
pub(crate) fn huge_bytes(size: u64) -> Option<u64> {
    size.checked_next_multiple_of(QUANTUM as u64)
}

/// The pages of a block of `bytes` bytes; `None` when an arena can't have so many.
fn pages_of(bytes: u64) -> Option<u32> {
    bytes.div_ceil(PAGE as u64).try_into().ok()
}

impl Arena {
    /// Takes a run for a block of `class` with `bytes` bytes, which begins at a multiple of `alignment` pages.
    ///
    /// Errors: [`NoMemory`]; nothing has changed.
    pub(crate) fn take_large(
        &mut self,
        ground: &mut Ground<'_>,
        class: usize,
        bytes: u64,
        alignment: u32,
        source: &impl PageSource,
    ) -> Result<Entry, NoMemory> {
        let pages = pages_of(bytes).ok_or(NoMemory)?;
        let (run, zero) = self.take_pages(ground, pages, alignment, source)?;
        let descriptors = ground.table;
        let unit = ground.area(descriptors, run.first, 1).inspect_err(|_| {
            self.give_back_pages(descriptors, run);
        })?;
        let cut = Cut::new(unit, class, 0);
        slot::forget(ground.pages.slot(cut.slot(0)));
        descriptors.set_cut(run.first, cut);
        self.shape(ground, run, bytes);
        let address = ground.address(run.first, 0);
        Ok(Entry::new(address, cut.slot(0)).zero(zero))
    }

    /// Ends the run of a block that was handed to a magazine, or of a huge one.
    pub(crate) fn return_large(&mut self, ground: &mut Ground<'_>, page: u32) {
        let descriptors = ground.table;
        let run = Run { first: page, pages: descriptors[page as usize].rest_next() };
        let last = run.first + run.pages - 1;
        match descriptors[last as usize].state() {
            State::Cut if run.pages > 1 => {
                // The tail lives on, as a page of its own.
                descriptors.mark_head(last, true);
                self.give_back_pages(descriptors, Run { first: run.first, pages: run.pages - 1 });
            }
            State::IdleTail if run.pages > 1 => {
                self.withdraw_tail(ground, last);
                self.give_back_pages(descriptors, run);
            }
            _ => self.give_back_pages(descriptors, run),
        }
    }

    /// Makes a live large block one of `class` with `bytes` bytes without moving it; whether that could be done.
    pub(crate) fn resize_large(
        &mut self,
        ground: &mut Ground<'_>,
        page: u32,
        class: usize,
        bytes: u64,
        source: &impl PageSource,
    ) -> bool {
        let descriptors = ground.table;
        let had = descriptors[page as usize].rest_next();
        let Some(pages) = pages_of(bytes).filter(|&pages| pages > 1) else { return false };
        let last = page + had - 1;
        if descriptors[last as usize].state() == State::Cut {
            // Somebody's blocks begin where the block ends.
            return false;
        }
        if pages > had {
            let more = pages - had;
            if u64::from(more) > ground.allowance.pages {
                return false;
            }
            let Some(sort) = self.runs.take_at(descriptors, last + 1, more) else { return false };
            let run = Run { first: last + 1, pages: more };
            ground.pages.advance_frontier(self.number, run.first + run.pages);
            if self.make_usable(ground, run, sort, source).is_err() {
                descriptors.mark_head(run.first, true);
                self.runs.give_back(descriptors, run, sort);
                return false;
            }
            self.idle_dirty = self.idle_dirty.min(self.runs.free(Sort::Dirty).0);
        }
        if descriptors[last as usize].state() == State::IdleTail {
            self.withdraw_tail(ground, last);
        }
        if last != page {
            descriptors[last as usize].set_state(State::Inside);
        }
        if pages < had {
            let run = Run { first: page + pages, pages: had - pages };
            descriptors.mark_head(run.first, true);
            self.give_back_pages(descriptors, run);
        }
        descriptors.set_cut(page, Cut::new(descriptors.cut(page).unit(), class, 0));
        self.shape(ground, Run { first: page, pages }, bytes);
        true
    }

    /// Writes down where a large block begins and ends.
    fn shape(&mut self, ground: &mut Ground<'_>, run: Run, bytes: u64) {
        let descriptors = ground.table;
        let head = &descriptors[run.first as usize];
        head.set_state(State::Large);
        head.set_bits(bytes);
        head.set_rest_next(run.pages);
        if run.pages == 1 {
            return;
        }
        let last = run.first + run.pages - 1;
        let descriptor = &descriptors[last as usize];
        let end = (bytes % PAGE as u64) as usize;
        descriptor.set_state(State::NoTail);
        if end > 0 {
            // What the page was before is no longer true.
            ground.release_area(descriptors, last);
            descriptors.set_cut(last, Cut::new(0, 0, end));
            self.offer_tail(ground, last);
        }
    }
}
