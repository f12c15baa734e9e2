//! Drivers that others wrote, unmodified.
//!
//! They are downloaded once, into a cache that git ignores; without them these tests fail and say how to provide them.
#![forbid(unsafe_code)]

mod support;

use ntpool_drivers::third_party::{cache, fetch};
use serde_json::Value;
use std::path::PathBuf;
use support::{Run, ntpool, run_driver, text};

fn fetched(name: &str) -> PathBuf {
    fetch(name, &cache()).unwrap_or_else(|error| panic!("{name} is not at hand: {error}"))
}

/// The imports of a driver as the JSON lists them: DLL, symbol, grade.
fn imports(name: &str) -> (Run, Vec<(String, String, String)>) {
    let path = fetched(name);
    let json = ntpool(["imports", "--json", text(&path)]);
    let listed: Value = serde_json::from_str(&json.stdout).expect("the list is JSON");
    let string = |value: &Value| value.as_str().expect("a string").to_owned();
    let rows = listed.as_array().expect("a list").iter().map(|import| {
        let symbol = match &import["symbol"] {
            Value::Object(fields) if fields.contains_key("ordinal") => format!("#{}", fields["ordinal"]),
            Value::Object(fields) => string(&fields["name"]),
            other => panic!("{other} is no symbol"),
        };
        (string(&import["dll"]), symbol, string(&import["grade"]))
    });
    (json, rows.collect())
}

#[test]
fn inpoutx64_runs_with_its_device_and_leaves_nothing() {
    let (run, outcome) = run_driver(&fetched("inpoutx64.sys"));
    assert_eq!(run.status, 0, "{outcome:#?}");
    let status = outcome.driver_entry.expect("it returned");
    assert!(status.success, "{status:?}");
    let [device] = &outcome.devices[..] else { panic!("{:?}", outcome.devices) };
    assert_eq!(device.name.as_deref(), Some(r"\Device\inpoutx64"));
    assert_eq!(device.links, [r"\DosDevices\inpoutx64"]);
    assert!(outcome.unloaded);
    assert!(outcome.findings.is_empty() && outcome.limits.is_empty() && outcome.left.is_empty());

    let shown = ntpool(["run", text(&fetched("inpoutx64.sys"))]);
    assert_eq!(shown.status, 0);
    assert!(shown.stdout.ends_with("\nno findings\nleft: nothing\n"), "{}", shown.stdout);
}

#[test]
fn imports_lists_what_is_missing_by_dll() {
    // The DLLs in which something must be missing, apart from the kernel itself.
    let cases: [(&str, &[&str]); 3] = [
        ("inpoutx64.sys", &[]),
        ("wintun.sys", &["NDIS.SYS"]),
        ("WinDivert64.sys", &["WDFLDR.SYS", "fwpkclnt.sys"]),
    ];
    for (name, dlls) in cases {
        let (_, rows) = imports(name);
        let missing = |dll: &str| {
            rows.iter().any(|(from, _, grade)| from.eq_ignore_ascii_case(dll) && grade == "missing")
        };
        assert!(missing("ntoskrnl.exe"), "{name}: {rows:?}");
        for dll in dlls {
            assert!(missing(dll), "{name} has nothing missing in {dll}: {rows:?}");
        }
    }
}

#[test]
fn the_table_and_the_json_of_imports_say_the_same() {
    for name in ["inpoutx64.sys", "wintun.sys", "WinDivert64.sys", "winfsp-x64.sys"] {
        let (json, rows) = imports(name);
        let table = ntpool(["imports", text(&fetched(name))]);
        let served = rows.iter().all(|(_, _, grade)| grade == "faithful" || grade == "simplified");
        assert_eq!((table.status, json.status), (i32::from(!served), i32::from(!served)), "{name}");
        assert_eq!((table.stderr.as_str(), json.stderr.as_str()), ("", ""));

        let mut dll = String::new();
        let mut shown = Vec::new();
        let (body, summary) = table.stdout.trim_end().rsplit_once('\n').expect("a summary behind the table");
        for line in body.lines() {
            match line.strip_prefix("  ") {
                None => line.clone_into(&mut dll),
                Some(row) => {
                    let (grade, symbol) = row.split_once(' ').expect("a grade and a symbol");
                    let symbol = symbol.trim_start().split(':').next().unwrap_or_default();
                    shown.push((dll.to_ascii_lowercase(), symbol.to_owned(), grade.to_owned()));
                }
            }
        }
        let mut listed: Vec<_> = rows
            .iter()
            .map(|(dll, symbol, grade)| (dll.to_ascii_lowercase(), symbol.clone(), grade.clone()))
            .collect();
        listed.sort();
        shown.sort();
        assert_eq!(shown, listed, "{name}");

        let count = |grade: &str| rows.iter().filter(|row| row.2 == grade).count();
        let counts =
            ["faithful", "simplified", "refused", "missing"].map(|grade| format!("{} {grade}", count(grade)));
        assert_eq!(summary, format!("{name}: {} imports: {}", rows.len(), counts.join(", ")));
    }
}
