//! Where the parts of an image lie in its file: the way from relative addresses to bytes.
//!
//! # Invariants
//! - Sections are in ascending order, do not overlap, begin past the headers and end inside the image.
//! - Each section's data range, and the headers, lie inside the file.

use crate::Section;
use crate::error::ImageError;

/// The file with its checked layout.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) file: Vec<u8>,
    pub(crate) sections: Vec<Section>,
    pub(crate) size_of_headers: u32,
    /// A multiple of the page size.
    pub(crate) size_of_image: u32,
}

impl Mapping {
    /// The section that holds the address, or `None`.
    pub(crate) fn section_at(&self, rva: u64) -> Option<&Section> {
        let after = self.sections.partition_point(|section| u64::from(section.rva) <= rva);
        let section = self.sections.get(after.checked_sub(1)?)?;
        section.holds(rva, 1).then_some(section)
    }

    /// Whether `size` bytes from `rva` on lie in one section.
    pub(crate) fn in_one_section(&self, rva: u64, size: u64) -> bool {
        self.section_at(rva).is_some_and(|section| section.holds(rva, size))
    }

    /// The bytes the file holds from `rva` to the end of that section's (or the headers') data; empty where it holds none.
    pub(crate) fn backed(&self, rva: u64) -> &[u8] {
        let (start, data) = match self.section_at(rva) {
            Some(section) => (u64::from(section.rva), self.file.get(section.data.clone())),
            None => (0, self.file.get(..self.size_of_headers as usize)),
        };
        let data = data.unwrap_or_default();
        usize::try_from(rva - start).ok().and_then(|skip| data.get(skip..)).unwrap_or_default()
    }

    /// A table of `size` bytes at `rva`, which the file must hold.
    pub(crate) fn table(&self, part: &'static str, rva: u32, size: u64) -> Result<&[u8], ImageError> {
        usize::try_from(size)
            .ok()
            .and_then(|size| self.backed(u64::from(rva)).get(..size))
            .ok_or(ImageError::DirectoryOutside { part, rva, size })
    }
}
