//! Virtual and physical addresses.

use crate::{Bytes, PAGE_SHIFT, PAGE_SIZE, Pfn};
use core::fmt;

/// The first address that user mode cannot own: user addresses lie in `0x10000..0x7FFF_0000` here.
///
/// UNCONFIRMED MACH-023: our choice. Drivers run inside a Linux process, so the system space of the machine lies
/// in the lower half of the address space (from [`SYSTEM_SPACE_START`]) and the user space below it.
pub const USER_SPACE_END: VirtualAddress = VirtualAddress(0x7FFF_0000);

/// Where system space begins on our machine: images, pool and mappings all lie at or above it.
pub const SYSTEM_SPACE_START: VirtualAddress = VirtualAddress(0x2000_0000_0000);

/// An address as driver code sees it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualAddress(pub u64);

impl VirtualAddress {
    /// The address zero.
    pub const NULL: VirtualAddress = VirtualAddress(0);

    /// Whether every bit from 47 up has the same value, as x64 demands of an address it translates.
    #[must_use]
    pub const fn is_canonical(self) -> bool {
        let high = self.0 >> 47;
        high == 0 || high == 0x1_FFFF
    }

    /// Whether the address lies below system space, where the user mode of a process may own memory.
    #[must_use]
    pub const fn is_user(self) -> bool {
        self.0 < SYSTEM_SPACE_START.0
    }

    /// The offset of the address within its page.
    #[must_use]
    pub const fn page_offset(self) -> Bytes {
        Bytes(self.0 & (PAGE_SIZE.0 - 1))
    }

    /// The first address of the page that holds this address.
    #[must_use]
    pub const fn page_base(self) -> VirtualAddress {
        VirtualAddress(self.0 & !(PAGE_SIZE.0 - 1))
    }

    /// Whether the address is a multiple of `alignment`, a power of two.
    #[must_use]
    pub const fn is_aligned(self, alignment: Bytes) -> bool {
        self.0 & (alignment.0 - 1) == 0
    }

    /// The address `distance` further up, or `None` when it would wrap.
    #[must_use]
    pub const fn checked_add(self, distance: Bytes) -> Option<VirtualAddress> {
        match self.0.checked_add(distance.0) {
            Some(address) => Some(VirtualAddress(address)),
            None => None,
        }
    }

    /// The distance from `origin` up to this address, or `None` when `origin` lies above it.
    #[must_use]
    pub const fn offset_from(self, origin: VirtualAddress) -> Option<Bytes> {
        match self.0.checked_sub(origin.0) {
            Some(distance) => Some(Bytes(distance)),
            None => None,
        }
    }
}

impl fmt::Debug for VirtualAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for VirtualAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// An address as the memory bus sees it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhysicalAddress(pub u64);

impl PhysicalAddress {
    /// The number of the frame that holds this address.
    #[must_use]
    pub const fn frame(self) -> Pfn {
        Pfn(self.0 >> PAGE_SHIFT)
    }
}

impl fmt::Debug for PhysicalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for PhysicalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_addresses_repeat_bit_47() {
        for address in [0, 0x7FFF_FFFF_FFFF, 0xFFFF_8000_0000_0000, u64::MAX] {
            assert!(VirtualAddress(address).is_canonical(), "{address:#x}");
        }
        for address in [0x8000_0000_0000, 0xFFFF_7FFF_FFFF_FFFF, 0xDEAD_BEEF_0000_0000] {
            assert!(!VirtualAddress(address).is_canonical(), "{address:#x}");
        }
    }

    #[test]
    fn page_parts_add_up() {
        let address = VirtualAddress(0x2000_0000_1234);
        assert_eq!(address.page_base().checked_add(address.page_offset()), Some(address));
        assert_eq!(PhysicalAddress(0x5_4321).frame(), Pfn(0x54));
        assert_eq!(Pfn(0x54).address(), PhysicalAddress(0x5_4000));
    }
}
