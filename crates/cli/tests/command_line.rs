//! The command as its users meet it: what it prints where, and the status it exits with.
#![forbid(unsafe_code)]

mod support;

use ntpool::{LimitKind, Outcome};
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{
    NOBODY, Run, assert_stack, caller_of_nobody, command, crime, driver, finding, finish, folder, ntpool,
    own, race, run_driver, run_json, text, twin,
};

/// What the standard error says when the sample is run for want of a driver.
const NOTICE: &str = "no driver was named: running the embedded sample, which has three planted faults\n";

fn outcome(json: &str) -> Outcome {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error} in {json}"))
}

/// What the driver printed in a run, in one piece.
fn printed(path: &Path, options: &[&str]) -> String {
    let (_, json) = run_json(Some(path), options);
    outcome(&json).debug_output.into_iter().map(|line| line.text).collect()
}

#[test]
fn without_arguments_the_sample_is_run_and_said_to_be_the_sample() {
    let run = ntpool([""; 0]);
    assert_eq!((run.status, run.stderr.as_str()), (1, NOTICE));
    assert!(run.stdout.contains("sample.sys (the sample that ntpool brings along)"), "{}", run.stdout);
    assert!(run.stdout.contains("\n3 findings\nleft: "), "{}", run.stdout);
}

#[test]
fn run_without_a_driver_is_the_same_as_no_arguments() {
    let (bare, run) = (ntpool([""; 0]), ntpool(["run"]));
    assert_eq!((run.status, run.stdout, run.stderr), (bare.status, bare.stdout, bare.stderr));
}

#[test]
fn help_lists_every_command_and_every_option() {
    let cases: [(&[&str], &[&str]); 4] = [
        (&["--help"], &["run", "imports", "--help", "--version"]),
        (
            &["run", "--help"],
            &[
                "[DRIVER.sys]",
                "--seed",
                "--processors",
                "--schedule ",
                "--schedules",
                "--free-running",
                "--memory",
                "--timeout",
                "--debug-output",
                "--report",
                "--quiet",
                "--help",
                "Exit status: 0",
            ],
        ),
        (&["run", "-h"], &["--seed", "--memory", "--timeout", "--debug-output", "--report", "--quiet"]),
        (&["imports", "--help"], &["<DRIVER.sys>", "--json", "--help", "Exit status: 0"]),
    ];
    for (arguments, words) in cases {
        let run = ntpool(arguments);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{arguments:?}");
        for word in words {
            assert!(run.stdout.contains(word), "{arguments:?} does not tell of {word}:\n{}", run.stdout);
        }
    }
}

#[test]
fn the_version_is_the_one_in_the_report() {
    let version = ntpool(["--version"]);
    assert_eq!(version.status, 0);
    let (_, json) = run_json(None, [""; 0]);
    assert_eq!(version.stdout, format!("ntpool {}\n", outcome(&json).version));
}

