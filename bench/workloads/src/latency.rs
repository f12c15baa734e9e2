//! Single operations under random replacement, timed one by one with the time stamp counter.

use crate::c_heap::CHeap;
use ntpool_bench_workloads::clock::{ticks, ticks_per_nanosecond};
use ntpool_bench_workloads::heap::{Contents, Heap};
use ntpool_bench_workloads::live::Live;
use ntpool_bench_workloads::memory;
use ntpool_bench_workloads::report::{Unit, emit};
use ntpool_bench_workloads::sizes::Sizes;

/// How many of each.
const COUNT: usize = 1_000_000;

fn clamp(ticks: u64) -> u32 {
    ticks.min(u64::from(u32::MAX)) as u32
}

/// Prints percentiles of allocations and frees, in nanoseconds.
pub fn run(name: &str, contents: Contents, sizes: Sizes, count: usize) {
    let per_nanosecond = ticks_per_nanosecond();
    let (allocations, frees) = (memory::zeroed::<u32>(COUNT), memory::zeroed::<u32>(COUNT));
    for nothing in allocations.iter_mut() {
        let start = ticks();
        *nothing = clamp(ticks() - start);
    }
    allocations.sort_unstable();
    let clock_cost = allocations[COUNT / 2];
    let mut live = Live::new(CHeap, contents, sizes, count, 21);
    for (allocation, free) in allocations.iter_mut().zip(frees.iter_mut()) {
        live.replace_one(
            |heap, block| {
                let start = ticks();
                heap.release(block);
                *free = clamp(ticks() - start);
            },
            |heap, contents, size| {
                let start = ticks();
                let block = heap.allocate(contents, size);
                *allocation = clamp(ticks() - start);
                block
            },
        );
    }
    percentiles(&format!("{name}/alloc"), allocations, clock_cost, per_nanosecond);
    percentiles(&format!("{name}/free"), frees, clock_cost, per_nanosecond);
}

fn percentiles(name: &str, times: &mut [u32], clock_cost: u32, per_nanosecond: f64) {
    times.sort_unstable();
    let last = times.len() - 1;
    for (part, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1.0)] {
        let time = times[(last as f64 * share) as usize].saturating_sub(clock_cost);
        emit(&format!("{name}/{part}"), Unit::Nanoseconds, f64::from(time) / per_nanosecond);
    }
}
