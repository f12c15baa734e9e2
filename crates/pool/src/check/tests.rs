//! Every broken invariant is found: one piece of metadata spoiled a test.

use super::*;
use crate::metadata::Tally;
use crate::metadata::tests::fresh;
use crate::{Claim, Config, Contents, NoMemory, PageSource, Region, Request};
use ntpool_types::{PAGE_SIZE, PageCount, Pfn, Tag};

struct Generous;

impl PageSource for Generous {
    fn commit(&self, _: PoolKind, _: PageCount, _: PageCount) -> Result<(), NoMemory> {
        Ok(())
    }

    fn frame(&self, _: VirtualAddress) -> Option<Pfn> {
        None
    }

    fn highest_frame(&self) -> Pfn {
        Pfn(0)
    }
}

/// Metadata of a pool whose blocks have addresses but no memory: the engine never looks at them.
struct Engine {
    central: Central,
    shards: Shards,
}

const BASE: u64 = 0x2000_0000_0000;

impl Engine {
    /// Page 0: 16-byte blocks 0 and 1 live, 2 freed; page 1: a block of 2304 bytes and a rest; pages 2 and 3: a large
    /// block, its tail idle; pages 4 and 5: a large block with a live block in its tail.
    fn new() -> Engine {
        let region = |place: u64| Region {
            base: VirtualAddress(BASE + place * 0x10_0000),
            capacity: PageCount(256),
            limit: PageCount(256),
        };
        let config = Config {
            regions: [0, 1, 2].map(region),
            shards: 1,
            tail: TailModel::Reuse,
            system_space_start: VirtualAddress(BASE),
        };
        let tally = Shards::tally(Central::tally(Tally::new(), &config.regions), 1);
        assert_eq!(tally.pages(), Some(config.metadata_size()));
        let mut carver = fresh(config.metadata_size());
        let central = Central::new(&mut carver, &config, VirtualAddress(BASE - PAGE_SIZE.0), PAGE_SIZE);
        let mut engine = Engine { central, shards: Shards::new(&mut carver, 1) };
        let freed = [16, 16, 16].map(|size| engine.allocate(size))[2];
        engine.free(freed);
        engine.allocate(2304);
        engine.allocate(4097);
        engine.allocate(8176 - 1000);
        // The tail of the second large block is the smaller one and serves first.
        engine.allocate(600);
        engine.check().expect("nothing is spoiled yet");
        engine
    }

    fn allocate(&mut self, size: u64) -> VirtualAddress {
        let request = Request {
            size: Bytes(size),
            kind: PoolKind::NonPaged,
            tag: Tag::from_text(*b"Test"),
            contents: Contents::Uninitialized,
        };
        let counted = self.central.allocate(request, &Generous).expect("there is room");
        self.shards.count_allocation(0, counted.tag, request.kind, request.size);
        counted.block.address
    }

    fn free(&mut self, address: VirtualAddress) {
        let counted = self.central.free(Claim { address, tag: None }).expect("it is live");
        self.shards.count_free(0, counted.tag, counted.block.kind, counted.block.size);
    }

    fn page(&mut self, page: usize) -> &mut Descriptor {
        &mut self.central.arenas[0].descriptors[page]
    }

    fn check(&self) -> Result<(), Inconsistency> {
        check(&self.central, &self.shards)
    }
}

#[track_caller]
fn spoiled(spoil: impl FnOnce(&mut Engine)) -> Invariant {
    let mut engine = Engine::new();
    spoil(&mut engine);
    engine.check().expect_err("the metadata is spoiled").invariant
}

#[test]
fn a_page_count_that_is_wrong_is_found() {
    assert_eq!(spoiled(|engine| engine.central.arenas[0].map.release(Page(70), 1)), Invariant::PageMap);
}

