//! Singly linked lists in the driver's memory, as driver code sees them change: each operation in one step.
//!
//! Driver code runs on one thread and only between its calls, so an operation that is done within a call is whole for
//! it, whatever level it runs at.

use crate::memory;
use ntpool_abi::SListHeader;
use ntpool_machine::Fault;
use ntpool_types::VirtualAddress;

/// Makes the list empty.
pub(crate) fn initialize(head: VirtualAddress) -> Result<(), Fault> {
    memory::write(head, SListHeader { counts: 0, region: 0 })
}

/// The number of entries.
pub(crate) fn depth(head: VirtualAddress) -> Result<u16, Fault> {
    memory::read::<SListHeader>(head).map(|header| header.depth())
}

/// The first entry, or NULL.
pub(crate) fn first(head: VirtualAddress) -> Result<VirtualAddress, Fault> {
    memory::read::<SListHeader>(head).map(|header| VirtualAddress(header.first()))
}

/// Puts a chain of `count` entries in front, and says which entry was there before.
pub(crate) fn push_chain(
    head: VirtualAddress,
    chain: VirtualAddress,
    end: VirtualAddress,
    count: u16,
) -> Result<VirtualAddress, Fault> {
    let header: SListHeader = memory::read(head)?;
    memory::write(end, header.first())?;
    memory::write(head, header.changed(chain.0, header.depth().wrapping_add(count)))?;
    Ok(VirtualAddress(header.first()))
}

/// Puts an entry in front, and says which entry was there before.
pub(crate) fn push(head: VirtualAddress, entry: VirtualAddress) -> Result<VirtualAddress, Fault> {
    push_chain(head, entry, entry, 1)
}

/// Takes the first entry, or NULL.
pub(crate) fn pop(head: VirtualAddress) -> Result<VirtualAddress, Fault> {
    let header: SListHeader = memory::read(head)?;
    let first = VirtualAddress(header.first());
    if first != VirtualAddress::NULL {
        let next: u64 = memory::read(first)?;
        memory::write(head, header.changed(next, header.depth().wrapping_sub(1)))?;
    }
    Ok(first)
}

/// Takes every entry: the first one, linked to the others, or NULL.
pub(crate) fn flush(head: VirtualAddress) -> Result<VirtualAddress, Fault> {
    let header: SListHeader = memory::read(head)?;
    memory::write(head, header.changed(0, 0))?;
    Ok(VirtualAddress(header.first()))
}
