//! Drivers that attack the process they run in, and processes that are attacked from outside: the parent comes back in
//! time, and what had been found before is in its report.
//!
//! Each driver frees a block twice, so that there is something to lose, and then does its worst. What becomes of the
//! process differs (it may die, hang, or be stopped by a finding), but not that.
#![forbid(unsafe_code)]

use ntpool::{Driver, Event, ExitStatus, Machine, Outcome};
use ntpool_drivers::{Source, Toolchain};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::{PoisonError, RwLock, mpsc};
use std::thread;
use std::time::Duration;

/// How long a driver may loop.
const TIMEOUT: Duration = Duration::from_secs(3);

/// After this long the parent counts as stuck. It is long, since a machine that runs tests may be slow.
const BOUND: Duration = Duration::from_secs(120);

/// Held for writing while the only child of this process must be the one that a test is about to hit.
static CHILDREN: RwLock<()> = RwLock::new(());

/// Builds `hostile/NAME.c`.
fn build(name: &str) -> Driver {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let file = sources.join(format!("{name}.c")).into_os_string().into_string().expect("a path of text");
    // The compiler runs where the headers are within its reach.
    let dir = ntpool_drivers::folder().join("support");
    let source = Source { name: name.to_owned(), dir, files: vec![file, "cookie.c".to_owned()] };
    let path: PathBuf = ntpool_drivers::build(&source, Toolchain::Mingw, folder.path())
        .unwrap_or_else(|error| panic!("{error}"));
    Driver::from_file(&path).expect("a driver")
}

/// Runs a driver, and panics when the parent does not come back. `on_print` is called when the driver prints.
fn run_bounded(driver: Driver, on_print: fn()) -> Outcome {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let outcome = Machine::new().timeout(TIMEOUT).run_watched(&driver, &mut |event: Event<'_>| {
            if let Event::Debug(_) = event {
                on_print();
            }
        });
        let _ = sender.send(outcome);
    });
    let outcome = receiver.recv_timeout(BOUND).expect("the parent comes back");
    outcome.expect("the child could be started")
}

/// Asserts that the finding made before the attack is there, whole and resolved, and first.
fn assert_nothing_lost(outcome: &Outcome) {
    let first = outcome.findings.first().unwrap_or_else(|| panic!("everything is lost: {outcome:#?}"));
    assert_eq!(first.rule, "pool.double-free", "{outcome:#?}");
    let block = first.block.as_ref().expect("a block");
    assert_eq!((block.size, block.tag.as_str()), (48, "Host"));
    assert_eq!(first.stacks.len(), 3);
    for stack in &first.stacks {
        let functions: Vec<_> = stack.frames.iter().map(|frame| frame.function.as_deref()).collect();
        assert!(functions.starts_with(&[Some("FreeTwice"), Some("DriverEntry")]), "{functions:?}");
    }
    assert_eq!(outcome.exit_status(), ExitStatus::Findings);
}

/// Runs a driver that attacks its host; what was found after the first finding, as rules and messages.
fn attack(name: &str) -> Vec<(String, String)> {
    let driver = build(name);
    let _shared = CHILDREN.read().unwrap_or_else(PoisonError::into_inner);
    let outcome = run_bounded(driver, || {});
    assert_nothing_lost(&outcome);
    outcome.findings.into_iter().skip(1).map(|finding| (finding.rule, finding.message)).collect()
}

/// Asserts that one more finding was made: that the child died, with these words.
fn assert_died(name: &str, words: &str) {
    match &attack(name)[..] {
        [(rule, message)] if rule == "host.child-died" && message.contains(words) => {}
        other => panic!("{name} ended in {other:?}, not in the child's death {words:?}"),
    }
}

#[test]
fn a_driver_that_overwrites_the_host_s_thread_variables_loses_no_finding() {
    assert_died("thread", "the child died");
}

