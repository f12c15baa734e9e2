//! How much pool a machine may have, as versions of Windows decide it.
//!
//! The limits are set when the system starts, from the memory that is there then, and do not change (POOL-225).

use ntpool_types::{Bytes, PoolKind, WindowsVersion};

const fn gib(count: u64) -> Bytes {
    Bytes(count << 30)
}

/// The most pool of this kind that there may be (POOL-223, POOL-224).
///
/// `memory` is what is there at the start, `commit_limit` memory and page files together.
#[must_use]
pub fn pool_limit(version: WindowsVersion, kind: PoolKind, memory: Bytes, commit_limit: Bytes) -> Bytes {
    let is_windows_7 = version.build < WindowsVersion::WINDOWS_8.build;
    let is_windows_8 = version.major < 10;
    match kind {
        PoolKind::NonPaged | PoolKind::NonPagedExecute if is_windows_7 => {
            Bytes(memory.0 / 4 * 3).min(gib(128))
        }
        PoolKind::NonPaged | PoolKind::NonPagedExecute => memory.min(gib(128)),
        PoolKind::Paged if is_windows_7 => commit_limit.min(gib(128)),
        // 15.5 TiB.
        PoolKind::Paged if is_windows_8 => commit_limit.min(gib(15_872)),
        PoolKind::Paged => commit_limit.min(gib(384)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS_7: WindowsVersion = WindowsVersion::WINDOWS_7;
    const WINDOWS_8: WindowsVersion = WindowsVersion::WINDOWS_8;
    const WINDOWS_10: WindowsVersion = WindowsVersion::WINDOWS_10;

    #[test]
    fn pool_223_nonpaged_pool_is_memory_or_three_quarters_of_it_up_to_128_gib() {
        for kind in [PoolKind::NonPaged, PoolKind::NonPagedExecute] {
            let limit = |version, memory| pool_limit(version, kind, memory, gib(1 << 20));
            assert_eq!(limit(WINDOWS_10, gib(16)), gib(16));
            assert_eq!(limit(WINDOWS_10, gib(129)), gib(128));
            assert_eq!(limit(WINDOWS_7, gib(16)), gib(12));
            assert_eq!(limit(WINDOWS_7, gib(1024)), gib(128));
        }
    }

    #[test]
    fn pool_224_paged_pool_is_the_commit_limit_up_to_a_bound_of_the_version() {
        let limit = |version, commit_limit| pool_limit(version, PoolKind::Paged, gib(16), commit_limit);
        for (version, bound) in [(WINDOWS_7, 128), (WINDOWS_8, 15_872), (WINDOWS_10, 384)] {
            assert_eq!(limit(version, gib(20)), gib(20), "{version}");
            assert_eq!(limit(version, gib(1 << 20)), gib(bound), "{version}");
        }
    }
}
