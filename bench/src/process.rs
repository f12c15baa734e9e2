//! Running other programs.

use crate::error::Error;
use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a run is looked at; rare enough not to disturb it.
const LOOK: Duration = Duration::from_millis(10);

/// Runs a program that prints little, with a limit of time; gives what it printed, or how it failed.
pub fn run(command: &mut Command, limit: Duration) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("it can't be started: {error}"))?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() > limit => {
                // It may have ended just now; then there is nothing to stop.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it took longer than {} s (--timeout)", limit.as_secs()));
            }
            Ok(None) => thread::sleep(LOOK),
            Err(error) => return Err(format!("it can't be waited for: {error}")),
        }
    };
    let output = text(child.stdout.take());
    if status.success() { Ok(output) } else { Err(failure(status, &text(child.stderr.take()))) }
}

fn text(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What can't be read is missing from the result, which is looked through anyway.
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn failure(status: ExitStatus, message: &str) -> String {
    let message = message.trim();
    let tail: String = message.lines().take(3).collect::<Vec<_>>().join(" / ");
    if tail.is_empty() { status.to_string() } else { format!("{status}: {tail}") }
}

/// The first line that a program prints, if it succeeds.
pub fn first_line(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

/// Runs a program whose messages the user sees; gives what it printed.
pub fn visible(command: &mut Command) -> Result<Option<String>, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Error::Start { program, source })?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_run_gives_what_it_printed() {
        assert_eq!(run(Command::new("echo").arg("text"), LONG), Ok("text\n".into()));
    }

    #[test]
    fn a_run_that_fails_says_how() {
        let failed = run(Command::new("sh").args(["-c", "echo why >&2; exit 3"]), LONG);
        assert_eq!(failed, Err("exit status: 3: why".into()));
    }

    #[test]
    fn a_run_that_takes_too_long_is_stopped() {
        let failed = run(Command::new("sleep").arg("60"), Duration::from_millis(50));
        assert!(failed.is_err_and(|how| how.contains("--timeout")));
    }
}
