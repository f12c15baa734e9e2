//! The head of a list whose entries are pushed and popped without a lock, and a link of it.

use crate::layout::nt_struct;

nt_struct! {
    /// The head of a singly linked list for sixteen-byte exchanges: counts in the first half, the first entry in the
    /// second.
    SListHeader = "SLIST_HEADER", 0x10 {
        /// The number of entries in bits 0 to 15, above it a number that every change makes another.
        counts: u64 = [0x0] COUNTS "Alignment",
        /// The first entry's address, which ends in four zero bits; in their place is what the header is.
        region: u64 = [0x8] REGION "Region",
    }
}

nt_struct! {
    /// A link of such a list, at the start of an entry; it fills the entry's alignment.
    SListEntry = "SLIST_ENTRY", 0x10 {
        /// The next entry's address, 0 at the end.
        next: u64 = [0x0] NEXT "Next",
        /// Padding, which belongs to the entry.
        padding: [u8; 8],
    }
}

/// How entries and heads are aligned, since a head has no room for the last four bits of an address.
pub const SLIST_ALIGNMENT: u64 = 0x10;

impl SListHeader {
    const FIRST_MASK: u64 = !(SLIST_ALIGNMENT - 1);

    /// The number of entries; it wraps at 65,536.
    #[must_use]
    pub const fn depth(&self) -> u16 {
        self.counts as u16
    }

    /// The first entry's address, 0 in an empty list.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.region & SListHeader::FIRST_MASK
    }

    /// The head after a change: with this first entry and this many entries, and with the next number.
    #[must_use]
    pub const fn changed(&self, first: u64, depth: u16) -> SListHeader {
        let sequence = (self.counts >> 16).wrapping_add(1);
        SListHeader {
            counts: sequence << 16 | depth as u64,
            region: first & SListHeader::FIRST_MASK | self.region & !SListHeader::FIRST_MASK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    #[test]
    fn a_head_of_zeros_is_an_empty_list() {
        let head = SListHeader::new_zeroed();
        assert_eq!((head.depth(), head.first()), (0, 0));
    }

    #[test]
    fn a_change_keeps_what_the_header_is_and_takes_the_next_number() {
        let head = SListHeader { counts: 0xFFFF_FFFF_FFFF_0003, region: 0x2000_1000_0040 | 1 };
        let changed = head.changed(0x2000_1000_0080, 4);
        assert_eq!(changed, SListHeader { counts: 4, region: 0x2000_1000_0080 | 1 });
        assert_eq!(changed.changed(0, 0).counts, 1 << 16);
    }
}
