//! Measures the pool against other allocators: see the README beside this crate's manifest.
//!
//! ```text
//! arguments   what is asked for
//! subject     who is measured: peers, found or built (builder), and ours
//! measure     the rounds, each run a process (process)
//! results     what came out; goals, table, page and chart show it
//! ```

mod arguments;
mod builder;
mod chart;
mod error;
mod goals;
mod machine;
mod measure;
mod page;
mod peers;
mod process;
mod results;
mod subject;
mod table;

use arguments::Arguments;
use clap::Parser;
use error::Error;
use measure::Progress;
use ntpool_bench_workloads::catalogue;
use results::{Part, Results};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

const PAGE: &str = "performance.md";
const CHART: &str = "performance-malloc.svg";

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    if arguments.list {
        return print(&list());
    }
    let results = match &arguments.load {
        Some(path) => load(path)?,
        None => measure(arguments)?,
    };
    print(&table::tables(&results))?;
    if arguments.page {
        write_page(arguments, &results)?;
    }
    Ok(())
}

/// Writes to the standard output; who closed it has read enough.
fn print(text: &str) -> Result<(), Error> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(source)),
        _ => Ok(()),
    }
}

/// The names of peers and workloads.
fn list() -> String {
    let mut text = format!("peers: {}\n", peers::names().join(" "));
    for (title, names) in
        [("workloads", catalogue::all()), ("workloads for --extra", catalogue::malloc_extra())]
    {
        let _ = writeln!(text, "{title}:");
        for name in names {
            let _ = writeln!(text, "  {name}");
        }
    }
    text
}

/// The workloads that are asked for.
fn workloads(arguments: &Arguments) -> Result<Vec<String>, Error> {
    let wanted = |name: &String| {
        let part = Part::of(name);
        // A library that is given can't be built again in another way.
        let possible = arguments.ours.is_none() || !matches!(part, Part::Counted | Part::Checked);
        arguments.workloads.is_match(name) && possible && (part == Part::NoStd || !arguments.no_std)
    };
    let mut names: Vec<String> = catalogue::all().into_iter().filter(wanted).collect();
    names.extend(arguments.extra.iter().cloned());
    if names.is_empty() {
        return Err(Error::NothingToRun(arguments.workloads.to_string()));
    }
    Ok(names)
}

fn measure(arguments: &Arguments) -> Result<Results, Error> {
    let workloads = workloads(arguments)?;
    subject::check_names(arguments)?;
    let mut runnables = Vec::new();
    let (no_std, malloc): (Vec<Part>, Vec<Part>) = Part::ALL
        .into_iter()
        .filter(|&part| workloads.iter().any(|name| Part::of(name) == part))
        .partition(|&part| part == Part::NoStd);
    if !malloc.is_empty() {
        runnables.extend(subject::malloc(arguments, &malloc)?);
    }
    if !no_std.is_empty() {
        runnables.extend(subject::no_std(arguments)?);
    }
    let mut results = Results {
        date: machine::today(),
        rounds: 0,
        machine: machine::machine(),
        subjects: runnables.iter().map(|runnable| runnable.subject.clone()).collect(),
        figures: Vec::new(),
    };
    let rounds = usize::from(arguments.rounds);
    let limit = Duration::from_secs(arguments.timeout);
    let mut progress = Progress::new(rounds, workloads.len());
    for round in 0..rounds {
        let outcome = measure::round(&mut results, round, &workloads, &runnables, limit, &mut progress);
        if outcome.is_err() {
            progress.end();
        }
        outcome?;
        if let Some(path) = &arguments.save {
            save(path, &results)?;
        }
    }
    progress.end();
    Ok(results)
}

fn save(path: &Path, results: &Results) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(results)
        .map_err(|source| Error::Results { path: path.to_owned(), source })?;
    write(path, &(text + "\n"))
}

fn load(path: &Path) -> Result<Results, Error> {
    serde_json::from_str(&read(path)?).map_err(|source| Error::Results { path: path.to_owned(), source })
}

fn write_page(arguments: &Arguments, results: &Results) -> Result<(), Error> {
    let folder = arguments.docs.clone().unwrap_or_else(|| builder::project().join("docs"));
    let path = folder.join(PAGE);
    let section = page::section(results, CHART);
    let page = page::with_section(&read(&path)?, &section).ok_or(Error::Marks { path: path.clone() })?;
    write(&folder.join(CHART), &chart::chart(results))?;
    write(&path, &page)?;
    eprintln!("wrote {PAGE} and {CHART}");
    Ok(())
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|source| Error::File { path: path.to_owned(), source })
}
