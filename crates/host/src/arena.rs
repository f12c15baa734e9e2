#![expect(unsafe_code, reason = "maps memory at fixed addresses")]
//! Memory at fixed addresses.
//!
//! # What this module promises
//! - A mapping is only ever placed over addresses that [`reserve`] took without displacing anything, so no memory of
//!   the Rust program is replaced.
//! - Nothing here hands out references into the mappings; the driver writes to them at any time, so they are read and
//!   written as bytes only ([`crate::guarded`]). The one exception is the pool's metadata, which has a function of its
//!   own and which the others refuse.

use crate::layout::{ARENA, POOL_METADATA};
use crate::{HostError, layout};
use ntpool_memory::Protection;
use ntpool_types::{Bytes, PAGE_SIZE, VirtualAddress};
use std::sync::atomic::{AtomicBool, Ordering};

static RESERVED: AtomicBool = AtomicBool::new(false);

/// Takes the arena's addresses for this process, all of them inaccessible.
///
/// # Errors
/// When something lies there already or address space is limited, as `ulimit -v` does.
pub fn reserve() -> Result<(), HostError> {
    for (name, window) in layout::WINDOWS {
        // The thread sanitizer keeps these addresses from everybody by a mapping of its own.
        let taken = if cfg!(ntpool_thread_sanitizer) { libc::MAP_FIXED } else { libc::MAP_FIXED_NOREPLACE };
        // By the bare system call: sanitizers have a function of their own in the C library's place.
        // SAFETY: MAP_FIXED_NOREPLACE fails rather than replacing a mapping, and PROT_NONE memory is nobody's.
        let placed = unsafe {
            libc::syscall(
                libc::SYS_mmap,
                window.base.0,
                window.size.as_usize(),
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | taken,
                -1,
                0,
            )
        };
        if placed as u64 != window.base.0 {
            return Err(HostError::last(format!("reserve {} at {}", name, window.base)));
        }
    }
    RESERVED.store(true, Ordering::Release);
    Ok(())
}

fn check_range(base: VirtualAddress, size: Bytes) -> Result<(), HostError> {
    let inside = base.checked_add(size).is_some_and(|end| {
        ARENA.contains(base)
            && end <= ARENA.end()
            && (end <= POOL_METADATA.base || base >= POOL_METADATA.end())
    });
    let whole_pages = base.is_aligned(PAGE_SIZE) && size.0 != 0 && size.0.is_multiple_of(PAGE_SIZE.0);
    if RESERVED.load(Ordering::Acquire) && inside && whole_pages {
        Ok(())
    } else {
        Err(HostError::plain(format!("map {size} at {base}: not whole pages of the reserved arena")))
    }
}

fn bits(protection: Protection) -> libc::c_int {
    match protection {
        Protection::NoAccess => libc::PROT_NONE,
        Protection::Read => libc::PROT_READ,
        Protection::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        Protection::ReadExecute => libc::PROT_READ | libc::PROT_EXEC,
        Protection::ReadWriteExecute => libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
    }
}

/// Maps fresh zeroed memory over part of the arena.
///
/// # Errors
/// When the range is not whole pages of the arena, or Linux has no memory.
pub fn map_anonymous(base: VirtualAddress, size: Bytes, protection: Protection) -> Result<(), HostError> {
    map(base, size, protection, None, "map")
}

/// Maps part of a file over part of the arena, shared with every other mapping of it.
///
/// # Errors
/// When the range is not whole pages of the arena, or Linux refuses.
pub fn map_shared(
    base: VirtualAddress,
    size: Bytes,
    protection: Protection,
    file: std::os::fd::BorrowedFd<'_>,
    offset: Bytes,
) -> Result<(), HostError> {
    map(base, size, protection, Some((file, offset)), "map")
}

fn map(
    base: VirtualAddress,
    size: Bytes,
    protection: Protection,
    file: Option<(std::os::fd::BorrowedFd<'_>, Bytes)>,
    deed: &str,
) -> Result<(), HostError> {
    use std::os::fd::AsRawFd;
    check_range(base, size)?;
    let (kind, descriptor, offset) = match file {
        None => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE, -1, 0),
        Some((file, offset)) => (libc::MAP_SHARED, file.as_raw_fd(), offset.0 as libc::off_t),
    };
    // SAFETY: the range lies inside the arena, which this process reserved and in which nothing of the Rust
    // program lives, so MAP_FIXED replaces only the driver's world.
    let placed = unsafe {
        libc::syscall(
            libc::SYS_mmap,
            base.0,
            size.as_usize(),
            bits(protection),
            kind | libc::MAP_FIXED,
            descriptor,
            offset,
        )
    };
    if placed as u64 == base.0 { Ok(()) } else { Err(HostError::last(format!("{deed} {size} at {base}"))) }
}

/// Maps the pool's metadata, zeroed, from the first address of its window; at most once.
///
/// Nothing else here touches that window, so the pool may hold references into it.
///
/// # Errors
/// When it was mapped before, or Linux has no memory.
pub fn map_pool_metadata(size: Bytes) -> Result<VirtualAddress, HostError> {
    static MAPPED: AtomicBool = AtomicBool::new(false);
    let fits =
        RESERVED.load(Ordering::Acquire) && size <= POOL_METADATA.size && size.0.is_multiple_of(PAGE_SIZE.0);
    if !fits || MAPPED.swap(true, Ordering::AcqRel) {
        return Err(HostError::plain(format!("map {size} of pool metadata: it must fit and be mapped once")));
    }
    let base = POOL_METADATA.base;
    // SAFETY: the window was reserved by this process and holds nothing yet: it is mapped here only, and only once.
    let result = unsafe {
        libc::mprotect(base.0 as *mut libc::c_void, size.as_usize(), libc::PROT_READ | libc::PROT_WRITE)
    };
    if result == 0 { Ok(base) } else { Err(HostError::last(format!("map {size} of pool metadata"))) }
}

/// Changes what may be done with part of the arena.
///
/// # Errors
/// When the range is not whole pages of the arena, or Linux refuses.
pub fn protect(base: VirtualAddress, size: Bytes, protection: Protection) -> Result<(), HostError> {
    check_range(base, size)?;
    // SAFETY: the range lies inside the arena and outside the pool's metadata; no Rust reference points there, so none
    // can lose its memory.
    let result = unsafe { libc::mprotect(base.0 as *mut libc::c_void, size.as_usize(), bits(protection)) };
    if result == 0 { Ok(()) } else { Err(HostError::last(format!("protect {size} at {base}"))) }
}

/// Makes part of the arena inaccessible again and forgets its contents.
///
/// # Errors
/// When the range is not whole pages of the arena, or Linux refuses.
pub fn unmap(base: VirtualAddress, size: Bytes) -> Result<(), HostError> {
    map(base, size, Protection::NoAccess, None, "unmap")
}
