//! Why an image is refused.

use crate::unwind::UnwindInfoFault;
use object::pe;
use std::fmt;

/// Why a file can't be loaded as an x64 kernel driver.
///
/// Each variant carries the numbers that explain it; the text is one line in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageError {
    /// The file does not begin with the two letters of every PE image.
    NoDosHeader,
    /// The place where the PE signature should be holds something else.
    NoSignature {
        /// The file offset the header names.
        offset: u64,
    },
    /// A part of the file lies past its end.
    Truncated {
        /// What the part is.
        part: String,
        /// Where it begins in the file.
        offset: u64,
        /// Its length in bytes.
        size: u64,
        /// The file's length in bytes.
        length: u64,
    },
    /// A 32-bit image (PE32).
    ThirtyTwoBit,
    /// An image for another processor.
    Machine(u16),
    /// The optional header is neither PE32 nor PE32+.
    OptionalHeaderMagic(u16),
    /// The optional header is too short for what it must hold.
    OptionalHeaderSize {
        /// The size the file header gives, in bytes.
        size: u16,
        /// The size needed, in bytes.
        needed: u32,
    },
    /// The linker did not mark the image as executable.
    NotLinked,
    /// A program or library for user mode, or for something else than the NT kernel.
    Subsystem {
        /// The subsystem's number.
        subsystem: u16,
        /// Whether the file is marked as a library (DLL).
        library: bool,
    },
    /// The section alignment is no multiple of a page, or no power of two.
    SectionAlignment(u32),
    /// The image would be empty, or larger than 64 MiB.
    ImageSize(u64),
    /// The headers are shorter than the tables in them or longer than the image.
    HeaderSize {
        /// The size the header gives, in bytes.
        size: u32,
        /// Where the section table ends, in bytes from the file's start.
        needed: u64,
    },
    /// An image has between 1 and 96 sections.
    SectionCount(u16),
    /// A section does not begin at a multiple of the section alignment.
    SectionMisaligned {
        /// The section's name.
        name: String,
        /// Where it begins, relative to the image.
        rva: u32,
    },
    /// A section begins before the previous one, or the headers, end.
    SectionOverlap {
        /// The section's name.
        name: String,
        /// Where it begins, relative to the image.
        rva: u32,
        /// Where what lies before it ends.
        previous_end: u64,
    },
    /// A section reaches past the end of the image.
    SectionOutside {
        /// The section's name.
        name: String,
        /// Where it ends, relative to the image.
        end: u64,
        /// The image's size in bytes.
        image_size: u32,
    },
    /// A section's data begins at a file offset that the Windows loader would round down.
    SectionFileOffset {
        /// The section's name.
        name: String,
        /// The file offset.
        offset: u32,
    },
    /// The header names no entry point.
    NoEntryPoint,
    /// The entry point lies in no executable section.
    EntryPoint(u32),
    /// A table that the header names is not in the data that the file holds.
    DirectoryOutside {
        /// What the table is.
        part: &'static str,
        /// Where it begins, relative to the image.
        rva: u32,
        /// Its size in bytes.
        size: u64,
    },
    /// The linker left the relocations out.
    RelocationsStripped,
    /// A relocation block whose size is impossible.
    RelocationBlock {
        /// Where the block begins, relative to the image.
        rva: u32,
        /// The size it gives, in bytes.
        size: u32,
        /// The bytes left in the table.
        left: u32,
    },
    /// A relocation of a type that no x64 image needs.
    RelocationType {
        /// The type's number.
        kind: u8,
        /// The address it applies to, relative to the image.
        target: u64,
    },
    /// A relocation of something that is not part of a section.
    RelocationTarget {
        /// The address it applies to, relative to the image.
        target: u64,
        /// What is wrong with it.
        fault: TargetFault,
    },
    /// The list of imported modules runs to the end of the section without an end mark.
    ImportsUnterminated {
        /// Where the list begins, relative to the image.
        rva: u32,
    },
    /// An import descriptor lacks its name or its address table.
    ImportDescriptor {
        /// Its place in the list, from 0.
        index: usize,
    },
    /// A module's list of imported names runs to the end of the section without an end mark.
    ThunksUnterminated {
        /// The module.
        dll: String,
        /// Where the list begins, relative to the image.
        rva: u32,
    },
    /// A name among the imports is unusable.
    ImportName {
        /// Where it begins, relative to the image.
        rva: u64,
        /// What is wrong with it.
        fault: NameFault,
    },
    /// The place for an imported address is in no section.
    ImportSlot {
        /// Where it lies, relative to the image.
        rva: u64,
    },
    /// Two imports would be bound to the same place.
    ImportSlotShared {
        /// Where it lies, relative to the image.
        rva: u32,
    },
    /// More imports, or longer names, than the bytes of the file can hold: tables overlap.
    ImportsOverlap,
    /// The size of the function table is no multiple of its entries' 12 bytes.
    FunctionTableSize(u32),
    /// An entry of the function table is unusable.
    Function {
        /// Its place in the table, from 0.
        index: usize,
        /// Where the function begins, relative to the image.
        begin: u32,
        /// What is wrong with it.
        fault: FunctionFault,
    },
    /// Unwind information that does not decode.
    UnwindInfo {
        /// Where it lies, relative to the image.
        rva: u32,
        /// What is wrong with it.
        fault: UnwindInfoFault,
    },
    /// The load configuration ends before the security cookie.
    LoadConfigSize(u32),
    /// The security cookie lies in no section.
    SecurityCookie {
        /// The address the load configuration gives, at the image's preferred base.
        address: u64,
    },
}

