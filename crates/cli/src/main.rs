//! The `ntpool` command: arguments and screens, nothing else.
#![forbid(unsafe_code)]

mod arguments;
mod imports;
mod progress;
mod run;
mod size;

use arguments::{Arguments, Command};
use clap::Parser;
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
            eprintln!("ntpool: {message}");
            ExitCode::from(UNUSABLE)
        }
    }
}
