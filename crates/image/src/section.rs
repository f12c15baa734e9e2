//! A section of an image: a run of pages with one protection.

use ntpool_types::Bytes;
use object::pe;
use std::ops::Range;

/// What the pages of a section may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Whether they may be read.
    pub read: bool,
    /// Whether they may be written.
    pub write: bool,
    /// Whether they may be executed.
    pub execute: bool,
}

/// A section of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The name; a name longer than eight characters is taken from the file's string table where it has one.
    pub name: String,
    /// Where the section begins, relative to the image.
    pub rva: u32,
    /// The bytes it takes in memory; the last page may be taken in part.
    pub virtual_size: Bytes,
    /// What the header asks of the section's pages.
    pub protection: Protection,
    pub(crate) characteristics: u32,
    /// Where its data lies in the file: no longer than the section's pages, and inside the file.
    pub(crate) data: Range<usize>,
}

impl Section {
    /// Whether the section is dropped once the driver is initialized, as its header asks.
    #[must_use]
    pub fn is_discardable(&self) -> bool {
        self.characteristics & pe::IMAGE_SCN_MEM_DISCARDABLE.0 != 0
    }

    /// Whether the section holds initialization code: it is named `INIT`, or it is code and discardable.
    #[must_use]
    pub fn is_init(&self) -> bool {
        let code = self.protection.execute || self.characteristics & pe::IMAGE_SCN_CNT_CODE.0 != 0;
        self.name == "INIT" || (code && self.is_discardable())
    }

    /// Whether the section may be paged out: its name begins with `PAGE`.
    #[must_use]
    pub fn is_pageable(&self) -> bool {
        self.name.starts_with("PAGE")
    }

    /// The first address past the section, relative to the image.
    pub(crate) fn end(&self) -> u64 {
        u64::from(self.rva) + self.virtual_size.0
    }

    /// Whether `size` bytes from `rva` on lie in the section.
    pub(crate) fn holds(&self, rva: u64, size: u64) -> bool {
        rva >= u64::from(self.rva) && rva.checked_add(size).is_some_and(|end| end <= self.end())
    }
}
