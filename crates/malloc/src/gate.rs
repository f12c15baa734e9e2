//! The gate: how a process forks while its threads allocate.
//!
//! A child has only the thread that forked, and a copy of the pool as it was at that moment. What threads share of the
//! pool is whole in the copy, because the thread that forks holds the pool's locks meanwhile. What a thread has to itself,
//! its shard, is touched without a lock by the fast ways, and nobody waits for these: the copy may have any part of
//! what another thread was just doing to its magazines. So the child takes over the slots of the threads that it does
//! not have, but forgets what their magazines hold; that little memory is lost to the child.
//!
//! The cold ways, which ask the C library for the tags' names among other things, are kept out as well. A thread enters
//! them by setting its slot's mark and then looking at the gate, without a barrier between the two. The barrier is made
//! for it by the thread that forks: after the gate is closed, every running thread is made to pass one. Either its mark
//! is seen then, or it sees the gate closed and takes its mark away. A process without other threads, such as a shell,
//! pays nothing for that.
//!
//! The thread that forks may allocate while the gate is closed: the C library does when it runs other call-backs.
//!
//! # Invariants
//! - `CLOSED_BY` is the identity of the thread that has the fork lock while the gate is closed, and zero otherwise.
//!
//! # Not covered
//! A process that is copied behind the C library's back (the bare system call) must not allocate in the child, unless
//! it had one thread. A child made by `vfork` shares the parent's memory and may allocate.

use crate::lock::Lock;
use crate::os::wait;
use crate::{engine, tags, thread, tls};
use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

static FORK_LOCK: Lock = Lock::new();
static CLOSED: AtomicU32 = AtomicU32::new(0);
static CLOSED_BY: AtomicUsize = AtomicUsize::new(0);

/// Whether the calling thread may be within the pool.
#[inline(always)]
pub(crate) fn is_open_to_this_thread() -> bool {
    CLOSED.load(Ordering::Acquire) == 0 || CLOSED_BY.load(Ordering::Relaxed) == tls::identity()
}

/// Sleeps until the gate is open, or a little less.
#[cold]
pub(crate) fn wait_until_open() {
    wait::while_equal(&CLOSED, 1);
}

/// Before a fork: closes the gate and waits until no other thread is within the pool.
pub(crate) extern "C" fn close() {
    FORK_LOCK.take();
    CLOSED_BY.store(tls::identity(), Ordering::Relaxed);
    CLOSED.store(1, Ordering::SeqCst);
    let mine = tls::own();
    if thread::others_have_slots(mine) {
        wait::barrier_in_all_threads();
    }
    // A fork from a signal handler may have interrupted this thread within the pool: there is no waiting for oneself.
    let is_mine = |slot| mine.is_some_and(|mine| ptr::eq(mine, slot)) && tls::is_inside();
    for slot in thread::all().iter().filter(|&slot| !is_mine(slot)) {
        while slot.is_in_use() {
            wait::give_way();
        }
    }
    if !tls::is_inside() {
        engine::rest();
    }
}

/// After a fork, in the parent.
pub(crate) extern "C" fn open_in_parent() {
    open();
}

/// After a fork, in the child.
pub(crate) extern "C" fn open_in_child() {
    // First: to adopt is to work on the pool.
    engine::go_on();
    thread::adopt_all_but(tls::own());
    tags::forget_other_threads();
    open();
}

fn open() {
    engine::go_on();
    CLOSED_BY.store(0, Ordering::Relaxed);
    CLOSED.store(0, Ordering::Release);
    wait::wake_all(&CLOSED);
    FORK_LOCK.release();
}
