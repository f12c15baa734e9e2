//! The rounds: every workload under every allocator, in turn.

use crate::error::Error;
use crate::process;
use crate::results::{Part, Results, Role};
use crate::subject::Runnable;
use ntpool_bench_workloads::catalogue;
use serde::Deserialize;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// One line that a workload prints.
#[derive(Debug, Deserialize)]
struct Line {
    figure: String,
    unit: String,
    value: f64,
}

/// The order of `count` subjects for a workload in a round: each goes first in turn, so none always runs behind the same.
fn order(round: usize, workload: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |turn| (turn + round + workload) % count)
}

/// Runs a round and adds its values.
pub fn round(
    results: &mut Results,
    round: usize,
    workloads: &[String],
    runnables: &[Runnable],
    limit: Duration,
    progress: &mut Progress,
) -> Result<(), Error> {
    for (place, workload) in workloads.iter().enumerate() {
        progress.workload(round, workload);
        let part = Part::of(workload);
        let runs = |runnable: &&Runnable| {
            let subject = &runnable.subject;
            subject.part == part && (subject.role == Role::Ours || !catalogue::is_ours_alone(workload))
        };
        let subjects: Vec<&Runnable> = runnables.iter().filter(runs).collect();
        for turn in order(round, place, subjects.len()) {
            let subject = &subjects[turn].subject.name;
            let failed = |how| Error::Run { subject: subject.clone(), workload: workload.clone(), how };
            let output = process::run(&mut subjects[turn].command(workload), limit).map_err(failed)?;
            for line in lines(workload, &output).map_err(failed)? {
                results.add(&line.figure, &line.unit, subject, line.value);
            }
        }
    }
    results.rounds = round + 1;
    Ok(())
}

/// What a workload printed, if it is all there; its part is added to the names of the figures.
fn lines(workload: &str, output: &str) -> Result<Vec<Line>, String> {
    let parsed = output.lines().map(serde_json::from_str).collect::<Result<Vec<Line>, _>>();
    let mut lines = parsed.map_err(|error| format!("it printed something else: {error}"))?;
    for line in &mut lines {
        line.figure.insert_str(0, Part::of(workload).prefix());
    }
    let missing = catalogue::figures(workload)
        .into_iter()
        .find(|figure| !lines.iter().any(|line| line.figure == figure.name));
    match missing {
        Some(figure) => Err(format!("it did not print {}", figure.name)),
        None => Ok(lines),
    }
}

/// Tells on the standard error how far the run is.
pub struct Progress {
    start: Instant,
    done: usize,
    total: usize,
    rounds: usize,
    in_place: bool,
}

impl Progress {
    /// Nothing done yet.
    pub fn new(rounds: usize, workloads: usize) -> Progress {
        let in_place = stderr().is_terminal();
        Progress { start: Instant::now(), done: 0, total: rounds * workloads, rounds, in_place }
    }

    fn workload(&mut self, round: usize, name: &str) {
        let elapsed = self.start.elapsed();
        let left = match self.done {
            0 => String::new(),
            // The workloads differ a hundredfold in time, so an estimate within the first round would mislead.
            done if done < self.total / self.rounds => String::new(),
            done => {
                let left = elapsed.mul_f64((self.total - done) as f64 / done as f64);
                format!(", about {} left", minutes(left))
            }
        };
        let text = format!(
            "round {} of {}, run {} of {}, {}{left}: {name}",
            round + 1,
            self.rounds,
            self.done + 1,
            self.total,
            minutes(elapsed)
        );
        let mut stream = stderr().lock();
        // A progress that nobody can see is no reason to stop.
        let _ = if self.in_place { write!(stream, "\r\x1b[K{text}") } else { writeln!(stream, "{text}") };
        let _ = stream.flush();
        self.done += 1;
    }

    /// Leaves the line of the progress.
    pub fn end(&self) {
        if self.in_place {
            eprintln!();
        }
    }
}

fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_subject_runs_once_and_each_goes_first_in_turn() {
        for round in 0..6 {
            let all: BTreeSet<usize> = order(round, 4, 3).collect();
            assert_eq!(all.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
        }
        let first: Vec<usize> = (0..3).filter_map(|round| order(round, 0, 3).next()).collect();
        assert_eq!(first, [0, 1, 2]);
    }

    #[test]
    fn a_figure_that_is_missing_is_a_failure() {
        let half = r#"{"figure":"mem-threads/kern/kept","unit":"MiB","value":3.5}"#;
        assert_eq!(
            lines("mem-threads/kern", half).map(|lines| lines.len()),
            Err("it did not print mem-threads/kern/after-exit".into())
        );
        assert!(lines("pair/malloc/64", "Segmentation fault").is_err());
        let whole = r#"{"figure":"pair/malloc/64","unit":"ns","value":3.5}"#;
        for workload in ["pair/malloc/64", "checked/pair/malloc/64", "no-std/pair/malloc/64"] {
            let figure = lines(workload, whole).map(|lines| (lines[0].figure.clone(), lines[0].value));
            assert_eq!(figure, Ok((workload.into(), 3.5)));
        }
    }
}
