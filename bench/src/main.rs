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
use ntpool_bench_workloads::catalogue::{self, NO_STD};
use results::{Part, Results};
use std::fs;
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
        list();
        return Ok(());
    }
    let results = match &arguments.load {
        Some(path) => load(path)?,
        None => measure(arguments)?,
    };
    print!("{}", table::tables(&results));
    if arguments.page {
        write_page(arguments, &results)?;
    }
    Ok(())
}

fn list() {
    println!("peers: {}", peers::names().join(" "));
    println!("workloads:");
    for name in catalogue::malloc() {
        println!("  {name}");
    }
    for name in catalogue::no_std() {
        println!("  {NO_STD}{name}");
    }
    println!("workloads for --extra:");
    for name in catalogue::malloc_extra() {
        println!("  {name}");
    }
}

/// The workloads that are asked for.
fn workloads(arguments: &Arguments) -> Result<Vec<String>, Error> {
    let malloc = if arguments.no_std { Vec::new() } else { catalogue::malloc() };
    let no_std = catalogue::no_std().into_iter().map(|name| format!("{NO_STD}{name}"));
    let mut names: Vec<String> =
        malloc.into_iter().chain(no_std).filter(|name| arguments.workloads.is_match(name)).collect();
    names.extend(arguments.extra.iter().cloned());
    if names.is_empty() {
        return Err(Error::NothingToRun(arguments.workloads.to_string()));
    }
    Ok(names)
}

fn measure(arguments: &Arguments) -> Result<Results, Error> {
    let workloads = workloads(arguments)?;
    let mut runnables = Vec::new();
    if workloads.iter().any(|name| Part::of(name) == Part::Malloc) {
        runnables.extend(subject::malloc(arguments)?);
    }
    if workloads.iter().any(|name| Part::of(name) == Part::NoStd) {
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
