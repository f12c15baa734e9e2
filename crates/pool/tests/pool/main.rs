//! The pool as its users see it: geometry, contents, frees good and bad, tags, and long histories.

mod alignment;
mod checks;
mod contents;
mod errors;
mod fast;
mod frees;
mod geometry;
mod hardened;
mod histories;
mod history;
mod idle;
mod layout;
mod limits;
mod lost;
mod nodes;
mod refusal;
mod resize;
mod shared;
mod slots;
mod tags;
mod threads;
mod world;
