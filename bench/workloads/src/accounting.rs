//! What accounting per tag costs when it is done around an allocator: the naive ways.
//!
//! A free gets only a pointer, so the block carries a header of 16 bytes with tag and size before it.
#![expect(unsafe_code, reason = "keeps a header in front of the caller's bytes")]

use crate::c_heap::CHeap;
use ntpool_bench_workloads::clock::{timed, timed_on_threads};
use ntpool_bench_workloads::heap::{Contents, Heap, Held};
use ntpool_bench_workloads::memory::{self, Zeroed};
use ntpool_bench_workloads::rng::Rng;
use ntpool_bench_workloads::sizes::Size;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Nothing at all.
    Nothing,
    /// The header only.
    Header,
    /// Counters of the thread.
    Local,
    /// Counters that all threads share.
    Shared,
}

impl Way {
    /// The way of a name.
    pub fn named(name: &str) -> Option<Way> {
        match name {
            "none" => Some(Way::Nothing),
            "header" => Some(Way::Header),
            "local" => Some(Way::Local),
            "shared" => Some(Way::Shared),
            _ => None,
        }
    }
}

#[repr(C, align(64))]
struct Counters {
    allocations: AtomicU64,
    frees: AtomicU64,
    bytes: AtomicU64,
    tag: AtomicU64,
}

// SAFETY: numbers.
unsafe impl Zeroed for Counters {}

impl Counters {
    #[inline(always)]
    fn add(&self, way: Way, counter: &AtomicU64, bytes: u64) {
        match way {
            Way::Nothing | Way::Header => {}
            Way::Local => {
                counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                let sum = self.bytes.load(Ordering::Relaxed).wrapping_add(bytes);
                self.bytes.store(sum, Ordering::Relaxed);
            }
            Way::Shared => {
                counter.fetch_add(1, Ordering::Relaxed);
                self.bytes.fetch_add(bytes, Ordering::Relaxed);
            }
        }
    }
}

const SLOTS: usize = 1024;
const HEADER: u32 = 16;

/// The counters of a tag, found by hashing.
#[inline(always)]
fn counters(table: &[Counters], tag: u32) -> &Counters {
    let mut place = (tag.wrapping_mul(0x9E37_79B1) >> 22) as usize;
    loop {
        let slot = &table[place % SLOTS];
        match slot.tag.load(Ordering::Relaxed) {
            0 => {
                slot.tag.store(u64::from(tag), Ordering::Relaxed);
                return slot;
            }
            there if there == u64::from(tag) => return slot,
            _ => place += 1,
        }
    }
}

/// Gives nanoseconds per pair: processor time with one thread, time on the wall with more.
pub fn run(way: Way, size: Size, tags: u32, threads: usize) -> f64 {
    if threads == 1 {
        return timed(body(way, size, tags, memory::zeroed(SLOTS)));
    }
    let shared: &'static [Counters] = memory::zeroed(SLOTS);
    timed_on_threads(threads, move |_| {
        body(way, size, tags, if way == Way::Local { memory::zeroed(SLOTS) } else { shared })
    })
}

fn body(way: Way, size: Size, tags: u32, table: &'static [Counters]) -> impl FnMut(usize) {
    let mut rng = Rng::new(17);
    let with_header = Size::new(size.bytes() as u32 + HEADER);
    move |iterations| {
        for _ in 0..iterations {
            if way == Way::Nothing {
                CHeap.release(CHeap.allocate(Contents::Any, black_box(size)).with_word());
                continue;
            }
            let tag = black_box(if tags == 1 { 0x3174_7354 } else { 0x3130_3030 + rng.below(tags) });
            let block = CHeap.allocate(Contents::Any, black_box(with_header)).with_word();
            let header = block.pointer();
            // SAFETY: the block is longer than the header by at least a word.
            let user = unsafe {
                header.cast::<u32>().write_volatile(tag);
                header.cast::<u64>().add(1).write_volatile(size.bytes() as u64);
                black_box(header.add(HEADER as usize))
            };
            if way != Way::Header {
                let slot = counters(table, tag);
                slot.add(way, &slot.allocations, size.bytes() as u64);
            }
            // SAFETY: as above; the header was written.
            let (tag, bytes) = unsafe {
                user.cast::<u64>().write_volatile(1);
                let header = user.sub(HEADER as usize);
                (header.cast::<u32>().read_volatile(), header.cast::<u64>().add(1).read_volatile())
            };
            if way != Way::Header {
                let slot = counters(table, tag);
                slot.add(way, &slot.frees, bytes.wrapping_neg());
            }
            CHeap.release(block);
        }
    }
}
