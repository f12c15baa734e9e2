//! Damage that is found when its author is gone.

use ntpool_types::{BugCheck, BugCheckCode, Bytes, VirtualAddress};

/// What was written where nobody may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The slack behind a block, found when it was freed.
    Overrun,
    /// A block after it had been freed, found when it was to be handed out again.
    WriteAfterFree,
}

/// A write where nobody may, found in a pool that [checks](crate::Checks).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// What kind of write.
    pub damage: Damage,
    /// The block that was overrun, or freed.
    pub block: VirtualAddress,
    /// Its size; for a freed block, that of its place.
    pub size: Bytes,
    /// The first address that was written to.
    pub address: VirtualAddress,
    /// What was found there: a byte behind a block, a word in a freed one.
    pub found: u64,
}

impl Corruption {
    /// The bug check that Windows would make of it: bytes behind a block are BAD_POOL_HEADER with 0x21 (POOL-160), a
    /// freed block that has changed is DRIVER_CAUGHT_MODIFYING_FREED_POOL with what was written, and 1 for a write
    /// (VRF-119).
    #[must_use]
    pub fn bug_check(&self) -> BugCheck {
        let parameters = [self.block.0, self.size.0, self.found];
        match self.damage {
            Damage::Overrun => {
                let [block, size, found] = parameters;
                BugCheck::new(BugCheckCode::BAD_POOL_HEADER, [0x21, block, size, found])
            }
            Damage::WriteAfterFree => {
                BugCheck::new(BugCheckCode::DRIVER_CAUGHT_MODIFYING_FREED_POOL, [self.address.0, 1, 0, 0])
            }
        }
    }
}
