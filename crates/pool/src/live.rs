//! What lies where: looking an address up, and walking over live blocks. Inside the central lock.

use crate::arena::Arena;
use crate::class::Classes;
use crate::descriptor::State;
use crate::geometry::PAGE;
use crate::pages::{Located, Pages};
use crate::slot;
use crate::sync::{AtomicU16, Ordering};
use crate::tag_table::{TagIndex, TagTable};
use crate::{Block, central::Central};
use ntpool_types::{Bytes, VirtualAddress};

/// A block that the pool knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) address: VirtualAddress,
    /// Bytes in its place.
    pub(crate) place: u64,
    /// The number of its slot.
    pub(crate) slot: usize,
    /// Its class.
    pub(crate) class: usize,
    /// The tag it is, or was, counted under.
    pub(crate) tag: TagIndex,
    pub(crate) live: bool,
    pub(crate) arena: usize,
    pub(crate) page: u32,
}

/// What looking up needs.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a> {
    pub(crate) pages: &'a Pages,
    pub(crate) central: &'a Central,
    pub(crate) tags: &'a TagTable,
    pub(crate) slack: &'a [AtomicU16],
    pub(crate) classes: &'static Classes,
}

/// Where a walk goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    arena: usize,
    page: u32,
    number: usize,
}

