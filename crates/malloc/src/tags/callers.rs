//! Who calls: from a return address to the tag of its module.
//!
//! Asking the dynamic linker takes its lock and a walk; so each module that was found is remembered, in a table that is
//! read without a lock. An unknown address asks the linker again. A module that is unloaded stays in the table: if
//! another is loaded at the same addresses, its blocks bear the first one's tag.
//!
//! # Invariants
//! - The first `KNOWN` entries are complete and never change.
//! - `SEARCHING` counts the threads that are within the dynamic linker on our behalf, which may hold its lock.
//!
//! # Locking
//! The dynamic linker's lock is taken without any of ours: a thread that has it may allocate. `ADDING` is only tried;
//! who does not get it does without remembering.

use super::name;
use crate::lock::Lock;
use crate::os::{modules, process};
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use ntpool_types::Tag;

/// How many modules are remembered; a program with more looks the others up each time.
const ROOM: usize = 1024;

/// A module: its addresses and its tag.
struct Module {
    start: AtomicUsize,
    end: AtomicUsize,
    tag: AtomicU32,
}

static MODULES: [Module; ROOM] =
    [const { Module { start: AtomicUsize::new(0), end: AtomicUsize::new(0), tag: AtomicU32::new(0) } }; ROOM];
static KNOWN: AtomicUsize = AtomicUsize::new(0);
static ADDING: Lock = Lock::new();
static SEARCHING: AtomicUsize = AtomicUsize::new(0);

/// The dynamic linker's lock may have been copied, taken, into this forked child, by a thread that it does not have.
static LINKER_IS_STUCK: AtomicBool = AtomicBool::new(false);

/// The tag of the module that holds the code at `address`.
pub(crate) fn tag_of_caller(address: usize) -> Tag {
    remembered(address).unwrap_or_else(|| look_up(address))
}

/// In a forked child: the threads that it does not have will neither add nor find what they were looking for.
pub(crate) fn forget_other_threads() {
    ADDING.release();
    if SEARCHING.swap(0, Ordering::Relaxed) > 0 {
        LINKER_IS_STUCK.store(true, Ordering::Relaxed);
    }
}

fn remembered(address: usize) -> Option<Tag> {
    let known = KNOWN.load(Ordering::Acquire);
    MODULES[..known]
        .iter()
        .find(|module| {
            address >= module.start.load(Ordering::Relaxed) && address < module.end.load(Ordering::Relaxed)
        })
        .map(|module| Tag(module.tag.load(Ordering::Relaxed)))
}

#[cold]
fn look_up(address: usize) -> Tag {
    if LINKER_IS_STUCK.load(Ordering::Relaxed) {
        return name::NOWHERE;
    }
    let mut tag = name::NOWHERE;
    SEARCHING.fetch_add(1, Ordering::SeqCst);
    let module = modules::find(address, &mut |path| {
        tag = if path.is_empty() {
            let mut program = [0; 1024];
            name::of_module(process::program_path(&mut program))
        } else {
            name::of_module(path)
        };
    });
    SEARCHING.fetch_sub(1, Ordering::SeqCst);
    if let Some(module) = module {
        remember(module, tag);
    }
    tag
}

fn remember(module: Range<usize>, tag: Tag) {
    if !ADDING.try_take() {
        return;
    }
    let known = KNOWN.load(Ordering::Relaxed);
    // Another thread may have found the same module meanwhile.
    if known < ROOM && remembered(module.start).is_none() {
        let entry = &MODULES[known];
        entry.start.store(module.start, Ordering::Relaxed);
        entry.end.store(module.end, Ordering::Relaxed);
        entry.tag.store(tag.0, Ordering::Relaxed);
        KNOWN.store(known + 1, Ordering::Release);
    }
    ADDING.release();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_bear_the_tags_of_their_modules() {
        let program = std::env::current_exe().expect("a test has a path");
        let program = name::of_module(program.as_os_str().as_encoded_bytes());
        let library = libc::getpid as *const () as usize;
        for _ in 0..2 {
            assert_eq!(tag_of_caller(remember as *const () as usize), program);
            assert_eq!(tag_of_caller(library), Tag::from_text(*b"c.so"));
            assert_eq!(tag_of_caller(8), name::NOWHERE);
        }
        assert_eq!(remembered(library), Some(Tag::from_text(*b"c.so")));
    }
}
