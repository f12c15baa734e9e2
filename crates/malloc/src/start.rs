//! Start: what happens at the first call, and what when the library has been loaded.
//!
//! The first call may come before any constructor has run, when the C library does not know the environment yet. Then
//! nothing is decided about tags, and every call takes the cold way until it is.

use crate::engine::{self, Engine};
use crate::os::hooks;
use crate::{gate, tags, thread, tls};

/// The engine, started now if need be; `None` when the system has no memory for it.
pub(crate) fn engine() -> Option<&'static Engine> {
    let (engine, is_new) = engine::started()?;
    if is_new {
        // After the engine: from here on these may allocate. No other thread is there yet that could miss them.
        hooks::tell_end_of_threads(thread::ends);
        hooks::tell_forks(gate::close, gate::open_in_parent, gate::open_in_child);
    }
    if tags::decide() {
        tls::own().into_iter().for_each(thread::publish);
    }
    Some(engine)
}

/// Called by the dynamic linker when the library has been loaded.
#[cfg(not(test))]
extern "C" fn loaded() {
    let _ = crate::os::errno::kept(engine);
    tags::decide_without_environment();
    tls::own().into_iter().for_each(thread::publish);
}

/// Called by the C library when the process exits.
#[cfg(not(test))]
extern "C" fn exits() {
    tags::print_at_exit();
}

/// Where the dynamic linker looks for constructors.
#[cfg(not(test))]
#[used]
#[expect(unsafe_code, reason = "the section's entries are called")]
// SAFETY: the entry is a function that takes nothing, which the linker's arguments don't harm.
#[unsafe(link_section = ".init_array")]
static LOADED: extern "C" fn() = loaded;

/// Where the C library looks for destructors.
#[cfg(not(test))]
#[used]
#[expect(unsafe_code, reason = "the section's entries are called")]
// SAFETY: as for the constructor.
#[unsafe(link_section = ".fini_array")]
static EXITS: extern "C" fn() = exits;
