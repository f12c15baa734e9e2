//! The headers of an image: what they claim, checked against the file.

use crate::error::ImageError;
use crate::mapping::Mapping;
use crate::reader::{u16_at, u32_at, u64_at};
use crate::{Protection, Section};
use ntpool_types::{Bytes, PAGE_SIZE, VirtualAddress};
use object::pe;
use std::ops::Range;

/// The largest image accepted. Drivers of Windows itself stay well below; graphics drivers, the largest there are, reach
/// 60 MiB. The buffer for the loaded image is the only thing that a header's claim decides, and this bounds it.
const LARGEST_IMAGE: u64 = Bytes::mib(64).0;

/// The most sections that Windows loads.
const MOST_SECTIONS: u16 = 96;

/// The Windows loader takes file offsets in units of this size, whatever the file alignment says.
const FILE_UNIT: u32 = 512;

const DOS_HEADER: usize = 64;
const FILE_HEADER: usize = 24;
const OPTIONAL_HEADER: usize = 112;
const SECTION_HEADER: usize = 40;
const SYMBOL: u64 = 18;

/// The number of directories an optional header has at most.
const DIRECTORIES: u32 = 16;

/// The place of a table, as the header gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(crate) rva: u32,
    pub(crate) size: u32,
}

/// What the headers say besides the layout.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) preferred_base: VirtualAddress,
    pub(crate) entry_point: u32,
    pub(crate) relocations_stripped: bool,
    directories: [Directory; DIRECTORIES as usize],
}

impl Header {
    /// The table with this number, or `None` where the image has none.
    pub(crate) fn directory(&self, index: usize) -> Option<Directory> {
        self.directories.get(index).copied().filter(|place| place.rva != 0 && place.size != 0)
    }
}

/// Reads and checks the headers, and lays the sections out.
pub(crate) fn parse(file: Vec<u8>) -> Result<(Header, Mapping), ImageError> {
    let header = part(&file, "the DOS header", 0, DOS_HEADER as u64);
    if !file.starts_with(b"MZ") {
        return Err(ImageError::NoDosHeader);
    }
    let at = u32_at(header?, 60).unwrap_or_default();
    let header = part(&file, "the PE header", u64::from(at), FILE_HEADER as u64)?;
    if !header.starts_with(b"PE\0\0") {
        return Err(ImageError::NoSignature { offset: u64::from(at) });
    }
    let characteristics = check_file_header(header)?;
    let section_count = u16_at(header, 6).unwrap_or_default();
    let optional_size = u16_at(header, 20).unwrap_or_default();
    let optional_at = u64::from(at) + FILE_HEADER as u64;
    let optional = part(&file, "the optional header", optional_at, u64::from(optional_size))?;
    let library = characteristics & pe::IMAGE_FILE_DLL.0 != 0;
    let claims = check_optional_header(optional, library)?;

    if section_count == 0 || section_count > MOST_SECTIONS {
        return Err(ImageError::SectionCount(section_count));
    }
    let table_at = optional_at + u64::from(optional_size);
    let table_size = u64::from(section_count) * SECTION_HEADER as u64;
    let table = part(&file, "the section table", table_at, table_size)?;
    let needed = table_at + table_size;
    if u64::from(claims.size_of_headers) < needed || claims.size_of_headers > claims.size_of_image {
        return Err(ImageError::HeaderSize { size: claims.size_of_headers, needed });
    }
    part(&file, "the header area", 0, u64::from(claims.size_of_headers))?;

    let names = string_table(&file, header);
    let sections = parse_sections(&file, table, names, &claims)?;
    let entry_point = claims.entry_point;
    let header = Header {
        preferred_base: claims.preferred_base,
        entry_point,
        relocations_stripped: characteristics & pe::IMAGE_FILE_RELOCS_STRIPPED.0 != 0,
        directories: claims.directories,
    };
    let mapping = Mapping {
        file,
        sections,
        size_of_headers: claims.size_of_headers,
        size_of_image: claims.size_of_image,
    };
    if entry_point == 0 {
        return Err(ImageError::NoEntryPoint);
    }
    if !mapping.section_at(u64::from(entry_point)).is_some_and(|section| section.protection.execute) {
        return Err(ImageError::EntryPoint(entry_point));
    }
    Ok((header, mapping))
}