impl Lookup<'_> {
    /// The block, live or known to have been freed, whose bytes hold an address, or which begins there.
    pub(crate) fn find(&self, at: Located) -> Option<Entry> {
        let entry = self.holding(at)?;
        let address = self.pages.span(at.arena).address(at.page, at.offset);
        let size = self.block(&entry).size;
        let within = address.offset_from(entry.address)?;
        (within == Bytes::ZERO || within < size).then_some(entry)
    }

    /// The block, live or known to have been freed, whose place holds an address.
    fn holding(&self, at: Located) -> Option<Entry> {
        let arena = self.central.arena_at(at.arena);
        let descriptors = self.pages.of(at.arena);
        let head = descriptors.head_of(at.page);
        let (descriptor, cut) = (&descriptors[at.page as usize], descriptors.cut(at.page));
        let small = cut.is_small(self.classes) && at.offset >= cut.start();
        if head == at.page || descriptors[head as usize].state() != State::Large {
            // A page of its own; a large block's first one; or free, and its own descriptor tells what it was.
            return match (small, cut.unit()) {
                (true, _) => self.small(arena, at),
                (false, unit) if unit != 0 && cut.start() == 0 => self.large(arena, at.page),
                _ => self.freed_large(arena, at),
            };
        }
        let last = head + descriptors[head as usize].rest_next() - 1;
        let ends_inside = !descriptors[head as usize].bits().is_multiple_of(PAGE as u64);
        let in_tail = at.page == last && ends_inside && at.offset >= cut.start();
        match descriptor.state() {
            _ if !in_tail => self.large(arena, head),
            State::Cut => self.small(arena, at),
            _ => None,
        }
    }

    /// The large block that had an address until it was freed, if its first page is still known to have been that.
    ///
    /// Steps: the pages back to there; for questions about addresses, never on the way of a request.
    fn freed_large(&self, arena: &Arena, at: Located) -> Option<Entry> {
        let descriptors = self.pages.of(arena.number);
        let first = (0..at.page).rev().find(|&page| descriptors.cut(page).unit() != 0)?;
        let is_large = !descriptors.cut(first).is_small(self.classes);
        let entry = is_large.then(|| self.large(arena, first))??;
        let end = entry.place.div_ceil(PAGE as u64) + u64::from(first);
        (!entry.live && u64::from(at.page) < end).then_some(entry)
    }

    /// Whether an address was made usable and not given back.
    pub(crate) fn is_committed(&self, at: Located) -> bool {
        let descriptors = self.pages.of(at.arena);
        descriptors[descriptors.head_of(at.page) as usize].state() != State::Clean
    }

    /// The entry as the block that callers know.
    pub(crate) fn block(&self, entry: &Entry) -> Block {
        let slack = self.slack.get(entry.slot).map_or(0, |slack| slack.load(Ordering::Relaxed));
        Block {
            address: entry.address,
            size: Bytes(entry.place - u64::from(slack)),
            kind: self.pages.span(entry.arena).kind,
            tag: self.tags.tag(entry.tag),
        }
    }

    /// The first live block at or behind the cursor, and where the walk goes on behind it.
    pub(crate) fn next_live(&self, cursor: Cursor) -> Option<(Entry, Cursor)> {
        let mut at = cursor;
        while at.arena < self.pages.spans().len() {
            let arena = self.central.arena_at(at.arena);
            let descriptors = self.pages.of(at.arena);
            // With a number, the page is one that the walk was in already: perhaps a tail, which is no head.
            let page = if at.number > 0 {
                Some(at.page)
            } else {
                descriptors.next_head(at.page, self.pages.frontier(at.arena))
            };
            let Some(page) = page else {
                at = Cursor { arena: at.arena + 1, page: 0, number: 0 };
                continue;
            };
            let descriptor = &descriptors[page as usize];
            match descriptor.state() {
                State::Large => {
                    let last = page + descriptor.rest_next() - 1;
                    let tail = last != page && descriptors[last as usize].state() == State::Cut;
                    // Numbers of a page that the walk is in are one more than the block's.
                    at = if tail {
                        Cursor { arena: at.arena, page: last, number: 1 }
                    } else {
                        Cursor { arena: at.arena, page: last + 1, number: 0 }
                    };
                    let entry = self.large(arena, page).filter(|entry| entry.live);
                    if let Some(entry) = entry {
                        return Some((entry, at));
                    }
                }
                State::Cut => {
                    let (from, cut) = (at.number.saturating_sub(1), descriptors.cut(page));
                    let live = |&number: &usize| slot::read(self.pages.slot(cut.slot(number))).is_live();
                    match (from..cut.blocks(self.classes)).find(live) {
                        Some(number) => {
                            let entry = self.numbered(arena, page, number)?;
                            return Some((entry, Cursor { arena: at.arena, page, number: number + 2 }));
                        }
                        None => at = Cursor { arena: at.arena, page: page + 1, number: 0 },
                    }
                }
                State::Dirty | State::Clean => {
                    at = Cursor { arena: at.arena, page: page + descriptor.rest_next().max(1), number: 0 };
                }
                _ => at = Cursor { arena: at.arena, page: page + 1, number: 0 },
            }
        }
        None
    }

    fn small(&self, arena: &Arena, at: Located) -> Option<Entry> {
        let cut = self.pages.of(arena.number).cut(at.page);
        self.numbered(arena, at.page, cut.block_holding(self.classes, at.offset)?)
    }

    fn numbered(&self, arena: &Arena, page: u32, number: usize) -> Option<Entry> {
        let cut = self.pages.of(arena.number).cut(page);
        let place = self.classes.size(cut.class_of(self.classes, number)) as u64;
        self.known(arena, page, number, place)
    }

    fn large(&self, arena: &Arena, page: u32) -> Option<Entry> {
        self.known(arena, page, 0, self.pages.of(arena.number)[page as usize].bits())
    }

    fn known(&self, arena: &Arena, page: u32, number: usize, place: u64) -> Option<Entry> {
        let cut = self.pages.of(arena.number).cut(page);
        if cut.unit() == 0 {
            return None;
        }
        let word = slot::read(self.pages.slot(cut.slot(number)));
        let offset = cut.block_offset(self.classes, number);
        word.is_known().then(|| Entry {
            address: self.pages.span(arena.number).address(page, offset),
            place,
            slot: cut.slot(number),
            class: cut.class_of(self.classes, number),
            tag: TagIndex::named(word.tag()),
            live: word.is_live(),
            arena: arena.number,
            page,
        })
    }
}
