//! The kernel memory pool as a Rust allocator, for a kernel or a program that brings its own memory.
//!
//! A [`Heap`] is a pool on a fixed range of memory, which it divides into metadata and blocks by itself. It is given
//! that range once: a static [`Arena`], or what a boot loader left over.
//!
//! ```
//! use ntpool_heap::{Arena, Heap, PoolBox, SpinHold, Tagged, tag};
//!
//! static ARENA: Arena<{ 4 << 20 }> = Arena::new();
//! static HEAP: Heap<SpinHold> = Heap::on(&ARENA);
//!
//! // A handle's tag is part of its type; every block that it hands out is counted under that tag.
//! type Config<'h> = Tagged<'h, { tag(b"Cnfg") }>;
//! let config: Config = HEAP.tagged();
//! let port = PoolBox::try_new(config, 8080)?;
//! assert_eq!(*port, 8080);
//! # Ok::<(), ntpool_heap::NoMemory>(())
//! ```
//!
//! # Three faces
//! - [`GlobalAlloc`](core::alloc::GlobalAlloc) for [`Heap`]: `#[global_allocator]`, and every collection of `alloc`.
//! - `Allocator` of the crate allocator-api2, versions 0.4 and 0.2, for [`Heap`], `&Heap` and [`Tagged`]: collections
//!   that say where their memory comes from, and fail with an error when there is none.
//! - [`Tagged`] and [`PoolBox`]: the tag is checked by the compiler when the block comes back.
//!
//! # Invariants
//! - Nothing panics or stops for lack of memory; every routine that can run out says so with [`NoMemory`].
//! - A block begins at a multiple of the alignment asked for, whatever power of two that is.
//! - A free that is no claim to a live block changes nothing: it is returned as a [`Violation`] where the face has
//!   room for it, and told to the [`HoldPolicy`] where it has not.
//!
//! # Locks and IRQL
//! One shard, which is held through the heap's [`HoldPolicy`]: a spin lock by default, interrupts off and a lock on a
//! kernel whose interrupt handlers allocate.
//!
//! # Source
//! `core::alloc` and the crate allocator-api2 for what the faces owe; the crate ntpool-pool for everything behind them.
#![no_std]

mod allocator;
mod arena;
mod boxed;
mod engine;
mod error;
mod global;
mod heap;
mod plan;
mod policy;
mod shares;
mod tagged;

pub use arena::Arena;
pub use boxed::PoolBox;
pub use engine::{Before, Block, Contents, Inconsistency, NoMemory, Place, TagCount, Usage};
pub use error::ArenaError;
pub use heap::Heap;
pub use ntpool_types::{Bytes, PageCount, PoolKind, Tag, Violation, VirtualAddress};
pub use policy::{HoldPolicy, SpinGuard, SpinHold};
pub use shares::Shares;
pub use tagged::{Tagged, tag};
