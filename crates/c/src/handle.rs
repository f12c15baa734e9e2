//! What a handle stands for: a heap, and the memory it lives in if that is the library's.
#![expect(unsafe_code, reason = "gives a heap memory by its address, and promises that its lock excludes")]

use crate::abi;
use crate::mapping::Mapping;
use ntpool_heap::{ArenaError, Before, Bytes, Heap, HoldPolicy, PoolKind, Shares};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock of a pool's only shard.
#[derive(Default)]
pub(crate) struct Lock(Mutex<()>);

// SAFETY: 1. the guard holds the mutex, and only `hold` locks it; 2. a mutex acquires when it is locked and releases
// when it is unlocked.
unsafe impl HoldPolicy for Lock {
    type Guard<'a> = MutexGuard<'a, ()>;

    fn hold(&self) -> MutexGuard<'_, ()> {
        // The lock guards no data of its own; a panic in the pool is an assertion, which ends the process at the edge.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pool of the C library.
///
/// Its fields are dropped in this order: first the heap, then the memory under it.
pub struct Handle {
    pub(crate) heap: Heap<Lock>,
    _memory: Option<Mapping>,
}

impl Handle {
    /// A pool on memory of its own. Errors: the status.
    pub(crate) fn mapped(capacity: usize, shares: Shares) -> Result<Handle, i32> {
        let size = footprint(capacity, shares).ok_or(abi::NO_MEMORY)?;
        let memory = Mapping::new(size).ok_or(abi::NO_MEMORY)?;
        let heap = Heap::new().with_shares(shares);
        // SAFETY: 1. the mapping is new and lives as long as the heap, in the same handle; blocks end with the handle,
        // as its owner promises; 2. fresh pages are zero.
        unsafe { heap.give_range(memory.base(), memory.size(), Before::Zeros, Lock::default()) }
            .map_err(status)?;
        let base = memory.base().as_ptr().addr() as u64;
        if let Some((first, pages)) = heap.range(PoolKind::NonPagedExecute)
            && pages.0 > 0
            && !memory.make_executable((first.0 - base) as usize, pages.bytes().as_usize())
        {
            return Err(abi::NO_MEMORY);
        }
        Ok(Handle { heap, _memory: Some(memory) })
    }

    /// A pool on the caller's memory. Errors: the status.
    ///
    /// # Safety
    /// The `size` bytes from `memory` on are readable and writable, and nobody else uses them as long as the handle,
    /// or a block of it, is used.
    pub(crate) unsafe fn on(memory: NonNull<u8>, size: usize, shares: Shares) -> Result<Handle, i32> {
        let heap = Heap::new().with_shares(shares);
        // SAFETY: 1. this function's promise; 2. nothing is said about the bytes.
        unsafe { heap.give_range(memory, size, Before::Anything, Lock::default()) }.map_err(status)?;
        Ok(Handle { heap, _memory: None })
    }
}

/// The bytes of memory that a pool of this capacity needs; `None` when no computer has as many.
pub(crate) fn footprint(capacity: usize, shares: Shares) -> Option<usize> {
    let bytes = Heap::<Lock>::footprint(Bytes((capacity as u64).max(1)), shares);
    usize::try_from(bytes.0).ok().filter(|&bytes| bytes <= isize::MAX as usize)
}

fn status(error: ArenaError) -> i32 {
    match error {
        ArenaError::TooSmall { .. } => abi::TOO_SMALL,
        // The rest is about heaps that are given memory twice, or never; a handle's is given its own once.
        _ => abi::BAD_ARGUMENT,
    }
}
