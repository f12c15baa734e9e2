//! Memory descriptor lists: a buffer, described by the frames it lies in.
//!
//! A list is a header followed by frame numbers, both in the driver's memory. The functions here work on copies of
//! the two, and the floors above copy them in and out: a driver may change its list at any time, so what is read
//! from one is a claim, never a fact.
//!
//! # Source
//! SYS-065 to SYS-069 (layout and flags), SYS-075 to SYS-081 (sizes and macros), SYS-083 (nonpaged buffers).

use core::fmt;
use ntpool_abi::zerocopy::IntoBytes;
use ntpool_abi::{MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_PARTIAL, MDL_SOURCE_IS_NONPAGED_POOL, Mdl};
use ntpool_types::{Bytes, PAGE_SHIFT, PAGE_SIZE, PageCount, Pfn, VirtualAddress};

/// The longest buffer that a list can describe: 4 GiB less one page (SYS-071).
pub const LONGEST_BUFFER: Bytes = Bytes((1 << 32) - PAGE_SIZE.0);

/// The bytes of one frame number in a list.
const FRAME_NUMBER_SIZE: usize = size_of::<u64>();

/// Why a list could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MdlError {
    /// The buffer is longer than a list can describe, or wraps around the end of the address space.
    TooLong(Bytes),
    /// The storage has not enough bytes or frame numbers for this many pages.
    NoRoom(PageCount),
    /// The list's flags say that its pages are locked, that it is a part of another list, or that it is mapped.
    InUse(u16),
    /// The page at this address is not mapped.
    NotMapped(VirtualAddress),
    /// The page at this address is pageable; it must be locked instead.
    Paged(VirtualAddress),
    /// The page at this address belongs to a kernel stack.
    KernelStack(VirtualAddress),
}

impl fmt::Display for MdlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MdlError::TooLong(length) => {
                write!(f, "a memory descriptor list cannot describe {length} there; split the buffer")
            }
            MdlError::NoRoom(pages) => {
                write!(f, "the list has no room for {pages}; allocate it for the buffer it describes")
            }
            MdlError::InUse(flags) => {
                write!(
                    f,
                    "the list is in use (flags {flags:#x}); release it before describing a buffer by it"
                )
            }
            MdlError::NotMapped(page) => {
                write!(f, "the page at {page} is not mapped; describe memory that is there")
            }
            MdlError::Paged(page) => {
                write!(f, "the page at {page} is pageable; lock it instead of describing it as nonpaged")
            }
            MdlError::KernelStack(page) => {
                write!(f, "the page at {page} is on a kernel stack; use a buffer from nonpaged pool")
            }
        }
    }
}

impl core::error::Error for MdlError {}

/// What lies behind a page, as far as describing it is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Memory that stays where it is, in this frame.
    NonPaged(Pfn),
    /// Memory that may be out on disk.
    Paged,
    /// A kernel stack.
    KernelStack,
    /// Nothing.
    NotMapped,
}

/// The pages that hold `length` bytes from `buffer` on, those held in part included (SYS-081).
///
/// # Panics
/// When `length` is within a page of 2^64, which no list's 32-bit count is.
#[must_use]
pub const fn pages_spanned(buffer: VirtualAddress, length: Bytes) -> PageCount {
    PageCount((buffer.page_offset().0 + length.0 + PAGE_SIZE.0 - 1) >> PAGE_SHIFT)
}

/// The bytes of a list that describes `length` bytes from `buffer` on, header and frame numbers (SYS-075).
///
/// # Panics
/// As [`pages_spanned`].
#[must_use]
pub const fn list_size(buffer: VirtualAddress, length: Bytes) -> Bytes {
    Bytes(Mdl::SIZE + pages_spanned(buffer, length).0 * FRAME_NUMBER_SIZE as u64)
}

