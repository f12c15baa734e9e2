//! The heap's faces, one file each.
mod alignment;
mod collections;
mod frees;
mod history;
mod memory;
mod tags;
mod threads;
mod world;
