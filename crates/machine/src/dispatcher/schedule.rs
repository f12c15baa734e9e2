//! Schedules: which of those that could go on does.
//!
//! A schedule is asked only where there is a choice, and has a default: the running thread stays, or if it can't, the
//! next processor goes on. Every departure from the default is recorded as a [`Switch`], whatever the strategy; the
//! recorded switches repeat the run exactly, and leaving some out is how a run is reduced to those that matter.
//!
//! # Source
//! Burckhardt, Kothari, Musuvathi and Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of Finding
//! Bugs", ASPLOS 2010, for the strategy with priorities. Its steps are the choices here, not all boundaries: where
//! only one thread can go on a change of priorities would be wasted.

use super::ThreadId;
use alloc::vec::Vec;
use ntpool_types::ProcessorNumber;

/// A departure from the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The step at which it was made.
    pub step: u64,
    /// The processor that went on.
    pub processor: ProcessorNumber,
    /// The thread that went on there.
    pub thread: ThreadId,
}

/// Somebody who could go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub processor: ProcessorNumber,
    pub thread: ThreadId,
    /// Whether it would take the place of the processor's current thread, as at the end of a quantum.
    pub follows: bool,
}

/// A question to the schedule.
pub(super) struct ChoicePoint<'a> {
    pub step: u64,
    /// At least two, in the order of their processors.
    pub candidates: &'a [Candidate],
    pub default: usize,
    /// Whether the default is that the running thread stays.
    pub stays: bool,
    pub running: ProcessorNumber,
    pub current: ThreadId,
}

/// A strategy, and the switches that it has made.
#[derive(Clone, Debug)]
pub struct Schedule {
    strategy: Strategy,
    choices: u64,
    switches: Vec<Switch>,
}

#[derive(Clone, Debug)]
enum Strategy {
    Random(Random),
    Priorities { random: Random, priorities: Priorities, changes: Vec<u64>, lowest: u64 },
    RoundRobin { quantum: u32, left: u32 },
    Replay { switches: Vec<Switch>, next: usize },
}

impl Schedule {
    /// Chance: at three of four choices the running thread stays, else each of the others is as likely.
    #[must_use]
    pub fn random(seed: u64) -> Schedule {
        Schedule::new(Strategy::Random(Random(seed)))
    }

    /// Random priorities of the threads, of which `depth - 1` random ones drop below all others on the way. Finds a
    /// bug that takes `depth` ordered events with a probability that is known beforehand. `expected_choices` is how
    /// many [`choices`](Schedule::choices) a run of this driver makes, as another run has shown.
    #[must_use]
    pub fn pct(seed: u64, depth: u32, expected_choices: u64) -> Schedule {
        let mut random = Random(seed);
        let count = depth.saturating_sub(1);
        let mut changes: Vec<u64> = (0..count).map(|_| 1 + random.below(expected_choices.max(1))).collect();
        changes.sort_unstable_by(|left, right| right.cmp(left));
        let lowest = LOWEST_RANDOM_PRIORITY;
        Schedule::new(Strategy::Priorities { random, priorities: Priorities::default(), changes, lowest })
    }

    /// Turns: after so many choices for one thread (at least 1) the next processor goes on, each time with the next
    /// thread of the same priority.
    #[must_use]
    pub fn round_robin(quantum: u32) -> Schedule {
        Schedule::round_robin_after(quantum, quantum)
    }

    /// The same after a first turn of so many choices (at least 1).
    #[must_use]
    pub fn round_robin_after(first: u32, quantum: u32) -> Schedule {
        Schedule::new(Strategy::RoundRobin { quantum: quantum.max(1), left: first.max(1) })
    }

    /// The default but for these switches, which are in the order of their steps. A switch to somebody who can't go
    /// on at that step is left out.
    #[must_use]
    pub fn replay(switches: Vec<Switch>) -> Schedule {
        Schedule::new(Strategy::Replay { switches, next: 0 })
    }

