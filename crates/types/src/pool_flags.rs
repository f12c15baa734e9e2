//! POOL_FLAGS: what a caller of the second generation of allocators asks for.

use crate::PoolKind;

bitflags::bitflags! {
    /// The 64 flag bits; the lower 32 are required, the upper 32 optional (POOL-181, POOL-182, POOL-193).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct PoolFlags: u64 {
        /// Charge the block to the current process (POOL-184).
        const USE_QUOTA = 0x1;
        /// Leave the contents as they are (POOL-185).
        const UNINITIALIZED = 0x2;
        /// Session pool, for the operating system (POOL-186).
        const SESSION = 0x4;
        /// Start on a cache line where possible (POOL-187).
        const CACHE_ALIGNED = 0x8;
        /// Reserved for the system (POOL-188).
        const RESERVED1 = 0x10;
        /// Raise an exception instead of returning no block (POOL-189).
        const RAISE_ON_FAILURE = 0x20;
        /// Nonpaged, not executable (POOL-190).
        const NON_PAGED = 0x40;
        /// Nonpaged, executable (POOL-191; the older spelling of POOL-048 is the same bit).
        const NON_PAGED_EXECUTE = 0x80;
        /// Paged (POOL-192).
        const PAGED = 0x100;
        /// Reserved for the system (POOL-188).
        const RESERVED2 = 0x200;
        /// Reserved for the system (POOL-188).
        const RESERVED3 = 0x400;
        /// Try special pool (POOL-194); the one optional bit that has a meaning.
        const SPECIAL_POOL = 0x1_0000_0000;
    }
}

impl PoolFlags {
    /// The half of the bits that must be understood.
    pub const REQUIRED: u64 = 0xFFFF_FFFF;

    /// The kind of pool asked for, or `None` when the flags are not valid.
    ///
    /// Exactly one of the three pools must be named (UNCONFIRMED POOL-054: our choice), no unknown required bit may be
    /// set (POOL-181), and the bits reserved for the system fail the call (UNCONFIRMED POOL-195: our choice). Optional
    /// bits never matter here (POOL-182).
    #[must_use]
    pub fn kind(self) -> Option<PoolKind> {
        let required = self.bits() & PoolFlags::REQUIRED;
        let known = PoolFlags::all().bits() & PoolFlags::REQUIRED;
        let reserved =
            PoolFlags::SESSION | PoolFlags::RESERVED1 | PoolFlags::RESERVED2 | PoolFlags::RESERVED3;
        if required & !known != 0 || required & reserved.bits() != 0 {
            return None;
        }
        let pools = PoolFlags::NON_PAGED | PoolFlags::NON_PAGED_EXECUTE | PoolFlags::PAGED;
        match PoolFlags::from_bits_retain(required & pools.bits()) {
            PoolFlags::NON_PAGED => Some(PoolKind::NonPaged),
            PoolFlags::NON_PAGED_EXECUTE => Some(PoolKind::NonPagedExecute),
            PoolFlags::PAGED => Some(PoolKind::Paged),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bits: u64) -> Option<PoolKind> {
        PoolFlags::from_bits_retain(bits).kind()
    }

    // POOL-190 POOL-191 POOL-048 POOL-192
    #[test]
    fn pool_190_191_192_each_pool_has_its_bit() {
        assert_eq!(kind(0x40), Some(PoolKind::NonPaged));
        assert_eq!(kind(0x80), Some(PoolKind::NonPagedExecute));
        assert_eq!(kind(0x100), Some(PoolKind::Paged));
    }

    #[test]
    fn pool_054_flags_that_name_no_pool_or_two_are_invalid() {
        assert_eq!(kind(0), None);
        assert_eq!(kind(0x2), None);
        assert_eq!(kind(0x40 | 0x100), None);
    }

    #[test]
    fn pool_181_an_unknown_required_bit_is_invalid() {
        for bit in 11..32 {
            assert_eq!(kind(0x40 | 1 << bit), None, "bit {bit}");
        }
    }

    #[test]
    fn pool_182_unknown_optional_bits_are_ignored() {
        for bit in 32..64 {
            assert_eq!(kind(0x40 | 1 << bit), Some(PoolKind::NonPaged), "bit {bit}");
        }
    }

    #[test]
    fn pool_195_reserved_and_session_bits_fail() {
        for bit in [0x4, 0x10, 0x200, 0x400] {
            assert_eq!(kind(0x40 | bit), None, "{bit:#x}");
        }
    }
}