#[test]
fn a_command_line_that_can_not_be_used_is_refused_with_what_is_wrong_about_it() {
    let cases: &[(&[&str], &str)] = &[
        (&["walk"], "unrecognized subcommand 'walk'"),
        (&["--seed", "1"], "unexpected argument '--seed'"),
        (&["run", "--sed", "1"], "unexpected argument '--sed'"),
        (&["run", "one.sys", "two.sys"], "unexpected argument 'two.sys'"),
        (&["run", "--seed"], "a value is required for '--seed <NUMBER>'"),
        (&["run", "--seed", "many"], "invalid value 'many' for '--seed <NUMBER>'"),
        (&["run", "--seed=-1"], "invalid value '-1' for '--seed <NUMBER>'"),
        (&["run", "--seed", "18446744073709551616"], "invalid value '18446744073709551616'"),
        (&["run", "--seed", "1", "--seed", "2"], "'--seed <NUMBER>' cannot be used multiple times"),
        (&["run", "--memory", "much"], "\"much\" is no size; write a number of bytes, or one with K, M or G"),
        (&["run", "--memory", "1T"], "\"1T\" is no size"),
        (&["run", "--memory", ""], "\"\" is no size"),
        (&["run", "--memory", "0"], "a machine has at least 16M of memory"),
        (&["run", "--memory", "16777215"], "a machine has at least 16M of memory"),
        (&["run", "--memory", "33G"], "a machine has at most 32G of memory"),
        (&["run", "--memory", "18446744073709551615G"], "is no size"),
        (&["run", "--processors", "0"], "0 is not in 1..=64"),
        (&["run", "--processors", "65"], "65 is not in 1..=64"),
        (&["run", "--schedule", "chance"], "\"chance\" is no schedule; write random, pct"),
        (&["run", "--schedule", "at:5=0.1,4=0.1"], "\"at:5=0.1,4=0.1\" is no schedule"),
        (&["run", "--schedules", "0"], "invalid value '0' for '--schedules <NUMBER>'"),
        (&["run", "--free-running", "--schedule", "pct"], "'--free-running' cannot be used with '--schedule"),
        (&["run", "--free-running", "--schedules", "3"], "'--free-running' cannot be used with '--schedules"),
        (&["run", "--timeout", "0"], "0 is not in 1..=86400"),
        (&["run", "--timeout", "86401"], "86401 is not in 1..=86400"),
        (&["run", "--timeout", "soon"], "invalid value 'soon' for '--timeout <SECONDS>'"),
        (&["run", "--report", "report.json"], "\"report.json\" has no '='; write FORMAT=PATH"),
        (&["run", "--report", "xml=report"], "unknown report format \"xml\": use one of text, json"),
        (&["run", "--report", "json="], "\"json=\" names no file; write FORMAT=PATH"),
        (&["imports"], "<DRIVER.sys>"),
        (&["imports", "--seed", "1", "x.sys"], "unexpected argument '--seed'"),
    ];
    for (arguments, message) in cases {
        let run = ntpool(*arguments);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(message), "{arguments:?} is told: {}", run.stderr);
    }
}

#[test]
fn a_quiet_run_prints_nothing_and_keeps_its_exit_status() {
    let run = ntpool(["run", "--quiet"]);
    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (1, "", ""));
}

#[test]
fn a_report_is_written_as_text_as_json_and_as_both_at_once() {
    let folder = folder();
    let target = |format: &str, name: &str| format!("{format}={}", text(&folder.path().join(name)));
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("the report");

    let alone = ntpool(["run", "--report", &target("text", "alone.txt")]);
    assert_eq!((alone.status, alone.stderr.as_str()), (1, NOTICE));
    let shown = alone.stdout.split_once("\n\n").expect("a line about the debug output").1;
    assert_eq!(read("alone.txt"), shown);

    let run = ntpool(["run", "--quiet", "--report", &target("json", "alone.json")]);
    assert_eq!(run.status, 1);
    assert_eq!(outcome(&read("alone.json")).findings.len(), 3);

    // Whatever was in the file before is gone.
    fs::write(folder.path().join("both.txt"), "x".repeat(1 << 20)).expect("writable");
    let (json, txt) = (target("json", "both.json"), target("text", "both.txt"));
    let run = ntpool(["run", "--quiet", "--report", &json, "--report", &txt]);
    assert_eq!((run.status, run.stdout.as_str()), (1, ""));
    assert_eq!(read("both.json"), read("alone.json"));
    assert_eq!(read("both.txt"), read("alone.txt"));
}

