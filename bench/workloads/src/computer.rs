//! What the machine can do: the costs that no allocator gets below.

use crate::c_heap::empty_function;
use ntpool_bench_workloads::clock::{median, thread_time, timed};
use ntpool_bench_workloads::memory::{Advice, Mapping};
use ntpool_bench_workloads::report::{Unit, emit};
use ntpool_bench_workloads::rng::Rng;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

const PAGE: usize = 4096;
const LARGE: usize = 64 << 20;
const HUGE_PAGE: usize = 2 << 20;

/// Prints every figure.
pub fn run() {
    instructions();
    for bytes in [16, 64, 256, 1024, 4096, 16_384, 65_536] {
        zeroing(bytes);
    }
    first_touch("first-touch", Advice::SmallPages);
    first_touch("first-touch-thp", Advice::HugePages);
    first_touch("populate", Advice::PopulateForWriting);
    for bytes in [PAGE, 65_536, 1 << 20] {
        mapping(bytes);
    }
}

fn ns(name: &str, value: f64) {
    emit(&format!("os/{name}"), Unit::Nanoseconds, value);
}

fn instructions() {
    // Through a pointer that is kept in memory, which is what a call from one library to another is.
    if let Some(function) = empty_function() {
        let mut pointer = function;
        let call = timed(|iterations| {
            for _ in 0..iterations {
                let function = *black_box(&mut pointer);
                black_box(function(black_box(1)));
            }
        });
        ns("noop-call", call);
    }
    let mut list: (u64, [u64; 2]) = (0, [0; 2]);
    let pop_and_push = timed(|iterations| {
        for _ in 0..iterations {
            let list = black_box(&mut list);
            let place = black_box(list.0);
            list.0 = list.1[place as usize & 1];
            let place = black_box(place);
            list.1[place as usize & 1] = list.0;
            list.0 = place;
        }
    });
    ns("inline-list-pair", pop_and_push);
    let number = AtomicU64::new(0);
    let atomic = timed(|iterations| {
        for _ in 0..iterations {
            black_box(&number).fetch_add(1, Ordering::Relaxed);
        }
    });
    ns("atomic-add", atomic);
    let plain = timed(|iterations| {
        for _ in 0..iterations {
            let number = black_box(&number);
            number.store(number.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    });
    ns("plain-add", plain);
    let exchange = timed(|iterations| {
        for _ in 0..iterations {
            let number = black_box(&number);
            let value = number.load(Ordering::Relaxed);
            let _ = number.compare_exchange(value, value + 1, Ordering::AcqRel, Ordering::Relaxed);
            let _ = number.compare_exchange(value + 1, value, Ordering::AcqRel, Ordering::Relaxed);
        }
    });
    ns("cas-pair", exchange);
}

/// One block again and again, which the caches hold, and blocks here and there, which they don't.
fn zeroing(bytes: usize) {
    let mut near = Mapping::new(bytes, true);
    let hot = timed(|iterations| {
        for _ in 0..iterations {
            near.zero(0, black_box(bytes));
            black_box(near.first());
        }
    });
    ns(&format!("zero-hot/{bytes}"), hot);
    let mut far = Mapping::new(LARGE, true);
    let blocks = (LARGE / bytes) as u32;
    let mut rng = Rng::new(1);
    let cold = timed(|iterations| {
        for _ in 0..iterations {
            far.zero(rng.below(blocks) as usize * bytes, black_box(bytes));
        }
    });
    ns(&format!("zero-cold/{bytes}"), cold);
}

/// The first write to a page, per page.
fn first_touch(name: &str, advice: Advice) {
    let mut times = [0.0; 5];
    for time in &mut times {
        let mut mapping = Mapping::new(LARGE + HUGE_PAGE, false);
        // Where a huge page may begin.
        let offset = mapping.first().addr().next_multiple_of(HUGE_PAGE) - mapping.first().addr();
        let start = thread_time();
        mapping.advise(offset, advice);
        if !matches!(advice, Advice::PopulateForWriting) {
            mapping.touch_pages(offset);
        }
        *time = (thread_time() - start) as f64 / ((LARGE + HUGE_PAGE - offset) / PAGE) as f64;
    }
    ns(&format!("{name}-per-4KiB"), median(&mut times));
}

fn mapping(bytes: usize) {
    let untouched = timed(|iterations| {
        for _ in 0..iterations {
            drop(black_box(Mapping::new(bytes, false)));
        }
    });
    ns(&format!("mmap-munmap/{bytes}"), untouched);
    let touched = timed(|iterations| {
        for _ in 0..iterations {
            Mapping::new(bytes, false).touch_pages(0);
        }
    });
    ns(&format!("mmap-touch-munmap/{bytes}"), touched);
    let mut kept = Mapping::new(bytes, false);
    let emptied = timed(|iterations| {
        for _ in 0..iterations {
            kept.touch_pages(0);
            kept.advise(0, Advice::NotNeeded);
        }
    });
    ns(&format!("dontneed-touch/{bytes}"), emptied);
}
