//! Why a heap can't begin.

use core::fmt;
use ntpool_types::Bytes;

/// Memory that a heap can't begin on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArenaError {
    /// The whole pages of the memory don't hold the metadata and one page of blocks.
    TooSmall {
        /// The bytes in the whole pages given.
        given: Bytes,
        /// The bytes in the fewest pages that would do.
        needed: Bytes,
    },
    /// The heap has its memory already.
    AlreadyGiven,
    /// Another heap took the static arena.
    ArenaTaken,
    /// The heap was made without memory and has been given none.
    NothingGiven,
}

impl fmt::Display for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArenaError::TooSmall { given, needed } => {
                write!(f, "{given} in whole pages are too few for a heap: give it at least {needed}")
            }
            ArenaError::AlreadyGiven => {
                f.write_str("the heap has its memory already: make another heap for more")
            }
            ArenaError::ArenaTaken => {
                f.write_str("another heap took this arena: give each heap an arena of its own")
            }
            ArenaError::NothingGiven => f.write_str("the heap has no memory: give it some first"),
        }
    }
}

impl core::error::Error for ArenaError {}
