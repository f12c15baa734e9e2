//! The older pool routines, which take a pool type.

use crate::observer::{Observed, Observer, bug_check, unhandled_status};
use ntpool::{ExitStatus, Finding, Machine, WindowsVersion};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("pool-types");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));
static LEVELS: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("levels"));
static WRONG: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("wrong"));

/// The kind of pool that a block of this type came from.
fn kind_of(pool_type: u32) -> Vec<&'static str> {
    let tag = format!("T{pool_type:03}");
    OBSERVED.outcome.tags.iter().filter(|row| row.tag == tag).map(|row| row.kind.as_str()).collect()
}

/// The findings of this rule in the run of wrong requests.
fn wrong(rule: &str) -> Vec<&'static Finding> {
    WRONG.outcome.findings.iter().filter(|finding| finding.rule == rule).collect()
}

/// Whether a case ended in an exception for want of memory.
fn raises(case: &str) -> bool {
    let observed = DRIVER.run(case);
    !observed.told_of("survived") && unhandled_status(&observed) == 0xC000_009A
}

// POOL-098
#[test]
fn pool_098_the_older_routines_still_work_and_their_use_is_no_crime() {
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "{:#?}", OBSERVED.outcome);
}

// POOL-081 POOL-094
#[test]
fn pool_094_a_block_without_a_tag_is_counted_under_none() {
    assert_eq!(OBSERVED.line("untagged"), "1 1");
    assert_eq!(OBSERVED.tag("None", "nonpaged executable"), Some((2, 2, 0)));
}

// POOL-082 POOL-083
#[test]
fn pool_082_want_of_memory_gives_no_block() {
    assert_eq!(OBSERVED.line("too-much"), "plain=0 tagged=0 priority=0 quota=0");
}

#[test]
fn pool_085_the_older_routines_blocks_are_not_zeroed() {
    assert_eq!(OBSERVED.line("contents"), "zero=0");
}

// POOL-087 POOL-088 POOL-089
#[test]
fn pool_087_the_older_routines_keep_to_the_same_levels() {
    assert_eq!(LEVELS.line("legal"), "done");
    let wrong: Vec<(u8, u64)> = (LEVELS.outcome.findings.iter())
        .filter(|finding| finding.rule == "pool.allocate-irql")
        .map(|finding| (finding.irql, bug_check(finding).1[3]))
        .collect();
    // Each of the five routines: first paged pool at DISPATCH_LEVEL, then nonpaged pool above it.
    let expected: Vec<(u8, u64)> =
        [2, 5].iter().flat_map(|&irql| (1..=5).map(move |size| (irql, size))).collect();
    assert_eq!(wrong, expected);
}

// POOL-090 POOL-091
#[test]
fn pool_090_a_request_for_no_bytes_is_found_and_served() {
    assert_eq!(wrong("pool.zero-length").len(), 1);
    assert_eq!(WRONG.line("no-bytes"), "given=1");
}

// POOL-115 POOL-197
#[test]
fn pool_115_requests_raise_where_their_type_asks_for_it() {
    assert!(OBSERVED.line("too-much").contains("tagged=0 priority=0"), "and are NULL otherwise");
    assert!(raises("raise-tagged"));
    assert!(raises("raise-priority"));
}

// POOL-100 POOL-101 POOL-196
#[test]
fn pool_100_the_quota_routines_raise_by_themselves() {
    assert!(raises("raise-quota"));
    assert!(raises("raise-quota-tagged"));
    assert!(OBSERVED.line("too-much").ends_with("quota=0"), "unless told to fail");
}

// POOL-166 POOL-167
#[test]
fn pool_166_type_0_is_executable_nonpaged_pool_for_every_level() {
    assert_eq!(kind_of(0), ["nonpaged executable"]);
    assert_eq!(OBSERVED.line("execute"), "called=42");
    assert_eq!(OBSERVED.line("touched"), "7");
}

#[test]
fn vrf_085_a_request_that_must_succeed_is_c2_9a() {
    let tag = u64::from(u32::from_le_bytes(*b"Rows"));
    let stops: Vec<_> = wrong("pool.must-succeed").into_iter().map(bug_check).collect();
    let expected =
        [(2, 65), (6, 66), (34, 67), (38, 68)].map(|(number, size)| (0xC2, [0x9A, number, size, tag]));
    assert_eq!(stops, expected);
}

// POOL-171 POOL-174
#[test]
fn pool_171_types_3_and_7_are_no_types() {
    assert_eq!(wrong("pool.bad-type").len(), 3);
    for pool_type in [3, 7, 35] {
        assert_eq!(WRONG.line(&format!("type-{pool_type}")), "given=0");
    }
}

