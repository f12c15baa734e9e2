//! Textbook races: a search over schedules finds each within 1,000, reduces it to few switches, and what it reports repeats
//! itself to the byte. A twin without the race shows nothing under as many schedules as its race needed, and more.
#![forbid(unsafe_code)]

use ntpool::{Driver, Event, Hex, Machine, Outcome, Role, Schedule};
use ntpool_drivers::{Source, Toolchain};
use std::path::PathBuf;

/// How many schedules a race may need.
const ENOUGH: u64 = 1000;
/// How many schedules of another kind than the default a race may need.
const FOR_OTHER_SCHEDULES: u64 = 100;
/// How many schedules an innocent twin is tried under.
const FOR_A_TWIN: u64 = 150;

fn build(name: &str) -> Driver {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path: PathBuf = ntpool_drivers::build(&Source::race(name), Toolchain::Mingw, folder.path())
        .unwrap_or_else(|error| panic!("{error}"));
    Driver::from_file(&path).expect("a driver")
}

fn search(driver: &Driver, machine: &Machine, count: u64) -> Outcome {
    machine.search(driver, count, &mut |_: Event<'_>| {}).expect("children can be started")
}

/// The seed and the schedule in the command that a report gives.
fn seed_and_schedule(outcome: &Outcome) -> (u64, Schedule) {
    let words: Vec<&str> = outcome.repeat.split(' ').collect();
    let value = |name: &str| words.iter().position(|word| *word == name).map(|place| words[place + 1]);
    let seed = value("--seed").expect("a seed").parse().expect("a number");
    let schedule: Schedule = value("--schedule").expect("a schedule").parse().expect("a schedule");
    (seed, schedule)
}

/// The machine that the command in a report describes.
fn repeated(outcome: &Outcome) -> Machine {
    let (seed, schedule) = seed_and_schedule(outcome);
    Machine::new().seed(seed).schedule(schedule)
}

fn has(outcome: &Outcome, rule: &str) -> bool {
    outcome.findings.iter().any(|finding| finding.rule == rule)
}

/// Searches, and checks that the race is found under this rule with at most so many switches, each of which it takes, and
/// repeats itself.
fn finds(name: &str, rule: &str, most_switches: usize) {
    let driver = build(name);
    let found = search(&driver, &Machine::new(), ENOUGH);
    assert!(has(&found, rule), "{name}: {found:#?}");
    assert!(found.switches.len() <= most_switches, "{name}: {} switches are left", found.switches.len());
    let text = |outcome: &Outcome| serde_json::to_string(outcome).expect("an outcome is plain data");
    let again: Vec<String> = (0..3).map(|_| text(&repeated(&found).run(&driver).expect("a child"))).collect();
    assert_eq!(again[0], again[1], "{name}: the report repeats itself");
    assert_eq!(again[0], again[2], "{name}: the report repeats itself");
    let rules = |outcome: &Outcome| -> Vec<String> {
        outcome.findings.iter().map(|finding| format!("{} {}", finding.rule, finding.message)).collect()
    };
    assert_eq!(rules(&repeated(&found).run(&driver).expect("a child")), rules(&found), "{name}");
    takes_each_switch(&driver, &found, rule);
}

/// Where a rule was broken, if it was.
fn place_of(outcome: &Outcome, rule: &str) -> Option<Hex> {
    let finding = outcome.findings.iter().find(|finding| finding.rule == rule)?;
    let at = finding.stacks.iter().rfind(|stack| matches!(stack.role, Role::At | Role::Again))?;
    let frame = at.frames.first()?;
    Some(frame.offset.unwrap_or(frame.address))
}

/// Checks that what was found is not found when any one of its switches is left out.
fn takes_each_switch(driver: &Driver, found: &Outcome, rule: &str) {
    let (seed, Schedule::At(switches)) = seed_and_schedule(found) else {
        panic!("{} names no switches", found.repeat)
    };
    assert_eq!(switches.len(), found.switches.len());
    for place in 0..switches.len() {
        let mut rest = switches.clone();
        let left_out = rest.remove(place);
        let machine = Machine::new().seed(seed).schedule(Schedule::At(rest));
        let outcome = machine.run(driver).expect("a child");
        // Elsewhere the same rule may be broken still, as another race of the same shape.
        assert!(
            place_of(&outcome, rule).is_none_or(|place| Some(place) != place_of(found, rule)),
            "{}: it happens without {left_out:?} as well",
            driver.name()
        );
    }
}

/// The races in which a search by this kind of schedule finds nothing.
fn missed_by(schedule: &str) -> Vec<&'static str> {
    let machine = Machine::new().schedule(schedule.parse().expect("a schedule"));
    let is_missed = |name: &&str| search(&build(name), &machine, FOR_OTHER_SCHEDULES).findings.is_empty();
    RACES.into_iter().filter(is_missed).collect()
}

fn is_clean(name: &str) {
    let outcome = search(&build(name), &Machine::new(), FOR_A_TWIN);
    assert!(outcome.findings.is_empty() && outcome.limits.is_empty(), "{name}: {outcome:#?}");
}

#[test]
fn a_lost_wake_up_is_found() {
    finds("lost-wake-up", "wait.endless", 4);
    is_clean("lost-wake-up-twin");
}

#[test]
fn a_check_that_is_too_old_when_it_is_acted_upon_is_found() {
    finds("check-then-act", "pool.double-free", 4);
    is_clean("check-then-act-twin");
}

#[test]
fn spin_locks_taken_in_two_orders_are_found_to_deadlock() {
    finds("lock-order", "wait.deadlock", 4);
    is_clean("lock-order-twin");
}

#[test]
fn mutexes_taken_in_two_orders_are_found_to_deadlock() {
    finds("mutex-order", "wait.deadlock", 4);
    is_clean("mutex-order-twin");
}

#[test]
fn an_update_that_is_lost_is_found() {
    finds("lost-update", "driver.bug-check", 4);
    is_clean("lost-update-twin");
}

#[test]
fn a_deferred_procedure_call_that_unload_does_not_wait_for_is_found() {
    finds("dpc-against-unload", "dpc.left", 6);
    is_clean("dpc-against-unload-twin");
}

const RACES: [&str; 6] =
    ["lost-wake-up", "check-then-act", "lock-order", "mutex-order", "lost-update", "dpc-against-unload"];

#[test]
fn random_priorities_with_few_changes_find_each_race() {
    assert_eq!(missed_by("pct"), [""; 0]);
}

#[test]
fn turns_find_each_race_but_one_that_takes_a_short_turn_between_long_ones() {
    assert_eq!(missed_by("round-robin"), ["lost-wake-up"]);
}
