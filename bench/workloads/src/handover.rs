//! Blocks that one thread allocates and another frees.

use crate::c_heap::{CBlock, CHeap};
use crate::ring::{BATCH, Receiver, ring};
use ntpool_bench_workloads::clock::{CHUNKS, median};
use ntpool_bench_workloads::heap::{Contents, Heap, first_word};
use ntpool_bench_workloads::rng::Rng;
use ntpool_bench_workloads::sizes::Sizes;
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

/// Batches before the first that is timed, and in each time that is taken.
const WARM_UP: usize = 4000;
const TIMED: usize = 3000;

/// Batches that each thread sends when both do.
const SENT: usize = 24_000;

/// Waits for the other thread: first on the processor, then off it.
#[derive(Default)]
struct Patience(u32);

impl Patience {
    fn wait(&mut self) {
        self.0 += 1;
        if self.0 > 200 { thread::yield_now() } else { spin_loop() }
    }

    fn renew(&mut self) {
        self.0 = 0;
    }
}

/// Reads a block, as its receiver would, and frees it.
#[inline(always)]
fn consume(block: CBlock) {
    black_box(first_word(&block));
    CHeap.release(block);
}

/// One thread allocates, the other frees; gives nanoseconds on the wall per block.
pub fn one_way(contents: Contents, sizes: Sizes) -> f64 {
    let (mut sender, mut receiver) = ring();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let consumer = thread::spawn(move || {
        let mut patience = Patience::default();
        loop {
            // Read before the ring is: what was sent before the stop is received then.
            let last = stopped.load(Ordering::Acquire);
            if receiver.receive(consume) {
                patience.renew();
            } else if last {
                break;
            } else {
                patience.wait();
            }
        }
    });
    let mut rng = Rng::new(5);
    let mut send = |batches: usize| {
        for _ in 0..batches {
            let mut patience = Patience::default();
            while !sender.send(|| CHeap.allocate(contents, sizes.draw(&mut rng)).with_ends()) {
                patience.wait();
            }
        }
    };
    send(WARM_UP);
    let mut times = [0.0; CHUNKS];
    for time in &mut times {
        let start = Instant::now();
        send(TIMED);
        *time = start.elapsed().as_nanos() as f64 / (TIMED * BATCH) as f64;
    }
    stop.store(true, Ordering::Release);
    consumer.join().expect("the consumer failed");
    median(&mut times)
}

/// Two threads, each allocates for the other; gives nanoseconds on the wall per block of one thread.
pub fn both_ways(contents: Contents, sizes: Sizes) -> f64 {
    let (one, two) = (ring(), ring());
    let done = Arc::new(AtomicUsize::new(0));
    let start = Arc::new(Barrier::new(3));
    let ends = [(one.0, two.1), (two.0, one.1)];
    let threads: Vec<_> = ends
        .into_iter()
        .enumerate()
        .map(|(thread, (mut sender, mut receiver))| {
            let (done, start) = (done.clone(), start.clone());
            thread::spawn(move || {
                let mut rng = Rng::new(31 + thread as u64);
                let mut patience = Patience::default();
                let mut sent = 0;
                start.wait();
                while sent < SENT {
                    let went = sender.send(|| CHeap.allocate(contents, sizes.draw(&mut rng)).with_ends());
                    sent += usize::from(went);
                    let came = receiver.receive(consume);
                    if went || came { patience.renew() } else { patience.wait() }
                }
                done.fetch_add(1, Ordering::AcqRel);
                drain(&mut receiver, &done);
            })
        })
        .collect();
    start.wait();
    let begin = Instant::now();
    for thread in threads {
        thread.join().expect("a thread of the handover failed");
    }
    begin.elapsed().as_nanos() as f64 / (SENT * BATCH) as f64
}

/// Receives until both threads have sent all of theirs.
fn drain(receiver: &mut Receiver, done: &AtomicUsize) {
    let mut patience = Patience::default();
    loop {
        let last = done.load(Ordering::Acquire) == 2;
        if receiver.receive(consume) {
            patience.renew();
        } else if last {
            return;
        } else {
            patience.wait();
        }
    }
}
