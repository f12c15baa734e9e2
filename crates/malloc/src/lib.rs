//! The C allocator interface on the kernel memory pool: `malloc` and its kin, for any program, through `LD_PRELOAD`.
//!
//! # One call
//! `interface` has the C functions. `malloc` asks `tls` for the thread's slot, its exclusive use of one of the pool's
//! shards, and hands the rest to `engine`, the only file that knows the pool. A thread without a slot takes the cold
//! way: the pool is started if need be, a slot is found, and the caller's module is looked up if blocks are tagged by it
//! (`tags`). When they are, the fast way's slot is never set, so every call takes the cold way and a program that does
//! not tag pays nothing.
//!
//! # Rules inside
//! - Nothing here calls what may allocate: no `std` but what `core` has, system calls and the few functions of the C
//!   library that are known not to. A `thread_local!` would call the dynamic linker, which allocates.
//! - A thread within the pool (a *hold*) runs no code but the pool's. Coming in again is a fault of ours, or a signal
//!   handler that allocates while it interrupted an allocation, and stops the process with a message.
//! - Memory comes from two reservations made at the start; nothing is asked of the system after that.
//!
//! # Locks, in order
//! Fork lock, then the shared shard's lock, then whatever the pool takes inside. The list of modules has a lock of its
//! own that is only ever tried.
//!
//! # Forking
//! See `gate`.
//!
//! # Other builds
//! With the feature `checked` every block is looked at: the process ends at the free of a block that was written behind, and
//! when a freed block that was written to is about to be handed out again. The feature `uncounted` leaves the counters by tag
//! away, to measure what they cost; `NTPOOL_TAGS` has nothing to tell then.
//!
//! # Deliberately absent
//! - `mallopt`, `mallinfo` and the hooks of old: the C library's own stay and speak of its own heap.
//! - C++'s `operator new`: it calls `malloc`, so its blocks bear the tag of the C++ library.

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!("ntpool-malloc is written for Linux on x86-64");

mod engine;
mod fatal;
mod gate;
mod interface;
mod lines;
mod lock;
mod once;
mod os;
mod size;
mod start;
mod tags;
mod thread;
mod tls;

pub use interface::{
    aligned_alloc, calloc, free, malloc, malloc_trim, malloc_usable_size, memalign, posix_memalign, pvalloc,
    realloc, reallocarray, valloc,
};
