//! Rows of the specification, held against what drivers see.
//!
//! The drivers of `drivers/rows/` print what they see, one fact a line, as `subject: facts`. Each is built once. The
//! name it is run under says which of its cases it plays; a test compares lines, findings and tags with what a row says.
#![forbid(unsafe_code)]

mod callbacks;
mod callouts;
mod cancel_queue;
mod charges;
mod dpcs;
mod events;
mod exceptions;
mod freed;
mod frees;
mod fsrtl;
mod interrupts;
mod io;
mod irql;
mod lifecycle;
mod locks;
mod lookaside;
mod low_spin;
mod mdl;
mod observer;
mod overrun;
mod patience;
mod pool_flags;
mod pool_types;
mod print;
mod priority;
mod processors;
mod quota;
mod registry;
mod resources;
mod rundown;
mod secure;
mod stops;
mod strings;
mod threads;
mod time;
mod timers;
mod unloaded;
mod waits;
mod work_items;
mod wrappers;
