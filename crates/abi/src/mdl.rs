//! The memory descriptor list: a buffer as the frames it lies in.

use crate::layout::{nt_constants, nt_struct};

nt_struct! {
    /// The header of a memory descriptor list; the frame numbers, 8 bytes each, follow it (SYS-065).
    Mdl = "MDL", 0x30 {
        /// The next list of a chain.
        next: u64 = [0x00] NEXT "Next",
        /// The bytes of this header and its frame numbers.
        size: i16 = [0x08] SIZE_OF_LIST "Size",
        /// What has been done to the list: the `MDL_` flags.
        flags: i16 = [0x0A] FLAGS "MdlFlags",
        /// Padding.
        padding: [u8; 4],
        /// The process whose buffer it is.
        process: u64 = [0x10] PROCESS "Process",
        /// Where the buffer lies in system space, if it does.
        mapped_system_va: u64 = [0x18] MAPPED_SYSTEM_VA "MappedSystemVa",
        /// The address of the first page.
        start_va: u64 = [0x20] START_VA "StartVa",
        /// The buffer's length in bytes.
        byte_count: u32 = [0x28] BYTE_COUNT "ByteCount",
        /// The buffer's offset in the first page.
        byte_offset: u32 = [0x2C] BYTE_OFFSET "ByteOffset",
    }
}

nt_constants! {
    /// The buffer is mapped into system space.
    MDL_MAPPED_TO_SYSTEM_VA: u16 = 0x0001;
    /// The pages are locked.
    MDL_PAGES_LOCKED: u16 = 0x0002;
    /// The buffer is nonpaged, and so in system space already.
    MDL_SOURCE_IS_NONPAGED_POOL: u16 = 0x0004;
    /// The list's storage has one of the sizes that the system keeps at hand.
    MDL_ALLOCATED_FIXED_SIZE: u16 = 0x0008;
    /// The list describes a part of another one.
    MDL_PARTIAL: u16 = 0x0010;
    /// That part has a mapping of its own.
    MDL_PARTIAL_HAS_BEEN_MAPPED: u16 = 0x0020;
    /// For the paging file's reads.
    MDL_IO_PAGE_READ: u16 = 0x0040;
    /// The device writes to the buffer.
    MDL_WRITE_OPERATION: u16 = 0x0080;
    /// The list it is a part of was mapped.
    MDL_PARENT_MAPPED_SYSTEM_VA: u16 = 0x0100;
    /// The mapping has entries to spare.
    MDL_FREE_EXTRA_PTES: u16 = 0x0200;
    /// The frames belong to an address windowing extension.
    MDL_DESCRIBES_AWE: u16 = 0x0400;
    /// The frames are device memory.
    MDL_IO_SPACE: u16 = 0x0800;
    /// A network header.
    MDL_NETWORK_HEADER: u16 = 0x1000;
    /// Mapping it may fail.
    MDL_MAPPING_CAN_FAIL: u16 = 0x2000;
    /// Reserved in old systems; current headers give the bit another name.
    MDL_ALLOCATED_MUST_SUCCEED: u16 = 0x4000;
    /// For the system.
    MDL_INTERNAL: u16 = 0x8000;
}
