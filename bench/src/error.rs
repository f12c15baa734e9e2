//! What can go wrong, and the way out.

use std::path::PathBuf;
use std::{fmt, io};

/// Why there is no result.
#[derive(Debug)]
pub enum Error {
    /// A name that nobody has.
    Unknown {
        /// What should have it.
        what: &'static str,
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// No workload fits the pattern.
    NothingToRun(String),
    /// A peer's library is not there.
    Missing {
        /// The peer.
        peer: String,
        /// Its file.
        file: String,
        /// How to get it.
        way_out: String,
    },
    /// Something could not be built.
    Build {
        /// What.
        what: String,
        /// What it may need.
        way_out: String,
    },
    /// The allocation functions of a process are not the library's that was preloaded.
    NotBound {
        /// Whose library.
        subject: String,
        /// The function.
        function: String,
        /// Where it comes from instead.
        from: String,
    },
    /// A run failed.
    Run {
        /// Of whom.
        subject: String,
        /// In which workload.
        workload: String,
        /// How.
        how: String,
    },
    /// A program could not be started.
    Start {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A file can't be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The standard output can't be written to.
    Output(io::Error),
    /// A file that was saved can't be understood.
    Results {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A page has one of the two marks only.
    Marks {
        /// Which page.
        path: PathBuf,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unknown { what, name, known } => {
                write!(f, "no {what} `{name}`; there are {}", known.join(", "))
            }
            Error::NothingToRun(pattern) => write!(f, "no workload fits `{pattern}`; --list has their names"),
            Error::Missing { peer, file, way_out } => write!(
                f,
                "the peer {peer} is not there: no {file}; {way_out}, give a library with --peer {peer}=PATH, or choose \
                 others with --peers"
            ),
            Error::Build { what, way_out } => write!(f, "{what} could not be built; {way_out}"),
            Error::NotBound { subject, function, from } => write!(
                f,
                "{subject} does not serve `{function}`, which comes from {from}: the library was not preloaded, or does \
                 not export the function"
            ),
            Error::Run { subject, workload, how } => write!(
                f,
                "{subject} failed in {workload}: {how}; leave out the one with --peers or the other with --workloads"
            ),
            Error::Start { program, source } => write!(f, "{program} can't be started: {source}"),
            Error::File { path, source } => write!(f, "{}: {source}", path.display()),
            Error::Output(source) => write!(f, "the standard output can't be written to: {source}"),
            Error::Results { path, source } => {
                write!(f, "{} is not a file of --save: {source}", path.display())
            }
            Error::Marks { path } => write!(
                f,
                "{} has only one of the two marks that the section lies between: mend or remove it",
                path.display()
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Start { source, .. } | Error::File { source, .. } | Error::Output(source) => Some(source),
            Error::Results { source, .. } => Some(source),
            _ => None,
        }
    }
}
