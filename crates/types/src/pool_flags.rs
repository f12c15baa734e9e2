//! POOL_FLAGS: what a caller of the second generation of allocators asks for.

use crate::{PoolKind, PoolType};
use core::fmt;

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
    #[must_use]
    pub fn kind(self) -> Option<PoolKind> {
        self.check().ok()
    }

    /// The kind of pool asked for.
    ///
    /// Exactly one of the three pools must be named (UNCONFIRMED POOL-054: our choice), no unknown required bit may be
    /// set (POOL-181), and the bits reserved for the system fail the call (UNCONFIRMED POOL-195: our choice). Optional
    /// bits never matter here (POOL-182).
    ///
    /// # Errors
    /// Why the flags are not valid; what tells most about the mistake comes first.
    pub fn check(self) -> Result<PoolKind, FlagsError> {
        let required = self.bits() & PoolFlags::REQUIRED;
        let known = PoolFlags::all().bits() & PoolFlags::REQUIRED;
        let reserved =
            PoolFlags::SESSION | PoolFlags::RESERVED1 | PoolFlags::RESERVED2 | PoolFlags::RESERVED3;
        if let Some(pool_type) = self.mistaken_type() {
            return Err(FlagsError::PoolType(pool_type));
        }
        if required & !known != 0 {
            return Err(FlagsError::Unknown(required & !known));
        }
        if required & reserved.bits() != 0 {
            return Err(FlagsError::Reserved(PoolFlags::from_bits_retain(required & reserved.bits())));
        }
        match PoolFlags::from_bits_retain(required & POOLS.bits()) {
            PoolFlags::NON_PAGED => Ok(PoolKind::NonPaged),
            PoolFlags::NON_PAGED_EXECUTE => Ok(PoolKind::NonPagedExecute),
            PoolFlags::PAGED => Ok(PoolKind::Paged),
            none if none.is_empty() => Err(FlagsError::NoPool),
            several => Err(FlagsError::SeveralPools(several)),
        }
    }

    /// The flag that names this kind of pool.
    #[must_use]
    pub const fn naming(kind: PoolKind) -> PoolFlags {
        match kind {
            PoolKind::NonPaged => PoolFlags::NON_PAGED,
            PoolKind::NonPagedExecute => PoolFlags::NON_PAGED_EXECUTE,
            PoolKind::Paged => PoolFlags::PAGED,
        }
    }

    /// The pool type that was passed where flags belong, when that is the likeliest reading of the value: it names no
    /// pool as flags, and is a type that drivers use.
    ///
    /// Uninitialized, cache-aligned or raising flags alone are types too, historic ones; a forgotten pool is likelier.
    fn mistaken_type(self) -> Option<PoolType> {
        let value = u32::try_from(self.bits()).ok().filter(|_| !self.intersects(POOLS))?;
        let pool_type = PoolType(value);
        let likelier_flags =
            PoolFlags::UNINITIALIZED | PoolFlags::CACHE_ALIGNED | PoolFlags::RAISE_ON_FAILURE;
        let is_likely = pool_type.has(PoolType::NX_BIT) || !self.intersects(likelier_flags);
        (is_likely && pool_type.kind().is_some()).then_some(pool_type)
    }
}

/// The flags of which exactly one names the pool.
const POOLS: PoolFlags = PoolFlags::NON_PAGED.union(PoolFlags::NON_PAGED_EXECUTE).union(PoolFlags::PAGED);

/// The flags as the headers name them: `POOL_FLAG_PAGED | POOL_FLAG_USE_QUOTA | 0x800`.
impl fmt::Display for PoolFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("0");
        }
        let mut separator = "";
        for (name, _) in self.iter_names() {
            write!(f, "{separator}POOL_FLAG_{name}")?;
            separator = " | ";
        }
        match self.bits() & !PoolFlags::all().bits() {
            0 => Ok(()),
            unknown => write!(f, "{separator}{unknown:#x}"),
        }
    }
}

/// Why flags are not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagsError {
    /// They are most likely this pool type, passed where flags belong.
    PoolType(PoolType),
    /// These required bits are unknown.
    Unknown(u64),
    /// These bits are reserved for the system.
    Reserved(PoolFlags),
    /// No pool is named.
    NoPool,
    /// More than one pool is named.
    SeveralPools(PoolFlags),
}

