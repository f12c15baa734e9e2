//! What a driver can import: one table, and one file per family of routines.
//!
//! The table says for every routine where it lives, at which IRQL it may be called, how faithful it is and whether it
//! can fail. Import binding, the check of the IRQL, the lookup by name at run time, `ntpool imports` and
//! `docs/exports.md` all read this one table.
//!
//! Routines have their NT names here, and nowhere else above the ABI.

mod callback;
mod cancel_queue;
mod data;
mod dbg;
mod dpc;
mod event;
mod ex;
mod fast_mutex;
mod fsrtl;
mod interlocked;
mod interrupt;
mod io;
mod ke;
mod lookaside;
mod mm;
mod mutex;
mod object;
mod processor;
mod ps;
mod push_lock;
mod reader_writer;
mod region;
mod registry;
mod remove_lock;
mod resource;
mod rtl;
mod rundown;
mod secure_pool;
mod seh;
mod semaphore;
mod slist;
mod spin_lock;
mod stack;
mod strings;
mod table;
mod thread;
mod time;
mod timer;
mod wait;
mod work_item;

pub use data::{Variable, variable_place, variables};
pub(crate) use data::{fill_in_data, variable};
pub(crate) use table::place;
pub use table::{Export, Grade, find, markdown, table};
