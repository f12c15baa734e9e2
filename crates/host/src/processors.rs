#![expect(unsafe_code, reason = "shares the machine with threads, under one lock, and signals them")]
//! Processors as threads of Linux.
//!
//! # What this module promises
//! - The machine is touched by one thread at a time: by whoever holds the lock of the module `giant`.

use crate::fiber::Kernel;
use crate::{HostError, confine, giant, trap, words};
use ntpool_types::ProcessorNumber;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;

pub use crate::giant::{changed, let_others_in, wait_for_change};

/// The numbers that Linux gave the threads, by processor.
static THREADS: [AtomicI32; crate::layout::MOST_PROCESSORS as usize] =
    [const { AtomicI32::new(0) }; crate::layout::MOST_PROCESSORS as usize];
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The machine, for threads that hold the lock.
struct Shared<M: 'static>(&'static M);

// SAFETY: the machine is used by the thread that holds the lock, one at a time, and the lock orders what they do; nothing
// in it belongs to a particular thread.
unsafe impl<M> Send for Shared<M> {}

/// Makes a thread for every processor but the first, which is the calling thread. Each runs `idle` when it has been let
/// in by [`open`]; until then nothing is shared.
///
/// # Errors
/// When Linux has no room for another thread.
pub fn start<M: Kernel>(
    machine: &'static M,
    count: u32,
    idle: fn(&'static M, ProcessorNumber),
) -> Result<(), HostError> {
    note_thread(0);
    COUNT.store(count, Ordering::Relaxed);
    for number in 1..count {
        let shared = Shared(machine);
        let (ready, prepared) = mpsc::channel();
        let run = move || {
            let Shared(machine) = { shared };
            words::set_processor(u64::from(number));
            note_thread(number);
            let outcome = trap::use_own_signal_stack().and_then(|()| confine::trap_time_stamps());
            let failed = outcome.is_err();
            let _ = ready.send(outcome);
            if !failed {
                giant::wait_for_start();
                idle(machine, ProcessorNumber(number as u16));
            }
        };
        thread::Builder::new()
            .name(format!("processor {number}"))
            .spawn(run)
            .map_err(|error| HostError::because("start a thread for a processor", error))?;
        prepared.recv().map_err(|_| HostError::plain("start a thread for a processor: it ended"))??;
    }
    Ok(())
}

/// Lets the processors run, the calling thread holding the lock.
pub fn open() {
    giant::start();
}

/// The processor that the calling thread is; the first one where processors are no threads.
#[must_use]
pub fn own() -> ProcessorNumber {
    ProcessorNumber(words::processor() as u16)
}

/// Whether processors are threads.
#[must_use]
pub fn are_threads() -> bool {
    giant::is_started()
}

fn note_thread(number: u32) {
    // SAFETY: asks for a number.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
    THREADS[number as usize].store(thread, Ordering::Relaxed);
}

/// Passes a signal that came from outside, or from the clock, on to all other processors.
pub(crate) fn pass_on(signal: i32) {
    if !giant::is_started() {
        return;
    }
    let own = words::processor() as usize;
    for (number, thread) in THREADS.iter().enumerate().take(COUNT.load(Ordering::Relaxed) as usize) {
        if number != own {
            // SAFETY: signals a thread of this process, whose handler does what this one does.
            unsafe {
                libc::syscall(libc::SYS_tgkill, libc::getpid(), thread.load(Ordering::Relaxed), signal);
            }
        }
    }
}
