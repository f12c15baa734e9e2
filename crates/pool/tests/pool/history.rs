//! Histories: any steps against a plain model.
//!
//! [`live_through`] panics when pool and model disagree, or when the pool contradicts itself. Tests draw the steps at
//! random, and a fuzzer from bytes.

use crate::world::{Options, Rules, World, fill, is_filled, offset, use_shard};
use ntpool_pool::{Block, Claim, Contents, NodeChoice, Place, Placement, Request};
use ntpool_types::{Bytes, PAGE_SIZE, PoolKind, Rule, Tag, VirtualAddress};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// The tags that blocks are allocated under.
pub const TAGS: [Tag; 3] = [Tag::from_text(*b"aaaa"), Tag::from_text(*b"aaab"), Tag::NONE];

/// A tag that no block has.
const STRANGER: Tag = Tag::from_text(*b"zzzz");

/// One thing that happens. Numbers without a range are taken modulo what there is.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Allocate {
        kind: PoolKind,
        size: u64,
        tag: usize,
        contents: Contents,
    },
    /// With an address that is a multiple of 2 to the power of `shift`.
    AllocateAligned {
        kind: PoolKind,
        size: u64,
        tag: usize,
        shift: u32,
    },
    Resize {
        place: usize,
        size: u64,
    },
    Free {
        place: usize,
        tagged: bool,
    },
    /// By its address alone, as heaps do.
    FreeFast {
        place: usize,
    },
    FreeAgain {
        place: usize,
    },
    FreeWithWrongTag {
        place: usize,
    },
    FreeInside {
        place: usize,
        distance: u64,
    },
    FreeAnywhere {
        page: u64,
        distance: u64,
    },
    UseShard {
        shard: usize,
    },
    Flush,
    Trim,
    Pass {
        milliseconds: u64,
    },
}

/// Allocations, frees and bytes by kind and tag.
pub type Counts = BTreeMap<(PoolKind, Tag), (u64, u64, u64)>;

#[derive(Default)]
struct Model {
    /// The live blocks with the byte that fills them, by address.
    live: BTreeMap<VirtualAddress, (Block, u8)>,
    /// Their addresses, the oldest first: the same blocks whatever their addresses are.
    order: Vec<VirtualAddress>,
    freed: Vec<VirtualAddress>,
    counts: Counts,
    steps: u8,
}

impl Model {
    fn pick(&self, place: usize) -> Option<Block> {
        let address = self.order.get(place % self.order.len().max(1))?;
        Some(self.live[address].0)
    }

    /// Fills a block with a byte of its own.
    fn mark(&mut self, block: Block) {
        self.steps = self.steps % 250 + 1;
        fill(&block, self.steps);
        self.live.insert(block.address, (block, self.steps));
    }

    fn allocated(&mut self, block: Block) {
        let last = offset(block.address, block.size.0.max(1) - 1);
        let before = self.live.range(..=last).next_back().map(|(_, (block, _))| *block);
        if let Some(before) = before {
            let end = offset(before.address, before.size.0.max(1));
            assert!(end <= block.address, "{before:?} overlaps {block:?}");
        }
        self.mark(block);
        self.order.push(block.address);
        let count = self.counts.entry((block.kind, block.tag)).or_default();
        count.0 += 1;
        count.2 += block.size.0;
    }

    fn resized(&mut self, before: Block, block: Block) {
        let kept = Block { size: before.size.min(block.size), ..block };
        assert!(is_filled(&kept, self.live[&block.address].1), "{before:?} as {block:?}");
        self.mark(block);
        let count = self.counts.entry((block.kind, block.tag)).or_default();
        count.2 = count.2 - before.size.0 + block.size.0;
    }

    fn freed(&mut self, block: Block) {
        let (known, mark) = self.live.remove(&block.address).expect("the model has it");
        assert_eq!(known, block);
        self.order.retain(|&address| address != block.address);
        self.freed.push(block.address);
        let count = self.counts.entry((block.kind, block.tag)).or_default();
        count.1 += 1;
        count.2 -= block.size.0;
        self.steps = self.steps.max(mark);
    }

    fn compare<R: Rules>(&self, world: &World<R>) {
        world.check();
        let mut live = world.live();
        live.sort_by_key(|block| block.address);
        assert!(live.iter().eq(self.live.values().map(|(block, _)| block)), "{live:?}");
        assert_eq!(counts(world), self.counts);
        for (block, mark) in self.live.values() {
            assert!(is_filled(block, *mark), "{block:?}");
            assert_eq!(world.pool.find(block.address), Place::Live(*block));
            assert_eq!(world.pool.usable(block.address), Some(block.size));
        }
        for kind in PoolKind::ALL {
            let usage = world.pool.usage(kind);
            assert_eq!(usage.committed, world.pool.platform().committed(kind));
            assert!(usage.in_use <= usage.committed && usage.committed <= usage.limit, "{usage:?}");
        }
    }
}

