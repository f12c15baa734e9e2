//! Every reason for refusing an image: how such an image is made, and what the user is told.

mod support;

use ntpool_image::Image;
use support::{
    CODE, CONFIG, DATA, DESCRIPTORS, DLL_ONE, FUNCTIONS, IMPORTS, INFO_CHAINED, INFO_ONE, INFO_TWO,
    LOAD_CONFIG, LOOKUP_ONE, NAME_ONE, OPTIONAL_AT, PE_AT, PeBuilder, RDATA, READ, RELOC, RELOCATIONS,
    SECTIONS_AT, SLOTS_ONE, SectionParts, TABLE, put, sample,
};

/// A case: what it is, the file, and the text.
type Case = (&'static str, Vec<u8>, &'static str);

fn built(change: impl FnOnce(&mut PeBuilder)) -> Vec<u8> {
    let mut builder = sample();
    change(&mut builder);
    builder.build()
}

fn patched(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = sample().build();
    put(&mut file, offset, bytes);
    file
}

fn cut(length: usize) -> Vec<u8> {
    let mut file = sample().build();
    file.truncate(length);
    file
}

fn rdata(offset: usize, bytes: &[u8]) -> Vec<u8> {
    built(|builder| builder.section(".rdata").put(offset, bytes))
}

fn word(offset: usize, value: u32) -> Vec<u8> {
    rdata(offset, &value.to_le_bytes())
}

/// The sample with these relocation blocks instead of its own.
fn blocks(bytes: &[u8]) -> Vec<u8> {
    built(|builder| {
        builder.section(".reloc").put(0, bytes);
        builder.directories[RELOCATIONS].1 = bytes.len() as u32;
    })
}