#[test]
fn pool_176_session_types_are_the_base_types_plus_32() {
    for (session, base) in [(32, 0), (33, 1), (36, 4), (37, 5), (544, 512)] {
        assert_eq!(kind_of(session), kind_of(base), "{session}");
        assert_eq!(kind_of(session).len(), 1, "{session}");
    }
    // 34 and 38 must succeed like 2 and 6, 35 is as little a type as 3.
    assert_eq!(wrong("pool.must-succeed").len(), 4);
    assert_eq!(WRONG.line("type-35"), "given=0");
}

// POOL-177 POOL-200
#[test]
fn pool_177_type_512_is_nonpaged_pool_that_does_not_execute() {
    assert_eq!(kind_of(512), ["nonpaged"]);
    assert_eq!(DRIVER.run("execute-nx").finding().rule, "memory.no-execute");
}

// POOL-178
#[test]
fn pool_178_the_bits_of_a_type_say_paged_and_no_execute() {
    for pool_type in [1, 5, 33, 37] {
        assert_eq!(kind_of(pool_type), ["paged"], "{pool_type}");
    }
    for pool_type in [0, 4, 32, 36] {
        assert_eq!(kind_of(pool_type), ["nonpaged executable"], "{pool_type}");
    }
    for pool_type in [512, 516, 544] {
        assert_eq!(kind_of(pool_type), ["nonpaged"], "{pool_type}");
    }
}

// POOL-198 POOL-199
#[test]
fn pool_198_a_cold_block_is_like_any_other_for_every_routine() {
    assert_eq!(OBSERVED.line("cold"), "like-others=5");
}

#[test]
fn pool_201_bit_400_asks_for_zeroes() {
    assert_eq!(OBSERVED.line("zeroed"), "tagged=1 large=1 priority=1");
}

// POOL-213 POOL-214 POOL-215
#[test]
fn pool_213_tags_that_tell_nothing_are_c2_9b_9c_and_9d() {
    let stops: Vec<_> = wrong("pool.bad-tag").into_iter().map(bug_check).collect();
    let shown: Vec<_> =
        stops.iter().map(|&(code, [number, second, third, _])| (code, number, second, third)).collect();
    let signs = u64::from(u32::from_le_bytes(*b" --!"));
    assert_eq!(shown, [(0xC2, 0x9B, 1, 67), (0xC2, 0x9C, 1, 68), (0xC2, 0x9D, signs, 1)]);
}

// POOL-172 POOL-178
#[test]
fn pool_172_blocks_of_the_cache_aligned_types_begin_on_a_cache_line() {
    assert_eq!(OBSERVED.line("cache-lines"), "40", "every block of every type and size");
}

#[test]
fn pool_095_the_default_tags_of_header_macros_are_counted_as_given() {
    for tag in ["Ddk ", "Wdm "] {
        assert_eq!(OBSERVED.tag(tag, "paged"), Some((1, 1, 0)), "{tag}");
    }
}

#[test]
fn pool_113_quota_routines_at_dispatch_level_are_served_and_told_of() {
    let told: Vec<u8> = (LEVELS.outcome.findings.iter())
        .filter(|finding| finding.rule == "irql.too-high")
        .map(|finding| finding.irql)
        .collect();
    assert_eq!(told, [2; 4], "two routines, of two kinds of nonpaged pool");
    assert_eq!(LEVELS.line("legal"), "done");
}

#[test]
fn pool_141_a_system_without_no_execute_pool_does_not_know_its_type() {
    let older = DRIVER.run_on(&Machine::new().windows(WindowsVersion::WINDOWS_7), "execute-nx");
    let finding = &older.outcome.findings[0];
    assert_eq!(finding.rule, "pool.bad-type");
    assert!(finding.message.contains("NonPagedPoolNx"), "{}", finding.message);
    let newer = DRIVER.run_on(&Machine::new().windows(WindowsVersion::WINDOWS_8), "execute-nx");
    assert_eq!(newer.finding().rule, "memory.no-execute", "it got its block");
}

// POOL-169 POOL-173
#[test]
fn pool_169_173_types_that_must_succeed_are_served_as_nonpaged_pool_while_there_is_memory() {
    let left: Vec<_> = (WRONG.outcome.left.iter()).filter(|row| row.tag == "Rows").collect();
    let must_succeed = left.iter().find(|row| row.kind == "nonpaged executable").expect("they got blocks");
    assert_eq!((must_succeed.blocks(), must_succeed.bytes >= 65 + 66 + 67 + 68), (4, true));
}
