//! The table by which a driver queries registry values, and the registry's numbers.

use crate::layout::{nt_constants, nt_struct};

nt_struct! {
    /// One entry of a query table: which value or key, and where what is found goes (MACH-225 to MACH-229).
    RegistryQuery = "RTL_QUERY_REGISTRY_TABLE", 0x38 {
        /// The address of the routine that is told of what is found.
        query_routine: u64 = [0x00] QUERY_ROUTINE "QueryRoutine",
        /// The `RTL_QUERY_REGISTRY_` flags.
        flags: u32 = [0x08] FLAGS "Flags",
        /// Padding.
        padding_1: [u8; 4],
        /// The address of the terminated name of a value or of a key.
        name: u64 = [0x10] NAME "Name",
        /// What the routine is given as its last argument, or where a value is stored directly.
        entry_context: u64 = [0x18] ENTRY_CONTEXT "EntryContext",
        /// The default's type in the lowest byte, the type that is expected in the highest.
        default_type: u32 = [0x20] DEFAULT_TYPE "DefaultType",
        /// Padding.
        padding_2: [u8; 4],
        /// The address of the default.
        default_data: u64 = [0x28] DEFAULT_DATA "DefaultData",
        /// The default's length in bytes; zero for a string whose terminator tells it.
        default_length: u32 = [0x30] DEFAULT_LENGTH "DefaultLength",
        /// Padding.
        padding_3: [u8; 4],
    }
}

impl RegistryQuery {
    /// Whether the entry ends its table (MACH-225).
    #[must_use]
    pub const fn is_end(&self) -> bool {
        self.query_routine == 0 && self.name == 0
    }

    /// Whether one of these flags is set.
    #[must_use]
    pub const fn has(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    /// The type of the default, one of the `REG_` numbers.
    #[must_use]
    pub const fn type_of_default(&self) -> u32 {
        self.default_type & 0xFF
    }

    /// The type that a stored value is expected to have, one of the `REG_` numbers (MACH-228).
    #[must_use]
    pub const fn expected_type(&self) -> u32 {
        self.default_type >> RTL_QUERY_REGISTRY_TYPECHECK_SHIFT
    }
}

nt_constants! {
    /// The path begins at the root.
    RTL_REGISTRY_ABSOLUTE: u32 = 0;
    /// The path begins at the services' key.
    RTL_REGISTRY_SERVICES: u32 = 1;
    /// The path begins at the key of the control set's settings.
    RTL_REGISTRY_CONTROL: u32 = 2;
    /// The path begins at the key of the version of Windows.
    RTL_REGISTRY_WINDOWS_NT: u32 = 3;
    /// The path begins at the key of the devices that were found.
    RTL_REGISTRY_DEVICEMAP: u32 = 4;
    /// The path begins at the user's key.
    RTL_REGISTRY_USER: u32 = 5;
    /// What is given as the path is a handle.
    RTL_REGISTRY_HANDLE: u32 = 0x4000_0000;
    /// The key need not be there.
    RTL_REGISTRY_OPTIONAL: u32 = 0x8000_0000;

    /// The name is a path of a key, to which the entries that follow belong.
    RTL_QUERY_REGISTRY_SUBKEY: u32 = 0x1;
    /// This entry and those that follow belong to the first key again.
    RTL_QUERY_REGISTRY_TOPKEY: u32 = 0x2;
    /// What is not found ends the query.
    RTL_QUERY_REGISTRY_REQUIRED: u32 = 0x4;
    /// The routine is called without a value.
    RTL_QUERY_REGISTRY_NOVALUE: u32 = 0x8;
    /// Environment variables and lists of strings stay as they are.
    RTL_QUERY_REGISTRY_NOEXPAND: u32 = 0x10;
    /// The value is stored without a routine.
    RTL_QUERY_REGISTRY_DIRECT: u32 = 0x20;
    /// The value is deleted after it was reported.
    RTL_QUERY_REGISTRY_DELETE: u32 = 0x40;
    /// The stored type must be the one that is expected.
    RTL_QUERY_REGISTRY_TYPECHECK: u32 = 0x100;
    /// Where the expected type begins in the default's type.
    RTL_QUERY_REGISTRY_TYPECHECK_SHIFT: u32 = 24;

    /// No type.
    REG_NONE: u32 = 0;
    /// A terminated string.
    REG_SZ: u32 = 1;
    /// A terminated string with environment variables in it.
    REG_EXPAND_SZ: u32 = 2;
    /// Bytes.
    REG_BINARY: u32 = 3;
    /// A number of 32 bits.
    REG_DWORD: u32 = 4;
    /// Terminated strings, ended by an empty one.
    REG_MULTI_SZ: u32 = 7;
    /// A number of 64 bits.
    REG_QWORD: u32 = 11;
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    #[test]
    fn the_default_type_is_two_types_in_one_number() {
        let mut query = RegistryQuery::new_zeroed();
        query.default_type = REG_DWORD << RTL_QUERY_REGISTRY_TYPECHECK_SHIFT | REG_SZ;
        assert_eq!((query.expected_type(), query.type_of_default()), (REG_DWORD, REG_SZ));
    }

    #[test]
    fn a_table_ends_where_routine_and_name_are_both_missing() {
        let end =
            RegistryQuery { entry_context: 1, default_data: 2, flags: 3, ..RegistryQuery::new_zeroed() };
        assert!(end.is_end());
        assert!(!RegistryQuery { name: 1, ..end }.is_end());
        assert!(!RegistryQuery { query_routine: 1, ..end }.is_end());
    }
}
