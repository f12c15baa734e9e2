//! What a driver can import: one table, and one file per family of routines.
//!
//! The table says for every routine where it lives, at which IRQL it may be called, how faithful it is and whether it
//! can fail. Import binding, the check of the IRQL, the lookup by name at run time, `ntpool imports` and
//! `docs/exports.md` all read this one table.
//!
//! Routines have their NT names here, and nowhere else above the ABI.

mod dbg;
mod dpc;
mod ex;
mod fsrtl;
mod interrupt;
mod io;
mod ke;
mod lookaside;
mod mm;
mod processor;
mod ps;
mod registry;
mod rtl;
mod secure_pool;
mod slist;
mod stack;
mod strings;
mod table;
mod time;
mod timer;
mod work_item;

pub(crate) use table::place;
pub use table::{Export, Grade, find, markdown, table};
