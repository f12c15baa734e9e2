//! What was allocated under a tag.

use serde::{Deserialize, Serialize};

/// The counts of one tag in one kind of pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagUsage {
    /// The tag in the order tools show it.
    pub tag: String,
    /// `nonpaged`, `nonpaged executable` or `paged`.
    pub kind: String,
    /// Allocations so far.
    pub allocations: u64,
    /// Frees so far.
    pub frees: u64,
    /// Bytes that were asked for and not freed.
    pub bytes: u64,
}

impl TagUsage {
    /// Blocks that were not freed.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.allocations.saturating_sub(self.frees)
    }
}
