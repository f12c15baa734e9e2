//! A sign of life for runs that take longer than a moment.

use ntpool::Phase;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// When the first sign is given.
const FIRST: Duration = Duration::from_secs(2);

/// Says on the standard error what a long run is doing: on a terminal in one line that is kept up to date, elsewhere
/// once.
#[derive(Debug)]
pub struct Progress {
    driver: String,
    terminal: bool,
    quiet: bool,
    shown: Option<u64>,
}

impl Progress {
    pub fn new(driver: &str, quiet: bool) -> Progress {
        Progress { driver: driver.to_owned(), terminal: std::io::stderr().is_terminal(), quiet, shown: None }
    }

    /// Takes note that the driver is still running.
    pub fn update(&mut self, phase: Phase, elapsed: Duration) {
        let seconds = elapsed.as_secs();
        if self.quiet
            || elapsed < FIRST
            || self.shown == Some(seconds)
            || (self.shown.is_some() && !self.terminal)
        {
            return;
        }
        let doing = match phase {
            Phase::Load => "is being loaded",
            Phase::DriverEntry => "is in DriverEntry",
            Phase::Unload => "is in its unload routine",
            Phase::Idle => "goes on by itself",
            Phase::SystemThread => "is in a thread of its own",
            Phase::WorkItem => "is in a work item",
            Phase::Dpc => "is in a deferred procedure call",
            Phase::Interrupt => "is in an interrupt",
            Phase::AfterUnload => "is being looked at after its unload",
        };
        self.show(seconds, &format!("{} {doing} since {seconds} s", self.driver));
    }

    /// Takes note of how far a search has come.
    pub fn search(&mut self, done: u64, of: Option<u64>, elapsed: Duration) {
        let seconds = elapsed.as_secs();
        if self.quiet
            || elapsed < FIRST
            || self.shown == Some(seconds)
            || (!self.terminal && !seconds.is_multiple_of(10))
        {
            return;
        }
        let line = match of {
            Some(of) => format!("{}: {done} of {of} schedules tried", self.driver),
            None => format!("{}: leaving switches out, run {done}", self.driver),
        };
        self.show(seconds, &line);
    }

    fn show(&mut self, seconds: u64, line: &str) {
        self.shown = Some(seconds);
        let mut out = std::io::stderr().lock();
        // A terminal that went away is no reason to stop.
        let _ = match self.terminal {
            true => write!(out, "\r\x1b[K{line}"),
            false => writeln!(out, "{line}"),
        };
        let _ = out.flush();
    }

    /// Takes the line off the screen.
    pub fn clear(&mut self) {
        if self.terminal && self.shown.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
