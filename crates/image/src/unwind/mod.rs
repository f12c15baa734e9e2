//! Unwinding: the function table of an image, what it says of each function, and the step up the stack it allows.
//!
//! # Source
//! Microsoft, "x64 exception handling". Version 2 of the unwind information, which describes epilogues, is not in that
//! page; its layout is public through LLVM's definitions (`UOP_Epilog`) and was compared with what compilers emit.

mod code;
mod context;
mod epilogue;
mod info;
mod step;
mod table;

pub use code::{Operation, Register, UnwindCode};
pub use context::{Context, SavedRegisters, StackMemory};
pub use info::{FrameRegister, Handler, RuntimeFunction, UnwindInfo, UnwindInfoFault};
pub use step::{Place, Step, UnwindError};
pub(crate) use table::check;
pub use table::{Function, MAXIMUM_CHAIN, UnwindTable};
