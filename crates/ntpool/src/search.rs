//! The search for a schedule under which a driver does something wrong, and for the fewest switches that bring it about.
//!
//! A driver is run once without any switch that is not forced; what it does wrong then has nothing to do with the schedule.
//! After that each seed makes a schedule of its own, until one shows something new. Of that run's switches as many as
//! possible are left out, each attempt a run of its own: what remains are the switches that matter.

use crate::driver::Driver;
use crate::machine::Machine;
use crate::reduction::{Reduced, fewest};
use crate::supervision::{Event, Watcher};
use ntpool_driver::{Schedule, SwitchTo};
use ntpool_finding::{Finding, Outcome, Role};
use ntpool_host::HostError;
use ntpool_types::Rule;
use std::collections::BTreeSet;
use std::num::NonZero;
use std::thread;
use std::time::Instant;

/// The most runs that are spent on leaving switches out.
const MOST_ATTEMPTS: u64 = 500;

/// What was done wrong, and where: two runs with the same crime have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crime {
    rule: String,
    place: Option<u64>,
}

impl Crime {
    fn of(finding: &Finding) -> Crime {
        let told = finding.stacks.iter().rfind(|stack| matches!(stack.role, Role::At | Role::Again));
        let frame = told.or(finding.stacks.last()).and_then(|stack| stack.frames.first());
        Crime {
            rule: finding.rule.clone(),
            place: frame.map(|frame| frame.offset.map_or(frame.address.0, |offset| offset.0)),
        }
    }

    fn all(outcome: &Outcome) -> BTreeSet<Crime> {
        outcome.findings.iter().map(Crime::of).collect()
    }
}

struct Search<'a> {
    machine: &'a Machine,
    driver: &'a Driver,
    start: Instant,
    /// What is done wrong whatever the schedule is.
    always: BTreeSet<Crime>,
}

impl Machine {
    /// Runs a driver under up to `count` schedules, made from as many seeds beginning with the machine's own, until one
    /// shows something that the driver does not do under every schedule. The outcome is that run's, with as few switches
    /// as bring it about; else that of the run without switches. A note says which it is.
    ///
    /// With a schedule of priorities, the number of choices is taken from the first run.
    ///
    /// # Errors
    /// When a child process can't be started.
    pub fn search(
        &self,
        driver: &Driver,
        count: u64,
        watcher: &mut dyn Watcher,
    ) -> Result<Outcome, HostError> {
        let start = Instant::now();
        let plain = self.clone().schedule(Schedule::At(Vec::new()));
        let mut baseline = plain.run_watched(driver, watcher)?;
        let machine = self.clone().with_expected_choices(baseline.choices);
        let search = Search { machine: &machine, driver, start, always: Crime::all(&baseline) };
        let found = match search.first(count, watcher)? {
            Some((seed, outcome)) => Some(search.reduce(seed, outcome, watcher)?),
            None => None,
        };
        Ok(match found {
            Some(outcome) => outcome,
            None => {
                let s = if count == 1 { "" } else { "s" };
                let mut note = format!("{count} schedule{s} showed nothing that this one does not");
                if !baseline.limits.is_empty() {
                    note += "; the driver did not come far enough for schedules to matter";
                }
                baseline.notes.push(note);
                baseline
            }
        })
    }
}

impl Search<'_> {
    fn with_seed(&self, seed: u64) -> Machine {
        self.machine.clone().seed(seed)
    }

    fn new_crime(&self, outcome: &Outcome) -> Option<Crime> {
        // What a time limit ended says more of the computer than of the schedule, and takes long to try again.
        let by_time = |crime: &Crime| {
            [Rule::DriverEndlessLoop.id(), Rule::HostChildDied.id()].contains(&crime.rule.as_str())
        };
        outcome.findings.iter().map(Crime::of).find(|crime| !self.always.contains(crime) && !by_time(crime))
    }

    /// The first of so many seeds under which something new is done wrong, and that run. Several are run at a time; which
    /// is the first does not depend on which is done first.
    fn first(&self, count: u64, watcher: &mut dyn Watcher) -> Result<Option<(u64, Outcome)>, HostError> {
        let at_once = thread::available_parallelism().map_or(1, NonZero::get) as u64;
        let mut done = 0;
        while done < count {
            let batch = at_once.min(count - done);
            let seeds: Vec<u64> =
                (0..batch).map(|nth| self.machine.first_seed().wrapping_add(done + nth)).collect();
            let outcomes: Vec<_> = thread::scope(|scope| {
                let runs: Vec<_> = seeds
                    .iter()
                    .map(|&seed| scope.spawn(move || self.with_seed(seed).run(self.driver)))
                    .collect();
                runs.into_iter().map(|run| run.join().expect("a run does not panic")).collect()
            });
            for (seed, outcome) in seeds.into_iter().zip(outcomes) {
                let outcome = outcome?;
                if self.new_crime(&outcome).is_some() {
                    return Ok(Some((seed, outcome)));
                }
            }
            done += batch;
            watcher.observe(Event::Searching { done, of: Some(count), elapsed: self.start.elapsed() });
        }
        Ok(None)
    }

    /// The run with as few of its switches as bring the same crime about.
    fn reduce(&self, seed: u64, found: Outcome, watcher: &mut dyn Watcher) -> Result<Outcome, HostError> {
        let crime = self.new_crime(&found).expect("the run was chosen for it");
        let tried = seed.wrapping_sub(self.machine.first_seed()) + 1;
        let mut attempts = 0;
        let mut try_with = |switches: &[SwitchTo]| -> Result<Option<Outcome>, HostError> {
            attempts += 1;
            watcher.observe(Event::Searching { done: attempts, of: None, elapsed: self.start.elapsed() });
            let machine = self.with_seed(seed).schedule(Schedule::At(switches.to_vec()));
            let outcome = machine.run(self.driver)?;
            Ok(Crime::all(&outcome).contains(&crime).then_some(outcome))
        };
        let all: Vec<SwitchTo> = found.switches.iter().map(|&switch| switch_to(switch)).collect();
        let Some(same) = try_with(&all)? else {
            let mut found = found;
            found.notes.push(format!(
                "found under schedule {tried}; its switches alone do not repeat it, so something else differs between runs: \
                 a loop without calls that was interrupted, perhaps"
            ));
            return Ok(found);
        };
        let reduced = fewest(all, same, MOST_ATTEMPTS, &mut try_with)?;
        let Reduced { kept: switches, outcome: mut best, is_minimal } = reduced;
        let switches_in_words =
            |count: usize| format!("{count} switch{}", if count == 1 { "" } else { "es" });
        best.notes.push(format!(
            "found under schedule {tried} (seed {seed}), which made {}; {} of them bring it about",
            switches_in_words(found.switches.len()),
            switches_in_words(switches.len()),
        ));
        if !is_minimal {
            best.notes.push(format!(
                "perhaps fewer of these switches would do: {MOST_ATTEMPTS} runs were spent on leaving some out, and no more \
                 are"
            ));
        }
        Ok(best)
    }
}

fn switch_to([step, processor, thread]: [u64; 3]) -> SwitchTo {
    // What the child sends is not trusted: numbers beyond these name nobody.
    SwitchTo {
        step,
        processor: u16::try_from(processor).unwrap_or(u16::MAX),
        thread: u32::try_from(thread).unwrap_or(u32::MAX),
    }
}
