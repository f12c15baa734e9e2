//! The sample driver: its committed binary is what its sources make, and its report shows all it was made for.
#![forbid(unsafe_code)]

mod support;

use ntpool::Outcome;
use std::fs;
use support::{Place, SAMPLE, build, driver, finish, folder, innermost, ntpool, role, run_driver, run_json};

fn embedded() -> Outcome {
    let (_, json) = run_json(None, ["--seed", "1"]);
    serde_json::from_str(&json).expect("the report is JSON")
}

/// What a finding is about, without what depends on a compiler's version.
#[derive(Debug, PartialEq)]
struct Gist {
    rule: String,
    bug_check: Option<u64>,
    first_parameter: Option<u64>,
    block: Option<(u64, String, String)>,
    count: u64,
    bytes: Option<u64>,
    places: Vec<(&'static str, Option<Place>)>,
}

fn gists(outcome: &Outcome) -> Vec<Gist> {
    outcome
        .findings
        .iter()
        .map(|finding| Gist {
            rule: finding.rule.clone(),
            bug_check: finding.bug_check.map(|code| code.0),
            first_parameter: finding.parameters.map(|parameters| parameters[0].0),
            block: finding.block.clone().map(|block| (block.size, block.kind, block.tag)),
            count: finding.count,
            bytes: finding.bytes,
            places: finding.stacks.iter().map(|stack| (role(stack.role), innermost(stack))).collect(),
        })
        .collect()
}

#[test]
fn the_committed_binary_is_small_and_says_nothing_of_the_machine_that_built_it() {
    assert!(SAMPLE.len() < 64 << 10, "{} bytes", SAMPLE.len());
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    for at in 1..SAMPLE.len() {
        // A relative path, such as mingw/ddk, has a name before its slash.
        if SAMPLE[at] != b'/' || in_name(SAMPLE[at - 1]) {
            continue;
        }
        let rest = &SAMPLE[at + 1..];
        let name = rest.iter().take_while(|byte| in_name(**byte)).count();
        let shown = String::from_utf8_lossy(&rest[..rest.len().min(60)]);
        assert!(name < 3 || rest.get(name) != Some(&b'/'), "an absolute path is in the sample: /{shown}");
    }
    for path in ["/root", "/home", "/tmp", "/usr", "C:\\"] {
        let found = SAMPLE.windows(path.len()).position(|bytes| bytes == path.as_bytes());
        assert_eq!(found, None, "{path} is in the sample");
    }
}

#[test]
fn the_sample_built_from_its_sources_gives_the_findings_of_the_committed_binary() {
    let folder = folder();
    let path = build(&driver("sample").source(), folder.path());
    let (run, rebuilt) = run_driver(&path);
    assert_eq!(run.status, 1);
    let embedded = embedded();
    assert_eq!(gists(&rebuilt), gists(&embedded));
    assert_eq!(rebuilt.debug_output, embedded.debug_output);
    assert_eq!((&rebuilt.tags, &rebuilt.left), (&embedded.tags, &embedded.left));
    assert_eq!((&rebuilt.devices, rebuilt.unloaded), (&embedded.devices, embedded.unloaded));
    if fs::read(&path).expect("the image") == SAMPLE {
        // The same bytes under another name in the command: nothing else may differ.
        let mut renamed = rebuilt;
        renamed.repeat.clone_from(&embedded.repeat);
        renamed.driver.embedded = true;
        for finding in &mut renamed.findings {
            finding.repeat.clone_from(&embedded.repeat);
        }
        assert_eq!(renamed, embedded);
    }
}

#[test]
fn the_sample_run_from_a_file_is_the_embedded_one_but_for_its_name() {
    let folder = folder();
    let path = folder.path().join("sample.sys");
    fs::write(&path, SAMPLE).expect("writable");
    let (_, from_file) = run_driver(&path);
    let embedded = embedded();
    assert_eq!(from_file.driver.sha256, embedded.driver.sha256);
    assert!(embedded.driver.embedded && !from_file.driver.embedded);
    assert_eq!(gists(&from_file), gists(&embedded));
}

#[test]
fn the_report_names_the_three_planted_faults_with_function_file_and_line() {
    let expected = driver("sample").expected;
    assert_eq!(expected.findings.len(), 3);
    let report = ntpool([""; 0]).stdout;
    for finding in &expected.findings {
        let rule = finding.rule.id();
        let (_, section) = report.split_once(&format!("\n{rule}: ")).unwrap_or_else(|| panic!("no {rule}"));
        let section = section.split("\n\n").next().unwrap_or_default();
        for stack in &finding.stacks {
            let row = section.lines().find(|line| line.trim_start().starts_with(role(stack.role)));
            let row = row.unwrap_or_else(|| panic!("{rule} has no row {}:\n{section}", role(stack.role)));
            let words: Vec<&str> = row.split_whitespace().collect();
            assert!(words[1].starts_with(&format!("sample.sys!{}+0x", stack.function)), "{row}");
            assert_eq!(words[2], format!("{}:{}", stack.place.file, stack.place.line), "{row}");
        }
        if let Some(code) = finding.bug_check {
            assert!(section.contains(&format!("\n  Windows    BUG CHECK {code:#X} ").replace("0X", "0x")));
        }
        assert!(section.contains("\n  repeat     ntpool run --seed 1"), "{section}");
    }
    assert!(report.contains("\n3 findings\nleft: 1 block, 10 bytes: Text 1 (10 bytes)\n"), "{report}");
}

#[test]
fn the_sample_is_found_nowhere_but_in_the_command() {
    let folder = folder();
    let copy = folder.path().join("ntpool");
    fs::copy(env!("CARGO_BIN_EXE_ntpool"), &copy).expect("copied");
    let mut command = std::process::Command::new(&copy);
    let run = finish(command.current_dir(folder.path()).env_clear());
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stdout.contains("\n3 findings\n"), "{}", run.stdout);
}
