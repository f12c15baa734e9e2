//! Structured exceptions: who is asked, who is told, and in which order.

use crate::observer::{Observed, Observer, bug_check};
use ntpool::{ExitStatus, Finding};
use ntpool_drivers::Toolchain;
use std::sync::LazyLock;

/// A driver built by both compilers, run under one name.
struct Both {
    observers: [Observer; 2],
}

impl Both {
    const fn new(name: &'static str) -> Both {
        Both { observers: [Observer::new(name), Observer::built_with(name, Toolchain::Clang)] }
    }

    fn run(&self, case: &str) -> [Observed; 2] {
        [self.observers[0].run(case), self.observers[1].run(case)]
    }
}

static DRIVER: Both = Both::new("exceptions");
static OBSERVED: LazyLock<[Observed; 2]> = LazyLock::new(|| DRIVER.run("observe"));
static PROBE_DRIVER: Both = Both::new("exceptions-probe");
static PROBED: LazyLock<[Observed; 2]> = LazyLock::new(|| PROBE_DRIVER.run("observe"));
static UNWIND_DRIVER: Both = Both::new("exceptions-unwind");
static UNWOUND: LazyLock<[Observed; 2]> = LazyLock::new(|| UNWIND_DRIVER.run("observe"));
static CLANG_DRIVER: Observer = Observer::built_with("exceptions-clang", Toolchain::Clang);
static BY_CLANG: LazyLock<Observed> = LazyLock::new(|| CLANG_DRIVER.run("observe"));

/// The exception that the drivers raise first, and the second one.
const A: &str = "e0000001";
const B: &str = "e0000002";

/// Checks the events of a case, in order; `A` and `B` stand for the codes of the two exceptions.
#[track_caller]
fn events(observed: &[Observed], subject: &str, expected: &str) {
    let spelled = |word: &str| match word.split_once('=') {
        Some((name, "A")) => format!("{name}={A}"),
        Some((name, "B")) => format!("{name}={B}"),
        _ => word.to_owned(),
    };
    let words: Vec<String> = expected.split_whitespace().map(spelled).chain(["end".to_owned()]).collect();
    for observed in observed {
        assert_eq!(observed.line(subject), words.join(" "), "{subject}");
    }
}

/// The last finding of a run that ends with one, and what the driver had printed of its case.
#[track_caller]
fn ends(observed: &Observed, case: &str, expected: &str) -> Finding {
    assert_eq!(observed.line(case).trim_end(), expected.replace("=A", &format!("={A}")), "{case}");
    assert!(!observed.outcome.unloaded, "nothing runs any more");
    observed.outcome.findings.last().expect("a finding").clone()
}

#[test]
fn drivers_that_raise_and_handle_commit_no_crime() {
    for observed in OBSERVED.iter().chain(&*UNWOUND).chain([&*BY_CLANG]) {
        assert_eq!(observed.outcome.exit_status(), ExitStatus::Clean, "{:#?}", observed.outcome);
    }
}

#[test]
fn mach_001_a_handler_that_takes_an_exception_of_its_body_or_a_callee_gets_control_and_goes_on() {
    events(&*OBSERVED, "taken", "body filter=A handler after");
    events(&*OBSERVED, "always", "body handler after");
    events(&*OBSERVED, "nothing", "body after");
    events(&*OBSERVED, "passed", "body passing=A outer-filter=A outer-handler after");
    events(&*OBSERVED, "deep", "filter=A handler after");
    events(&*OBSERVED, "below-array", "filter=A handler after");
    events(&*OBSERVED, "rounds", "round filter=A handler round filter=A handler round filter=A handler");
}

#[test]
fn a_filter_may_have_the_driver_go_on_where_it_raised_unless_that_is_forbidden() {
    let parameters = "(b,123456789abcdef0,21)";
    events(&*OBSERVED, "resumed", &format!("body resuming={A}{parameters} back after"));
    events(
        &*OBSERVED,
        "noncontinuable",
        &format!("body filter={A}{parameters} filter=c0000025 handler after"),
    );
}

