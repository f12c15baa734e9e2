//! `ntpool run`.

use crate::arguments::RunOptions;
use crate::progress::Progress;
use ntpool::{Driver, Event, ExitStatus, HostError, Machine, Outcome};
use ntpool_report::{Format, Style, render};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The width of a report that goes where nobody tells a width.
const WIDTH: usize = 100;

/// Runs a driver and shows the report; the exit status.
pub fn run(options: &RunOptions) -> Result<u8, String> {
    let driver = match &options.driver {
        Some(path) => Driver::from_file(path).map_err(|error| error.to_string())?,
        None => Driver::sample(),
    };
    if driver.is_sample() && !options.quiet {
        crate::say("no driver was named: running the embedded sample, which has three planted faults");
    }
    // Everything that can be refused is refused before the driver runs.
    let mut debug_output = options.debug_output.as_deref().map(Output::create).transpose()?;
    let mut reports = options
        .report
        .iter()
        .map(|target| Output::create(&target.path).map(|output| (target.format, output)))
        .collect::<Result<Vec<_>, String>>()?;
    let (outcome, printed) = match watch(options, &driver, debug_output.as_mut()) {
        Ok(watched) => watched,
        Err(error) => {
            crate::say(&format!("ntpool: {error}"));
            return Ok(ExitStatus::Limit as u8);
        }
    };
    // One output that fails does not keep the report from the others.
    let mut results = vec![printed];
    for (format, output) in &mut reports {
        let text = render(&outcome, *format, Style { colour: false, width: WIDTH });
        results.push(output.write(text.as_bytes()));
    }
    // A report that was asked for on the standard output stands there alone, so that a program can read it.
    let taken = options.report.iter().any(|target| is_standard_output(&target.path));
    if !options.quiet && !taken {
        results.push(show(&outcome, options));
    }
    results.into_iter().collect::<Result<(), String>>()?;
    Ok(outcome.exit_status() as u8)
}

/// Runs the driver; the outcome, and whether what the driver printed could be written.
fn watch(
    options: &RunOptions,
    driver: &Driver,
    mut debug_output: Option<&mut Output>,
) -> Result<(Outcome, Result<(), String>), HostError> {
    let machine = Machine::new()
        .seed(options.seed)
        .processors(options.processors)
        .schedule(options.schedule.clone())
        .free_running(options.free_running)
        .memory(options.memory)
        .timeout(Duration::from_secs(options.timeout))
        .windows(options.windows)
        .tag_policy(options.tag_mismatch.policy());
    let mut progress = Progress::new(driver.name(), options.quiet);
    let mut printed = Ok(());
    let mut watcher = |event: Event<'_>| match event {
        Event::Searching { done, of, elapsed } => progress.search(done, of, elapsed),
        Event::Waiting { phase, elapsed } => progress.update(phase, elapsed),
        Event::Debug(line) => {
            if let Some(output) = &mut debug_output
                && printed.is_ok()
            {
                printed = output.write(line.text.as_bytes());
            }
        }
    };
    let outcome = match options.schedules {
        Some(count) => machine.search(driver, count, &mut watcher),
        None => machine.run_watched(driver, &mut watcher),
    };
    progress.clear();
    Ok((outcome?, printed))
}

fn show(outcome: &Outcome, options: &RunOptions) -> Result<(), String> {
    let colour =
        io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut text = render(outcome, Format::Text, Style { colour, width: WIDTH });
    let printed = outcome.debug_output.len();
    if printed > 0 && options.debug_output.is_none() {
        let s = if printed == 1 { "" } else { "s" };
        text.insert_str(
            0,
            &format!("(the driver printed {printed} debug line{s}; --debug-output - shows them)\n\n"),
        );
    }
    Output { name: "the standard output".into(), sink: Box::new(io::stdout()) }.write(text.as_bytes())
}

fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// Where something is written, with a name for messages.
struct Output {
    name: PathBuf,
    sink: Box<dyn Write>,
}

impl Output {
    /// The file at this path, created or emptied; `-` is the standard output.
    fn create(path: &Path) -> Result<Output, String> {
        if is_standard_output(path) {
            return Ok(Output { name: "the standard output".into(), sink: Box::new(io::stdout()) });
        }
        let file = File::create(path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(Output { name: path.to_owned(), sink: Box::new(file) })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        match self.sink.write_all(bytes).and_then(|()| self.sink.flush()) {
            // Whoever closed the pipe has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result.map_err(|error| format!("cannot write {}: {error}", self.name.display())),
        }
    }
}
