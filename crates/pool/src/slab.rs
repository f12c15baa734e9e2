//! Small blocks: pages, and tails of large blocks, cut into blocks of one class and what they leave.
//!
//! A request takes, in this order: the rest of a page cut for a larger class; a free block of its class in a page already
//! cut; an idle tail, the smallest that has room; a fresh page. A page without a block goes back to the page heap, a tail
//! without one becomes idle.
//!
//! # Invariants
//! - A cut page is in `partial` under its stripe and class exactly while it has a free main block, and in `rests` under
//!   its stripe and its rest's class exactly while that is free.
//! - A tail is in `tails` exactly while the large block before it is live and nothing is cut from it.
//! - Bitmaps have a bit for each main block that is neither live nor in a magazine, a depot or a quarantine.

use crate::arena::{Arena, Ground, MAIN, REST, list};
use crate::class::Classes;
use crate::cut::Cut;
use crate::descriptor::{Descriptor, State};
use crate::geometry::PAGE;
use crate::pages::{Pages, Table};
use crate::runs::Run;
use crate::shard::Entry;
use crate::slot;
use crate::slots::{self, BITS_PER_WORD, STRIPES, UNIT};
use crate::sync::Ordering;
use crate::{NoMemory, PageSource, TailModel};
use ntpool_types::VirtualAddress;

/// How many pages with free blocks of a class another stripe must have for one to be taken over while memory is left.
///
/// With fewer, what two processors write would lie in one page; with more, pages would stay partly filled for long.
const STOLEN_FROM: usize = 4;

impl Arena {
    /// Takes one to `most` blocks of `class` for a magazine.
    ///
    /// Steps: one for each block, and a bounded number beside. Errors: [`NoMemory`] when no page is left; nothing has
    /// changed.
    pub(crate) fn take_small(
        &mut self,
        ground: &mut Ground<'_>,
        class: usize,
        most: usize,
        source: &impl PageSource,
        mut each: impl FnMut(Entry),
    ) -> Result<usize, NoMemory> {
        let mut taken = 0;
        let stripe = ground.stripe;
        while taken < most {
            let descriptors = ground.table;
            if let Some(page) = self.rests[list(stripe, class)].checked_sub(1) {
                REST.unlink(&mut self.rests[list(stripe, class)], descriptors, page);
                descriptors[page as usize].set_rest_free(0);
                let cut = descriptors.cut(page);
                each(Blocks::of(ground, page, cut).entry(cut.count(ground.classes)));
                taken += 1;
            } else if let Some(page) = self.partial[list(stripe, class)].checked_sub(1) {
                taken += self.take_main(ground, class, page, most - taken, &mut each);
            } else if taken > 0 {
                break;
            } else if !self.take_over(ground, class, STOLEN_FROM) {
                match self.cut_for(ground, class, source) {
                    Err(NoMemory) if !self.take_over(ground, class, 1) => return Err(NoMemory),
                    _ => {}
                }
            }
        }
        Ok(taken)
    }

    /// Takes a page with free blocks of `class` over from a stripe that has `least` of them or more; whether one had.
    fn take_over(&mut self, ground: &Ground<'_>, class: usize, least: usize) -> bool {
        let descriptors = ground.table;
        for other in (0..STRIPES).filter(|&other| other != ground.stripe) {
            for (chain, mains) in [(MAIN, true), (REST, false)] {
                let lists = if mains { &mut self.partial } else { &mut self.rests };
                let from = &mut lists[list(other, class)];
                let mut link = *from;
                for _ in 1..least {
                    link = link.checked_sub(1).map_or(0, |page| (chain.next)(&descriptors[page as usize]));
                }
                if let Some(page) = link.checked_sub(1) {
                    self.change_stripe(ground, page);
                    return true;
                }
            }
        }
        false
    }