/// One relocation block of one page with one entry, and padding.
fn block(page: u32, size: u32, entry: u16) -> Vec<u8> {
    let mut bytes = page.to_le_bytes().to_vec();
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(&entry.to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

fn check(cases: Vec<Case>) {
    for (name, file, expected) in cases {
        match Image::parse(file) {
            Ok(_) => panic!("{name}: accepted, where this was expected: {expected}"),
            Err(error) => assert_eq!(error.to_string(), expected, "{name}"),
        }
    }
}

#[test]
fn files_that_are_no_pe_images_are_refused() {
    check(vec![
        ("an empty file", Vec::new(), "not a PE image: the file does not begin with MZ"),
        ("an ELF file", b"\x7FELF".repeat(64), "not a PE image: the file does not begin with MZ"),
        ("a DOS program", patched(PE_AT, b"NE"), "not a PE image: no PE signature at file offset 0x40"),
        (
            "a PE header that begins with the file",
            patched(60, &[0; 4]),
            "not a PE image: no PE signature at file offset 0x0",
        ),
    ]);
}

#[test]
fn files_that_end_within_a_header_are_refused_by_the_part_that_is_missing() {
    check(vec![
        (
            "two letters",
            cut(2),
            "the file is truncated: the DOS header has 0x40 bytes at file offset 0x0, the file ends at 0x2",
        ),
        (
            "one byte short of the DOS header",
            cut(0x3F),
            "the file is truncated: the DOS header has 0x40 bytes at file offset 0x0, the file ends at 0x3f",
        ),
        (
            "only the DOS header",
            cut(0x40),
            "the file is truncated: the PE header has 0x18 bytes at file offset 0x40, the file ends at 0x40",
        ),
        (
            "one byte short of the PE header",
            cut(OPTIONAL_AT - 1),
            "the file is truncated: the PE header has 0x18 bytes at file offset 0x40, the file ends at 0x57",
        ),
        (
            "a PE header at the end of all addresses",
            patched(60, &[0xFF; 4]),
            "the file is truncated: the PE header has 0x18 bytes at file offset 0xffffffff, the file ends at 0xa00",
        ),
        (
            "one byte short of the optional header",
            cut(SECTIONS_AT - 1),
            "the file is truncated: the optional header has 0xf0 bytes at file offset 0x58, the file ends at 0x147",
        ),
        (
            "one byte short of the section table",
            cut(SECTIONS_AT + 4 * 40 - 1),
            "the file is truncated: the section table has 0xa0 bytes at file offset 0x148, the file ends at 0x1e7",
        ),
        (
            "one byte short of the header area",
            cut(0x1FF),
            "the file is truncated: the header area has 0x200 bytes at file offset 0x0, the file ends at 0x1ff",
        ),
        (
            "one byte short of the first section",
            cut(0x3FF),
            "the file is truncated: section .text has 0x200 bytes at file offset 0x200, the file ends at 0x3ff",
        ),
        (
            "one byte short of the last section",
            cut(0x9FF),
            "the file is truncated: section .reloc has 0x200 bytes at file offset 0x800, the file ends at 0x9ff",
        ),
    ]);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let file = sample().build();
    for length in 0..file.len() {
        assert!(Image::parse(file[..length].to_vec()).is_err(), "cut at {length:#x}");
    }
    assert!(Image::parse(file).is_ok());
}

#[test]
fn images_for_other_machines_are_refused_by_name() {
    let machine = |machine| built(|builder| builder.machine = machine);
    check(vec![
        ("32-bit", machine(0x014C), "the image is 32-bit (PE32); build the driver for x64 (PE32+)"),
        ("ARM64", machine(0xAA64), "the image is for ARM64 (machine 0xaa64); build the driver for x64"),
        ("ARM", machine(0x01C4), "the image is for 32-bit ARM (machine 0x1c4); build the driver for x64"),
        ("Itanium", machine(0x0200), "the image is for Itanium (machine 0x200); build the driver for x64"),
        ("nonsense", machine(0x4242), "the image is for machine 0x4242; build the driver for x64"),
        (
            "PE32 with the number of x64",
            built(|builder| builder.magic = 0x10B),
            "the image is 32-bit (PE32); build the driver for x64 (PE32+)",
        ),
        (
            "a ROM image",
            built(|builder| builder.magic = 0x107),
            "the optional header's magic is 0x107, not that of a 64-bit image (0x20b)",
        ),
    ]);
}

#[test]
fn what_is_no_driver_is_refused() {
    let subsystem = |subsystem| built(|builder| builder.subsystem = subsystem);
    check(vec![
        (
            "a console program",
            subsystem(3),
            "not a kernel driver: a program for the console subsystem (3); drivers are linked for the native subsystem (1)",
        ),
        (
            "a windows program",
            subsystem(2),
            "not a kernel driver: a program for the windows subsystem (2); drivers are linked for the native subsystem (1)",
        ),
        (
            "a user-mode library",
            built(|builder| {
                builder.subsystem = 2;
                builder.characteristics |= 0x2000;
            }),
            "not a kernel driver: a library (DLL) for the windows subsystem (2); drivers are linked for the native subsystem (1)",
        ),
        (
            "an EFI driver",
            subsystem(11),
            "not a kernel driver: a program for the EFI boot service driver subsystem (11); drivers are linked for the native subsystem (1)",
        ),
        (
            "an unknown subsystem",
            subsystem(999),
            "not a kernel driver: a program for the unknown subsystem (999); drivers are linked for the native subsystem (1)",
        ),
        (
            "an image with linker errors",
            built(|builder| builder.characteristics = 0x20),
            "the image is not marked as executable: its linker reported errors",
        ),
        (
            "no entry point",
            built(|builder| builder.entry_point = 0),
            "the image has no entry point; link with /entry:DriverEntry",
        ),
        (
            "an entry point in data",
            built(|builder| builder.entry_point = DATA),
            "the entry point 0x3000 is in no executable section",
        ),
        (
            "an entry point past the image",
            built(|builder| builder.entry_point = 0xFFFF_FFFF),
            "the entry point 0xffffffff is in no executable section",
        ),
        (
            "an entry point in the headers",
            built(|builder| builder.entry_point = 0x40),
            "the entry point 0x40 is in no executable section",
        ),
    ]);
}

#[test]
fn impossible_headers_are_refused() {
    check(vec![
        (
            "no optional header",
            built(|builder| builder.optional_size = 0),
            "the optional header has 0x0 bytes and needs 0x70",
        ),
        (
            "a short optional header",
            built(|builder| builder.optional_size = 0x6F),
            "the optional header has 0x6f bytes and needs 0x70",
        ),
        (
            "fewer directories than claimed",
            built(|builder| builder.optional_size = 112 + 15 * 8),
            "the optional header has 0xe8 bytes and needs 0xf0",
        ),
        (
            "sections aligned to less than a page",
            built(|builder| builder.section_alignment = 0x200),
            "the section alignment 0x200 is no power of two from 0x1000 up; link with page-aligned sections",
        ),
        (
            "sections aligned to three pages",
            built(|builder| builder.section_alignment = 0x3000),
            "the section alignment 0x3000 is no power of two from 0x1000 up; link with page-aligned sections",
        ),
        (
            "an alignment of nothing",
            built(|builder| builder.section_alignment = 0),
            "the section alignment 0x0 is no power of two from 0x1000 up; link with page-aligned sections",
        ),
        (
            "an image of no size",
            built(|builder| builder.size_of_image = Some(0)),
            "the image size 0x0 is not between 1 byte and the limit of 64 MiB (0x4000000)",
        ),
        (
            "an image of 4 GiB",
            built(|builder| builder.size_of_image = Some(u32::MAX)),
            "the image size 0xffffffff is not between 1 byte and the limit of 64 MiB (0x4000000)",
        ),
        (
            "an image of a byte more than the limit",
            built(|builder| builder.size_of_image = Some(0x400_0001)),
            "the image size 0x4000001 is not between 1 byte and the limit of 64 MiB (0x4000000)",
        ),
        (
            "headers that end before the section table",
            built(|builder| builder.size_of_headers = 0x1E7),
            "the headers have 0x1e7 bytes by their own account, which must reach the section table's end at 0x1e8 and stay inside the image",
        ),
        (
            "headers longer than the image",
            built(|builder| builder.size_of_headers = 0x5001),
            "the headers have 0x5001 bytes by their own account, which must reach the section table's end at 0x1e8 and stay inside the image",
        ),
        (
            "no sections",
            built(|builder| builder.section_count = Some(0)),
            "the image has 0 sections, not 1 to 96",
        ),
        (
            "more sections than Windows loads",
            built(|builder| builder.section_count = Some(97)),
            "the image has 97 sections, not 1 to 96",
        ),
        (
            "as many sections as fit the field",
            built(|builder| builder.section_count = Some(u16::MAX)),
            "the image has 65535 sections, not 1 to 96",
        ),
    ]);
}

#[test]
fn sections_that_do_not_fit_are_refused() {
    check(vec![
        (
            "a section in the headers",
            built(|builder| builder.sections[0].rva = 0),
            "sections overlap or are out of order: .text begins at 0x0, what comes before it ends at 0x200",
        ),
        (
            "two sections at one place",
            built(|builder| builder.section(".rdata").rva = 0x1000),
            "sections overlap or are out of order: .rdata begins at 0x1000, what comes before it ends at 0x2000",
        ),
        (
            "a section that reaches into the next",
            built(|builder| builder.section(".text").virtual_size = 0x1001),
            "sections overlap or are out of order: .rdata begins at 0x2000, what comes before it ends at 0x3000",
        ),
        (
            "sections out of order",
            built(|builder| builder.sections.swap(0, 1)),
            "sections overlap or are out of order: .text begins at 0x1000, what comes before it ends at 0x3000",
        ),
        (
            "a section that is not aligned",
            built(|builder| builder.section(".rdata").rva = 0x2010),
            "section .rdata begins at 0x2010, which is not aligned to the section alignment",
        ),
        (
            "a section as large as all addresses",
            built(|builder| {
                builder.size_of_image = Some(0x5000);
                builder.section(".reloc").virtual_size = u32::MAX;
            }),
            "section .reloc ends at 0x100003fff, past the image's end at 0x5000",
        ),
        (
            "a section past the image",
            built(|builder| builder.size_of_image = Some(0x4000)),
            "section .reloc ends at 0x400c, past the image's end at 0x4000",
        ),
        (
            "data past the file",
            built(|builder| builder.section(".data").data_at = Some(0xFFFF_FE00)),
            "the file is truncated: section .data has 0x200 bytes at file offset 0xfffffe00, the file ends at 0xa00",
        ),
        (
            "more data than the file",
            built(|builder| builder.section(".data").data_size = Some(u32::MAX)),
            "the file is truncated: section .data has 0xffffffff bytes at file offset 0x600, the file ends at 0xa00",
        ),
        (
            "data at an odd place",
            built(|builder| builder.section(".data").data_at = Some(0x601)),
            "section .data has its data at file offset 0x601, no multiple of 0x200",
        ),
    ]);
}

#[test]
fn relocations_that_can_not_be_applied_are_refused() {
    check(vec![
        (
            "stripped",
            built(|builder| builder.characteristics |= 1),
            "the relocations were stripped, and the image is never loaded at its preferred base; link with /dynamicbase",
        ),
        (
            "a table past the section",
            built(|builder| builder.directories[RELOCATIONS] = (RELOC, 0x201)),
            "the relocation table at 0x4000 with 0x201 bytes is not in the data the file holds",
        ),
        (
            "a table outside the image",
            built(|builder| builder.directories[RELOCATIONS] = (0xFFFF_FFFF, 8)),
            "the relocation table at 0xffffffff with 0x8 bytes is not in the data the file holds",
        ),
        (
            "a table as large as all addresses",
            built(|builder| builder.directories[RELOCATIONS].1 = u32::MAX),
            "the relocation table at 0x4000 with 0xffffffff bytes is not in the data the file holds",
        ),
        (
            "a block of no size, which a reader would stay at for ever",
            blocks(&block(DATA, 0, 0xA008)),
            "the relocation block at 0x4000 gives its size as 0x0, not an even number from 0x8 to the 0xc bytes left",
        ),
        (
            "a block smaller than its header",
            blocks(&block(DATA, 7, 0xA008)),
            "the relocation block at 0x4000 gives its size as 0x7, not an even number from 0x8 to the 0xc bytes left",
        ),
        (
            "a block of an odd size",
            blocks(&block(DATA, 11, 0xA008)),
            "the relocation block at 0x4000 gives its size as 0xb, not an even number from 0x8 to the 0xc bytes left",
        ),
        (
            "a block larger than the table",
            blocks(&block(DATA, 14, 0xA008)),
            "the relocation block at 0x4000 gives its size as 0xe, not an even number from 0x8 to the 0xc bytes left",
        ),
        (
            "a block of all sizes",
            blocks(&block(DATA, u32::MAX - 1, 0xA008)),
            "the relocation block at 0x4000 gives its size as 0xfffffffe, not an even number from 0x8 to the 0xc bytes left",
        ),
        (
            "bytes left over",
            blocks(&[block(DATA, 12, 0xA008), vec![0; 4]].concat()),
            "the relocation block at 0x400c gives its size as 0x0, not an even number from 0x8 to the 0x4 bytes left",
        ),
        (
            "a 32-bit relocation",
            blocks(&block(DATA, 12, 0x3008)),
            "the relocation of 0x3008 has type 3; x64 images use only ABSOLUTE (0) and DIR64 (10)",
        ),
        (
            "an unknown relocation",
            blocks(&block(DATA, 12, 0xF008)),
            "the relocation of 0x3008 has type 15; x64 images use only ABSOLUTE (0) and DIR64 (10)",
        ),
        (
            "a target outside the image",
            blocks(&block(0xFFFF_F000, 12, 0xAFFF)),
            "the relocation of 0xffffffff lies outside the image",
        ),
        (
            "a target past all addresses",
            blocks(&block(0xFFFF_FFFF, 12, 0xAFFF)),
            "the relocation of 0x100000ffe lies outside the image",
        ),
        (
            "a target that reaches past the image",
            blocks(&block(0x4000, 12, 0xAFF9)),
            "the relocation of 0x4ff9 lies outside the image",
        ),
        (
            "a target in the headers",
            blocks(&block(0, 12, 0xA040)),
            "the relocation of 0x40 lies in the headers",
        ),
        (
            "a target between the headers and the first section",
            blocks(&block(0, 12, 0xA800)),
            "the relocation of 0x800 does not lie in one section",
        ),
        (
            "a target that reaches past its section",
            blocks(&block(DATA, 12, 0xA7F9)),
            "the relocation of 0x37f9 does not lie in one section",
        ),
    ]);
}

#[test]
fn imports_that_can_not_be_read_are_refused() {
    let at = |offset: usize| RDATA + offset as u32;
    check(vec![
        (
            "descriptors outside the file",
            built(|builder| builder.directories[IMPORTS] = (0xFFFF_0000, 40)),
            "the import descriptors at 0xffff0000 do not end before their section does",
        ),
        (
            "descriptors without an end",
            built(|builder| builder.directories[IMPORTS] = (at(0x1EC), 40)),
            "the import descriptors at 0x21ec do not end before their section does",
        ),
        (
            "a descriptor without a name",
            word(DESCRIPTORS + 12, 0),
            "import descriptor 0 lacks its name or its address table",
        ),
        (
            "a descriptor without slots",
            word(DESCRIPTORS + 36, 0),
            "import descriptor 1 lacks its name or its address table",
        ),
        (
            "a module name outside the file",
            word(DESCRIPTORS + 12, 0xFFFF_FFF0),
            "the import name at 0xfffffff0 is not in the data the file holds",
        ),
        (
            "a module name that does not end",
            built(|builder| {
                builder.section(".data").put(0x20, &[b'x'; 0x1E0]);
                builder.section(".rdata").put(DESCRIPTORS + 12, &(DATA + 0x20).to_le_bytes());
            }),
            "the import name at 0x3020 does not end",
        ),
        (
            "a module name of megabytes",
            built(|builder| {
                builder.section(".data").virtual_size = 0x1000;
                builder.section(".rdata").put(DESCRIPTORS + 12, &0x5000_u32.to_le_bytes());
                builder.sections.push(SectionParts::new("long", 0x5000, READ, vec![b'x'; 0x20_0000]));
                builder.size_of_headers = 0x400;
            }),
            "the import name at 0x5000 does not end",
        ),
        ("an empty module name", rdata(DLL_ONE, &[0]), "the import name at 0x20c0 is empty"),
        ("an empty name", rdata(NAME_ONE + 2, &[0]), "the import name at 0x20a2 is empty"),
        (
            "a name with an escape sequence",
            rdata(NAME_ONE + 2, b"\x1b[2J"),
            "the import name at 0x20a2 holds the unprintable byte 0x1b",
        ),
        (
            "a name that is no text",
            rdata(NAME_ONE + 3, &[0xFF]),
            "the import name at 0x20a2 holds the unprintable byte 0xff",
        ),
        (
            "names outside the file",
            rdata(LOOKUP_ONE, &0x7FFF_FFFF_FFFF_FFFF_u64.to_le_bytes()),
            "the import name at 0x8000000000000001 is not in the data the file holds",
        ),
        (
            "names outside the file, with no lookup table",
            built(|builder| {
                builder.section(".rdata").put(DESCRIPTORS, &[0; 4]);
                builder.section(".rdata").put(SLOTS_ONE, &0x8000_u64.to_le_bytes());
            }),
            "the import name at 0x8002 is not in the data the file holds",
        ),
        (
            "a list of names outside the file",
            word(DESCRIPTORS, 0xFFFF_FFF8),
            "the imports from ntoskrnl.exe at 0xfffffff8 do not end before their section does",
        ),
        (
            "a list of names without an end",
            built(|builder| {
                builder.section(".rdata").put(DESCRIPTORS, &at(0x1F0).to_le_bytes());
                builder.section(".rdata").put(0x1F0, &[0xFF; 16]);
            }),
            "the imports from ntoskrnl.exe at 0x21f0 do not end before their section does",
        ),
        (
            "slots outside the image",
            word(DESCRIPTORS + 16, 0xFFFF_FFFF),
            "the import address slot at 0xffffffff does not lie in one section",
        ),
        (
            "slots in the headers",
            word(DESCRIPTORS + 16, 0x80),
            "the import address slot at 0x80 does not lie in one section",
        ),
        (
            "slots that reach past their section",
            word(DESCRIPTORS + 16, DATA + 0x7F0 + 4),
            "the import address slot at 0x37fc does not lie in one section",
        ),
        (
            "two modules with the same slots",
            word(DESCRIPTORS + 36, at(SLOTS_ONE)),
            "two imports share the import address slot at 0x2060",
        ),
        (
            "slots that overlap in part",
            word(DESCRIPTORS + 36, at(SLOTS_ONE) + 12),
            "two imports share the import address slot at 0x206c",
        ),
    ]);
}

/// Descriptors that all lead to one list of names, which together would be far longer than the file.
#[test]
fn import_tables_that_multiply_themselves_are_refused() {
    let mut builder = sample();
    let mut tables = SectionParts::new("imports", 0x5000, READ, Vec::new());
    let (descriptors, list, name) = (0x5000_u32, 0x8000_u32, 0xA000_u32);
    for index in 0..500_usize {
        let fields = [list, 0, 0, name + 2, 0x10_0000 + index as u32 * 0x2000];
        for (place, field) in fields.iter().enumerate() {
            tables.put(index * 20 + place * 4, &field.to_le_bytes());
        }
    }
    for index in 0..0x300_usize {
        tables.put(0x3000 + index * 8, &u64::from(name).to_le_bytes());
    }
    tables.put(0x5000, b"\0\0x\0");
    let slots =
        SectionParts { virtual_size: 0x40_0000, ..SectionParts::new("slots", 0x10_0000, READ, vec![0]) };
    builder.size_of_headers = 0x400;
    builder.sections.extend([tables, slots]);
    builder.directories[IMPORTS] = (descriptors, 40);
    let expected = "the import tables name more than the file's bytes can hold: they overlap";
    check(vec![("one short name, many times", builder.build(), expected)]);
    let mut long = vec![b'x'; 0x1000];
    long.push(0);
    builder.section("imports").put(0x5002, &long);
    check(vec![("one long name, many times", builder.build(), expected)]);
}

#[test]
fn function_tables_that_can_not_be_used_are_refused() {
    let info = |bytes: &[u8]| rdata(INFO_ONE, bytes);
    check(vec![
        (
            "a table of an odd size",
            built(|builder| builder.directories[FUNCTIONS].1 = 35),
            "the function table has 0x23 bytes, no multiple of an entry's 0xc",
        ),
        (
            "a table outside the file",
            built(|builder| builder.directories[FUNCTIONS] = (0x2_0000, 36)),
            "the function table at 0x20000 with 0x24 bytes is not in the data the file holds",
        ),
        (
            "a function that ends before it begins",
            word(TABLE + 4, 0xFFF),
            "function 0 of the function table begins at 0x1000 and ends at 0xfff",
        ),
        (
            "a function of no bytes",
            word(TABLE + 4, 0x1000),
            "function 0 of the function table begins at 0x1000 and ends at 0x1000",
        ),
        (
            "a function that reaches past its section",
            word(TABLE + 28, 0x1101),
            "function 2 of the function table, 0x1040 to 0x1101, does not lie in one section",
        ),
        (
            "a function outside the image",
            word(TABLE + 28, 0xFFFF_FFFF),
            "function 2 of the function table, 0x1040 to 0xffffffff, does not lie in one section",
        ),
        (
            "functions out of order",
            word(TABLE + 12, 0x1008),
            "the function table is not sorted: function 1 begins at 0x1008, the one before ends at 0x100e",
        ),
        (
            "unwind information at an odd place",
            word(TABLE + 8, RDATA + INFO_ONE as u32 + 1),
            "the unwind information at 0x21a1 is unusable: it is not aligned to 4 bytes",
        ),
        (
            "unwind information outside the file",
            word(TABLE + 8, 0x2200),
            "the unwind information at 0x2200 is unusable: it is not in the data the file holds",
        ),
        (
            "codes that reach past the section",
            built(|builder| {
                builder.section(".rdata").put(TABLE + 8, &(RDATA + 0x1FC).to_le_bytes());
                builder.section(".rdata").put(0x1FC, &[1, 0, 255, 0]);
            }),
            "the unwind information at 0x21fc is unusable: it is not in the data the file holds",
        ),
        (
            "version 0",
            info(&[0]),
            "the unwind information at 0x21a0 is unusable: its version is 0, not 1 or 2",
        ),
        (
            "version 3",
            info(&[3]),
            "the unwind information at 0x21a0 is unusable: its version is 3, not 1 or 2",
        ),
        (
            "a chained entry with a handler",
            info(&[1 | 5 << 3]),
            "the unwind information at 0x21a0 is unusable: its flags 0x5 are contradictory or unknown",
        ),
        (
            "an unknown flag",
            info(&[1 | 8 << 3]),
            "the unwind information at 0x21a0 is unusable: its flags 0x8 are contradictory or unknown",
        ),
        (
            "an unknown code",
            info(&[1, 5, 2, 0, 5, 0x3B]),
            "the unwind information at 0x21a0 is unusable: it has an unknown code 11 (3)",
        ),
        (
            "a version 2 code in version 1",
            info(&[1, 5, 2, 0, 5, 0x06]),
            "the unwind information at 0x21a0 is unusable: it has an unknown code 6 (0)",
        ),
        (
            "an allocation of an unknown form",
            info(&[1, 5, 2, 0, 5, 0x21]),
            "the unwind information at 0x21a0 is unusable: it has an unknown code 1 (2)",
        ),
        (
            "a code that is cut off",
            info(&[1, 5, 1, 0, 5, 0x01]),
            "the unwind information at 0x21a0 is unusable: its last code is cut off",
        ),
        (
            "a frame register that is not named",
            info(&[1, 5, 1, 0, 5, 0x03]),
            "the unwind information at 0x21a0 is unusable: it sets a frame register and names none",
        ),
        (
            "a handler in data",
            word(INFO_TWO + 12, DATA),
            "the unwind information at 0x21b0 is unusable: its handler 0x3000 is in no executable section",
        ),
        (
            "a chain that leads to itself",
            word(INFO_CHAINED + 12, RDATA + INFO_CHAINED as u32),
            "the unwind information at 0x21c0 is unusable: its chain does not end",
        ),
        (
            "a chain that leads outside",
            word(INFO_CHAINED + 12, 0xFFFF_FFFC),
            "the unwind information at 0x21c0 is unusable: it is not in the data the file holds",
        ),
    ]);
}

#[test]
fn load_configurations_that_can_not_be_used_are_refused() {
    let cookie = |address: u64| rdata(CONFIG + 88, &address.to_le_bytes());
    check(vec![
        (
            "outside the file",
            built(|builder| builder.directories[LOAD_CONFIG] = (0x3FFE, 96)),
            "the load configuration at 0x3ffe with 0x4 bytes is not in the data the file holds",
        ),
        (
            "too small for a cookie",
            word(CONFIG, 95),
            "the load configuration has 0x5f bytes, too few for the security cookie (0x60)",
        ),
        (
            "that ends with its section",
            built(|builder| {
                builder.section(".rdata").put(0x1F0, &96_u32.to_le_bytes());
                builder.directories[LOAD_CONFIG] = (RDATA + 0x1F0, 96);
            }),
            "the load configuration at 0x21f0 with 0x60 bytes is not in the data the file holds",
        ),
        (
            "a cookie below the image",
            cookie(0x1000),
            "the security cookie 0x1000 does not lie in a section of the image",
        ),
        (
            "a cookie that reaches past its section",
            cookie(0x1_4000_37F9),
            "the security cookie 0x1400037f9 does not lie in a section of the image",
        ),
        (
            "a cookie past all images",
            cookie(u64::MAX),
            "the security cookie 0xffffffffffffffff does not lie in a section of the image",
        ),
    ]);
}

#[test]
fn missing_directories_are_no_fault() {
    for directories in [0, 1, 5, 16] {
        let mut builder = PeBuilder::new(vec![SectionParts::new(".text", 0x1000, CODE, vec![0xC3])]);
        builder.directory_count = directories;
        let image = Image::parse(builder.build()).expect("a driver may have no tables at all");
        assert!(image.imports().is_empty() && image.unwind_table().is_empty());
        assert_eq!((image.relocations().count(), image.security_cookie()), (0, None));
    }
}
