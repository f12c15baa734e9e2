//! Clocks, and the loop that repeats a workload until it can be timed.
//!
//! What one thread does is timed by the processor time of that thread, so a neighbour that takes the processor away is not
//! counted; what several do by the time on the wall.
#![expect(unsafe_code, reason = "reads the thread's clock and the time stamp counter")]

use std::arch::x86_64::{_mm_lfence, _rdtsc};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

const CLOCK_THREAD_CPUTIME_ID: i32 = 3;

/// The processor time of the calling thread, in nanoseconds.
#[must_use]
pub fn thread_time() -> u64 {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the structure is the caller's and as the C library has it.
    unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.seconds as u64 * 1_000_000_000 + time.nanoseconds as u64
}

/// The time stamp counter, read after everything before it and before everything behind it.
#[inline(always)]
#[must_use]
pub fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has these instructions.
    unsafe {
        _mm_lfence();
        let ticks = _rdtsc();
        _mm_lfence();
        ticks
    }
}

/// How many ticks a nanosecond has.
#[must_use]
pub fn ticks_per_nanosecond() -> f64 {
    let (start, first) = (Instant::now(), ticks());
    while start.elapsed() < Duration::from_millis(20) {}
    let (counted, elapsed) = (ticks() - first, start.elapsed());
    counted as f64 / elapsed.as_nanos() as f64
}

/// How often a workload is timed; the median counts.
pub const CHUNKS: usize = 7;

/// About how long each of those times is: short enough to repeat, long against the clock's own cost.
const CHUNK_NANOSECONDS: u64 = 9_000_000;

/// The middle value.
#[must_use]
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How many iterations a chunk has.
fn calibrate(body: &mut impl FnMut(usize)) -> usize {
    let mut iterations = 1;
    loop {
        let start = thread_time();
        body(iterations);
        let taken = thread_time() - start;
        if taken > CHUNK_NANOSECONDS / 3 {
            return ((iterations as u64 * CHUNK_NANOSECONDS) / taken).max(1) as usize;
        }
        iterations *= if taken < CHUNK_NANOSECONDS / 64 { 8 } else { 2 };
    }
}

/// Calls `body` with numbers of iterations; gives nanoseconds of processor time per iteration.
pub fn timed(mut body: impl FnMut(usize)) -> f64 {
    let iterations = calibrate(&mut body);
    let mut times = [0.0; CHUNKS];
    for time in &mut times {
        let start = thread_time();
        body(iterations);
        *time = (thread_time() - start) as f64 / iterations as f64;
    }
    median(&mut times)
}

/// The same on several threads at once, each with a body of its own made on it; gives nanoseconds on the wall per
/// iteration of one thread.
pub fn timed_on_threads<B: FnMut(usize)>(
    threads: usize,
    make: impl Fn(usize) -> B + Send + Sync + 'static,
) -> f64 {
    let make = Arc::new(make);
    let barrier = Arc::new(Barrier::new(threads));
    let iterations = Arc::new(AtomicUsize::new(0));
    let result = Arc::new(AtomicU64::new(0));
    let handles: Vec<_> = (0..threads)
        .map(|thread| {
            let (make, barrier) = (make.clone(), barrier.clone());
            let (iterations, result) = (iterations.clone(), result.clone());
            thread::spawn(move || {
                let mut body = make(thread);
                barrier.wait();
                if thread == 0 {
                    let alone = calibrate(&mut body);
                    iterations.store((alone / threads.div_ceil(2)).max(1), Ordering::SeqCst);
                }
                barrier.wait();
                let iterations = iterations.load(Ordering::SeqCst);
                let mut times = [0.0; CHUNKS];
                for time in &mut times {
                    barrier.wait();
                    let start = Instant::now();
                    body(iterations);
                    barrier.wait();
                    *time = start.elapsed().as_nanos() as f64 / iterations as f64;
                }
                if thread == 0 {
                    result.store(median(&mut times).to_bits(), Ordering::SeqCst);
                }
            })
        })
        .collect();
    for handle in handles {
        handle.join().expect("a measuring thread failed");
    }
    f64::from_bits(result.load(Ordering::SeqCst))
}