    fn new(strategy: Strategy) -> Schedule {
        Schedule { strategy, choices: 0, switches: Vec::new() }
    }

    /// How often there was a choice.
    #[must_use]
    pub fn choices(&self) -> u64 {
        self.choices
    }

    /// The departures from the default so far.
    #[must_use]
    pub fn switches(&self) -> &[Switch] {
        &self.switches
    }

    /// The place of the candidate that goes on.
    pub(super) fn choose(&mut self, point: &ChoicePoint<'_>) -> usize {
        self.choices += 1;
        let picked = self.strategy.choose(point, self.choices);
        if picked != point.default {
            let Candidate { processor, thread, .. } = point.candidates[picked];
            self.switches.push(Switch { step: point.step, processor, thread });
        }
        picked
    }
}

/// Priorities from here on are random; lower ones are those of threads whose priority was changed.
const LOWEST_RANDOM_PRIORITY: u64 = 1 << 63;

/// The priorities of threads by their numbers, 0 for one that has none yet.
#[derive(Clone, Debug, Default)]
struct Priorities(Vec<u64>);

impl Priorities {
    fn of(&mut self, thread: ThreadId) -> &mut u64 {
        let place = thread.0 as usize;
        if place >= self.0.len() {
            self.0.resize(place + 1, 0);
        }
        &mut self.0[place]
    }
}

impl Strategy {
    fn choose(&mut self, point: &ChoicePoint<'_>, choice: u64) -> usize {
        let count = point.candidates.len();
        match self {
            Strategy::Random(random) => {
                if !point.stays {
                    return random.below(count as u64) as usize;
                }
                if random.below(4) != 0 {
                    return point.default;
                }
                let other = random.below(count as u64 - 1) as usize;
                other + usize::from(other >= point.default)
            }
            Strategy::Priorities { random, priorities, changes, lowest } => {
                for candidate in point.candidates {
                    let priority = priorities.of(candidate.thread);
                    if *priority == 0 {
                        *priority = LOWEST_RANDOM_PRIORITY + random.below(LOWEST_RANDOM_PRIORITY);
                    }
                }
                while changes.last().is_some_and(|&change| change <= choice) {
                    changes.pop();
                    *lowest -= 1;
                    *priorities.of(point.current) = *lowest;
                }
                let best = (0..count)
                    .max_by_key(|&place| (*priorities.of(point.candidates[place].thread), count - place));
                best.expect("there is a choice")
            }
            Strategy::RoundRobin { quantum, left } => {
                if point.stays && *left > 1 {
                    *left -= 1;
                    return point.default;
                }
                *left = *quantum;
                if point.stays { next_in_turn(point) } else { point.default }
            }
            Strategy::Replay { switches, next } => {
                while switches.get(*next).is_some_and(|switch| switch.step < point.step) {
                    *next += 1;
                }
                let recorded = switches.get(*next).filter(|switch| switch.step == point.step);
                let place = recorded.and_then(|wanted| {
                    point.candidates.iter().position(|candidate| {
                        (candidate.processor, candidate.thread) == (wanted.processor, wanted.thread)
                    })
                });
                place.unwrap_or(point.default)
            }
        }
    }
}

/// The next processor after the running one, which is its own next if it is alone; with the thread that follows the
/// current one there.
fn next_in_turn(point: &ChoicePoint<'_>) -> usize {
    let candidates = point.candidates;
    let after = candidates.iter().position(|candidate| candidate.processor > point.running);
    let processor = candidates[after.unwrap_or(0)].processor;
    let is_there = |candidate: &Candidate| candidate.processor == processor;
    let next = candidates.iter().position(|candidate| is_there(candidate) && candidate.follows);
    next.or_else(|| candidates.iter().position(is_there)).unwrap_or(point.default)
}

