//! Small blocks: pages, and tails of large blocks, cut into blocks of one class.
//!
//! A request takes, in this order: a free block of its class in a page already cut; an idle tail, the smallest that
//! has room; a fresh page. A page without a live block goes back to the page map, a tail without one becomes idle.
//!
//! # Invariants
//! - A part of a cut page is in `partial` under its class exactly while it has a free block and its page a live one.
//! - A tail is in `tails` exactly while the large block before it is live and it has room but no live block.

use crate::arena::{Arena, record_index};
use crate::bitmap;
use crate::class::{CLASS_COUNT, SizeClass};
use crate::descriptor::{Descriptor, Node, Page, Record, Side};
use crate::tag_table::TagIndex;
use crate::{NoMemory, PageSource};
use ntpool_types::{PageCount, VirtualAddress};

/// Lists of parts, by class: each the first of a chain through the parts' neighbours.
pub(crate) type Lists = [Option<Node>; CLASS_COUNT];

impl Arena {
    /// Takes a block of `class` for `size` bytes.
    ///
    /// Errors: [`NoMemory`] when no page is left; nothing has changed.
    pub(crate) fn allocate_small(
        &mut self,
        class: SizeClass,
        size: u16,
        tag: TagIndex,
        source: &impl PageSource,
    ) -> Result<VirtualAddress, NoMemory> {
        let node = match self.partial[class.index()] {
            Some(node) => node,
            None => self.cut_for(class, source)?,
        };
        let number = self.take_block(node);
        let page = node.page();
        self.records[record_index(page, number)] = Record { tag, size };
        Ok(self.address(page, self.descriptors[page.index()].block_offset(number)))
    }

    /// Ends a live small block.
    pub(crate) fn free_small(&mut self, page: Page, number: usize) {
        let descriptor = &mut self.descriptors[page.index()];
        let side = descriptor.side_of(number);
        bitmap::set(&mut descriptor.live, number, false);
        let part = descriptor.part_mut(side);
        let was_full = part.live == part.count;
        part.live -= 1;
        if was_full {
            self.link_part(Node::new(page, side));
        }
        if self.descriptors[page.index()].live_count() == 0 {
            self.retire(page);
        }
    }

    /// Lists the room from `start` on as an idle tail, if there is any.
    pub(crate) fn offer_tail(&mut self, page: Page) {
        if let Some(class) = self.descriptors[page.index()].room_class() {
            link(&mut self.tails, &mut self.descriptors, class, Node::new(page, Side::Main));
            self.descriptors[page.index()].idle_tail = true;
        }
    }

    /// Takes an idle tail off its list.
    pub(crate) fn withdraw_tail(&mut self, page: Page) {
        let descriptor = &mut self.descriptors[page.index()];
        descriptor.idle_tail = false;
        let class = descriptor.room_class().expect("an idle tail has room");
        unlink(&mut self.tails, &mut self.descriptors, class, Node::new(page, Side::Main));
    }

    /// Cuts an idle tail or a fresh page for `class`; its main part.
    fn cut_for(&mut self, class: SizeClass, source: &impl PageSource) -> Result<Node, NoMemory> {
        let page = match self.tails[class.index()..].iter().flatten().next() {
            Some(tail) => {
                let page = tail.page();
                self.withdraw_tail(page);
                page
            }
            None => {
                let page = self.take_pages(PageCount(1), source)?;
                self.descriptors[page.index()] = Descriptor::taken_from(0);
                page
            }
        };
        self.descriptors[page.index()].cut(class);
        let main = Node::new(page, Side::Main);
        self.link_part(main);
        if self.descriptors[page.index()].part(Side::Rest).count > 0 {
            self.link_part(Node::new(page, Side::Rest));
        }
        Ok(main)
    }

    /// Makes the part's first free block live; its number.
    fn take_block(&mut self, node: Node) -> usize {
        let descriptor = &mut self.descriptors[node.page().index()];
        let (from, to) = descriptor.numbers(node.side());
        let number =
            bitmap::first(&descriptor.live, from, to, false).expect("a listed part has a free block");
        bitmap::set(&mut descriptor.live, number, true);
        bitmap::set(&mut descriptor.known, number, true);
        let part = descriptor.part_mut(node.side());
        part.live += 1;
        if part.live == part.count {
            self.unlink_part(node);
        }
        number
    }

    /// Gives up a page, or a tail, that has no live small block any more.
    fn retire(&mut self, page: Page) {
        for side in [Side::Main, Side::Rest] {
            if self.descriptors[page.index()].part(side).count > 0 {
                self.unlink_part(Node::new(page, side));
            }
        }
        if self.has_live_large(page) {
            self.offer_tail(page);
        } else {
            self.map.release(page, 1);
        }
    }

    fn link_part(&mut self, node: Node) {
        let class = self.descriptors[node.page().index()].part(node.side()).class;
        link(&mut self.partial, &mut self.descriptors, class, node);
    }

    fn unlink_part(&mut self, node: Node) {
        let class = self.descriptors[node.page().index()].part(node.side()).class;
        unlink(&mut self.partial, &mut self.descriptors, class, node);
    }
}

/// Puts a part at the front of the list of `class`.
fn link(lists: &mut Lists, descriptors: &mut [Descriptor], class: SizeClass, node: Node) {
    let next = lists[class.index()].replace(node);
    if let Some(next) = next {
        descriptors[next.page().index()].part_mut(next.side()).previous = Some(node);
    }
    let part = descriptors[node.page().index()].part_mut(node.side());
    part.previous = None;
    part.next = next;
}

/// Takes a part off the list of `class`.
fn unlink(lists: &mut Lists, descriptors: &mut [Descriptor], class: SizeClass, node: Node) {
    let part = descriptors[node.page().index()].part_mut(node.side());
    let (previous, next) = (part.previous.take(), part.next.take());
    match previous {
        Some(previous) => descriptors[previous.page().index()].part_mut(previous.side()).next = next,
        None => lists[class.index()] = next,
    }
    if let Some(next) = next {
        descriptors[next.page().index()].part_mut(next.side()).previous = previous;
    }
}
