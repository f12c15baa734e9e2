//! Source lines from DWARF sections in the image, as GCC and clang for MinGW leave them.

use super::demangle::demangle;
use super::{File, SourceFrame, preferred_base};
use gimli::{EndianArcSlice, LittleEndian};
use object::read::{Object, ObjectSection};
use std::ops::Range;
use std::sync::Arc;

type Reader = EndianArcSlice<LittleEndian>;

/// The DWARF of one image.
pub(super) struct DwarfLines {
    context: addr2line::Context<Reader>,
    preferred_base: u64,
    /// The address ranges of functions, each with the function's start, by ascending address.
    functions: Vec<(Range<u64>, u64)>,
}

impl DwarfLines {
    /// The image's DWARF, or `None` where it has none; the error is a note for the reader of a report.
    pub(super) fn load(file: &File<'_>) -> Result<Option<DwarfLines>, String> {
        let load = |id: gimli::SectionId| -> Result<Reader, gimli::Error> {
            let section = file.section_by_name(id.name());
            let data = section.and_then(|section| section.data().ok()).unwrap_or_default();
            Ok(EndianArcSlice::new(Arc::from(data), LittleEndian))
        };
        let unusable = |error: gimli::Error| format!("the image's DWARF can't be used: {error}");
        let dwarf = gimli::Dwarf::load(load).map_err(unusable)?;
        if gimli::Section::reader(&dwarf.debug_info).bytes().is_empty() {
            return Ok(None);
        }
        let functions = read_functions(&dwarf);
        let context = addr2line::Context::from_dwarf(dwarf).map_err(unusable)?;
        Ok(Some(DwarfLines { context, preferred_base: preferred_base(file), functions }))
    }

    /// The functions and lines at an address.
    pub(super) fn resolve(&self, rva: u32) -> Vec<SourceFrame> {
        let Some(address) = self.preferred_base.checked_add(u64::from(rva)) else { return Vec::new() };
        let Ok(mut found) = self.context.find_frames(address).skip_all_loads() else { return Vec::new() };
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = found.next() {
            let location = frame.location.as_ref();
            frames.push(SourceFrame {
                function: frame
                    .function
                    .as_ref()
                    .and_then(|function| Some(demangle(&function.raw_name().ok()?))),
                function_offset: None,
                file: location.and_then(|location| location.file).map(str::to_owned),
                line: location.and_then(|location| location.line),
            });
        }
        if let Some(outermost) = frames.last_mut() {
            outermost.function_offset = self.offset_in_function(address);
        }
        frames
    }

    fn offset_in_function(&self, address: u64) -> Option<u32> {
        let after = self.functions.partition_point(|(range, _)| range.start <= address);
        let (range, start) = self.functions.get(after.checked_sub(1)?)?;
        let offset = range.contains(&address).then(|| address.checked_sub(*start))??;
        u32::try_from(offset).ok()
    }
}

/// The most ranges read for one function. A function has two where its cold part was moved away; a hostile file could
/// let all of its functions share one endless list.
const MOST_RANGES: usize = 16;

/// Reads where functions begin, which the line reader keeps to itself. What does not decode is left out.
fn read_functions(dwarf: &gimli::Dwarf<Reader>) -> Vec<(Range<u64>, u64)> {
    let mut functions = Vec::new();
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        let Ok(unit) = dwarf.unit(header) else { continue };
        let mut entries = unit.entries();
        while let Ok(Some(entry)) = entries.next_dfs() {
            if entry.tag() != gimli::DW_TAG_subprogram {
                continue;
            }
            let Ok(mut ranges) = dwarf.die_ranges(&unit, entry) else { continue };
            let mut start = None;
            for _ in 0..MOST_RANGES {
                let Ok(Some(range)) = ranges.next() else { break };
                if range.begin < range.end {
                    functions.push((range.begin..range.end, *start.get_or_insert(range.begin)));
                }
            }
        }
    }
    functions.sort_by_key(|(range, _)| range.start);
    functions
}
