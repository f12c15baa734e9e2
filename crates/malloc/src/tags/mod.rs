//! Tags: by which blocks are counted.
//!
//! Every block has one. Ordinarily it is [`UNTAGGED`] for all; with `NTPOOL_TAGS=caller` in the environment it is made
//! of the name of the module that called, and a table of the tags is printed at exit and at a signal.
//!
//! # Printing at a signal
//! The counts are read under the pool's own rules, and the handler's thread may have been interrupted within the pool.
//! Then the handler only sets a mark, and the interrupted call prints the table on its way out: nothing ever waits for
//! the thread that it interrupted.

mod callers;
mod name;
mod settings;
mod table;

use crate::lines::Lines;
use crate::os::{process, signal};
use crate::{engine, tls};
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use ntpool_types::Tag;
use settings::{Setting, TABLE_SIGNAL, TAGS};

pub(crate) use callers::{forget_other_threads, tag_of_caller};
pub(crate) use table::TagLine;

/// The tag of every block when they are not tagged by caller.
pub(crate) const UNTAGGED: Tag = Tag::from_text(*b"Heap");

const UNDECIDED: u8 = 0;
const OFF: u8 = 1;
const BY_CALLER: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNDECIDED);

/// A table was asked for while the asker's thread was within the pool.
static OWED: AtomicBool = AtomicBool::new(false);

/// Whether it is decided that blocks are not tagged by caller.
pub(crate) fn are_off() -> bool {
    STATE.load(Ordering::Relaxed) == OFF
}

/// The tag of a block that the code at `caller` asks for.
pub(crate) fn tag_for(caller: usize) -> Tag {
    if STATE.load(Ordering::Relaxed) == BY_CALLER { tag_of_caller(caller) } else { UNTAGGED }
}

/// Decides by the environment, once that is known; whether this call did.
pub(crate) fn decide() -> bool {
    STATE.load(Ordering::Relaxed) == UNDECIDED && process::has_environment() && decide_now()
}

/// Decides even though there is no environment, which some programs take away.
#[cfg(not(test))]
pub(crate) fn decide_without_environment() {
    if STATE.load(Ordering::Relaxed) == UNDECIDED {
        decide_now();
    }
}

fn decide_now() -> bool {
    let tags = settings::tags(process::variable(TAGS).as_ref().map(process::Value::as_bytes));
    let wished = process::variable(TABLE_SIGNAL);
    let state = if tags == Setting::Known(true) { BY_CALLER } else { OFF };
    if STATE.compare_exchange(UNDECIDED, state, Ordering::Relaxed, Ordering::Relaxed).is_err() {
        return false;
    }
    match tags {
        Setting::Known(false) => {}
        Setting::Known(true) => match settings::signal(wished.as_ref().map(process::Value::as_bytes)) {
            Setting::Known(None) => {}
            Setting::Known(Some(number)) if signal::run_at(number, print_at_signal) => {}
            Setting::Known(_) | Setting::Unknown => warn(
                "NTPOOL_TAGS_SIGNAL is no signal that can be handled: use a number, a name such as USR1, or none",
            ),
        },
        Setting::Unknown => warn("NTPOOL_TAGS has a value that is not known: use caller"),
    }
    true
}

fn warn(what: &str) {
    // Nothing to be done when standard error does not take it.
    let _ = writeln!(Lines::new(), "ntpool: {what}");
}

/// Prints the table if one was asked for while this thread was within the pool. It no longer is.
pub(crate) fn print_what_is_owed() {
    if OWED.load(Ordering::Relaxed) && OWED.swap(false, Ordering::Relaxed) {
        print();
    }
}

/// Prints the table if blocks are tagged by caller.
#[cfg(not(test))]
pub(crate) fn print_at_exit() {
    if STATE.load(Ordering::Relaxed) == BY_CALLER {
        print();
    }
}

fn print_at_signal() {
    if tls::is_inside() {
        OWED.store(true, Ordering::Relaxed);
    } else {
        print();
    }
}

fn print() {
    let Some(engine) = engine::running() else { return };
    table::write(&mut Lines::new(), process::id(), |f| engine.for_each_tag(f));
}
