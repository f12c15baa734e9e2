//! The extended parameters of the newest pool allocator.

use crate::layout::{nt_constants, nt_struct};

nt_struct! {
    /// One extended parameter: what it is, and its value (POOL-058).
    PoolExtendedParameter = "POOL_EXTENDED_PARAMETER", 0x10 {
        /// The bit field: type, optional, reserved (POOL-059).
        bits: u64,
        /// The value, whose type decides how many of its bytes count (POOL-060).
        value: u64 = [0x8] VALUE "Reserved2",
    }
    views {
        /// The priority, for a parameter of that type.
        PRIORITY: u32 = [0x8] "Priority";
        /// The address of the secure pool parameters, for a parameter of that type.
        SECURE_POOL_PARAMETERS: u64 = [0x8] "SecurePoolParams";
        /// The number of the node, for a parameter of that type.
        PREFERRED_NODE: u32 = [0x8] "PreferredNode";
    }
}

impl PoolExtendedParameter {
    /// A parameter of this type; an `optional` one may be ignored.
    #[must_use]
    pub const fn new(parameter_type: u8, optional: bool, value: u64) -> PoolExtendedParameter {
        PoolExtendedParameter { bits: parameter_type as u64 | (optional as u64) << 8, value }
    }

    /// What kind of parameter it is, one of the `PARAMETER_` numbers.
    #[must_use]
    pub const fn parameter_type(&self) -> u8 {
        self.bits as u8
    }

    /// Whether it may be ignored.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        self.bits >> 8 & 1 != 0
    }

    /// The bits without a meaning.
    #[must_use]
    pub const fn reserved(&self) -> u64 {
        self.bits >> 9
    }

    /// The value as the 32-bit number that a priority or a node is.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.value as u32
    }
}

nt_struct! {
    /// What a secure allocation needs, as Microsoft's reference page for it lists the members.
    SecurePoolParameters = "POOL_EXTENDED_PARAMS_SECURE_POOL", 0x20 {
        /// The handle of the secure pool.
        secure_pool_handle: u64 = [0x00] SECURE_POOL_HANDLE "SecurePoolHandle",
        /// The address of the first contents.
        buffer: u64 = [0x08] BUFFER "Buffer",
        /// The caller's cookie.
        cookie: u64 = [0x10] COOKIE "Cookie",
        /// The `SECURE_POOL_FLAGS_` flags.
        flags: u32 = [0x18] FLAGS "SecurePoolFlags",
        /// Padding.
        padding: [u8; 4],
    }
}

nt_struct! {
    /// What else is said of a new pool, as Microsoft's reference page lists the members.
    PoolCreateParameters = "POOL_CREATE_EXTENDED_PARAMS", 0x10 {
        /// The version of this structure.
        version: u32 = [0x0] VERSION "Version",
        /// How many parameters follow.
        count: u32 = [0x4] COUNT "ParameterCount",
        /// The address of the first.
        parameters: u64 = [0x8] PARAMETERS "Parameters",
    }
}

