//! The metadata reservation, handed out as arrays.
//!
//! The pool's bookkeeping lives in memory that its maker reserved, away from every block. This module turns that
//! memory into slices, once, at the pool's start; everything else is safe code over those slices.
//!
//! # Promise
//! Each [`Array`] is the only way to its part of the reservation; parts never overlap and lie inside it; all-zero
//! bytes are a value of the element type.
#![expect(unsafe_code, reason = "turns the reservation's bytes into typed slices")]

use crate::MetadataReservation;
use crate::descriptor::Descriptor;
use crate::sync::{AtomicU16, AtomicU32, AtomicU64};
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use ntpool_types::{Bytes, PAGE_SIZE};

/// Arrays begin at multiples of this, so that no two share a cache line.
const ALIGNMENT: u64 = 64;

/// A type of which all-zero bytes are a value.
///
/// # Safety
/// 1. All-zero bytes are a valid value of the type: its default, in all but the model checker's build.
/// 2. Dropping a value does nothing.
pub(crate) unsafe trait ZeroIsValid: Default {}

// SAFETY: 1. zero is a u32; 2. integers have no drop.
unsafe impl ZeroIsValid for u32 {}
// SAFETY: 1. zero is a u64; 2. integers have no drop.
unsafe impl ZeroIsValid for u64 {}
// SAFETY: 1. an AtomicU16 is laid out as a u16; 2. atomics have no drop.
unsafe impl ZeroIsValid for AtomicU16 {}
// SAFETY: 1. an AtomicU32 is laid out as a u32; 2. atomics have no drop.
unsafe impl ZeroIsValid for AtomicU32 {}
// SAFETY: 1. an AtomicU64 is laid out as a u64; 2. atomics have no drop.
unsafe impl ZeroIsValid for AtomicU64 {}
// SAFETY: 1. every field is an atomic integer or an array of such; 2. atomics have no drop.
unsafe impl ZeroIsValid for Descriptor {}

/// The sum of what a set of arrays needs; nothing when it does not fit 64 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally(Option<u64>);

impl Tally {
    /// No arrays.
    pub(crate) fn new() -> Tally {
        Tally(Some(0))
    }

    /// One more array, of `count` elements.
    pub(crate) fn and<T>(self, count: u64) -> Tally {
        Tally(self.0.and_then(|sum| sum.checked_add(array_bytes::<T>(count)?)))
    }

    /// The sum, rounded up to whole pages.
    pub(crate) fn pages(self) -> Option<Bytes> {
        self.0?.checked_next_multiple_of(PAGE_SIZE.0).map(Bytes)
    }
}

/// The bytes that an array of `count` elements occupies.
fn array_bytes<T>(count: u64) -> Option<u64> {
    count.checked_mul(size_of::<T>() as u64)?.checked_next_multiple_of(ALIGNMENT)
}

/// What is left of the reservation while arrays are taken from it.
pub(crate) struct Carver {
    next: NonNull<u8>,
    left: u64,
}

impl Carver {
    /// Begins with the whole reservation.
    ///
    /// # Safety
    /// 1. The reservation is zero, readable and writable, and page aligned.
    /// 2. Nobody else uses it as long as any array carved from it lives.
    pub(crate) unsafe fn new(reservation: MetadataReservation) -> Carver {
        Carver { next: reservation.base, left: reservation.size.0 }
    }

    /// Takes an array of `count` elements, all zero.
    ///
    /// # Panics
    /// When the reservation has no room for it.
    pub(crate) fn carve<T: ZeroIsValid>(&mut self, count: u64) -> Array<T> {
        const { assert!(align_of::<T>() as u64 <= ALIGNMENT) };
        let bytes = array_bytes::<T>(count).filter(|&bytes| bytes <= self.left);
        let bytes = bytes.expect("the metadata reservation is smaller than Config::metadata_size");
        let first = self.next.cast::<T>();
        // SAFETY: `bytes` is at most what is left of the reservation, so the result lies in it or just behind it.
        self.next = unsafe { self.next.add(bytes as usize) };
        self.left -= bytes;
        // The model checker's atomics are known to it one by one: bytes that are zero are none.
        #[cfg(loom)]
        for index in 0..count as usize {
            // SAFETY: the array's bytes, aligned for T, which nobody refers to yet.
            unsafe { first.add(index).write(T::default()) };
        }
        Array { first, count: count as usize, owned: PhantomData }
    }
}

