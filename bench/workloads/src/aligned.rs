//! A pair with an alignment.

use crate::c_heap::CHeap;
use ntpool_bench_workloads::heap::Heap;
use ntpool_bench_workloads::sizes::Size;
use std::hint::black_box;

/// One iteration allocates at a multiple of `alignment`, writes a word and frees.
pub fn body(alignment: usize, size: Size) -> impl FnMut(usize) {
    move |iterations| {
        for _ in 0..iterations {
            CHeap.release(CHeap.allocate_aligned(alignment, black_box(size)).with_word());
        }
    }
}
