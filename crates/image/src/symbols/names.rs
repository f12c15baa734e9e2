//! Bare function names: from the symbol table that MinGW leaves in an image, or from its export table.

use super::{File, data_at, directory, preferred_base};
use crate::reader::u32_at;
use object::pe;
use object::read::{Object, ObjectSymbol, SymbolKind};

/// The names of an image's functions by address.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Starts and names, by ascending address.
    functions: Vec<(u32, String)>,
    /// Where functions begin by the function table, ascending: a name does not reach past the start of the next function,
    /// even one that has no name.
    starts: Vec<u32>,
    /// Where sections begin, ascending; a name does not reach into the next one either.
    sections: Vec<u32>,
}

/// The longest name kept.
const LONGEST_NAME: usize = 4096;

impl Names {
    /// Reads the symbol table, and the export table where there is no symbol table.
    pub(super) fn read(file: &File<'_>) -> Names {
        let mut functions = read_symbols(file);
        if functions.is_empty() {
            functions = read_exports(file);
        }
        functions.sort();
        functions.dedup_by_key(|(rva, _)| *rva);
        let mut sections: Vec<u32> = file
            .section_table()
            .iter()
            .map(|section| section.virtual_address.get(object::LittleEndian))
            .collect();
        sections.sort_unstable();
        Names { functions, starts: read_starts(file), sections }
    }

    /// The function that holds the address, and the bytes from its start.
    pub(super) fn find(&self, rva: u32) -> Option<(&str, u32)> {
        let after = self.functions.partition_point(|(start, _)| *start <= rva);
        let (start, name) = self.functions.get(after.checked_sub(1)?)?;
        let border_between = |borders: &[u32]| {
            let after = borders.partition_point(|&border| border <= rva);
            after.checked_sub(1).is_some_and(|last| borders[last] > *start)
        };
        if border_between(&self.starts) || border_between(&self.sections) {
            return None;
        }
        Some((name, rva - start))
    }
}

/// Names share bytes in a hostile file; together they may be as long as the file.
struct NameBudget(usize);

impl NameBudget {
    /// Takes a name; `None` once there have been too many. A name that is no printable text becomes empty.
    fn take(&mut self, name: &[u8]) -> Option<String> {
        self.0 = self.0.checked_sub(name.len() + 1)?;
        let usable = name.len() <= LONGEST_NAME && name.iter().all(u8::is_ascii_graphic);
        Some(if usable { String::from_utf8_lossy(name).into_owned() } else { String::new() })
    }
}

fn read_symbols(file: &File<'_>) -> Vec<(u32, String)> {
    let base = preferred_base(file);
    let mut budget = NameBudget(file.data().len());
    file.symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
        .filter_map(|symbol| {
            let rva = u32::try_from(symbol.address().checked_sub(base)?).ok()?;
            Some((rva, symbol.name_bytes().ok()?))
        })
        .map_while(|(rva, name)| Some((rva, budget.take(name)?)))
        .filter(|(_, name)| !name.is_empty())
        .collect()
}

fn read_exports(file: &File<'_>) -> Vec<(u32, String)> {
    let Ok(Some(table)) = file.export_table() else { return Vec::new() };
    let mut budget = NameBudget(file.data().len());
    table
        .name_iter()
        .filter_map(|(pointer, index)| {
            let rva = table.address_by_index(index).ok().filter(|&rva| rva != 0 && !table.is_forward(rva))?;
            Some((rva, table.name_from_pointer(pointer).ok()?))
        })
        .map_while(|(rva, name)| Some((rva, budget.take(name)?)))
        .filter(|(_, name)| !name.is_empty())
        .collect()
}

/// The flag of unwind information that continues another function's.
const CHAINED: u8 = 4;

/// Where functions begin by the function table, parts that were moved away not counted.
fn read_starts(file: &File<'_>) -> Vec<u32> {
    let table = directory(file, pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION);
    let mut starts: Vec<u32> = table
        .chunks_exact(12)
        .filter(|entry| {
            let info = u32_at(entry, 8).unwrap_or_default();
            data_at(file, info).first().is_some_and(|kind| kind >> 3 & CHAINED == 0)
        })
        .filter_map(|entry| u32_at(entry, 0))
        .collect();
    starts.sort_unstable();
    starts
}
