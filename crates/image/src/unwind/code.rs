//! Unwind codes: what a prologue's instructions did, in the reverse of their order.

use super::info::UnwindInfoFault;
use std::fmt;

/// A general register by its x64 number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Register(u8);

impl Register {
    /// The stack pointer.
    pub const RSP: Register = Register(4);

    /// The register with this number; only the low four bits count.
    #[must_use]
    pub const fn new(number: u8) -> Register {
        Register(number & 0xF)
    }

    /// The number as an index, 0 to 15.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 16] = [
            "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
            "r14", "r15",
        ];
        f.write_str(NAMES[self.index()])
    }
}

/// One unwind code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnwindCode {
    /// Where the instruction that did it ends, in bytes from the function's start. Of no meaning for epilogue codes.
    pub prologue_offset: u8,
    /// What it did.
    pub operation: Operation,
}

/// What an instruction of a prologue did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Pushed a general register (UWOP_PUSH_NONVOL).
    Push(Register),
    /// Took bytes off the stack (UWOP_ALLOC_SMALL, UWOP_ALLOC_LARGE).
    Allocate {
        /// How many.
        bytes: u32,
    },
    /// Made the frame register point into the frame (UWOP_SET_FPREG).
    SetFrameRegister,
    /// Stored a general register (UWOP_SAVE_NONVOL, UWOP_SAVE_NONVOL_FAR).
    Save {
        /// Which.
        register: Register,
        /// Where, in bytes from the frame's base.
        offset: u32,
    },
    /// Stored a vector register (UWOP_SAVE_XMM128, UWOP_SAVE_XMM128_FAR).
    SaveXmm {
        /// Its number, 0 to 15.
        register: u8,
        /// Where, in bytes from the frame's base.
        offset: u32,
    },
    /// Where epilogues are (UWOP_EPILOG, version 2 only): two descriptors, see [`UnwindInfo::epilogues`](crate::UnwindInfo::epilogues).
    Epilogue([u16; 2]),
    /// The processor pushed a frame for an interrupt or exception (UWOP_PUSH_MACHFRAME).
    MachineFrame {
        /// Whether an error code was pushed as well.
        error_code: bool,
    },
}

/// The operation number of an epilogue code.
pub(super) const EPILOGUE: u8 = 6;

/// Decodes the first code: the code and the slots it takes.
pub(super) fn decode(version: u8, slots: &[[u8; 2]]) -> Result<(UnwindCode, usize), UnwindInfoFault> {
    let slot = |index: usize| slots.get(index).map(|slot| u16::from_le_bytes(*slot));
    let cut = UnwindInfoFault::CodesCut;
    let short = |index| slot(index).map(u32::from).ok_or(cut);
    let long = || Ok(short(1)? | short(2)? << 16);
    let &[prologue_offset, kind] = slots.first().ok_or(cut)?;
    let (number, detail) = (kind & 0xF, kind >> 4);
    let register = Register::new(detail);
    let (operation, taken) = match (number, detail) {
        (0, _) => (Operation::Push(register), 1),
        (1, 0) => (Operation::Allocate { bytes: short(1)? * 8 }, 2),
        (1, 1) => (Operation::Allocate { bytes: long()? }, 3),
        (2, _) => (Operation::Allocate { bytes: u32::from(detail) * 8 + 8 }, 1),
        (3, _) => (Operation::SetFrameRegister, 1),
        (4, _) => (Operation::Save { register, offset: short(1)? * 8 }, 2),
        (5, _) => (Operation::Save { register, offset: long()? }, 3),
        (EPILOGUE, _) if version == 2 => (Operation::Epilogue([slot(0).ok_or(cut)?, slot(1).ok_or(cut)?]), 2),
        (8, _) => (Operation::SaveXmm { register: detail, offset: short(1)? * 16 }, 2),
        (9, _) => (Operation::SaveXmm { register: detail, offset: long()? }, 3),
        (10, 0 | 1) => (Operation::MachineFrame { error_code: detail == 1 }, 1),
        _ => return Err(UnwindInfoFault::Code { number, detail }),
    };
    Ok((UnwindCode { prologue_offset, operation }, taken))
}
