//! The library as it is shipped: what its fast paths were compiled to, and how many instructions they take.
//!
//! A slow fast path breaks no other test. It comes from a compiler that no longer makes a jump of a call, from a
//! thread-local word reached by a function, from a check that moved to where every call pays for it. Instructions are
//! counted, not time: the same library gives the same numbers on a busy machine.
//!
//! What this needs from Debian: binutils, gcc and valgrind.

mod budgets;
#[path = "../common/built.rs"]
mod built;
mod compiled;
mod disassembly;
mod profile;
mod shipped;
