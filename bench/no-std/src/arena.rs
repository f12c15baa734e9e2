//! The memory that a heap for kernels is given: one range, every page there already.

use ntpool_bench_workloads::memory;

/// How much: several times what any workload has live.
pub const LENGTH: usize = 512 << 20;

/// An arena of zeroes, for the whole life of the process.
#[must_use]
pub fn arena() -> &'static mut [u8] {
    memory::zeroed(LENGTH)
}
