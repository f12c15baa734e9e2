#![expect(unsafe_code, reason = "reads and writes thread-local words of its own by two moves")]
//! Three words that every thread of Linux has for itself, laid out so that the gate can reach them.
//!
//! The gate has no register to spare when driver code arrives and calls nobody to find out where the host's stack is. The
//! words lie in the thread's static block and are reached relative to the thread pointer (the initial-exec model).
//!
//! # What this module promises
//! - A word is read and written by the thread it belongs to only, at once: nothing is remembered from before a switch to
//!   another fiber, after which another thread may be running.

use std::arch::{asm, global_asm};

global_asm!(
    ".pushsection .tbss.ntpool_host, \"awT\", @nobits",
    ".balign 8",
    ".globl ntpool_host_stack",
    ".hidden ntpool_host_stack",
    ".type ntpool_host_stack, @object",
    ".size ntpool_host_stack, 8",
    "ntpool_host_stack: .zero 8",
    ".globl ntpool_host_fiber",
    ".hidden ntpool_host_fiber",
    ".type ntpool_host_fiber, @object",
    ".size ntpool_host_fiber, 8",
    "ntpool_host_fiber: .zero 8",
    ".globl ntpool_host_processor",
    ".hidden ntpool_host_processor",
    ".type ntpool_host_processor, @object",
    ".size ntpool_host_processor, 8",
    "ntpool_host_processor: .zero 8",
    ".popsection",
);

macro_rules! word {
    ($symbol:literal, $get:ident, $set:ident, $get_says:literal, $set_says:literal) => {
        #[doc = $get_says]
        #[inline(always)]
        pub(crate) fn $get() -> u64 {
            let value: u64;
            // SAFETY: reads the calling thread's word of eight bytes, which is laid out above.
            unsafe {
                asm!(
                    concat!("mov {0}, qword ptr [rip + ", $symbol, "@GOTTPOFF]"),
                    "mov {0}, qword ptr fs:[{0}]",
                    lateout(reg) value,
                    options(nostack, preserves_flags, readonly),
                );
            }
            value
        }

        #[doc = $set_says]
        #[inline(always)]
        pub(crate) fn $set(value: u64) {
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
        }
    };
}

word!(
    "ntpool_host_stack",
    host_stack,
    set_host_stack,
    "The host's stack pointer below the innermost call into driver code; zero while there is none.",
    "Sets what [`host_stack`] gives."
);
word!(
    "ntpool_host_fiber",
    fiber,
    set_fiber,
    "The address of the record of the fiber that runs; zero before the thread has run one.",
    "Sets what [`fiber`] gives."
);
word!(
    "ntpool_host_processor",
    processor,
    set_processor,
    "The number of the processor that the thread is, where processors are threads; else zero.",
    "Sets what [`processor`] gives."
);