/// The bytes of one part of the file, which the error names when they are not all there.
fn part<'file>(file: &'file [u8], part: &str, offset: u64, size: u64) -> Result<&'file [u8], ImageError> {
    range(file, offset, size).and_then(|range| file.get(range)).ok_or_else(|| ImageError::Truncated {
        part: part.to_owned(),
        offset,
        size,
        length: file.len() as u64,
    })
}

/// A range of the file, or `None` where the file is too short.
fn range(file: &[u8], offset: u64, size: u64) -> Option<Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    let end = usize::try_from(offset.checked_add(size)?).ok()?;
    (end <= file.len()).then_some(start..end)
}

/// Checks the processor and that the image is linked; gives the characteristics.
fn check_file_header(header: &[u8]) -> Result<u16, ImageError> {
    let machine = u16_at(header, 4).unwrap_or_default();
    if machine == pe::IMAGE_FILE_MACHINE_I386.0 {
        return Err(ImageError::ThirtyTwoBit);
    }
    if machine != pe::IMAGE_FILE_MACHINE_AMD64.0 {
        return Err(ImageError::Machine(machine));
    }
    let characteristics = u16_at(header, 22).unwrap_or_default();
    if characteristics & pe::IMAGE_FILE_EXECUTABLE_IMAGE.0 == 0 {
        return Err(ImageError::NotLinked);
    }
    Ok(characteristics)
}

/// What the optional header claims, in itself plausible but not yet held against the file.
struct Claims {
    preferred_base: VirtualAddress,
    entry_point: u32,
    section_alignment: u32,
    size_of_image: u32,
    size_of_headers: u32,
    directories: [Directory; DIRECTORIES as usize],
}

/// Checks the optional header's own fields.
///
/// The subsystem decides what a driver is. A native image that is marked as a library is accepted: export drivers
/// (kernel-mode libraries) are linked so, and some toolchains mark every relocatable image. It needs an entry point like
/// any other driver.
fn check_optional_header(optional: &[u8], library: bool) -> Result<Claims, ImageError> {
    let size = optional.len() as u16;
    let too_small = |needed: u32| ImageError::OptionalHeaderSize { size, needed };
    match u16_at(optional, 0).ok_or(too_small(OPTIONAL_HEADER as u32))? {
        magic if magic == pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC => {}
        magic if magic == pe::IMAGE_NT_OPTIONAL_HDR32_MAGIC => return Err(ImageError::ThirtyTwoBit),
        magic => return Err(ImageError::OptionalHeaderMagic(magic)),
    }
    if optional.len() < OPTIONAL_HEADER {
        return Err(too_small(OPTIONAL_HEADER as u32));
    }
    let short = |offset| u16_at(optional, offset).unwrap_or_default();
    let word = |offset| u32_at(optional, offset).unwrap_or_default();
    let subsystem = short(68);
    if subsystem != pe::IMAGE_SUBSYSTEM_NATIVE.0 {
        return Err(ImageError::Subsystem { subsystem, library });
    }
    let section_alignment = word(32);
    if !section_alignment.is_power_of_two() || u64::from(section_alignment) < PAGE_SIZE.0 {
        return Err(ImageError::SectionAlignment(section_alignment));
    }
    let claimed = Bytes(u64::from(word(56)));
    let size_of_image = claimed.pages_rounded_up().bytes().0;
    if claimed == Bytes::ZERO || size_of_image > LARGEST_IMAGE {
        return Err(ImageError::ImageSize(claimed.0));
    }
    let count = word(108).min(DIRECTORIES);
    let needed = OPTIONAL_HEADER as u32 + count * 8;
    if optional.len() < needed as usize {
        return Err(too_small(needed));
    }
    let mut directories = [Directory::default(); DIRECTORIES as usize];
    for (index, place) in directories.iter_mut().enumerate().take(count as usize) {
        let offset = OPTIONAL_HEADER + index * 8;
        *place = Directory { rva: word(offset), size: word(offset + 4) };
    }
    Ok(Claims {
        preferred_base: VirtualAddress(u64_at(optional, 24).unwrap_or_default()),
        entry_point: word(16),
        section_alignment,
        size_of_image: size_of_image as u32,
        size_of_headers: word(60),
        directories,
    })
}

