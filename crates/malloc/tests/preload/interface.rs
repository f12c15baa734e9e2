//! The C functions, as a C program sees them.

use crate::world::{Program, check, interface};

#[track_caller]
fn holds(name: &str) {
    assert_eq!(check(name).prints(), "ok\n");
}

#[test]
fn blocks_keep_their_bytes_and_calloc_zeroes() {
    holds("contents");
}

#[test]
fn every_function_keeps_its_alignment() {
    holds("alignment");
}

#[test]
fn errors_are_reported_as_posix_and_the_gnu_library_have_them() {
    holds("errors");
}

#[test]
fn no_bytes_are_a_block_and_realloc_to_none_frees() {
    holds("zero-sizes");
}

#[test]
fn a_thousand_threads_come_and_go() {
    holds("thread-churn");
}

#[test]
fn threads_beyond_the_number_of_shards_share_one() {
    holds("more-threads-than-shards");
}

#[test]
fn a_block_can_be_freed_in_another_thread() {
    holds("free-in-another-thread");
}

#[test]
fn destructors_of_thread_local_data_allocate_and_free() {
    holds("thread-local-destructors");
}

#[test]
fn children_of_a_process_with_threads_go_on_working() {
    holds("forks-beside-threads");
}

#[test]
fn several_threads_fork_at_once() {
    holds("threads-that-fork");
}

#[test]
fn fork_handlers_of_others_may_allocate() {
    holds("fork-handlers");
}

#[test]
fn programs_are_spawned() {
    holds("spawned-programs");
}

#[test]
fn constructors_allocate_and_destructors_free() {
    holds("early-and-late");
}

#[test]
fn a_library_is_loaded_and_unloaded() {
    holds("opened-library");
}

#[test]
fn a_large_blocks_memory_goes_back_to_the_system() {
    holds("memory-goes-back");
}

#[test]
fn a_full_pool_is_no_memory_and_works_on() {
    holds("exhaustion");
}

#[test]
fn a_limit_on_the_address_space_is_respected() {
    for kibibytes in ["500000", "1000000", "8000000"] {
        let script = format!("ulimit -v {kibibytes} && \"$0\" contents && \"$0\" exhaustion");
        let script = Program::new("sh").args(["-c", &script]).args([interface()]);
        assert_eq!(script.prints(), "ok\nok\n", "{kibibytes} KiB");
    }
}

#[test]
fn a_free_of_no_block_ends_the_process_with_a_message() {
    let crimes = [
        ("free-twice", "free(0x", "(pool.double-free)"),
        ("free-inside", "free(0x", "(pool.interior-free)"),
        ("free-foreign", "free(0x", "(pool.foreign-free)"),
        ("realloc-foreign", "realloc(0x", "no live block begins at this address"),
    ];
    for (name, function, why) in crimes {
        let ended = check(name).run();
        assert!(ended.was_aborted(), "{name}: {}", ended.output.status);
        let errors = ended.errors();
        assert!(errors.starts_with(&format!("ntpool: {function}")), "{name}: {errors}");
        assert!(errors.contains(why), "{name}: {errors}");
    }
}
