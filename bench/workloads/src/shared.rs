//! One live set for two threads: a block is freed by whichever thread draws its slot, so half of the frees are remote.
#![expect(unsafe_code, reason = "blocks go from thread to thread as pointers")]

use crate::c_heap::{CBlock, CHeap};
use ntpool_bench_workloads::clock::timed_on_threads;
use ntpool_bench_workloads::heap::{Contents, Heap};
use ntpool_bench_workloads::memory;
use ntpool_bench_workloads::rng::Rng;
use ntpool_bench_workloads::sizes::Sizes;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Gives nanoseconds on the wall per replacement of one thread.
pub fn run(contents: Contents, sizes: Sizes, count: usize) -> f64 {
    let slots: &'static [AtomicPtr<u8>] = memory::zeroed(count);
    // Twelve times over, so that no slot is empty and the set is as it stays.
    body(contents, sizes, slots, 108)(12 * count);
    timed_on_threads(2, move |thread| body(contents, sizes, slots, 99 + thread as u64))
}

fn body(contents: Contents, sizes: Sizes, slots: &'static [AtomicPtr<u8>], seed: u64) -> impl FnMut(usize) {
    let mut rng = Rng::new(seed);
    move |iterations| {
        for _ in 0..iterations {
            let bits = rng.draw();
            let place = (((bits >> 32) * slots.len() as u64) >> 32) as usize;
            let block = CHeap.allocate(contents, sizes.by(bits)).with_ends();
            let old = slots[place].swap(block.into_pointer(), Ordering::AcqRel);
            // SAFETY: put there by this loop, on any thread; the swap took it out for good.
            CHeap.release(unsafe { CBlock::from_pointer(old) });
        }
    }
}
