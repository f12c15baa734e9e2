//! Compares every size, offset and constant of this crate with what a C compiler makes of the public headers.
//!
//! The probe is made from the same tables that the crate offers, so nothing can be forgotten in it: a structure or
//! constant that the headers don't have must be named in [`DIFFERENCES`].

use ntpool_abi::{CONSTANTS, LAYOUTS};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const COMPILER: &str = "x86_64-w64-mingw32-gcc";

const HOW_TO_INSTALL: &str = "install the Debian packages gcc-mingw-w64-x86-64 and mingw-w64-x86-64-dev, which bring it and the headers";

/// What is not compared, and why. A name without a dot covers all of a structure.
const DIFFERENCES: &[(&str, &str)] = &[
    ("RTL_QUERY_REGISTRY_TYPECHECK", "newer than the headers"),
    ("RTL_QUERY_REGISTRY_TYPECHECK_SHIFT", "newer than the headers"),
    ("KUSER_SHARED_DATA#", "our structure ends where drivers stop reading"),
    ("KUSER_SHARED_DATA.NtBuildNumber", "a reserved word in these headers"),
    ("KUSER_SHARED_DATA.QpcFrequency", "newer than these headers"),
    ("KUSER_SHARED_DATA.SystemCall", "moved by the frequency"),
    ("ScopeRecord", "the headers give it no name of its own; it is compared as a member of its table"),
    ("DEVICE_OBJECT#", "these headers leave out the structure's alignment to 16 bytes"),
];

/// What only the headers of programs define: structures, and constants whose names begin like this.
const OF_PROGRAMS: &[&str] = &[
    "DISPATCHER_CONTEXT",
    "UNWIND_HISTORY_TABLE",
    "KNONVOLATILE_CONTEXT_POINTERS",
    "SCOPE_TABLE_AMD64",
    "EXCEPTION_UNWIND",
    "EXCEPTION_EXIT_UNWIND",
    "EXCEPTION_STACK_INVALID",
    "EXCEPTION_NESTED_CALL",
    "EXCEPTION_TARGET_UNWIND",
    "EXCEPTION_COLLIDED_UNWIND",
    "EXCEPTION_EXECUTE_HANDLER",
    "EXCEPTION_CONTINUE",
    "ExceptionContinue",
    "ExceptionNestedException",
    "ExceptionCollidedUnwind",
    "UNW_FLAG_",
];

/// Which headers define something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Headers {
    Drivers,
    Programs,
}

impl Headers {
    fn define(self, name: &str) -> bool {
        let of_programs = OF_PROGRAMS.iter().any(|start| name.starts_with(start));
        is_compared(name) && of_programs == (self == Headers::Programs)
    }
}

fn is_compared(name: &str) -> bool {
    !DIFFERENCES.iter().any(|&(left_out, _)| left_out == name)
}

/// Every value of the tables that these headers define, under the name the probe gives it, and the lines that make the
/// probe say it.
fn table(headers: Headers) -> (BTreeMap<String, u64>, String) {
    let (mut values, mut lines) = (BTreeMap::new(), String::new());
    for structure in LAYOUTS.iter().filter(|structure| headers.define(structure.name)) {
        if is_compared(&format!("{}#", structure.name)) {
            values.insert(structure.name.to_owned(), structure.size);
            writeln!(lines, "STRUCTURE({});", structure.name).expect("a string takes all");
        }
        for member in structure.members {
            let name = format!("{}.{}", structure.name, member.name);
            if is_compared(&name) {
                writeln!(lines, "MEMBER({}, {});", structure.name, member.name).expect("a string takes all");
                values.insert(format!("{name}#"), member.size);
                values.insert(name, member.offset);
            }
        }
    }
    for constant in CONSTANTS.iter().copied().flatten().filter(|constant| headers.define(constant.name)) {
        writeln!(lines, "CONSTANT({});", constant.name).expect("a string takes all");
        values.insert(constant.name.to_owned(), constant.value);
    }
    (values, lines)
}