#[test]
fn a_filter_sees_the_exception_and_the_registers_of_its_place() {
    let place = "at-access=1 same-ip=1 rcx=10008 flags=0 nested=0000000000000000";
    events(&*OBSERVED, "seen-fault", &format!("filter=c0000005(0,10008) {place} handler"));
    events(&*OBSERVED, "seen-raise", &format!("body filter={A}(b,123456789abcdef0,21) in-image=1 handler"));
}

#[test]
fn a_filter_may_repair_a_register_and_have_the_instruction_run_again() {
    events(&*OBSERVED, "repaired", "filter=c0000005(0,0) value=42 after");
}

#[test]
fn preserved_registers_are_those_of_the_frame_that_handles() {
    let ruined = "rbx=ffffffffffffffff r15=ffffffffffffffff xmm6=ffffffffffffffff xmm15=ffffffffffffffff";
    events(&*OBSERVED, "registers", &format!("filter=c0000005(0,0) {ruined} handler changed=0"));
}

#[test]
fn an_ending_runs_once_however_its_body_ended_and_after_the_filters() {
    events(&*OBSERVED, "finally-normal", "body finally(0) after");
    events(&*OBSERVED, "finally-exception", "body filter=A finally(1) handler after");
    events(&*OBSERVED, "nested-finally", "body filter=A finally(1) handler after");
}

#[test]
fn scopes_are_asked_from_the_inside_out_and_left_in_the_same_order() {
    events(&*OBSERVED, "nested-filters", "body passing=A outer-filter=A outer-handler after");
    events(&*OBSERVED, "nested-taken", "body inner-filter=A inner-handler after");
    events(
        &*OBSERVED,
        "nested-functions",
        "body passing=A outer-filter=A inner-finally(1) middle-finally(1) finally(1) handler after",
    );
}

#[test]
fn an_exception_in_a_handler_belongs_to_the_scopes_around_it() {
    events(
        &*OBSERVED,
        "raise-in-handler",
        "body inner-filter=A inner-handler outer-filter=B outer-handler after",
    );
}

#[test]
fn an_exception_in_a_filter_is_one_more_of_the_same_body() {
    events(&*OBSERVED, "raise-in-filter", "body filter=A filter=B finally(1) handler after");
    events(
        &*OBSERVED,
        "take-in-filter",
        "body filter=A body inner-filter=B inner-handler still=A finally(1) handler after",
    );
}

#[test]
fn an_exception_in_an_ending_takes_over_and_no_ending_runs_twice() {
    events(
        &*OBSERVED,
        "collided",
        "body filter=A finally(1) raising-finally(1) filter=B middle-finally(1) handler after",
    );
    events(
        &*OBSERVED,
        "collided-inner",
        "body inner-filter=A finally(1) raising-finally(1) inner-filter=B inner-handler after-inner",
    );
    events(
        &*OBSERVED,
        "collided-short",
        "body filter=A filter=A finally(1) raising-finally(1) filter=B inner-handler after-inner after",
    );
}

#[test]
fn an_ending_may_raise_and_handle_for_itself() {
    events(
        &*OBSERVED,
        "take-in-finally",
        "body filter=A finally(1) scoped-finally(1) body inner-filter=B inner-handler scoped-end \
         middle-finally(1) handler after",
    );
}

#[test]
fn an_exception_passes_through_a_routine_of_the_machine_that_had_called_the_driver() {
    events(&*OBSERVED, "query", "body filter=A finally(1) middle-finally(1) handler after");
    events(&*OBSERVED, "query-again", "body inner-filter=B inner-handler status=0");
    events(&*OBSERVED, "list", "allocate filter=c000009a handler after");
}

/// A part of MACH-002 and MACH-003, which list more traps than a driver can be made to meet here.
#[test]
fn traps_of_the_processor_are_exceptions() {
    events(&*PROBED, "divide", "code=c0000094 handler");
    events(&*PROBED, "overflow", "code=c0000095 handler");
    events(&*PROBED, "divided", "quotient=-3");
    events(&*PROBED, "illegal", "code=c000001d handler");
    events(&*PROBED, "break", "code=80000003 handler");
}

#[test]
fn mach_033_a_division_by_zero_is_an_exception_first() {
    events(&*PROBED, "divide", "code=c0000094 handler");
}

