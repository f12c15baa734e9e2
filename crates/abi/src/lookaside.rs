//! Lookaside lists.
//!
//! The three forms share one structure: the form with extended routines has it plain, the two older forms have it on
//! cache lines of their own.

use crate::layout::{nt_constants, nt_struct};
use crate::{ListEntry, SListHeader};

nt_struct! {
    /// What every lookaside list is.
    GeneralLookaside = "GENERAL_LOOKASIDE_POOL", 0x60 {
        /// The idle entries.
        list_head: SListHeader = [0x00] LIST_HEAD "ListHead",
        /// The most idle entries that the list may hold now.
        depth: u16 = [0x10] DEPTH "Depth",
        /// The most that it may ever hold.
        maximum_depth: u16 = [0x12] MAXIMUM_DEPTH "MaximumDepth",
        /// How often an entry was asked for.
        total_allocates: u32 = [0x14] TOTAL_ALLOCATES "TotalAllocates",
        /// How often none was idle then.
        allocate_misses: u32 = [0x18] ALLOCATE_MISSES "AllocateMisses",
        /// How often an entry was freed.
        total_frees: u32 = [0x1C] TOTAL_FREES "TotalFrees",
        /// How often the list was full then.
        free_misses: u32 = [0x20] FREE_MISSES "FreeMisses",
        /// The pool type that the routine which allocates is given.
        pool_type: u32 = [0x24] TYPE "Type",
        /// The entries' tag.
        tag: u32 = [0x28] TAG "Tag",
        /// The entries' size in bytes.
        size: u32 = [0x2C] SIZE_OF_ENTRY "Size",
        /// The routine that allocates an entry.
        allocate: u64 = [0x30] ALLOCATE "Allocate",
        /// The routine that frees an entry.
        free: u64 = [0x38] FREE "Free",
        /// A link in the system's list of all of them.
        list_entry: ListEntry = [0x40] LIST_ENTRY "ListEntry",
        /// The first count, when the depth was adjusted last.
        last_total_allocates: u32 = [0x50] LAST_TOTAL_ALLOCATES "LastTotalAllocates",
        /// The second count, when the depth was adjusted last.
        last_allocate_misses: u32 = [0x54] LAST_ALLOCATE_MISSES "LastAllocateMisses",
        /// Unused.
        future: [u32; 2] = [0x58] FUTURE "Future",
    }
    views {
        /// The idle entries, as a plain list of single links.
        SINGLE_LIST_HEAD: u64 = [0x00] "SingleListHead";
        /// The second count, in lists that count what an allocation found.
        ALLOCATE_HITS: u32 = [0x18] "AllocateHits";
        /// The fourth count, in lists that count what a free left there.
        FREE_HITS: u32 = [0x20] "FreeHits";
        /// The routine that allocates an entry, in the form that is given its list.
        ALLOCATE_EX: u64 = [0x30] "AllocateEx";
        /// The routine that frees an entry, in the form that is given its list.
        FREE_EX: u64 = [0x38] "FreeEx";
        /// The second count, when the depth was adjusted last, in lists that count what an allocation found.
        LAST_ALLOCATE_HITS: u32 = [0x54] "LastAllocateHits";
    }
}

nt_struct! {
    /// A lookaside list whose routines are given it.
    LookasideListEx = "LOOKASIDE_LIST_EX", 0x60 {
        /// The list.
        list: GeneralLookaside = [0x00] LIST "L",
    }
}

nt_struct! {
    /// What every lookaside list is, on cache lines of its own.
    AlignedLookaside = "GENERAL_LOOKASIDE", 0x80 {
        /// The list.
        list: GeneralLookaside,
        /// Padding up to whole cache lines.
        padding: [u8; 0x20],
    }
}

nt_struct! {
    /// A lookaside list of nonpaged entries.
    NPagedLookasideList = "NPAGED_LOOKASIDE_LIST", 0x80 {
        /// The list.
        list: AlignedLookaside = [0x00] LIST "L",
    }
}

nt_struct! {
    /// A lookaside list of paged entries.
    PagedLookasideList = "PAGED_LOOKASIDE_LIST", 0x80 {
        /// The list.
        list: AlignedLookaside = [0x00] LIST "L",
    }
}

nt_constants! {
    /// An allocation that fails raises an exception.
    EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL: u32 = 0x1;
    /// An allocation that fails for want of quota gives no entry.
    EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE: u32 = 0x2;
    /// The most idle entries that a list may hold unless told otherwise.
    EX_MAXIMUM_LOOKASIDE_DEPTH_BASE: u16 = 256;
    /// The most idle entries that any list may hold.
    EX_MAXIMUM_LOOKASIDE_DEPTH_LIMIT: u16 = 1024;
    /// The smallest entry: the link that an idle one holds.
    LOOKASIDE_MINIMUM_BLOCK_SIZE: u64 = 8;
}
