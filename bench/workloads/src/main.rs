//! Times the C allocation functions that this process is bound to.
//!
//! Any allocator that LD_PRELOAD can bring in is measured by this one program:
//!
//! ```text
//! workloads NAME       runs a workload and prints a line of JSON for each figure
//! workloads origin     prints the files that the allocation functions come from
//! ```

mod accounting;
mod aligned;
mod c_heap;
mod churn;
mod computer;
mod grow;
mod handover;
mod idle_threads;
mod latency;
mod resident;
mod ring;
mod shared;

use c_heap::CHeap;
use ntpool_bench_workloads::burst::{self, Order};
use ntpool_bench_workloads::clock::{timed, timed_on_threads};
use ntpool_bench_workloads::heap::Contents;
use ntpool_bench_workloads::live::Live;
use ntpool_bench_workloads::pair;
use ntpool_bench_workloads::report::{Unit, emit};
use ntpool_bench_workloads::sizes::{Size, Sizes};
use std::process::ExitCode;

fn main() -> ExitCode {
    // The first thing, before anything here has allocated.
    let at_start = resident::bytes();
    let mut arguments = std::env::args().skip(1);
    let (Some(name), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: workloads NAME, one workload a process; the benchmark's --list has the names");
        return ExitCode::from(2);
    };
    if run(&name, at_start).is_none() {
        eprintln!("no workload `{name}`; the benchmark's --list has the names");
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

/// Runs a workload; none when there is no such one.
fn run(name: &str, at_start: f64) -> Option<()> {
    let parts: Vec<&str> = name.split('/').collect();
    let ns = |value| emit(name, Unit::Nanoseconds, value);
    match parts[..] {
        ["origin"] => c_heap::print_origins(),
        ["start"] => emit("start/rss", Unit::Mebibytes, resident::mebibytes(at_start)),
        ["pair", contents, size] => ns(timed(pair::body(CHeap, Contents::named(contents)?, one(size)?))),
        ["pair1T", contents, size] => ns(pair_on_threads(1, Contents::named(contents)?, one(size)?)),
        ["pair2T", contents, size] => ns(pair_on_threads(2, Contents::named(contents)?, one(size)?)),
        ["aligned", alignment, size] => ns(timed(aligned::body(number(alignment)?, one(size)?))),
        ["live", contents, sizes, count] => {
            let (contents, sizes) = (Contents::named(contents)?, Sizes::named(sizes)?);
            let mut live = Live::new(CHeap, contents, sizes, number(count)?, 1);
            ns(timed(|iterations| live.replace(iterations)));
        }
        ["live2T", contents, sizes, count] => {
            ns(live_on_threads(2, Contents::named(contents)?, Sizes::named(sizes)?, number(count)?))
        }
        ["live8T", contents, sizes, count] => {
            ns(live_on_threads(8, Contents::named(contents)?, Sizes::named(sizes)?, number(count)?))
        }
        ["shared2T", contents, sizes, count] => {
            ns(shared::run(Contents::named(contents)?, Sizes::named(sizes)?, number(count)?))
        }
        ["prodcons", contents, sizes] => {
            ns(handover::one_way(Contents::named(contents)?, Sizes::named(sizes)?))
        }
        ["prodcons-sym", contents, sizes] => {
            ns(handover::both_ways(Contents::named(contents)?, Sizes::named(sizes)?))
        }
        ["burst", contents, sizes, order] => {
            let (contents, sizes) = (Contents::named(contents)?, Sizes::named(sizes)?);
            burst::run(name, &CHeap, contents, sizes, Order::named(order)?);
        }
        ["grow", end] => ns(grow::run(one(end)?)),
        ["churn", contents, sizes] => {
            let microseconds = churn::run(Contents::named(contents)?, Sizes::named(sizes)?);
            emit(name, Unit::Microseconds, microseconds);
        }
        ["lat", contents, sizes, count] => {
            latency::run(name, Contents::named(contents)?, Sizes::named(sizes)?, number(count)?);
        }
        ["mem", sizes] => resident::run(name, Sizes::named(sizes)?, 1500),
        ["mem", sizes, milliseconds] => {
            resident::run(name, Sizes::named(sizes)?, number(milliseconds)? as u64);
        }
        ["mem-threads", sizes] => idle_threads::run(name, Sizes::named(sizes)?),
        ["acct", way, size, tags, threads] => {
            let way = accounting::Way::named(way)?;
            ns(accounting::run(way, one(size)?, number(tags)? as u32, number(threads)?));
        }
        ["os"] => computer::run(),
        _ => return None,
    }
    Some(())
}

fn pair_on_threads(threads: usize, contents: Contents, size: Size) -> f64 {
    timed_on_threads(threads, move |_| pair::body(CHeap, contents, size))
}

/// One live set for each thread, each half as large as said.
fn live_on_threads(threads: usize, contents: Contents, sizes: Sizes, count: usize) -> f64 {
    timed_on_threads(threads, move |thread| {
        let mut live = Live::new(CHeap, contents, sizes, count / 2, thread as u64 + 1);
        move |iterations| live.replace(iterations)
    })
}

/// A number, in thousands when it ends with `k`.
fn number(text: &str) -> Option<usize> {
    match text.strip_suffix('k') {
        Some(thousands) => thousands.parse::<usize>().ok()?.checked_mul(1000),
        None => text.parse().ok(),
    }
}

fn one(size: &str) -> Option<Size> {
    Some(Size::new(size.parse().ok()?))
}
