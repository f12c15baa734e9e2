//! The function table: which function an address is in.
//!
//! # Invariants
//! Entries ascend and do not overlap; each lies in one section; its unwind information decodes, and so does that of every
//! entry chained to it, of which there are at most [`MAXIMUM_CHAIN`].

use super::info::{ENTRY, RuntimeFunction, UnwindInfo, UnwindInfoFault};
use crate::error::{FunctionFault, ImageError};
use crate::header::Directory;
use crate::mapping::Mapping;

/// The most entries that may be chained to one another. Compilers chain two or three.
pub const MAXIMUM_CHAIN: usize = 32;

/// A function, or a part of one, that has unwind information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function<'image> {
    /// Where it begins, relative to the image.
    pub begin: u32,
    /// The first address past it, relative to the image.
    pub end: u32,
    /// How it sets up its frame.
    pub info: UnwindInfo<'image>,
}

/// The function table of an image.
#[derive(Clone, Copy, Debug)]
pub struct UnwindTable<'image> {
    pub(super) mapping: &'image Mapping,
    /// Where the first entry lies, relative to the image.
    rva: u32,
    entries: &'image [[u8; ENTRY]],
}

impl<'image> UnwindTable<'image> {
    /// The checked table at this place.
    pub(crate) fn new(mapping: &'image Mapping, place: Option<Directory>) -> UnwindTable<'image> {
        let bytes = place.and_then(|place| mapping.backed(u64::from(place.rva)).get(..place.size as usize));
        let rva = place.map_or(0, |place| place.rva);
        UnwindTable { mapping, rva, entries: bytes.unwrap_or_default().as_chunks().0 }
    }

    /// How many functions and parts of functions have unwind information.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no function has unwind information.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every function and part of a function, by ascending address.
    pub fn functions(&self) -> impl Iterator<Item = Function<'image>> + use<'image> {
        let mapping = self.mapping;
        self.entries.iter().filter_map(move |entry| Self::decode(mapping, RuntimeFunction::read(entry)?))
    }

    /// The function, or the part of one, that holds the address; `None` for a leaf function, which has no frame to undo,
    /// and for addresses that are no code.
    #[must_use]
    pub fn lookup(&self, rva: u32) -> Option<Function<'image>> {
        Self::decode(self.mapping, self.entry_at(rva)?)
    }

    /// Where the function that holds the address begins: for a part that the compiler moved away, the start of the whole.
    #[must_use]
    pub fn function_start(&self, rva: u32) -> Option<u32> {
        let mut function = self.lookup(rva)?;
        for _ in 0..MAXIMUM_CHAIN {
            match function.info.chained {
                Some(parent) => function = Self::decode(self.mapping, parent)?,
                None => break,
            }
        }
        Some(function.begin)
    }

    /// Where the entry that holds the address lies, relative to the image: what code that unwinds by itself is told.
    #[must_use]
    pub fn entry_rva(&self, rva: u32) -> Option<u32> {
        let (place, _) = self.find(rva)?;
        Some(self.rva_of_entry(place))
    }

    /// Where the entry at this place of the table lies, relative to the image.
    pub(super) fn rva_of_entry(&self, place: usize) -> u32 {
        self.rva + (place * ENTRY) as u32
    }

    /// The entry that holds the address.
    pub(super) fn entry_at(&self, rva: u32) -> Option<RuntimeFunction> {
        self.find(rva).map(|(_, entry)| entry)
    }

    /// The place in the table of the entry that holds the address, and the entry.
    pub(super) fn find(&self, rva: u32) -> Option<(usize, RuntimeFunction)> {
        let after = self.entries.partition_point(|&[a, b, c, d, ..]| u32::from_le_bytes([a, b, c, d]) <= rva);
        let place = after.checked_sub(1)?;
        let entry = RuntimeFunction::read(self.entries.get(place)?)?;
        entry.contains(rva).then_some((place, entry))
    }

    fn decode(mapping: &'image Mapping, entry: RuntimeFunction) -> Option<Function<'image>> {
        let info = UnwindInfo::decode(mapping, entry.info).ok()?;
        Some(Function { begin: entry.begin, end: entry.end, info })
    }
}

/// Checks the function table and everything it leads to.
pub(crate) fn check(mapping: &Mapping, place: Option<Directory>) -> Result<(), ImageError> {
    let Some(place) = place else { return Ok(()) };
    if !(place.size as usize).is_multiple_of(ENTRY) {
        return Err(ImageError::FunctionTableSize(place.size));
    }
    let bytes = mapping.table("the function table", place.rva, u64::from(place.size))?;
    let mut previous_end = 0;
    for (index, bytes) in bytes.chunks_exact(ENTRY).enumerate() {
        let Some(entry) = RuntimeFunction::read(bytes) else { continue };
        let fault = |fault| ImageError::Function { index, begin: entry.begin, fault };
        check_range(mapping, entry).map_err(fault)?;
        if entry.begin < previous_end {
            return Err(fault(FunctionFault::Unsorted { previous_end }));
        }
        previous_end = entry.end;
        check_chain(mapping, entry).map_err(|fault| ImageError::UnwindInfo { rva: entry.info, fault })?;
    }
    Ok(())
}

fn check_range(mapping: &Mapping, entry: RuntimeFunction) -> Result<(), FunctionFault> {
    let RuntimeFunction { begin, end, .. } = entry;
    match end.checked_sub(begin) {
        None | Some(0) => Err(FunctionFault::Empty { end }),
        Some(size) if mapping.in_one_section(u64::from(begin), u64::from(size)) => Ok(()),
        Some(_) => Err(FunctionFault::Outside { end }),
    }
}

fn check_chain(mapping: &Mapping, entry: RuntimeFunction) -> Result<(), UnwindInfoFault> {
    let mut info = UnwindInfo::read(mapping, entry.info)?;
    for _ in 0..MAXIMUM_CHAIN {
        match info.chained {
            None => return Ok(()),
            Some(parent) => info = UnwindInfo::read(mapping, parent.info)?,
        }
    }
    Err(UnwindInfoFault::ChainTooLong)
}
