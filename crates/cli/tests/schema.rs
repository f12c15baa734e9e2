//! What the command writes as JSON is what the schema says.
#![forbid(unsafe_code)]

mod support;

use ntpool::SCHEMA;
use serde_json::Value;
use std::path::{Path, PathBuf};
use support::{caller_of_nobody, crime, folder, own, run_json};

/// A run's JSON, after holding it against the schema.
fn validated(driver: Option<&Path>) -> Value {
    let schema = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("the schema is a schema");
    let (_, json) = run_json(driver, [""; 0]);
    let value: Value = serde_json::from_str(&json).expect("the report is JSON");
    let errors: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?} in {json}");
    value
}

/// Every value under a name, wherever it is.
fn values<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if key == name {
                    found.push(value);
                }
                values(value, name, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| values(item, name, found)),
        _ => {}
    }
}

/// The numbers of a report, which every reader of JSON must get right.
fn numbers(value: &Value, found: &mut Vec<u64>) {
    match value {
        Value::Number(number) => found.push(number.as_u64().expect("a number that is not negative")),
        Value::Object(fields) => fields.values().for_each(|value| numbers(value, found)),
        Value::Array(items) => items.iter().for_each(|value| numbers(value, found)),
        _ => {}
    }
}

fn is_hex(value: &Value) -> bool {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    digits.is_some_and(|digits| {
        (1..=16).contains(&digits.len())
            && digits.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
            && (digits == "0" || !digits.starts_with('0'))
    })
}

#[test]
fn the_sample_s_report_is_valid() {
    let report = validated(None);
    let rules: Vec<&str> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter_map(|finding| finding["rule"].as_str())
        .collect();
    assert_eq!(rules, ["pool.allocate-irql", "pool.double-free", "pool.leak"]);
    assert_eq!(report["left"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["driver"]["embedded"], true);
}

#[test]
fn a_report_with_findings_and_a_trap_is_valid() {
    let folder = folder();
    let report = validated(Some(&own("everything", folder.path())));
    let findings = report["findings"].as_array().expect("findings");
    let rules: Vec<&Value> = findings.iter().map(|finding| &finding["rule"]).collect();
    assert_eq!(rules.len(), 2, "{rules:?}");
    assert_eq!(rules[0], "pool.double-free");
    assert_eq!(findings[1]["phase"], "unload");
    assert_eq!(report["unloaded"], false);
    assert_eq!(report["devices"][0]["links"].as_array().map(Vec::len), Some(1));
    let printed = report["debug_output"][0]["text"].as_str().expect("a line");
    assert!(printed.starts_with("a line with \u{1b}[31mcolour, \"quotes\" and "), "{printed:?}");
}

#[test]
fn reports_of_runs_that_ended_early_are_valid() {
    let folder = folder();
    let limit = validated(Some(&caller_of_nobody(folder.path())));
    assert_eq!(limit["limits"][0]["kind"], "missing-export");
    assert_eq!(limit["driver_entry"], Value::Null);
    let failed = validated(Some(&crime("pool.leak-failed-entry", folder.path())));
    assert_eq!(failed["limits"][0]["kind"], "entry-failed");
    assert_eq!(failed["findings"][0]["rule"], "pool.leak");
    let died = validated(Some(&crime("host.child-died", folder.path())));
    assert_eq!(died["findings"][0]["rule"], "host.child-died");
}

#[test]
fn values_of_64_bits_are_hexadecimal_strings_and_numbers_fit_every_reader() {
    let folder = folder();
    let drivers: [Option<PathBuf>; 3] = [
        None,
        Some(own("everything", folder.path())),
        Some(crime("memory.access-violation-write", folder.path())),
    ];
    for driver in drivers {
        let report = validated(driver.as_deref());
        for name in ["seed", "address", "offset", "function_offset", "bug_check", "value"] {
            let mut found = Vec::new();
            values(&report, name, &mut found);
            assert!(!found.is_empty(), "{name} is nowhere in {report:#}");
            let strings = found.iter().all(|value| value.is_null() || is_hex(value));
            assert!(strings && found.iter().any(|value| is_hex(value)), "{name}: {found:?}");
        }
        let mut parameters = Vec::new();
        values(&report, "parameters", &mut parameters);
        let parameters: Vec<&Value> = parameters.into_iter().filter_map(Value::as_array).flatten().collect();
        assert!(!parameters.is_empty() && parameters.iter().all(|value| is_hex(value)), "{parameters:?}");
        let mut found = Vec::new();
        numbers(&report, &mut found);
        assert!(found.iter().all(|&number| number < 1 << 53), "{found:?}");
    }
}