/// A fresh header for `length` bytes from `buffer` on (SYS-076).
///
/// The header's own size field has 16 bits, and the header macro cuts the size to them; so do we.
///
/// # Errors
/// [`MdlError::TooLong`].
pub fn initialize(buffer: VirtualAddress, length: Bytes) -> Result<Mdl, MdlError> {
    if length > LONGEST_BUFFER || buffer.checked_add(length).is_none() {
        return Err(MdlError::TooLong(length));
    }
    Ok(Mdl {
        next: 0,
        size: (list_size(buffer, length).0 as u16).cast_signed(),
        flags: 0,
        padding: [0; 4],
        process: 0,
        mapped_system_va: 0,
        start_va: buffer.page_base().0,
        byte_count: length.0 as u32,
        byte_offset: buffer.page_offset().0 as u32,
    })
}

/// The address of the buffer that a list describes, in the process it was made for (SYS-078).
///
/// The header is the driver's, so its parts may be anything; a sum beyond 64 bits wraps, as the header macro's does.
#[must_use]
pub const fn virtual_address(mdl: &Mdl) -> VirtualAddress {
    VirtualAddress(mdl.start_va.wrapping_add(mdl.byte_offset as u64))
}

/// The system address of the buffer where the list has one already: it is mapped, or its buffer is nonpaged (SYS-102).
#[must_use]
pub const fn system_address(mdl: &Mdl) -> Option<VirtualAddress> {
    if mdl.flags.cast_unsigned() & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) == 0 {
        return None;
    }
    Some(VirtualAddress(mdl.mapped_system_va))
}

/// Describes a nonpaged buffer: fills `frames`, one number per page, and marks the header as done (SYS-083).
///
/// `backing` is asked once per page, in order, with the page's first address. Frame numbers beyond the pages
/// spanned are left as they are. A list that described a nonpaged buffer before may be used again.
///
/// # Errors
/// See [`MdlError`]; the header is unchanged then, and the frame numbers are not to be relied on.
pub fn describe_nonpaged(
    mdl: &mut Mdl,
    frames: &mut [Pfn],
    mut backing: impl FnMut(VirtualAddress) -> Backing,
) -> Result<PageCount, MdlError> {
    let flags = mdl.flags.cast_unsigned();
    if flags & (MDL_PAGES_LOCKED | MDL_PARTIAL | MDL_MAPPED_TO_SYSTEM_VA) != 0 {
        return Err(MdlError::InUse(flags));
    }
    let (buffer, length) = (virtual_address(mdl), Bytes(u64::from(mdl.byte_count)));
    if buffer.checked_add(length).is_none() {
        return Err(MdlError::TooLong(length));
    }
    let pages = pages_spanned(buffer, length);
    let frames = frames.get_mut(..pages.0 as usize).ok_or(MdlError::NoRoom(pages))?;
    for (place, frame) in (0..).zip(frames) {
        let page = VirtualAddress(buffer.page_base().0 + PageCount(place).bytes().0);
        *frame = match backing(page) {
            Backing::NonPaged(behind) => behind,
            Backing::Paged => return Err(MdlError::Paged(page)),
            Backing::KernelStack => return Err(MdlError::KernelStack(page)),
            Backing::NotMapped => return Err(MdlError::NotMapped(page)),
        };
    }
    mdl.flags = (flags | MDL_SOURCE_IS_NONPAGED_POOL).cast_signed();
    mdl.process = 0;
    mdl.mapped_system_va = buffer.0;
    Ok(pages)
}

