//! A driver that prints what it sees, and what it saw.

use ntpool::{Driver, Finding, Hex, Machine, Outcome};
use ntpool_drivers::{Source, Toolchain};
use std::path::Path;
use std::sync::OnceLock;

/// A driver of `drivers/rows/`, built when it is first run.
pub struct Observer {
    name: &'static str,
    toolchain: Toolchain,
    image: OnceLock<Vec<u8>>,
}

impl Observer {
    /// The driver in `NAME.c`.
    pub const fn new(name: &'static str) -> Observer {
        Observer::built_with(name, Toolchain::Mingw)
    }

    /// The same, built with this toolchain.
    pub const fn built_with(name: &'static str, toolchain: Toolchain) -> Observer {
        Observer { name, toolchain, image: OnceLock::new() }
    }

    /// Runs the driver on the ordinary machine, loaded as `CASE.sys`.
    pub fn run(&self, case: &str) -> Observed {
        self.run_on(&Machine::new(), case)
    }

    /// The same on this machine.
    pub fn run_on(&self, machine: &Machine, case: &str) -> Observed {
        let image = self.image.get_or_init(|| self.build());
        let driver = Driver::from_bytes(&format!("{case}.sys"), image.clone(), None).expect("an image");
        let outcome = machine.run(&driver).expect("a run");
        let printed = outcome.debug_output.iter().map(|line| line.text.as_str()).collect();
        Observed { outcome, printed }
    }

    fn build(&self) -> Vec<u8> {
        let source = Source::observer(self.name).unwrap_or_else(|error| panic!("{error}"));
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rows");
        let built = ntpool_drivers::build(&source, self.toolchain, &out);
        std::fs::read(built.unwrap_or_else(|error| panic!("{error}"))).expect("the image that was built")
    }
}

/// What a run of a driver showed.
pub struct Observed {
    pub outcome: Outcome,
    /// All that it printed; a line may be printed in parts.
    pub printed: String,
}

impl Observed {
    /// What the driver printed about `subject`, without the line end.
    #[track_caller]
    pub fn line(&self, subject: &str) -> &str {
        let start = format!("{subject}: ");
        let lines: Vec<&str> = self.printed.lines().filter_map(|line| line.strip_prefix(&start)).collect();
        match lines[..] {
            [line] => line,
            _ => panic!("{} lines about {subject}: {:#?}", lines.len(), self.outcome),
        }
    }

    /// Whether the driver printed anything about `subject`.
    pub fn told_of(&self, subject: &str) -> bool {
        let start = format!("{subject}: ");
        self.printed.lines().any(|line| line.starts_with(&start))
    }

    /// The rules that the driver broke, in order.
    pub fn rules(&self) -> Vec<&str> {
        self.outcome.findings.iter().map(|finding| finding.rule.as_str()).collect()
    }

    /// The one finding of the run.
    #[track_caller]
    pub fn finding(&self) -> &Finding {
        match &self.outcome.findings[..] {
            [finding] => finding,
            findings => panic!("{} findings: {:#?}", findings.len(), self.outcome),
        }
    }

    /// The one finding of this rule.
    #[track_caller]
    pub fn finding_of(&self, rule: &str) -> &Finding {
        let found: Vec<&Finding> =
            self.outcome.findings.iter().filter(|finding| finding.rule == rule).collect();
        match found[..] {
            [finding] => finding,
            _ => panic!("{} findings of {rule}: {:#?}", found.len(), self.outcome),
        }
    }

    /// Allocations, frees and bytes left under a tag, in one kind of pool.
    pub fn tag(&self, tag: &str, kind: &str) -> Option<(u64, u64, u64)> {
        let row = self.outcome.tags.iter().find(|row| row.tag == tag && row.kind == kind)?;
        Some((row.allocations, row.frees, row.bytes))
    }
}

/// The status of the exception that nobody handled.
#[track_caller]
pub fn unhandled_status(observed: &Observed) -> u32 {
    let finding = observed.finding();
    assert_eq!(finding.rule, "driver.unhandled-exception");
    // The parameter is the status extended by its sign.
    bug_check(finding).1[0] as u32
}

/// The bug check that Windows would make, and its parameters.
#[track_caller]
pub fn bug_check(finding: &Finding) -> (u64, [u64; 4]) {
    match (finding.bug_check, finding.parameters) {
        (Some(Hex(code)), Some(parameters)) => (code, parameters.map(|Hex(value)| value)),
        _ => panic!("no bug check: {finding:#?}"),
    }
}
