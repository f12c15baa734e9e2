//! Epilogues by their instructions: what is left to be executed of one, if the instruction pointer is in one.
//!
//! An epilogue undoes the frame in a form that the calling convention fixes so that it can be recognized: at most one
//! `add rsp` or `lea rsp`, pops of general registers, and a return or a jump out of the function. From any place in one,
//! the rest of it decodes as a shorter epilogue.

use super::code::Register;
use super::info::FrameRegister;
use super::table::UnwindTable;

/// The most pops taken for an epilogue: there are no more registers.
const MOST_POPS: usize = 16;

/// What is left of an epilogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epilogue {
    pub(super) adjust: Adjust,
    pops: [Register; MOST_POPS],
    pop_count: usize,
    /// The bytes that the return takes off the stack beyond the return address.
    pub(super) return_bytes: u16,
}

impl Epilogue {
    /// The registers popped, in order.
    pub(super) fn pops(&self) -> &[Register] {
        &self.pops[..self.pop_count]
    }
}

/// How an epilogue frees the fixed part of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adjust {
    /// It is free already.
    None,
    /// `add rsp, bytes`.
    Add(i32),
    /// `lea rsp, [register + bytes]`.
    Lea(Register, i32),
}

/// How the code at an address came to be taken for an epilogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Its form only, so that a jump counts as the end only where it can be no jump within the function.
    Form,
    /// The unwind information says so.
    Described,
}

/// Decodes the rest of an epilogue from `rva` on, which lies in a function that ends at `end`.
pub(super) fn decode(
    table: &UnwindTable<'_>,
    rva: u32,
    end: u32,
    frame: Option<FrameRegister>,
    evidence: Evidence,
) -> Option<Epilogue> {
    let code = table.mapping.backed(u64::from(rva));
    let code = &code[..code.len().min(end.checked_sub(rva)? as usize)];
    let (adjust, mut rest) = decode_adjust(code, frame);
    let mut epilogue =
        Epilogue { adjust, pops: [Register::new(0); MOST_POPS], pop_count: 0, return_bytes: 0 };
    while let Some((register, after)) = decode_pop(rest) {
        if register == Register::RSP {
            return None;
        }
        *epilogue.pops.get_mut(epilogue.pop_count)? = register;
        epilogue.pop_count += 1;
        rest = after;
    }
    match *rest {
        [0xC3, ..] | [0xF3, 0xC3, ..] => {}
        [0xC2, low, high, ..] => epilogue.return_bytes = u16::from_le_bytes([low, high]),
        _ => {
            // The code lies in one section, so its length fits an address.
            let at = rva + (code.len() - rest.len()) as u32;
            is_jump_out(table, rest, at, evidence).then_some(())?;
        }
    }
    Some(epilogue)
}

fn decode_adjust(code: &[u8], frame: Option<FrameRegister>) -> (Adjust, &[u8]) {
    match code {
        [0x48, 0x83, 0xC4, byte, rest @ ..] => (Adjust::Add(i32::from(byte.cast_signed())), rest),
        [0x48, 0x81, 0xC4, a, b, c, d, rest @ ..] => {
            (Adjust::Add(i32::from_le_bytes([*a, *b, *c, *d])), rest)
        }
        [0x48 | 0x49, 0x8D, ..] => {
            frame.and_then(|frame| decode_lea(code, frame.register)).unwrap_or((Adjust::None, code))
        }
        _ => (Adjust::None, code),
    }
}

/// Decodes `lea rsp, [base + displacement]` where `base` is the frame register.
fn decode_lea(code: &[u8], base: Register) -> Option<(Adjust, &[u8])> {
    let (&[prefix, _, form], mut rest) = code.split_first_chunk()?;
    let (size, destination, low) = (form >> 6, form >> 3 & 7, form & 7);
    let register = Register::new(low | (prefix & 1) << 3);
    if usize::from(destination) != Register::RSP.index() || register != base {
        return None;
    }
    // r12, like rsp, is addressed through a second byte, which says that there is no index register.
    if low == 4 {
        rest = rest.strip_prefix(&[0x24])?;
    }
    match size {
        1 => {
            let (&byte, rest) = rest.split_first()?;
            Some((Adjust::Lea(register, i32::from(byte.cast_signed())), rest))
        }
        2 => {
            let (&bytes, rest) = rest.split_first_chunk()?;
            Some((Adjust::Lea(register, i32::from_le_bytes(bytes)), rest))
        }
        // Without a displacement, rbp and r13 would mean something else.
        0 if low != 5 => Some((Adjust::Lea(register, 0), rest)),
        _ => None,
    }
}

fn decode_pop(code: &[u8]) -> Option<(Register, &[u8])> {
    match *code {
        [byte @ 0x58..=0x5F, ref rest @ ..] => Some((Register::new(byte - 0x58), rest)),
        [0x41, byte @ 0x58..=0x5F, ref rest @ ..] => Some((Register::new(byte - 0x58 + 8), rest)),
        _ => None,
    }
}

/// Whether the code is a jump that leaves the function: a call in the place of a return.
///
/// `at` is where the jump lies.
fn is_jump_out(table: &UnwindTable<'_>, code: &[u8], at: u32, evidence: Evidence) -> bool {
    match *code {
        [0xEB, byte, ..] => leaves(table, i64::from(at) + 2 + i64::from(byte.cast_signed()), evidence),
        [0xE9, a, b, c, d, ..] => {
            leaves(table, i64::from(at) + 5 + i64::from(i32::from_le_bytes([a, b, c, d])), evidence)
        }
        // Through memory without an index: an import. With an index it leads into a switch.
        [0xFF, form, ..] if form & 0xF8 == 0x20 && form & 7 != 4 => true,
        // With the prefix that compilers put before an indirect jump to say that it ends an epilogue; without it, a jump
        // through a register leads into a switch.
        [0x48..=0x4F, 0xFF, form, ..] if form >> 3 & 7 == 4 => true,
        [0xFF, form, ..] => evidence == Evidence::Described && form >> 3 & 7 == 4,
        [0x41, 0xFF, form, ..] => evidence == Evidence::Described && form >> 3 & 7 == 4,
        _ => false,
    }
}

/// Whether a direct jump to `target` leaves the function it is in: it must lead to the start of a function, or
/// to one without unwind information. Compilers move cold parts of a function away, and a jump between the parts has the
/// same form with the frame still in place.
fn leaves(table: &UnwindTable<'_>, target: i64, evidence: Evidence) -> bool {
    if evidence == Evidence::Described {
        return true;
    }
    let Ok(target) = u32::try_from(target) else { return false };
    match table.function_start(target) {
        Some(start) => start == target,
        None => table.mapping.section_at(u64::from(target)).is_some(),
    }
}
