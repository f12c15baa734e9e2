//! Lookaside lists: idle entries of one size, kept so that the next request for one need not go to the pool.
//!
//! A list is a stack of idle entries with an allowed depth. [`take`] hands out the entry that came last; on an empty
//! list it hands out none, and its caller makes a new entry. [`give`] keeps an entry, unless the list holds as many as
//! it may; then it hands the entry back, and its caller lets its memory go. So the logic here never allocates, frees
//! or touches an entry, and where entries and numbers are kept is the implementor's: a driver's list lies in the
//! driver's own memory ([`Storage`]), a [`Lookaside`] in itself.
//!
//! # Depth
//! A list begins at [`INITIAL_DEPTH`]. Once in an interval whoever owns the clock calls [`adjust`], which looks at what
//! was asked for since the last time, and then takes the [`surplus`]. The policy is [`adjusted_depth`]; its numbers are
//! ours, since no document gives any (LOOK-020).
//!
//! # Invariants
//! - An entry is handed out only after it was given, once for each time.
//! - Nobody is made to wait: each operation is a bounded number of steps, but for retries when others changed the list
//!   meanwhile, each of which means that somebody else got on.
//! - A list holds at most as many entries as its depth, and one more for each thread that was between the test and the
//!   push when it filled up; after the depth has sunk, until the surplus is taken.
//!
//! # Source
//! "Using Lookaside Lists" and the WDK reference for the routines (LOOK-001 to LOOK-020); the order in which counters
//! move is that of the inline routines of the public headers (LOOK-015 to LOOK-018).

mod stack;
#[cfg(test)]
mod tests;

use crate::sync::{AtomicU16, AtomicU32, Ordering, atomics, const_unless_modelled};
use core::convert::Infallible;
use core::ptr::NonNull;
use stack::Stack;

/// The idle entries that a new list may hold, and that a list may always hold (LOOK-020: our choice, after a debugger's
/// sample of a list that was little used).
pub const INITIAL_DEPTH: u16 = 4;

/// The most idle entries that a list may ever hold, unless it was told otherwise (LOOK-019).
pub const MAXIMUM_DEPTH: u16 = 256;

/// The most idle entries that a list may be told to hold (LOOK-019).
pub const DEPTH_LIMIT: u16 = 1024;

/// What a list counts; each count wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Entries that were asked for.
    Allocates,
    /// Entries that were asked for when none was idle.
    AllocateMisses,
    /// Entries that were freed.
    Frees,
    /// Entries that were freed when the list was full.
    FreeMisses,
}

/// How often entries were asked for, and how often none was idle then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Entries that were asked for.
    pub allocates: u32,
    /// Those of them that found none idle.
    pub misses: u32,
}

impl Demand {
    /// What was asked for after `before`, when this is what had been asked for by now.
    #[must_use]
    pub const fn since(self, before: Demand) -> Demand {
        Demand {
            allocates: self.allocates.wrapping_sub(before.allocates),
            misses: self.misses.wrapping_sub(before.misses),
        }
    }
}

/// Where a list's entries and numbers are kept.
///
/// Several threads may use a list at once: each method is one step that others see whole or not at all.
pub trait Storage {
    /// An entry.
    type Entry;
    /// Why the storage can't be reached; [`Infallible`] where that can't be.
    type Error;

    /// Takes the entry that was pushed last.
    ///
    /// # Errors
    /// When the storage can't be reached.
    fn pop(&self) -> Result<Option<Self::Entry>, Self::Error>;

    /// Puts an entry on top, or gives it back where there is no room.
    ///
    /// # Errors
    /// When the storage can't be reached.
    fn push(&self, entry: Self::Entry) -> Result<Option<Self::Entry>, Self::Error>;

    /// The number of idle entries.
    ///
    /// # Errors
    /// When the storage can't be reached.
    fn idle(&self) -> Result<u16, Self::Error>;

    /// The number of idle entries that the list may hold now.
    ///
    /// # Errors
    /// When the storage can't be reached.
    fn depth(&self) -> Result<u16, Self::Error>;

    /// The number of idle entries that the list may ever hold.
    ///
    /// # Errors
    /// When the storage can't be reached.
    fn maximum_depth(&self) -> Result<u16, Self::Error>;

    /// Changes the number of idle entries that the list may hold.
    ///
    /// # Errors
    /// When the storage can't be reached.
    fn set_depth(&self, depth: u16) -> Result<(), Self::Error>;

    /// A count.
    ///
    /// # Errors
    /// When the storage can't be reached.
    fn count(&self, counter: Counter) -> Result<u32, Self::Error>;

    /// Adds one to a count.
    ///
    /// # Errors
    /// When the storage can't be reached.
    fn add_one(&self, counter: Counter) -> Result<(), Self::Error>;

    /// Remembers what was asked for up to now, and says what was remembered before.
    ///
    /// # Errors
    /// When the storage can't be reached.
    fn remember(&self, now: Demand) -> Result<Demand, Self::Error>;
}

/// Takes an idle entry; with `None` the caller makes one (LOOK-001, LOOK-005, LOOK-017).
///
/// # Errors
/// When the storage can't be reached.
pub fn take<S: Storage>(list: &S) -> Result<Option<S::Entry>, S::Error> {
    list.add_one(Counter::Allocates)?;
    let entry = list.pop()?;
    if entry.is_none() {
        list.add_one(Counter::AllocateMisses)?;
    }
    Ok(entry)
}

