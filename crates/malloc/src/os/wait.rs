#![expect(unsafe_code, reason = "futex, sched_yield and membarrier are system calls")]
//! Waiting for other threads, and making them see.
//!
//! # Promise
//! The system calls here read a word that the caller borrows, or nothing at all.

use crate::os::errno;
use crate::size::PAGE;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering, fence};

/// Sleeps while the word has this value; may return early.
pub(crate) fn while_equal(word: &AtomicU32, value: u32) {
    futex(word, libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, value);
}

/// Wakes one thread that sleeps on the word.
pub(crate) fn wake_one(word: &AtomicU32) {
    futex(word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1);
}

/// Wakes every thread that sleeps on the word.
pub(crate) fn wake_all(word: &AtomicU32) {
    futex(word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, i32::MAX as u32);
}

fn futex(word: &AtomicU32, operation: i32, value: u32) {
    let no_timeout = ptr::null::<libc::timespec>();
    errno::kept(|| {
        // SAFETY: the word is borrowed for the call, and neither operation writes it.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, no_timeout) }
    });
}

/// Lets another thread run.
pub(crate) fn give_way() {
    // SAFETY: takes nothing and always succeeds.
    unsafe { libc::sched_yield() };
}

/// Makes every running thread of the process pass a full memory barrier.
///
/// With it a thread may announce itself by a plain store and then look for an announcement of ours, by a plain load,
/// without a barrier of its own: when this returns, either we see its announcement or it sees ours.
pub(crate) fn barrier_in_all_threads() {
    fence(Ordering::SeqCst);
    errno::kept(|| {
        let asked = membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
            || (membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
                && membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED));
        if !asked {
            shoot_down();
        }
    });
    fence(Ordering::SeqCst);
}

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: takes two numbers and no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// The same by taking a right to a page away: every processor that runs a thread of ours is interrupted to forget it.
/// For kernels older than the system call, and for filters that forbid it.
fn shoot_down() {
    let writable = libc::PROT_READ | libc::PROT_WRITE;
    let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a fresh page that nobody else knows is mapped, written, made read-only and given back.
    unsafe {
        let page = libc::mmap(ptr::null_mut(), PAGE, writable, private, -1, 0);
        if page != libc::MAP_FAILED {
            page.cast::<u8>().write_volatile(1);
            libc::mprotect(page, PAGE, libc::PROT_READ);
            libc::munmap(page, PAGE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_barriers_return_and_keep_errno() {
        errno::set(77);
        barrier_in_all_threads();
        assert_eq!(errno::get(), 77);
        shoot_down();
    }

    #[test]
    fn a_word_with_another_value_is_not_waited_for() {
        let word = AtomicU32::new(1);
        while_equal(&word, 2);
        wake_all(&word);
        assert_eq!(word.load(Ordering::Relaxed), 1);
    }
}
