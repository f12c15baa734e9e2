//! The instructions that a call may take, on average over ten thousand pairs on one thread.
//!
//! The now and then of a call is in it: what is done when a magazine is empty or full, and when a counter is carried
//! over. A budget is the number that was measured and a tenth.

use crate::profile::{COUNTED, Calls, Profile};
use crate::shipped;

/// Instructions of a `malloc(64)`: 36.32 measured.
const MALLOC: u64 = 40;

/// Instructions of a `calloc(1, 64)` of a block that was used before: 62.32 measured.
const CALLOC: u64 = 68;

/// Instructions of a `free` by the thread that allocated: 65.00 measured.
const FREE: u64 = 71;

/// Instructions of a `calloc` of 1 to 256 bytes, the mean of all these sizes: 70.17 measured.
const SMALL_CALLOC: u64 = 77;

#[track_caller]
fn stays_within(function: &str, calls: Calls, budget: u64) {
    assert_eq!(calls.count, COUNTED, "the program's calls of the library's {function}");
    assert!(
        calls.instructions <= budget * calls.count,
        "{function} takes {:.2} instructions instead of at most {budget}",
        calls.instructions as f64 / calls.count as f64
    );
}

#[test]
fn a_malloc_and_its_free_stay_within_their_budgets() {
    let Some(library) = shipped::library() else { return };
    let profile = Profile::of(library, "malloc");
    stays_within("malloc", profile.calls("malloc"), MALLOC);
    stays_within("free", profile.calls("free"), FREE);
}

#[test]
fn a_calloc_and_its_free_stay_within_their_budgets() {
    let Some(library) = shipped::library() else { return };
    let profile = Profile::of(library, "calloc");
    stays_within("calloc", profile.calls("calloc"), CALLOC);
    stays_within("free", profile.calls("free"), FREE);
}

#[test]
fn blocks_of_up_to_256_bytes_are_zeroed_without_memset() {
    let Some(library) = shipped::library() else { return };
    let small = Profile::of(library, "small-callocs");
    stays_within("calloc", small.calls("calloc"), SMALL_CALLOC);
    assert_eq!(small.calls_of_all("memset"), 0, "{small:#?}");
    // Above that memset is faster; this also shows that it would have been seen.
    let larger = Profile::of(library, "larger-callocs");
    assert_eq!(larger.calls_of_all("memset"), COUNTED, "{larger:#?}");
}
