//! What may be done with a page.

use core::fmt;

/// What may be done with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protection {
    /// Nothing: every access faults.
    NoAccess,
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
    /// Reading and executing.
    ReadExecute,
    /// Reading, writing and executing.
    ReadWriteExecute,
}

impl Protection {
    /// Every protection.
    pub const ALL: [Protection; 5] = [
        Protection::NoAccess,
        Protection::Read,
        Protection::ReadWrite,
        Protection::ReadExecute,
        Protection::ReadWriteExecute,
    ];

    /// Whether the page may be read.
    #[must_use]
    pub const fn is_readable(self) -> bool {
        !matches!(self, Protection::NoAccess)
    }

    /// Whether the page may be written.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        matches!(self, Protection::ReadWrite | Protection::ReadWriteExecute)
    }

    /// Whether instructions may be fetched from the page.
    #[must_use]
    pub const fn is_executable(self) -> bool {
        matches!(self, Protection::ReadExecute | Protection::ReadWriteExecute)
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protection::NoAccess => "no access",
            Protection::Read => "read-only",
            Protection::ReadWrite => "read and write",
            Protection::ReadExecute => "read and execute",
            Protection::ReadWriteExecute => "read, write and execute",
        })
    }
}