/// What is wrong with a relocation's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetFault {
    /// It lies outside the image.
    Outside,
    /// It lies in the headers.
    Headers,
    /// It lies between two sections or reaches past the end of one.
    BetweenSections,
}

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// It is not in the data that the file holds.
    Outside,
    /// No zero byte ends it where one must.
    Unterminated,
    /// It is empty.
    Empty,
    /// It holds a byte that is no printable ASCII character.
    Byte(u8),
}

/// What is wrong with an entry of the function table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionFault {
    /// It ends before it begins, or where it begins.
    Empty {
        /// Where it ends, relative to the image.
        end: u32,
    },
    /// It begins before the previous one ends.
    Unsorted {
        /// Where the previous function ends, relative to the image.
        previous_end: u32,
    },
    /// It does not lie in one section.
    Outside {
        /// Where it ends, relative to the image.
        end: u32,
    },
}

/// The name of a processor by its number in the file header.
fn machine_name(machine: u16) -> Option<&'static str> {
    Some(match pe::Machine(machine) {
        pe::IMAGE_FILE_MACHINE_I386 => "32-bit x86",
        pe::IMAGE_FILE_MACHINE_ARM64 => "ARM64",
        pe::IMAGE_FILE_MACHINE_ARM64EC => "ARM64EC",
        pe::IMAGE_FILE_MACHINE_ARM64X => "ARM64X",
        pe::IMAGE_FILE_MACHINE_ARM => "ARM",
        pe::IMAGE_FILE_MACHINE_ARMNT => "32-bit ARM",
        pe::IMAGE_FILE_MACHINE_THUMB => "Thumb",
        pe::IMAGE_FILE_MACHINE_IA64 => "Itanium",
        pe::IMAGE_FILE_MACHINE_EBC => "EFI byte code",
        pe::IMAGE_FILE_MACHINE_RISCV32 => "32-bit RISC-V",
        pe::IMAGE_FILE_MACHINE_RISCV64 => "64-bit RISC-V",
        pe::IMAGE_FILE_MACHINE_UNKNOWN => "no particular processor",
        _ => return None,
    })
}

