//! The drivers about exceptions have the unwind data that they are about, from both toolchains.

use ntpool_drivers::{Source, Toolchain, build};
use object::read::pe::{ImageThunkData, PeFile64};
use object::{LittleEndian as LE, Object, ObjectSection};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;

/// The language handler of both compilers' scopes.
const HANDLER: &str = "__C_specific_handler";

/// An image as it lies in memory.
struct Mapped {
    bytes: Vec<u8>,
    code: Vec<Range<u32>>,
    functions: Range<u32>,
    /// The names of imports by the addresses of their slots.
    slots: BTreeMap<u32, String>,
}

impl Mapped {
    fn new(image: &[u8]) -> Mapped {
        let file = PeFile64::parse(image).expect("an image");
        let (mut bytes, mut code) = (Vec::new(), Vec::new());
        let base = file.relative_address_base();
        for section in file.sections() {
            let start = usize::try_from(section.address() - base).expect("an address in the image");
            let content = section.data().expect("a section's content");
            bytes.resize(bytes.len().max(start + content.len()), 0);
            bytes[start..start + content.len()].copy_from_slice(content);
            let range = start as u32..(start + content.len()) as u32;
            match section.name().expect("a name") {
                ".text" | "INIT" => code.push(range),
                _ => {}
            }
        }
        let directory = file.data_directory(object::pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION).expect("functions");
        let (start, size) = (directory.virtual_address.get(LE), directory.size.get(LE));
        Mapped { bytes, code, functions: start..start + size, slots: slots(&file) }
    }

    fn u32(&self, address: u32) -> u32 {
        let place = address as usize;
        u32::from_le_bytes(self.bytes[place..place + 4].try_into().expect("four bytes"))
    }

    /// The import that the code at this address jumps to.
    fn jumps_to(&self, address: u32) -> Option<&str> {
        let place = address as usize;
        if self.bytes.get(place..place + 2)? != [0xFF, 0x25] {
            return None;
        }
        let slot = address.wrapping_add(6).wrapping_add(self.u32(address + 2));
        self.slots.get(&slot).map(String::as_str)
    }

    fn is_code(&self, address: u32) -> bool {
        self.code.iter().any(|range| range.contains(&address))
    }

    /// Every function with its language handler and where that one's data lies.
    fn handlers(&self) -> Vec<(Range<u32>, u32, u32)> {
        let mut found = Vec::new();
        for entry in self.functions.clone().step_by(12) {
            let (function, unwind) = (self.u32(entry)..self.u32(entry + 4), self.u32(entry + 8));
            let (version_and_flags, codes) = (self.bytes[unwind as usize], self.bytes[unwind as usize + 2]);
            // Bits 3 and 4: a handler for exceptions, and for unwinding.
            if version_and_flags & 0x18 != 0 {
                let handler = unwind + 4 + u32::from(codes).next_multiple_of(2) * 2;
                found.push((function, self.u32(handler), handler + 4));
            }
        }
        found
    }
}

fn slots(file: &PeFile64<'_>) -> BTreeMap<u32, String> {
    let table = file.import_table().expect("an import table").expect("imports");
    let mut slots = BTreeMap::new();
    let mut descriptors = table.descriptors().expect("descriptors");
    while let Some(descriptor) = descriptors.next().expect("a descriptor") {
        let mut thunks = table.thunks(descriptor.original_first_thunk.get(LE)).expect("thunks");
        let mut slot = descriptor.first_thunk.get(LE);
        while let Some(thunk) = thunks.next::<object::pe::ImageNtHeaders64>().expect("a thunk") {
            let (_, name) = table.hint_name(thunk.address()).expect("an import by name");
            slots.insert(slot, String::from_utf8_lossy(name).into_owned());
            slot += 8;
        }
    }
    slots
}

/// Checks every scope table of an image, and returns how many functions have one and how many scopes there are.
fn check(image: &Mapped) -> (usize, usize) {
    let (mut functions, mut scopes) = (0, 0);
    for (function, handler, data) in image.handlers() {
        if image.jumps_to(handler) != Some(HANDLER) {
            continue;
        }
        let count = image.u32(data);
        assert!((1..100).contains(&count), "{count} scopes in {function:x?}");
        let field = |scope: u32, place: u32| image.u32(data + 4 + scope * 16 + place * 4);
        let ranges: Vec<Range<u32>> = (0..count).map(|scope| field(scope, 0)..field(scope, 1)).collect();
        for (scope, range) in (0..).zip(&ranges) {
            assert!(!range.is_empty(), "{range:x?} in {function:x?}");
            assert!(
                function.start <= range.start && range.end <= function.end,
                "{range:x?} in {function:x?}"
            );
            let (routine, target) = (field(scope, 2), field(scope, 3));
            assert!(routine == 1 || image.is_code(routine), "{routine:x} in {function:x?}");
            assert!(routine != 1 || target != 0, "an ending is a routine");
            assert!(target == 0 || function.contains(&target), "{target:x} in {function:x?}");
            for outer in &ranges[scope as usize + 1..] {
                // clang's scopes end one byte behind their last instruction.
                let apart = outer.end <= range.start + 1 || range.end <= outer.start + 1;
                let inside = outer.start <= range.start && range.end <= outer.end;
                assert!(apart || inside, "{range:x?} before {outer:x?} in {function:x?}");
            }
        }
        functions += 1;
        scopes += ranges.len();
    }
    (functions, scopes)
}

#[test]
fn every_scope_lies_in_its_function_and_inner_scopes_come_first() {
    let out = tempfile::tempdir().expect("a temporary folder");
    // The least numbers of functions and scopes, by the macros in the sources.
    let drivers = [
        ("exceptions", 36, 44),
        ("exceptions-probe", 9, 9),
        ("exceptions-unwind", 3, 3),
        ("exceptions-clang", 15, 24),
    ];
    for (name, functions, scopes) in drivers {
        let source = Source::observer(name).unwrap_or_else(|error| panic!("{error}"));
        for &toolchain in source.toolchains() {
            let path = build(&source, toolchain, out.path()).unwrap_or_else(|error| panic!("{error}"));
            let found = check(&Mapped::new(&fs::read(path).expect("the image")));
            assert!(found.0 >= functions && found.1 >= scopes, "{name} of {toolchain}: {found:?}");
        }
    }
}

#[test]
fn a_language_handler_of_the_drivers_own_is_in_the_unwind_data() {
    let out = tempfile::tempdir().expect("a temporary folder");
    let source = Source::observer("exceptions-unwind").unwrap_or_else(|error| panic!("{error}"));
    for toolchain in Toolchain::ALL {
        let path = build(&source, toolchain, out.path()).unwrap_or_else(|error| panic!("{error}"));
        let image = Mapped::new(&fs::read(path).expect("the image"));
        let own: Vec<u32> = (image.handlers().iter())
            .filter(|(_, handler, _)| image.jumps_to(*handler) != Some(HANDLER))
            .map(|&(_, _, data)| image.u32(data))
            .collect();
        assert_eq!(own, [0x1234], "{toolchain}");
    }
}
