//! Processors by group.

use crate::layout::{nt_constants, nt_struct};

nt_struct! {
    /// A processor's place: its group and its number there.
    GroupedProcessor = "PROCESSOR_NUMBER", 0x4 {
        /// The group.
        group: u16 = [0x0] GROUP "Group",
        /// The number within the group.
        number: u8 = [0x2] NUMBER "Number",
        /// Reserved.
        reserved: u8 = [0x3] RESERVED "Reserved",
    }
}

nt_struct! {
    /// A set of processors of one group.
    GroupAffinity = "GROUP_AFFINITY", 0x10 {
        /// A bit for each processor.
        mask: u64 = [0x0] MASK "Mask",
        /// The group.
        group: u16 = [0x8] GROUP "Group",
        /// Reserved.
        reserved: [u16; 3] = [0xA] RESERVED "Reserved",
    }
}

nt_constants! {
    /// In place of a group: all of them.
    ALL_PROCESSOR_GROUPS: u16 = 0xFFFF;
}
