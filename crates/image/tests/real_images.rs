//! Images from the two toolchains that drivers are built with here: what the compiler and its disassembler say about a
//! driver is what this crate says about it.

use ntpool_image::{
    Context, Image, ImportSymbol, Operation, Place, StackMemory, SymbolSource, Symbols, UnwindTable,
};
use ntpool_types::VirtualAddress;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// A driver that has been built.
struct Built {
    _folder: TempDir,
    path: PathBuf,
    bytes: Vec<u8>,
    pdb: Option<Vec<u8>>,
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/driver")
}

/// Runs a tool of the toolchain and gives what it prints.
fn run(folder: &Path, tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| {
        panic!(
            "{tool} can't be run ({error}); install the packages gcc-mingw-w64-x86-64, clang-19 and lld-19"
        )
    });
    assert!(output.status.success(), "{tool} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths here are plain")
}

const VERSION: [&str; 2] = ["-DNTDDI_VERSION=0x0A000000", "-D_WIN32_WINNT=0x0A00"];

fn mingw() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder for the build");
        let source = sources();
        let definitions = source.join("ntoskrnl.def");
        run(folder.path(), "x86_64-w64-mingw32-dlltool", &["-d", text(&definitions), "-l", "kernel.a"]);
        let code = source.join("driver.c");
        let mut arguments = vec!["-std=gnu11", "-O2", "-gdwarf-4", "-w", "-D_AMD64_"];
        arguments.extend(VERSION);
        arguments.extend(["-I/usr/x86_64-w64-mingw32/include/ddk", "-ffreestanding", "-mno-stack-arg-probe"]);
        arguments.extend(["-nostdlib", "-nostartfiles", "-Wl,--subsystem,native:10.0"]);
        arguments.extend(["-Wl,--entry,DriverEntry", "-Wl,--image-base,0x140000000", "-Wl,--dynamicbase"]);
        arguments.extend(["-Wl,--file-alignment,0x200", "-Wl,--section-alignment,0x1000"]);
        arguments.extend(["-o", "driver.sys", text(&code), "kernel.a"]);
        run(folder.path(), "x86_64-w64-mingw32-gcc", &arguments);
        collect(folder, None)
    })
}

fn clang() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder for the build");
        let source = sources();
        let definitions = source.join("ntoskrnl.def");
        run(
            folder.path(),
            "llvm-dlltool-19",
            &["-m", "i386:x86-64", "-d", text(&definitions), "-l", "kernel.lib"],
        );
        let code = source.join("driver.c");
        let mut arguments =
            vec!["-target", "x86_64-pc-windows-msvc", "-fgnuc-version=4.2.1", "-fms-extensions"];
        arguments.extend(["-g", "-gcodeview", "-O2", "-w", "-ffreestanding", "-fasynchronous-unwind-tables"]);
        arguments.extend(["-mno-stack-arg-probe", "-D_AMD64_"]);
        arguments.extend(VERSION);
        arguments.extend(["-I/usr/x86_64-w64-mingw32/include", "-I/usr/x86_64-w64-mingw32/include/ddk"]);
        arguments.extend(["-c", text(&code), "-o", "driver.obj"]);
        run(folder.path(), "clang-19", &arguments);
        let mut arguments = vec!["/subsystem:native,10.0", "/driver", "/entry:DriverEntry", "/nodefaultlib"];
        arguments.extend(["/dynamicbase", "/debug", "/out:driver.sys", "/pdb:driver.pdb"]);
        arguments.extend(["driver.obj", "kernel.lib"]);
        run(folder.path(), "lld-link-19", &arguments);
        let pdb = std::fs::read(folder.path().join("driver.pdb")).expect("the linker wrote a PDB");
        collect(folder, Some(pdb))
    })
}

fn collect(folder: TempDir, pdb: Option<Vec<u8>>) -> Built {
    let path = folder.path().join("driver.sys");
    let bytes = std::fs::read(&path).expect("the linker wrote an image");
    Built { _folder: folder, path, bytes, pdb }
}

fn image(built: &Built) -> Image {
    Image::parse(built.bytes.clone()).expect("a driver is accepted")
}

