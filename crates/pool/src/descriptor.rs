//! What the metadata says about a page, and about a block in it.
//!
//! A page is cut in two at `start`: below it lie bytes of a large block (none in a slab page, the whole page in the
//! middle of a large block), from it on lie small blocks. The small blocks come in two parts: the main part, blocks
//! of one class as many as fit, and the rest, one block of the class that fits what remains.
//!
//! ```text
//!  0           start                                            PAGE
//!  | large block | main 0 | main 1 | ... | main n-1 | rest |slack|
//! ```
//!
//! Blocks are numbered from `start` up: the main part has 0..n, the rest has n.
//!
//! A descriptor is written anew when its page is taken and outlives its release, so that a freed block is known until
//! its place is cut again.

use crate::class::SizeClass;
use crate::geometry::{BLOCKS_PER_PAGE, PAGE};
use crate::tag_table::TagIndex;
use core::num::NonZeroU32;
use ntpool_types::PAGE_SIZE;

/// The number of a page in its region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Page(pub(crate) u32);

impl Page {
    /// The pages that a region may have at most: a [`Node`] numbers two parts per page in 32 bits.
    pub(crate) const MAX: u64 = (u32::MAX / 2) as u64;

    /// The page's place in a table of pages.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    /// The offset of the page's first byte in its region.
    pub(crate) fn offset(self) -> u64 {
        u64::from(self.0) * PAGE_SIZE.0
    }

    /// The page `count` further up.
    pub(crate) fn plus(self, count: u32) -> Page {
        Page(self.0 + count)
    }
}

/// A set of a page's blocks.
pub(crate) type BlockSet = [u64; BLOCKS_PER_PAGE / 64];

/// One of the two parts of a page's small blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The blocks of the class that the page was cut for.
    Main,
    /// The block made of what remained.
    Rest,
}

/// A part of a page, as lists refer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node(NonZeroU32);

impl Node {
    /// The part `side` of `page`.
    pub(crate) fn new(page: Page, side: Side) -> Node {
        let number = page.0 * 2 + u32::from(side == Side::Rest) + 1;
        Node(NonZeroU32::new(number).expect("page numbers are at most Page::MAX"))
    }

    /// The page.
    pub(crate) fn page(self) -> Page {
        Page((self.0.get() - 1) / 2)
    }

    /// The part of the page.
    pub(crate) fn side(self) -> Side {
        if (self.0.get() - 1).is_multiple_of(2) { Side::Main } else { Side::Rest }
    }
}

/// Blocks of one class in a page.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    /// The list neighbours, while the part is in a list.
    pub(crate) previous: Option<Node>,
    /// See `previous`.
    pub(crate) next: Option<Node>,
    /// How many blocks the part has; none when the page was never cut.
    pub(crate) count: u16,
    /// How many of them are live.
    pub(crate) live: u16,
    /// Their class.
    pub(crate) class: SizeClass,
}

/// A large block, in the descriptor of its first page.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LargeRecord {
    /// The bytes that were asked for.
    pub(crate) size: u64,
    /// Its pages; none when no large block began in this page since it was taken.
    pub(crate) pages: u32,
    /// Its tag.
    pub(crate) tag: TagIndex,
    /// Whether it has not been freed.
    pub(crate) live: bool,
}

/// A small block's tag and exact size.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Record {
    /// Its tag.
    pub(crate) tag: TagIndex,
    /// The bytes that were asked for.
    pub(crate) size: u16,
}

/// What the metadata says about a page.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(crate) struct Descriptor {
    /// The small blocks that are live.
    pub(crate) live: BlockSet,
    /// The small blocks that were ever handed out since the page was cut: those not live are freed.
    pub(crate) known: BlockSet,
    /// The parts: main, then rest.
    parts: [Part; 2],
    /// The large block that begins here.
    pub(crate) large: LargeRecord,
    /// The page where the large block below `start` begins.
    pub(crate) head: Page,
    /// The offset from which on the page holds small blocks.
    pub(crate) start: u16,
    /// Whether the bytes below `start` belong, or belonged, to a large block.
    pub(crate) has_large: bool,
    /// Whether the page is listed as an idle tail: a live large block below `start` and no live block above.
    pub(crate) idle_tail: bool,
}

// Two cache lines: the live set and the counts are what the hot path reads.
const _: () = assert!(size_of::<Descriptor>() == 128);
const _: () = assert!(size_of::<Record>() == 4);