    /// Moves a cut page to the lists of the stripe that the request comes from. Its area stays where it is.
    fn change_stripe(&mut self, ground: &Ground<'_>, page: u32) {
        let descriptors = ground.table;
        let (descriptor, cut) = (&descriptors[page as usize], descriptors.cut(page));
        let (from, to) = (descriptor.stripe(), ground.stripe);
        if descriptor.free() > 0 {
            MAIN.unlink(&mut self.partial[list(from, cut.class())], descriptors, page);
            MAIN.link(&mut self.partial[list(to, cut.class())], descriptors, page);
        }
        if cut.has_rest() && descriptor.rest_free() != 0 {
            REST.unlink(&mut self.rests[list(from, cut.rest_class())], descriptors, page);
            REST.link(&mut self.rests[list(to, cut.rest_class())], descriptors, page);
        }
        descriptor.set_stripe(to);
    }

    /// Takes back blocks that were handed to a magazine.
    ///
    /// Blocks of one page that follow each other, as those do that were freed in the order in which they were
    /// allocated, are taken back at once.
    pub(crate) fn return_small(&mut self, ground: &mut Ground<'_>, entries: impl Iterator<Item = Entry>) {
        let mut entries = entries;
        let mut next = entries.next();
        while let Some(first) = next {
            let page = ground.page_of(first.address());
            let (descriptor, cut) = (&ground.table[page as usize], ground.table.cut(page));
            let count = cut.count(ground.classes);
            let narrow = is_narrow(ground, cut);
            let before = descriptor.free();
            let (mut free, mut bits) = (before, descriptor.bits());
            while let Some(entry) = next {
                let number = entry.slot as usize - cut.slot(0);
                if number == count {
                    descriptor.set_rest_free(1);
                    REST.link(
                        &mut self.rests[list(descriptor.stripe(), cut.rest_class())],
                        ground.table,
                        page,
                    );
                } else {
                    bits |= 1 << if narrow { number } else { set_bit(ground, cut, number) };
                    free += 1;
                }
                next = entries.next();
                if next.is_none_or(|next| ground.page_of(next.address()) != page) {
                    break;
                }
            }
            descriptor.set_bits(bits);
            descriptor.set_free(free);
            if before == 0 && free > 0 {
                MAIN.link(&mut self.partial[list(descriptor.stripe(), cut.class())], ground.table, page);
            }
            if free == count && (descriptor.rest_free() != 0 || !cut.has_rest()) {
                self.retire(ground, page, cut);
            }
        }
    }

    /// Lists what a large block leaves of its last page as an idle tail, if anything.
    pub(crate) fn offer_tail(&mut self, ground: &Ground<'_>, page: u32) {
        let descriptors = ground.table;
        match tail_class(ground, descriptors.cut(page)) {
            Some(class) => {
                descriptors[page as usize].set_state(State::IdleTail);
                MAIN.link(&mut self.tails[class], descriptors, page);
            }
            None => descriptors[page as usize].set_state(State::NoTail),
        }
    }

    /// Takes an idle tail off its list.
    pub(crate) fn withdraw_tail(&mut self, ground: &Ground<'_>, page: u32) {
        let descriptors = ground.table;
        let class = tail_class(ground, descriptors.cut(page)).expect("an idle tail has room");
        MAIN.unlink(&mut self.tails[class], descriptors, page);
    }

    /// Cuts an idle tail or a fresh page for `class`.
    fn cut_for(
        &mut self,
        ground: &mut Ground<'_>,
        class: usize,
        source: &impl PageSource,
    ) -> Result<(), NoMemory> {
        let descriptors = ground.table;
        let tail = self.tails[class..ground.classes.small_count()].iter().find(|&&first| first != 0);
        if let Some(page) = tail.map(|first| first - 1) {
            let start = descriptors.cut(page).start();
            let unit = area_for(ground, descriptors, page, class, PAGE - start)?;
            self.withdraw_tail(ground, page);
            self.cut(ground, page, class, unit, start, false);
            return Ok(());
        }
        let (run, zero) = self.take_pages(ground, 1, 1, source)?;
        let unit = area_for(ground, descriptors, run.first, class, PAGE).inspect_err(|_| {
            self.give_back_pages(descriptors, run);
        })?;
        self.cut(ground, run.first, class, unit, 0, zero);
        Ok(())
    }

