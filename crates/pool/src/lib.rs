//! The kernel memory pool: tagged blocks of any size, of three kinds, from regions of virtual addresses.
//!
//! # Layout
//! Each kind of pool is one [`Region`] of addresses, divided among the machine's nodes; a [`PageSource`] makes its pages
//! usable and may take them back. A page in use is *cut* into blocks of one size class, or belongs to a *large block*,
//! a run of pages of its own:
//!
//! ```text
//! region   | cut into 48 s :rest | large block, 9000 bytes       :tail| cut into 4096 | free | ... |
//! page     0                     1                2                   4               5
//! ```
//!
//! - Up to a page, a request takes a block of the smallest class that holds it: aligned to 16 bytes, within one page.
//!   What a page's blocks leave of it is one block more, of a class that it just fits.
//! - A page and more begin at a page. What a large block leaves of its last page serves small blocks
//!   ([`TailModel::Reuse`]); it is never the large block's own.
//! - No bytes at all is the smallest block.
//!
//! Everything the pool knows is in a [`MetadataReservation`] of its own: per page one word that says how it is cut and 32
//! bytes for slow paths, per block a *slot* of 16 bits with its tag's index and whether it is live, at places computed
//! from the address. Nothing is written in or beside a block, so an overrun can hurt a neighbour's data but forge no
//! metadata, and freeing a paged block does not bring it in. Windows keeps a header of 16 bytes before each small block
//! (POOL-018); what differs here for a caller is that such a header can't be overwritten, and that no bug check can show
//! its address.
//!
//! # One request
//! [`Pool::allocate_ready`] takes the platform's hold on a shard, pops a block from the shard's *magazine* of its class,
//! marks its slot live with the tag, counts, lets go, and only then zeroes. No lock, no look at the page. When the magazine
//! is empty, the *depot* or the pages' bitmaps fill it under the central lock. A free looks up the page's word, divides
//! the offset to find the slot, sees that the block is live and begins there, takes the mark away and pushes the block on
//! the magazine of the shard that frees; a full magazine hands half of its blocks back. A claim that is not good is a
//! [`Violation`](ntpool_types::Violation) and has changed nothing.
//!
//! # Invariants
//! - Every block is live, or in one magazine, the depot or a quarantine, or in its page's bitmap: in exactly one of them.
//! - No byte belongs to two live blocks, and no byte of metadata to any.
//! - Pages in use never exceed the kind's limit.
//! - An operation that fails has changed nothing but that pages may be committed and a tag known.
//! - The engine reads or writes a block only to zero it before the caller sees it, unless it [checks](Checks).
//!
//! Each file states its own; [`Pool::check`] runs them all.
//!
//! # What is known of freed blocks
//! A freed block's slot lives until its place is handed out again or its page is cut anew. Until then a second free is told
//! from the free of an address that never was a block; afterwards it is not, and may end the block that is there by then,
//! if the tag fits or none is given. A quarantine puts that off. Two frees of one block that race on two processors are
//! told apart only where [`Checks::racing_frees`] is on. Tags past the table's end are counted under
//! [`Tag::OVERFLOW`](ntpool_types::Tag::OVERFLOW), and their blocks are not checked for the wrong tag.
//!
//! # Locks and IRQL
//! Hold, then central lock; never the reverse, and neither is held while a caller's code runs or a block is zeroed, but for
//! one in 256 of those that [`Pool::allocate_ready`] zeroes. The page source's `commit` is called with both. A kernel's
//! hold raises to DISPATCH_LEVEL, so every routine may be called at or below it; allocating paged pool only at or below
//! APC_LEVEL, since zeroing it may fault. Every allocation and free takes a bounded number of steps, whatever the size of
//! the block and the pool (the tests count them, in a heap's pool).
//!
//! # Deliberately absent
//! - IRQL rules, quota, special pool, stacks of owners: floors above.
//! - Stopping: crimes are values, what to do about them is decided above.
//!
//! # Source
//! The WDK reference for the pool allocation and free routines and "Allocating System-Space Memory" (POOL-001 to
//! POOL-031, POOL-144 to POOL-164, POOL-202 to POOL-217); "Bug Check 0xC2: BAD_POOL_CALLER" (VRF-073 to VRF-088);
//! Bonwick, "The Slab Allocator", USENIX 1994; Bonwick and Adams, "Magazines and Vmem", USENIX 2001; Masmano, Ripoll,
//! Crespo and Real, "TLSF", ECRTS 2004.
#![no_std]

#[cfg(any(test, loom))]
extern crate std;

mod arena;
mod block;
#[cfg(all(test, not(loom)))]
mod bounded;
mod central;
mod check;
mod claim;
mod class;
mod config;
mod construct;
mod contents;
mod corruption;
mod cut;
mod depot;
mod descriptor;
mod error;
#[cfg(all(test, not(loom)))]
mod forks;
mod geometry;
mod hold;
#[cfg(all(test, loom))]
mod interleavings;
mod large;
mod layout;
mod live;
pub mod lookaside;
mod metadata;
mod node;
mod pages;
mod platform;
mod pool;
mod priority;
mod runs;
mod shard;
mod slab;
mod slot;
mod slots;
mod snapshot;
#[cfg(all(test, not(loom)))]
mod steps;
mod sync;
mod tag_table;

pub use block::{Block, Claim, Contents, Freed, Place, Placement, Request, TagCount, Usage};
pub use check::{Inconsistency, Invariant};
pub use config::{Config, MetadataReservation, Region, TailModel};
pub use corruption::{Corruption, Damage};
pub use error::NoMemory;
pub use geometry::Granule;
pub use hold::ShardHold;
pub use node::{NodeChoice, NodeNumber, Nodes};
pub use platform::{Checks, FreshPages, PageRun, PageSource, Platform};
pub use pool::{InternedTag, Pool, Quiesced};
pub use priority::{Edge, Priority, Urgency};
pub use shard::{ShardHandle, ShardSet};
