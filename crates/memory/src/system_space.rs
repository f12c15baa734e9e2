//! The mappings of system space: which frame lies behind which page, and what may be done with it.
//!
//! [`PageTable`] is what every keeper of mappings can do: the host's real address space, a kernel's processor
//! tables, and [`SystemSpace`], which is the table as plain data over one region. The host and the kernel keep a
//! `SystemSpace` beside the real thing, so that translation is a look at an array, at any IRQL.
//!
//! # Invariants
//! - A change is carried out as a whole or refused as a whole.
//! - Pages are mapped once; one frame may lie behind several pages.

use crate::Protection;
use core::fmt;
use ntpool_types::{Bytes, PAGE_SHIFT, PAGE_SIZE, PageCount, Pfn, PhysicalAddress, VirtualAddress};

/// The frames to map, in the order of the pages.
#[derive(Clone, Copy, Debug)]
pub enum Frames<'a> {
    /// So many, one after the other.
    Run(Pfn, PageCount),
    /// These.
    List(&'a [Pfn]),
}

impl Frames<'_> {
    /// How many frames there are.
    #[must_use]
    pub fn count(&self) -> PageCount {
        match *self {
            Frames::Run(_, count) => count,
            Frames::List(list) => PageCount(list.len() as u64),
        }
    }

    /// The frame at this place.
    fn get(&self, place: usize) -> Pfn {
        match *self {
            Frames::Run(first, _) => Pfn(first.0 + place as u64),
            Frames::List(list) => list[place],
        }
    }
}

/// Why a mapping was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// The address is not the first of a page.
    Unaligned(VirtualAddress),
    /// Not all pages lie in the region of this table.
    OutsideRegion(VirtualAddress),
    /// This page is mapped already.
    Occupied(VirtualAddress),
    /// This page is not mapped.
    NotMapped(VirtualAddress),
    /// The real address space refused, for lack of memory or of anything else, with this number.
    Refused(i32),
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MapError::Unaligned(address) => {
                write!(f, "{address} is not the first address of a page; give a multiple of {PAGE_SIZE}")
            }
            MapError::OutsideRegion(address) => {
                write!(f, "the pages from {address} on do not all lie in the table's region")
            }
            MapError::Occupied(address) => {
                write!(f, "the page at {address} is mapped already; unmap it first")
            }
            MapError::NotMapped(address) => {
                write!(f, "the page at {address} is not mapped; name mapped pages only")
            }
            MapError::Refused(number) => {
                write!(f, "the address space refused with error {number}; free some memory and try again")
            }
        }
    }
}

impl core::error::Error for MapError {}

/// A keeper of mappings.
pub trait PageTable {
    /// Maps the frames behind the pages from `first` on.
    ///
    /// # Errors
    /// See [`MapError`]; nothing has changed then.
    fn map(
        &mut self,
        first: VirtualAddress,
        frames: Frames<'_>,
        protection: Protection,
    ) -> Result<(), MapError>;

    /// Takes `count` mappings away from `first` on.
    ///
    /// # Errors
    /// See [`MapError`]; nothing has changed then.
    fn unmap(&mut self, first: VirtualAddress, count: PageCount) -> Result<(), MapError>;

    /// Changes what may be done with `count` pages from `first` on.
    ///
    /// # Errors
    /// See [`MapError`]; nothing has changed then.
    fn protect(
        &mut self,
        first: VirtualAddress,
        count: PageCount,
        protection: Protection,
    ) -> Result<(), MapError>;

    /// The entry of the page that holds `address`, or `None` when the page is not mapped.
    fn entry(&self, address: VirtualAddress) -> Option<PageEntry>;

    /// The physical address behind `address`, or `None` when its page is not mapped.
    ///
    /// IRQL: any (SYS-117).
    fn translate(&self, address: VirtualAddress) -> Option<PhysicalAddress> {
        let entry = self.entry(address)?;
        Some(PhysicalAddress(entry.frame().address().0 + address.page_offset().0))
    }
}

/// A page table entry, with its bits where an x64 processor has them.
///
/// So the number can stand in a bug check that shows an entry's contents. Bit 9, which the processor leaves to the
/// system, marks a page that has a frame and may not be accessed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageEntry(u64);

impl PageEntry {
    /// The entry of a page that is not mapped.
    pub const UNMAPPED: PageEntry = PageEntry(0);

    const PRESENT: u64 = 1;
    const WRITABLE: u64 = 1 << 1;
    const NO_ACCESS: u64 = 1 << 9;
    const NO_EXECUTE: u64 = 1 << 63;
    const FRAME: u64 = 0x000F_FFFF_FFFF_F000;

