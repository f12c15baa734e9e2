//! Random replacement in a set of live blocks: one iteration frees a block and allocates another.

use crate::heap::{Contents, Fresh, Heap, Held};
use crate::memory;
use crate::rng::Rng;
use crate::sizes::{Size, Sizes};
use std::mem;

/// A set of live blocks.
pub struct Live<H: Heap> {
    heap: H,
    contents: Contents,
    sizes: Sizes,
    blocks: &'static mut [H::Block],
    rng: Rng,
}

impl<H: Heap> Live<H> {
    /// The heap that the blocks are from.
    pub fn heap(&self) -> &H {
        &self.heap
    }

    /// Allocates `count` blocks and replaces them until the set is as it stays.
    pub fn new(heap: H, contents: Contents, sizes: Sizes, count: usize, seed: u64) -> Live<H> {
        let blocks = memory::zeroed::<H::Block>(count);
        let mut rng = Rng::new(seed);
        for block in blocks.iter_mut() {
            *block = heap.allocate(contents, sizes.draw(&mut rng)).with_ends();
        }
        let mut live = Live { heap, contents, sizes, blocks, rng };
        live.replace(2 * count);
        live
    }

    /// Replaces this many blocks, each chosen anew.
    #[inline(always)]
    pub fn replace(&mut self, iterations: usize) {
        for _ in 0..iterations {
            self.replace_one(
                |heap, old| heap.release(old),
                |heap, contents, size| heap.allocate(contents, size),
            );
        }
    }

    /// Replaces one block, with the free and the allocation as given.
    #[inline(always)]
    pub fn replace_one(
        &mut self,
        release: impl FnOnce(&H, H::Block),
        allocate: impl FnOnce(&H, Contents, Size) -> Fresh<H::Block>,
    ) {
        let bits = self.rng.draw();
        let place = (((bits >> 32) * self.blocks.len() as u64) >> 32) as usize;
        let block = &mut self.blocks[place];
        release(&self.heap, mem::replace(block, H::Block::NONE));
        *block = allocate(&self.heap, self.contents, self.sizes.by(bits)).with_ends();
    }

    /// Frees every block.
    pub fn release_all(self) {
        for block in self.blocks {
            self.heap.release(mem::replace(block, H::Block::NONE));
        }
    }
}
