//! Windows kernel drivers in C for tests: one that behaves, one sample, and one per crime with an innocent twin.
//!
//! Each folder beside `src/` that holds an `expected.toml` is a driver. [`all`] reads them, [`build`] compiles one
//! at test time with mingw or with clang, and [`third_party`] fetches drivers that others wrote. No binary is kept
//! here.
//!
//! The drivers stay what a kit would build: our own code goes through the same headers, and what those lack is in
//! `include/kernel.h`. `imports/ntoskrnl.def` names every kernel routine they may import.
#![forbid(unsafe_code)]

mod discardable;
mod driver;
mod expected;
mod mark;
pub mod third_party;
mod toolchain;

pub use driver::{Driver, Source, all, folder};
pub use expected::{Entry, Expected, ExpectedFinding, ExpectedStack, ReadError};
pub use mark::Place;
pub use toolchain::{BuildError, Toolchain, build};