fn counts<R: Rules>(world: &World<R>) -> Counts {
    let counts = world.tags().into_iter();
    counts.map(|count| ((count.kind, count.tag), (count.allocations, count.frees, count.bytes.0))).collect()
}

fn allocate<R: Rules>(world: &World<R>, model: &mut Model, request: Request, alignment: u64) {
    let placement = Placement { alignment: Bytes(alignment), node: NodeChoice::Local };
    let Ok(block) = world.pool.allocate_placed(request, placement) else {
        let room = world.pool.usage(request.kind).limit.0 - world.in_use(request.kind);
        let small = request.size <= PAGE_SIZE && alignment <= PAGE_SIZE.0;
        assert!(!small || room == 0, "{request:?} failed with {room} pages left");
        return;
    };
    assert_eq!((block.kind, block.tag), (request.kind, request.tag));
    assert!(if R::CHECKS.sizes { block.size == request.size } else { block.size >= request.size });
    assert!(block.address.is_aligned(Bytes(alignment)), "{block:?}");
    let asked = Block { size: request.size, ..block };
    assert!(request.contents == Contents::Uninitialized || is_filled(&asked, 0), "{block:?}");
    model.allocated(block);
}

fn take<R: Rules>(world: &World<R>, model: &mut Model, step: Step) {
    match step {
        Step::Allocate { kind, size, tag, contents } => {
            let request = Request { size: Bytes(size), kind, tag: TAGS[tag % TAGS.len()], contents };
            allocate(world, model, request, 1);
        }
        Step::AllocateAligned { kind, size, tag, shift } => {
            let tag = TAGS[tag % TAGS.len()];
            let request = Request { size: Bytes(size), kind, tag, contents: Contents::Zeroed };
            allocate(world, model, request, 1 << (shift % 64));
        }
        Step::Resize { place, size } => {
            let Some(block) = model.pick(place) else { return };
            if world.pool.resize(block.address, Bytes(size)) {
                let usable = world.pool.usable(block.address).expect("it is live");
                assert!(if R::CHECKS.sizes { usable.0 == size } else { usable.0 >= size });
                model.resized(block, Block { size: usable, ..block });
            } else {
                assert_ne!(block.size.0, size, "to what it is, {block:?} can be resized");
            }
        }
        Step::Free { place, tagged } => {
            let Some(block) = model.pick(place) else { return };
            assert!(is_filled(&block, model.live[&block.address].1), "{block:?}");
            let claim = Claim { address: block.address, tag: tagged.then_some(block.tag) };
            assert_eq!(world.pool.free(claim), Ok(block));
            model.freed(block);
        }
        Step::FreeFast { place } => {
            let Some(block) = model.pick(place) else { return };
            assert!(world.pool.free_fast(block.address), "{block:?}");
            model.freed(block);
        }
        Step::FreeAgain { place } => {
            let count = model.freed.len().max(1);
            let Some(&address) = model.freed.get(place % count) else { return };
            if model.live.contains_key(&address) {
                return; // Handed out again: to free it would be an ordinary free.
            }
            let place = world.pool.find(address);
            assert!(!world.pool.free_fast(address));
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
            assert!(!world.pool.free_fast(inside));
            let violation = world.free(inside).expect_err("no block begins there");
            assert_eq!((violation.rule, violation.subject), (Rule::PoolInteriorFree, block.address));
        }
        Step::FreeAnywhere { page, distance } => {
            let address = offset(world.page(PoolKind::NonPaged, page), distance);
            if !model.live.contains_key(&address) {
                world.free(address).expect_err("no block begins there");
            }
        }
        Step::UseShard { shard } => use_shard(shard % world.config.shards),
        Step::Flush => world.pool.flush(),
        Step::Trim => {
            world.pool.trim();
        }
        Step::Pass { milliseconds } => {
            world.pool.platform().clock.fetch_add(milliseconds, Ordering::Relaxed);
        }
    }
}

/// Takes the steps in a new world, comparing after each `every`; the counts before all blocks are freed at the end.
pub fn live_through<R: Rules>(options: Options, history: &[Step], every: usize) -> Counts {
    let world = World::<R>::of(options);
    let mut model = Model::default();
    use_shard(0);
    for (number, &step) in history.iter().enumerate() {
        take(&world, &mut model, step);
        if number % every == every - 1 {
            model.compare(&world);
        }
    }
    model.compare(&world);
    use_shard(0);
    world.free_all();
    assert_eq!(world.pool.platform().take_found(), [], "nobody did what a check could find");
    model.counts
}