/// The table of long names behind the symbols; empty where there is none.
fn string_table<'file>(file: &'file [u8], header: &[u8]) -> &'file [u8] {
    let symbols = u64::from(u32_at(header, 12).unwrap_or_default());
    let count = u64::from(u32_at(header, 16).unwrap_or_default());
    if symbols == 0 {
        return &[];
    }
    usize::try_from(symbols + count * SYMBOL).ok().and_then(|start| file.get(start..)).unwrap_or_default()
}

/// Reads the section table and checks that the sections lie in order and inside the image and the file.
fn parse_sections(
    file: &[u8],
    table: &[u8],
    names: &[u8],
    claims: &Claims,
) -> Result<Vec<Section>, ImageError> {
    let mut sections = Vec::with_capacity(table.len() / SECTION_HEADER);
    let mut previous_end = u64::from(claims.size_of_headers);
    for entry in table.chunks_exact(SECTION_HEADER) {
        let section = parse_section(file, entry, names)?;
        if section.rva % claims.section_alignment != 0 {
            return Err(ImageError::SectionMisaligned { name: section.name, rva: section.rva });
        }
        if u64::from(section.rva) < previous_end {
            return Err(ImageError::SectionOverlap { name: section.name, rva: section.rva, previous_end });
        }
        previous_end = u64::from(section.rva) + section.virtual_size.pages_rounded_up().bytes().0;
        if previous_end > u64::from(claims.size_of_image) {
            return Err(ImageError::SectionOutside {
                name: section.name.clone(),
                end: section.end(),
                image_size: claims.size_of_image,
            });
        }
        sections.push(section);
    }
    Ok(sections)
}

fn parse_section(file: &[u8], entry: &[u8], names: &[u8]) -> Result<Section, ImageError> {
    let word = |offset| u32_at(entry, offset).unwrap_or_default();
    let name = section_name(entry, names);
    let (virtual_size, rva, data_size, data_at) = (word(8), word(12), word(16), word(20));
    let characteristics = word(36);
    // A virtual size of zero means the size of the data, as old linkers left it.
    let virtual_size = Bytes(u64::from(if virtual_size == 0 { data_size } else { virtual_size }));
    let mut data = 0..0;
    if data_size != 0 && data_at != 0 {
        if data_at % FILE_UNIT != 0 {
            return Err(ImageError::SectionFileOffset { name, offset: data_at });
        }
        let whole = part(file, &format!("section {name}"), u64::from(data_at), u64::from(data_size))?;
        // File alignment may pad the data past the section's last page; that part is never mapped.
        let mapped = whole.len().min(virtual_size.pages_rounded_up().bytes().as_usize());
        data = data_at as usize..data_at as usize + mapped;
    }
    let protection = Protection {
        read: characteristics & pe::IMAGE_SCN_MEM_READ.0 != 0,
        write: characteristics & pe::IMAGE_SCN_MEM_WRITE.0 != 0,
        execute: characteristics & pe::IMAGE_SCN_MEM_EXECUTE.0 != 0,
    };
    Ok(Section { name, rva, virtual_size, protection, characteristics, data })
}

/// The longest section name taken from the string table; compilers' own are below 40.
const LONGEST_NAME: usize = 256;

/// A section's name; unprintable characters become dots, so that a name can be shown as it is.
fn section_name(entry: &[u8], names: &[u8]) -> String {
    let short = until_zero(&entry[..8]);
    let long = || {
        let digits = std::str::from_utf8(short.strip_prefix(b"/")?).ok()?;
        let rest = names.get(digits.parse::<usize>().ok()?..)?;
        Some(until_zero(&rest[..rest.len().min(LONGEST_NAME)]))
    };
    let name = long().unwrap_or(short);
    name.iter().map(|&byte| if byte.is_ascii_graphic() { char::from(byte) } else { '.' }).collect()
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}
