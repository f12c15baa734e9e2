#![expect(unsafe_code, reason = "reads and writes thread-local words of its own by two moves")]
//! What a thread remembers: which slot it has, and whether it is within the pool.
//!
//! `thread_local!` in a shared library asks the dynamic linker for the address at every access, and may allocate at the
//! first. These words are laid out in the thread's static block and are reached relative to the thread pointer, with
//! two moves (the initial-exec model). A library loaded at start always has room there; one that is loaded later shares
//! the room that the C library keeps for such cases.
//!
//! # Promise
//! The word `own` holds null or the address of a `&'static Slot`; the setters here are the only ones to write it.

use crate::thread::Slot;
use core::arch::{asm, global_asm};
use core::num::NonZeroUsize;
use core::ptr;

global_asm!(
    ".macro ntpool_malloc_word name",
    ".globl \\name",
    ".hidden \\name",
    ".type \\name, @object",
    ".size \\name, 8",
    "\\name: .zero 8",
    ".endm",
    ".pushsection .tbss.ntpool_malloc, \"awT\", @nobits",
    ".balign 8",
    "ntpool_malloc_word ntpool_malloc_fast",
    "ntpool_malloc_word ntpool_malloc_own",
    "ntpool_malloc_word ntpool_malloc_inside",
    ".popsection",
    ".purgem ntpool_malloc_word",
);

macro_rules! read {
    ($symbol:literal) => {{
        let value: *const Slot;
        // SAFETY: reads the calling thread's word of eight bytes, which is laid out above.
        unsafe {
            asm!(
                concat!("mov {0}, qword ptr [rip + ", $symbol, "@GOTTPOFF]"),
                "mov {0}, qword ptr fs:[{0}]",
                lateout(reg) value,
                options(nostack, preserves_flags, readonly, pure),
            );
        }
        value
    }};
}

macro_rules! write {
    ($symbol:literal, $value:expr) => {{
        let value: *const Slot = $value;
        // SAFETY: writes the calling thread's word of eight bytes, which is laid out above; nobody borrows it.
        unsafe {
            asm!(
                concat!("mov {0}, qword ptr [rip + ", $symbol, "@GOTTPOFF]"),
                "mov qword ptr fs:[{0}], {1}",
                out(reg) _,
                in(reg) value,
                options(nostack, preserves_flags),
            );
        }
    }};
}

/// The address of the shard that the fast way may use: that of the thread's own slot. None before the thread has one,
/// when it shares, and always when blocks are tagged by caller.
#[inline(always)]
pub(crate) fn fast() -> Option<NonZeroUsize> {
    NonZeroUsize::new(read!("ntpool_malloc_fast").addr())
}

/// Sets what [`fast`] gives.
pub(crate) fn set_fast(shard: Option<NonZeroUsize>) {
    write!("ntpool_malloc_fast", ptr::without_provenance(shard.map_or(0, NonZeroUsize::get)));
}

/// The slot that the thread has, its own or the shared one; none before its first call.
#[inline(always)]
pub(crate) fn own() -> Option<&'static Slot> {
    let slot = read!("ntpool_malloc_own");
    // SAFETY: by the module's promise the word is null or a `&'static Slot`.
    unsafe { slot.as_ref() }
}

/// Sets what [`own`] gives.
pub(crate) fn set_own(slot: &'static Slot) {
    write!("ntpool_malloc_own", ptr::from_ref(slot));
}

/// Whether the thread is within the pool, or on its way in or out.
#[inline(always)]
pub(crate) fn is_inside() -> bool {
    !read!("ntpool_malloc_inside").is_null()
}

/// Sets what [`is_inside`] gives.
#[inline(always)]
pub(crate) fn set_inside(inside: bool) {
    write!("ntpool_malloc_inside", ptr::without_provenance(usize::from(inside)));
}

/// A number that no other thread of the process has; the same thread has it in a forked child.
pub(crate) fn identity() -> usize {
    let thread: usize;
    // SAFETY: on this architecture the word at the thread pointer is the thread pointer itself.
    unsafe {
        asm!("mov {0}, qword ptr fs:[0]", lateout(reg) thread, options(nostack, preserves_flags, readonly));
    }
    thread
}
