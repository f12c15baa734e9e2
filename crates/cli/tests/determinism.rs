//! The same driver, seed and options give the same report, byte for byte, wherever the command is run.
#![forbid(unsafe_code)]

mod support;

use ntpool::Outcome;
use std::collections::BTreeSet;
use std::fs;
use std::hint::spin_loop;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use support::{Run, command, crime, finish, folder, observer, own, run_json};

/// The JSON of a run in a folder.
fn json(dir: &Path, driver: Option<&str>, seed: u64) -> String {
    let mut command = command();
    command.args(["run", "--quiet", "--report", "json=-", "--seed", &seed.to_string()]).args(driver);
    let run = finish(command.current_dir(dir));
    assert_eq!(run.stderr, "", "{driver:?} under seed {seed}");
    run.stdout
}

#[test]
fn the_sample_gives_the_same_bytes_from_two_folders_under_each_of_20_seeds() {
    let (one, other) = (folder(), folder());
    let mut seen = BTreeSet::new();
    for seed in 0..20 {
        let first = json(one.path(), None, seed);
        assert_eq!(first, json(other.path(), None, seed), "seed {seed}");
        assert!(first.contains(&format!("\"seed\": \"{seed:#x}\"")), "{first}");
        seen.insert(first);
    }
    assert_eq!(seen.len(), 20, "the seed is part of the report");
}

#[test]
fn copies_of_a_driver_under_the_same_relative_path_give_the_same_bytes() {
    let (built, one, other) = (folder(), folder(), folder());
    let images = [
        crime("pool.double-free", built.path()),
        crime("memory.access-violation", built.path()),
        crime("stack.overflow", built.path()),
        crime("clean", built.path()),
        own("rubbish", built.path()),
    ];
    for image in images {
        let name = image.file_name().and_then(|name| name.to_str()).expect("a name");
        let relative = format!("out/{name}");
        for dir in [one.path(), other.path()] {
            fs::create_dir_all(dir.join("out")).expect("writable");
            fs::copy(&image, dir.join(&relative)).expect("copied");
        }
        for seed in [1, 2, u64::MAX] {
            let first = json(one.path(), Some(&relative), seed);
            assert_eq!(first, json(other.path(), Some(&relative), seed), "{relative}, seed {seed}");
            assert_eq!(first, json(one.path(), Some(&relative), seed), "{relative}, seed {seed}");
        }
    }
}

/// The JSON of a run with these options, which may end in any way that is the driver's.
fn json_with(dir: &Path, driver: &str, options: &[&str]) -> String {
    let mut command = command();
    command.args(["run", "--quiet", "--report", "json=-", driver]).args(options);
    let run = finish(command.current_dir(dir));
    assert_eq!(run.stderr, "", "{driver} {options:?}");
    run.stdout
}

/// Ends busy loops, also where a test fails beside them.
struct Quiet<'a>(&'a AtomicBool);

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does something while all processors of the host have something else to do as well.
fn beside_busy_loops<R>(work: impl FnOnce() -> R) -> R {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _quiet = Quiet(&done);
        for _ in 0..thread::available_parallelism().map_or(2, NonZero::get) {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    spin_loop();
                }
            });
        }
        work()
    })
}

const SEEDS: [&str; 3] = ["1", "2", "3"];

/// Holds that a driver's report is the same twice, each time for one seed, number of processors and kind of schedule; the
/// second run under chance is beside busy loops.
fn repeats_itself(dir: &Path, name: &str, image: &Path, machines: &[[&str; 3]]) {
    fs::create_dir_all(dir.join(name)).expect("writable");
    let driver = format!("{name}/observe.sys");
    fs::copy(image, dir.join(&driver)).expect("copied");
    for &[seed, processors, schedule] in machines {
        let options = ["--seed", seed, "--processors", processors, "--schedule", schedule];
        let run = || json_with(dir, &driver, &options);
        let first = run();
        let again = if schedule == "random" { beside_busy_loops(run) } else { run() };
        assert_eq!(first, again, "{driver} {options:?}");
    }
}

#[test]
fn whatever_takes_turns_gives_the_same_bytes_under_every_schedule_and_number_of_processors() {
    let (built, dir) = (folder(), folder());
    // Under each of three seeds, but not under all combinations with the others.
    let mut machines = Vec::new();
    for (nth, processors) in ["1", "2", "64"].into_iter().enumerate() {
        for (turn, schedule) in ["random", "pct", "round-robin", "at:"].into_iter().enumerate() {
            machines.push([SEEDS[(nth + turn) % 3], processors, schedule]);
        }
    }
    for name in ["threads", "timers", "interrupts", "exceptions", "locks"] {
        repeats_itself(dir.path(), name, &observer(name, built.path()), &machines);
    }
}

#[test]
fn loops_without_calls_that_are_interrupted_give_the_same_bytes() {
    // Each run takes about a second, so there are few.
    let (built, dir) = (folder(), folder());
    let livelock = crime("wait.livelock", built.path());
    let machines = [["1", "1", "at:"], ["2", "2", "pct"], ["3", "64", "round-robin"]];
    repeats_itself(dir.path(), "livelock", &livelock, &machines);
    let patience = observer("patience", built.path());
    let machines = [["1", "2", "random"], ["2", "64", "pct"], ["3", "1", "round-robin"]];
    repeats_itself(dir.path(), "patience", &patience, &machines);
}

#[test]
fn what_may_keep_a_run_from_repeating_itself_is_noted_and_nothing_else_is() {
    let dir = folder();
    let notes = |(run, json): (Run, String)| {
        let outcome: Outcome =
            serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error} in {run:?}"));
        outcome
            .notes
            .into_iter()
            .filter(|note| note.contains("may not repeat itself"))
            .collect::<Vec<String>>()
    };
    let dice = own("dice", dir.path());
    let noted = notes(run_json(Some(&dice), [""; 0]));
    let expected = [
        ("Roll", "rdrand, whose answer is different each time"),
        ("Sow", "rdseed, whose answer is different each time"),
        ("Where", "rdpid, whose answer is the host's processor"),
        ("Who", "cpuid, whose answer for some leaves"),
    ];
    assert_eq!(noted.len(), expected.len(), "one for each function: {noted:#?}");
    for (note, (function, what)) in noted.iter().zip(expected) {
        assert!(note.starts_with(function) && note.contains(&format!(" executes {what}")), "{note}");
        assert!(note.contains("(dice.sys+0x"), "{note}");
    }
    let clean = crime("clean", dir.path());
    assert_eq!(notes(run_json(Some(&clean), [""; 0])), [""; 0]);
    let free = notes(run_json(Some(&clean), ["--free-running"]));
    assert!(
        matches!(&free[..], [note] if note.starts_with("the processors ran at the same time")),
        "{free:?}"
    );
}
