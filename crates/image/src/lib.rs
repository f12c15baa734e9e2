//! PE32+ images of x64 kernel drivers: what a loader, an unwinder and a report need to know of them.
//!
//! [`Image::parse`] takes a file's bytes and refuses, with one line that says why, whatever is no loadable x64 driver.
//! What it accepts can be loaded at any base, unwound and symbolized without a further error from the file's structure.
//!
//! # Invariants
//! - No input panics or loops without end, and parsing allocates no more than a small multiple of the file's length,
//!   whatever sizes and counts its header claims. Debug information is read by others' crates (addr2line, gimli, pdb2);
//!   what of theirs was found to grow or to panic is bounded or caught where it is called.
//! - An [`Image`] holds only checked facts: sections are in order and inside the image, relocations and import slots lie
//!   in sections, the function table is sorted and each entry's unwind codes decode.
//!
//! # Source
//! Microsoft, "PE Format" and "x64 exception handling" (the public reference pages).
#![forbid(unsafe_code)]

mod error;
mod header;
mod image;
mod import;
mod load_config;
mod mapping;
mod reader;
mod relocation;
mod section;
mod symbols;
mod unwind;

pub use error::{FunctionFault, ImageError, NameFault, TargetFault};
pub use image::Image;
pub use import::{Import, ImportSymbol};
pub use section::{Protection, Section};
pub use symbols::{SourceFrame, SymbolSource, Symbols};
pub use unwind::{
    Context, FrameRegister, Function, Handler, MAXIMUM_CHAIN, Operation, Place, Register, RuntimeFunction,
    SavedRegisters, StackMemory, Step, UnwindCode, UnwindError, UnwindInfo, UnwindInfoFault, UnwindTable,
};
