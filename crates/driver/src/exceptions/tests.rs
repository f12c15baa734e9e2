//! Searches and unwinds over functions and stacks made by hand. Driver code is a script for each address that the engine
//! calls or goes on at; a script that stands for a function with a frame builds that frame first.

#[path = "../../../image/tests/support/mod.rs"]
mod support;

mod collisions;
mod inspection;
mod searches;
mod unwinds;
mod world;