#[test]
fn mach_004_a_fault_on_a_user_range_address_tells_what_was_done_and_where() {
    events(&*PROBED, "load-user", "filter=c0000005(0,10000) handler");
    events(&*PROBED, "load-high", "filter=c0000005(0,7ffd0000) handler");
    events(&*PROBED, "store-user", "filter=c0000005(1,10010) handler");
    events(&*PROBED, "call-user", "filter=c0000005(8,10020) handler");
    events(&*PROBED, "copy-from", "filter=c0000005(0,10000) handler");
    events(&*PROBED, "copy-to", "filter=c0000005(1,20000) handler");
}

#[test]
fn mach_005_a_handler_can_swallow_the_use_of_a_null_pointer() {
    events(&*PROBED, "load-null", "filter=c0000005(0,0) handler");
    events(&*PROBED, "load-member", "filter=c0000005(0,58) handler");
    events(&*PROBED, "store-null", "filter=c0000005(1,0) handler");
    events(&*PROBED, "call-null", "filter=c0000005(8,0) handler");
}

#[test]
fn mach_015_a_non_canonical_address_is_told_as_all_ones() {
    for case in ["load-odd", "store-odd", "aligned-load"] {
        events(&*PROBED, case, "filter=c0000005(0,ffffffffffffffff) handler");
    }
}

const PASSED: &str = "passed";
const VIOLATION: &str = "code=c0000005";
const MISALIGNED: &str = "code=80000002";

#[test]
fn mach_016_a_probe_for_reading_raises_when_any_part_is_outside_the_user_range() {
    for case in ["read-into-kernel", "read-limit-across", "read-limit"] {
        events(&*PROBED, case, VIOLATION);
    }
    events(&*PROBED, "read-limit-below", PASSED);
}

#[test]
fn mach_017_a_probe_raises_for_a_start_that_is_not_aligned() {
    for alignment in ["2", "4", "8", "16"] {
        events(&*PROBED, &format!("read-misaligned-{alignment}"), MISALIGNED);
        events(&*PROBED, &format!("write-misaligned-{alignment}"), MISALIGNED);
    }
}

#[test]
fn mach_018_a_probe_of_no_bytes_checks_nothing() {
    for case in ["nothing-null", "nothing-misaligned", "nothing-kernel"] {
        events(&*PROBED, &format!("read-{case}"), PASSED);
        events(&*PROBED, &format!("write-{case}"), PASSED);
    }
}

#[test]
fn mach_019_a_probe_raises_for_a_range_that_wraps() {
    for case in ["wrap", "wrap-high"] {
        events(&*PROBED, &format!("read-{case}"), VIOLATION);
        events(&*PROBED, &format!("write-{case}"), VIOLATION);
    }
}

#[test]
fn mach_020_a_probe_for_reading_does_not_touch_the_memory() {
    events(&*PROBED, "read-user", PASSED);
}

#[test]
fn mach_021_a_probe_for_writing_touches_it() {
    events(&*PROBED, "write-user", VIOLATION);
    events(&*PROBED, "write-limit-below", VIOLATION);
}

#[test]
fn mach_022_a_probe_of_a_kernel_address_raises_and_probes_go_up_to_apc_level() {
    for case in ["data", "pool"] {
        events(&*PROBED, &format!("read-{case}"), VIOLATION);
        events(&*PROBED, &format!("write-{case}"), VIOLATION);
    }
    for observed in PROBE_DRIVER.run("levels") {
        events(&[observed], "read-user", PASSED);
    }
}

/// No source gives the values: these are ours.
#[test]
fn mach_023_the_variables_of_the_user_range_say_what_a_probe_refuses() {
    for observed in &*PROBED {
        assert_eq!(observed.line("limits"), "probe=7fff0000 highest=7ffeffff system=200000000000");
        assert_eq!(observed.line("image"), "above=1");
    }
    events(&*PROBED, "read-variable-below", PASSED);
    for case in ["variable-across", "variable"] {
        events(&*PROBED, &format!("read-{case}"), VIOLATION);
        events(&*PROBED, &format!("write-{case}"), VIOLATION);
    }
}