nt_constants! {
    /// No parameter: never valid (POOL-061, POOL-062).
    PARAMETER_INVALID: u8 = 0, "PoolExtendedParameterInvalidType";
    /// The priority of the request.
    PARAMETER_PRIORITY: u8 = 1, "PoolExtendedParameterPriority";
    /// A secure allocation.
    PARAMETER_SECURE_POOL: u8 = 2, "PoolExtendedParameterSecurePool";
    /// The node to prefer.
    PARAMETER_NUMA_NODE: u8 = 3, "PoolExtendedParameterNumaNode";
    /// One more than the last type.
    PARAMETER_MAX: u8 = 4, "PoolExtendedParameterMax";
    /// The bit of a node's number that lets the allocation fall back to other nodes (POOL-071).
    MM_ANY_NODE_OK: u32 = 0x8000_0000;
    /// No flag of a secure allocation (POOL-074).
    SECURE_POOL_FLAGS_NONE: u32 = 0;
    /// The block may be freed.
    SECURE_POOL_FLAGS_FREEABLE: u32 = 1;
    /// The block's contents may be changed by the routine that updates them.
    SECURE_POOL_FLAGS_MODIFIABLE: u32 = 2;
    /// Make a secure pool (POOL-077).
    POOL_CREATE_FLG_SECURE_POOL: u32 = 1;
    /// Let the pool take its memory from the system's.
    POOL_CREATE_FLG_USE_GLOBAL_POOL: u32 = 2;
    /// The version of the parameters for a new pool.
    POOL_CREATE_PARAMS_VERSION: u32 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::{FromBytes, IntoBytes};

    #[test]
    fn pool_058_a_parameter_is_16_bytes_and_8_byte_aligned() {
        assert_eq!(size_of::<PoolExtendedParameter>(), 16);
        assert_eq!(align_of::<PoolExtendedParameter>(), 8);
    }

    #[test]
    fn pool_059_type_optional_and_reserved_are_bits_0_8_and_9() {
        let parameter = PoolExtendedParameter { bits: 0xABCD_0000_0000_0503, value: 0 };
        assert_eq!(parameter.parameter_type(), 3);
        assert!(parameter.is_optional());
        assert_eq!(parameter.reserved(), 0xABCD_0000_0000_0503 >> 9);
        assert!(!PoolExtendedParameter { bits: 0xFF | 0x200, value: 0 }.is_optional());
    }

    #[test]
    fn pool_060_every_value_lies_at_offset_8() {
        let mut bytes = [0_u8; 16];
        bytes[0] = PARAMETER_NUMA_NODE;
        bytes[8..12].copy_from_slice(&7_u32.to_le_bytes());
        bytes[12..].fill(0xEE);
        let parameter = PoolExtendedParameter::read_from_bytes(&bytes).expect("16 bytes");
        assert_eq!(parameter.number(), 7, "the upper half is not part of a node's number");
        for offset in [
            PoolExtendedParameter::PRIORITY.offset(),
            PoolExtendedParameter::PREFERRED_NODE.offset(),
            PoolExtendedParameter::SECURE_POOL_PARAMETERS.offset(),
        ] {
            assert_eq!(offset, 8);
        }
        assert_eq!(PoolExtendedParameter::new(1, true, 0x20).as_bytes()[..9], [1, 1, 0, 0, 0, 0, 0, 0, 0x20]);
    }

    // POOL-071 POOL-074 POOL-077
    #[test]
    fn pool_071_074_077_flags_of_nodes_and_secure_pools_have_their_values() {
        assert_eq!(MM_ANY_NODE_OK, 0x8000_0000);
        let flags = [SECURE_POOL_FLAGS_NONE, SECURE_POOL_FLAGS_FREEABLE, SECURE_POOL_FLAGS_MODIFIABLE];
        assert_eq!(flags, [0, 1, 2]);
        assert_eq!([POOL_CREATE_FLG_SECURE_POOL, POOL_CREATE_FLG_USE_GLOBAL_POOL], [1, 2]);
        assert_eq!(POOL_CREATE_PARAMS_VERSION, 1);
    }

    #[test]
    fn pool_073_a_secure_parameter_has_handle_contents_cookie_and_flags() {
        let offsets = [
            SecurePoolParameters::SECURE_POOL_HANDLE.offset(),
            SecurePoolParameters::BUFFER.offset(),
            SecurePoolParameters::COOKIE.offset(),
            SecurePoolParameters::FLAGS.offset(),
        ];
        assert_eq!(offsets, [0, 8, 16, 24]);
        assert_eq!(SecurePoolParameters::SIZE, 32);
    }

    #[test]
    fn pool_061_types_are_numbered_from_0() {
        let types = [
            PARAMETER_INVALID,
            PARAMETER_PRIORITY,
            PARAMETER_SECURE_POOL,
            PARAMETER_NUMA_NODE,
            PARAMETER_MAX,
        ];
        assert_eq!(types, [0, 1, 2, 3, 4]);
    }
}
