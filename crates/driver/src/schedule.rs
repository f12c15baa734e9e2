//! Which schedule a run has, as a user writes it.

use crate::lifecycle::derived;
use ntpool_machine::dispatcher::{Schedule as Strategy, Switch, ThreadId};
use ntpool_types::ProcessorNumber;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How it is decided who goes on where more than one thread can.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schedule {
    /// By chance, from the seed: at three of four choices the running thread stays.
    #[default]
    Random,
    /// By random priorities with few changes (PCT): finds what takes `depth` ordered events.
    Priorities {
        /// How many events have to come in one order: 1 more than the changes of priority.
        depth: u32,
        /// How many choices a run is expected to have.
        choices: u64,
    },
    /// In turns of so many choices, after a first turn whose length the seed decides.
    RoundRobin {
        /// How many; `None` for as many as the seed says.
        quantum: Option<u32>,
    },
    /// The running thread stays as long as it can, but for these switches.
    At(Vec<SwitchTo>),
}

/// A point at which another thread goes on than the one that could stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SwitchTo {
    /// The step of the run, counted in boundaries.
    pub step: u64,
    /// The processor that goes on.
    pub processor: u16,
    /// The thread that goes on there.
    pub thread: u32,
}

/// What a schedule by priorities has if nobody says.
const DEFAULT_DEPTH: u32 = 3;
const DEFAULT_CHOICES: u64 = 1000;

/// The longest turns that a seed decides on: what takes longer ones is found by the other strategies.
const LONGEST_QUANTUM: u64 = 16;
/// How many lengths a first turn can have. Turns of one length come from as many seeds.
const FIRST_TURNS: u64 = 1024;

/// The first turn and those after it for a seed, one pair for each of many seeds that follow each other. Under the default
/// seed, 1, a quantum that nobody names is 4, and the first turn is like the others.
fn turns(seed: u64, quantum: Option<u32>) -> (u32, u32) {
    let (quantum, nth) = match quantum {
        Some(quantum) => (quantum, seed.wrapping_sub(1)),
        None => {
            let nth = seed.wrapping_add(2);
            (1 + (nth % LONGEST_QUANTUM) as u32, nth / LONGEST_QUANTUM)
        }
    };
    // Another one for each `nth`, near the quantum first, and the quantum itself for 0.
    let first = 1 + (u64::from(quantum.saturating_sub(1)) ^ (nth % FIRST_TURNS));
    (u32::try_from(first).unwrap_or(u32::MAX), quantum)
}

impl Schedule {
    /// The dispatcher's strategy for it.
    pub(crate) fn strategy(&self, seed: u64) -> Strategy {
        let chance = derived(seed, 3);
        match self {
            Schedule::Random => Strategy::random(chance),
            Schedule::Priorities { depth, choices } => Strategy::pct(chance, *depth, *choices),
            Schedule::RoundRobin { quantum } => {
                let (first, quantum) = turns(seed, *quantum);
                Strategy::round_robin_after(first, quantum)
            }
            Schedule::At(switches) => {
                Strategy::replay(switches.iter().map(|&switch| switch.into()).collect())
            }
        }
    }
}

impl From<SwitchTo> for Switch {
    fn from(SwitchTo { step, processor, thread }: SwitchTo) -> Switch {
        Switch { step, processor: ProcessorNumber(processor), thread: ThreadId(thread) }
    }
}

impl From<Switch> for SwitchTo {
    fn from(Switch { step, processor, thread }: Switch) -> SwitchTo {
        SwitchTo { step, processor: processor.0, thread: thread.0 }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Random => f.write_str("random"),
            Schedule::Priorities { depth, choices } => write!(f, "pct:{depth}:{choices}"),
            Schedule::RoundRobin { quantum: None } => f.write_str("round-robin"),
            Schedule::RoundRobin { quantum: Some(quantum) } => write!(f, "round-robin:{quantum}"),
            Schedule::At(switches) => {
                f.write_str("at:")?;
                for (place, SwitchTo { step, processor, thread }) in switches.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    write!(f, "{comma}{step}={processor}.{thread}")?;
                }
                Ok(())
            }
        }
    }
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError(String);

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no schedule; write random, pct, pct:DEPTH, pct:DEPTH:CHOICES, round-robin, round-robin:CHOICES, or \
             at:STEP=PROCESSOR.THREAD,... as a report gives it",
            self.0
        )
    }
}