impl fmt::Display for FlagsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlagsError::PoolType(pool_type) => {
                let flags = PoolFlags::from_bits_retain(u64::from(pool_type.0));
                write!(
                    f,
                    "{:#x} is the pool type {pool_type}; as flags it is {flags}, which names no pool",
                    pool_type.0
                )?;
                // Who asks for executable memory by the oldest type's name hardly ever executes it.
                let meant = pool_type.kind().map_or(PoolFlags::NON_PAGED, PoolFlags::naming);
                let meant = if meant == PoolFlags::NON_PAGED_EXECUTE { PoolFlags::NON_PAGED } else { meant };
                write!(f, "; pass {meant} ({:#x})", meant.bits())
            }
            FlagsError::Unknown(bits) => {
                write!(f, "the required bits {bits:#x} have no meaning in this version")
            }
            FlagsError::Reserved(flags) => write!(f, "{flags} is reserved for the system"),
            FlagsError::NoPool => write!(
                f,
                "no pool is named; add {}, {} or {}",
                PoolFlags::NON_PAGED,
                PoolFlags::NON_PAGED_EXECUTE,
                PoolFlags::PAGED
            ),
            FlagsError::SeveralPools(flags) => write!(f, "more than one pool is named: {flags}"),
        }
    }
}

impl core::error::Error for FlagsError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

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

    // POOL-181 POOL-184 POOL-185 POOL-186 POOL-187 POOL-188 POOL-189 POOL-194
    #[test]
    fn pool_184_185_186_187_188_189_194_each_flag_has_its_bit() {
        let flags = [
            (0x1, "POOL_FLAG_USE_QUOTA"),
            (0x2, "POOL_FLAG_UNINITIALIZED"),
            (0x4, "POOL_FLAG_SESSION"),
            (0x8, "POOL_FLAG_CACHE_ALIGNED"),
            (0x10, "POOL_FLAG_RESERVED1"),
            (0x20, "POOL_FLAG_RAISE_ON_FAILURE"),
            (0x200, "POOL_FLAG_RESERVED2"),
            (0x400, "POOL_FLAG_RESERVED3"),
            (0x1_0000_0000, "POOL_FLAG_SPECIAL_POOL"),
        ];
        for (bit, name) in flags {
            assert_eq!(PoolFlags::from_bits_retain(bit).to_string(), name);
        }
        let all = flags.iter().fold(0x1C0, |bits, (bit, _)| bits | bit);
        assert_eq!(PoolFlags::all().bits(), all);
    }

    // POOL-186 POOL-188
    #[test]
    fn pool_195_reserved_and_session_bits_fail() {
        for bit in [0x4, 0x10, 0x200, 0x400] {
            assert_eq!(kind(0x40 | bit), None, "{bit:#x}");
        }
    }

    #[test]
    fn a_pool_type_passed_as_flags_is_recognised_and_the_flag_that_was_meant_is_named() {
        let said = |bits: u64| PoolFlags::from_bits_retain(bits).check().unwrap_err();
        for value in [0, 1, 4, 5, 512, 516, 544, 512 | 8, 512 | 1024, 1 | 16] {
            assert_eq!(said(value), FlagsError::PoolType(PoolType(value as u32)), "{value:#x}");
        }
        let paged = said(1).to_string();
        assert!(paged.contains("0x1 is the pool type PagedPool"), "{paged}");
        assert!(paged.contains("as flags it is POOL_FLAG_USE_QUOTA"), "{paged}");
        assert!(paged.ends_with("pass POOL_FLAG_PAGED (0x100)"), "{paged}");
        assert!(said(512).to_string().contains("as flags it is POOL_FLAG_RESERVED2"));
        assert!(said(0).to_string().ends_with("pass POOL_FLAG_NON_PAGED (0x40)"));
    }

    #[test]
    fn flags_without_a_pool_that_hardly_are_a_type_are_told_so() {
        for bits in [0x2, 0x8, 0x20, 0x22, 0x1_0000_0000] {
            assert_eq!(PoolFlags::from_bits_retain(bits).check(), Err(FlagsError::NoPool), "{bits:#x}");
        }
        let two = PoolFlags::NON_PAGED | PoolFlags::PAGED;
        assert_eq!(two.check(), Err(FlagsError::SeveralPools(two)));
        assert_eq!(PoolFlags::from_bits_retain(0x840).check(), Err(FlagsError::Unknown(0x800)));
    }
}