#[test]
fn a_report_to_a_dash_goes_to_the_standard_output() {
    let json = ntpool(["run", "--quiet", "--report", "json=-"]);
    assert_eq!((json.status, json.stderr.as_str()), (1, ""));
    assert_eq!(outcome(&json.stdout).findings.len(), 3);
    let text = ntpool(["run", "--quiet", "--report", "text=-"]);
    let both = ntpool(["run", "--quiet", "--report", "json=-", "--report", "text=-"]);
    assert_eq!(both.stdout, json.stdout.clone() + &text.stdout);
    let shown = ntpool(["run", "--report", "json=-", "--debug-output", "/dev/null"]);
    assert_eq!(shown.stdout, json.stdout, "it stands there alone");
}

#[test]
fn an_output_that_can_not_be_written_is_refused_before_the_driver_runs() {
    let folder = folder();
    let debug = folder.path().join("debug.txt");
    let nowhere = folder.path().join("missing").join("report");
    let directory = folder.path().to_owned();
    for (path, reason) in [(&nowhere, "No such file or directory"), (&directory, "Is a directory")] {
        for format in ["json", "text"] {
            let target = format!("{format}={}", text(path));
            let run = ntpool(["run", "--debug-output", text(&debug), "--report", &target]);
            assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{target}");
            let message = format!("ntpool: cannot write {}: {reason}", path.display());
            assert!(run.stderr.contains(&message), "{}", run.stderr);
            assert_eq!(fs::read(&debug).expect("made"), b"", "the driver ran and printed");
        }
    }
    let run = ntpool(["run", "--debug-output", text(&nowhere)]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains(&format!("cannot write {}", nowhere.display())), "{}", run.stderr);
}

#[test]
fn an_output_that_fails_half_way_ends_in_status_2_and_the_others_are_written() {
    let folder = folder();
    let json = folder.path().join("report.json");
    let target = format!("json={}", text(&json));
    let failing: [&[&str]; 2] = [&["--report", "text=/dev/full"], &["--debug-output", "/dev/full"]];
    for full in failing {
        let run = ntpool(["run"].iter().chain(full).chain(&["--report", &target]));
        assert_eq!(run.status, 2, "{full:?}");
        assert!(run.stderr.contains("ntpool: cannot write /dev/full: No space left"), "{}", run.stderr);
        assert!(run.stdout.contains("\n3 findings\n"), "the report is lost: {}", run.stdout);
        assert_eq!(outcome(&fs::read_to_string(&json).expect("a report")).findings.len(), 3);
        fs::remove_file(&json).expect("removable");
        let quiet = ntpool(["run", "--quiet"].iter().chain(full));
        assert_eq!((quiet.status, quiet.stdout.as_str()), (2, ""), "{full:?}");
    }
}

#[test]
fn what_the_driver_prints_goes_to_the_file_or_the_standard_output_that_was_asked_for() {
    let folder = folder();
    let (_, json) = run_json(None, [""; 0]);
    let lines: String = outcome(&json).debug_output.into_iter().map(|line| line.text).collect();
    assert!(lines.contains("sample: unloaded\n"), "{lines}");

    let file = folder.path().join("debug.txt");
    let run = ntpool(["run", "--debug-output", text(&file)]);
    assert_eq!(run.status, 1);
    assert_eq!(fs::read_to_string(&file).expect("the debug output"), lines);
    assert!(run.stdout.starts_with("sample.sys "), "{}", run.stdout);

    let run = ntpool(["run", "--debug-output", "-"]);
    assert!(run.stdout.starts_with(&format!("{lines}sample.sys ")), "{}", run.stdout);
    let run = ntpool(["run", "--quiet", "--debug-output", "-"]);
    assert_eq!((run.status, run.stdout), (1, lines));

    let told = "(the driver printed 3 debug lines; --debug-output - shows them)\n\nsample.sys ";
    assert!(ntpool(["run"]).stdout.starts_with(told));
}