/// The line of the driver's source that carries this mark.
fn line_of(mark: &str) -> u32 {
    let source = std::fs::read_to_string(sources().join("driver.c")).expect("the driver's source");
    let mark = format!("/* line: {mark} */");
    let line = source.lines().position(|line| line.contains(&mark));
    line.expect("the mark is in the source") as u32 + 1
}

/// An instruction as the disassembler shows it.
struct Instruction {
    rva: u32,
    text: String,
}

fn disassemble(built: &Built, image: &Image) -> Vec<Instruction> {
    let path = text(&built.path);
    let listing = run(Path::new("/"), "x86_64-w64-mingw32-objdump", &["-d", "--no-show-raw-insn", path]);
    let instruction = |line: &str| {
        let (address, text) = line.trim_start().split_once(":\t")?;
        let address = u64::from_str_radix(address, 16).ok()?;
        let rva = u32::try_from(address - image.preferred_base().0).ok()?;
        Some(Instruction { rva, text: text.trim().to_owned() })
    };
    listing.lines().filter_map(instruction).collect()
}

/// A stack in which each word is its own address, so that a register shows where its value was read.
struct Addresses;

impl StackMemory for Addresses {
    fn read_u64(&self, address: u64) -> Option<u64> {
        Some(address)
    }
}

const BASE: VirtualAddress = VirtualAddress(0x2000_0000_0000);
const RSP: u64 = 0x2001_0000_0000;

/// How far above the stack pointer the step finds the return address.
fn return_address_distance(table: &UnwindTable<'_>, rva: u32) -> (u64, Place) {
    let mut context = Context { rip: BASE.0 + u64::from(rva), ..Context::default() };
    context.set_rsp(RSP);
    let step = table.step(BASE, &mut context, &Addresses).expect("the step is made");
    (context.rip - RSP, step.place)
}

/// The value that an instruction adds to the depth of the stack, by its text.
fn depth_change(text: &str) -> i64 {
    let number = |text: &str| i64::from_str_radix(text.trim_start_matches("$0x"), 16).expect("a number");
    let (name, operands) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match (name, operands.trim().split_once(',')) {
        ("push", _) => 8,
        ("pop", _) => -8,
        ("sub", Some((value, "%rsp"))) if value.starts_with('$') => number(value),
        ("add", Some((value, "%rsp"))) if value.starts_with('$') => -number(value),
        _ => 0,
    }
}

/// At every instruction of every function with a fixed frame, the return address is as far up the stack as the
/// instructions so far have put it.
fn check_depths(built: &Built) {
    let image = image(built);
    let table = image.unwind_table();
    let instructions = disassemble(built, &image);
    let (mut prologues, mut bodies, mut epilogues) = (0, 0, 0);
    for function in table.functions() {
        let sets_frame = function.info.codes().any(|code| code.operation == Operation::SetFrameRegister);
        if sets_frame {
            continue;
        }
        let (mut depth, mut whole) = (0, 0);
        let inside = |instruction: &&Instruction| (function.begin..function.end).contains(&instruction.rva);
        for Instruction { rva, text } in instructions.iter().filter(inside) {
            let (distance, place) = return_address_distance(&table, *rva);
            assert_eq!(distance as i64, depth, "at {rva:#x} {text}");
            match place {
                Place::Prologue => prologues += 1,
                Place::Body => bodies += 1,
                Place::Epilogue => epilogues += 1,
                Place::Leaf => panic!("{rva:#x} is in a function with unwind information"),
            }
            depth += depth_change(text);
            whole = whole.max(depth);
            // What follows a way out was reached with the whole frame in place.
            if text.starts_with("ret") || (text.starts_with("jmp") && place == Place::Epilogue) {
                depth = whole;
            }
        }
    }
    assert!(prologues >= 5 && bodies > 20 && epilogues > 5, "{prologues} {bodies} {epilogues}");
}

/// The functions whose frame size is known only at run time still have their return address on top at their start.
fn check_starts(built: &Built) {
    let image = image(built);
    let table = image.unwind_table();
    let mut with_frame_register = 0;
    for function in table.functions() {
        assert_eq!(return_address_distance(&table, function.begin).0, 0, "at {:#x}", function.begin);
        assert_eq!(table.function_start(function.end - 1), Some(function.begin));
        with_frame_register += usize::from(function.info.frame.is_some());
    }
    assert!(with_frame_register > 0, "one function needs a frame register");
}

