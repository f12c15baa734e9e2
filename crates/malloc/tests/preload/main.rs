//! The library under other people's programs, brought in by `LD_PRELOAD`.
//!
//! Every program runs in a child of its own with a time limit. What they need from Debian: gcc, g++, git, python3,
//! sqlite3 and valgrind.

#[path = "../common/built.rs"]
mod built;
mod checked;
mod interface;
mod programs;
mod tags;
mod valgrind;
mod world;
