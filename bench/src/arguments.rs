//! The command line.

use clap::Parser;
use std::path::PathBuf;
use std::str::FromStr;

/// Measures the pool against other allocators: as a process's malloc, brought in with LD_PRELOAD, and as the heap of a
/// kernel in an arena.
///
/// Builds the project's library and the peers, runs every workload under every allocator in processes of their own, in an
/// order that changes from round to round, and prints medians, ratios to the best peer, and which of the project's goals were
/// met. A goal that is missed is not an error: timings decide nothing. All of it, with five rounds, takes about a quarter of
/// an hour.
#[derive(Debug, Parser)]
#[command(name = "ntpool-bench", version)]
pub struct Arguments {
    /// How often every workload is run under every allocator.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: u16,

    /// Only the workloads that this regular expression fits somewhere, such as `^pair/calloc` or `^no-std/`.
    #[arg(short, long, value_name = "REGEX", default_value = "")]
    pub workloads: regex::Regex,

    /// Only the second part: heaps for kernels.
    #[arg(long)]
    pub no_std: bool,

    /// One more workload, one that is not run unless asked for; may be given again. --list has them.
    #[arg(long, value_name = "WORKLOAD")]
    pub extra: Vec<String>,

    /// Only these peers, with commas between; --list has their names.
    #[arg(short, long, value_name = "NAMES", value_delimiter = ',')]
    pub peers: Option<Vec<String>>,

    /// One more library as a peer, or another library for a known one, with environment variables for its runs; may be given
    /// again.
    #[arg(long, value_name = "NAME=PATH[,VARIABLE=VALUE]...")]
    pub peer: Vec<ExtraPeer>,

    /// This library as ours, instead of building the project's. What needs other builds of ours is left out: `counted/` and
    /// `checked/`.
    #[arg(long, value_name = "PATH")]
    pub ours: Option<PathBuf>,

    /// Also the yardstick: about the least that a pair can cost. It is no peer.
    #[arg(long)]
    pub floor: bool,

    /// Writes every figure of every run to a file, after each round.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Takes the figures from a file that --save wrote, and runs nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["save", "ours", "peers", "peer", "floor", "workloads", "extra", "no_std"])]
    pub load: Option<PathBuf>,

    /// Writes tables and chart into the documentation: the section "The pool as malloc" of performance.md, and
    /// performance-malloc.svg beside it.
    #[arg(long)]
    pub page: bool,

    /// Where --page writes [default: the project's docs].
    #[arg(long, value_name = "FOLDER", requires = "page")]
    pub docs: Option<PathBuf>,

    /// How long one run may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub timeout: u64,

    /// Prints the names of peers and workloads, and runs nothing.
    #[arg(long)]
    pub list: bool,
}

/// A library that the command line names as a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraPeer {
    /// Its name in the tables.
    pub name: String,
    /// The library.
    pub path: PathBuf,
    /// What its runs find in their environment.
    pub environment: Vec<(String, String)>,
}

impl FromStr for ExtraPeer {
    type Err = String;

    fn from_str(text: &str) -> Result<ExtraPeer, String> {
        let form = || format!("`{text}` is not NAME=PATH[,VARIABLE=VALUE]...");
        let (name, rest) = text.split_once('=').ok_or_else(form)?;
        let mut parts = rest.split(',');
        let path = parts.next().filter(|path| !path.is_empty()).ok_or_else(form)?;
        let environment = parts
            .map(|part| {
                part.split_once('=').map(|(name, value)| (name.into(), value.into())).ok_or_else(form)
            })
            .collect::<Result<_, _>>()?;
        if name.is_empty() {
            return Err(form());
        }
        Ok(ExtraPeer { name: name.into(), path: path.into(), environment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_peer_may_bring_its_environment() {
        let peer: ExtraPeer = "gtc=lib/gtc.so,A=b,C=d=e".parse().expect("a peer");
        assert_eq!((peer.name.as_str(), peer.path.as_os_str().to_str()), ("gtc", Some("lib/gtc.so")));
        assert_eq!(peer.environment, [("A".into(), "b".into()), ("C".into(), "d=e".into())]);
        for wrong in ["gtc", "=lib.so", "gtc=", "gtc=lib.so,A"] {
            assert!(wrong.parse::<ExtraPeer>().is_err(), "{wrong}");
        }
    }
}
