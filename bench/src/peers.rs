//! The allocators that ours is compared with.

/// Where a peer of the first part comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is the C library's own: nothing is preloaded.
    CLibrary,
    /// A library of the distribution, found where the dynamic linker looks.
    Installed {
        /// The file; its whole path when the linker does not look there.
        file: &'static str,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// A crate, built into a library by one of ours.
    Crate {
        /// Our package.
        package: &'static str,
        /// A feature of it.
        feature: Option<&'static str>,
        /// What the allocator's own sources are compiled with, besides.
        flags: &'static str,
        /// The crate that brings the allocator.
        brings: &'static str,
        /// What that is in turn.
        note: &'static str,
    },
}

/// A peer of the first part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: &'static str,
    /// Where it comes from.
    pub source: Source,
}

/// The peers that serve as a process's malloc.
pub const MALLOC: [Peer; 7] = [
    Peer { name: "glibc", source: Source::CLibrary },
    Peer {
        name: "tcmalloc",
        source: Source::Installed { file: "libtcmalloc_minimal.so.4", package: "libtcmalloc-minimal4" },
    },
    Peer {
        name: "jemalloc",
        source: Source::Installed { file: "libjemalloc.so.2", package: "libjemalloc2" },
    },
    Peer {
        name: "mimalloc",
        source: Source::Crate {
            package: "ntpool-bench-peer-mimalloc",
            feature: None,
            flags: "",
            brings: "libmimalloc-sys",
            note: "mimalloc 3.3.2",
        },
    },
    Peer {
        name: "mimalloc-2",
        source: Source::Crate {
            package: "ntpool-bench-peer-mimalloc",
            feature: Some("version-2"),
            flags: "",
            brings: "libmimalloc-sys",
            note: "mimalloc 2.3.2",
        },
    },
    Peer {
        name: "snmalloc",
        source: Source::Crate {
            package: "ntpool-bench-peer-snmalloc",
            feature: None,
            flags: "",
            brings: "snmalloc-sys",
            note: "snmalloc 0.7",
        },
    },
    Peer {
        name: "rpmalloc",
        source: Source::Crate {
            package: "ntpool-bench-peer-rpmalloc",
            feature: None,
            flags: "",
            brings: "rpmalloc-sys",
            note: "rpmalloc 1.4",
        },
    },
];

/// The peers that check, as ours does when it is built with `checked`; they are compared with that only.
pub const CHECKED: [Peer; 2] = [
    Peer {
        name: SNMALLOC_CHECKS,
        source: Source::Crate {
            package: "ntpool-bench-peer-snmalloc",
            feature: Some("checks"),
            // The crate's own feature sets this only when it builds with cmake.
            flags: "-DSNMALLOC_CHECK_CLIENT",
            brings: "snmalloc-sys",
            note: "snmalloc 0.7 with its checks",
        },
    },
    Peer {
        name: SCUDO,
        source: Source::Installed {
            file: "/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.scudo_standalone-x86_64.so",
            package: "libclang-rt-19-dev",
        },
    },
];

/// snmalloc with its checks.
pub const SNMALLOC_CHECKS: &str = "snmalloc-checks";

/// LLVM's hardened allocator.
pub const SCUDO: &str = "scudo";

/// The peers that serve as a kernel's heap; each is a crate of its name.
pub const NO_STD: [&str; 3] = ["talc", "rlsf", "good_memory_allocator"];

/// The name of ours, in both parts.
pub const OURS: &str = "ntpool";

/// The name of ours without its counters by tag, which is compared with ours only.
pub const UNCOUNTED: &str = "ntpool-uncounted";

/// The yardstick's name.
pub const FLOOR: &str = "floor";

/// The names of all peers.
pub fn names() -> Vec<&'static str> {
    MALLOC.iter().chain(&CHECKED).map(|peer| peer.name).chain(NO_STD).collect()
}

/// The benchmark's own lock file, which has the versions of the crates.
const LOCK: &str = include_str!("../Cargo.lock");

/// The version of a crate in the benchmark's lock file.
pub fn locked_version(name: &str) -> Option<&'static str> {
    let name = format!("name = \"{name}\"");
    let mut lines = LOCK.lines().skip_while(|line| *line != name).skip(1);
    lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_that_is_measured_is_in_the_lock_file() {
        for peer in MALLOC.iter().chain(&CHECKED) {
            if let Source::Crate { brings, .. } = peer.source {
                assert!(locked_version(brings).is_some(), "{brings}");
            }
        }
        for peer in NO_STD {
            assert!(locked_version(peer).is_some(), "{peer}");
        }
        assert_eq!(locked_version("no such crate"), None);
    }

    #[test]
    fn the_notes_tell_of_the_versions_that_are_locked() {
        // A new version of either crate brings another allocator: look what it is, and change its note in the table.
        assert_eq!(locked_version("libmimalloc-sys"), Some("0.1.49"));
        assert_eq!(locked_version("snmalloc-sys"), Some("0.7.6"));
        assert_eq!(locked_version("rpmalloc-sys"), Some("0.2.3+b097fd0"));
    }

    #[test]
    fn no_two_peers_have_one_name() {
        let mut names = names();
        names.extend([OURS, UNCOUNTED, FLOOR]);
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
