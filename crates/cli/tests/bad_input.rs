//! Files that are no drivers: each is refused with status 2 and one line that names the file and the reason.
//!
//! The images are the sample with a few bytes changed, at places that its own headers give.
#![forbid(unsafe_code)]

mod support;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use support::{SAMPLE, folder, ntpool};

/// The sample's bytes, to be spoilt.
#[derive(Clone)]
struct Image(Vec<u8>);

/// The numbers of a header's tables.
const IMPORTS: usize = 1;
const FUNCTIONS: usize = 3;
const RELOCATIONS: usize = 5;

impl Image {
    fn sample() -> Image {
        Image(SAMPLE.to_vec())
    }

    fn u16(&self, at: usize) -> usize {
        usize::from(u16::from_le_bytes([self.0[at], self.0[at + 1]]))
    }

    fn u32(&self, at: usize) -> usize {
        self.u16(at) | self.u16(at + 2) << 16
    }

    fn put(mut self, at: usize, bytes: &[u8]) -> Image {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// The PE header.
    fn header(&self) -> usize {
        self.u32(0x3C)
    }

    fn optional(&self) -> usize {
        self.header() + 24
    }

    /// A directory's address and size.
    fn directory(&self, index: usize) -> usize {
        self.optional() + 112 + 8 * index
    }

    fn section_count(&self) -> usize {
        self.u16(self.header() + 6)
    }

    fn section(&self, index: usize) -> usize {
        self.optional() + self.u16(self.header() + 20) + 40 * index
    }

    /// Where in the file the byte at an address of the loaded image is.
    fn offset(&self, address: usize) -> usize {
        (0..self.section_count())
            .map(|index| self.section(index))
            .find_map(|section| {
                let into = address.checked_sub(self.u32(section + 12))?;
                (into < self.u32(section + 16)).then(|| self.u32(section + 20) + into)
            })
            .expect("an address in a section")
    }

    /// Where a directory's table is in the file.
    fn table(&self, index: usize) -> usize {
        self.offset(self.u32(self.directory(index)))
    }

    /// Where the last section's data end; behind them are only names for tools.
    fn end_of_sections(&self) -> usize {
        let end = |section| self.u32(section + 20) + self.u32(section + 16);
        (0..self.section_count()).map(|index| end(self.section(index))).max().expect("a section")
    }

    fn characteristics(&self) -> usize {
        self.u16(self.header() + 22)
    }
}

/// The sample with these bytes at the place that the function finds in its headers.
fn patched(place: impl Fn(&Image) -> usize, bytes: &[u8]) -> Vec<u8> {
    let image = Image::sample();
    let at = place(&image);
    image.put(at, bytes).0
}

/// Asserts that both commands refuse the path, with this reason.
fn assert_refused(path: &Path, reason: &str) {
    for command in ["run", "imports"] {
        let run = ntpool([OsString::from(command), path.into()]);
        let what = format!("{command} {}", path.display());
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{what}: {}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{what}: {}", run.stderr);
        assert!(run.stderr.starts_with("ntpool: ") && run.stderr.ends_with('\n'), "{what}: {}", run.stderr);
        assert!(run.stderr.contains(&*path.to_string_lossy()), "{what} is not named: {}", run.stderr);
        assert!(run.stderr.contains(reason), "{what} does not say {reason:?}: {}", run.stderr);
    }
}

/// Asserts that files with these bytes are refused.
fn assert_all_refused(cases: &[(&str, Vec<u8>, &str)]) {
    let folder = folder();
    for (name, bytes, reason) in cases {
        let path = folder.path().join(format!("{name}.sys"));
        fs::write(&path, bytes).expect("writable");
        assert_refused(&path, reason);
    }
}

#[test]
fn the_sample_itself_is_accepted() {
    let folder = folder();
    let path = folder.path().join("sample.sys");
    fs::write(&path, SAMPLE).expect("writable");
    assert_eq!(ntpool([OsString::from("run"), path.into()]).status, 1);
}

#[test]
fn files_that_are_no_images_are_refused() {
    let no_image = "not a PE image: the file does not begin with MZ";
    assert_all_refused(&[
        ("empty", Vec::new(), no_image),
        ("text", b"This is a driver, honestly.\n".repeat(100), no_image),
        ("zeros", vec![0; 65536], no_image),
        ("elf", [b"\x7FELF", &SAMPLE[4..]].concat(), no_image),
        ("archive", [b"PK", &SAMPLE[2..]].concat(), no_image),
        ("dos", patched(Image::header, b"NE"), "not a PE image: no PE signature"),
    ]);
}

#[test]
fn a_driver_that_is_cut_short_is_refused_wherever_the_cut_is() {
    let image = Image::sample();
    let end = image.end_of_sections();
    assert!(end <= SAMPLE.len());
    let table = image.section(0);
    let headers =
        [0, 1, 2, 63, 64, image.header(), image.optional(), image.optional() + 112, table, table + 40];
    let data = (0..image.section_count()).map(|index| image.u32(image.section(index) + 20));
    let data = data.filter(|&at| at != 0).flat_map(|at| [at - 1, at, at + 1]);
    let steps = (0..end).step_by(1009);
    let folder = folder();
    for length in headers.into_iter().chain(data).chain(steps).chain([end - 1]) {
        let path = folder.path().join(format!("cut-at-{length}.sys"));
        fs::write(&path, &SAMPLE[..length]).expect("writable");
        let reason = if length < 2 { "not a PE image" } else { "the file is truncated" };
        assert_refused(&path, reason);
    }
}

#[test]
fn images_for_another_processor_are_refused_with_its_name() {
    let machine = |number: u16| patched(|image| image.header() + 4, &number.to_le_bytes());
    assert_all_refused(&[
        ("x86", machine(0x14C), "the image is 32-bit (PE32); build the driver for x64 (PE32+)"),
        ("magic", patched(Image::optional, &[0x0B, 0x01]), "the image is 32-bit (PE32)"),
        ("arm64", machine(0xAA64), "the image is for ARM64 (machine 0xaa64); build the driver for x64"),
        ("itanium", machine(0x200), "the image is for Itanium"),
        ("nothing", machine(0), "the image is for no particular processor"),
        ("unknown", machine(0x1234), "the image is for machine 0x1234"),
    ]);
}

#[test]
fn programs_and_libraries_are_refused_as_what_they_are() {
    let subsystem = |number: u8| patched(|image| image.optional() + 68, &[number, 0]);
    let image = Image::sample();
    let library = (image.characteristics() as u16 | 0x2000).to_le_bytes();
    let (flags, kind) = (image.header() + 22, image.optional() + 68);
    let dll = image.put(flags, &library).put(kind, &[2, 0]).0;
    assert_all_refused(&[
        ("console", subsystem(3), "not a kernel driver: a program for the console subsystem (3)"),
        ("windows", subsystem(2), "not a kernel driver: a program for the windows subsystem (2)"),
        ("library", dll, "not a kernel driver: a library (DLL) for the windows subsystem (2)"),
        ("efi", subsystem(11), "not a kernel driver: a program for the EFI boot service driver subsystem"),
    ]);
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    let most = &u32::MAX.to_le_bytes();
    let sections = |count: u16| patched(|image| image.header() + 6, &count.to_le_bytes());
    assert_all_refused(&[
        ("image-size", patched(|image| image.optional() + 56, most), "the image size 0xffffffff"),
        ("no-image-size", patched(|image| image.optional() + 56, &[0; 4]), "the image size 0x0"),
        ("header-size", patched(|image| image.optional() + 60, most), "the headers have 0xffffffff bytes"),
        ("optional-size", patched(|image| image.header() + 20, &[0xFF; 2]), "the file is truncated"),
        ("no-optional", patched(|image| image.header() + 20, &[0; 2]), "the optional header has 0x0 bytes"),
        ("many-sections", sections(u16::MAX), "the image has 65535 sections, not 1 to 96"),
        ("no-sections", sections(0), "the image has 0 sections, not 1 to 96"),
        ("alignment", patched(|image| image.optional() + 32, &[3, 0, 0, 0]), "the section alignment 0x3"),
        ("no-entry", patched(|image| image.optional() + 16, &[0; 4]), "the image has no entry point"),
        ("entry", patched(|image| image.optional() + 16, most), "the entry point 0xffffffff"),
        ("header-place", patched(|_| 0x3C, most), "the file is truncated: the PE header"),
    ]);
}

#[test]
fn sections_that_overlap_or_reach_out_are_refused() {
    let most = &u32::MAX.to_le_bytes();
    let first = Image::sample();
    let first = (first.u32(first.section(0) + 12) as u32).to_le_bytes();
    assert_all_refused(&[
        ("overlap", patched(|image| image.section(1) + 12, &first), "sections overlap or are out of order"),
        ("headers", patched(|image| image.section(0) + 12, &[0; 4]), "sections overlap or are out of order"),
        ("virtual-size", patched(|image| image.section(0) + 8, most), "past the image's end"),
        ("data-size", patched(|image| image.section(0) + 16, most), "the file is truncated: section .text"),
        ("data-place", patched(|image| image.section(0) + 20, &[0, 0xFE, 0xFF, 0xFF]), "truncated: section"),
        ("odd-place", patched(|image| image.section(0) + 20, &[1, 4, 0, 0]), "no multiple of 0x200"),
        ("odd-address", patched(|image| image.section(0) + 12, &[0x10, 0x10, 0, 0]), "which is not aligned"),
    ]);
}

#[test]
fn tables_that_lead_nowhere_or_in_circles_are_refused() {
    let most = &u32::MAX.to_le_bytes();
    let imports = |at: usize, bytes: &[u8]| patched(|image| image.table(IMPORTS) + at, bytes);
    let first_names = |image: &Image| image.offset(image.u32(image.table(IMPORTS)));
    assert_all_refused(&[
        ("relocations", patched(|image| image.directory(RELOCATIONS), most), "the relocation table"),
        ("many-relocations", patched(|image| image.directory(RELOCATIONS) + 4, most), "the relocation table"),
        ("relocation-loop", patched(|image| image.table(RELOCATIONS) + 4, &[0; 4]), "the relocation block"),
        ("relocation-page", patched(|image| image.table(RELOCATIONS), most), "lies outside the image"),
        ("imports", patched(|image| image.directory(IMPORTS), most), "the import descriptors at 0xffffffff"),
        ("import-dll", imports(12, most), "the import name at 0xffffffff"),
        ("import-slots", imports(16, most), "import address slot"),
        ("import-names", imports(0, most), "the imports from ntoskrnl.exe at 0xffffffff do not end"),
        ("import-name", patched(first_names, &[0xFF; 7]), "the import name at"),
        ("functions", patched(|image| image.directory(FUNCTIONS), most), "the function table"),
        (
            "function-end",
            patched(|image| image.table(FUNCTIONS) + 4, &[0; 4]),
            "function 0 of the function table",
        ),
        ("unwind", patched(|image| image.table(FUNCTIONS) + 8, most), "the unwind information at"),
    ]);
}

#[test]
fn paths_that_can_not_be_read_are_refused_with_the_system_s_reason() {
    let folder = folder();
    let missing = folder.path().join("missing.sys");
    assert_refused(&missing, "No such file or directory");
    assert_refused(folder.path(), "Is a directory");
    let file = folder.path().join("file");
    fs::write(&file, SAMPLE).expect("writable");
    assert_refused(&file.join("driver.sys"), "Not a directory");
    let circle = folder.path().join("circle.sys");
    std::os::unix::fs::symlink(&circle, &circle).expect("a link to itself");
    assert_refused(&circle, "symbolic links");
    // A process's memory can be opened and, at address zero, not be read, whoever asks.
    assert_refused(Path::new("/proc/self/mem"), "Input/output error");
}

#[test]
fn a_file_that_its_owner_locked_is_refused_unless_the_user_may_read_everything() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let path = folder.path().join("locked.sys");
    fs::write(&path, SAMPLE).expect("writable");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("the file is ours");
    match fs::read(&path) {
        Err(_) => assert_refused(&path, "Permission denied"),
        Ok(_) => assert_eq!(ntpool([OsString::from("run"), path.into()]).status, 1),
    }
}

