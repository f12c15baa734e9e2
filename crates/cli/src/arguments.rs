//! The command line.

use crate::size::parse_memory;
use clap::{Args, Parser, Subcommand, ValueEnum};
use ntpool::{Schedule, TagPolicy, WindowsVersion};
use ntpool_report::Format;
use ntpool_types::Bytes;
use std::path::PathBuf;
use std::str::FromStr;

/// Run unmodified Windows drivers on Linux and learn what they do wrong with memory.
///
/// A driver (an x64 .sys file) is loaded and run natively: DriverEntry, then its unload routine, on a faithful kernel
/// pool. Whatever it does wrong is reported with the bug check that Windows would make, the stacks that explain it, and
/// the command that repeats it.
///
/// Without a command, the sample driver that ntpool brings along is run.
#[derive(Debug, Parser)]
#[command(name = "ntpool", version, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a driver and report what it does wrong.
    Run(RunOptions),
    /// List every routine that a driver imports, with how well it is served here.
    Imports(ImportsOptions),
}

/// How to run a driver.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status: 0 nothing was found; 1 something was found; 2 the command line or the image cannot be used; \
3 the host's limit was reached or nothing was exercised (an import that is not there was called, DriverEntry failed). \
1 wins over 3.

The same driver, seed and options give the same report, byte for byte; only where a time limit ended the driver, or the \
driver damaged the process it ran in, may the place differ.")]
pub struct RunOptions {
    /// The driver to run, an x64 .sys file; without one, the embedded sample. Debug information is taken from the image
    /// (DWARF) or from the .pdb beside it.
    #[arg(value_name = "DRIVER.sys")]
    pub driver: Option<PathBuf>,

    /// What everything arbitrary is derived from: the contents of uninitialized memory, the stack cookie, who goes on where
    /// more than one thread can, how long the driver is left alone before it is unloaded.
    #[arg(long, value_name = "NUMBER", default_value_t = ntpool::DEFAULT_SEED)]
    pub seed: u64,

    /// How many processors the machine has.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=i64::from(ntpool::MOST_PROCESSORS)),
          default_value_t = ntpool::DEFAULT_PROCESSORS)]
    pub processors: u32,

    /// Who goes on where more than one thread can: random (by the seed), pct or pct:DEPTH:CHOICES (random priorities with
    /// few changes), round-robin or round-robin:CHOICES (in turns; the seed decides how long the first one is, and where CHOICES
    /// is left out, the others), or at:STEP=PROCESSOR.THREAD,... (nobody is interrupted but at these steps, as a report gives
    /// them).
    #[arg(long, value_name = "SCHEDULE", default_value_t)]
    pub schedule: Schedule,

    /// Let the processors really run at the same time, each as a thread of Linux. What such a run finds can't be repeated.
    #[arg(long, conflicts_with_all = ["schedule", "schedules"])]
    pub free_running: bool,

    /// Try so many schedules, one for each seed from --seed on, until one shows a mistake that the driver does not make
    /// under every schedule. That run is reported, with as few switches between threads as bring the mistake about.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub schedules: Option<u64>,

    /// The machine's memory, from 16M to 32G.
    #[arg(long, value_name = "SIZE", value_parser = parse_memory, default_value = "256M")]
    pub memory: Bytes,

    /// How many seconds the driver may run before it counts as an endless loop.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400),
          default_value_t = ntpool::DEFAULT_TIMEOUT.as_secs())]
    pub timeout: u64,

    /// The version of Windows that the machine is: 7, 8, 10-1909 or 10. It decides which routines are there and which
    /// pool types and flags are known.
    #[arg(long, value_name = "VERSION", value_parser = parse_windows, default_value = "10")]
    pub windows: WindowsVersion,

    /// Which frees with another tag than the block's are found: always, or only those of blocks with a protected tag.
    #[arg(long, value_name = "WHEN", default_value = "always")]
    pub tag_mismatch: TagMismatch,

    /// Write what the driver prints for a debugger to this file as it comes; `-` is the standard output.
    #[arg(long, value_name = "FILE")]
    pub debug_output: Option<PathBuf>,

    /// Write the report in this format (text, json) to this file as well. With `-` for the file it goes to the standard
    /// output, in place of the report that is shown otherwise. May be given several times.
    #[arg(long, value_name = "FORMAT=PATH")]
    pub report: Vec<ReportTarget>,

    /// Do not print the report: only the exit status and the files of --report tell.
    #[arg(long, short)]
    pub quiet: bool,
}

impl Default for RunOptions {
    fn default() -> RunOptions {
        RunOptions {
            driver: None,
            seed: ntpool::DEFAULT_SEED,
            processors: ntpool::DEFAULT_PROCESSORS,
            schedule: Schedule::default(),
            free_running: false,
            schedules: None,
            memory: ntpool::DEFAULT_MEMORY,
            timeout: ntpool::DEFAULT_TIMEOUT.as_secs(),
            windows: WindowsVersion::WINDOWS_10,
            tag_mismatch: TagMismatch::Always,
            debug_output: None,
            report: Vec::new(),
            quiet: false,
        }
    }
}

fn parse_windows(name: &str) -> Result<WindowsVersion, String> {
    WindowsVersion::from_name(name).ok_or_else(|| {
        let known = WindowsVersion::ALL.map(|(name, _)| name).join(", ");
        format!("there is no machine for it; the versions are {known}")
    })
}

/// Which frees with another tag than the block's are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TagMismatch {
    /// Each one.
    Always,
    /// Those of blocks whose tag has the bit that older headers call PROTECTED_POOL.
    Protected,
}

impl TagMismatch {
    pub fn policy(self) -> TagPolicy {
        match self {
            TagMismatch::Always => TagPolicy::Always,
            TagMismatch::Protected => TagPolicy::OnlyProtected,
        }
    }
}

/// What to list.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status: 0 every import is served; 1 at least one is missing or refused; 2 the command line or the image cannot \
be used.")]
pub struct ImportsOptions {
    /// The driver, an x64 .sys file.
    #[arg(value_name = "DRIVER.sys")]
    pub driver: PathBuf,

    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// A report to be written to a file.
#[derive(Clone, Debug)]
pub struct ReportTarget {
    pub format: Format,
    pub path: PathBuf,
}

impl FromStr for ReportTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<ReportTarget, String> {
        let Some((format, path)) = text.split_once('=') else {
            return Err(format!("{text:?} has no '='; write FORMAT=PATH, for example json=report.json"));
        };
        let format = format.parse::<Format>().map_err(|error| error.to_string())?;
        if path.is_empty() {
            return Err(format!("{text:?} names no file; write FORMAT=PATH, for example json=report.json"));
        }
        Ok(ReportTarget { format, path: path.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn running_without_a_command_is_running_without_options() {
        let Some(Command::Run(options)) = Arguments::parse_from(["ntpool", "run"]).command else { panic!() };
        assert_eq!(format!("{options:?}"), format!("{:?}", RunOptions::default()));
    }
}