    /// Cuts a page from its start on.
    fn cut(&mut self, ground: &Ground<'_>, page: u32, class: usize, unit: u32, start: usize, zero: bool) {
        let descriptors = ground.table;
        let descriptor = &descriptors[page as usize];
        let classes = ground.classes;
        let rest = (PAGE - start) % classes.size(class);
        let rest_class = if rest > 0 { classes.fitting(rest) } else { None };
        let cut = match rest_class {
            Some(rest_class) => Cut::with_rest(unit, class, start, rest_class, PAGE - rest),
            None => Cut::new(unit, class, start),
        };
        for number in 0..cut.blocks(classes) {
            slot::forget(ground.pages.slot(cut.slot(number)));
        }
        descriptors.set_cut(page, cut);
        descriptor.set_free(cut.count(classes));
        descriptor.set_fresh(u8::from(zero));
        descriptor.set_state(State::Cut);
        fill_bits(ground, descriptor, cut);
        MAIN.link(&mut self.partial[list(ground.stripe, class)], descriptors, page);
        descriptor.set_rest_free(u8::from(rest_class.is_some()));
        if let Some(rest_class) = rest_class {
            REST.link(&mut self.rests[list(ground.stripe, rest_class)], descriptors, page);
        }
    }

    /// Takes up to `most` free main blocks of a page.
    fn take_main(
        &mut self,
        ground: &Ground<'_>,
        class: usize,
        page: u32,
        most: usize,
        each: &mut impl FnMut(Entry),
    ) -> usize {
        let (descriptor, cut) = (&ground.table[page as usize], ground.table.cut(page));
        let blocks = Blocks::of(ground, page, cut);
        let free = descriptor.free();
        let taken = free.min(most);
        let mut bits = descriptor.bits();
        if is_narrow(ground, cut) {
            for _ in 0..taken {
                each(blocks.entry(bits.trailing_zeros() as usize));
                bits &= bits - 1;
            }
        } else {
            let mut left = taken;
            while left > 0 {
                let first = bits.trailing_zeros() as usize;
                let slot = ground.pages.slot(bitmap_slot(ground, cut, first));
                let mut word = slot.load(Ordering::Relaxed);
                while left > 0 && word != 0 {
                    each(blocks.entry(first * BITS_PER_WORD + word.trailing_zeros() as usize));
                    word &= word - 1;
                    left -= 1;
                }
                slot.store(word, Ordering::Relaxed);
                if word == 0 {
                    bits &= bits - 1;
                }
            }
        }
        descriptor.set_bits(bits);
        descriptor.set_free(free - taken);
        if free == taken {
            MAIN.unlink(&mut self.partial[list(descriptor.stripe(), class)], ground.table, page);
        }
        taken
    }

    /// Gives up a page, or a tail, that has no block any more.
    fn retire(&mut self, ground: &mut Ground<'_>, page: u32, cut: Cut) {
        let descriptors = ground.table;
        let stripe = descriptors[page as usize].stripe();
        MAIN.unlink(&mut self.partial[list(stripe, cut.class())], descriptors, page);
        if cut.has_rest() {
            REST.unlink(&mut self.rests[list(stripe, cut.rest_class())], descriptors, page);
        }
        // A page that is no head is the last one of a large block that is still live.
        if descriptors.is_head(page) {
            self.give_back_pages(descriptors, Run { first: page, pages: 1 });
        } else {
            self.offer_tail(ground, page);
        }
    }
}

/// The blocks of a cut page, for magazines.
struct Blocks<'a> {
    pages: &'a Pages,
    /// Where block 0 begins, and the bytes from one to the next.
    first: VirtualAddress,
    size: u64,
    /// The slot of block 0.
    slot: usize,
    /// Whether the page had been zero when it was cut.
    fresh: bool,
}

