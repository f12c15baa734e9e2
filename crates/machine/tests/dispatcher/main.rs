//! Histories of random operations, against a model that is too simple to be wrong, and their repetition.

mod deeds;
mod model;
mod world;

use ntpool_machine::dispatcher::{Dispatcher, Schedule, ThreadState};
use ntpool_types::{NtStatus, VirtualAddress};
use std::collections::BTreeMap;
use world::{Numbers, World};

/// Each number from the one before.
struct Seeded(u64);

impl Numbers for Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn is_over(&self) -> bool {
        false
    }
}

fn run(seed: u64, schedule: Schedule) -> World<Seeded> {
    let mut world = World::new(Seeded(seed), schedule);
    world.run(300);
    world
}

#[test]
fn histories_of_waits_and_signals_agree_with_the_model_under_every_schedule() {
    let mut deeds = 0;
    for seed in 0..300 {
        for schedule in
            [Schedule::random(seed), Schedule::pct(seed, 3, 100), Schedule::round_robin(1 + seed as u32 % 4)]
        {
            deeds += run(seed, schedule).trace.len();
        }
    }
    assert!(deeds > 30_000, "the histories are long enough to mean something: {deeds}");
}

#[test]
fn recorded_switches_repeat_a_run_whatever_schedule_made_it() {
    let mut switch_count = 0;
    for seed in 0..40 {
        for schedule in [Schedule::random(seed), Schedule::pct(seed, 4, 50), Schedule::round_robin(2)] {
            let first = run(seed, schedule.clone());
            let again = run(seed, schedule);
            assert_eq!(again.trace, first.trace, "a seed decides everything");
            let switches = first.machine.schedule().switches();
            let replayed = run(seed, Schedule::replay(switches.to_vec()));
            assert_eq!(replayed.trace, first.trace);
            assert_eq!(replayed.machine.schedule().switches(), switches);
            switch_count += switches.len();
        }
    }
    assert!(switch_count > 1000, "{switch_count}");
}

/// Two threads that each read a counter and write it back, one more, with a boundary in between. Returns the counter.
fn count_without_a_lock(schedule: Schedule) -> (u32, Dispatcher) {
    let mut machine = Dispatcher::new(2, schedule);
    let threads = [0x1000, 0x2000].map(|object| machine.create_thread(VirtualAddress(object), 8, u64::MAX));
    let (mut counter, mut seen) = (0, BTreeMap::new());
    let mut current = machine.boundary();
    for _ in 0..8 {
        if threads.iter().all(|&thread| machine.thread(thread).state() == ThreadState::Terminated) {
            break;
        }
        current = match seen.get(&current) {
            None => {
                seen.insert(current, counter);
                machine.boundary()
            }
            Some(read) => {
                counter = read + 1;
                machine.terminate_running(NtStatus::SUCCESS);
                machine.block().unwrap_or(current)
            }
        };
    }
    (counter, machine)
}

#[test]
fn a_lost_update_is_found_soon_and_is_one_switch() {
    assert_eq!(count_without_a_lock(Schedule::replay(Vec::new())).0, 2, "the default finds nothing");
    let strategies: [fn(u64) -> Schedule; 2] = [Schedule::random, |seed| Schedule::pct(seed, 2, 4)];
    for strategy in strategies {
        let (seed, found) = (0..100)
            .map(|seed| (seed, count_without_a_lock(strategy(seed))))
            .find(|(_, (counter, _))| *counter == 1)
            .expect("a hundred schedules are plenty");
        let switches = found.1.schedule().switches().to_vec();
        let repeats = |switches: Vec<_>| count_without_a_lock(Schedule::replay(switches)).0 == 1;
        assert!(repeats(switches.clone()), "seed {seed}");
        let alone = switches.iter().filter(|&&switch| repeats(vec![switch])).count();
        assert!(alone > 0, "one of {switches:?} is enough");
    }
}
