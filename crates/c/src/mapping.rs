//! Memory from the operating system for a pool of its own.
//!
//! # Promise
//! A mapping is the only user of its addresses until it is dropped.
#![expect(unsafe_code, reason = "maps, protects and unmaps memory")]

use std::ptr::{self, NonNull};

/// Zeroed private memory.
pub(crate) struct Mapping {
    base: NonNull<u8>,
    size: usize,
}

// SAFETY: the value is an address and a length; what lies there is used by others, under their own rules.
unsafe impl Send for Mapping {}
// SAFETY: as for Send; nothing here changes through a shared reference but protections.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `size` bytes; what is never touched costs no memory. `None` when there are not so many.
    pub(crate) fn new(size: usize) -> Option<Mapping> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new private mapping where the system finds room touches no memory of anybody's.
        let base = unsafe { libc::mmap(ptr::null_mut(), size, protection, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return None;
        }
        NonNull::new(base.cast()).map(|base| Mapping { base, size })
    }

    /// The first byte.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Makes whole pages of the mapping executable; whether the system does.
    pub(crate) fn make_executable(&self, offset: usize, length: usize) -> bool {
        if offset.checked_add(length).is_none_or(|end| end > self.size) {
            return false;
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        // SAFETY: the range lies in the mapping, and stays readable and writable.
        unsafe { libc::mprotect(self.base.as_ptr().wrapping_add(offset).cast(), length, protection) == 0 }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's; whoever uses its memory must have ended before, as the owner of a pool
        // promises when it destroys it.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.size) };
    }
}
