//! Histories: random allocations, frees and crimes against a plain model.

use crate::world::{Options, World, fill, is_filled, offset};
use ntpool_pool::{Block, Claim, Contents, Place, Request, TailModel};
use ntpool_types::{Bytes, PoolKind, Rule, Tag, VirtualAddress};
use proptest::prelude::*;
use std::collections::BTreeMap;

const TAGS: [Tag; 3] = [Tag::from_text(*b"aaaa"), Tag::from_text(*b"aaab"), Tag::NONE];
const STRANGER: Tag = Tag::from_text(*b"zzzz");

#[derive(Clone, Copy, Debug)]
enum Step {
    Allocate { kind: PoolKind, size: u64, tag: Tag, contents: Contents },
    Free { place: usize, tagged: bool },
    FreeAgain { place: usize },
    FreeWithWrongTag { place: usize },
    FreeInside { place: usize, distance: u64 },
    FreeAnywhere { page: u64, distance: u64 },
}

fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0_u64..600,
        3 => 0_u64..4200,
        1 => 4000_u64..4100,
        2 => 4096_u64..20_000,
        1 => Just(3 * 4096),
        1 => any::<u64>(),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let kind = prop::sample::select(PoolKind::ALL.to_vec());
    let tag = prop::sample::select(TAGS.to_vec());
    let contents = prop::sample::select(vec![Contents::Zeroed, Contents::Uninitialized]);
    prop_oneof![
        10 => (kind, sizes(), tag, contents)
            .prop_map(|(kind, size, tag, contents)| Step::Allocate { kind, size, tag, contents }),
        7 => (any::<usize>(), any::<bool>()).prop_map(|(place, tagged)| Step::Free { place, tagged }),
        1 => any::<usize>().prop_map(|place| Step::FreeAgain { place }),
        1 => any::<usize>().prop_map(|place| Step::FreeWithWrongTag { place }),
        1 => (any::<usize>(), any::<u64>()).prop_map(|(place, distance)| Step::FreeInside { place, distance }),
        1 => (0_u64..100, 0_u64..4096).prop_map(|(page, distance)| Step::FreeAnywhere { page, distance }),
    ]
}

#[derive(Default)]
struct Model {
    /// The live blocks with the byte that fills them, by address.
    live: BTreeMap<VirtualAddress, (Block, u8)>,
    freed: Vec<VirtualAddress>,
    counts: BTreeMap<(PoolKind, Tag), (u64, u64, u64)>,
    steps: u8,
}

impl Model {
    fn pick(&self, place: usize) -> Option<Block> {
        let count = self.live.len().max(1);
        self.live.values().nth(place % count).map(|(block, _)| *block)
    }

    fn allocated(&mut self, block: Block) {
        self.steps = self.steps % 250 + 1;
        fill(&block, self.steps);
        let last = offset(block.address, block.size.0.max(1) - 1);
        let before = self.live.range(..=last).next_back().map(|(_, (block, _))| *block);
        if let Some(before) = before {
            let end = offset(before.address, before.size.0.max(1));
            assert!(end <= block.address, "{before:?} overlaps {block:?}");
        }
        self.live.insert(block.address, (block, self.steps));
        let count = self.counts.entry((block.kind, block.tag)).or_default();
        count.0 += 1;
        count.2 += block.size.0;
    }

    fn freed(&mut self, block: Block) {
        let (known, mark) = self.live.remove(&block.address).expect("the model has it");
        assert_eq!(known, block);
        assert!(is_filled(&block, mark), "{block:?}");
        self.freed.push(block.address);
        let count = self.counts.entry((block.kind, block.tag)).or_default();
        count.1 += 1;
        count.2 -= block.size.0;
    }

    fn compare(&self, world: &World) {
        world.check();
        let mut live = world.live();
        live.sort_by_key(|block| block.address);
        assert!(live.iter().eq(self.live.values().map(|(block, _)| block)), "{live:?}");
        let counts: BTreeMap<_, _> = world
            .tags()
            .into_iter()
            .map(|count| ((count.kind, count.tag), (count.allocations, count.frees, count.bytes.0)))
            .collect();
        assert_eq!(counts, self.counts);
        for (block, mark) in self.live.values() {
            assert!(is_filled(block, *mark), "{block:?}");
            assert_eq!(world.pool.find(block.address), Place::Live(*block));
        }
    }
}

fn take(world: &World, model: &mut Model, step: Step) {
    match step {
        Step::Allocate { kind, size, tag, contents } => {
            let request = Request { size: Bytes(size), kind, tag, contents };
            let Ok(block) = world.pool.allocate(request) else {
                let room = world.pool.usage(kind).limit.0 - world.in_use(kind);
                assert!(size > 4096 || room == 0, "{request:?} failed with {room} pages left");
                return;
            };
            assert_eq!((block.size, block.kind, block.tag), (request.size, kind, tag));
            assert!(contents == Contents::Uninitialized || is_filled(&block, 0), "{block:?}");
            model.allocated(block);
        }
        Step::Free { place, tagged } => {
            let Some(block) = model.pick(place) else { return };
            let claim = Claim { address: block.address, tag: tagged.then_some(block.tag) };
            assert_eq!(world.pool.free(claim), Ok(block));
            model.freed(block);
        }
        Step::FreeAgain { place } => {
            let count = model.freed.len().max(1);
            let Some(&address) = model.freed.get(place % count) else { return };
            if model.live.contains_key(&address) {
                return; // Handed out again: to free it would be an ordinary free.
            }
            let place = world.pool.find(address);
            let violation = world.free(address).expect_err("no block begins there");
            let is_known = matches!(place, Place::Freed(block) if block.address == address);
            assert_eq!(violation.rule == Rule::PoolDoubleFree, is_known, "{place:?}");
        }
        Step::FreeWithWrongTag { place } => {
            let Some(block) = model.pick(place) else { return };
            let violation = world.free_tagged(block.address, STRANGER).expect_err("the tag is wrong");
            assert_eq!((violation.rule, violation.subject), (Rule::PoolWrongTag, block.address));
        }
        Step::FreeInside { place, distance } => {
            let Some(block) = model.pick(place).filter(|block| block.size.0 > 1) else { return };
            let inside = offset(block.address, 1 + distance % (block.size.0 - 1));
            let violation = world.free(inside).expect_err("no block begins there");
            assert_eq!((violation.rule, violation.subject), (Rule::PoolInteriorFree, block.address));
        }
        Step::FreeAnywhere { page, distance } => {
            let address = offset(world.page(PoolKind::NonPaged, page), distance);
            if !model.live.contains_key(&address) {
                world.free(address).expect_err("no block begins there");
            }
        }
    }
}

fn live_through(history: &[Step], tail: TailModel) {
    let world = World::new(Options { capacity: 30, limit: 24, tail, ..Options::default() });
    let mut model = Model::default();
    for &step in history {
        take(&world, &mut model, step);
        model.compare(&world);
    }
    world.free_all();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_agrees_with_the_model(history in prop::collection::vec(steps(), 1..150)) {
        live_through(&history, TailModel::Reuse);
    }

    #[test]
    fn any_history_agrees_with_the_model_when_tails_are_wasted(history in prop::collection::vec(steps(), 1..100)) {
        live_through(&history, TailModel::Waste);
    }
}
