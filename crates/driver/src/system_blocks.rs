//! Blocks of pool in which the system keeps what it makes for a driver: timers, work items, interrupts.
//!
//! While such a block lives it is none of the driver's, so it is no leak of pool; what is left of the thing itself is told
//! by its own rule. When it is gone, touching it is a use after free like any other.

use crate::session::Session;
use crate::stop::Stop;
use ntpool_pool::{Block, Claim, Contents, Placement, Request};
use ntpool_types::{Bytes, PoolKind, Tag, VirtualAddress};
use ntpool_verifier::{Allocation, StackId};

impl Session {
    /// A zeroed block of nonpaged pool, or nothing when there is no memory.
    pub(crate) fn make_system_block(&self, size: Bytes, tag: Tag) -> Option<VirtualAddress> {
        let request = Request { size, kind: PoolKind::NonPaged, tag, contents: Contents::Zeroed };
        self.take_block(request, Placement::ANY).ok().map(|block| block.address)
    }

    /// Frees such a block, which the driver's call at `made` brought about, by its call at `freed`.
    ///
    /// # Errors
    /// When the driver freed it as pool before.
    pub(crate) fn free_system_block(
        &self,
        address: VirtualAddress,
        made: StackId,
        freed: StackId,
    ) -> Result<(), Stop> {
        let block = self.pool.free(Claim { address, tag: None }).map_err(|violation| Stop::Crime {
            violation,
            message: format!("what the system kept at {address} was freed as pool before"),
        })?;
        let Block { address, size, kind, tag } = block;
        let record =
            Allocation { address, size, kind, tag, stack: made, thread: self.running_number(), sequence: 0 };
        self.tracker.borrow_mut().record_allocation(record);
        self.record_free_at(&block, freed);
        Ok(())
    }
}
