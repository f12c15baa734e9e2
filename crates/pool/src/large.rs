//! Large blocks: more than a page, in a run of pages of their own.
//!
//! The first page's descriptor is the block's record; the others name the first. What the block leaves of its last
//! page, rounded up to the granule, is offered to small blocks ([`TailModel::Reuse`]). Such a page may outlive its
//! large block: it goes back to the page map with the last small block in it.

use crate::arena::Arena;
use crate::descriptor::{Descriptor, LargeRecord, Page};
use crate::geometry::{GEOMETRY, PAGE};
use crate::tag_table::TagIndex;
use crate::{NoMemory, PageSource, TailModel};
use ntpool_types::{Bytes, VirtualAddress};

impl Arena {
    /// Takes a run of pages for `size` bytes, more than a page.
    ///
    /// Errors: [`NoMemory`] when there is no such run; nothing has changed.
    pub(crate) fn allocate_large(
        &mut self,
        size: Bytes,
        tag: TagIndex,
        source: &impl PageSource,
    ) -> Result<VirtualAddress, NoMemory> {
        let wanted = size.pages_rounded_up();
        let head = self.take_pages(wanted, source)?;
        let pages = wanted.0 as u32;
        let last = head.plus(pages - 1);
        self.descriptors[head.index()..last.index()].fill(Descriptor::taken_for_large(head, PAGE));
        let end = match self.tail {
            TailModel::Reuse => GEOMETRY.end_in_last_page(size),
            TailModel::Waste => PAGE,
        };
        self.descriptors[last.index()] = Descriptor::taken_for_large(head, end);
        self.descriptors[head.index()].large = LargeRecord { size: size.0, pages, tag, live: true };
        self.offer_tail(last);
        Ok(self.address(head, 0))
    }

    /// Ends the live large block that begins at `head`.
    pub(crate) fn free_large(&mut self, head: Page) {
        let large = &mut self.descriptors[head.index()].large;
        large.live = false;
        let pages = large.pages;
        let last = head.plus(pages - 1);
        if self.descriptors[last.index()].idle_tail {
            self.withdraw_tail(last);
        }
        let tail_is_live = self.descriptors[last.index()].live_count() > 0;
        self.map.release(head, if tail_is_live { pages - 1 } else { pages });
    }
}
