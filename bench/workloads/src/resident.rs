//! How much memory a heap keeps for what is live: filled, in use, after most was freed, and refilled.

use crate::c_heap::{CBlock, CHeap};
use ntpool_bench_workloads::heap::{Contents, Heap, Held};
use ntpool_bench_workloads::memory;
use ntpool_bench_workloads::report::{Unit, emit};
use ntpool_bench_workloads::rng::Rng;
use ntpool_bench_workloads::sizes::{Size, Sizes};
use std::fs::File;
use std::io::Read;
use std::mem;
use std::thread;
use std::time::{Duration, Instant};

/// Live blocks when filled.
const COUNT: usize = 200_000;

/// The size that the holes are refilled with.
const REFILL: Size = Size::new(720);

/// The bytes of memory that the process has and no file backs; read without allocating. Exact, unlike the counts in the
/// kernel's shorter files, which trail behind by a share for each processor.
pub fn bytes() -> f64 {
    let mut buffer = [0; 4096];
    let mut length = 0;
    let mut file = File::open("/proc/self/smaps_rollup").expect("the kernel tells of the process's memory");
    while let Ok(read @ 1..) = file.read(&mut buffer[length..]) {
        length += read;
    }
    let text = str::from_utf8(&buffer[..length]).expect("the kernel writes ASCII");
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the field is there");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number of kilobytes") * 1024.0
    };
    field("Anonymous:") + field("Pss_Shmem:")
}

/// Bytes in units of 2^20.
pub fn mebibytes(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}

/// Waits, allocating a little now and then, so that a heap that gives back on occasion has the occasion.
pub fn idle(milliseconds: u64) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(milliseconds) {
        thread::sleep(Duration::from_millis(20));
        for turn in 0..50 {
            let size = Size::new(16 + (turn * 61) % 3000);
            CHeap.release(CHeap.allocate(Contents::Any, size).with_word());
        }
    }
}

/// The live blocks of the workload, every byte of them written.
struct Population {
    sizes: Sizes,
    blocks: &'static mut [CBlock],
    lengths: &'static mut [u32],
    rng: Rng,
    bytes: f64,
}

impl Population {
    fn replace(&mut self, place: usize) {
        self.remove(place);
        let size = self.sizes.draw(&mut self.rng);
        self.blocks[place] = CHeap.allocate(Contents::Any, size).filled();
        self.lengths[place] = size.bytes() as u32;
        self.bytes += size.bytes() as f64;
    }

    fn remove(&mut self, place: usize) {
        CHeap.release(mem::replace(&mut self.blocks[place], CBlock::NONE));
        self.bytes -= f64::from(mem::take(&mut self.lengths[place]));
    }
}

/// Prints resident over live bytes at each stage.
pub fn run(name: &str, sizes: Sizes, wait_milliseconds: u64) {
    let (blocks, lengths) = (memory::zeroed(COUNT), memory::zeroed(COUNT));
    let mut live = Population { sizes, blocks, lengths, rng: Rng::new(77), bytes: 0.0 };
    let base = bytes();
    let resident = || bytes() - base;
    let ratio = |part: &str, live: f64| emit(&format!("{name}/{part}"), Unit::Ratio, resident() / live);

    for place in 0..COUNT {
        live.replace(place);
    }
    ratio("filled", live.bytes);
    for _ in 0..10 * COUNT {
        let place = live.rng.below(COUNT as u32) as usize;
        live.replace(place);
    }
    ratio("steady", live.bytes);
    emit(&format!("{name}/live"), Unit::Mebibytes, mebibytes(live.bytes));

    let before = resident();
    for place in 0..COUNT {
        if live.rng.below(10) != 0 {
            live.remove(place);
        }
    }
    ratio("free90", live.bytes);
    idle(wait_milliseconds);
    ratio("free90+wait", live.bytes);
    emit(&format!("{name}/free90-returned"), Unit::Percent, 100.0 * (1.0 - resident() / before));

    // The holes refilled with another size, to half of what was there: can the heap use them?
    let refills = ((before - live.bytes).max(0.0) / 2.0 / REFILL.bytes() as f64) as usize;
    let extra = memory::zeroed::<CBlock>(refills);
    // These slots are the workload's own memory, not the heap's.
    let slots = (size_of_val(extra) as f64 / 4096.0).ceil() * 4096.0;
    for block in extra.iter_mut() {
        *block = CHeap.allocate(Contents::Any, REFILL).filled();
    }
    let refilled = live.bytes + (refills * REFILL.bytes()) as f64;
    emit(&format!("{name}/reuse720"), Unit::Ratio, (resident() - slots) / refilled);

    for block in extra {
        CHeap.release(mem::replace(block, CBlock::NONE));
    }
    for place in 0..COUNT {
        live.remove(place);
    }
    idle(wait_milliseconds);
    emit(&format!("{name}/all-freed"), Unit::Mebibytes, mebibytes(resident() - slots));
}