impl std::error::Error for ScheduleError {}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Schedule, ScheduleError> {
        parse(text).ok_or_else(|| ScheduleError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Schedule> {
    let (kind, rest) = text.split_once(':').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
    let positive = |text: &str| text.parse::<u32>().ok().filter(|&number| number > 0);
    match (kind, rest) {
        ("random", None) => Some(Schedule::Random),
        ("pct", rest) => {
            let (depth, choices) = match rest.map(|rest| rest.split_once(':').unwrap_or((rest, ""))) {
                None => (DEFAULT_DEPTH, DEFAULT_CHOICES),
                Some((depth, "")) => (positive(depth)?, DEFAULT_CHOICES),
                Some((depth, choices)) => (positive(depth)?, positive(choices)?.into()),
            };
            Some(Schedule::Priorities { depth, choices })
        }
        ("round-robin", rest) => {
            let quantum = rest.map(|rest| positive(rest).ok_or(())).transpose().ok()?;
            Some(Schedule::RoundRobin { quantum })
        }
        ("at", Some(switches)) => {
            let switches = switches.split(',').filter(|switch| !switch.is_empty());
            let switches = switches.map(parse_switch).collect::<Option<Vec<SwitchTo>>>()?;
            switches.is_sorted_by(|one, next| one.step < next.step).then_some(Schedule::At(switches))
        }
        _ => None,
    }
}

fn parse_switch(text: &str) -> Option<SwitchTo> {
    let (step, to) = text.split_once('=')?;
    let (processor, thread) = to.split_once('.')?;
    Some(SwitchTo {
        step: step.parse().ok()?,
        processor: processor.parse().ok()?,
        thread: thread.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_schedule_reads_as_it_is_written() {
        for text in
            ["random", "pct:3:1000", "pct:1:7", "round-robin", "round-robin:4", "at:", "at:17=1.5,20=0.3"]
        {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
        assert_eq!("pct".parse(), Ok(Schedule::Priorities { depth: 3, choices: 1000 }));
        assert_eq!("pct:5".parse(), Ok(Schedule::Priorities { depth: 5, choices: 1000 }));
        assert_eq!("round-robin:4".parse(), Ok(Schedule::RoundRobin { quantum: Some(4) }));
    }

    #[test]
    fn seeds_that_follow_each_other_take_other_turns() {
        assert_eq!([turns(1, None), turns(1, Some(7))], [(4, 4), (7, 7)], "as nobody would be surprised by");
        for quantum in [None, Some(1), Some(7)] {
            let seen: BTreeSet<(u32, u32)> = (0..1000).map(|seed| turns(seed, quantum)).collect();
            assert_eq!(seen.len(), 1000, "{quantum:?}");
            assert!(seen.iter().all(|&(first, turn)| first > 0 && turn == quantum.unwrap_or(turn)));
        }
        let quanta: BTreeSet<u32> = (1..=16).map(|seed| turns(seed, None).1).collect();
        assert_eq!(quanta, (1..=16).collect(), "a short search sees each");
        assert_eq!(turns(u64::MAX, Some(u32::MAX)).1, u32::MAX);
    }

    #[test]
    fn what_is_no_schedule_is_refused_by_name() {
        for text in [
            "",
            "chance",
            "random:3",
            "pct:0",
            "pct:x",
            "round-robin:0",
            "at",
            "at:3",
            "at:3=1",
            "at:5=0.1,5=0.2",
        ] {
            let error = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?} is no schedule")), "{error}");
        }
    }
}
