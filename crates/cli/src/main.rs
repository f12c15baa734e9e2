//! The `ntpool` command: arguments and screens, nothing else.
#![forbid(unsafe_code)]

mod arguments;
mod imports;
mod progress;
mod run;
mod size;

use arguments::{Arguments, Command};
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

/// The exit status for a command line, a file or an output that can't be used.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Some(Command::Run(options)) => run::run(&options),
        Some(Command::Imports(options)) => imports::imports(&options),
        None => run::run(&arguments::RunOptions::default()),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(message) => {
            say(&format!("ntpool: {message}"));
            ExitCode::from(UNUSABLE)
        }
    }
}

/// Writes a line to the standard error. Whoever closed it does not want to know, and that is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
