//! Names and source lines of an image's code, from whatever the build left: DWARF in the image, a PDB beside it, or the
//! bare names of a symbol or export table.

mod demangle;
mod dwarf;
mod names;
mod pdb;

use dwarf::DwarfLines;
use names::Names;
use object::LittleEndian;
use object::read::Object;
use object::read::pe::PeFile64;
use pdb::PdbLines;
use std::fmt;

/// Where source lines were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolSource {
    /// In the image's DWARF sections.
    Dwarf,
    /// In the PDB that belongs to the image.
    Pdb,
    /// Nowhere. Function names may still come from the image's symbol or export table.
    None,
}

/// One function at an address, and the line control is at in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFrame {
    /// The function's name, demangled where its language mangles.
    pub function: Option<String>,
    /// The bytes from the function's start to the address; `None` for a function that was inlined here.
    pub function_offset: Option<u32>,
    /// The source file as the compiler recorded it.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u32>,
}

/// The names and source lines of one image.
pub struct Symbols {
    lines: Lines,
    names: Names,
    notes: Vec<String>,
}

enum Lines {
    Dwarf(Box<DwarfLines>),
    Pdb(Box<PdbLines>),
    None,
}

impl fmt::Debug for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Symbols").field("source", &self.source()).field("notes", &self.notes).finish()
    }
}

/// The image as the debug-information readers see it.
type File<'data> = PeFile64<'data>;

impl Symbols {
    /// Collects what the file of an image, and its PDB if there is one, say about names and lines.
    ///
    /// Never fails: what is missing or damaged is left out, and [`notes`](Symbols::notes) says so. A PDB is used only if
    /// it is the one that the image was linked with; it is then preferred to DWARF.
    #[must_use]
    pub fn load(image: &[u8], pdb: Option<Vec<u8>>) -> Symbols {
        let mut notes = Vec::new();
        let Ok(file) = File::parse(image) else {
            notes.push("no symbols: the file is no 64-bit PE image".to_owned());
            return Symbols { lines: Lines::None, names: Names::default(), notes };
        };
        let has_pdb = pdb.is_some();
        let from_pdb = pdb.and_then(|pdb| match PdbLines::load(&file, pdb) {
            Ok(lines) => Some(Lines::Pdb(Box::new(lines))),
            Err(reason) => {
                notes.push(reason);
                None
            }
        });
        let from_dwarf = || match DwarfLines::load(&file) {
            Ok(lines) => lines.map(|lines| Lines::Dwarf(Box::new(lines))),
            Err(reason) => {
                notes.push(reason);
                None
            }
        };
        let lines = from_pdb.or_else(from_dwarf).unwrap_or(Lines::None);
        if let (Lines::None, false, Some(name)) = (&lines, has_pdb, pdb::name(&file)) {
            notes.push(format!("the source lines are in {name}, which was not given"));
        }
        Symbols { lines, names: Names::read(&file), notes }
    }

    /// Where source lines were found.
    #[must_use]
    pub fn source(&self) -> SymbolSource {
        match self.lines {
            Lines::Dwarf(_) => SymbolSource::Dwarf,
            Lines::Pdb(_) => SymbolSource::Pdb,
            Lines::None => SymbolSource::None,
        }
    }

    /// What was left out and why, a line each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The functions at an address relative to the image, the innermost inlined one first, the real one last.
    ///
    /// Empty where nothing is known. For a return address, ask for the address before it: the call is there.
    #[must_use]
    pub fn resolve(&self, rva: u32) -> Vec<SourceFrame> {
        let mut frames = match &self.lines {
            Lines::Dwarf(lines) => lines.resolve(rva),
            Lines::Pdb(lines) => lines.resolve(rva),
            Lines::None => Vec::new(),
        };
        let named = frames.last().is_some_and(|frame| frame.function.is_some());
        if !named && let Some((name, offset)) = self.names.find(rva) {
            if frames.is_empty() {
                frames.push(SourceFrame::default());
            }
            if let Some(outermost) = frames.last_mut() {
                outermost.function = Some(demangle::demangle(name));
                outermost.function_offset = Some(offset);
            }
        }
        frames
    }
}

/// The bytes of the image from a relative address on, as far as its section's data in the file goes.
fn data_at<'data>(file: &File<'data>, rva: u32) -> &'data [u8] {
    file.section_table().pe_data_at(file.data(), rva).unwrap_or_default()
}

/// The bytes of one of the header's tables.
fn directory<'data>(file: &File<'data>, index: usize) -> &'data [u8] {
    file.data_directory(index)
        .map(|place| (place.virtual_address.get(LittleEndian), place.size.get(LittleEndian)))
        .and_then(|(rva, size)| data_at(file, rva).get(..size as usize))
        .unwrap_or_default()
}

/// The image's preferred base, on which its debug information counts.
fn preferred_base(file: &File<'_>) -> u64 {
    file.relative_address_base()
}