fn check_imports(built: &Built) {
    let image = image(built);
    let definitions = std::fs::read_to_string(sources().join("ntoskrnl.def")).expect("the definitions");
    let mut expected: Vec<&str> = definitions.lines().skip(2).collect();
    let mut seen: Vec<&str> = Vec::new();
    for import in image.imports() {
        assert_eq!(&*import.dll, "ntoskrnl.exe");
        assert!(image.section_at(import.slot).is_some());
        match &import.symbol {
            ImportSymbol::Name(name) => seen.push(name),
            ImportSymbol::Ordinal(ordinal) => panic!("{ordinal} is not imported by name"),
        }
    }
    expected.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, expected);
}

/// Where the driver's one pointer in initialized data leads once the image is loaded.
fn relocated_pointer(image: &Image) -> u32 {
    let mut memory = vec![0; image.size_of_image().as_usize()];
    image.load(BASE, &mut memory);
    let targets: Vec<u32> = image.relocations().collect();
    assert_eq!(targets.len(), 1, "the driver has one pointer in its data");
    let at = targets[0] as usize;
    let pointer = u64::from_le_bytes(memory[at..at + 8].try_into().expect("8 bytes"));
    (pointer - BASE.0) as u32
}

fn check_relocation(built: &Built) {
    let image = image(built);
    let routine = relocated_pointer(&image);
    assert!(image.section_at(routine).is_some_and(|section| section.protection.execute));
}

/// At the entry routine's code, and in what it inlines, names, files and lines are those of the source.
fn check_symbols(built: &Built, source: SymbolSource) {
    let image = image(built);
    let symbols = Symbols::load(&built.bytes, built.pdb.clone());
    assert_eq!(symbols.source(), source, "{:?}", symbols.notes());
    assert!(symbols.notes().is_empty(), "{:?}", symbols.notes());
    let entry = image.entry_point();
    let end = image.unwind_table().lookup(entry).expect("the entry routine has a frame").end;
    let (mut inlined, mut lines) = (false, Vec::new());
    for rva in entry..end {
        let frames = symbols.resolve(rva);
        let outermost = frames.last().expect("every address of the entry routine has a frame");
        assert_eq!(outermost.function.as_deref(), Some("DriverEntry"));
        assert_eq!(outermost.function_offset, Some(rva - entry));
        assert!(outermost.file.as_deref().is_some_and(|file| file.ends_with("driver.c")), "{outermost:?}");
        lines.extend(outermost.line);
        if let [first, _] = frames.as_slice() {
            assert_eq!(first.function.as_deref(), Some("allocate"));
            assert_eq!(first.function_offset, None);
            assert_eq!(first.line, Some(line_of("allocate")));
            inlined = true;
        }
    }
    assert!(inlined, "one call is inlined");
    assert!(lines.contains(&line_of("entry")), "{lines:?}");
    let unload = symbols.resolve(relocated_pointer(&image));
    let unload = unload.last().expect("the unload routine is named");
    assert_eq!((unload.function.as_deref(), unload.function_offset), (Some("Unload"), Some(0)));
    assert_eq!(symbols.resolve(image.size_of_image().0 as u32 - 1), []);
}

#[test]
fn a_mingw_driver_imports_what_it_calls() {
    check_imports(mingw());
}

#[test]
fn a_clang_driver_imports_what_it_calls() {
    check_imports(clang());
}

#[test]
fn a_mingw_drivers_pointer_is_relocated() {
    check_relocation(mingw());
}

#[test]
fn a_clang_drivers_pointer_is_relocated() {
    check_relocation(clang());
}

#[test]
fn a_mingw_drivers_frames_are_as_deep_as_its_instructions_make_them() {
    check_depths(mingw());
}

#[test]
fn a_clang_drivers_frames_are_as_deep_as_its_instructions_make_them() {
    check_depths(clang());
}

#[test]
fn a_mingw_drivers_functions_begin_with_the_return_address_on_the_stack() {
    check_starts(mingw());
}

