//! The page heap: runs of free pages, found, cut and joined in a bounded number of steps.
//!
//! A run is known by its first and its last page's descriptors, which hold its length (boundary tags, Knuth). Runs of
//! like length hang in one bin; a bitmap says which bins have any. So taking the best bin, splitting a run and joining
//! a freed one with its neighbours touch a handful of descriptors, however long the run: a gibibyte is freed as fast as
//! a page. (Two-level segregated fit, Masmano, Ripoll, Crespo and Real, 2004, without its second level of lists.)
//!
//! Free runs come in two sorts. *Dirty* ones are usable and hold whatever their last owner left; *clean* ones are not
//! made usable and will be zero when they are. Only runs of a sort are joined.
//!
//! # Invariants
//! - Every page of the arena is in one free run, or taken, or leaving.
//! - No two free runs of a sort are neighbours.
//! - The table has a bit for the first page of every free run, of every taken page or block, and for no other page.

use crate::descriptor::State;
use crate::metadata::{Array, Carver, Tally};
use crate::pages::Table;
use ntpool_types::PageCount;

/// The number of a page, from the arena's first descriptor on, plus one; 0 is none.
type Link = u32;

/// Runs up to this many pages have a bin for each length.
const EXACT: u32 = 16;

/// Longer ones have this many bins for each power of two.
const PER_OCTAVE: u32 = 8;

/// How many bins there are.
const BINS: usize = (EXACT + (32 - 4) * PER_OCTAVE) as usize;

/// How many runs of a bin are looked at for one that is long enough.
const LOOKS: usize = 8;

/// A sort of free run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Usable, contents unknown.
    Dirty,
    /// Not made usable; will be zero.
    Clean,
}

impl Sort {
    const BOTH: [Sort; 2] = [Sort::Dirty, Sort::Clean];

    fn state(self) -> State {
        match self {
            Sort::Dirty => State::Dirty,
            Sort::Clean => State::Clean,
        }
    }
}

/// Pages in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first one.
    pub(crate) first: u32,
    /// How many.
    pub(crate) pages: u32,
}

/// The bins of one sort.
struct Bins {
    filled: [u64; BINS.div_ceil(64)],
    first: Array<Link>,
    pages: u64,
}

/// The free pages of an arena.
pub(crate) struct Runs {
    bins: [Bins; 2],
    /// How many pages there are.
    count: u32,
}

/// The bin that runs of this length are in.
fn bin_of(pages: u32) -> usize {
    if pages < EXACT {
        return pages as usize;
    }
    let octave = pages.ilog2();
    let part = (pages >> (octave - PER_OCTAVE.ilog2())) & (PER_OCTAVE - 1);
    (EXACT + (octave - EXACT.ilog2()) * PER_OCTAVE + part) as usize
}

/// The first bin of which every run has this length or more; a bin behind the last when there is none.
fn bin_holding(pages: u32) -> usize {
    if pages < EXACT {
        return pages as usize;
    }
    let step = 1_u32 << (pages.ilog2() - PER_OCTAVE.ilog2());
    pages.checked_add(step - 1).map_or(BINS, bin_of)
}

impl Bins {
    fn new(carver: &mut Carver) -> Bins {
        Bins { filled: [0; BINS.div_ceil(64)], first: carver.carve(BINS as u64), pages: 0 }
    }

    /// The first filled bin from `bin` on.
    fn filled_from(&self, bin: usize) -> Option<usize> {
        (bin / 64..self.filled.len()).find_map(|word| {
            let mask = if word == bin / 64 { u64::MAX << (bin % 64) } else { u64::MAX };
            let bits = self.filled[word] & mask;
            (bits != 0).then(|| word * 64 + bits.trailing_zeros() as usize)
        })
    }

    /// The last filled bin.
    fn last_filled(&self) -> Option<usize> {
        let word = self.filled.iter().rposition(|&bits| bits != 0)?;
        Some(word * 64 + self.filled[word].ilog2() as usize)
    }
}