#[test]
fn mach_009_no_handler_masks_a_touch_of_the_page_of_the_bad_pointer() {
    for observed in PROBE_DRIVER.run("bad-pointer") {
        let finding = ends(&observed, "bad-pointer", "");
        assert_eq!(finding.rule, "memory.bad-address");
        let (code, [address, ..]) = bug_check(&finding);
        assert_eq!((code, format!("{address:x}").as_str()), (0x50, observed.line("address")));
        assert_eq!(finding.message, "the pointer that is never valid was read");
    }
    for observed in PROBE_DRIVER.run("bad-pointer-end") {
        let finding = ends(&observed, "bad-pointer-end", "");
        assert_eq!(bug_check(&finding).0, 0x50);
        assert_eq!(finding.message, "the pointer that is never valid plus 0xffc was written");
    }
    for observed in PROBE_DRIVER.run("bad-pointer-high") {
        assert_eq!(bug_check(&ends(&observed, "bad-pointer-high", "")).0, 0xD1);
    }
}

#[test]
fn mach_024_a_status_is_raised_as_the_code_at_apc_level_too() {
    events(&*PROBED, "raise-ex", "code=c0000034 handler");
    events(&*PROBED, "raise-rtl", "code=c0000006 handler");
    for observed in PROBE_DRIVER.run("levels") {
        assert!(!observed.outcome.findings.iter().any(|finding| finding.message.contains("ExRaiseStatus")));
        events(&[observed], "raise-ex", "code=c0000034 handler");
    }
}

#[test]
fn mach_025_the_two_routines_of_fixed_codes_raise_them_at_passive_level_only() {
    events(&*PROBED, "raise-access", "code=c0000005 handler");
    events(&*PROBED, "raise-misaligned", "code=80000002 handler");
    for observed in PROBE_DRIVER.run("levels") {
        assert_eq!(observed.rules(), ["irql.too-high", "irql.too-high"]);
    }
}

#[test]
fn what_an_allocation_raises_can_be_handled() {
    events(&*PROBED, "raise-quota", "code=c000009a handler");
    events(&*PROBED, "raise-pool", "code=c000009a handler");
}

#[test]
fn mach_039_a_fast_fail_asks_no_handler() {
    for observed in PROBE_DRIVER.run("fast-fail") {
        let finding = ends(&observed, "fast-fail", "");
        assert_eq!(finding.rule, "cpu.fast-fail");
        assert_eq!(bug_check(&finding).0, 0x139);
        assert_eq!(bug_check(&finding).1[0], 5);
    }
}

#[test]
fn mach_013_at_dispatch_level_no_handler_is_asked_about_a_fault() {
    for observed in DRIVER.run("fault-at-dispatch") {
        let finding = ends(&observed, "fault-at-dispatch", "");
        assert_eq!(finding.rule, "memory.irql");
        assert_eq!(bug_check(&finding).0, 0xD1);
    }
}

#[test]
fn mach_013_at_dispatch_level_no_handler_is_asked_about_a_raised_exception() {
    for observed in DRIVER.run("raise-at-dispatch") {
        let finding = ends(&observed, "raise-at-dispatch", "body");
        assert_eq!(observed.rules(), ["irql.too-high", "driver.unhandled-exception"]);
        let (code, [exception, _, record, context]) = bug_check(&finding);
        assert_eq!((code, exception), (0x7E, 0xFFFF_FFFF_E000_0001));
        assert!(record != 0 && context != 0);
    }
}

/// A part of MACH-026 and MACH-030, which are about requests too.
#[test]
fn an_exception_that_nobody_takes_stops_a_system_thread_before_anything_is_unwound() {
    for observed in DRIVER.run("untaken") {
        let finding = ends(&observed, "untaken", "body passing=A");
        assert_eq!(finding.rule, "driver.unhandled-exception");
        assert_eq!(bug_check(&finding).0, 0x7E);
        assert_eq!(bug_check(&finding).1[0] as u32, 0xE000_0001);
    }
}

/// A part of MACH-027: the stop of a system thread.
#[test]
fn the_stop_gives_code_instruction_record_and_context() {
    for observed in DRIVER.run("untaken-fault") {
        let finding = ends(&observed, "untaken-fault", "");
        assert_eq!(finding.rule, "memory.access-violation");
        let (code, [exception, instruction, record, context]) = bug_check(&finding);
        assert_eq!((code, exception as u32), (0x7E, 0xC000_0005));
        assert!(instruction != 0 && record != 0 && context != 0);
        assert_ne!(record, context);
    }
}