/// Keeps an entry, or gives it back where the list is full; then the caller lets it go (LOOK-006, LOOK-015, LOOK-018).
///
/// # Errors
/// When the storage can't be reached.
pub fn give<S: Storage>(list: &S, entry: S::Entry) -> Result<Option<S::Entry>, S::Error> {
    list.add_one(Counter::Frees)?;
    let full = list.idle()? >= list.depth()?;
    let refused = if full { Some(entry) } else { list.push(entry)? };
    if refused.is_some() {
        list.add_one(Counter::FreeMisses)?;
    }
    Ok(refused)
}

/// Changes the depth to what was asked for since the last time; to be called once in an interval (LOOK-009).
///
/// Says whether anything can still change if nothing more is asked for.
///
/// # Errors
/// When the storage can't be reached.
pub fn adjust<S: Storage>(list: &S) -> Result<bool, S::Error> {
    let now =
        Demand { allocates: list.count(Counter::Allocates)?, misses: list.count(Counter::AllocateMisses)? };
    let demand = now.since(list.remember(now)?);
    let depth = list.depth()?;
    let adjusted = adjusted_depth(depth, list.maximum_depth()?, demand);
    if adjusted != depth {
        list.set_depth(adjusted)?;
    }
    Ok(adjusted > INITIAL_DEPTH)
}

/// Takes an idle entry that is too many, for the caller to let go; `None` when there are no more (LOOK-009).
///
/// # Errors
/// When the storage can't be reached.
pub fn surplus<S: Storage>(list: &S) -> Result<Option<S::Entry>, S::Error> {
    if list.idle()? > list.depth()? { list.pop() } else { Ok(None) }
}

/// The depth that suits what was asked for in an interval (LOOK-020: our choice).
///
/// - Fewer requests than the list may hold entries: it halves, down to [`INITIAL_DEPTH`].
/// - Otherwise, more than one request in 16 that found no idle entry: it doubles, up to `maximum` and [`DEPTH_LIMIT`].
///
/// Doubling takes six intervals from the initial depth to the usual maximum, whatever the load is, and halving forgets
/// as fast as it learns.
#[must_use]
pub const fn adjusted_depth(depth: u16, maximum: u16, demand: Demand) -> u16 {
    const MISSES_TOLERATED: u32 = 16;
    let maximum = if maximum < DEPTH_LIMIT { maximum } else { DEPTH_LIMIT };
    let wanted = if demand.allocates < depth as u32 {
        depth / 2
    } else if demand.misses > demand.allocates / MISSES_TOLERATED {
        depth.saturating_mul(2)
    } else {
        depth
    };
    let at_least = if wanted > INITIAL_DEPTH { wanted } else { INITIAL_DEPTH };
    if at_least < maximum { at_least } else { maximum }
}

/// A lookaside list that keeps itself, for a kernel or a program: entries are addresses, up to `CAPACITY` of them idle.
///
/// It allocates nothing and touches no entry. It may be shared by threads and used in an interrupt: nobody waits for
/// anybody.
#[derive(Debug)]
pub struct Lookaside<const CAPACITY: usize> {
    idle: Stack<CAPACITY>,
    depth: AtomicU16,
    counts: [AtomicU32; 4],
    remembered: [AtomicU32; 2],
}

impl<const CAPACITY: usize> Lookaside<CAPACITY> {
    const_unless_modelled! {
        /// An empty list; a `static` may be one.
        #[must_use]
        pub const fn new() -> Lookaside<CAPACITY> {
            Lookaside {
                idle: Stack::new(),
                depth: AtomicU16::new(Self::bounded(INITIAL_DEPTH)),
                counts: atomics!(AtomicU32::new(0)),
                remembered: atomics!(AtomicU32::new(0)),
            }
        }
    }

    const fn bounded(depth: u16) -> u16 {
        if (depth as usize) < CAPACITY { depth } else { CAPACITY as u16 }
    }
}

impl<const CAPACITY: usize> Default for Lookaside<CAPACITY> {
    fn default() -> Self {
        Lookaside::new()
    }
}

impl<const CAPACITY: usize> Storage for Lookaside<CAPACITY> {
    type Entry = NonNull<u8>;
    type Error = Infallible;

    fn pop(&self) -> Result<Option<NonNull<u8>>, Infallible> {
        Ok(self.idle.pop())
    }

    fn push(&self, entry: NonNull<u8>) -> Result<Option<NonNull<u8>>, Infallible> {
        Ok(self.idle.push(entry).err())
    }

    fn idle(&self) -> Result<u16, Infallible> {
        Ok(self.idle.len())
    }

    fn depth(&self) -> Result<u16, Infallible> {
        Ok(self.depth.load(Ordering::Relaxed))
    }

    fn maximum_depth(&self) -> Result<u16, Infallible> {
        Ok(Self::bounded(DEPTH_LIMIT))
    }

    fn set_depth(&self, depth: u16) -> Result<(), Infallible> {
        self.depth.store(Self::bounded(depth), Ordering::Relaxed);
        Ok(())
    }

    fn count(&self, counter: Counter) -> Result<u32, Infallible> {
        Ok(self.counts[counter as usize].load(Ordering::Relaxed))
    }

    fn add_one(&self, counter: Counter) -> Result<(), Infallible> {
        self.counts[counter as usize].fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn remember(&self, now: Demand) -> Result<Demand, Infallible> {
        let [allocates, misses] = &self.remembered;
        Ok(Demand {
            allocates: allocates.swap(now.allocates, Ordering::Relaxed),
            misses: misses.swap(now.misses, Ordering::Relaxed),
        })
    }
}
