//! Links of lists.

use crate::layout::nt_struct;

nt_struct! {
    /// A link of a doubly linked list whose head is a link too.
    ListEntry = "LIST_ENTRY", 0x10 {
        /// The next link's address.
        flink: u64 = [0x0] FLINK "Flink",
        /// The previous link's address.
        blink: u64 = [0x8] BLINK "Blink",
    }
}

nt_struct! {
    /// A link of a singly linked list.
    SingleListEntry = "SINGLE_LIST_ENTRY", 0x8 {
        /// The next link's address, 0 at the end.
        next: u64 = [0x0] NEXT "Next",
    }
}
