//! Random histories through the global allocator's face, against a plain model.
use crate::world::{Global, World, fill, is_filled, layout};
use ntpool_heap::Shares;
use proptest::prelude::*;
use std::alloc::Layout;
use std::ptr::NonNull;

#[derive(Clone, Copy, Debug)]
enum Step {
    Allocate { size: usize, alignment: usize, zeroed: bool },
    Move { which: usize, size: usize },
    Free { which: usize },
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 1..600_usize, 3 => 1..9000_usize, 1 => 1..200_000_usize]
}

fn step() -> impl Strategy<Value = Step> {
    let power = prop_oneof![8 => 0..7_u32, 2 => 0..14_u32];
    prop_oneof![
        5 => (size(), power, any::<bool>())
            .prop_map(|(size, power, zeroed)| Step::Allocate { size, alignment: 1 << power, zeroed }),
        3 => (any::<usize>(), size()).prop_map(|(which, size)| Step::Move { which, size }),
        3 => any::<usize>().prop_map(|which| Step::Free { which }),
    ]
}

struct Live {
    block: NonNull<u8>,
    layout: Layout,
    byte: u8,
}

#[derive(Default)]
struct Model {
    live: Vec<Live>,
    next: u8,
}

impl Model {
    /// Takes a block over, fills it with a byte that others hardly have, and keeps it.
    fn keep(&mut self, block: NonNull<u8>, layout: Layout) {
        self.next = self.next.wrapping_add(1);
        assert_eq!(block.addr().get() % layout.align(), 0);
        fill(block, layout.size(), self.next);
        self.live.push(Live { block, layout, byte: self.next });
    }

    fn take(&mut self, which: usize) -> Option<Live> {
        let count = self.live.len();
        (count > 0).then(|| self.live.swap_remove(which % count))
    }

    fn run(&mut self, world: &World, step: Step) {
        match step {
            Step::Allocate { size, alignment, zeroed } => {
                let layout = layout(size, alignment);
                if let Some(block) = world.alloc(layout, zeroed) {
                    assert!(!zeroed || is_filled(block, size, 0), "{step:?} is not zero");
                    self.keep(block, layout);
                }
            }
            Step::Move { which, size } => {
                if let Some(live) = self.take(which) {
                    let wanted = layout(size, live.layout.align());
                    match world.realloc(live.block, live.layout, size) {
                        Some(moved) => {
                            assert!(is_filled(moved, size.min(live.layout.size()), live.byte), "{step:?}");
                            self.keep(moved, wanted);
                        }
                        None => self.live.push(live),
                    }
                }
            }
            Step::Free { which } => {
                if let Some(live) = self.take(which) {
                    assert!(is_filled(live.block, live.layout.size(), live.byte), "{:?}", live.layout);
                    world.dealloc(live.block, live.layout);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn blocks_keep_their_bytes_through_every_history(steps in prop::collection::vec(step(), 1..200)) {
        // Little enough that histories run out of memory, too.
        let world = World::of(3 << 20, Shares::NONPAGED);
        let mut model = Model::default();
        for &step in &steps {
            model.run(&world, step);
        }
        world.heap.check().expect("the metadata is consistent");
        let mut count = 0;
        world.heap.for_each_live(|_| count += 1);
        prop_assert_eq!(count, model.live.len());
        for live in &model.live {
            prop_assert!(is_filled(live.block, live.layout.size(), live.byte));
            world.dealloc(live.block, live.layout);
        }
        world.assert_empty();
    }
}
