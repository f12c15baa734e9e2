//! The kernel memory pool: tagged blocks of any size, of three kinds, from regions of virtual addresses.
//!
//! # Layout
//! Each kind of pool is one [`Region`] of addresses, which a [`PageSource`] makes usable a few pages at a time. A page
//! in use is a *slab*, cut into blocks of one size class, or belongs to a *large block*, a run of pages of its own:
//!
//! ```text
//! region   | slab 48  | large block, 9000 bytes   :tail| slab 4096 | free | ... | not committed
//! page     0          1          2          3           4           5
//! ```
//!
//! - Up to a page, a request takes a block of the smallest class that holds it: aligned to 16 bytes, within one page.
//!   A page's remainder after the cut is one more block, of the class that fits it.
//! - A page and more begin at a page. What a large block leaves of its last page serves small blocks
//!   ([`TailModel::Reuse`]); it is never the large block's own.
//! - No bytes at all is the smallest block, with a recorded size of zero.
//!
//! Everything the pool knows is in a [`MetadataReservation`] of its own: per page a descriptor with a bitmap of live
//! blocks, per block a record of tag and exact size, at indices computed from the address. Nothing is written in or
//! beside a block, so an overrun can hurt a neighbour's data but forge no metadata, and freeing a paged block does not
//! bring it in. Windows keeps a header of 16 bytes before each small block (POOL-018); what differs here for a caller is
//! that such a header can't be overwritten, and that no bug check can show its address.
//!
//! # One request
//! [`Pool::allocate`] takes the platform's hold on a shard and the central lock, interns the tag, and asks the kind's
//! arena: a small block from a page with a free one of its class, an idle tail, or a fresh page; a large one from a run
//! of free pages. It counts, lets go of lock and hold, and only then zeroes. [`Pool::free`] is given a [`Claim`], which
//! becomes a block only after its address and tag have been looked up; a claim that is not good is a
//! [`Violation`](ntpool_types::Violation) and has changed nothing.
//!
//! # Invariants
//! - No byte belongs to two live blocks, and no byte of metadata to any.
//! - A page is in use exactly while it holds a live block; pages in use and committed never exceed the region's limit.
//! - An operation that fails has changed nothing but that pages may be committed and a tag known.
//! - The engine never reads a block; it writes one only to zero it, before the caller sees it.
//!
//! Each file states its own; [`Pool::check`] runs them all.
//!
//! # What is known of freed blocks
//! A freed block's record lives until its place is handed out again or cut anew. Until then a second free is told from
//! the free of an address that never was a block; afterwards it is not, and may end the block that is there by then,
//! if the tag fits or none is given. Tags past the table's 4096th are counted under
//! [`Tag::OVERFLOW`](ntpool_types::Tag::OVERFLOW), and their blocks are not checked for the wrong tag.
//!
//! # Locks and IRQL
//! Hold, then central lock; never the reverse, and neither is held while a caller's code runs or a block is zeroed. The
//! page source's `commit` is called with both. A kernel's hold raises to DISPATCH_LEVEL, so every routine may be
//! called at or below it; allocating paged pool only at or below APC_LEVEL, since zeroing it may fault.
//!
//! # Deliberately absent
//! - IRQL rules, quota, special pool, stacks of owners: floors above, or a later extension of the records.
//! - Magazines and depots: today's shard has only counters, and every operation takes the central lock. The hold is
//!   the seam where they go.
//! - Giving committed pages back to their source, and nodes (POOL-024, POOL-025).
//! - A bound on the search for free pages other than the region's size: it goes a word of 64 pages at a time, and a
//!   large block costs a descriptor for each of its pages.
//! - Stopping: crimes are values, what to do about them is decided above.
//!
//! # Source
//! The WDK reference for the pool allocation and free routines and "Allocating System-Space Memory" (POOL-001 to
//! POOL-031, POOL-144 to POOL-164, POOL-202 to POOL-217); "Bug Check 0xC2: BAD_POOL_CALLER" (VRF-073 to VRF-088);
//! Bonwick, "The Slab Allocator", USENIX 1994.
#![no_std]

#[cfg(test)]
extern crate std;

mod arena;
mod bitmap;
mod block;
mod central;
mod check;
mod claim;
mod class;
mod config;
mod construct;
mod descriptor;
mod error;
mod geometry;
mod large;
mod live;
mod metadata;
mod page_map;
mod platform;
mod pool;
mod shard;
mod slab;
mod tag_table;
mod zero;

pub use block::{Block, Claim, Contents, Freed, Place, Request, TagCount, Usage};
pub use check::{Inconsistency, Invariant};
pub use config::{Config, MetadataReservation, Region, TailModel};
pub use error::NoMemory;
pub use platform::{PageSource, Platform, ShardHold};
pub use pool::Pool;
