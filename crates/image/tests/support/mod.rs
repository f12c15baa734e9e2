//! Images built by hand, field by field, so that a test can say exactly which field is wrong.
#![allow(dead_code, reason = "each test program uses its own part of the builder")]

use ntpool_image::StackMemory;

/// Section characteristics: code that may be read and executed.
pub const CODE: u32 = 0x6000_0020;
/// Section characteristics: initialized data that may be read.
pub const READ: u32 = 0x4000_0040;
/// Section characteristics: initialized data that may be read and written.
pub const WRITE: u32 = 0xC000_0040;
/// Section characteristics: initialized data that may be read and dropped.
pub const DISCARDABLE: u32 = 0x4200_0040;

/// Where the PE signature is in every image built here.
pub const PE_AT: usize = 0x40;
/// Where the optional header is.
pub const OPTIONAL_AT: usize = PE_AT + 24;
/// Where the section table is, unless the optional header's size is changed.
pub const SECTIONS_AT: usize = OPTIONAL_AT + 240;

/// The number of a header's table.
pub const EXPORTS: usize = 0;
pub const IMPORTS: usize = 1;
pub const FUNCTIONS: usize = 3;
pub const RELOCATIONS: usize = 5;
pub const LOAD_CONFIG: usize = 10;

/// A section to be built.
#[derive(Clone, Debug)]
pub struct SectionParts {
    pub name: [u8; 8],
    pub rva: u32,
    pub virtual_size: u32,
    pub characteristics: u32,
    pub data: Vec<u8>,
    /// Instead of the data's size, rounded up to the file alignment.
    pub data_size: Option<u32>,
    /// Instead of the place the builder puts the data.
    pub data_at: Option<u32>,
}

impl SectionParts {
    pub fn new(name: &str, rva: u32, characteristics: u32, data: Vec<u8>) -> SectionParts {
        let mut padded = [0; 8];
        padded[..name.len()].copy_from_slice(name.as_bytes());
        SectionParts {
            name: padded,
            rva,
            virtual_size: data.len() as u32,
            characteristics,
            data,
            data_size: None,
            data_at: None,
        }
    }

    /// Writes bytes over the section's data, which grows as needed.
    pub fn put(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.data.len() < end {
            self.data.resize(end, 0);
            self.virtual_size = self.virtual_size.max(end as u32);
        }
        self.data[offset..end].copy_from_slice(bytes);
    }
}

/// An image to be built.
#[derive(Clone, Debug)]
pub struct PeBuilder {
    pub machine: u16,
    pub characteristics: u16,
    pub magic: u16,
    pub subsystem: u16,
    pub entry_point: u32,
    pub image_base: u64,
    pub section_alignment: u32,
    pub size_of_image: Option<u32>,
    pub size_of_headers: u32,
    pub section_count: Option<u16>,
    pub optional_size: u16,
    pub directory_count: u32,
    pub directories: [(u32, u32); 16],
    pub sections: Vec<SectionParts>,
}

impl PeBuilder {
    /// An image that is nothing but headers and the given sections.
    pub fn new(sections: Vec<SectionParts>) -> PeBuilder {
        PeBuilder {
            machine: 0x8664,
            characteristics: 0x22,
            magic: 0x20B,
            subsystem: 1,
            entry_point: 0x1000,
            image_base: 0x1_4000_0000,
            section_alignment: 0x1000,
            size_of_image: None,
            size_of_headers: 0x200,
            section_count: None,
            optional_size: 240,
            directory_count: 16,
            directories: [(0, 0); 16],
            sections,
        }
    }

    /// The section with this name.
    pub fn section(&mut self, name: &str) -> &mut SectionParts {
        let found = self.sections.iter_mut().find(|section| section.name.starts_with(name.as_bytes()));
        found.expect("the image has this section")
    }