#[test]
fn a_driver_that_does_nothing_wrong_exits_with_0() {
    let folder = folder();
    let path = crime("clean", folder.path());
    let run = ntpool(["run", text(&path)]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    assert!(run.stdout.ends_with("\nno findings\nleft: nothing\n"), "{}", run.stdout);
    let (quiet, outcome) = run_driver(&path);
    assert_eq!(quiet.status, 0);
    assert!(outcome.unloaded && outcome.limits.is_empty(), "{outcome:#?}");
}

#[test]
fn a_driver_with_a_finding_exits_with_1() {
    let folder = folder();
    let (run, outcome) = run_driver(&crime("pool.double-free", folder.path()));
    assert_eq!(run.status, 1);
    for stack in &driver("pool.double-free").expected.findings[0].stacks {
        assert_stack(finding(&outcome, "pool.double-free"), stack);
    }
}

#[test]
fn a_driver_entry_that_fails_exits_with_3_and_with_1_when_it_leaves_memory_behind() {
    let folder = folder();
    let (run, outcome) = run_driver(&twin("pool.leak-failed-entry", folder.path()));
    assert_eq!((run.status, outcome.findings.len()), (3, 0));
    assert_eq!(outcome.limits[0].kind, LimitKind::EntryFailed);
    assert!(!outcome.driver_entry.expect("it returned").success);

    let path = crime("pool.leak-failed-entry", folder.path());
    let (run, outcome) = run_driver(&path);
    assert_eq!((run.status, outcome.findings.len(), outcome.limits.len()), (1, 1, 1));
    assert_eq!(finding(&outcome, "pool.leak").bytes, Some(320));
    let shown = ntpool(["run", text(&path)]).stdout;
    assert!(shown.contains("\nlimit, ") && shown.contains("pool.leak: "), "{shown}");
}

#[test]
fn a_call_of_a_routine_that_is_not_there_exits_with_3_and_says_where() {
    let folder = folder();
    let path = caller_of_nobody(folder.path());
    let (run, outcome) = run_driver(&path);
    assert_eq!((run.status, outcome.findings.len()), (3, 0), "{outcome:#?}");
    let [limit] = &outcome.limits[..] else { panic!("{outcome:#?}") };
    assert_eq!(limit.kind, LimitKind::MissingExport);
    assert!(limit.message.contains(&format!("ntoskrnl.exe!{NOBODY} was called")), "{}", limit.message);
    let (function, file, _) = support::innermost(&limit.stacks[0]).expect("a known frame");
    assert_eq!((function.as_str(), file.as_str()), ("DriverEntry", "caller.c"));

    let listed = ntpool(["imports", text(&path)]);
    assert_eq!(listed.status, 1);
    assert!(listed.stdout.contains(&format!("  missing     {NOBODY}\n")), "{}", listed.stdout);
    let served = ntpool(["imports", text(&own("caller", folder.path()))]);
    assert_eq!(served.status, 0, "{}", served.stdout);
}

#[test]
fn an_endless_loop_is_a_finding_with_its_function_file_and_line() {
    let folder = folder();
    let path = crime("driver.endless-loop", folder.path());
    let (run, json) = run_json(Some(&path), ["--timeout", "1"]);
    assert_eq!(run.status, 1);
    let outcome = outcome(&json);
    let found = finding(&outcome, "driver.endless-loop");
    assert_eq!(outcome.findings.len(), 1, "{outcome:#?}");
    assert_stack(found, &driver("driver.endless-loop").expected.findings[0].stacks[0]);
    assert!(found.repeat.ends_with(" --seed 1 --timeout 1"), "{}", found.repeat);
}

/// Runs the command on a terminal, with these variables.
fn on_a_terminal(variables: &[(&str, &str)]) -> String {
    let line = format!("'{}' run", env!("CARGO_BIN_EXE_ntpool"));
    let mut script = Command::new("script");
    script.args(["-q", "-c", &line, "/dev/null"]).stdin(Stdio::null());
    script.env_remove("NO_COLOR").envs(variables.iter().copied());
    let output = script.output().expect("script, of the Debian package bsdutils, is installed");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn colours_appear_on_a_terminal_alone_and_not_where_they_are_unwanted() {
    let escape = '\x1b';
    let piped = finish(command().arg("run").env("CLICOLOR_FORCE", "1").env("TERM", "xterm-256color"));
    assert!(!piped.stdout.contains(escape) && !piped.stderr.contains(escape), "{}", piped.stdout);
    let shown = on_a_terminal(&[]);
    assert!(shown.contains("3 findings") && shown.contains(escape), "{shown:?}");
    let plain = on_a_terminal(&[("NO_COLOR", "1")]);
    assert!(plain.contains("3 findings") && !plain.contains(escape), "{plain:?}");
    // An empty variable is no wish.
    assert!(on_a_terminal(&[("NO_COLOR", "")]).contains(escape));
}

/// A standard output or error that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[test]
fn an_output_that_is_closed_early_changes_neither_the_exit_status_nor_the_manners() {
    let folder = folder();
    let clean = crime("clean", folder.path());
    let rubbish = own("rubbish", folder.path());
    let (path, served) = (text(&clean), text(&rubbish));
    let cases: &[(&[&str], i32)] = &[
        (&[], 1),
        (&["run"], 1),
        (&["run", "--report", "json=-", "--debug-output", "-"], 1),
        (&["run", path], 0),
        (&["imports", served], 0),
        (&["imports", "--json", served], 0),
        (&["--help"], 0),
        (&["run", "--help"], 0),
        (&["run", "missing.sys"], 2),
        (&["walk"], 2),
    ];
    for (arguments, status) in cases {
        let with = |stdout: Stdio, stderr: Stdio| {
            let mut command = command();
            command.args(*arguments).stdout(stdout).stderr(stderr);
            let output =
                command.spawn().and_then(|child| child.wait_with_output()).expect("the command runs");
            let said = String::from_utf8(output.stderr).expect("text");
            assert!(!said.contains("panicked"), "{arguments:?}: {said}");
            assert_eq!(output.status.code(), Some(*status), "{arguments:?}: {said}");
        };
        with(closed(), Stdio::piped());
        with(closed(), closed());
        with(Stdio::null(), closed());
    }
}

/// Runs a line as a shell would, with the command in reach of its name.
fn in_a_shell(line: &str, dir: &Path) -> Run {
    let bin = Path::new(env!("CARGO_BIN_EXE_ntpool")).parent().expect("the command is in a folder");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = [bin.to_owned()].into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(paths).expect("folders without colons");
    finish(Command::new("sh").args(["-c", line]).current_dir(dir).env("PATH", path).stdin(Stdio::null()))
}

#[test]
fn the_command_in_a_report_repeats_the_run_byte_for_byte() {
    let folder = folder();
    let built = crime("pool.double-free", folder.path());
    let odd = folder.path().join("it's a driver; $HOME.sys");
    fs::copy(built, &odd).expect("copied");
    let relative = Path::new("./it's a driver; $HOME.sys");
    let options: [&[&str]; 3] =
        [&[], &["--seed", "18446744073709551615"], &["--seed", "7", "--memory", "64M", "--timeout", "3"]];
    for driver in [None, Some(odd.as_path()), Some(relative)] {
        for options in options {
            let first = finish(command().arg("run").args(driver).args(options).current_dir(folder.path()));
            assert_eq!(first.status, 1, "{}", first.stderr);
            let rows = first.stdout.lines().filter_map(|line| line.strip_prefix("  repeat     "));
            let rows: Vec<&str> = rows.collect();
            let row = *rows.first().expect("a row that says how to repeat the run");
            assert!(rows.iter().all(|other| *other == row), "{rows:?}");

            let json = |run: Run| run.stdout;
            let again = json(in_a_shell(&format!("{row} --quiet --report json=-"), folder.path()));
            let mut original = command();
            original.args(["run", "--quiet", "--report", "json=-"]).args(driver).args(options);
            assert_eq!(json(finish(original.current_dir(folder.path()))), again, "{row}");
            assert_eq!(outcome(&again).repeat, row);
        }
    }
}

#[test]
fn the_memory_of_the_machine_is_what_the_driver_can_have() {
    let folder = folder();
    let path = own("hoard", folder.path());
    let blocks = |memory: &str| -> u64 {
        let (run, json) = run_json(Some(&path), ["--memory", memory]);
        assert_eq!(run.status, 0, "{json}");
        let printed = &outcome(&json).debug_output[0].text;
        printed.strip_suffix(" blocks\n").and_then(|count| count.parse().ok()).expect("a number of blocks")
    };
    let (least, more) = (blocks("16M"), blocks("64M"));
    assert!((1..16).contains(&least), "{least} blocks of 1 MiB in 16 MiB");
    assert!((least + 30..64).contains(&more), "{more} blocks of 1 MiB in 64 MiB");
    assert_eq!(blocks("67108864"), more);
}

#[test]
fn the_seed_changes_what_uninitialized_memory_holds() {
    let folder = folder();
    let path = own("rubbish", folder.path());
    let mut seen = std::collections::BTreeSet::new();
    for seed in 1..=12 {
        let seed = seed.to_string();
        let text = printed(&path, &["--seed", &seed]);
        assert_eq!(text, printed(&path, &["--seed", &seed]));
        let (rubbish, zeroed) = text.split_once('\n').expect("two lines");
        assert_eq!(zeroed, "zeroed 00 00 00\n");
        let rubbish = rubbish.strip_prefix("uninitialized ").expect("the rubbish");
        assert!(!rubbish.contains("00"), "seed {seed} shows {rubbish}");
        seen.insert(rubbish.to_owned());
    }
    assert!(seen.len() > 6, "12 seeds make {seen:?}");
}

#[test]
fn a_search_over_schedules_finds_a_race_and_names_the_switches_that_bring_it_about() {
    let dir = folder();
    let path = race("check-then-act", dir.path());
    let plain = ntpool(["run", text(&path), "--schedule", "at:"]);
    assert_eq!(plain.status, 0, "without a switch nothing is wrong: {}", plain.stdout);
    let found = ntpool(["run", text(&path), "--schedules", "1000"]);
    assert_eq!(found.status, 1, "{}", found.stdout);
    assert!(found.stdout.contains("pool.double-free: "), "{}", found.stdout);
    assert!(found.stdout.contains("note: found under schedule "), "{}", found.stdout);
    assert!(found.stdout.contains(" of them bring it about"), "{}", found.stdout);
    let again = ntpool(["run", text(&path), "--schedules", "1000"]);
    assert_eq!(found.stdout, again.stdout, "a search repeats itself too");
    // The twin is searched in vain, and that is told.
    let twin = race("check-then-act-twin", dir.path());
    let clean = ntpool(["run", text(&twin), "--schedules", "20"]);
    assert_eq!(clean.status, 0, "{}", clean.stdout);
    assert!(
        clean.stdout.contains("note: 20 schedules showed nothing that this one does not"),
        "{}",
        clean.stdout
    );
}

#[test]
fn every_kind_of_schedule_and_any_number_of_processors_runs_a_clean_driver_clean() {
    let dir = folder();
    let path = race("mutex-order-twin", dir.path());
    for schedule in ["random", "pct", "pct:5:50", "round-robin", "round-robin:1", "at:"] {
        for processors in ["1", "2", "64"] {
            let run = ntpool(["run", text(&path), "--schedule", schedule, "--processors", processors]);
            assert_eq!(run.status, 0, "{schedule} on {processors}: {}", run.stdout);
        }
    }
    for _ in 0..10 {
        let run = ntpool(["run", text(&path), "--free-running", "--processors", "4"]);
        assert_eq!(run.status, 0, "free: {}", run.stdout);
    }
}