#[test]
fn a_clang_drivers_functions_begin_with_the_return_address_on_the_stack() {
    check_starts(clang());
}

#[test]
fn a_mingw_drivers_lines_come_from_dwarf() {
    check_symbols(mingw(), SymbolSource::Dwarf);
}

#[test]
fn a_clang_drivers_lines_come_from_its_pdb() {
    check_symbols(clang(), SymbolSource::Pdb);
}

#[test]
fn a_mingw_drivers_long_section_names_are_read() {
    assert!(image(mingw()).sections().iter().any(|section| section.name == ".debug_info"));
}

#[test]
fn a_pdb_of_another_build_is_not_used() {
    let built = clang();
    let mut bytes = built.bytes.clone();
    let record = bytes.windows(4).position(|window| window == b"RSDS").expect("the image names its PDB");
    bytes[record + 4] ^= 1;
    let symbols = Symbols::load(&bytes, built.pdb.clone());
    assert_eq!(symbols.source(), SymbolSource::None);
    assert_eq!(symbols.notes(), ["the PDB is not used: it belongs to another build of the image"]);
}

#[test]
fn a_pdb_of_another_age_is_not_used() {
    let built = clang();
    let mut bytes = built.bytes.clone();
    let record = bytes.windows(4).position(|window| window == b"RSDS").expect("the image names its PDB");
    bytes[record + 20] += 1;
    assert_eq!(Symbols::load(&bytes, built.pdb.clone()).source(), SymbolSource::None);
}

#[test]
fn a_pdb_for_an_image_that_names_none_is_not_used() {
    let symbols = Symbols::load(&mingw().bytes, clang().pdb.clone());
    assert_eq!(symbols.source(), SymbolSource::Dwarf);
    assert_eq!(symbols.notes(), ["the PDB is not used: the image does not say which PDB belongs to it"]);
}

#[test]
fn a_missing_pdb_is_named() {
    let symbols = Symbols::load(&clang().bytes, None);
    assert_eq!(symbols.source(), SymbolSource::None);
    assert_eq!(symbols.notes(), ["the source lines are in driver.pdb, which was not given"]);
}

#[test]
fn without_debug_information_names_come_from_the_symbol_table() {
    let built = mingw();
    let folder = tempfile::tempdir().expect("a folder for the copy");
    let path = text(&built.path);
    run(folder.path(), "x86_64-w64-mingw32-strip", &["--strip-debug", "-o", "bare.sys", path]);
    let bytes = std::fs::read(folder.path().join("bare.sys")).expect("the stripped image");
    let symbols = Symbols::load(&bytes, None);
    assert_eq!(symbols.source(), SymbolSource::None);
    let entry = image(built).entry_point();
    let frames = symbols.resolve(entry + 5);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].function.as_deref(), Some("DriverEntry"));
    assert_eq!((frames[0].function_offset, frames[0].line), (Some(5), None));
}

/// Resolves addresses all over the image; gives how many have a line.
fn resolve_all(symbols: &Symbols) -> usize {
    let frames = (0x1000..0x1400).step_by(7).flat_map(|rva| symbols.resolve(rva));
    frames.filter(|frame| frame.line.is_some()).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_dwarf_costs_lines_and_nothing_else(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
    ) {
        let mut bytes = mingw().bytes.clone();
        // The debug sections come last; the headers and the code before them stay whole.
        let intact = 0x1400;
        for (place, byte) in damage {
            let place = intact + place.index(bytes.len() - intact);
            bytes[place] = byte;
        }
        resolve_all(&Symbols::load(&bytes, None));
    }

    #[test]
    fn a_damaged_pdb_costs_lines_and_nothing_else(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
    ) {
        let built = clang();
        let mut pdb = built.pdb.clone().expect("clang's driver has a PDB");
        for (place, byte) in damage {
            let place = place.index(pdb.len());
            pdb[place] = byte;
        }
        resolve_all(&Symbols::load(&built.bytes, Some(pdb)));
    }
}

#[test]
fn whole_debug_information_has_a_line_for_much_of_the_code() {
    assert!(resolve_all(&Symbols::load(&mingw().bytes, None)) > 20);
    assert!(resolve_all(&Symbols::load(&clang().bytes, clang().pdb.clone())) > 20);
}