/// The kind of program by its subsystem number.
fn subsystem_name(subsystem: u16) -> &'static str {
    match pe::Subsystem(subsystem) {
        pe::IMAGE_SUBSYSTEM_WINDOWS_GUI => "windows",
        pe::IMAGE_SUBSYSTEM_WINDOWS_CUI => "console",
        pe::IMAGE_SUBSYSTEM_OS2_CUI => "OS/2",
        pe::IMAGE_SUBSYSTEM_POSIX_CUI => "POSIX",
        pe::IMAGE_SUBSYSTEM_WINDOWS_CE_GUI => "Windows CE",
        pe::IMAGE_SUBSYSTEM_EFI_APPLICATION => "EFI application",
        pe::IMAGE_SUBSYSTEM_EFI_BOOT_SERVICE_DRIVER => "EFI boot service driver",
        pe::IMAGE_SUBSYSTEM_EFI_RUNTIME_DRIVER => "EFI run-time driver",
        pe::IMAGE_SUBSYSTEM_EFI_ROM => "EFI ROM",
        pe::IMAGE_SUBSYSTEM_XBOX => "Xbox",
        pe::IMAGE_SUBSYSTEM_WINDOWS_BOOT_APPLICATION => "boot application",
        _ => "unknown",
    }
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageError::NoDosHeader => f.write_str("not a PE image: the file does not begin with MZ"),
            ImageError::NoSignature { offset } => {
                write!(f, "not a PE image: no PE signature at file offset {offset:#x}")
            }
            ImageError::Truncated { part, offset, size, length } => write!(
                f,
                "the file is truncated: {part} has {size:#x} bytes at file offset {offset:#x}, the file ends at {length:#x}"
            ),
            ImageError::ThirtyTwoBit => {
                f.write_str("the image is 32-bit (PE32); build the driver for x64 (PE32+)")
            }
            ImageError::Machine(machine) => match machine_name(*machine) {
                Some(name) => {
                    write!(f, "the image is for {name} (machine {machine:#x}); build the driver for x64")
                }
                None => write!(f, "the image is for machine {machine:#x}; build the driver for x64"),
            },
            ImageError::OptionalHeaderMagic(magic) => {
                write!(f, "the optional header's magic is {magic:#x}, not that of a 64-bit image (0x20b)")
            }
            ImageError::OptionalHeaderSize { size, needed } => {
                write!(f, "the optional header has {size:#x} bytes and needs {needed:#x}")
            }
            ImageError::NotLinked => {
                f.write_str("the image is not marked as executable: its linker reported errors")
            }
            ImageError::Subsystem { subsystem, library } => write!(
                f,
                "not a kernel driver: a {} for the {} subsystem ({subsystem}); drivers are linked for the native subsystem (1)",
                if *library { "library (DLL)" } else { "program" },
                subsystem_name(*subsystem)
            ),
            ImageError::SectionAlignment(alignment) => write!(
                f,
                "the section alignment {alignment:#x} is no power of two from 0x1000 up; link with page-aligned sections"
            ),
            ImageError::ImageSize(size) => {
                write!(f, "the image size {size:#x} is not between 1 byte and the limit of 64 MiB (0x4000000)")
            }
            ImageError::HeaderSize { size, needed } => write!(
                f,
                "the headers have {size:#x} bytes by their own account, which must reach the section table's end at {needed:#x} and stay inside the image"
            ),
            ImageError::SectionCount(count) => write!(f, "the image has {count} sections, not 1 to 96"),
            ImageError::SectionMisaligned { name, rva } => {
                write!(f, "section {name} begins at {rva:#x}, which is not aligned to the section alignment")
            }
            ImageError::SectionOverlap { name, rva, previous_end } => write!(
                f,
                "sections overlap or are out of order: {name} begins at {rva:#x}, what comes before it ends at {previous_end:#x}"
            ),
            ImageError::SectionOutside { name, end, image_size } => {
                write!(f, "section {name} ends at {end:#x}, past the image's end at {image_size:#x}")
            }
            ImageError::SectionFileOffset { name, offset } => {
                write!(f, "section {name} has its data at file offset {offset:#x}, no multiple of 0x200")
            }
            ImageError::NoEntryPoint => f.write_str("the image has no entry point; link with /entry:DriverEntry"),
            ImageError::EntryPoint(rva) => {
                write!(f, "the entry point {rva:#x} is in no executable section")
            }
            ImageError::DirectoryOutside { part, rva, size } => {
                write!(f, "{part} at {rva:#x} with {size:#x} bytes is not in the data the file holds")
            }
            ImageError::RelocationsStripped => f.write_str(
                "the relocations were stripped, and the image is never loaded at its preferred base; link with /dynamicbase",
            ),
            ImageError::RelocationBlock { rva, size, left } => write!(
                f,
                "the relocation block at {rva:#x} gives its size as {size:#x}, not an even number from 0x8 to the {left:#x} bytes left"
            ),
            ImageError::RelocationType { kind, target } => write!(
                f,
                "the relocation of {target:#x} has type {kind}; x64 images use only ABSOLUTE (0) and DIR64 (10)"
            ),
            ImageError::RelocationTarget { target, fault } => write!(
                f,
                "the relocation of {target:#x} {}",
                match fault {
                    TargetFault::Outside => "lies outside the image",
                    TargetFault::Headers => "lies in the headers",
                    TargetFault::BetweenSections => "does not lie in one section",
                }
            ),
            ImageError::ImportsUnterminated { rva } => {
                write!(f, "the import descriptors at {rva:#x} do not end before their section does")
            }
            ImageError::ImportDescriptor { index } => {
                write!(f, "import descriptor {index} lacks its name or its address table")
            }
            ImageError::ThunksUnterminated { dll, rva } => {
                write!(f, "the imports from {dll} at {rva:#x} do not end before their section does")
            }
            ImageError::ImportName { rva, fault } => match fault {
                NameFault::Outside => write!(f, "the import name at {rva:#x} is not in the data the file holds"),
                NameFault::Unterminated => write!(f, "the import name at {rva:#x} does not end"),
                NameFault::Empty => write!(f, "the import name at {rva:#x} is empty"),
                NameFault::Byte(byte) => {
                    write!(f, "the import name at {rva:#x} holds the unprintable byte {byte:#04x}")
                }
            },
            ImageError::ImportSlot { rva } => {
                write!(f, "the import address slot at {rva:#x} does not lie in one section")
            }
            ImageError::ImportSlotShared { rva } => {
                write!(f, "two imports share the import address slot at {rva:#x}")
            }
            ImageError::ImportsOverlap => {
                f.write_str("the import tables name more than the file's bytes can hold: they overlap")
            }
            ImageError::FunctionTableSize(size) => {
                write!(f, "the function table has {size:#x} bytes, no multiple of an entry's 0xc")
            }
            ImageError::Function { index, begin, fault } => match fault {
                FunctionFault::Empty { end } => {
                    write!(f, "function {index} of the function table begins at {begin:#x} and ends at {end:#x}")
                }
                FunctionFault::Unsorted { previous_end } => write!(
                    f,
                    "the function table is not sorted: function {index} begins at {begin:#x}, the one before ends at {previous_end:#x}"
                ),
                FunctionFault::Outside { end } => write!(
                    f,
                    "function {index} of the function table, {begin:#x} to {end:#x}, does not lie in one section"
                ),
            },
            ImageError::UnwindInfo { rva, fault } => {
                write!(f, "the unwind information at {rva:#x} is unusable: {fault}")
            }
            ImageError::LoadConfigSize(size) => write!(
                f,
                "the load configuration has {size:#x} bytes, too few for the security cookie (0x60)"
            ),
            ImageError::SecurityCookie { address } => {
                write!(f, "the security cookie {address:#x} does not lie in a section of the image")
            }
        }
    }
}

impl std::error::Error for ImageError {}