/// A fixed array in the metadata reservation.
pub(crate) struct Array<T> {
    /// Invariant: `count` values of `T`, which nothing but this array refers to.
    first: NonNull<T>,
    count: usize,
    owned: PhantomData<T>,
}

// SAFETY: the array is the only way to its values, as a boxed slice is.
unsafe impl<T: Send> Send for Array<T> {}
// SAFETY: a shared array gives out shared references to its values only, as a boxed slice does.
unsafe impl<T: Sync> Sync for Array<T> {}

impl<T> Deref for Array<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        #[cfg(all(test, not(loom)))]
        crate::steps::step();
        // SAFETY: the invariant of `first`: the carver took the bytes for this array alone, aligned (its arrays begin
        // at multiples of ALIGNMENT from a page-aligned base) and zero, which is a value of T; they stay usable while
        // the array lives, as the maker of the carver promised. The borrow of self keeps writers out.
        unsafe { core::slice::from_raw_parts(self.first.as_ptr(), self.count) }
    }
}

impl<T> DerefMut for Array<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        #[cfg(all(test, not(loom)))]
        crate::steps::step();
        // SAFETY: as for `deref`; the unique borrow of self keeps everybody else out.
        unsafe { core::slice::from_raw_parts_mut(self.first.as_ptr(), self.count) }
    }
}

const _: () = assert!(PAGE_SIZE.0.is_multiple_of(ALIGNMENT));

impl<T> Array<T> {
    /// The element at `index`, which the caller has kept below the length; only builds for tests check that again.
    ///
    /// # Safety
    /// 1. `index` is below the array's length.
    #[inline(always)]
    pub(crate) unsafe fn at_unchecked(&self, index: usize) -> &T {
        debug_assert!(index < self.count, "{index} of {}", self.count);
        // SAFETY: the caller's promise, and as for `deref`.
        unsafe { &*self.first.as_ptr().add(index) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::alloc::{Layout, alloc_zeroed};
    use std::sync::Mutex;
    use std::vec::Vec;

    /// Every memory given out, so that a leak checker sees that it is kept on purpose.
    static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());

    /// A carver of fresh memory, which lives as long as the process: arrays have no lifetime that could end it.
    pub(crate) fn fresh(size: Bytes) -> Carver {
        let layout = Layout::from_size_align(size.as_usize(), PAGE_SIZE.as_usize()).expect("a few megabytes");
        // SAFETY: no caller asks for an empty carver.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) }).expect("a few megabytes are there");
        KEPT.lock().expect("nobody panicked").push(base.as_ptr().expose_provenance());
        // SAFETY: 1. zeroed and page aligned; 2. nobody else knows the memory.
        unsafe { Carver::new(MetadataReservation { base, size }) }
    }

    #[test]
    fn arrays_take_what_was_tallied_and_begin_at_cache_lines() {
        let size = Tally::new().and::<AtomicU16>(3).and::<u64>(0).and::<u32>(17).pages();
        assert_eq!(size, Some(PAGE_SIZE));
        let mut carver = fresh(PAGE_SIZE);
        let (three, none, many) =
            (carver.carve::<AtomicU16>(3), carver.carve::<u64>(0), carver.carve::<u32>(17));
        assert_eq!((three.len(), none.len(), many.len()), (3, 0, 17));
        assert_eq!(many.as_ptr().addr() - three.as_ptr().addr(), 64);
        assert_eq!(carver.left, PAGE_SIZE.0 - 64 - 128);
    }

    #[test]
    #[should_panic(expected = "smaller than Config::metadata_size")]
    fn no_array_reaches_behind_the_reservation() {
        fresh(PAGE_SIZE).carve::<u64>(513);
    }

    #[test]
    fn a_sum_that_does_not_fit_is_none() {
        assert_eq!(Tally::new().and::<u64>(u64::MAX / 4).pages(), None);
        assert_eq!(Tally::new().and::<u64>(u64::MAX / 16).and::<u64>(u64::MAX / 16).pages(), None);
    }
}
