//! 64 threads use some memory, free all of it, and stay: what their caches keep.

use crate::c_heap::CHeap;
use crate::resident;
use ntpool_bench_workloads::heap::Contents;
use ntpool_bench_workloads::live::Live;
use ntpool_bench_workloads::report::{Unit, emit};
use ntpool_bench_workloads::sizes::Sizes;
use std::sync::{Arc, Barrier};
use std::thread;

const THREADS: usize = 64;

/// Blocks that are live on each, and how often one is replaced.
const LIVE: usize = 500;
const REPLACEMENTS: usize = 20_000;

/// Prints what stays while the threads do, and what when they have gone. Their stacks and the workload's own slots are in
/// both, the same for every heap.
pub fn run(name: &str, sizes: Sizes) {
    let stage = Arc::new(Barrier::new(THREADS + 1));
    let base = resident::bytes();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let stage = stage.clone();
            thread::spawn(move || {
                let mut live = Live::new(CHeap, Contents::Any, sizes, LIVE, thread as u64 + 1);
                stage.wait();
                live.replace(REPLACEMENTS);
                stage.wait();
                live.release_all();
                stage.wait();
                stage.wait();
            })
        })
        .collect();
    for _ in 0..3 {
        stage.wait();
    }
    let kept = resident::bytes() - base;
    emit(&format!("{name}/kept"), Unit::Mebibytes, resident::mebibytes(kept));
    stage.wait();
    for thread in threads {
        thread.join().expect("a thread failed");
    }
    resident::idle(1000);
    let after = resident::bytes() - base;
    emit(&format!("{name}/after-exit"), Unit::Mebibytes, resident::mebibytes(after));
}
