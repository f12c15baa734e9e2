//! Every driver of `drivers/`, built by both compilers and run: the crimes are found, the twins are clean.
//!
//! One test per driver, compiler and part. A crime's findings must be exactly those of its `expected.toml`, in order,
//! with functions and lines; a twin must have none.
#![forbid(unsafe_code)]

use libtest_mimic::{Arguments, Failed, Trial};
use ntpool::{Driver, ExitStatus, Finding, Hex, Machine, Outcome, Phase, Stack};
use ntpool_drivers::{Entry, Expected, ExpectedFinding, ExpectedStack, Source, Toolchain};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Loops are given this long; everything else takes milliseconds.
const TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let drivers = ntpool_drivers::all().expect("the drivers' folders are well formed");
    let mut trials = Vec::new();
    for driver in drivers {
        for toolchain in [Toolchain::Mingw, Toolchain::Clang] {
            let (source, expected) = (driver.source(), driver.expected.clone());
            if !source.files.is_empty() {
                let name = format!("{}::{toolchain}", driver.name);
                trials.push(Trial::test(name, move || run_crime(&source, toolchain, &expected)));
            }
            if let Some(twin) = driver.twin() {
                let name = format!("{}::{toolchain}::twin", driver.name);
                trials.push(Trial::test(name, move || run_twin(&twin, toolchain)));
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn out_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("drivers")
}

fn run(source: &Source, toolchain: Toolchain) -> Result<Outcome, Failed> {
    let path = ntpool_drivers::build(source, toolchain, &out_dir())?;
    Ok(Machine::new().timeout(TIMEOUT).run(&Driver::from_file(&path)?)?)
}

fn run_twin(source: &Source, toolchain: Toolchain) -> Result<(), Failed> {
    let outcome = run(source, toolchain)?;
    // A twin may share its crime's entry status; it may not share its findings.
    let clean = match &outcome.driver_entry {
        Some(status) if !status.success => outcome.findings.is_empty(),
        _ => outcome.exit_status() == ExitStatus::Clean && outcome.unloaded,
    };
    if clean { Ok(()) } else { Err(format!("the twin is not clean: {}", shown(&outcome)).into()) }
}

fn run_crime(source: &Source, toolchain: Toolchain, expected: &Expected) -> Result<(), Failed> {
    let outcome = run(source, toolchain)?;
    let mut wrong = String::new();
    check_entry(&outcome, expected, &mut wrong);
    if outcome.findings.len() != expected.findings.len() {
        let _ = writeln!(wrong, "{} findings instead of {}", outcome.findings.len(), expected.findings.len());
    }
    for (finding, expected) in outcome.findings.iter().zip(&expected.findings) {
        check_finding(finding, expected, &mut wrong);
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{wrong}{}", shown(&outcome)).into()) }
}

fn shown(outcome: &Outcome) -> String {
    format!("\n{outcome:#?}")
}

fn check_entry(outcome: &Outcome, expected: &Expected, wrong: &mut String) {
    let entry = match &outcome.driver_entry {
        None => Entry::NoReturn,
        Some(status) if status.success => Entry::Success,
        Some(_) => Entry::Failure,
    };
    if entry != expected.entry {
        let _ = writeln!(wrong, "DriverEntry ended in {entry:?}, not {:?}", expected.entry);
    }
}

fn check_finding(finding: &Finding, expected: &ExpectedFinding, wrong: &mut String) {
    let mut check = |what: &str, found: String, wanted: Option<String>| {
        if let Some(wanted) = wanted
            && found != wanted
        {
            let _ = writeln!(wrong, "{}: {what} is {found}, not {wanted}", expected.rule);
        }
    };
    check("the rule", finding.rule.clone(), Some(expected.rule.id().to_owned()));
    let code = |code: Option<u64>| code.map_or("none".to_owned(), |code| format!("{code:#x}"));
    check(
        "the bug check",
        code(finding.bug_check.map(|Hex(code)| code)),
        expected.bug_check.map(|stop| code(Some(stop.into()))),
    );
    let parameter1 = finding.parameters.map(|[Hex(first), ..]| first);
    check("the first parameter", code(parameter1), expected.parameter1.map(|first| code(Some(first))));
    let all = |parameters: [u64; 4]| format!("{parameters:#x?}");
    let found = finding.parameters.map(|four| four.map(|Hex(value)| value));
    check("the parameters", found.map_or("none".into(), all), expected.parameters.map(all));
    let block = finding.block.as_ref();
    check("the tag", block.map_or("none".into(), |block| block.tag.clone()), expected.tag.clone());
    let size = |size: u64| size.to_string();
    check("the size", block.map_or("none".into(), |block| size(block.size)), expected.size.map(size));
    check("the count", finding.count.to_string(), expected.count.map(size));
    let phase = |phase: Phase| format!("{phase:?}");
    check("the phase", phase(finding.phase), expected.phase.map(phase));
    for words in &expected.says {
        let missing = !finding.message.contains(words);
        check("the message", finding.message.clone(), missing.then(|| format!("one with `{words}`")));
    }
    for stack in &expected.stacks {
        let found = finding.stacks.iter().find(|found| found.role == stack.role);
        check(
            &format!("stack {:?}", stack.role),
            found.map_or("none".into(), place),
            Some(wanted_place(stack)),
        );
    }
}

/// The innermost frame with a name, as `Function file:line`.
fn place(stack: &Stack) -> String {
    let Some(frame) = stack.frames.iter().find(|frame| frame.function.is_some()) else {
        return "none".into();
    };
    let file = frame.file.as_deref().unwrap_or_default();
    let file = file.rsplit(['/', '\\']).next().unwrap_or_default();
    let line = frame.line.unwrap_or_default();
    format!("{} {file}:{line}", frame.function.as_deref().unwrap_or_default())
}

fn wanted_place(stack: &ExpectedStack) -> String {
    let file = Path::new(&stack.place.file).file_name().unwrap_or_default().to_string_lossy();
    format!("{} {file}:{}", stack.function, stack.place.line)
}