#[test]
fn a_driver_that_takes_the_host_s_thread_variables_away_loses_no_finding() {
    match &attack("base")[..] {
        [(rule, message)] if rule == "host.child-died" && message.contains("signal 11 (SIGSEGV)") => {}
        // Not every processor, nor every Linux, lets a program change the register.
        [(rule, _)] if rule == "cpu.illegal-instruction" => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_driver_that_overwrites_the_host_s_stack_loses_no_finding() {
    assert_died("stack", "the child died");
}

#[test]
fn a_driver_that_gives_the_host_a_wrong_stack_loses_no_finding() {
    assert_died("pointer", "the child died at 0x");
}

#[test]
fn a_driver_that_overwrites_the_host_s_heap_loses_no_finding() {
    let after = attack("heap");
    let rules: Vec<&str> = after.iter().map(|(rule, _)| rule.as_str()).collect();
    // Where the heap lies is up to Linux: the driver may hit what is needed, what is not, or what is not there.
    assert!(rules.is_empty() || rules == ["host.child-died"] || rules[0].starts_with("memory."), "{after:?}");
}

#[test]
fn a_driver_that_loops_inside_the_host_is_ended() {
    assert_died("stuck", "the child did not answer when its time was over and was ended");
}

#[test]
fn a_driver_that_calls_imports_with_odd_flags_loses_no_finding() {
    let after = attack("flags");
    // The host may die of an alignment check; it may not be led astray.
    assert!(after.iter().all(|(rule, _)| rule == "host.child-died"), "{after:?}");
}

#[test]
fn a_driver_that_floods_its_parent_is_cut_off_and_stopped() {
    let driver = build("flood");
    let _shared = CHILDREN.read().unwrap_or_else(PoisonError::into_inner);
    let outcome = run_bounded(driver, || {});
    assert_nothing_lost(&outcome);
    assert_eq!(outcome.findings[1].rule, "driver.endless-loop", "{:?}", outcome.findings[1]);
    let kept: usize = outcome.debug_output.iter().map(|line| line.text.len()).sum();
    assert!(kept <= 4 << 20, "{kept} bytes of debug output are kept");
}

/// The drivers' processes that this process has started.
fn children() -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc").expect("the processes").flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |number: &u32| {
        // The state and the parent's number stand behind the name, which may hold anything.
        let status = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        let parent = status.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        let command = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        parent == Some(process::id()) && command.starts_with(b"ntpool-driver\0")
    };
    numbers.filter(is_child).collect()
}

/// Sends a signal to the one driver's process there is.
fn hit(signal: &str) {
    let children = children();
    assert_eq!(children.len(), 1, "the child can be told from others");
    for child in children {
        let line = format!("kill -{signal} {child}");
        assert!(Command::new("sh").args(["-c", &line]).status().expect("a shell").success(), "{line}");
    }
}

#[test]
fn a_child_that_is_killed_from_outside_is_reported_with_what_it_had_sent() {
    let driver = build("waits");
    let _alone = CHILDREN.write().unwrap_or_else(PoisonError::into_inner);
    let outcome = run_bounded(driver, || hit("KILL"));
    assert_nothing_lost(&outcome);
    assert_eq!(outcome.findings.len(), 2, "{outcome:#?}");
    let died = &outcome.findings[1];
    assert_eq!(died.rule, "host.child-died");
    assert!(died.message.contains("the child died of signal 9 (SIGKILL)"), "{}", died.message);
    assert_eq!(outcome.debug_output[0].text, "waiting\n");
    assert_eq!(outcome.driver_entry, None);
}

#[test]
fn a_child_that_is_stopped_from_outside_is_ended_when_its_time_is_over() {
    let driver = build("waits");
    let _alone = CHILDREN.write().unwrap_or_else(PoisonError::into_inner);
    let outcome = run_bounded(driver, || hit("STOP"));
    assert_nothing_lost(&outcome);
    let died = &outcome.findings[1];
    assert_eq!(died.rule, "host.child-died");
    assert!(died.message.contains("did not answer when its time was over"), "{}", died.message);
    assert_eq!(outcome.debug_output[0].text, "waiting\n");
    assert_eq!(children(), BTreeSet::new(), "the child is gone");
}

#[test]
fn a_child_that_is_told_to_end_from_outside_is_reported_with_the_signal() {
    let driver = build("waits");
    let _alone = CHILDREN.write().unwrap_or_else(PoisonError::into_inner);
    let outcome = run_bounded(driver, || hit("TERM"));
    assert_nothing_lost(&outcome);
    assert_eq!(outcome.findings[1].rule, "host.child-died");
    assert!(outcome.findings[1].message.contains("signal 15"), "{}", outcome.findings[1].message);
}