/// Writes a header and its frame numbers as they lie in memory, and returns the bytes written.
///
/// # Errors
/// [`MdlError::NoRoom`]; nothing is written then.
pub fn write(mdl: &Mdl, frames: &[Pfn], bytes: &mut [u8]) -> Result<Bytes, MdlError> {
    let header = mdl.as_bytes();
    let size = header.len() + frames.len() * FRAME_NUMBER_SIZE;
    let bytes = bytes.get_mut(..size).ok_or(MdlError::NoRoom(PageCount(frames.len() as u64)))?;
    let (start, numbers) = bytes.split_at_mut(header.len());
    start.copy_from_slice(header);
    for (number, frame) in numbers.chunks_exact_mut(FRAME_NUMBER_SIZE).zip(frames) {
        number.copy_from_slice(&frame.0.to_le_bytes());
    }
    Ok(Bytes(size as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const BUFFER: VirtualAddress = VirtualAddress(0x2000_0000_1F00);

    #[test]
    fn sys_081_a_buffer_spans_every_page_it_touches() {
        let spanned = |offset: u64, length| pages_spanned(VirtualAddress(0x5000 + offset), Bytes(length)).0;
        assert_eq!(spanned(0, 0), 0);
        assert_eq!(spanned(0, 1), 1);
        assert_eq!(spanned(0, 0x1000), 1);
        assert_eq!(spanned(1, 0x1000), 2);
        assert_eq!(spanned(0xFFF, 2), 2);
        assert_eq!(spanned(0xFFF, 0x1002), 3);
    }

    #[test]
    fn sys_075_a_list_is_its_header_and_a_number_for_every_page() {
        assert_eq!(list_size(BUFFER, Bytes(0x100)), Bytes(48 + 8));
        assert_eq!(list_size(BUFFER, Bytes(0x101)), Bytes(48 + 16));
    }

    #[test]
    fn sys_076_a_fresh_header_has_the_page_the_offset_and_the_length() {
        let mdl = initialize(BUFFER, Bytes(0x300)).unwrap();
        assert_eq!((mdl.next, mdl.flags, mdl.process, mdl.mapped_system_va), (0, 0, 0, 0));
        assert_eq!((mdl.start_va, mdl.byte_offset, mdl.byte_count), (0x2000_0000_1000, 0xF00, 0x300));
        assert_eq!(mdl.size, 64);
    }

    #[test]
    fn sys_071_a_buffer_may_have_4_gib_less_one_page() {
        assert!(initialize(BUFFER, LONGEST_BUFFER).is_ok());
        let longer = Bytes(LONGEST_BUFFER.0 + 1);
        assert_eq!(initialize(BUFFER, longer), Err(MdlError::TooLong(longer)));
        let end = VirtualAddress(u64::MAX - 0xFF);
        assert_eq!(initialize(end, Bytes(0x200)), Err(MdlError::TooLong(Bytes(0x200))), "it wraps");
    }

    #[test]
    fn sys_078_the_buffers_address_is_the_page_plus_the_offset() {
        assert_eq!(virtual_address(&initialize(BUFFER, Bytes(1)).unwrap()), BUFFER);
    }

    // SYS-083 SYS-079
    #[test]
    fn sys_083_describing_a_nonpaged_buffer_fills_a_frame_for_every_page() {
        let mut mdl = initialize(BUFFER, Bytes(0x1200)).unwrap();
        let mut frames = [Pfn(0xEE); 4];
        let mut asked = Vec::new();
        let pages = describe_nonpaged(&mut mdl, &mut frames, |page| {
            asked.push(page.0);
            Backing::NonPaged(Pfn(0x100 - asked.len() as u64))
        });
        assert_eq!(pages, Ok(PageCount(3)));
        assert_eq!(asked, [0x2000_0000_1000, 0x2000_0000_2000, 0x2000_0000_3000]);
        assert_eq!(frames, [Pfn(0xFF), Pfn(0xFE), Pfn(0xFD), Pfn(0xEE)]);
        assert_eq!(mdl.flags.cast_unsigned(), MDL_SOURCE_IS_NONPAGED_POOL);
        assert_eq!(mdl.mapped_system_va, BUFFER.0);
    }

    #[test]
    fn a_described_nonpaged_buffer_has_its_system_address() {
        let mut mdl = initialize(BUFFER, Bytes(8)).unwrap();
        assert_eq!(system_address(&mdl), None);
        describe_nonpaged(&mut mdl, &mut [Pfn(0)], |_| Backing::NonPaged(Pfn(3))).unwrap();
        assert_eq!(system_address(&mdl), Some(BUFFER), "with the offset in the page, SYS-103");
    }

    #[test]
    fn sys_083_stacks_paged_memory_and_unmapped_pages_are_refused() {
        let second = VirtualAddress(0x2000_0000_2000);
        for (backing, error) in [
            (Backing::KernelStack, MdlError::KernelStack(second)),
            (Backing::Paged, MdlError::Paged(second)),
            (Backing::NotMapped, MdlError::NotMapped(second)),
        ] {
            let before = initialize(BUFFER, Bytes(0x200)).unwrap();
            let mut mdl = before;
            let answer = describe_nonpaged(&mut mdl, &mut [Pfn(0); 2], |page| {
                if page == second { backing } else { Backing::NonPaged(Pfn(1)) }
            });
            assert_eq!(answer, Err(error));
            assert_eq!(mdl, before, "a refused list is left alone");
        }
    }

    #[test]
    fn a_list_too_short_for_its_buffer_is_refused() {
        let mut mdl = initialize(BUFFER, Bytes(0x200)).unwrap();
        let answer = describe_nonpaged(&mut mdl, &mut [Pfn(0)], |_| Backing::NonPaged(Pfn(1)));
        assert_eq!(answer, Err(MdlError::NoRoom(PageCount(2))));
    }

    #[test]
    fn a_hostile_header_is_refused_without_wrapping() {
        let mut mdl = initialize(BUFFER, Bytes(8)).unwrap();
        (mdl.start_va, mdl.byte_offset, mdl.byte_count) = (u64::MAX - 0xFFF, 0, 0x2000);
        let answer = describe_nonpaged(&mut mdl, &mut [Pfn(0); 4], |_| Backing::NonPaged(Pfn(1)));
        assert_eq!(answer, Err(MdlError::TooLong(Bytes(0x2000))));
        (mdl.start_va, mdl.byte_offset, mdl.byte_count) = (u64::MAX, u32::MAX, u32::MAX);
        let answer = describe_nonpaged(&mut mdl, &mut [Pfn(0); 4], |_| Backing::NonPaged(Pfn(1)));
        assert_eq!(answer, Err(MdlError::NoRoom(PageCount(0x10_0001))), "the sum of start and offset wraps");
    }

    #[test]
    fn a_locked_mapped_or_partial_list_is_not_described_anew_and_a_nonpaged_one_is() {
        for flag in [MDL_PAGES_LOCKED, MDL_MAPPED_TO_SYSTEM_VA, MDL_PARTIAL] {
            let mut mdl = initialize(BUFFER, Bytes(8)).unwrap();
            mdl.flags = flag.cast_signed();
            let answer = describe_nonpaged(&mut mdl, &mut [Pfn(0)], |_| Backing::NonPaged(Pfn(1)));
            assert_eq!(answer, Err(MdlError::InUse(flag)));
        }
        let mut mdl = initialize(BUFFER, Bytes(8)).unwrap();
        for _ in 0..2 {
            assert!(describe_nonpaged(&mut mdl, &mut [Pfn(0)], |_| Backing::NonPaged(Pfn(1))).is_ok());
        }
    }

    #[test]
    fn sys_065_the_frame_numbers_follow_the_header() {
        let mdl = initialize(BUFFER, Bytes(0x200)).unwrap();
        let mut bytes = [0xEE; 80];
        assert_eq!(write(&mdl, &[Pfn(0x1122), Pfn(0x33)], &mut bytes), Ok(Bytes(64)));
        assert_eq!(bytes[8..10], 64_i16.to_le_bytes());
        assert_eq!(bytes[48..56], 0x1122_u64.to_le_bytes());
        assert_eq!(bytes[56..64], 0x33_u64.to_le_bytes());
        assert_eq!(bytes[64], 0xEE);
        assert_eq!(write(&mdl, &[Pfn(1); 2], &mut bytes[..63]), Err(MdlError::NoRoom(PageCount(2))));
    }
}
