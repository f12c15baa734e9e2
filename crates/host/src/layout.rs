//! Where everything of the driver's world lies.
//!
//! The windows are the same in every run, so a pointer value in a report can be compared between runs. They lie
//! between 0x2000_0000_0000 and 0x2400_0000_0000, clear of where Linux places programs, libraries and stacks and of
//! the shadow memory of the sanitizers. A filter on system calls relies on the bounds being multiples of 4 GiB.

use ntpool_types::{Bytes, PageCount, ProcessorNumber, SYSTEM_SPACE_START, VirtualAddress};

/// A range of addresses with one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first address.
    pub base: VirtualAddress,
    /// The length, a multiple of the page size.
    pub size: Bytes,
}

impl Window {
    const fn new(base: u64, size: u64) -> Window {
        Window { base: VirtualAddress(base), size: Bytes(size) }
    }

    /// The first address after the window.
    #[must_use]
    pub const fn end(self) -> VirtualAddress {
        VirtualAddress(self.base.0 + self.size.0)
    }

    /// Whether the address lies in the window.
    #[must_use]
    pub const fn contains(self, address: VirtualAddress) -> bool {
        self.base.0 <= address.0 && address.0 < self.end().0
    }
}

/// Everything below together: the driver's world.
pub const ARENA: Window = Window::new(SYSTEM_SPACE_START.0, 0x400_0000_0000);

/// Driver images, then the thunks of their imports.
pub const IMAGES: Window = Window::new(0x2000_0000_0000, 0x1000_0000);

/// Nonpaged pool that is not executable.
pub const NONPAGED_POOL: Window = Window::new(0x2000_1000_0000, 0xF_F000_0000);

/// Nonpaged pool that is executable.
pub const NONPAGED_EXECUTE_POOL: Window = Window::new(0x2010_0000_0000, 0x10_0000_0000);

/// Paged pool.
pub const PAGED_POOL: Window = Window::new(0x2020_0000_0000, 0x10_0000_0000);

/// All of physical memory, in the order of its addresses.
pub const DIRECT_MAP: Window = Window::new(0x2100_0000_0000, 0x100_0000_0000);

/// Kernel stacks, each between guard pages.
pub const STACKS: Window = Window::new(0x2200_0000_0000, 0x10_0000_0000);

/// System data that drivers read: the processor's control area, the shared user data page, system objects.
pub const SYSTEM_DATA: Window = Window::new(0x2210_0000_0000, 0x1_0000_0000);

/// The pool's metadata, which no driver has business with.
pub const POOL_METADATA: Window = Window::new(0x2300_0000_0000, 0x100_0000_0000);

/// Every window of the arena with its name.
pub const WINDOWS: [(&str, Window); 8] = [
    ("images", IMAGES),
    ("nonpaged pool", NONPAGED_POOL),
    ("nonpaged executable pool", NONPAGED_EXECUTE_POOL),
    ("paged pool", PAGED_POOL),
    ("the direct map of physical memory", DIRECT_MAP),
    ("kernel stacks", STACKS),
    ("system data", SYSTEM_DATA),
    ("pool metadata", POOL_METADATA),
];

/// Where Windows shows every process a read-only page of system data; Linux can't map it.
pub const SHARED_USER_DATA: Window = Window::new(0xFFFF_F780_0000_0000, 0x1000);

/// The page that stands in for [`SHARED_USER_DATA`].
pub const SHARED_USER_DATA_SHADOW: VirtualAddress = SYSTEM_DATA.base;

/// The most processors of a machine.
pub const MOST_PROCESSORS: u32 = 64;

/// The processors' control areas, a page each.
#[must_use]
pub const fn processor_areas(processors: u32) -> Window {
    Window::new(SYSTEM_DATA.base.0 + 0x10_0000, processors as u64 * 0x1000)
}

/// A processor's control area, to which GS points while it runs.
#[must_use]
pub const fn processor_area(number: ProcessorNumber) -> VirtualAddress {
    VirtualAddress(processor_areas(MOST_PROCESSORS).base.0 + number.0 as u64 * 0x1000)
}

/// System objects and data exports.
pub const SYSTEM_OBJECTS: Window = Window::new(SYSTEM_DATA.base.0 + 0x2_0000, 0x2_0000);

/// A page that nothing is ever mapped to: its address is the one that drivers give to pointers that must not be used
/// (MACH-009).
pub const BAD_POINTER: Window = Window::new(SYSTEM_DATA.base.0 + 0x8_0000, 0x1000);

/// Objects of the system's that drivers hold references to, a page each, so that a use after the last reference is a fault.
pub const COUNTED_OBJECTS: Window = Window::new(SYSTEM_DATA.base.0 + 0x1000_0000, 0xF000_0000);

/// The distance between two kernel stacks: the stack, and guard pages below it so many that a large frame can't step
/// over them.
const STACK_SLOT: u64 = 1 << 20;

/// How many kernel stacks there is room for. Page tables are made for all of them.
pub const STACK_COUNT: u64 = 512;

/// The pages of all kernel stacks there can be.
pub const STACK_PAGES: PageCount = Bytes(STACK_COUNT * STACK_SLOT).pages_rounded_up();

/// The pages of the `index`-th kernel stack, `size` long; around them nothing is mapped.
#[must_use]
pub const fn kernel_stack(index: u64, size: Bytes) -> Window {
    let end = STACKS.base.0 + (index + 1) * STACK_SLOT - 0x1000;
    Window { base: VirtualAddress(end - size.0), size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_each_other_inside_the_arena() {
        for pair in WINDOWS.windows(2) {
            let ((before, first), (after, second)) = (pair[0], pair[1]);
            assert!(first.end() <= second.base, "{before} runs into {after}");
        }
        for (name, window) in WINDOWS {
            assert!(ARENA.contains(window.base) && window.end() <= ARENA.end(), "{name}");
        }
        assert!(SYSTEM_OBJECTS.end() <= BAD_POINTER.base);
        assert!(BAD_POINTER.end() <= processor_areas(MOST_PROCESSORS).base);
        assert!(processor_areas(MOST_PROCESSORS).end() <= COUNTED_OBJECTS.base);
        assert!(COUNTED_OBJECTS.end() <= SYSTEM_DATA.end());
        assert_eq!(ARENA.base.0 % (1 << 32), 0);
        assert_eq!(ARENA.size.0 % (1 << 32), 0);
    }
}
