//! The pool as its users see it: geometry, contents, frees good and bad, tags, and long histories.

mod contents;
mod frees;
mod geometry;
mod history;
mod layout;
mod limits;
mod refusal;
mod tags;
mod threads;
mod world;
