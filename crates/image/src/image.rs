//! An image whose every claim has been checked.

use crate::header::{self, Header};
use crate::import::{self, Import};
use crate::mapping::Mapping;
use crate::relocation;
use crate::unwind::{self, UnwindTable};
use crate::{ImageError, Section, load_config};
use ntpool_types::{Bytes, VirtualAddress};
use object::pe;

/// An x64 kernel driver's image, as its file holds it.
///
/// Holding one proves that the file is a 64-bit x64 image for the native subsystem with an entry point in executable
/// code, that its sections are in order and inside file and image, and that its relocations, imports, function table and
/// security cookie are all in place. Delay-loaded and bound imports are not read: the former are resolved by the driver's
/// own code at run time, the latter are a cache for one particular machine.
#[derive(Clone, Debug)]
pub struct Image {
    pub(crate) mapping: Mapping,
    header: Header,
    imports: Vec<Import>,
    security_cookie: Option<u32>,
}

impl Image {
    /// Checks a file's bytes and takes them over.
    ///
    /// Errors: the first thing found that keeps the file from being loaded as a driver.
    pub fn parse(bytes: Vec<u8>) -> Result<Image, ImageError> {
        let (header, mapping) = header::parse(bytes)?;
        check_relocations(&header, &mapping)?;
        let imports = import::parse(&mapping, header.directory(pe::IMAGE_DIRECTORY_ENTRY_IMPORT))?;
        unwind::check(&mapping, header.directory(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION))?;
        let load_config = header.directory(pe::IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG);
        let security_cookie = load_config::security_cookie(&mapping, header.preferred_base, load_config)?;
        Ok(Image { mapping, header, imports, security_cookie })
    }

    /// The bytes the loaded image takes, a multiple of the page size.
    #[must_use]
    pub fn size_of_image(&self) -> Bytes {
        Bytes(u64::from(self.mapping.size_of_image))
    }

    /// The address the linker laid the image out for.
    #[must_use]
    pub fn preferred_base(&self) -> VirtualAddress {
        self.header.preferred_base
    }

    /// Where the entry routine begins, relative to the image; it lies in an executable section.
    #[must_use]
    pub fn entry_point(&self) -> u32 {
        self.header.entry_point
    }

    /// The sections by ascending address.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.mapping.sections
    }

    /// The section that holds the address, or `None` for the headers, gaps and everything outside.
    #[must_use]
    pub fn section_at(&self, rva: u32) -> Option<&Section> {
        self.mapping.section_at(u64::from(rva))
    }

    /// What the file holds of a section of this image, without relocation; in memory, zeros follow where that is less.
    #[must_use]
    pub fn data_of(&self, section: &Section) -> &[u8] {
        self.mapping.file.get(section.data.clone()).unwrap_or_default()
    }

    /// What the driver takes from other modules, in the order of its import table. No two share a slot.
    #[must_use]
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// Where the 8-byte security cookie lies, relative to the image, or `None` for an image built without one.
    #[must_use]
    pub fn security_cookie(&self) -> Option<u32> {
        self.security_cookie
    }

    /// The bytes of the file, as given.
    #[must_use]
    pub fn file(&self) -> &[u8] {
        &self.mapping.file
    }

    /// `size` bytes at `rva` as the file holds them, without relocation; `None` where the file holds none, as past the
    /// initialized part of a section.
    #[must_use]
    pub fn bytes_at(&self, rva: u32, size: Bytes) -> Option<&[u8]> {
        self.mapping.backed(u64::from(rva)).get(..size.as_usize())
    }

    /// The addresses, relative to the image, of the 64-bit addresses that move with the image.
    pub fn relocations(&self) -> impl Iterator<Item = u32> {
        relocation::targets(&self.mapping, self.header.directory(pe::IMAGE_DIRECTORY_ENTRY_BASERELOC))
    }

    /// The functions that have unwind information, and the way up the stack through them.
    #[must_use]
    pub fn unwind_table(&self) -> UnwindTable<'_> {
        UnwindTable::new(&self.mapping, self.header.directory(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION))
    }

    /// Writes the image as it stands in memory at `base`: headers, sections, zeros between them, relocations applied.
    ///
    /// Import slots hold what the file holds there; binding them is the caller's part.
    ///
    /// # Panics
    /// When `destination` is not [`size_of_image`](Image::size_of_image) bytes long.
    pub fn load(&self, base: VirtualAddress, destination: &mut [u8]) {
        assert_eq!(
            destination.len() as u64,
            self.size_of_image().0,
            "the buffer must be as large as the image"
        );
        let file = &self.mapping.file;
        destination.fill(0);
        let headers = self.mapping.size_of_headers as usize;
        destination[..headers].copy_from_slice(&file[..headers]);
        for section in &self.mapping.sections {
            let start = section.rva as usize;
            destination[start..start + section.data.len()].copy_from_slice(&file[section.data.clone()]);
        }
        let distance = base.0.wrapping_sub(self.header.preferred_base.0);
        for target in self.relocations() {
            if let Some(place) = destination[target as usize..].first_chunk_mut::<8>() {
                *place = u64::from_le_bytes(*place).wrapping_add(distance).to_le_bytes();
            }
        }
    }
}

/// Checks the relocations, and that the image can be moved at all.
///
/// An image is always loaded at a base of our own. The linker's mark "relocations stripped" therefore refuses an image,
/// as Windows refuses it when the preferred base is taken; an image without the mark and without a table is one that
/// needs no relocation, which is common for small drivers whose code is relative throughout.
fn check_relocations(header: &Header, mapping: &Mapping) -> Result<(), ImageError> {
    if header.relocations_stripped {
        return Err(ImageError::RelocationsStripped);
    }
    relocation::check(mapping, header.directory(pe::IMAGE_DIRECTORY_ENTRY_BASERELOC))
}
