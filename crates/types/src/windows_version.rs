//! The versions of Windows that a machine can claim to be.

use core::fmt;

/// A version of Windows by its numbers.
///
/// The version decides which routines the kernel exports and which arguments its pool routines know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowsVersion {
    /// The major version.
    pub major: u32,
    /// The minor version.
    pub minor: u32,
    /// The build; builds only ever grow.
    pub build: u32,
}

impl WindowsVersion {
    /// Windows 7: no no-execute pool, no routines that take flags.
    pub const WINDOWS_7: WindowsVersion = WindowsVersion { major: 6, minor: 1, build: 7601 };
    /// Windows 8: the first with no-execute pool.
    pub const WINDOWS_8: WindowsVersion = WindowsVersion { major: 6, minor: 2, build: 9200 };
    /// Windows 10, version 1909: the last before the routines that take flags.
    pub const WINDOWS_10_1909: WindowsVersion = WindowsVersion { major: 10, minor: 0, build: 18363 };
    /// Windows 10, version 22H2: the last that has every routine of the pool family, deprecated or new.
    pub const WINDOWS_10: WindowsVersion = WindowsVersion { major: 10, minor: 0, build: 19045 };

    /// The versions that a machine can claim to be, by the names that users give them.
    pub const ALL: [(&str, WindowsVersion); 4] = [
        ("7", WindowsVersion::WINDOWS_7),
        ("8", WindowsVersion::WINDOWS_8),
        ("10-1909", WindowsVersion::WINDOWS_10_1909),
        ("10", WindowsVersion::WINDOWS_10),
    ];

    /// The build of Windows 10 version 2004, from which on there are the routines that take flags (POOL-029).
    pub const BUILD_OF_2004: u32 = 19041;

    /// The version that users call this.
    #[must_use]
    pub fn from_name(name: &str) -> Option<WindowsVersion> {
        WindowsVersion::ALL.iter().find(|(known, _)| *known == name).map(|&(_, version)| version)
    }

    /// The version with this build.
    #[must_use]
    pub fn from_build(build: u32) -> Option<WindowsVersion> {
        WindowsVersion::ALL.iter().map(|&(_, version)| version).find(|version| version.build == build)
    }

    /// Whether there is nonpaged pool that does not execute (POOL-141, POOL-177).
    #[must_use]
    pub const fn has_no_execute_pool(self) -> bool {
        self.build >= WindowsVersion::WINDOWS_8.build
    }

    /// Whether the older routines know the bit that asks for zeroes (POOL-133).
    #[must_use]
    pub const fn zeroes_by_type(self) -> bool {
        self.build >= WindowsVersion::BUILD_OF_2004
    }
}

/// The name that users give the version, or its build.
impl fmt::Display for WindowsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match WindowsVersion::ALL.iter().find(|(_, version)| version == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "build {}", self.build),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn names_and_builds_lead_to_versions_and_back() {
        for (name, version) in WindowsVersion::ALL {
            assert_eq!(WindowsVersion::from_name(name), Some(version));
            assert_eq!(WindowsVersion::from_build(version.build), Some(version));
            assert_eq!(version.to_string(), name);
        }
        assert_eq!(WindowsVersion::from_name("95"), None);
        assert_eq!(WindowsVersion { build: 1, ..WindowsVersion::WINDOWS_7 }.to_string(), "build 1");
    }
}