impl Runs {
    /// Adds what an arena's bins need.
    pub(crate) fn tally(tally: Tally) -> Tally {
        tally.and::<Link>(BINS as u64).and::<Link>(BINS as u64)
    }

    /// All pages, one clean run.
    pub(crate) fn new(carver: &mut Carver, pages: Table<'_>) -> Runs {
        let count = pages.count();
        let mut runs = Runs { bins: [Bins::new(carver), Bins::new(carver)], count };
        if count > 0 {
            runs.insert(pages, Run { first: 0, pages: count }, Sort::Clean);
        }
        runs
    }

    /// The free pages of a sort.
    pub(crate) fn free(&self, sort: Sort) -> PageCount {
        PageCount(self.bins[sort as usize].pages)
    }

    /// Takes `pages` pages in a row, the dirty ones first; and of which sort they were.
    ///
    /// Their descriptors say what they said before, but for the state of the first.
    pub(crate) fn take(&mut self, descriptors: Table<'_>, pages: u32) -> Option<(Run, Sort)> {
        Sort::BOTH.into_iter().find_map(|sort| {
            let found = self.find(descriptors, pages, sort)?;
            self.remove(descriptors, found, sort);
            let taken = Run { first: found.first, pages };
            if found.pages > pages {
                let rest = Run { first: found.first + pages, pages: found.pages - pages };
                self.insert(descriptors, rest, sort);
            }
            self.settle(descriptors, taken);
            Some((taken, sort))
        })
    }

    /// Takes `pages` pages that begin at a multiple of `alignment` pages, counted from page `phase` before the first.
    pub(crate) fn take_aligned(
        &mut self,
        descriptors: Table<'_>,
        pages: u32,
        alignment: u32,
        phase: u32,
    ) -> Option<(Run, Sort)> {
        let aligned = |run: Run| Some((run.first + phase).checked_next_multiple_of(alignment)? - phase);
        let fits = |run: Run| aligned(run).is_some_and(|first| first - run.first + pages <= run.pages);
        // One that just fits first: who allocates and frees in a loop then gets the same pages each time.
        let (wide, sort) = match self.find_among_few(descriptors, pages, fits) {
            Some((found, sort)) => {
                self.remove(descriptors, found, sort);
                self.settle(descriptors, found);
                (found, sort)
            }
            None => self.take(descriptors, pages.checked_add(alignment - 1)?)?,
        };
        let first = aligned(wide)?;
        let (before, after) = (first - wide.first, wide.first + wide.pages - first - pages);
        let taken = Run { first, pages };
        if before > 0 {
            descriptors.mark_head(first, true);
        }
        self.settle(descriptors, taken);
        if before > 0 {
            self.give_back(descriptors, Run { first: wide.first, pages: before }, sort);
        }
        if after > 0 {
            let rest = Run { first: first + pages, pages: after };
            descriptors.mark_head(rest.first, true);
            self.give_back(descriptors, rest, sort);
        }
        Some((taken, sort))
    }

    /// Takes the `pages` pages that begin at `first`, if they are the beginning of a free run of any sort.
    pub(crate) fn take_at(&mut self, descriptors: Table<'_>, first: u32, pages: u32) -> Option<Sort> {
        let descriptor = descriptors.get(first)?;
        let sort = sort_of(descriptor.state())?;
        let found = Run { first, pages: descriptor.rest_next() };
        if !descriptors.is_head(first) || found.pages < pages {
            return None;
        }
        self.remove(descriptors, found, sort);
        if found.pages > pages {
            self.insert(descriptors, Run { first: first + pages, pages: found.pages - pages }, sort);
        }
        // They become part of what is before them.
        descriptors.mark_head(first, false);
        descriptors[first as usize].set_state(State::Inside);
        Some(sort)
    }

