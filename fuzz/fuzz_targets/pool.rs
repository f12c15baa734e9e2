//! Histories of a pool against a plain model, drawn from bytes.
//!
//! The model and the steps are those of the pool's own tests. The first bytes choose the pool's checks, its shards and its
//! tail model; each step is the bytes that it wants.
#![no_main]

#[path = "../../crates/pool/tests/pool/history.rs"]
mod history;
#[path = "../../crates/pool/tests/pool/shared.rs"]
#[allow(dead_code, reason = "the pool's tests need more of it than a history does")]
mod shared;
#[path = "../../crates/pool/tests/pool/world.rs"]
#[allow(dead_code, reason = "the pool's tests need more of it than a history does")]
mod world;

use history::{Step, TAGS, live_through};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use ntpool_pool::{Contents, TailModel};
use ntpool_types::PoolKind;
use world::{All, Eight, Heap, Options, Quarantine, Sizes};

/// Sizes of every sort, small ones more often.
fn size(bytes: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match bytes.int_in_range(0..=7)? {
        0..=2 => bytes.int_in_range(0..=600)?,
        3 => bytes.int_in_range(0..=4200)?,
        4 => bytes.int_in_range(4000..=4200)?,
        5 => bytes.int_in_range(4096..=20_000)?,
        6 => bytes.int_in_range(60_000..=90_000)?,
        _ => bytes.arbitrary()?,
    })
}

fn step(bytes: &mut Unstructured<'_>) -> Result<Step> {
    let kind = |bytes: &mut Unstructured<'_>| bytes.choose(&PoolKind::ALL).copied();
    let tag = |bytes: &mut Unstructured<'_>| bytes.choose_index(TAGS.len());
    let place = |bytes: &mut Unstructured<'_>| bytes.arbitrary::<u8>().map(usize::from);
    Ok(match bytes.int_in_range(0..=24)? {
        0..=7 => Step::Allocate {
            kind: kind(bytes)?,
            size: size(bytes)?,
            tag: tag(bytes)?,
            contents: *bytes.choose(&[Contents::Zeroed, Contents::Uninitialized])?,
        },
        8 | 9 => Step::AllocateAligned {
            kind: kind(bytes)?,
            size: size(bytes)?,
            tag: tag(bytes)?,
            shift: bytes.int_in_range(0..=63)?,
        },
        10 | 11 => Step::Resize { place: place(bytes)?, size: size(bytes)? },
        12..=14 => Step::Free { place: place(bytes)?, tagged: bytes.arbitrary()? },
        15 | 16 => Step::FreeFast { place: place(bytes)? },
        17 => Step::FreeAgain { place: place(bytes)? },
        18 => Step::FreeWithWrongTag { place: place(bytes)? },
        19 => Step::FreeInside { place: place(bytes)?, distance: bytes.arbitrary::<u16>()?.into() },
        20 => {
            Step::FreeAnywhere { page: bytes.int_in_range(0..=100)?, distance: bytes.int_in_range(0..=4095)? }
        }
        21 => Step::UseShard { shard: bytes.int_in_range(0..=7)? },
        22 => Step::Flush,
        23 => Step::Trim,
        _ => Step::Pass { milliseconds: bytes.int_in_range(0..=300)? },
    })
}

fn run(bytes: &mut Unstructured<'_>) -> Result<()> {
    let rules = bytes.int_in_range(0..=4)?;
    let options = Options {
        capacity: 40,
        limit: 34,
        shards: bytes.int_in_range(1..=3)?,
        tail: *bytes.choose(&[TailModel::Reuse, TailModel::Waste])?,
        ..Options::default()
    };
    let mut steps = Vec::new();
    while !bytes.is_empty() && steps.len() < 400 {
        steps.push(step(bytes)?);
    }
    match rules {
        0 => live_through::<Heap>(options, &steps, 8),
        1 => live_through::<All>(options, &steps, 8),
        2 => live_through::<Eight>(options, &steps, 8),
        3 => live_through::<Quarantine>(options, &steps, 8),
        _ => live_through::<Sizes>(options, &steps, 8),
    };
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Bytes that end within a step are no history.
    let _ = run(&mut Unstructured::new(data));
});
