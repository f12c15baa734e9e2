//! Histories of threads, waits, timers and interruptions against a plain model, drawn from bytes.
//!
//! The world, its model and the deeds are those of the machine's own tests. The first bytes choose the schedule; each choice
//! after that is the bytes that it wants, until there are no more.
#![no_main]

#[path = "../../crates/machine/tests/dispatcher/deeds.rs"]
mod deeds;
#[path = "../../crates/machine/tests/dispatcher/model.rs"]
mod model;
#[path = "../../crates/machine/tests/dispatcher/world.rs"]
mod world;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use ntpool_machine::dispatcher::Schedule;
use world::{Numbers, World};

/// Choices from bytes.
struct Bytes<'a>(Unstructured<'a>);

impl Numbers for Bytes<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        // Without bytes it is always the first choice, until the deed is done.
        self.0.int_in_range(0..=bound - 1).unwrap_or_default()
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

fn schedule(bytes: &mut Unstructured<'_>) -> Result<Schedule> {
    Ok(match bytes.int_in_range(0..=3)? {
        0 => Schedule::random(bytes.arbitrary()?),
        1 => Schedule::pct(bytes.arbitrary()?, bytes.int_in_range(1..=5)?, 200),
        2 => Schedule::round_robin(bytes.int_in_range(1..=4)?),
        _ => Schedule::replay(Vec::new()),
    })
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Unstructured::new(data);
    let Ok(schedule) = schedule(&mut bytes) else { return };
    World::new(Bytes(bytes), schedule).run(500);
});
