//! What the pool knows of a page, beside how it is cut: 32 bytes that only slow paths look at.
//!
//! Everything here is written, and most of it read, inside the central lock. The fast paths need a page's
//! [`Cut`](crate::cut::Cut), which is kept apart and dense, and its blocks' [slots](crate::slot).

use crate::sync::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Never used, or inside a run or a large block: another page's descriptor tells.
    Inside,
    /// The first or last page of a free run with unknown contents, made usable.
    Dirty,
    /// The first or last page of a free run that is not made usable.
    Clean,
    /// Cut into small blocks.
    Cut,
    /// The first page of a large block.
    Large,
    /// The last page of a large block, with an idle tail.
    IdleTail,
    /// The last page of a large block, whose tail is too small to use or is not used.
    NoTail,
    /// On its way back to the page source.
    Leaving,
}

/// A page's descriptor.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Descriptor {
    bits: AtomicU64,
    next: AtomicU32,
    previous: AtomicU32,
    rest_next: AtomicU32,
    rest_previous: AtomicU32,
    free: AtomicU16,
    area: AtomicU8,
    state: AtomicU8,
    fresh: AtomicU8,
    rest_free: AtomicU8,
    stripe: AtomicU8,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Descriptor>() == 32, "two descriptors share a cache line");

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident, $set:ident: $field:ident as $type:ty;)*) => {
        impl Descriptor {
            $(
                $(#[$doc])*
                #[inline(always)]
                pub(crate) fn $name(&self) -> $type {
                    self.$field.load(Ordering::Relaxed) as $type
                }

                #[doc = concat!("Changes [`", stringify!($name), "`](Descriptor::", stringify!($name), ").")]
                #[inline(always)]
                pub(crate) fn $set(&self, value: $type) {
                    self.$field.store(value as _, Ordering::Relaxed);
                }
            )*
        }
    };
}

fields! {
    /// The bitmap of free main blocks, where there are at most 64, or of bitmap words with one; the bytes of a large
    /// block in its first page.
    bits, set_bits: bits as u64;
    /// The next page in the list of pages with free main blocks, of idle tails, or of free runs.
    next, set_next: next as u32;
    /// The one before.
    previous, set_previous: previous as u32;
    /// The next page in the list of pages with a free rest; in a free run's first page, or a large block's, its length.
    rest_next, set_rest_next: rest_next as u32;
    /// The one before; in a free run's last page, its length.
    rest_previous, set_rest_previous: rest_previous as u32;
    /// How many main blocks are in the page's bitmap.
    free, set_free: free as usize;
    /// How many units of slots the page has.
    area, set_area: area as usize;
    /// Whether the page had been zero when it was cut: a block never live is so still.
    fresh, set_fresh: fresh as u8;
    /// Whether the rest is free: neither live nor in a magazine.
    rest_free, set_rest_free: rest_free as u8;
    /// The stripe whose lists the page is in, and from whose chunks its area is.
    stripe, set_stripe: stripe as usize;
}

impl Descriptor {
    /// What the page is.
    pub(crate) fn state(&self) -> State {
        match self.state.load(Ordering::Relaxed) {
            1 => State::Dirty,
            2 => State::Clean,
            3 => State::Cut,
            4 => State::Large,
            5 => State::IdleTail,
            6 => State::NoTail,
            7 => State::Leaving,
            _ => State::Inside,
        }
    }

    /// Changes what the page is.
    pub(crate) fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Relaxed);
    }
}