#[test]
fn a_page_released_with_a_live_block_is_found() {
    for page in [0, 1, 2, 3, 4, 5] {
        assert_eq!(spoiled(|engine| engine.central.arenas[0].map.release(Page(page), 1)), Invariant::PageUse);
    }
}

#[test]
fn a_page_cut_wrongly_is_found() {
    assert_eq!(spoiled(|engine| engine.page(0).start = 8), Invariant::Cut);
    assert_eq!(spoiled(|engine| engine.page(0).part_mut(Side::Main).count = 255), Invariant::Cut);
    assert_eq!(spoiled(|engine| engine.page(1).part_mut(Side::Rest).count = 0), Invariant::Cut);
}

#[test]
fn a_block_that_is_live_but_not_counted_or_known_is_found() {
    assert_eq!(spoiled(|engine| bitmap::set(&mut engine.page(0).live, 9, true)), Invariant::BlockSets);
    assert_eq!(spoiled(|engine| bitmap::set(&mut engine.page(0).live, 0, false)), Invariant::BlockSets);
    assert_eq!(spoiled(|engine| bitmap::set(&mut engine.page(0).known, 0, false)), Invariant::BlockSets);
    assert_eq!(spoiled(|engine| bitmap::set(&mut engine.page(1).known, 2, true)), Invariant::BlockSets);
}

#[test]
fn a_record_that_does_not_fit_is_found() {
    assert_eq!(spoiled(|engine| engine.central.arenas[0].records[0].size = 17), Invariant::Record);
    let unknown = |engine: &mut Engine| engine.central.tags.intern(Tag(1));
    assert_eq!(
        spoiled(|engine| {
            let mut other = Engine::new();
            unknown(&mut other);
            engine.central.arenas[0].records[0].tag = unknown(&mut other);
        }),
        Invariant::Record
    );
}

#[test]
fn a_large_block_whose_pages_do_not_name_it_is_found() {
    assert_eq!(spoiled(|engine| engine.page(2).large.size = 4096), Invariant::Large);
    assert_eq!(spoiled(|engine| engine.page(2).large.size = 4097 + 16), Invariant::Large);
    assert_eq!(spoiled(|engine| engine.page(2).has_large = false), Invariant::PageUse);
}

#[test]
fn a_tail_that_is_idle_by_mark_only_is_found() {
    assert_eq!(spoiled(|engine| engine.page(3).idle_tail = false), Invariant::IdleTail);
    assert_eq!(spoiled(|engine| engine.page(5).idle_tail = true), Invariant::IdleTail);
    assert_eq!(spoiled(|engine| engine.page(0).idle_tail = true), Invariant::IdleTail);
}

#[test]
fn a_list_that_lost_or_gained_a_part_is_found() {
    let class = SizeClass::holding(16).expect("it is a small size");
    assert_eq!(spoiled(|engine| engine.central.arenas[0].partial[class.index()] = None), Invariant::List);
    assert_eq!(
        spoiled(|engine| engine.page(0).part_mut(Side::Main).next = Some(Node::new(Page(0), Side::Main))),
        Invariant::List
    );
    assert_eq!(
        spoiled(|engine| engine.page(0).part_mut(Side::Main).previous = Some(Node::new(Page(1), Side::Main))),
        Invariant::List
    );
    assert_eq!(
        spoiled(|engine| engine.central.arenas[0].tails[class.index()] = Some(Node::new(Page(1), Side::Main))),
        Invariant::List
    );
}

#[test]
fn counters_that_disagree_with_the_live_blocks_are_found() {
    let miscount = |engine: &mut Engine| {
        engine.shards.count_allocation(0, TagIndex::OVERFLOW, PoolKind::NonPaged, Bytes(0));
    };
    assert_eq!(spoiled(miscount), Invariant::Counters);
    assert_eq!(
        spoiled(|engine| {
            miscount(engine);
            engine.shards.count_free(0, TagIndex::OVERFLOW, PoolKind::NonPaged, Bytes(1));
        }),
        Invariant::Counters
    );
}
