//! Times the allocators that a Rust kernel may use as its heap, each in an arena of its own, on one thread.
//!
//! ```text
//! no-std HEAP WORKLOAD      prints a line of JSON for each figure
//! ```

mod arena;
mod layout_heap;
mod ours;
mod peers;

use ntpool_bench_workloads::burst::{self, Order};
use ntpool_bench_workloads::catalogue::{PAGED, SNAPSHOT};
use ntpool_bench_workloads::clock::timed;
use ntpool_bench_workloads::heap::{Contents, Heap};
use ntpool_bench_workloads::live::Live;
use ntpool_bench_workloads::pair;
use ntpool_bench_workloads::report::{Unit, emit};
use ntpool_bench_workloads::sizes::{Size, Sizes};
use std::hint::black_box;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [heap, workload] = &arguments[..] else {
        eprintln!("usage: no-std HEAP WORKLOAD");
        return ExitCode::from(2);
    };
    let done = match heap.as_str() {
        "ntpool" => run_ours(workload),
        "talc" => run(peers::talc(), workload),
        "rlsf" => run(peers::rlsf(), workload),
        "good_memory_allocator" => run(peers::good_memory_allocator(), workload),
        _ => None,
    };
    if done.is_none() {
        eprintln!("no heap `{heap}` or no workload `{workload}`; the benchmark's --list has the names");
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

/// Runs a workload over the pool: some ask for what only that has.
fn run_ours(workload: &str) -> Option<()> {
    if let Some(name) = workload.strip_prefix(PAGED) {
        run_as(workload, ours::paged(), name)
    } else if workload.starts_with(TAGS) {
        run(ours::tagged(), workload)
    } else if let Some(parts) = workload.strip_prefix(SNAPSHOT) {
        let (sizes, count) = parts.split_once('/')?;
        let (sizes, count) = (Sizes::named(sizes)?, thousands(count)?);
        let live = Live::new(ours::ours(), Contents::Any, sizes, count, 1);
        assert_eq!(live.heap().live_by_tags(), count as u64, "every block is counted");
        let once = timed(|iterations| {
            for _ in 0..iterations {
                black_box(live.heap().live_by_tags());
            }
        });
        emit(workload, Unit::Microseconds, once / 1000.0);
        Some(())
    } else {
        run(ours::ours(), workload)
    }
}

/// What the names of live sets with many tags begin with; a heap without tags runs the live set.
const TAGS: &str = "live-tags/";

/// The number that `100k` is.
fn thousands(text: &str) -> Option<usize> {
    Some(text.strip_suffix('k')?.parse::<usize>().ok()? * 1000)
}

/// Runs a workload; none when there is no such one.
fn run(heap: impl Heap, workload: &str) -> Option<()> {
    run_as(workload, heap, workload)
}

/// The same, with another name for its figures.
fn run_as(name: &str, heap: impl Heap, workload: &str) -> Option<()> {
    let parts: Vec<&str> = workload.split('/').collect();
    match parts[..] {
        ["pair", contents, size] => {
            let (contents, size) = (Contents::named(contents)?, Size::new(size.parse().ok()?));
            emit(name, Unit::Nanoseconds, timed(pair::body(heap, contents, size)));
        }
        ["live" | "live-tags", contents, sizes, count] => {
            let (contents, sizes) = (Contents::named(contents)?, Sizes::named(sizes)?);
            let count = thousands(count)?;
            let mut live = Live::new(heap, contents, sizes, count, 1);
            emit(name, Unit::Nanoseconds, timed(|iterations| live.replace(iterations)));
        }
        ["burst", contents, sizes, order] => {
            let (contents, sizes) = (Contents::named(contents)?, Sizes::named(sizes)?);
            burst::run(name, &heap, contents, sizes, Order::named(order)?);
        }
        _ => return None,
    }
    Some(())
}
