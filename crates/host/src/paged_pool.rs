//! Paged pool's pages, and which of them can be touched at the moment.
//!
//! At DISPATCH_LEVEL and above a page fault can't be served, so paged pool must not be touched there (POOL-047). On
//! Windows such an access goes well as long as the page happens to be in memory; here it always faults first: when the
//! level is raised the window is closed, and the machine decides at each fault what it means and whether the access may
//! go on.
//!
//! A window that was closed stays so when the level is lowered, and is opened around the addresses that are touched. So a
//! driver that takes spin locks pays for what it touches between them, not for all the paged pool there is, and one that
//! never raises the level pays nothing.
//!
//! # Invariants
//! - `runs` are the window's mapped pages, in order, no two of them touching.
//! - While `closed`, only pages in `open` can be accessed.

use crate::{HostError, arena};
use ntpool_memory::Protection;
use ntpool_types::{Bytes, PageCount, VirtualAddress};
use std::cell::{Cell, RefCell};

/// How much is opened around an address: more costs little, and saves faults at the addresses beside it.
const CHUNK: u64 = 256 << 10;

/// A run of pages: its first address and the one behind its last page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    start: u64,
    end: u64,
}

impl Run {
    const fn new(first: VirtualAddress, count: PageCount) -> Run {
        Run { start: first.0, end: first.0 + count.bytes().0 }
    }

    const fn contains(&self, address: u64) -> bool {
        self.start <= address && address < self.end
    }

    fn protect(&self, protection: Protection) -> Result<(), HostError> {
        arena::protect(VirtualAddress(self.start), Bytes(self.end - self.start), protection)
    }

    /// What is left of it without the pages of another.
    fn without(self, gone: Run) -> impl Iterator<Item = Run> {
        let before = Run { start: self.start, end: self.end.min(gone.start) };
        let behind = Run { start: self.start.max(gone.end), end: self.end };
        [before, behind].into_iter().filter(|part| part.start < part.end)
    }
}

/// Paged pool's pages.
#[derive(Debug, Default)]
pub(crate) struct PagedPool {
    runs: RefCell<Vec<Run>>,
    closed: Cell<bool>,
    open: RefCell<Vec<Run>>,
}

impl PagedPool {
    /// Takes note of pages that were mapped just now, for reading and writing.
    pub(crate) fn add(&self, first: VirtualAddress, count: PageCount) {
        let mut added = Run::new(first, count);
        if self.closed.get() {
            self.open.borrow_mut().push(added);
        }
        let mut runs = self.runs.borrow_mut();
        runs.retain(|run| {
            let touches = run.end == added.start || run.start == added.end;
            if touches {
                added = Run { start: run.start.min(added.start), end: run.end.max(added.end) };
            }
            !touches
        });
        let place = runs.partition_point(|run| run.start < added.start);
        runs.insert(place, added);
    }

    /// Takes note of pages that were unmapped just now.
    pub(crate) fn remove(&self, first: VirtualAddress, count: PageCount) {
        let gone = Run::new(first, count);
        for runs in [&self.runs, &self.open] {
            let rest = runs.borrow().iter().flat_map(|run| run.without(gone)).collect();
            *runs.borrow_mut() = rest;
        }
    }

    /// Makes every page inaccessible.
    pub(crate) fn close(&self) -> Result<(), HostError> {
        let mut open = self.open.borrow_mut();
        if self.closed.replace(true) {
            open.drain(..).try_for_each(|run| run.protect(Protection::NoAccess))
        } else {
            self.runs.borrow().iter().try_for_each(|run| run.protect(Protection::NoAccess))
        }
    }

    /// Opens the pages around an address; whether that was what an access to it needed.
    pub(crate) fn open_at(&self, address: VirtualAddress) -> Result<bool, HostError> {
        let VirtualAddress(address) = address;
        let mut open = self.open.borrow_mut();
        let runs = self.runs.borrow();
        let run = runs.iter().find(|run| run.contains(address));
        let Some(run) = run.filter(|_| self.closed.get() && !open.iter().any(|run| run.contains(address)))
        else {
            return Ok(false);
        };
        let chunk = address & !(CHUNK - 1);
        let around = Run { start: run.start.max(chunk), end: run.end.min(chunk + CHUNK) };
        around.protect(Protection::ReadWrite)?;
        open.push(around);
        Ok(true)
    }

    /// Opens every page, until the next [`close`](Self::close).
    pub(crate) fn open(&self) -> Result<(), HostError> {
        self.open.borrow_mut().clear();
        if self.closed.replace(false) {
            self.runs.borrow().iter().try_for_each(|run| run.protect(Protection::ReadWrite))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(pool: &PagedPool) -> Vec<(u64, u64)> {
        pool.runs.borrow().iter().map(|run| (run.start >> 12, run.end >> 12)).collect()
    }

    fn page(number: u64) -> VirtualAddress {
        VirtualAddress(number << 12)
    }

    #[test]
    fn pages_that_touch_are_one_run_and_a_hole_makes_two() {
        let pool = PagedPool::default();
        for (first, count) in [(0x100, 4), (0x110, 4), (0x104, 12)] {
            pool.add(page(first), PageCount(count));
        }
        assert_eq!(runs(&pool), [(0x100, 0x114)]);
        pool.remove(page(0x105), PageCount(2));
        assert_eq!(runs(&pool), [(0x100, 0x105), (0x107, 0x114)]);
        pool.remove(page(0x100), PageCount(5));
        pool.remove(page(0x110), PageCount(4));
        assert_eq!(runs(&pool), [(0x107, 0x110)]);
        pool.add(page(0x106), PageCount(1));
        assert_eq!(runs(&pool), [(0x106, 0x110)]);
    }
}
