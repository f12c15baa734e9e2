#![expect(unsafe_code, reason = "reserves address space and gives pages back to the system")]
//! Address space: reservations that fill on demand, and pages given back.
//!
//! # Promise
//! A [`Reservation`] is fresh memory, zero, readable and writable, that nobody else has; only pages within a
//! reservation are given back.

use crate::os::errno;
use crate::size::PAGE;
use core::ops::Range;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, Ordering};
use ntpool_types::Bytes;

/// Names the process itself to calls that take a descriptor of a process, so that none has to be opened.
const SELF: libc::c_long = -20_000;

/// How many ranges the kernel takes in one call.
const BATCH: usize = 1024;

/// Address space that is memory as soon as it is touched. It stays for the process's life unless it is given up.
#[derive(Debug)]
pub(crate) struct Reservation {
    base: NonNull<u8>,
    size: usize,
}

// SAFETY: a reservation is an address and a length; nothing is read or written through it here.
unsafe impl Send for Reservation {}
// SAFETY: as for Send.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// Reserves whole pages; `None` when the system refuses. Takes no memory until it is touched.
    pub(crate) fn new(size: Bytes) -> Option<Reservation> {
        let size = usize::try_from(size.0).ok().filter(|&size| size > 0 && size.is_multiple_of(PAGE))?;
        let writable = libc::PROT_READ | libc::PROT_WRITE;
        let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh mapping wherever the system likes; nothing that is mapped already changes.
        let base = unsafe { libc::mmap(ptr::null_mut(), size, writable, private, -1, 0) };
        if base == libc::MAP_FAILED {
            return None;
        }
        base.expose_provenance();
        Some(Reservation { base: NonNull::new(base.cast())?, size })
    }

    /// The first byte.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Gives the addresses up. The reservation was never used.
    pub(crate) fn give_up(self) {
        // SAFETY: the mapping was made by `new`, the last to know it is this value, and nobody used it.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.size) };
    }

    /// Gives the memory of these ranges back to the system; they are zero when they are next read.
    ///
    /// Each is whole pages, given by offsets, and nobody uses them. As many as possible go in one call, which costs a
    /// third of one call each. `errno` stays as it is.
    pub(crate) fn give_back(&self, ranges: &[Range<usize>]) {
        errno::kept(|| ranges.chunks(BATCH).for_each(|batch| self.give_back_batch(batch)));
    }

    /// Asks the system to fill a range, as far as it lies in the reservation, with huge pages where it can. It need not.
    /// `errno` stays as it is.
    pub(crate) fn ask_for_huge_pages(&self, range: Range<usize>) {
        let range = range.start.min(self.size)..range.end.min(self.size);
        errno::kept(|| {
            // SAFETY: whole pages of this reservation; what they hold does not change.
            unsafe { libc::madvise(self.at(&range).cast(), range.len(), libc::MADV_HUGEPAGE) };
        });
    }

    fn give_back_batch(&self, ranges: &[Range<usize>]) {
        static IN_BATCHES: AtomicBool = AtomicBool::new(true);
        let one_by_one = || ranges.iter().for_each(|range| self.give_back_range(range));
        if ranges.len() < 2 || !IN_BATCHES.load(Ordering::Relaxed) {
            return one_by_one();
        }
        let empty = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        let mut vectors = [empty; BATCH];
        for (vector, range) in vectors.iter_mut().zip(ranges) {
            *vector = libc::iovec { iov_base: self.at(range).cast(), iov_len: range.len() };
        }
        // SAFETY: the vectors name whole pages of this reservation that nobody uses, by the promise of `give_back`.
        let given = unsafe {
            libc::syscall(
                libc::SYS_process_madvise,
                SELF,
                vectors.as_ptr(),
                ranges.len(),
                libc::MADV_DONTNEED,
                0,
            )
        };
        let wanted: usize = ranges.iter().map(ExactSizeIterator::len).sum();
        if usize::try_from(given) != Ok(wanted) {
            // Giving back what is given back already does no harm.
            IN_BATCHES.store(given >= 0, Ordering::Relaxed);
            one_by_one();
        }
    }

    fn give_back_range(&self, range: &Range<usize>) {
        // SAFETY: whole pages of this reservation that nobody uses, by the promise of `give_back`.
        unsafe { libc::madvise(self.at(range).cast(), range.len(), libc::MADV_DONTNEED) };
    }

    /// The first byte of a range that lies in the reservation.
    fn at(&self, range: &Range<usize>) -> *mut u8 {
        let is_in = range.start <= range.end && range.end <= self.size;
        assert!(is_in && range.start.is_multiple_of(PAGE) && range.end.is_multiple_of(PAGE), "{range:x?}");
        // SAFETY: the offset lies in the reservation, which is one mapping.
        unsafe { self.base.as_ptr().add(range.start) }
    }
}

/// The limit of the process's address space; `None` when there is none.
pub(crate) fn address_space_limit() -> Option<Bytes> {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the call writes the structure, which is ours.
    let found = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) } == 0;
    (found && limit.rlim_cur != libc::RLIM_INFINITY).then_some(Bytes(limit.rlim_cur))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::slice;

    fn fill(reservation: &Reservation, pages: usize) {
        for page in 0..pages {
            // SAFETY: within the test's own reservation.
            unsafe { reservation.base().as_ptr().add(page * PAGE).write(7) };
        }
    }

    fn filled(reservation: &Reservation, pages: usize) -> Vec<usize> {
        // SAFETY: within the test's own reservation.
        let byte = |page: usize| unsafe { reservation.base().as_ptr().add(page * PAGE).read() };
        (0..pages).filter(|&page| byte(page) == 7).collect()
    }

    #[test]
    fn what_is_given_back_is_zero_and_the_rest_stays() {
        const PAGES: usize = 3000;
        let reservation = Reservation::new(Bytes((PAGES * PAGE) as u64)).expect("a few megabytes");
        fill(&reservation, PAGES);
        let every_second: Vec<_> = (0..PAGES).step_by(2).map(|page| page * PAGE..(page + 1) * PAGE).collect();
        reservation.give_back(&every_second);
        assert_eq!(filled(&reservation, PAGES), (1..PAGES).step_by(2).collect::<Vec<_>>());
        reservation.give_back(slice::from_ref(&(PAGE..4 * PAGE)));
        assert_eq!(filled(&reservation, 8), [5, 7]);
        reservation.give_up();
    }

    #[test]
    fn what_does_not_fit_the_address_space_is_refused() {
        assert!(Reservation::new(Bytes(1 << 60)).is_none());
        assert!(Reservation::new(Bytes(0)).is_none());
        assert!(Reservation::new(Bytes(100)).is_none());
    }

    #[test]
    #[should_panic(expected = "1000..3000")]
    fn pages_outside_of_the_reservation_are_never_given_back() {
        let reservation = Reservation::new(Bytes(2 * PAGE as u64)).expect("two pages");
        reservation.give_back(slice::from_ref(&(PAGE..3 * PAGE)));
    }
}