    /// The file.
    pub fn build(&self) -> Vec<u8> {
        let mut file = vec![0; (SECTIONS_AT + self.sections.len() * 40).next_multiple_of(0x200)];
        put(&mut file, 0, b"MZ");
        put(&mut file, 60, &(PE_AT as u32).to_le_bytes());
        put(&mut file, PE_AT, b"PE\0\0");
        put(&mut file, PE_AT + 4, &self.machine.to_le_bytes());
        let count = self.section_count.unwrap_or(self.sections.len() as u16);
        put(&mut file, PE_AT + 6, &count.to_le_bytes());
        put(&mut file, PE_AT + 20, &self.optional_size.to_le_bytes());
        put(&mut file, PE_AT + 22, &self.characteristics.to_le_bytes());
        let ends = self.sections.iter().map(|section| section.rva.saturating_add(section.virtual_size));
        let size_of_image = self.size_of_image.unwrap_or_else(|| {
            ends.max().map_or(0x1000, |end| end.checked_next_multiple_of(0x1000).unwrap_or(u32::MAX))
        });
        let fields: [(usize, &[u8]); 9] = [
            (0, &self.magic.to_le_bytes()),
            (16, &self.entry_point.to_le_bytes()),
            (24, &self.image_base.to_le_bytes()),
            (32, &self.section_alignment.to_le_bytes()),
            (36, &0x200_u32.to_le_bytes()),
            (56, &size_of_image.to_le_bytes()),
            (60, &self.size_of_headers.to_le_bytes()),
            (68, &self.subsystem.to_le_bytes()),
            (108, &self.directory_count.to_le_bytes()),
        ];
        for (offset, bytes) in fields {
            put(&mut file, OPTIONAL_AT + offset, bytes);
        }
        for (index, (rva, size)) in self.directories.iter().enumerate() {
            put(&mut file, OPTIONAL_AT + 112 + index * 8, &rva.to_le_bytes());
            put(&mut file, OPTIONAL_AT + 116 + index * 8, &size.to_le_bytes());
        }
        for (index, section) in self.sections.iter().enumerate() {
            let data_at = file.len() as u32;
            let data_size = section.data.len().next_multiple_of(0x200);
            let header = SECTIONS_AT + index * 40;
            put(&mut file, header, &section.name);
            put(&mut file, header + 8, &section.virtual_size.to_le_bytes());
            put(&mut file, header + 12, &section.rva.to_le_bytes());
            put(&mut file, header + 16, &section.data_size.unwrap_or(data_size as u32).to_le_bytes());
            put(&mut file, header + 20, &section.data_at.unwrap_or(data_at).to_le_bytes());
            put(&mut file, header + 36, &section.characteristics.to_le_bytes());
            file.extend_from_slice(&section.data);
            file.resize(data_at as usize + data_size, 0);
        }
        file
    }
}

