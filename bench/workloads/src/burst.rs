//! Many blocks allocated, then all freed, in some order.

use crate::clock::{median, thread_time};
use crate::heap::{Contents, Heap, Held};
use crate::memory;
use crate::report::{Unit, emit};
use crate::rng::Rng;
use crate::sizes::Sizes;
use std::mem;

/// How many blocks.
const COUNT: usize = 100_000;

/// How often; the first time, in which the heap gets its memory, is a figure of its own.
const CYCLES: usize = 9;

/// The order in which the blocks are freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The last first.
    Lifo,
    /// The first first.
    Fifo,
    /// None.
    Random,
}

impl Order {
    /// The order of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Order> {
        match name {
            "lifo" => Some(Order::Lifo),
            "fifo" => Some(Order::Fifo),
            "rand" => Some(Order::Random),
            _ => None,
        }
    }

    /// The places of the blocks in this order.
    fn places(self, rng: &mut Rng) -> &'static [u32] {
        let places = memory::zeroed::<u32>(COUNT);
        for (turn, place) in places.iter_mut().enumerate() {
            *place = if self == Order::Lifo { COUNT - 1 - turn } else { turn } as u32;
        }
        if self == Order::Random {
            for turn in (1..COUNT).rev() {
                places.swap(turn, rng.below(turn as u32 + 1) as usize);
            }
        }
        places
    }
}

/// Runs the cycles and prints nanoseconds per block: of both halves, of each, and of the first cycle.
pub fn run<H: Heap>(name: &str, heap: &H, contents: Contents, sizes: Sizes, order: Order) {
    let blocks = memory::zeroed::<H::Block>(COUNT);
    let mut rng = Rng::new(3);
    let places = order.places(&mut rng);
    let mut allocations = [0.0; CYCLES];
    let mut frees = [0.0; CYCLES];
    for cycle in 0..CYCLES {
        let start = thread_time();
        for block in blocks.iter_mut() {
            *block = heap.allocate(contents, sizes.draw(&mut rng)).with_ends();
        }
        let middle = thread_time();
        for &place in places {
            heap.release(mem::replace(&mut blocks[place as usize], H::Block::NONE));
        }
        let end = thread_time();
        allocations[cycle] = (middle - start) as f64 / COUNT as f64;
        frees[cycle] = (end - middle) as f64 / COUNT as f64;
    }
    let cold = allocations[0] + frees[0];
    let allocation = median(&mut allocations[1..]);
    let free = median(&mut frees[1..]);
    emit(name, Unit::Nanoseconds, allocation + free);
    emit(&format!("{name}/alloc"), Unit::Nanoseconds, allocation);
    emit(&format!("{name}/free"), Unit::Nanoseconds, free);
    emit(&format!("{name}/cold"), Unit::Nanoseconds, cold);
}
