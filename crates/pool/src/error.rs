//! No memory: an ordinary result.

use core::fmt;

/// The request could not be served; nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no memory left in this pool: free blocks, ask for less, or raise the pool's limit")
    }
}

impl core::error::Error for NoMemory {}
