//! Blocks tagged by the calling module, and the table of tags.

use crate::world::{Program, check, interface, library};
use std::collections::BTreeMap;

/// A table as it was printed: allocations, frees, live blocks, bytes, by tag.
type Table = BTreeMap<String, [u64; 4]>;

/// The tables in a text, each checked for its own consistency.
fn tables(text: &str) -> Vec<Table> {
    let mut found = Vec::new();
    for part in text.split("ntpool: tags of process ").skip(1) {
        let mut lines = part.lines();
        assert!(lines.next().is_some_and(|number| number.parse::<u32>().is_ok()), "{part}");
        let header: Vec<_> = lines.next().unwrap_or_default().split_whitespace().collect();
        assert_eq!(header, ["tag", "allocations", "frees", "live", "blocks", "bytes"]);
        let mut table = Table::new();
        for line in lines {
            let (tag, numbers) = line.split_at(4);
            let numbers: Vec<_> =
                numbers.split_whitespace().map(|number| number.parse().expect(line)).collect();
            table.insert(tag.trim_end().to_string(), numbers.try_into().expect("a line has four numbers"));
            if tag == "all " {
                break;
            }
        }
        let all = table.remove("all").expect("the table ends with the sum");
        let sum = table.values().fold([0; 4], |sum, line| std::array::from_fn(|at| sum[at] + line[at]));
        assert_eq!(sum, all);
        assert!(table.values().all(|[allocations, frees, live, _]| allocations - frees == *live));
        found.push(table);
    }
    found
}

fn tagged(program: Program) -> Program {
    program.env("NTPOOL_TAGS", "caller")
}

#[test]
fn at_exit_a_table_names_the_modules_that_allocated() {
    let ended = tagged(check("leave-blocks")).run().success();
    let tables = tables(&ended.errors());
    let [table] = &tables[..] else { panic!("{}", ended.errors()) };
    let [allocations, frees, live, bytes] = table["inte"];
    // Ten are left; what the constructors took is freed by a destructor, before the table is printed or after it.
    assert!(allocations >= 13 && (10..=12).contains(&live), "{table:?}");
    assert!(frees < allocations && bytes >= 10_000, "{table:?}");
    assert!(table["c.so"][0] > 0, "puts has a buffer: {table:?}");
    // One block was taken before the C library knew the environment.
    assert_eq!(table["Heap"][0], 1, "{table:?}");
}

#[test]
fn libraries_that_are_loaded_later_have_tags_of_their_own() {
    let ended = tagged(check("opened-library")).run().success();
    let tables = tables(&ended.errors());
    let [allocations, frees, live, bytes] = tables[0]["open"];
    assert!(allocations >= 9 * 20 && frees == allocations, "{tables:?}");
    assert_eq!((live, bytes), (0, 0));
}

#[test]
fn the_checks_hold_with_tags_as_well() {
    let checks =
        ["contents", "alignment", "errors", "zero-sizes", "thread-churn", "thread-local-destructors"];
    for name in checks {
        assert_eq!(tagged(check(name)).prints(), "ok\n", "{name}");
    }
}

#[test]
fn without_the_variable_nothing_is_printed() {
    let ended = check("leave-blocks").run().success();
    assert_eq!(ended.errors(), "");
    let ended = check("leave-blocks").env("NTPOOL_TAGS", "").run().success();
    assert_eq!(ended.errors(), "");
}

#[test]
fn a_value_that_is_not_known_is_said_and_ignored() {
    let ended = check("leave-blocks").env("NTPOOL_TAGS", "callers").run().success();
    assert_eq!(ended.errors(), "ntpool: NTPOOL_TAGS has a value that is not known: use caller\n");
    let ended = tagged(check("leave-blocks")).env("NTPOOL_TAGS_SIGNAL", "KILL").run().success();
    assert!(ended.errors().starts_with("ntpool: NTPOOL_TAGS_SIGNAL is no signal"), "{}", ended.errors());
    let ended = tagged(check("leave-blocks")).env("NTPOOL_TAGS_SIGNAL", "9").run().success();
    assert!(ended.errors().starts_with("ntpool: NTPOOL_TAGS_SIGNAL is no signal"), "{}", ended.errors());
}

#[test]
fn a_signal_prints_the_table() {
    let python = "import os, signal, sys; os.kill(os.getpid(), getattr(signal, sys.argv[1])); x = [str(i) for i in range(9)]";
    for (setting, signal) in [("", "SIGUSR2"), ("USR1", "SIGUSR1"), ("10", "SIGUSR1")] {
        let program = tagged(Program::new("python3").args(["-S", "-c", python, signal]));
        let ended = program.env("NTPOOL_TAGS_SIGNAL", setting).run().success();
        let tables = tables(&ended.errors());
        assert_eq!(tables.len(), 2, "{}", ended.errors());
        let [first, second] = [&tables[0]["pyth"], &tables[1]["pyth"]];
        assert!(first[0] > 100 && first[0] <= second[0] && first[1] <= second[1], "{first:?} {second:?}");
    }
}

#[test]
fn a_storm_of_signals_stops_nothing() {
    let ended = tagged(check("signal-storm")).run().success();
    assert!(ended.text().ends_with("ok\n"));
    let text = ended.errors();
    // Tables of several threads may be written into each other, so only the last is read.
    assert!(text.matches("ntpool: tags of process ").count() > 10, "{text}");
    let last = text.rfind("ntpool: tags of process ").expect("there are some");
    assert_eq!(tables(&text[last..]).len(), 1);
}

#[test]
fn a_program_without_environment_is_not_tagged() {
    let preload = format!("LD_PRELOAD={}", library().display());
    let program = Program::new("env").args(["-i", &preload]).args([interface()]).args(["leave-blocks"]);
    let ended = tagged(program).run().success();
    let text = ended.errors();
    // `env` itself is tagged and does not come to its exit.
    assert_eq!((ended.text().as_str(), text.as_str()), ("ok\n", ""));
}
