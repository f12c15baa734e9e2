//! What a driver is expected to be told: the reader of `expected.toml`.
//!
//! A key that the reader does not know is an error, and so is a mark that is not in the sources exactly once: an
//! expectation that silently expects nothing would let a regression through.

use crate::mark::{Place, collect_marks};
use ntpool_finding::{Phase, Role};
use ntpool_types::Rule;
use serde::Deserialize;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How DriverEntry of the driver (not of its twin) ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// It returns a status that keeps the driver loaded.
    Success,
    /// It returns a status that unloads the driver.
    Failure,
    /// It never returns: a hard finding ends the run.
    NoReturn,
}

/// Everything a run of the driver is expected to report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What the driver does, in a sentence.
    pub about: String,
    /// How DriverEntry ends.
    pub entry: Entry,
    /// The findings, in the order in which they are made; those of leaked blocks may come in any order.
    pub findings: Vec<ExpectedFinding>,
}

/// A finding that is expected; what is `None` here may be anything there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedFinding {
    /// The rule that is broken.
    pub rule: Rule,
    /// The bug check's code.
    pub bug_check: Option<u32>,
    /// The bug check's first parameter.
    pub parameter1: Option<u64>,
    /// All four parameters of the bug check.
    pub parameters: Option<[u64; 4]>,
    /// The block's tag, in the order tools show it.
    pub tag: Option<String>,
    /// The bytes that were asked for.
    pub size: Option<u64>,
    /// How often it happened.
    pub count: Option<u64>,
    /// What the driver was doing.
    pub phase: Option<Phase>,
    /// Words that its message has.
    pub says: Vec<String>,
    /// The stacks, in their order.
    pub stacks: Vec<ExpectedStack>,
}

/// A stack that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedStack {
    /// What the stack shows.
    pub role: Role,
    /// The function of the innermost frame that lies in the driver.
    pub function: String,
    /// The name of the line on which that frame is.
    pub mark: String,
    /// The line itself.
    pub place: Place,
}

/// Why a driver's folder or its expectation could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// A file could not be read.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The expectation is not of the form this reader knows.
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
    /// A mark is not in the sources exactly once.
    Mark {
        /// The driver's folder.
        dir: PathBuf,
        /// The mark.
        mark: String,
        /// How often it is there.
        count: usize,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io { path, source } => write!(f, "{} could not be read: {source}", path.display()),
            ReadError::Form { path, message } => {
                write!(f, "{} is not an expectation: {message}", path.display())
            }
            ReadError::Mark { dir, mark, count } => write!(
                f,
                "mark {mark} is {count} times in the sources of {}; end exactly one line with /* MARK: {mark} */",
                dir.display()
            ),
        }
    }
}

impl std::error::Error for ReadError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    entry: Entry,
    /// The rows of the specification that the driver's run holds; the table of coverage is made from them.
    #[serde(default)]
    #[expect(dead_code, reason = "read by the gate that makes the table of coverage")]
    rows: Vec<String>,
    #[serde(default)]
    finding: Vec<FindingTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindingTable {
    rule: String,
    bug_check: Option<u32>,
    parameter1: Option<u64>,
    parameters: Option<[u64; 4]>,
    tag: Option<String>,
    size: Option<u64>,
    count: Option<u64>,
    phase: Option<Phase>,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    stacks: Vec<StackTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StackTable {
    role: Role,
    function: String,
    mark: String,
}

impl Expected {
    /// Reads `expected.toml` in `dir` and resolves its marks in `files`.
    pub(crate) fn read(dir: &Path, files: &[String]) -> Result<Expected, ReadError> {
        let path = dir.join("expected.toml");
        let text =
            fs::read_to_string(&path).map_err(|source| ReadError::Io { path: path.clone(), source })?;
        let file: File = toml::from_str(&text)
            .map_err(|error| ReadError::Form { path: path.clone(), message: error.to_string() })?;
        let marks =
            collect_marks(dir, files).map_err(|source| ReadError::Io { path: dir.to_owned(), source })?;
        let findings =
            file.finding.into_iter().map(|table| table.resolve(dir, &marks)).collect::<Result<_, _>>()?;
        Ok(Expected { about: file.about, entry: file.entry, findings })
    }
}

impl FindingTable {
    fn resolve(self, dir: &Path, marks: &[(String, Place)]) -> Result<ExpectedFinding, ReadError> {
        let rule = Rule::from_id(&self.rule).ok_or_else(|| ReadError::Form {
            path: dir.join("expected.toml"),
            message: format!("there is no rule `{}`", self.rule),
        })?;
        let stacks =
            self.stacks.into_iter().map(|table| table.resolve(dir, marks)).collect::<Result<_, _>>()?;
        Ok(ExpectedFinding {
            rule,
            bug_check: self.bug_check,
            parameter1: self.parameter1,
            parameters: self.parameters,
            tag: self.tag,
            size: self.size,
            count: self.count,
            phase: self.phase,
            says: self.says,
            stacks,
        })
    }
}

impl StackTable {
    fn resolve(self, dir: &Path, marks: &[(String, Place)]) -> Result<ExpectedStack, ReadError> {
        let mut places = marks.iter().filter(|(name, _)| *name == self.mark).map(|(_, place)| place);
        match (places.next(), places.count()) {
            (Some(place), 0) => Ok(ExpectedStack {
                role: self.role,
                function: self.function,
                mark: self.mark,
                place: place.clone(),
            }),
            (first, more) => Err(ReadError::Mark {
                dir: dir.to_owned(),
                mark: self.mark,
                count: usize::from(first.is_some()) + more,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(expectation: &str, source: &str) -> Result<Expected, ReadError> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::write(dir.path().join("expected.toml"), expectation).expect("writable");
        fs::write(dir.path().join("driver.c"), source).expect("writable");
        Expected::read(dir.path(), &["driver.c".to_owned()])
    }

    const HEAD: &str = "about = \"x\"\nentry = \"success\"\n[[finding]]\nrule = \"pool.leak\"\n";
    const STACK: &str = "stacks = [{ role = \"at\", function = \"f\", mark = \"HERE\" }]\n";

    #[test]
    fn a_mark_becomes_its_file_and_line() {
        let expected = read(&format!("{HEAD}{STACK}"), "a\nb /* MARK: HERE */\n").expect("well formed");
        let place = &expected.findings[0].stacks[0].place;
        assert_eq!(place, &Place { file: "driver.c".to_owned(), line: 2 });
        assert_eq!(expected.findings[0].rule, Rule::PoolLeak);
    }

    #[test]
    fn a_mark_that_is_missing_or_there_twice_is_an_error() {
        for (source, times) in [("nothing", 0), ("/* MARK: HERE */\n/* MARK: HERE */", 2)] {
            match read(&format!("{HEAD}{STACK}"), source) {
                Err(ReadError::Mark { count, .. }) => assert_eq!(count, times),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_unknown_key_rule_or_role_is_an_error() {
        for wrong in [
            format!("{HEAD}parameter2 = 1\n"),
            HEAD.replace("pool.leak", "pool.leek"),
            format!("{HEAD}{}", STACK.replace("\"at\"", "\"near\"")),
        ] {
            let error = read(&wrong, "/* MARK: HERE */").expect_err("refused");
            assert!(matches!(error, ReadError::Form { .. }), "{error}");
        }
    }
}