/// What the driver's own language handler is given when it is asked.
const ASKED: &str = "frame=1 data=1234 entry=1 image=1 establisher=1 pc=1 handler=1";

#[test]
fn a_language_handler_of_the_drivers_own_is_asked_and_told_like_any() {
    events(&*UNWOUND, "hand-quiet", "body landed=1");
    events(
        &*UNWOUND,
        "hand-passed",
        &format!("body hand={A}/0 {ASKED} filter={A} finally(1) hand={A}/2 handler"),
    );
    events(&*UNWOUND, "hand-repaired", &format!("hand=c0000005/0 {ASKED} value=42 landed=1"));
}

#[test]
fn a_driver_unwinds_to_a_frame_of_its_own_with_a_value() {
    events(&*UNWOUND, "hand-taken", &format!("body hand={A}/0 {ASKED} finally(1) hand={A}/22 landed=77"));
    events(&*UNWOUND, "hand-taken-ex", &format!("body hand={A}/0 {ASKED} finally(1) hand={A}/22 landed=78"));
    events(&*UNWOUND, "hand-fault", &format!("hand=c0000005/0 {ASKED} hand=c0000005/22 landed=77"));
}

#[test]
fn a_driver_unwinds_without_an_exception() {
    events(&*UNWOUND, "jump", "body finally(1) hand=c0000027/22 landed=79");
    events(&*UNWOUND, "jump-ex", "hand=c0000027/22 landed=80");
}

#[test]
fn functions_are_found_by_their_addresses_and_leaves_have_no_entry() {
    let none = "0000000000000000";
    events(
        &*UNWOUND,
        "lookup",
        &format!(
            "begin=1 end=1 header=1 leaf={none} outside={none} nowhere={none} handler=1 data=1234 rip=1111 \
             rsp=48 frame=1"
        ),
    );
}

#[test]
fn a_driver_walks_its_own_stack() {
    events(&*UNWOUND, "walk", "rsp=1 control=1 integer=1 by-context middle outermost");
    events(&*UNWOUND, "trace", "enough=1 by-trace middle outermost skipped count=1 middle");
}

#[test]
fn a_context_that_was_taken_can_be_put_back() {
    events(&*UNWOUND, "restored", "round=1 round=2 round=3");
}

#[track_caller]
fn by_clang(subject: &str, expected: &str) {
    events(std::slice::from_ref(&*BY_CLANG), subject, expected);
}

#[test]
fn an_ending_runs_when_its_body_is_left_by_a_jump_or_a_return() {
    by_clang("return", "body finally(1) value=5");
    by_clang("return-two", "body inner-finally(1) finally(1) value=5");
    by_clang("goto", "body finally(1) out");
    by_clang("loop", "finally(1) round=1 finally(0) finally(1) after");
}

#[test]
fn leaving_a_body_by_its_end_is_normal() {
    by_clang("leave", "body finally(0) after");
    by_clang("no-leave", "body rest finally(0) after");
    by_clang("leave-except", "body after");
}

#[test]
fn scopes_nest_in_one_function_in_every_part_of_a_scope() {
    by_clang("three-deep", "body passing=A outer-filter=A inner-finally(1) handler=A after");
    by_clang(
        "scope-in-finally",
        "body filter=A finally inner-filter=B inner-handler finally-end handler=A after",
    );
    by_clang("scope-in-handler", "body filter=A handler inner-filter=B inner-handler handler-end after");
    by_clang("siblings", "first=A first-handler second=B second-handler after");
}

#[test]
fn filters_and_endings_reach_the_locals_of_their_function() {
    by_clang("locals", "seen=11 count=1111");
    by_clang("locals-variable", "seen=310 count=1410 room=7,9");
}

#[test]
fn a_fault_in_the_body_itself_is_handled() {
    by_clang("load-here", "filter=c0000005(0,0) stage=2 code=c0000005");
    by_clang("divide-here", "quotient=-1");
}
