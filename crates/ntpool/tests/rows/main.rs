//! Rows of the specification, held against what drivers see.
//!
//! The drivers of `drivers/rows/` print what they see, one fact a line, as `subject: facts`. Each is built once. The
//! name it is run under says which of its cases it plays; a test compares lines, findings and tags with what a row says.
#![forbid(unsafe_code)]

mod charges;
mod dpcs;
mod freed;
mod frees;
mod fsrtl;
mod interrupts;
mod io;
mod irql;
mod lifecycle;
mod lookaside;
mod mdl;
mod observer;
mod overrun;
mod pool_flags;
mod pool_types;
mod print;
mod priority;
mod processors;
mod quota;
mod registry;
mod secure;
mod strings;
mod time;
mod timers;
mod work_items;
mod wrappers;
