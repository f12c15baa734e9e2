//! Buffers that grow: eight at a time, each by half of its size, until they have reached an end.

use crate::c_heap::{CBlock, CHeap};
use ntpool_bench_workloads::clock::timed;
use ntpool_bench_workloads::heap::{Contents, Heap, Held};
use ntpool_bench_workloads::sizes::Size;
use std::mem;

/// How many grow in turn, so that the block behind one is another's.
const BUFFERS: usize = 8;

const START: u32 = 16;

/// Gives nanoseconds per resize; the first allocation and the free count as none.
pub fn run(end: Size) -> f64 {
    let sizes: Vec<Size> = std::iter::successors(Some(START), |size| Some(size + size / 2))
        .take_while(|&size| (size as usize) < end.bytes())
        .map(Size::new)
        .chain([end])
        .collect();
    let resizes = (sizes.len() - 1) * BUFFERS;
    let mut buffers = [CBlock::NONE; BUFFERS];
    timed(|iterations| {
        for _ in 0..iterations {
            for buffer in &mut buffers {
                *buffer = CHeap.allocate(Contents::Any, sizes[0]).with_ends();
            }
            for &size in &sizes[1..] {
                for buffer in &mut buffers {
                    *buffer = CHeap.resize(mem::replace(buffer, CBlock::NONE), size).with_ends();
                }
            }
            for buffer in &mut buffers {
                CHeap.release(mem::replace(buffer, CBlock::NONE));
            }
        }
    }) / resizes as f64
}