impl Descriptor {
    /// A page that was just taken for small blocks from `start` on.
    pub(crate) fn taken_from(start: usize) -> Descriptor {
        Descriptor { start: start as u16, ..Descriptor::default() }
    }

    /// A page that was just taken for the large block beginning at `head`, up to `end`.
    pub(crate) fn taken_for_large(head: Page, end: usize) -> Descriptor {
        Descriptor { head, has_large: true, ..Descriptor::taken_from(end) }
    }

    /// The part on this side.
    pub(crate) fn part(&self, side: Side) -> &Part {
        &self.parts[side as usize]
    }

    /// The part on this side.
    pub(crate) fn part_mut(&mut self, side: Side) -> &mut Part {
        &mut self.parts[side as usize]
    }

    /// Cuts the page from `start` on into blocks of `class` and a rest; nothing is live or known afterwards.
    pub(crate) fn cut(&mut self, class: SizeClass) {
        let room = PAGE - usize::from(self.start);
        let count = room / class.size();
        let rest = SizeClass::fitting(room - count * class.size());
        self.live = BlockSet::default();
        self.known = BlockSet::default();
        self.parts = [
            Part { class, count: count as u16, ..Part::default() },
            rest.map_or(Part::default(), |class| Part { class, count: 1, ..Part::default() }),
        ];
    }

    /// The numbers of a part's blocks: from, to.
    pub(crate) fn numbers(&self, side: Side) -> (usize, usize) {
        let main = usize::from(self.part(Side::Main).count);
        match side {
            Side::Main => (0, main),
            Side::Rest => (main, main + usize::from(self.part(Side::Rest).count)),
        }
    }

    /// The part that block `number` belongs to.
    pub(crate) fn side_of(&self, number: usize) -> Side {
        if number < usize::from(self.part(Side::Main).count) { Side::Main } else { Side::Rest }
    }

    /// The offset in the page where block `number` begins.
    pub(crate) fn block_offset(&self, number: usize) -> usize {
        // The rest, too: it begins where the block after the last one of the main part would.
        usize::from(self.start) + number * self.part(Side::Main).class.size()
    }

    /// The number of the block whose place, slack included, holds this offset of the page.
    pub(crate) fn block_at(&self, offset: usize) -> Option<usize> {
        let within = offset.checked_sub(usize::from(self.start))?;
        let main = self.part(Side::Main);
        let number = within / main.class.size();
        if number < usize::from(main.count) {
            return Some(number);
        }
        let rest = self.part(Side::Rest);
        let number = usize::from(main.count);
        let end = self.block_offset(number) + usize::from(rest.count) * rest.class.size();
        (main.count > 0 && offset < end).then_some(number)
    }

    /// How many small blocks are live.
    pub(crate) fn live_count(&self) -> usize {
        usize::from(self.part(Side::Main).live) + usize::from(self.part(Side::Rest).live)
    }

    /// The class of the largest block that the bytes from `start` on could hold; `None` when there are none.
    pub(crate) fn room_class(&self) -> Option<SizeClass> {
        SizeClass::fitting(PAGE - usize::from(self.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_loses_less_than_the_next_class_step() {
        for class in SizeClass::all() {
            for start in (0..=PAGE - class.size()).step_by(16) {
                let mut page = Descriptor::taken_from(start);
                page.cut(class);
                let (_, end) = page.numbers(Side::Rest);
                let rest = page.part(Side::Rest);
                let used = page.block_offset(page.numbers(Side::Rest).0)
                    + usize::from(rest.count) * rest.class.size();
                assert!(used <= PAGE && end <= BLOCKS_PER_PAGE);
                assert!(PAGE - used < 256, "class {} from {start}", class.size());
                assert_eq!(page.block_at(PAGE - 1).is_some(), used == PAGE);
                assert_eq!(page.block_at(start), Some(0));
                for number in 0..end {
                    assert_eq!(page.block_at(page.block_offset(number)), Some(number));
                }
            }
        }
    }

    #[test]
    fn nodes_name_both_parts_of_every_page() {
        for page in [Page(0), Page(1), Page(Page::MAX as u32 - 1)] {
            for side in [Side::Main, Side::Rest] {
                let node = Node::new(page, side);
                assert_eq!((node.page(), node.side()), (page, side));
            }
        }
    }
}