#[test]
fn files_larger_than_any_driver_are_refused_without_being_read_whole() {
    let folder = folder();
    let sparse = folder.path().join("sparse.sys");
    let file = fs::File::create(&sparse).expect("writable");
    file.set_len(300 << 20).expect("a file with a hole");
    assert_refused(&sparse, "larger than 268435456 bytes");
    // A driver at the beginning makes no difference.
    fs::write(&sparse, SAMPLE).expect("writable");
    fs::OpenOptions::new().write(true).open(&sparse).and_then(|file| file.set_len(1 << 40)).expect("a hole");
    assert_refused(&sparse, "larger than 268435456 bytes");
    assert_refused(Path::new("/dev/zero"), "larger than 268435456 bytes");
}

#[test]
fn names_that_are_no_text_are_shown_as_far_as_they_are() {
    use std::os::unix::ffi::OsStrExt;
    let folder = folder();
    let path: PathBuf = folder.path().join(std::ffi::OsStr::from_bytes(b"dr\xFFiver.sys"));
    fs::write(&path, b"text").expect("writable");
    assert_refused(&path, "not a PE image");
}

/// Numbers that look arbitrary and are the same every time (Marsaglia's xorshift, 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn images_with_arbitrary_bytes_changed_are_run_or_refused_and_never_confuse_the_command() {
    let folder = folder();
    let path = folder.path().join("changed.sys");
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let image = Image::sample();
    let places = [image.section(image.section_count()), SAMPLE.len()];
    let mut seen = [0; 4];
    for round in 0..60 {
        let mut bytes = SAMPLE.to_vec();
        let bound = places[round % 2];
        for _ in 0..=numbers.below(3) {
            let at = 64 + numbers.below(bound - 64);
            bytes[at] = numbers.below(256) as u8;
        }
        fs::write(&path, &bytes).expect("writable");
        let run = ntpool([OsString::from("run"), path.clone().into(), "--timeout".into(), "1".into()]);
        assert!((0..=3).contains(&run.status), "round {round}: {run:?}");
        assert_eq!(run.status == 2, run.stdout.is_empty(), "round {round}: {run:?}");
        seen[run.status as usize] += 1;
    }
    assert!(seen[1] > 0 && seen[2] > 0, "exit statuses 0 to 3 were seen {seen:?} times");
}
