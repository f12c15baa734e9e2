#![expect(unsafe_code, reason = "maps stacks and writes their first words")]
//! Stacks for host code, one for each fiber beside the first.
//!
//! # What this module promises
//! - A stack is a mapping of its own, with a page below it that nobody can touch.
//! - It stays mapped until it is dropped, which its owner does only when nothing will run on it again.

use crate::HostError;

/// The bytes of a host stack. Linux backs only what is touched.
const SIZE: usize = 1 << 22;
const GUARD: usize = 1 << 12;

/// A stack for host code.
#[derive(Debug)]
pub(crate) struct HostStack {
    base: *mut libc::c_void,
}

impl HostStack {
    /// A fresh stack.
    ///
    /// # Errors
    /// When Linux has no memory for it.
    pub(crate) fn new() -> Result<HostStack, HostError> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        // SAFETY: a new mapping wherever Linux has room disturbs nothing.
        let base = unsafe {
            libc::mmap(std::ptr::null_mut(), SIZE + GUARD, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
        };
        if base == libc::MAP_FAILED {
            return Err(HostError::last("map a stack for another thread of the driver's"));
        }
        let stack = HostStack { base };
        // SAFETY: the page is the new mapping's own first one.
        if unsafe { libc::mprotect(base, GUARD, libc::PROT_NONE) } != 0 {
            return Err(HostError::last("guard a stack"));
        }
        Ok(stack)
    }

    /// Below this address a routine of the machine's may not find the room that it needs.
    pub(crate) fn floor(&self) -> u64 {
        const ROOM: u64 = 1 << 18;
        self.base as u64 + GUARD as u64 + ROOM
    }

    /// Writes words at the stack's end, so that the stack pointer which is returned points to the first of them, and
    /// the stack is aligned as for a routine's first instruction once all of them are popped.
    pub(crate) fn push_words(&self, words: &[u64]) -> u64 {
        let end = self.base as u64 + (GUARD + SIZE) as u64;
        let start = (end - 64) & !0xF;
        let start = start - 8 * words.len() as u64;
        for (place, &word) in (0..).zip(words) {
            // SAFETY: the words lie in the writable part of this mapping, on which nothing runs yet.
            unsafe { std::ptr::write((start as *mut u64).add(place), word) };
        }
        start
    }
}

impl Drop for HostStack {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and its owner promises that nothing runs on it any more.
        unsafe { libc::munmap(self.base, SIZE + GUARD) };
    }
}