impl<'a> Blocks<'a> {
    fn of(ground: &Ground<'a>, page: u32, cut: Cut) -> Blocks<'a> {
        Blocks {
            pages: ground.pages,
            first: ground.address(page, cut.start()),
            size: ground.classes.size(cut.class()) as u64,
            slot: cut.slot(0),
            fresh: ground.table[page as usize].fresh() != 0,
        }
    }

    /// Block `number`; known to be zero if it was never live in a page that had been.
    #[inline]
    fn entry(&self, number: usize) -> Entry {
        let slot = self.slot + number;
        let zero = self.fresh && !slot::read(self.pages.slot(slot)).is_known();
        Entry::new(VirtualAddress(self.first.0 + number as u64 * self.size), slot).zero(zero)
    }
}

/// The class whose blocks just fit a tail, if it is to be used.
pub(crate) fn tail_class(ground: &Ground<'_>, cut: Cut) -> Option<usize> {
    match ground.tail {
        TailModel::Reuse => ground.classes.fitting(PAGE - cut.start()),
        TailModel::Waste => None,
    }
}

/// Finds room for the slots of a page that is cut for `class` in `room` bytes: the area it has, or another; its unit.
fn area_for(
    ground: &mut Ground<'_>,
    descriptors: Table<'_>,
    page: u32,
    class: usize,
    room: usize,
) -> Result<u32, NoMemory> {
    let size = ground.classes.size(class);
    ground.area(descriptors, page, slots::units(room.div_ceil(size)))
}

/// Whether a page's bitmap is in its descriptor alone.
fn is_narrow(ground: &Ground<'_>, cut: Cut) -> bool {
    slots::bitmap_words(cut.blocks(ground.classes)) == 0
}

/// Where word `word` of a page's bitmap is.
fn bitmap_slot(ground: &Ground<'_>, cut: Cut, word: usize) -> usize {
    cut.unit() as usize * UNIT + slots::bitmap_at(cut.blocks(ground.classes)) + word
}

/// Sets the bits of all main blocks.
fn fill_bits(ground: &Ground<'_>, descriptor: &Descriptor, cut: Cut) {
    let count = cut.count(ground.classes);
    if is_narrow(ground, cut) {
        descriptor.set_bits(u64::MAX >> (64 - count));
        return;
    }
    let words = count.div_ceil(BITS_PER_WORD);
    for word in 0..slots::bitmap_words(cut.blocks(ground.classes)) {
        let left = count.saturating_sub(word * BITS_PER_WORD).min(BITS_PER_WORD);
        let bits = ((1_u32 << left) - 1) as u16;
        ground.pages.slot(bitmap_slot(ground, cut, word)).store(bits, Ordering::Relaxed);
    }
    descriptor.set_bits(u64::MAX >> (64 - words));
}

/// Sets the bit of main block `number` in a bitmap among the slots; in which of its words.
fn set_bit(ground: &Ground<'_>, cut: Cut, number: usize) -> usize {
    let (word, bit) = (number / BITS_PER_WORD, number % BITS_PER_WORD);
    let slot = ground.pages.slot(bitmap_slot(ground, cut, word));
    slot.store(slot.load(Ordering::Relaxed) | 1 << bit, Ordering::Relaxed);
    word
}

/// Whether the bit of main block `number` is set.
pub(crate) fn bit(
    pages: &Pages,
    classes: &Classes,
    descriptor: &Descriptor,
    cut: Cut,
    number: usize,
) -> bool {
    let blocks = cut.blocks(classes);
    if slots::bitmap_words(blocks) == 0 {
        return descriptor.bits() >> number & 1 != 0;
    }
    let slot = cut.slot(slots::bitmap_at(blocks) + number / BITS_PER_WORD);
    pages.slot(slot).load(Ordering::Relaxed) >> (number % BITS_PER_WORD) & 1 != 0
}