    /// The entry of a page that maps `frame`.
    ///
    /// # Panics
    /// When the frame's number has more than 40 bits, which no processor can map.
    #[must_use]
    pub const fn new(frame: Pfn, protection: Protection) -> PageEntry {
        assert!(frame.0 <= PageEntry::FRAME >> PAGE_SHIFT, "a frame number has at most 40 bits");
        let access = match protection {
            Protection::NoAccess => PageEntry::NO_ACCESS | PageEntry::NO_EXECUTE,
            Protection::Read => PageEntry::PRESENT | PageEntry::NO_EXECUTE,
            Protection::ReadWrite => PageEntry::PRESENT | PageEntry::WRITABLE | PageEntry::NO_EXECUTE,
            Protection::ReadExecute => PageEntry::PRESENT,
            Protection::ReadWriteExecute => PageEntry::PRESENT | PageEntry::WRITABLE,
        };
        PageEntry(frame.address().0 | access)
    }

    /// Whether there is a frame behind the page.
    #[must_use]
    pub const fn is_mapped(self) -> bool {
        self.0 != 0
    }

    /// The frame behind the page.
    #[must_use]
    pub const fn frame(self) -> Pfn {
        PhysicalAddress(self.0 & PageEntry::FRAME).frame()
    }

    /// What may be done with the page.
    #[must_use]
    pub const fn protection(self) -> Protection {
        let present = self.0 & PageEntry::PRESENT != 0;
        let writable = self.0 & PageEntry::WRITABLE != 0;
        let no_execute = self.0 & PageEntry::NO_EXECUTE != 0;
        match (present, writable, no_execute) {
            (false, _, _) => Protection::NoAccess,
            (true, false, true) => Protection::Read,
            (true, true, true) => Protection::ReadWrite,
            (true, false, false) => Protection::ReadExecute,
            (true, true, false) => Protection::ReadWriteExecute,
        }
    }

    /// The entry's 64 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for PageEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_mapped() {
            write!(f, "frame {:#x}, {}", self.frame().0, self.protection())
        } else {
            f.write_str("not mapped")
        }
    }
}

/// The mappings of one region as plain data.
pub struct SystemSpace<'a> {
    base: VirtualAddress,
    entries: &'a mut [PageEntry],
}

impl<'a> SystemSpace<'a> {
    /// An empty table of the region that begins at `base` and has a page per entry.
    ///
    /// # Panics
    /// When `base` is not the first address of a page or the region wraps.
    #[must_use]
    pub fn new(base: VirtualAddress, entries: &'a mut [PageEntry]) -> SystemSpace<'a> {
        assert!(base.is_aligned(PAGE_SIZE), "a region begins with a page");
        let size = PageCount(entries.len() as u64).bytes();
        assert!(base.checked_add(size).is_some(), "a region ends below the end of the address space");
        entries.fill(PageEntry::UNMAPPED);
        SystemSpace { base, entries }
    }

    /// The region's first address.
    #[must_use]
    pub const fn base(&self) -> VirtualAddress {
        self.base
    }

    /// The region's size in bytes.
    #[must_use]
    pub fn size(&self) -> Bytes {
        PageCount(self.entries.len() as u64).bytes()
    }

    /// The entries of `count` pages from `first` on.
    fn range(&mut self, first: VirtualAddress, count: PageCount) -> Result<&mut [PageEntry], MapError> {
        if !first.is_aligned(PAGE_SIZE) {
            return Err(MapError::Unaligned(first));
        }
        let place = first.offset_from(self.base).ok_or(MapError::OutsideRegion(first))?.0 >> PAGE_SHIFT;
        let end = place.checked_add(count.0).ok_or(MapError::OutsideRegion(first))?;
        if end > self.entries.len() as u64 {
            return Err(MapError::OutsideRegion(first));
        }
        Ok(&mut self.entries[place as usize..end as usize])
    }

    /// The same, when all of them are mapped.
    fn mapped(&mut self, first: VirtualAddress, count: PageCount) -> Result<&mut [PageEntry], MapError> {
        let entries = self.range(first, count)?;
        match entries.iter().position(|entry| !entry.is_mapped()) {
            Some(place) => Err(MapError::NotMapped(page_after(first, place))),
            None => Ok(entries),
        }
    }
}

/// The page `place` pages after `first`, both in a region that does not wrap.
const fn page_after(first: VirtualAddress, place: usize) -> VirtualAddress {
    VirtualAddress(first.0 + PageCount(place as u64).bytes().0)
}

impl PageTable for SystemSpace<'_> {
    fn map(
        &mut self,
        first: VirtualAddress,
        frames: Frames<'_>,
        protection: Protection,
    ) -> Result<(), MapError> {
        let entries = self.range(first, frames.count())?;
        if let Some(place) = entries.iter().position(|entry| entry.is_mapped()) {
            return Err(MapError::Occupied(page_after(first, place)));
        }
        for (place, entry) in entries.iter_mut().enumerate() {
            *entry = PageEntry::new(frames.get(place), protection);
        }
        Ok(())
    }

    fn unmap(&mut self, first: VirtualAddress, count: PageCount) -> Result<(), MapError> {
        self.mapped(first, count)?.fill(PageEntry::UNMAPPED);
        Ok(())
    }

    fn protect(
        &mut self,
        first: VirtualAddress,
        count: PageCount,
        protection: Protection,
    ) -> Result<(), MapError> {
        for entry in self.mapped(first, count)? {
            *entry = PageEntry::new(entry.frame(), protection);
        }
        Ok(())
    }