/// Writes bytes over others.
pub fn put(bytes: &mut [u8], offset: usize, new: &[u8]) {
    bytes[offset..offset + new.len()].copy_from_slice(new);
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn long_words(values: &[u64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Where things are in [`sample`], relative to the start of `.rdata`.
pub const RDATA: u32 = 0x2000;
pub const DESCRIPTORS: usize = 0x00;
pub const LOOKUP_ONE: usize = 0x40;
pub const SLOTS_ONE: usize = 0x60;
pub const LOOKUP_TWO: usize = 0x80;
pub const SLOTS_TWO: usize = 0x90;
pub const NAME_ONE: usize = 0xA0;
pub const NAME_TWO: usize = 0xB0;
pub const DLL_ONE: usize = 0xC0;
pub const DLL_TWO: usize = 0xD0;
pub const CONFIG: usize = 0x100;
pub const TABLE: usize = 0x160;
pub const INFO_ONE: usize = 0x1A0;
pub const INFO_TWO: usize = 0x1B0;
pub const INFO_CHAINED: usize = 0x1C0;
/// The writable section, where the security cookie and a relocated address are.
pub const DATA: u32 = 0x3000;
/// The relocation section.
pub const RELOC: u32 = 0x4000;

/// `push rbx; sub rsp, 0x20; nop...; add rsp, 0x20; pop rbx; ret`
pub const FRAMED: &[u8] =
    &[0x53, 0x48, 0x83, 0xEC, 0x20, 0x90, 0x90, 0x90, 0x48, 0x83, 0xC4, 0x20, 0x5B, 0xC3];

/// A driver with everything that the parser reads: imports by name and number from two modules, relocations, a load
/// configuration with a security cookie, and three entries of unwind information: a plain one, one of version 2 with a
/// handler, and one that is chained to the first.
pub fn sample() -> PeBuilder {
    let mut text = vec![0xCC; 0x100];
    put(&mut text, 0, FRAMED);
    put(&mut text, 0x20, FRAMED);
    put(&mut text, 0x40, FRAMED);
    let mut rdata = SectionParts::new(".rdata", RDATA, READ, Vec::new());
    let at = |offset: usize| RDATA + offset as u32;
    rdata.put(
        DESCRIPTORS,
        &words(&[
            at(LOOKUP_ONE),
            0,
            0,
            at(DLL_ONE),
            at(SLOTS_ONE),
            at(LOOKUP_TWO),
            0,
            0,
            at(DLL_TWO),
            at(SLOTS_TWO),
            0,
            0,
            0,
            0,
            0,
        ]),
    );
    let thunks = long_words(&[u64::from(at(NAME_ONE)), u64::from(at(NAME_TWO)), 0]);
    rdata.put(LOOKUP_ONE, &thunks);
    rdata.put(SLOTS_ONE, &thunks);
    rdata.put(LOOKUP_TWO, &long_words(&[1 << 63 | 7, 0]));
    rdata.put(SLOTS_TWO, &long_words(&[1 << 63 | 7, 0]));
    rdata.put(NAME_ONE, b"\x01\0AllocateThing\0");
    rdata.put(NAME_TWO, b"\x02\0FreeThing\0");
    rdata.put(DLL_ONE, b"ntoskrnl.exe\0");
    rdata.put(DLL_TWO, b"HAL.dll\0");
    rdata.put(CONFIG, &words(&[96]));
    rdata.put(CONFIG + 88, &long_words(&[0x1_4000_0000 + u64::from(DATA)]));
    rdata.put(
        TABLE,
        &words(&[
            0x1000,
            0x100E,
            at(INFO_ONE),
            0x1020,
            0x102E,
            at(INFO_TWO),
            0x1040,
            0x104E,
            at(INFO_CHAINED),
        ]),
    );
    rdata.put(INFO_ONE, &[1, 5, 2, 0, 5, 0x32, 1, 0x30]);
    rdata.put(INFO_TWO, &[2 | 1 << 3, 5, 4, 0, 2, 0x16, 0, 0, 5, 0x32, 1, 0x30]);
    rdata.put(INFO_TWO + 12, &words(&[0x1080]));
    rdata.put(INFO_CHAINED, &[1 | 4 << 3, 0, 0, 0]);
    rdata.put(INFO_CHAINED + 4, &words(&[0x1000, 0x100E, at(INFO_ONE)]));
    let mut data = SectionParts::new(".data", DATA, WRITE, vec![0; 0x20]);
    data.put(0, &0x2B99_2DDF_A232_u64.to_le_bytes());
    data.put(8, &0x1_4000_1000_u64.to_le_bytes());
    data.virtual_size = 0x800;
    let mut blocks = words(&[DATA, 12]);
    blocks.extend_from_slice(&[0x08, 0xA0, 0, 0]);
    let mut builder = PeBuilder::new(vec![
        SectionParts::new(".text", 0x1000, CODE, text),
        rdata,
        data,
        SectionParts::new(".reloc", RELOC, DISCARDABLE, blocks),
    ]);
    builder.directories[IMPORTS] = (at(DESCRIPTORS), 60);
    builder.directories[FUNCTIONS] = (at(TABLE), 36);
    builder.directories[RELOCATIONS] = (RELOC, 12);
    builder.directories[LOAD_CONFIG] = (at(CONFIG), 96);
    builder
}

/// A function for [`with_functions`]: its code, and its unwind information.
pub struct FunctionParts<'a> {
    pub code: &'a [u8],
    pub info: &'a [u8],
}

/// The address of the function with this number in [`with_functions`].
pub const fn function_at(index: usize) -> u32 {
    0x1000 + index as u32 * 0x100
}

/// The address of the unwind information with this number in [`with_functions`].
pub const fn info_at(index: usize) -> u32 {
    0x2800 + index as u32 * 0x40
}

/// A driver with these functions, 0x100 bytes apart, each of which ends where its code does.
pub fn with_functions(functions: &[FunctionParts<'_>]) -> PeBuilder {
    let mut text = SectionParts::new(".text", 0x1000, CODE, vec![0xCC; 0x1000]);
    let mut rdata = SectionParts::new(".rdata", RDATA, READ, vec![0; 0x1000]);
    for (index, function) in functions.iter().enumerate() {
        let begin = function_at(index);
        text.put((begin - 0x1000) as usize, function.code);
        rdata.put(index * 12, &words(&[begin, begin + function.code.len() as u32, info_at(index)]));
        rdata.put((info_at(index) - RDATA) as usize, function.info);
    }
    let mut builder = PeBuilder::new(vec![text, rdata]);
    builder.directories[FUNCTIONS] = (RDATA, functions.len() as u32 * 12);
    builder
}

/// The sample with one export: `Work`, the function at 0x1020.
pub fn with_export() -> PeBuilder {
    let mut builder = sample();
    let data = builder.section(".data");
    let at = |offset: u32| DATA + offset;
    data.put(0x2C, &words(&[at(0x70), 1, 1, 1, at(0x60), at(0x64), at(0x68)]));
    data.put(0x60, &words(&[0x1020, at(0x78)]));
    data.put(0x70, b"one.sys\0Work\0");
    builder.directories[EXPORTS] = (at(0x20), 0x80);
    builder
}

/// The sample's file with one symbol: a function of this name, which is longer than 8 characters, at 0x1020.
pub fn with_symbol(name: &str) -> Vec<u8> {
    let mut file = sample().build();
    let table = (file.len() as u32).to_le_bytes();
    put(&mut file, PE_AT + 12, &table);
    put(&mut file, PE_AT + 16, &1_u32.to_le_bytes());
    file.extend_from_slice(&[0, 0, 0, 0, 4, 0, 0, 0, 0x20, 0, 0, 0, 1, 0, 0x20, 0, 2, 0]);
    file.extend_from_slice(&(name.len() as u32 + 5).to_le_bytes());
    file.extend_from_slice(name.as_bytes());
    file.push(0);
    file
}

/// A stack: words from an address up.
pub struct Stack {
    pub base: u64,
    pub words: Vec<u64>,
}

impl StackMemory for Stack {
    fn read_u64(&self, address: u64) -> Option<u64> {
        let distance = address.checked_sub(self.base)?;
        assert_eq!(distance % 8, 0, "frames here are made of whole words");
        self.words.get((distance / 8) as usize).copied()
    }
}
