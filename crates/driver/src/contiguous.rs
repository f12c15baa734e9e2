//! Physically contiguous memory that the driver asked for, seen through the direct map.

use crate::call::Call;
use crate::session::Session;
use ntpool_host::guarded;
use ntpool_types::{
    BugCheck, BugCheckCode, Bytes, PhysicalAddress, PoolKind, Rule, Tag, Violation, VirtualAddress,
};
use ntpool_verifier::Allocation;

/// The tag under which contiguous memory is tracked.
const CONTIGUOUS_TAG: Tag = Tag::from_text(*b"MmCm");

impl Session {
    /// Gives the driver whole pages in a row, none of them above `highest`; nothing when there are none
    /// (SYS-018 to SYS-020).
    pub(crate) fn allocate_contiguous(
        &self,
        call: &Call<'_>,
        size: Bytes,
        highest: PhysicalAddress,
    ) -> Option<VirtualAddress> {
        let address = self.physical.allocate_contiguous(size, highest).or_else(|| {
            self.make_room();
            self.physical.allocate_contiguous(size, highest)
        })?;
        // Its contents are indeterminate (SYS-027); the direct map is writable, so this can't fail.
        let _ = guarded::fill(address, size.pages_rounded_up().bytes(), self.rubbish);
        let stack = self.intern(&self.trace(call.registers()));
        let kind = PoolKind::NonPaged;
        let record = Allocation {
            address,
            size,
            kind,
            tag: CONTIGUOUS_TAG,
            stack,
            thread: self.running_number(),
            sequence: 0,
        };
        self.tracker.borrow_mut().record_allocation(record);
        Some(address)
    }

    /// Frees contiguous memory for the driver, or reports that the address is none.
    pub(crate) fn free_contiguous(&self, call: &Call<'_>, address: VirtualAddress) {
        let known = self.tracker.borrow().live(address).copied().filter(|block| block.tag == CONTIGUOUS_TAG);
        match known {
            Some(block) if self.physical.free_contiguous(address, block.size) => {
                let stack = self.intern(&self.trace(call.registers()));
                self.tracker.borrow_mut().record_free(address, stack, self.running_number());
                self.memory_freed(stack, address, block.size);
            }
            _ => {
                let violation = Violation {
                    rule: Rule::MemoryContiguousFree,
                    bug_check: BugCheck::new(BugCheckCode::BAD_POOL_CALLER, [0x60, address.0, 0, 0]),
                    subject: address,
                };
                let message =
                    format!("{address} was freed as contiguous memory, which is {}", self.describe(address));
                self.report(call, &violation, &message);
            }
        }
    }
}
