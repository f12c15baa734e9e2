//! A ring of blocks from one thread to another, handed over in batches.
//!
//! # Invariants
//! - The slots from `received` to `sent` hold blocks; only the receiver touches them. The others are the sender's.
//! - Both numbers only grow, and differ by no more than the ring is long.
#![expect(unsafe_code, reason = "blocks go from thread to thread as pointers")]

use crate::c_heap::CBlock;
use ntpool_bench_workloads::memory;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

const LENGTH: usize = 8192;

/// How many blocks are handed over at a time.
pub const BATCH: usize = 64;

/// A number on a cache line of its own, and the next one's, which processors fetch along.
#[repr(align(128))]
struct Lonely(AtomicUsize);

struct Ring {
    slots: &'static [AtomicPtr<u8>],
    sent: Lonely,
    received: Lonely,
}

/// The end that blocks go in at; there is one.
pub struct Sender(Arc<Ring>);

/// The end that blocks come out at; there is one.
pub struct Receiver(Arc<Ring>);

/// Makes an empty ring.
pub fn ring() -> (Sender, Receiver) {
    let ring = Arc::new(Ring {
        slots: memory::zeroed(LENGTH),
        sent: Lonely(AtomicUsize::new(0)),
        received: Lonely(AtomicUsize::new(0)),
    });
    (Sender(ring.clone()), Receiver(ring))
}

impl Sender {
    /// Sends a batch of blocks made by `make` if there is room; says whether there was.
    #[inline(always)]
    pub fn send(&mut self, mut make: impl FnMut() -> CBlock) -> bool {
        let ring = &*self.0;
        let sent = ring.sent.0.load(Ordering::Relaxed);
        if sent - ring.received.0.load(Ordering::Acquire) > LENGTH - BATCH {
            return false;
        }
        for place in sent..sent + BATCH {
            ring.slots[place % LENGTH].store(make().into_pointer(), Ordering::Relaxed);
        }
        ring.sent.0.store(sent + BATCH, Ordering::Release);
        true
    }
}

impl Receiver {
    /// Receives a batch of blocks into `take` if there is one; says whether there was.
    #[inline(always)]
    pub fn receive(&mut self, mut take: impl FnMut(CBlock)) -> bool {
        let ring = &*self.0;
        let received = ring.received.0.load(Ordering::Relaxed);
        if ring.sent.0.load(Ordering::Acquire) - received < BATCH {
            return false;
        }
        for place in received..received + BATCH {
            let pointer = ring.slots[place % LENGTH].load(Ordering::Relaxed);
            // SAFETY: sent, and not received before: `received` passes the slot only here, on the one receiver.
            take(unsafe { CBlock::from_pointer(pointer) });
        }
        ring.received.0.store(received + BATCH, Ordering::Release);
        true
    }
}