/// What the C compiler says, by name.
fn probe(headers: Headers, lines: &str) -> BTreeMap<String, u64> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("abi-probe-{headers:?}"));
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    std::fs::write(folder.join("table.h"), lines).expect("the target folder can be written");

    let mut command = Command::new(COMPILER);
    command
        .args(["-S", "-o", "-", "-D_AMD64_", "-DNTDDI_VERSION=0x0A000000", "-D_WIN32_WINNT=0x0A00", "-w"])
        .arg("-I")
        .arg(&folder);
    match headers {
        Headers::Drivers => command
            .arg("-I")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../drivers/include"))
            .arg("-isystem")
            .arg(ddk_folder()),
        Headers::Programs => command.arg("-DPROGRAMS"),
    };
    let output = command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probe.c"))
        .output()
        .unwrap_or_else(|error| panic!("{COMPILER} does not start ({error}): {HOW_TO_INSTALL}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{COMPILER} does not compile the probe; {HOW_TO_INSTALL}:\n{complaint}");

    String::from_utf8(output.stdout)
        .expect("assembly is text")
        .lines()
        .filter_map(|line| line.trim().strip_prefix("/*@ ")?.strip_suffix(" @*/"))
        .map(|said| {
            let mut words = said.split(' ');
            let name = words.next().expect("the probe says a name");
            // The compiler writes the halves as signed numbers.
            let mut half = || -> Option<u32> { Some(words.next()?.parse::<i32>().ok()?.cast_unsigned()) };
            let halves = half().zip(half()).expect("the probe says a value in two halves");
            (name.to_owned(), u64::from(halves.0) << 32 | u64::from(halves.1))
        })
        .collect()
}

/// The folder of the driver headers, below the compiler's own include folder.
fn ddk_folder() -> std::path::PathBuf {
    let output = Command::new(COMPILER)
        .args(["-E", "-v", "-x", "c", "/dev/null"])
        .output()
        .unwrap_or_else(|error| panic!("{COMPILER} does not start ({error}): {HOW_TO_INSTALL}"));
    String::from_utf8_lossy(&output.stderr)
        .lines()
        .map(|line| Path::new(line.trim()).join("ddk"))
        .find(|folder| folder.join("wdm.h").is_file())
        .unwrap_or_else(|| panic!("{COMPILER} has no folder ddk with wdm.h: {HOW_TO_INSTALL}"))
}

// LOOK-019 POOL-058 POOL-060 POOL-061 POOL-073 MACH-056 MACH-076 MACH-077 MACH-078 MACH-109 MACH-110 MACH-173 MACH-210 SYS-065 SYS-068 SYS-069
#[test]
fn every_size_offset_and_constant_agrees_with_the_headers() {
    compare_with(Headers::Drivers);
}

#[test]
fn what_programs_are_told_of_exceptions_agrees_with_their_headers() {
    compare_with(Headers::Programs);
}

fn compare_with(headers: Headers) {
    let (ours, lines) = table(headers);
    let theirs = probe(headers, &lines);
    let mut wrong = String::new();
    for (name, value) in &ours {
        match theirs.get(name) {
            Some(said) if said == value => {}
            Some(said) => {
                writeln!(wrong, "{name}: {value:#x} here, {said:#x} in C").expect("a string takes all")
            }
            None => writeln!(wrong, "{name}: the probe does not say it").expect("a string takes all"),
        }
    }
    assert!(wrong.is_empty(), "`#` marks a member's size\n{wrong}");
    assert_eq!(theirs.len(), ours.len(), "the probe says something that nobody asked");
}

#[test]
fn every_difference_from_the_headers_names_something_of_this_crate() {
    for (name, reason) in DIFFERENCES {
        let known = LAYOUTS.iter().any(|structure| {
            let member = |member: &ntpool_abi::Member| format!("{}.{}", structure.name, member.name) == *name;
            structure.name == name.trim_end_matches('#') || structure.members.iter().any(member)
        });
        let constant = CONSTANTS.iter().copied().flatten().any(|constant| constant.name == *name);
        assert!(known || constant, "{name} ({reason}) is not of this crate");
    }
}

// SYS-066
#[test]
fn sys_066_the_header_of_a_memory_descriptor_list_has_48_bytes() {
    assert_eq!(size_of::<ntpool_abi::Mdl>(), 48);
}
