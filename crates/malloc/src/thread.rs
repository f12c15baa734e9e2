//! Slots: a thread's exclusive use of one of the pool's shards.
//!
//! A thread gets a slot with its first call and gives it back when it ends; the next thread to come takes over the
//! slot with its shard and whatever the shard keeps. There are [`OWN_SLOTS`] of them. Threads beyond that share one more,
//! under a lock, as long as they live; so does a thread that allocates or frees after its slot has been given back,
//! which destructors of other thread-local data may well do.
//!
//! # Invariants
//! - A slot's bit in `TAKEN` is set from its thread's first call until the thread's end; only that thread enters it.
//! - `inside` is set by the thread that uses the slot, while it is within the pool.
//! - The shared slot is entered only with its lock held.
//!
//! # Locking
//! No lock is held when a slot is taken or given back. A thread that waits at the gate is not within any slot.

use crate::lock::Lock;
use crate::os::hooks;
use crate::{engine, fatal, gate, tags, tls};
use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence, fence};

/// How many threads have a slot of their own.
pub(crate) const OWN_SLOTS: usize = 256;

/// How many slots, and so shards, there are.
pub(crate) const SLOTS: usize = OWN_SLOTS + 1;

/// The number of the slot that threads share.
const SHARED: usize = OWN_SLOTS;

/// Exclusive use of the shard with the slot's number, for one thread, or for one at a time.
#[repr(align(64))]
pub(crate) struct Slot {
    /// Whether a thread is within the pool with this slot.
    inside: AtomicU32,
}

static ALL: [Slot; SLOTS] = [const { Slot { inside: AtomicU32::new(0) } }; SLOTS];

/// By slot: a bit for each that has a thread.
static TAKEN: [AtomicU64; OWN_SLOTS / 64] = [const { AtomicU64::new(0) }; OWN_SLOTS / 64];

static SHARED_LOCK: Lock = Lock::new();

impl Slot {
    /// The number of the slot and of its shard.
    pub(crate) fn number(&'static self) -> usize {
        (core::ptr::from_ref(self).addr() - ALL.as_ptr().addr()) / size_of::<Slot>()
    }

    /// Whether threads share the slot.
    pub(crate) fn is_shared(&'static self) -> bool {
        self.number() == SHARED
    }

    /// Whether a thread is within the pool with this slot.
    pub(crate) fn is_in_use(&self) -> bool {
        self.inside.load(Ordering::Acquire) != 0
    }
}

/// The thread's slot, found now if it has none.
pub(crate) fn slot() -> &'static Slot {
    tls::own().unwrap_or_else(attach)
}

#[cold]
fn attach() -> &'static Slot {
    let slot = take_free().unwrap_or(&ALL[SHARED]);
    // First: to be told of the thread's end may allocate.
    tls::set_own(slot);
    if slot.is_shared() {
        return slot;
    }
    if !hooks::tell_end_of_this_thread() {
        give_back(slot);
        tls::set_own(&ALL[SHARED]);
        return &ALL[SHARED];
    }
    publish(slot);
    slot
}

/// Lets the fast way use the thread's slot, unless every call is to take the cold one.
pub(crate) fn publish(slot: &'static Slot) {
    if !slot.is_shared() && tags::are_off() {
        tls::set_fast(engine::shard_of(slot));
    }
}

/// Told by the C library when a thread that has a slot of its own ends.
pub(crate) extern "C" fn ends(_: *mut c_void) {
    let Some(slot) = tls::own().filter(|slot| !slot.is_shared()) else { return };
    engine::retire();
    tls::set_fast(None);
    tls::set_own(&ALL[SHARED]);
    give_back(slot);
}

fn take_free() -> Option<&'static Slot> {
    for (word, taken) in TAKEN.iter().enumerate() {
        let mut known = taken.load(Ordering::Relaxed);
        while known != u64::MAX {
            let bit = known.trailing_ones() as usize;
            // Sequentially consistent: a thread that forks looks here after it has closed the gate, and a thread that
            // comes looks at the gate after this.
            let wish = known | 1 << bit;
            match taken.compare_exchange(known, wish, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return Some(&ALL[word * 64 + bit]),
                Err(other) => known = other,
            }
        }
    }
    None
}

fn give_back(slot: &'static Slot) {
    let number = slot.number();
    TAKEN[number / 64].fetch_and(!(1 << (number % 64)), Ordering::SeqCst);
}

fn is_taken(slot: &'static Slot) -> bool {
    let number = slot.number();
    TAKEN[number / 64].load(Ordering::Relaxed) >> (number % 64) & 1 != 0
}

/// Whether any other thread may enter the pool with a slot of its own. The calling thread may have `mine`.
pub(crate) fn others_have_slots(mine: Option<&'static Slot>) -> bool {
    let mine = mine.map(Slot::number);
    TAKEN.iter().enumerate().any(|(word, taken)| {
        let own = mine.filter(|number| number / 64 == word).map_or(0, |number| 1 << (number % 64));
        taken.load(Ordering::SeqCst) & !own != 0
    })
}

/// Every slot.
pub(crate) fn all() -> &'static [Slot] {
    &ALL
}

/// In a forked child: the slots of the threads that are gone are free again. What their shards kept is lost to the child.
pub(crate) fn adopt_all_but(mine: Option<&'static Slot>) {
    let is_mine = |slot: &'static Slot| mine.is_some_and(|mine| core::ptr::eq(mine, slot));
    for slot in ALL.iter().filter(|slot| !is_mine(slot)) {
        slot.inside.store(0, Ordering::Relaxed);
        if !slot.is_shared() && is_taken(slot) {
            engine::abandon(slot);
            give_back(slot);
        }
    }
    let holds_shared = mine.is_some_and(|slot| slot.is_shared() && slot.is_in_use());
    if !holds_shared {
        SHARED_LOCK.release();
    }
}

/// The calling thread's being within the pool, until it is dropped.
pub(crate) struct Hold {
    slot: &'static Slot,
}

impl Hold {
    /// Enters the pool with the thread's slot; waits while another thread forks.
    pub(crate) fn take() -> Hold {
        let slot = slot();
        if tls::is_inside() {
            fatal::entered_again();
        }
        tls::set_inside(true);
        while !enter(slot) {
            gate::wait_until_open();
        }
        Hold { slot }
    }

    /// The number of the slot that is the thread's now, and of its shard.
    pub(crate) fn slot(&self) -> usize {
        self.slot.number()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        leave(self.slot);
        tls::set_inside(false);
    }
}

/// Enters the pool unless the gate is closed to the thread.
fn enter(slot: &'static Slot) -> bool {
    if slot.is_shared() {
        SHARED_LOCK.take();
        slot.inside.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    } else {
        slot.inside.store(1, Ordering::Relaxed);
        // The processor's barrier is on the side of the thread that forks; see `gate`.
        compiler_fence(Ordering::SeqCst);
    }
    let open = gate::is_open_to_this_thread();
    if !open {
        leave(slot);
    }
    open
}

fn leave(slot: &'static Slot) {
    slot.inside.store(0, Ordering::Release);
    if slot.is_shared() {
        SHARED_LOCK.release();
    }
}
