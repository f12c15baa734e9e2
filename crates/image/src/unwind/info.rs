//! Unwind information: how one function, or a part of one, sets up its frame, and who handles its exceptions.

use super::code::{self, EPILOGUE, Operation, Register, UnwindCode};
use crate::mapping::Mapping;
use crate::reader::u32_at;
use std::fmt;
use std::ops::Range;

const ON_EXCEPTION: u8 = 1;
const ON_UNWIND: u8 = 2;
const CHAINED: u8 = 4;

/// The bytes before the codes.
const HEAD: usize = 4;

/// The bytes of an entry of the function table.
pub(super) const ENTRY: usize = 12;

/// An entry of the function table: three addresses relative to the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeFunction {
    /// Where the function, or the part of it, begins.
    pub begin: u32,
    /// The first address past it.
    pub end: u32,
    /// Where its unwind information lies.
    pub info: u32,
}

impl RuntimeFunction {
    /// The entry in these bytes, of which there must be 12.
    pub(super) fn read(bytes: &[u8]) -> Option<RuntimeFunction> {
        Some(RuntimeFunction { begin: u32_at(bytes, 0)?, end: u32_at(bytes, 4)?, info: u32_at(bytes, 8)? })
    }

    /// Whether the address lies in it.
    pub(super) fn contains(&self, rva: u32) -> bool {
        (self.begin..self.end).contains(&rva)
    }
}

/// The register that a function addresses its frame by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRegister {
    /// Which.
    pub register: Register,
    /// How far above the frame's base it points, in bytes: a multiple of 16 up to 240.
    pub offset: u32,
}

/// The routine that a function's exceptions are handed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// Where the routine lies, relative to the image; it is in an executable section.
    pub routine: u32,
    /// Where the data that the compiler left for it begins, relative to the image. What is there is the routine's affair.
    pub data: u32,
    /// Whether it is called when an exception looks for a handler.
    pub on_exception: bool,
    /// Whether it is called when the frame is unwound.
    pub on_unwind: bool,
}

/// What is wrong with unwind information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnwindInfoFault {
    /// It does not begin at a multiple of four.
    Misaligned,
    /// It is not in the data that the file holds.
    Outside,
    /// Its version is neither 1 nor 2.
    Version(u8),
    /// Its flags contradict each other, or one is unknown.
    Flags(u8),
    /// A code that is none.
    Code {
        /// The operation's number.
        number: u8,
        /// The number's companion.
        detail: u8,
    },
    /// The last code needs more slots than there are.
    CodesCut,
    /// A code sets a frame register and the information names none.
    NoFrameRegister,
    /// The handler is in no executable section.
    Handler(u32),
    /// The chain of entries it belongs to is longer than [`MAXIMUM_CHAIN`](crate::MAXIMUM_CHAIN).
    ChainTooLong,
}

impl fmt::Display for UnwindInfoFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnwindInfoFault::Misaligned => f.write_str("it is not aligned to 4 bytes"),
            UnwindInfoFault::Outside => f.write_str("it is not in the data the file holds"),
            UnwindInfoFault::Version(version) => write!(f, "its version is {version}, not 1 or 2"),
            UnwindInfoFault::Flags(flags) => write!(f, "its flags {flags:#x} are contradictory or unknown"),
            UnwindInfoFault::Code { number, detail } => {
                write!(f, "it has an unknown code {number} ({detail})")
            }
            UnwindInfoFault::CodesCut => f.write_str("its last code is cut off"),
            UnwindInfoFault::NoFrameRegister => f.write_str("it sets a frame register and names none"),
            UnwindInfoFault::Handler(rva) => write!(f, "its handler {rva:#x} is in no executable section"),
            UnwindInfoFault::ChainTooLong => f.write_str("its chain does not end"),
        }
    }
}

/// Unwind information, decoded and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnwindInfo<'image> {
    /// 1, or 2 where epilogues are described.
    pub version: u8,
    /// The bytes of the prologue.
    pub prologue_size: u8,
    /// The register that the function addresses its frame by, if it sets one up.
    pub frame: Option<FrameRegister>,
    /// The routine that its exceptions are handed to. Never there together with `chained`.
    pub handler: Option<Handler>,
    /// The entry that this one continues: its codes are undone after these.
    pub chained: Option<RuntimeFunction>,
    slots: &'image [[u8; 2]],
}