/// SplitMix64: one number from the next, good enough to choose by and the same everywhere.
///
/// # Source
/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Candidates, of which those after the first on a processor follow it.
    fn candidates(places: &[(u16, u32)]) -> Vec<Candidate> {
        let candidate = |place: usize| {
            let (processor, thread) = places[place];
            let follows = place > 0 && places[place - 1].0 == processor;
            Candidate { processor: ProcessorNumber(processor), thread: ThreadId(thread), follows }
        };
        (0..places.len()).map(candidate).collect()
    }

    /// The places that the schedule picks at `count` choices, following its picks.
    fn picks(mut schedule: Schedule, candidates: &[Candidate], count: u64) -> (Vec<usize>, Schedule) {
        let mut default = 0;
        let picks = (1..=count)
            .map(|step| {
                let Candidate { processor, thread, .. } = candidates[default];
                let point = ChoicePoint {
                    step,
                    candidates,
                    default,
                    stays: true,
                    running: processor,
                    current: thread,
                };
                default = schedule.choose(&point);
                default
            })
            .collect();
        (picks, schedule)
    }

    #[test]
    fn the_same_seed_chooses_the_same() {
        let three = candidates(&[(0, 9), (1, 7), (2, 8)]);
        for make in [Schedule::random, |seed| Schedule::pct(seed, 3, 100)] {
            let run = |seed| picks(make(seed), &three, 200).0;
            assert_eq!(run(7), run(7));
            assert!((0..8).any(|seed| run(seed) != run(7)), "seeds differ");
        }
    }

    #[test]
    fn chance_stays_at_three_of_four_choices() {
        let three = candidates(&[(0, 9), (1, 7), (2, 8)]);
        let (_, schedule) = picks(Schedule::random(1), &three, 4000);
        assert!((900..1100).contains(&schedule.switches().len()), "{}", schedule.switches().len());
    }

    #[test]
    fn priorities_change_as_often_as_the_depth_says() {
        let three = candidates(&[(0, 9), (1, 7), (2, 8)]);
        let changes = |depth| {
            let (picks, _) = picks(Schedule::pct(5, depth, 100), &three, 200);
            picks.windows(2).filter(|pair| pair[0] != pair[1]).count()
        };
        assert_eq!([changes(0), changes(1), changes(2), changes(3)], [0, 0, 1, 2]);
    }

    #[test]
    fn a_priority_that_changes_later_is_lower() {
        let three = candidates(&[(0, 9), (1, 7), (2, 8)]);
        let (picks, _) = picks(Schedule::pct(1, 4, 1000), &three, 1100);
        let changes = picks.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!((changes, picks.first(), picks.last()), (3, Some(&2), Some(&2)), "all have changed once");
    }

    #[test]
    fn turns_go_over_processors_and_over_the_threads_of_each() {
        let two = candidates(&[(0, 5), (1, 7), (1, 8), (1, 9)]);
        let (picked, _) = picks(Schedule::round_robin(2), &two, 8);
        assert_eq!(picked, [0, 2, 2, 0, 0, 2, 2, 0]);
        let (picked, _) = picks(Schedule::round_robin_after(4, 2), &two, 8);
        assert_eq!(picked, [0, 0, 0, 2, 2, 0, 0, 2], "the first turn has a length of its own");
        let alone = candidates(&[(0, 5), (0, 6)]);
        let (picked, _) = picks(Schedule::round_robin(1), &alone, 1);
        assert_eq!(picked, [1], "the only processor goes on with its next thread");
    }

    #[test]
    fn a_replay_repeats_the_switches_and_leaves_out_what_cannot_be() {
        let three = candidates(&[(0, 9), (1, 7), (2, 8)]);
        let (picked, schedule) = picks(Schedule::random(3), &three, 100);
        let replay = Schedule::replay(schedule.switches().to_vec());
        let (again, replayed) = picks(replay, &three, 100);
        assert_eq!((again, replayed.switches()), (picked, schedule.switches()));
        let gone = Switch { step: 4, processor: ProcessorNumber(1), thread: ThreadId(99) };
        assert_eq!(picks(Schedule::replay(vec![gone]), &three, 8).0, [0; 8]);
    }
}