    fn entry(&self, address: VirtualAddress) -> Option<PageEntry> {
        let place = address.offset_from(self.base)?.0 >> PAGE_SHIFT;
        let entry = self.entries.get(usize::try_from(place).ok()?)?;
        entry.is_mapped().then_some(*entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: VirtualAddress = VirtualAddress(0x2000_0010_0000);
    const WRITE: Protection = Protection::ReadWrite;

    fn page(place: u64) -> VirtualAddress {
        VirtualAddress(BASE.0 + place * PAGE_SIZE.0)
    }

    #[test]
    fn sys_117_translation_gives_the_frame_and_keeps_the_offset_in_the_page() {
        let mut entries = [PageEntry::UNMAPPED; 4];
        let mut space = SystemSpace::new(BASE, &mut entries);
        space.map(page(1), Frames::List(&[Pfn(0x77), Pfn(0x12)]), WRITE).unwrap();
        assert_eq!(space.translate(VirtualAddress(page(1).0 + 0x123)), Some(PhysicalAddress(0x7_7123)));
        assert_eq!(space.translate(VirtualAddress(page(2).0 + 0xFFF)), Some(PhysicalAddress(0x1_2FFF)));
        for address in [page(0), page(3), page(4), VirtualAddress(BASE.0 - 1), VirtualAddress::NULL] {
            assert_eq!(space.translate(address), None, "{address}");
        }
    }

    #[test]
    fn pages_in_a_row_may_lie_in_scattered_frames() {
        let mut entries = [PageEntry::UNMAPPED; 3];
        let mut space = SystemSpace::new(BASE, &mut entries);
        let frames = [Pfn(9), Pfn(2), Pfn(30)];
        space.map(BASE, Frames::List(&frames), WRITE).unwrap();
        let behind = [0, 1, 2].map(|place| space.entry(page(place)).unwrap().frame());
        assert_eq!(behind, frames);
    }

    #[test]
    fn one_frame_may_lie_behind_two_pages() {
        let mut entries = [PageEntry::UNMAPPED; 4];
        let mut space = SystemSpace::new(BASE, &mut entries);
        space.map(page(0), Frames::Run(Pfn(8), PageCount(2)), WRITE).unwrap();
        space.map(page(2), Frames::Run(Pfn(8), PageCount(2)), Protection::Read).unwrap();
        assert_eq!(space.translate(page(1)), space.translate(page(3)));
        assert_eq!(space.entry(page(3)).unwrap().protection(), Protection::Read);
        space.unmap(page(0), PageCount(2)).unwrap();
        assert_eq!(space.translate(page(3)), Some(PhysicalAddress(0x9000)));
    }

    #[test]
    fn a_change_is_refused_as_a_whole() {
        let mut entries = [PageEntry::UNMAPPED; 4];
        let mut space = SystemSpace::new(BASE, &mut entries);
        space.map(page(2), Frames::Run(Pfn(1), PageCount(1)), WRITE).unwrap();
        let run = Frames::Run(Pfn(5), PageCount(3));
        assert_eq!(space.map(page(0), run, WRITE), Err(MapError::Occupied(page(2))));
        assert_eq!(space.entry(page(0)), None);
        assert_eq!(space.unmap(page(2), PageCount(2)), Err(MapError::NotMapped(page(3))));
        assert!(space.entry(page(2)).is_some());
        assert_eq!(space.protect(page(2), PageCount(2), Protection::Read), Err(MapError::NotMapped(page(3))));
        assert_eq!(space.entry(page(2)).unwrap().protection(), WRITE);
    }

    #[test]
    fn a_mapping_outside_the_region_or_off_a_page_is_refused() {
        let mut entries = [PageEntry::UNMAPPED; 4];
        let mut space = SystemSpace::new(BASE, &mut entries);
        let one = Frames::Run(Pfn(5), PageCount(1));
        let below = VirtualAddress(BASE.0 - PAGE_SIZE.0);
        for address in [below, page(4)] {
            assert_eq!(space.map(address, one, WRITE), Err(MapError::OutsideRegion(address)));
        }
        assert_eq!(
            space.unmap(page(1), PageCount(u64::MAX)),
            Err(MapError::OutsideRegion(page(1))),
            "a hostile count does not wrap"
        );
        let odd = VirtualAddress(BASE.0 + 8);
        assert_eq!(space.map(odd, one, WRITE), Err(MapError::Unaligned(odd)));
    }

    #[test]
    fn an_entry_keeps_its_frame_and_protection_in_x64_bits() {
        for protection in Protection::ALL {
            for frame in [Pfn(0), Pfn(0x12345), Pfn((1 << 40) - 1)] {
                let entry = PageEntry::new(frame, protection);
                assert!(entry.is_mapped());
                assert_eq!((entry.frame(), entry.protection()), (frame, protection));
            }
        }
        assert_eq!(PageEntry::new(Pfn(0x12345), Protection::Read).bits(), 0x8000_0000_1234_5001);
        assert_eq!(PageEntry::new(Pfn(0x12345), Protection::ReadWriteExecute).bits(), 0x1234_5003);
    }
}