impl<'image> UnwindInfo<'image> {
    /// Decodes the information at `rva` and checks all of it except the chained entry.
    pub(super) fn read(mapping: &'image Mapping, rva: u32) -> Result<UnwindInfo<'image>, UnwindInfoFault> {
        let info = UnwindInfo::decode(mapping, rva)?;
        info.check_codes()?;
        if let Some(Handler { routine, .. }) = info.handler
            && !mapping.section_at(u64::from(routine)).is_some_and(|section| section.protection.execute)
        {
            return Err(UnwindInfoFault::Handler(routine));
        }
        Ok(info)
    }

    /// Decodes the information at `rva`, whose codes and handler were checked with the table that leads to it: stacks are
    /// walked at every allocation, too often to check them again.
    pub(super) fn decode(mapping: &'image Mapping, rva: u32) -> Result<UnwindInfo<'image>, UnwindInfoFault> {
        if !rva.is_multiple_of(4) {
            return Err(UnwindInfoFault::Misaligned);
        }
        let bytes = mapping.backed(u64::from(rva));
        let &[kind, prologue_size, count, frame] = bytes.first_chunk().ok_or(UnwindInfoFault::Outside)?;
        let (version, flags) = (kind & 7, kind >> 3);
        if version != 1 && version != 2 {
            return Err(UnwindInfoFault::Version(version));
        }
        let slots = bytes.get(HEAD..HEAD + usize::from(count) * 2).ok_or(UnwindInfoFault::Outside)?;
        let (slots, _) = slots.as_chunks();
        let after_at = HEAD + usize::from(count).next_multiple_of(2) * 2;
        let after = bytes.get(after_at..).unwrap_or_default();
        let (mut handler, mut chained) = (None, None);
        match flags {
            0 => {}
            CHAINED => chained = Some(RuntimeFunction::read(after).ok_or(UnwindInfoFault::Outside)?),
            ON_EXCEPTION | ON_UNWIND | 3 => {
                let routine = u32_at(after, 0).ok_or(UnwindInfoFault::Outside)?;
                handler = Some(Handler {
                    routine,
                    data: rva + after_at as u32 + 4,
                    on_exception: flags & ON_EXCEPTION != 0,
                    on_unwind: flags & ON_UNWIND != 0,
                });
            }
            _ => return Err(UnwindInfoFault::Flags(flags)),
        }
        let frame = (frame & 0xF != 0)
            .then(|| FrameRegister { register: Register::new(frame), offset: u32::from(frame >> 4) * 16 });
        Ok(UnwindInfo { version, prologue_size, frame, handler, chained, slots })
    }

    fn check_codes(&self) -> Result<(), UnwindInfoFault> {
        let mut rest = self.slots;
        while !rest.is_empty() {
            let (code, taken) = code::decode(self.version, rest)?;
            if code.operation == Operation::SetFrameRegister && self.frame.is_none() {
                return Err(UnwindInfoFault::NoFrameRegister);
            }
            rest = &rest[taken..];
        }
        Ok(())
    }

    /// The codes, the prologue's last instruction first.
    pub fn codes(&self) -> impl Iterator<Item = UnwindCode> + use<'image> {
        let (version, mut rest) = (self.version, self.slots);
        std::iter::from_fn(move || {
            let (code, taken) = code::decode(version, rest).ok()?;
            rest = &rest[taken..];
            Some(code)
        })
    }

    /// Where version 2 says the epilogues of a function that ends at `end` are; addresses relative to the image.
    ///
    /// The first descriptor gives the bytes of each epilogue, and whether one lies at the function's very end. Each
    /// further one gives how far before the end another begins; one of no distance fills a pair up.
    pub fn epilogues(&self, end: u32) -> impl Iterator<Item = Range<u32>> + use<'image> {
        let mut descriptors = self
            .codes()
            .filter_map(|code| match code.operation {
                Operation::Epilogue(pair) => Some(pair),
                _ => None,
            })
            .flatten();
        let (size, at_end) = match descriptors.next() {
            Some(first) => (u32::from(first & 0xFF), first & 0x1000 != 0),
            None => (0, false),
        };
        let others = descriptors
            .filter(|descriptor| (descriptor >> 8) as u8 & 0xF == EPILOGUE)
            .map(|descriptor| u32::from(descriptor & 0xFF) | u32::from(descriptor >> 12) << 8)
            .filter(|&distance| distance != 0);
        at_end.then_some(size).into_iter().chain(others).map(move |distance| {
            let start = end.saturating_sub(distance);
            start..start.saturating_add(size)
        })
    }
}
