//! Threads that come, allocate a little, and go, leaving half of their blocks to the one that started them.

use crate::c_heap::{CBlock, CHeap};
use ntpool_bench_workloads::clock::{CHUNKS, median};
use ntpool_bench_workloads::heap::{Contents, Heap, Held};
use ntpool_bench_workloads::memory;
use ntpool_bench_workloads::rng::Rng;
use ntpool_bench_workloads::sizes::Sizes;
use std::mem;
use std::thread;
use std::time::Instant;

/// Blocks that a thread allocates.
const BLOCKS: usize = 200;

/// Threads in each time that is taken.
const THREADS: u64 = 300;

/// Gives microseconds on the wall per thread, its start and end included.
pub fn run(contents: Contents, sizes: Sizes) -> f64 {
    let blocks = memory::zeroed::<CBlock>(BLOCKS);
    let mut times = [0.0; CHUNKS];
    generation(contents, sizes, blocks);
    for time in &mut times {
        let start = Instant::now();
        generation(contents, sizes, blocks);
        *time = start.elapsed().as_nanos() as f64 / 1000.0 / THREADS as f64;
    }
    median(&mut times)
}

fn generation(contents: Contents, sizes: Sizes, blocks: &mut [CBlock]) {
    for seed in 0..THREADS {
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut rng = Rng::new(seed);
                for block in blocks.iter_mut() {
                    *block = CHeap.allocate(contents, sizes.draw(&mut rng)).with_ends();
                }
                release_every_second(blocks);
            });
        });
        release_every_second(&mut blocks[1..]);
    }
}

fn release_every_second(blocks: &mut [CBlock]) {
    for block in blocks.iter_mut().step_by(2) {
        CHeap.release(mem::replace(block, CBlock::NONE));
    }
}
