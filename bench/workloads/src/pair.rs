//! A block allocated and freed at once: the shortest paths.

use crate::heap::{Contents, Heap};
use crate::sizes::Size;
use std::hint::black_box;

/// One iteration allocates, writes a word and frees.
pub fn body<H: Heap>(heap: H, contents: Contents, size: Size) -> impl FnMut(usize) {
    move |iterations| {
        for _ in 0..iterations {
            heap.release(heap.allocate(contents, black_box(size)).with_word());
        }
    }
}
