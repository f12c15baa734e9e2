//! The walk over live blocks.

use crate::arena::{Arena, Entry, Spot};
use crate::bitmap;
use crate::descriptor::{Page, Side};

/// Where a walk goes on: at this place of this page.
///
/// The large block that begins at a page comes before the page's small blocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    page: Page,
    place: Option<usize>,
}

impl Arena {
    /// The first live block at or behind the cursor, and where the walk goes on behind it.
    pub(crate) fn next_live(&self, cursor: Cursor) -> Option<(Entry, Cursor)> {
        let mut at = cursor;
        loop {
            let page = self.map.next_in_use(at.page)?;
            if page != at.page {
                at = Cursor { page, place: None };
            }
            let descriptor = &self.descriptors[page.index()];
            let number = match at.place {
                None if descriptor.large.live => {
                    let entry = self.entry(Spot::Large(page))?;
                    // The pages up to the last hold nothing else; the last may have a tail.
                    let last = page.plus(descriptor.large.pages - 1);
                    return Some((entry, Cursor { page: last, place: Some(0) }));
                }
                None => 0,
                Some(number) => number,
            };
            let (_, end) = descriptor.numbers(Side::Rest);
            if let Some(number) = bitmap::first(&descriptor.live, number, end, true) {
                let entry = self.entry(Spot::Small(page, number))?;
                return Some((entry, Cursor { page, place: Some(number + 1) }));
            }
            at = Cursor { page: page.plus(1), place: None };
        }
    }
}
