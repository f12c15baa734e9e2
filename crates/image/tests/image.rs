//! What an accepted image says of itself, and how it stands in memory.

mod support;

use ntpool_image::{Image, ImportSymbol, Protection};
use ntpool_types::{Bytes, VirtualAddress};
use support::{
    CODE, DATA, DISCARDABLE, INFO_ONE, PE_AT, RDATA, READ, RELOCATIONS, SLOTS_ONE, SLOTS_TWO, SectionParts,
    WRITE, put, sample,
};

fn parse(builder: &support::PeBuilder) -> Image {
    Image::parse(builder.build()).expect("the image is sound")
}

#[test]
fn a_sound_image_says_what_its_header_says() {
    let image = parse(&sample());
    assert_eq!(image.size_of_image(), Bytes(0x5000));
    assert_eq!(image.preferred_base(), VirtualAddress(0x1_4000_0000));
    assert_eq!(image.entry_point(), 0x1000);
    assert_eq!(image.security_cookie(), Some(DATA));
    let names: Vec<&str> = image.sections().iter().map(|section| section.name.as_str()).collect();
    assert_eq!(names, [".text", ".rdata", ".data", ".reloc"]);
    assert_eq!(image.sections()[0].protection, Protection { read: true, write: false, execute: true });
    assert_eq!(image.sections()[2].protection, Protection { read: true, write: true, execute: false });
    assert_eq!(image.section_at(DATA + 0x7FF).map(|section| section.name.as_str()), Some(".data"));
    assert_eq!(image.section_at(DATA + 0x800), None);
}

#[test]
fn imports_name_their_module_their_symbol_and_their_slot() {
    let image = parse(&sample());
    let seen: Vec<(&str, ImportSymbol, u32)> =
        image.imports().iter().map(|import| (&*import.dll, import.symbol.clone(), import.slot)).collect();
    let at = |offset: usize| RDATA + offset as u32;
    assert_eq!(
        seen,
        [
            ("ntoskrnl.exe", ImportSymbol::Name("AllocateThing".to_owned()), at(SLOTS_ONE)),
            ("ntoskrnl.exe", ImportSymbol::Name("FreeThing".to_owned()), at(SLOTS_ONE) + 8),
            ("HAL.dll", ImportSymbol::Ordinal(7), at(SLOTS_TWO)),
        ]
    );
}

#[test]
fn imports_without_a_lookup_table_are_read_from_the_slots() {
    let mut builder = sample();
    builder.section(".rdata").put(0, &[0; 4]);
    assert_eq!(parse(&builder).imports(), parse(&sample()).imports());
}

#[test]
fn a_loaded_image_has_its_parts_in_place_and_zeros_between() {
    let builder = sample();
    let image = parse(&builder);
    let mut memory = vec![0xAA; 0x5000];
    image.load(image.preferred_base(), &mut memory);
    assert!(memory.starts_with(b"MZ"));
    assert_eq!(memory[0x200..0x1000], [0; 0xE00], "between the headers and the first section");
    assert_eq!(memory[0x1000..0x100E], *support::FRAMED);
    assert_eq!(memory[0x3020..0x4000], [0; 0xFE0], "the part of .data that the file does not hold");
}

#[test]
fn loading_elsewhere_moves_the_relocated_addresses_and_nothing_else() {
    let image = parse(&sample());
    let (mut here, mut there) = (vec![0; 0x5000], vec![0; 0x5000]);
    image.load(image.preferred_base(), &mut here);
    image.load(VirtualAddress(0x2000_0000_0000), &mut there);
    assert_eq!(image.relocations().collect::<Vec<_>>(), [DATA + 8]);
    let at = DATA as usize + 8;
    assert_eq!(there[at..at + 8], 0x2000_0000_1000_u64.to_le_bytes());
    put(&mut there, at, &0x1_4000_1000_u64.to_le_bytes());
    assert_eq!(here, there);
}

#[test]
fn an_image_may_be_moved_below_its_preferred_base() {
    let image = parse(&sample());
    let mut memory = vec![0; 0x5000];
    image.load(VirtualAddress(0x1_0000), &mut memory);
    let at = DATA as usize + 8;
    assert_eq!(memory[at..at + 8], 0x1_1000_u64.to_le_bytes());
}

#[test]
fn an_image_without_a_relocation_table_needs_none() {
    let mut builder = sample();
    builder.directories[RELOCATIONS] = (0, 0);
    assert_eq!(parse(&builder).relocations().count(), 0);
}

#[test]
fn a_native_library_is_accepted_as_an_export_driver() {
    let mut builder = sample();
    builder.characteristics |= 0x2000;
    assert_eq!(parse(&builder).entry_point(), 0x1000);
}

#[test]
fn sections_are_init_or_pageable_by_name_and_by_flags() {
    let mut builder = sample();
    builder.size_of_headers = 0x400;
    let section = |name, rva, flags| SectionParts::new(name, rva, flags, vec![0; 16]);
    builder.sections = vec![
        section("PAGElk", 0x1000, CODE),
        section("INIT", 0x2000, CODE),
        section("late", 0x3000, CODE | 0x0200_0000),
        section(".rsrc", 0x4000, DISCARDABLE),
        section("page", 0x5000, WRITE),
        section("INITDATA", 0x6000, READ),
    ];
    builder.directories = [(0, 0); 16];
    let image = parse(&builder);
    let seen: Vec<(bool, bool, bool)> = image
        .sections()
        .iter()
        .map(|section| (section.is_pageable(), section.is_init(), section.is_discardable()))
        .collect();
    assert_eq!(
        seen,
        [
            (true, false, false),
            (false, true, false),
            (false, true, true),
            (false, false, true),
            (false, false, false),
            (false, false, false),
        ]
    );
}

#[test]
fn long_section_names_come_from_the_string_table() {
    let mut builder = sample();
    builder.sections[2].name = *b"/4\0\0\0\0\0\0";
    let mut file = builder.build();
    let symbols = (file.len() as u32).to_le_bytes();
    put(&mut file, PE_AT + 12, &symbols);
    file.extend_from_slice(b"\x14\0\0\0.debug_frame\x07\0");
    let image = Image::parse(file).expect("the image is sound");
    assert_eq!(image.sections()[2].name, ".debug_frame.", "an unprintable character becomes a dot");
}

#[test]
fn a_security_cookie_of_zero_is_none() {
    let mut builder = sample();
    builder.section(".rdata").put(support::CONFIG + 88, &[0; 8]);
    assert_eq!(parse(&builder).security_cookie(), None);
}

#[test]
fn bytes_are_given_as_far_as_the_file_holds_them() {
    let image = parse(&sample());
    let info = RDATA + INFO_ONE as u32;
    assert_eq!(image.bytes_at(info, Bytes(4)), Some(&[1, 5, 2, 0][..]));
    assert_eq!(image.bytes_at(DATA + 0x1FC, Bytes(4)), Some(&[0; 4][..]), "the file pads to its alignment");
    assert_eq!(image.bytes_at(DATA + 0x1FC, Bytes(8)), None);
    assert_eq!(image.bytes_at(0x10_0000, Bytes(1)), None);
}
