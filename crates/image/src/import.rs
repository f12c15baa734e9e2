//! Imports: what a driver takes from other modules, and where the addresses go.
//!
//! # Invariants
//! - Every slot is 8 bytes in one section, and no two slots overlap.
//! - Imports and the bytes of their names number no more than the file could hold side by side: tables that overlap to
//!   multiply themselves are refused.

use crate::error::{ImageError, NameFault};
use crate::header::Directory;
use crate::mapping::Mapping;
use crate::reader::{u32_at, u64_at};
use std::sync::Arc;

/// The bytes of a descriptor: one imported module.
const DESCRIPTOR: usize = 20;

/// The bytes of a thunk, and of the slot that its address goes to.
const THUNK: usize = 8;

/// The longest name accepted: the longest decorated name that Microsoft's compiler and linker support.
const LONGEST_NAME: usize = 4096;

/// One thing that a driver takes from another module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The module, as the image spells it, such as `ntoskrnl.exe`.
    pub dll: Arc<str>,
    /// What is taken.
    pub symbol: ImportSymbol,
    /// Where the 8-byte address goes, relative to the image.
    pub slot: u32,
}

/// How an import names what it takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ImportSymbol {
    /// By name: printable ASCII, never empty.
    Name(String),
    /// By its number among the module's exports.
    Ordinal(u16),
}

/// Reads the import table.
pub(crate) fn parse(mapping: &Mapping, place: Option<Directory>) -> Result<Vec<Import>, ImageError> {
    let Some(place) = place else { return Ok(Vec::new()) };
    let table = mapping.backed(u64::from(place.rva));
    let mut reader = ImportReader { mapping, imports: Vec::new(), name_bytes_left: mapping.file.len() };
    let mut descriptors = table.chunks_exact(DESCRIPTOR).enumerate();
    loop {
        let Some((index, descriptor)) = descriptors.next() else {
            return Err(ImageError::ImportsUnterminated { rva: place.rva });
        };
        let word = |offset| u32_at(descriptor, offset).unwrap_or_default();
        let (lookup, name, slots) = (word(0), word(12), word(16));
        match (name, slots) {
            (0, 0) => break,
            (0, _) | (_, 0) => return Err(ImageError::ImportDescriptor { index }),
            // An image without a lookup table has the names in the slots themselves.
            _ => reader.read_module(if lookup == 0 { slots } else { lookup }, name, slots)?,
        }
    }
    check_slots(&reader.imports)?;
    Ok(reader.imports)
}

struct ImportReader<'image> {
    mapping: &'image Mapping,
    imports: Vec<Import>,
    name_bytes_left: usize,
}

impl ImportReader<'_> {
    /// Reads what is taken from one module.
    fn read_module(&mut self, lookup: u32, name: u32, slots: u32) -> Result<(), ImageError> {
        let dll: Arc<str> = self.read_name(u64::from(name))?.into();
        let mut thunks = self.mapping.backed(u64::from(lookup)).chunks_exact(THUNK).zip(0_u64..);
        loop {
            let Some((thunk, index)) = thunks.next() else {
                return Err(ImageError::ThunksUnterminated { dll: dll.to_string(), rva: lookup });
            };
            let thunk = u64_at(thunk, 0).unwrap_or_default();
            if thunk == 0 {
                return Ok(());
            }
            let slot = u64::from(slots) + index * THUNK as u64;
            if !self.mapping.in_one_section(slot, THUNK as u64) {
                return Err(ImageError::ImportSlot { rva: slot });
            }
            if self.imports.len() >= self.mapping.file.len() / THUNK {
                return Err(ImageError::ImportsOverlap);
            }
            let symbol = match thunk >> 63 {
                1 => ImportSymbol::Ordinal(thunk as u16),
                // Two bytes of hint come before the name.
                _ => ImportSymbol::Name(self.read_name(thunk + 2)?),
            };
            self.imports.push(Import { dll: Arc::clone(&dll), symbol, slot: slot as u32 });
        }
    }

    fn read_name(&mut self, rva: u64) -> Result<String, ImageError> {
        let fault = |fault| ImageError::ImportName { rva, fault };
        let bytes = self.mapping.backed(rva);
        if bytes.is_empty() {
            return Err(fault(NameFault::Outside));
        }
        let bytes = &bytes[..bytes.len().min(LONGEST_NAME + 1)];
        let Some(length) = bytes.iter().position(|&byte| byte == 0) else {
            return Err(fault(NameFault::Unterminated));
        };
        if length == 0 {
            return Err(fault(NameFault::Empty));
        }
        if let Some(&byte) = bytes[..length].iter().find(|byte| !byte.is_ascii_graphic()) {
            return Err(fault(NameFault::Byte(byte)));
        }
        self.name_bytes_left =
            self.name_bytes_left.checked_sub(length + 1).ok_or(ImageError::ImportsOverlap)?;
        Ok(bytes[..length].iter().map(|&byte| char::from(byte)).collect())
    }
}

/// Checks that no two slots overlap.
fn check_slots(imports: &[Import]) -> Result<(), ImageError> {
    let mut slots: Vec<u32> = imports.iter().map(|import| import.slot).collect();
    slots.sort_unstable();
    match slots.windows(2).find(|pair| pair[1] - pair[0] < THUNK as u32) {
        Some(pair) => Err(ImageError::ImportSlotShared { rva: pair[1] }),
        None => Ok(()),
    }
}
