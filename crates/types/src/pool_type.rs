//! POOL_TYPE: what a caller of the first generation of allocators asks for.

use crate::PoolKind;
use core::fmt;

/// A pool type with its modifier bits, as the legacy routines take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolType(pub u32);

impl PoolType {
    /// Paged rather than nonpaged (POOL-179).
    pub const PAGED_BIT: u32 = 0x1;
    /// Must succeed; obsolete (POOL-169).
    pub const MUST_SUCCEED_BIT: u32 = 0x2;
    /// Start on a cache line (POOL-172, POOL-179).
    pub const CACHE_ALIGNED_BIT: u32 = 0x4;
    /// Quota routines return no block instead of raising (POOL-196).
    pub const QUOTA_FAIL_INSTEAD_OF_RAISE: u32 = 0x8;
    /// Raise instead of returning no block (POOL-197).
    pub const RAISE_IF_ALLOCATION_FAILURE: u32 = 0x10;
    /// Session pool (POOL-176).
    pub const SESSION_BIT: u32 = 0x20;
    /// The block will rarely be touched; advice (POOL-198).
    pub const COLD_ALLOCATION: u32 = 0x100;
    /// Not executable (POOL-177, POOL-200).
    pub const NX_BIT: u32 = 0x200;
    /// Zero the block (POOL-201).
    pub const ZERO_ALLOCATION: u32 = 0x400;

    const MODIFIERS: u32 = PoolType::QUOTA_FAIL_INSTEAD_OF_RAISE
        | PoolType::RAISE_IF_ALLOCATION_FAILURE
        | PoolType::COLD_ALLOCATION
        | PoolType::ZERO_ALLOCATION;

    /// Whether this modifier bit is set.
    #[must_use]
    pub const fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }

    /// The type without its modifier bits: the historic enumeration value.
    #[must_use]
    pub const fn base(self) -> u32 {
        self.0 & !PoolType::MODIFIERS
    }

    /// Whether its blocks begin on a cache line (POOL-172).
    #[must_use]
    pub const fn is_cache_aligned(self) -> bool {
        self.has(PoolType::CACHE_ALIGNED_BIT)
    }

    /// The header name of the type without its modifier bits.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.base() {
            0 => "NonPagedPool",
            1 => "PagedPool",
            2 => "NonPagedPoolMustSucceed",
            3 => "DontUseThisType",
            4 => "NonPagedPoolCacheAligned",
            5 => "PagedPoolCacheAligned",
            6 => "NonPagedPoolCacheAlignedMustS",
            7 => "MaxPoolType",
            32 => "NonPagedPoolSession",
            33 => "PagedPoolSession",
            34 => "NonPagedPoolMustSucceedSession",
            35 => "DontUseThisTypeSession",
            36 => "NonPagedPoolCacheAlignedSession",
            37 => "PagedPoolCacheAlignedSession",
            38 => "NonPagedPoolCacheAlignedMustSSession",
            512 => "NonPagedPoolNx",
            516 => "NonPagedPoolNxCacheAligned",
            544 => "NonPagedPoolSessionNx",
            _ => return None,
        })
    }

    /// The kind of pool asked for, or `None` for a value that no header defines.
    ///
    /// Session types count as the pool they are based on: this machine has one session.
    #[must_use]
    pub const fn kind(self) -> Option<PoolKind> {
        match self.base() {
            0 | 2 | 4 | 6 | 32 | 34 | 36 | 38 => Some(PoolKind::NonPagedExecute),
            1 | 5 | 33 | 37 => Some(PoolKind::Paged),
            512 | 516 | 544 => Some(PoolKind::NonPaged),
            _ => None,
        }
    }
}

/// The type as the headers name it, with its modifier bits as a number behind it.
impl fmt::Display for PoolType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.0 & PoolType::MODIFIERS) {
            (Some(name), 0) => f.write_str(name),
            (Some(name), modifiers) => write!(f, "{name} | {modifiers:#x}"),
            (None, _) => write!(f, "{:#x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    // POOL-169 POOL-172 POOL-173 POOL-175 POOL-178
    #[test]
    fn pool_169_172_173_175_178_the_historic_types_have_their_numbers_and_names() {
        let names = [
            (0, "NonPagedPool"),
            (2, "NonPagedPoolMustSucceed"),
            (4, "NonPagedPoolCacheAligned"),
            (5, "PagedPoolCacheAligned"),
            (6, "NonPagedPoolCacheAlignedMustS"),
            (516, "NonPagedPoolNxCacheAligned"),
            (544, "NonPagedPoolSessionNx"),
            (512 | 8 | 256, "NonPagedPoolNx | 0x108"),
        ];
        for (number, name) in names {
            assert_eq!(PoolType(number).to_string(), name);
        }
        for base in [2, 6, 34, 38] {
            assert!(PoolType(base).has(PoolType::MUST_SUCCEED_BIT), "{base}");
        }
    }

    #[test]
    fn pool_179_bits_0_2_5_and_9_say_paged_cache_aligned_session_and_no_execute() {
        for number in (0..1024).filter(|&number| PoolType(number).kind().is_some()) {
            let pool_type = PoolType(number);
            let expected = match (pool_type.has(1), pool_type.has(1 << 9)) {
                (true, _) => PoolKind::Paged,
                (false, true) => PoolKind::NonPaged,
                (false, false) => PoolKind::NonPagedExecute,
            };
            assert_eq!(pool_type.kind(), Some(expected), "{number}");
            assert_eq!(pool_type.is_cache_aligned(), number >> 2 & 1 == 1, "{number}");
            let name = pool_type.name().unwrap();
            assert_eq!(name.contains("Session"), number >> 5 & 1 == 1, "{name}");
        }
    }

    #[test]
    fn pool_166_177_nonpaged_is_executable_unless_nx_and_1_is_paged() {
        assert_eq!(PoolType(0).kind(), Some(PoolKind::NonPagedExecute));
        assert_eq!(PoolType(512).kind(), Some(PoolKind::NonPaged));
        assert_eq!(PoolType(1).kind(), Some(PoolKind::Paged));
    }

    #[test]
    fn pool_171_174_reserved_values_are_no_pool() {
        for value in [3, 7, 35, 0x40, 0x80, 0x800] {
            assert_eq!(PoolType(value).kind(), None, "{value:#x}");
        }
    }

    #[test]
    fn pool_198_modifiers_do_not_change_the_kind() {
        for modifier in [0x8, 0x10, 0x100, 0x400] {
            assert_eq!(PoolType(1 | modifier).kind(), Some(PoolKind::Paged));
            assert_eq!(PoolType(512 | modifier).kind(), Some(PoolKind::NonPaged));
        }
    }
}