    /// Makes a taken run free, joined with its free neighbours of the same sort.
    pub(crate) fn give_back(&mut self, descriptors: Table<'_>, run: Run, sort: Sort) {
        let mut joined = run;
        // What were ends are inside, unless they end the joined run too: `insert` says so then.
        let inside = |page: u32| descriptors[page as usize].set_state(State::Inside);
        inside(run.first);
        inside(run.first + run.pages - 1);
        if let Some(before) = run.first.checked_sub(1)
            && descriptors[before as usize].state() == sort.state()
        {
            let pages = descriptors[before as usize].rest_previous();
            let neighbour = Run { first: run.first - pages, pages };
            self.remove(descriptors, neighbour, sort);
            descriptors.mark_head(run.first, false);
            inside(before);
            joined = Run { first: neighbour.first, pages: joined.pages + pages };
        }
        let after = run.first + run.pages;
        if after < self.count && descriptors[after as usize].state() == sort.state() {
            let neighbour = Run { first: after, pages: descriptors[after as usize].rest_next() };
            self.remove(descriptors, neighbour, sort);
            descriptors.mark_head(after, false);
            inside(after);
            joined.pages += neighbour.pages;
        }
        self.insert(descriptors, joined, sort);
    }

    /// Takes the longest dirty run, at most `most` pages of it, to be given back to the page source.
    pub(crate) fn take_dirty(&mut self, descriptors: Table<'_>, most: u32) -> Option<Run> {
        let bin = self.bins[Sort::Dirty as usize].last_filled()?;
        let first = self.bins[Sort::Dirty as usize].first[bin] - 1;
        let found = Run { first, pages: descriptors[first as usize].rest_next() };
        self.remove(descriptors, found, Sort::Dirty);
        let taken = Run { first, pages: found.pages.min(most) };
        if found.pages > taken.pages {
            let rest = Run { first: first + taken.pages, pages: found.pages - taken.pages };
            self.insert(descriptors, rest, Sort::Dirty);
        }
        self.settle(descriptors, taken);
        Some(taken)
    }

    /// A free run of a sort that is long enough, the best bin's first.
    fn find(&self, descriptors: Table<'_>, pages: u32, sort: Sort) -> Option<Run> {
        let bins = &self.bins[sort as usize];
        if let Some(bin) = bins.filled_from(bin_holding(pages)) {
            let first = bins.first[bin] - 1;
            return Some(Run { first, pages: descriptors[first as usize].rest_next() });
        }
        // The bin of this length itself may have one long enough: the first few are looked at.
        let mut link = bins.first[bin_of(pages)];
        for _ in 0..LOOKS {
            let first = link.checked_sub(1)?;
            let descriptor = &descriptors[first as usize];
            if descriptor.rest_next() >= pages {
                return Some(Run { first, pages: descriptor.rest_next() });
            }
            link = descriptor.next();
        }
        None
    }

    /// One of the first few free runs of `pages` pages or more that fits, the dirty ones first, and its sort.
    fn find_among_few(
        &self,
        descriptors: Table<'_>,
        pages: u32,
        fits: impl Fn(Run) -> bool,
    ) -> Option<(Run, Sort)> {
        Sort::BOTH.into_iter().find_map(|sort| {
            let bins = &self.bins[sort as usize];
            let (mut bin, mut looks) = (bin_of(pages), LOOKS);
            loop {
                bin = bins.filled_from(bin)?;
                let mut link = bins.first[bin];
                while let Some(first) = link.checked_sub(1) {
                    looks = looks.checked_sub(1)?;
                    let descriptor = &descriptors[first as usize];
                    let run = Run { first, pages: descriptor.rest_next() };
                    if fits(run) {
                        return Some((run, sort));
                    }
                    link = descriptor.next();
                }
                bin += 1;
            }
        })
    }

