//! What the tests of the command share: running it, and the drivers it is given.
#![allow(dead_code, reason = "each test program uses its own part")]

use ntpool::{Finding, Outcome, Role, Stack};
use ntpool_drivers::{Driver, ExpectedStack, Source, Toolchain};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The sample's committed binary.
pub const SAMPLE: &[u8] = include_bytes!("../../../ntpool/sample/sample.sys");

/// What a run of the command left.
#[derive(Debug)]
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// The command, with nothing on its standard input and nothing of the caller's taste in its environment.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ntpool"));
    command.stdin(Stdio::null());
    for taste in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(taste);
    }
    command
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Run {
    let Output { status, stdout, stderr } = command.output().expect("the command starts");
    let run = Run {
        status: status.code().unwrap_or_else(|| panic!("the command died: {status}")),
        stdout: String::from_utf8(stdout).expect("the standard output is text"),
        stderr: String::from_utf8(stderr).expect("the standard error is text"),
    };
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    run
}

/// Runs the command with these arguments.
pub fn ntpool<I: IntoIterator<Item: AsRef<OsStr>>>(arguments: I) -> Run {
    finish(command().args(arguments))
}

/// Runs a driver with these options; the command's run and the JSON it wrote.
pub fn run_json<I: IntoIterator<Item: AsRef<OsStr>>>(driver: Option<&Path>, options: I) -> (Run, String) {
    let run = finish(command().args(["run", "--quiet", "--report", "json=-"]).args(driver).args(options));
    let json = run.stdout.clone();
    (run, json)
}

/// The same, read back.
pub fn run_driver(path: &Path) -> (Run, Outcome) {
    let (run, json) = run_json(Some(path), ["--seed", "1"]);
    let outcome = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error} in {run:?}"));
    (run, outcome)
}

/// A temporary folder, removed when the test is over.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The text of a path that has nothing unusual in it.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path of a test is text")
}

/// A driver of the repository.
pub fn driver(name: &str) -> Driver {
    Driver::read(&ntpool_drivers::folder().join(name)).unwrap_or_else(|error| panic!("{error}"))
}

/// Builds a driver with mingw into a folder.
pub fn build(source: &Source, into: &Path) -> PathBuf {
    ntpool_drivers::build(source, Toolchain::Mingw, into).unwrap_or_else(|error| panic!("{error}"))
}

/// Builds a crime of the repository.
pub fn crime(name: &str, into: &Path) -> PathBuf {
    build(&driver(name).source(), into)
}

/// Builds the innocent twin of a crime of the repository.
pub fn twin(name: &str, into: &Path) -> PathBuf {
    build(&driver(name).twin().expect("the driver has a twin"), into)
}

/// Builds a driver that prints what it sees, and calls it so that it looks at everything.
pub fn observer(name: &str, into: &Path) -> PathBuf {
    observer_in(name, "observe", into)
}

/// The same, called so that it plays one of its cases.
pub fn observer_in(name: &str, case: &str, into: &Path) -> PathBuf {
    let built = build(&Source::observer(name).expect("its files"), into);
    let place = into.join(name);
    std::fs::create_dir_all(&place).expect("a folder");
    let named = place.join(format!("{case}.sys"));
    std::fs::copy(built, &named).expect("a copy");
    named
}

/// Builds a driver with a race, or its twin.
pub fn race(name: &str, into: &Path) -> PathBuf {
    build(&Source::race(name), into)
}

/// Builds a driver of these tests' own: `tests/drivers/NAME.c`.
pub fn own(name: &str, into: &Path) -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drivers").join(format!("{name}.c"));
    // The compiler runs where the headers are within its reach.
    let dir = ntpool_drivers::folder().join("support");
    let files = vec![text(&file).to_owned(), "cookie.c".to_owned()];
    build(&Source { name: name.to_owned(), dir, files }, into)
}

/// A driver that calls a routine which no kernel has.
pub fn caller_of_nobody(into: &Path) -> PathBuf {
    let path = own("caller", into);
    let mut image = std::fs::read(&path).expect("the image");
    let known = b"KeBugCheck\0";
    let at = image.windows(known.len()).position(|bytes| bytes == known).expect("the import's name");
    image[at..at + NOBODY.len()].copy_from_slice(NOBODY.as_bytes());
    std::fs::write(&path, image).expect("writable");
    path
}

/// The name under which [`caller_of_nobody`] imports that routine.
pub const NOBODY: &str = "NoSuchName";

/// The one finding of a rule.
pub fn finding<'a>(outcome: &'a Outcome, rule: &str) -> &'a Finding {
    let mut findings = outcome.findings.iter().filter(|finding| finding.rule == rule);
    match (findings.next(), findings.next()) {
        (Some(finding), None) => finding,
        _ => panic!("not one {rule} in {outcome:#?}"),
    }
}

/// Asserts that a finding has a stack whose innermost known frame is where it is expected.
pub fn assert_stack(finding: &Finding, expected: &ExpectedStack) {
    let stack = finding.stacks.iter().find(|stack| stack.role == expected.role);
    let stack = stack.unwrap_or_else(|| panic!("no {} stack in {finding:#?}", role(expected.role)));
    let place = (expected.function.clone(), expected.place.file.clone(), expected.place.line);
    assert_eq!(innermost(stack), Some(place), "{} of {}", role(expected.role), finding.rule);
}

/// A function, a file without its folders, and a line.
pub type Place = (String, String, u32);

/// The place of the innermost frame that has one.
pub fn innermost(stack: &Stack) -> Option<Place> {
    stack.frames.iter().find_map(|frame| {
        let file = frame.file.as_deref()?.rsplit(['/', '\\']).next()?;
        Some((frame.function.clone()?, file.to_owned(), frame.line?))
    })
}

/// A role as a report's row begins.
pub fn role(role: Role) -> &'static str {
    match role {
        Role::Allocated => "allocated",
        Role::Freed => "freed",
        Role::At => "at",
        Role::Again => "again",
        Role::Created => "created",
    }
}
