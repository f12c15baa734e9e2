//! Base relocations: the 64-bit addresses in an image that move with it.
//!
//! The table is a run of blocks, one per page, each with a size of its own. A block of size zero is the classic way to
//! send a reader round in circles, so sizes are checked once, before anything is applied.

use crate::error::{ImageError, TargetFault};
use crate::header::Directory;
use crate::mapping::Mapping;
use crate::reader::u32_at;
use object::pe;

/// The bytes of a block's header: the page and the block's size.
const BLOCK_HEADER: usize = 8;

/// The bytes of a relocated address.
const ADDRESS: u64 = 8;

/// Checks every block and every entry.
pub(crate) fn check(mapping: &Mapping, place: Option<Directory>) -> Result<(), ImageError> {
    let Some(place) = place else { return Ok(()) };
    let table = mapping.table("the relocation table", place.rva, u64::from(place.size))?;
    let mut rest = table;
    while !rest.is_empty() {
        let Some((page, entries, after)) = split_block(rest) else {
            return Err(ImageError::RelocationBlock {
                rva: place.rva + (table.len() - rest.len()) as u32,
                size: u32_at(rest, 4).unwrap_or_default(),
                left: rest.len() as u32,
            });
        };
        for (kind, target) in entries_of(page, entries) {
            check_entry(mapping, kind, target)?;
        }
        rest = after;
    }
    Ok(())
}

/// The targets of a checked table.
pub(crate) fn targets(mapping: &Mapping, place: Option<Directory>) -> impl Iterator<Item = u32> {
    let table = place.and_then(|place| mapping.backed(u64::from(place.rva)).get(..place.size as usize));
    let mut rest = table.unwrap_or_default();
    let blocks = std::iter::from_fn(move || {
        let (page, entries, after) = split_block(rest)?;
        rest = after;
        Some((page, entries))
    });
    blocks
        .flat_map(|(page, entries)| entries_of(page, entries))
        .filter(|&(kind, _)| kind == pe::IMAGE_REL_BASED_DIR64.0)
        .filter_map(|(_, target)| u32::try_from(target).ok())
}

/// Splits the first block off: its page, its entries, and what follows. `None` for a block that is not whole.
fn split_block(table: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let page = u32_at(table, 0)?;
    let size = u32_at(table, 4)? as usize;
    if !size.is_multiple_of(2) {
        return None;
    }
    let entries = table.get(BLOCK_HEADER..size)?;
    Some((page, entries, &table[size..]))
}

/// The kinds and targets of a block's entries.
fn entries_of(page: u32, entries: &[u8]) -> impl Iterator<Item = (u16, u64)> {
    entries.chunks_exact(2).map(move |pair| {
        let entry = u16::from_le_bytes([pair[0], pair[1]]);
        (entry >> 12, u64::from(page) + u64::from(entry & 0xFFF))
    })
}

fn check_entry(mapping: &Mapping, kind: u16, target: u64) -> Result<(), ImageError> {
    if kind == pe::IMAGE_REL_BASED_ABSOLUTE.0 {
        return Ok(());
    }
    if kind != pe::IMAGE_REL_BASED_DIR64.0 {
        return Err(ImageError::RelocationType { kind: kind as u8, target });
    }
    let fault = if target + ADDRESS > u64::from(mapping.size_of_image) {
        TargetFault::Outside
    } else if target < u64::from(mapping.size_of_headers) {
        TargetFault::Headers
    } else if !mapping.in_one_section(target, ADDRESS) {
        TargetFault::BetweenSections
    } else {
        return Ok(());
    };
    Err(ImageError::RelocationTarget { target, fault })
}