    fn insert(&mut self, descriptors: Table<'_>, run: Run, sort: Sort) {
        let Run { first, pages } = run;
        let (head, last) = (&descriptors[first as usize], &descriptors[(first + pages - 1) as usize]);
        head.set_state(sort.state());
        last.set_state(sort.state());
        head.set_rest_next(pages);
        last.set_rest_previous(pages);
        descriptors.mark_head(first, true);
        let bins = &mut self.bins[sort as usize];
        let bin = bin_of(pages);
        let next = bins.first[bin];
        head.set_next(next);
        head.set_previous(0);
        if next != 0 {
            descriptors[(next - 1) as usize].set_previous(first + 1);
        }
        bins.first[bin] = first + 1;
        bins.filled[bin / 64] |= 1 << (bin % 64);
        bins.pages += u64::from(pages);
    }

    fn remove(&mut self, descriptors: Table<'_>, run: Run, sort: Sort) {
        let head = &descriptors[run.first as usize];
        let bins = &mut self.bins[sort as usize];
        let bin = bin_of(run.pages);
        let (next, previous) = (head.next(), head.previous());
        match previous {
            0 => bins.first[bin] = next,
            _ => descriptors[(previous - 1) as usize].set_next(next),
        }
        if next != 0 {
            descriptors[(next - 1) as usize].set_previous(previous);
        }
        if bins.first[bin] == 0 {
            bins.filled[bin / 64] &= !(1 << (bin % 64));
        }
        bins.pages -= u64::from(run.pages);
    }

    /// Marks a run as taken: its ends are no free run's any more.
    fn settle(&mut self, descriptors: Table<'_>, run: Run) {
        descriptors[run.first as usize].set_state(State::Leaving);
        descriptors[(run.first + run.pages - 1) as usize].set_state(State::Leaving);
        descriptors.mark_head(run.first, true);
    }

    /// Every free run of a sort, bin by bin, as `(bin, run, the link before it)`; ends early on a list that is none.
    pub(crate) fn each_free<'a>(
        &'a self,
        descriptors: Table<'a>,
        sort: Sort,
    ) -> impl Iterator<Item = (usize, Run, Link)> + 'a {
        let bins = &self.bins[sort as usize];
        (0..BINS).flat_map(move |bin| {
            let mut link = bins.first[bin];
            let mut left = self.count;
            core::iter::from_fn(move || {
                let first = link.checked_sub(1)?;
                left = left.checked_sub(1)?;
                let head = descriptors.get(first)?;
                link = head.next();
                Some((bin, Run { first, pages: head.rest_next() }, head.previous()))
            })
        })
    }

    /// Whether a bin is the one for runs of this length, and is marked as filled.
    pub(crate) fn is_bin_of(&self, bin: usize, pages: u32, sort: Sort) -> bool {
        bin == bin_of(pages) && self.bins[sort as usize].filled[bin / 64] >> (bin % 64) & 1 != 0
    }

    /// How many pages there are.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }
}

/// The sort of a free run with this state at its ends.
pub(crate) fn sort_of(state: State) -> Option<Sort> {
    match state {
        State::Dirty => Some(Sort::Dirty),
        State::Clean => Some(Sort::Clean),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_in_a_bin_whose_runs_are_about_as_long() {
        let mut last = 0;
        for pages in (1..5000).chain((13..32).map(|shift| (1_u32 << shift) - 1)).chain([u32::MAX]) {
            let bin = bin_of(pages);
            assert!(bin >= last && bin < BINS, "{pages}");
            last = bin;
        }
    }

    #[test]
    fn every_run_of_a_bin_that_holds_a_length_is_that_long() {
        for pages in 1..20_000_u32 {
            let bin = bin_holding(pages);
            let shortest =
                (1..=2 * pages).find(|&other| bin_of(other) == bin).expect("bins follow each other");
            assert!(shortest >= pages, "{pages}: {shortest}");
            assert!(bin == 0 || bin_of(pages) + 1 >= bin, "{pages} skips a bin");
        }
        assert_eq!(bin_holding(u32::MAX), BINS);
    }
}
