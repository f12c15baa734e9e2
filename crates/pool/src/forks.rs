//! Forks: a process is copied before each step of what another thread does in its shard, and the copy works on.
//!
//! The steps are those that [`steps`] counts. Before each of them the test forks, as a thread beside the interrupted one
//! would: it brings the pool to rest, and where it would have to wait for the interrupted thread, there is no fork; a
//! fork can't come there. The copy abandons the interrupted shard and goes on in all of them. What the interrupted
//! operation was about may be lost, and nothing else:
//!
//! - the checker finds nothing wrong, at once and after much work;
//! - every other block is live with its size, tag and bytes, and can be freed once and not twice;
//! - no block is handed out twice;
//! - the counts of tags are the live blocks, less the one allocation that may have been interrupted before its count.
//!
//! The operation itself goes on in the first process, to its next step.
//!
//! # Why one thread at a time is enough
//! Outside of the locks a thread writes its shard, which the copy forgets as a whole, and what belongs to the one block that
//! it was given or gives up: its slot, its exact size, its bytes. So the copy's view of one thread does not depend on how
//! far another one is, nor on the order in which a processor made one thread's writes visible.
//!
//! # Not covered
//! - Lookaside lists, which are their owners' and not the pool's.
#![expect(
    unsafe_code,
    reason = "copies the process, makes the pool's memory, and touches blocks as their owners would"
)]

use crate::class::CACHED;
use crate::{
    Block, Checks, Claim, Config, Contents, Corruption, FreshPages, Inconsistency, Invariant,
    MetadataReservation, NoMemory, PageRun, PageSource, Place, Platform, Pool, Region, Request, ShardHandle,
    ShardHold, ShardSet, slot, steps,
};
use core::cell::{Cell, RefCell};
use core::marker::PhantomData;
use core::ptr::{NonNull, with_exposed_provenance, with_exposed_provenance_mut};
use core::slice;
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, Pfn, PoolKind, Tag, VirtualAddress};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::boxed::Box;
use std::collections::BTreeMap;
use std::io::{Read, Write, pipe};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{assert, assert_eq, format};

/// The shard of the thread that is interrupted.
const INTERRUPTED: usize = 0;

/// The shard of the thread that forks.
const FORKING: usize = 1;

/// A third thread's shard, at rest. The copy does not have that thread either.
const RESTING: usize = 2;

/// Pages of the nonpaged region: room for what a copy allocates.
const PAGES: u64 = 1280;

/// Pages of the other regions: so few that a test can use them up.
const FEW_PAGES: u64 = 16;

/// The smallest huge block.
const HUGE: u64 = CACHED as u64 + 1;

const TAG: Tag = Tag::from_text(*b"Test");

/// No copy works for so many seconds.
const TIMEOUT: u32 = 60;

/// What a pool is compiled with.
trait Rules: 'static {
    const CHECKS: Checks;
}

/// A process's heap.
enum Heap {}

impl Rules for Heap {
    const CHECKS: Checks = Checks::NONE;
}

/// Everything checked, with blocks in quarantine.
enum Checked {}

impl Rules for Checked {
    const CHECKS: Checks = Checks { quarantine: 4, ..Checks::ALL };
}

/// What an unwinding thread carries that would wait for a lock: nobody ever opens it.
struct Waits;

/// A process whose threads are played by one.
struct Process<R> {
    /// The shard of the thread that is played now.
    shard: Cell<usize>,
    found: RefCell<Vec<Corruption>>,
    rules: PhantomData<fn() -> R>,
}

impl<R> PageSource for Process<R> {
    fn commit(&self, _: PoolKind, first: VirtualAddress, count: PageCount) -> Result<FreshPages, NoMemory> {
        fill(first, (count.0 * PAGE_SIZE.0) as usize, 0);
        Ok(FreshPages::Zero)
    }

    fn give_back(&self, runs: &[PageRun]) -> bool {
        // A fork may come before any of them is given back, and after.
        steps::step();
        runs.iter().for_each(|run| fill(run.first, (run.count.0 * PAGE_SIZE.0) as usize, 0xEE));
        steps::step();
        true
    }

    fn frame(&self, _: VirtualAddress) -> Option<Pfn> {
        None
    }

    fn highest_frame(&self) -> Pfn {
        Pfn(0)
    }
}

struct Held(ShardHandle);

// SAFETY: 1. every handle is one of the pool's; 2. there is one thread, which holds one shard at a time. In a copy it may
// take the shard that it has interrupted itself in: the interrupted operation never goes on there.
unsafe impl ShardHold for Held {
    fn shard(&self) -> ShardHandle {
        self.0
    }
}

impl<R: Rules> Platform for Process<R> {
    const CHECKS: Checks = R::CHECKS;

    type Hold<'a> = Held;

    fn hold<'a>(&'a self, shards: ShardSet<'a>) -> Held {
        Held(shards.get(self.shard.get()))
    }

    fn relax(&self, _: u32) {
        // Without a panic's message: in the first process this is an answer and no failure.
        resume_unwind(Box::new(Waits));
    }

    fn found(&self, corruption: &Corruption) {
        self.found.borrow_mut().push(*corruption);
    }
}

/// Writes over memory of the world.
fn fill(first: VirtualAddress, bytes: usize, byte: u8) {
    // SAFETY: pages that are nobody's now, or a live block, which is this module's; both in the world's memory.
    unsafe { with_exposed_provenance_mut::<u8>(first.0 as usize).write_bytes(byte, bytes) };
}

/// A pool, the memory it lives in, and the blocks that have owners.
struct World<R: Rules> {
    /// Declared before its memory: dropped before it.
    pool: Pool<Process<R>>,
    owned: Vec<Block>,
    memory: (NonNull<u8>, Layout),
}

impl<R: Rules> World<R> {
    fn new() -> World<R> {
        let config = |base: u64| {
            let region = |first: u64, pages: u64| Region {
                base: VirtualAddress(base + first * PAGE_SIZE.0),
                capacity: PageCount(pages),
                limit: PageCount(pages),
            };
            let regions = [region(0, PAGES), region(PAGES, FEW_PAGES), region(PAGES + FEW_PAGES, FEW_PAGES)];
            Config { shards: 3, tags: 16, slot_units: 16, ..Config::new(regions) }
        };
        let size = config(0).metadata_size::<Process<R>>();
        let total = size.0 + (PAGES + 2 * FEW_PAGES) * PAGE_SIZE.0;
        let layout = Layout::from_size_align(total as usize, PAGE_SIZE.as_usize()).expect("it fits");
        // SAFETY: the layout is not empty.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) }).expect("so much memory is there");
        let platform =
            Process { shard: Cell::new(INTERRUPTED), found: RefCell::default(), rules: PhantomData };
        let config = config(base.as_ptr().expose_provenance() as u64 + size.0);
        // SAFETY: 1. zeroed, page aligned, as long as asked for, and freed after the pool; 2. the regions are writable,
        // exposed, and used through the routines of this module only.
        let pool = unsafe { Pool::new(platform, config, MetadataReservation { base, size }) };
        World { pool, owned: Vec::new(), memory: (base, layout) }
    }

    /// A world that has been lived in: each thread has blocks, and has freed some of its own and of the others'.
    fn lived_in() -> World<R> {
        let mut world = World::new();
        let mut freed = Vec::new();
        for shard in [INTERRUPTED, FORKING, RESTING] {
            world.play(shard);
            for number in 0..12 {
                for size in [16, 48, 100, 640, 2000, 5000, 9000] {
                    let block = world.make(PoolKind::NonPaged, size, TAG);
                    if number % 3 == shard { world.own(block) } else { freed.push(block) }
                }
            }
            let paged = world.paged(300);
            world.own(paged);
        }
        let huge = world.make(PoolKind::NonPaged, HUGE, TAG);
        world.own(huge);
        for (number, block) in freed.into_iter().enumerate() {
            world.play([FORKING, RESTING, INTERRUPTED, INTERRUPTED][number % 4]);
            world.end(block.address);
        }
        world.play(INTERRUPTED);
        world
    }

    /// Goes on as this shard's thread.
    fn play(&self, shard: usize) {
        self.pool.platform().shard.set(shard);
    }

    fn try_make(&self, kind: PoolKind, size: u64, tag: Tag) -> Option<Block> {
        self.pool.allocate(Request { size: Bytes(size), kind, tag, contents: Contents::Zeroed }).ok()
    }

    fn make(&self, kind: PoolKind, size: u64, tag: Tag) -> Block {
        self.try_make(kind, size, tag).expect("there is room")
    }

    fn paged(&self, size: u64) -> Block {
        self.make(PoolKind::Paged, size, TAG)
    }

    /// A block where nobody's is, with zeros as far as was asked for.
    fn make_zero(&self, taken: &mut Extents, kind: PoolKind, size: u64) -> Block {
        let block = self.make(kind, size, TAG);
        taken.add(&block);
        assert!(holds(&block, size as usize, 0), "{block:?} is zeroed");
        paint(&block);
        block
    }

    /// Keeps a block, full of what is its owner's.
    fn own(&mut self, block: Block) {
        paint(&block);
        self.owned.push(block);
    }

    /// A block that nobody but the operation to come knows, made by this shard's thread.
    fn made_by(&self, shard: usize, size: u64) -> VirtualAddress {
        self.play(shard);
        let address = self.make(PoolKind::NonPaged, size, TAG).address;
        self.play(INTERRUPTED);
        address
    }

    fn end(&self, address: VirtualAddress) {
        self.pool.free(Claim { address, tag: None }).expect("it is live");
    }

    fn live(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        self.pool.for_each_live(|block| blocks.push(block));
        blocks
    }

    /// Lets the copy abandon the shards of the threads that it does not have.
    fn abandon(&self) {
        for shard in [INTERRUPTED, RESTING] {
            self.pool.abandon(&Held(self.pool.shards().get(shard)));
        }
    }

    fn check(&self) {
        self.pool.check().unwrap_or_else(|broken| panic!("{broken}"));
    }

    /// What a copy demands of the pool, and does with it.
    fn work_on(&self) {
        self.play(FORKING);
        self.check();
        let before = self.live();
        let mut taken = Extents::default();
        before.iter().for_each(|block| taken.add(block));
        let orphans: Vec<_> = before.iter().filter(|block| !self.owned.contains(block)).collect();
        assert!(orphans.len() <= 1, "live and nobody's: {orphans:?}");
        for block in &self.owned {
            assert_eq!(self.pool.find(block.address), Place::Live(*block));
        }
        let mut made = Vec::new();
        for shard in [INTERRUPTED, FORKING, RESTING] {
            self.play(shard);
            for (size, count) in [(16, 30), (100, 20), (640, 10), (2000, 6), (5000, 3), (9000, 3)] {
                made.extend((0..count).map(|_| self.make_zero(&mut taken, PoolKind::NonPaged, size)));
            }
            made.extend((0..10).map(|_| self.make_zero(&mut taken, PoolKind::Paged, 300)));
        }
        made.push(self.make_zero(&mut taken, PoolKind::NonPaged, HUGE));
        if let Some(block) = self.try_make(PoolKind::NonPagedExecute, 2000, Tag::from_text(*b"Copy")) {
            taken.add(&block);
            paint(&block);
            made.push(block);
        }
        self.check();
        // In turns, so that what one shard hands out another takes back.
        for (number, block) in self.owned.iter().chain(&made).enumerate() {
            self.play([FORKING, INTERRUPTED, RESTING][number % 3]);
            assert!(is_painted(block), "{block:?} has its owner's bytes");
            let claim = Claim { address: block.address, tag: Some(block.tag) };
            assert_eq!(self.pool.free(claim), Ok(*block));
            assert!(self.pool.free(claim).is_err(), "{block:?} is freed once");
        }
        self.check();
        for shard in [INTERRUPTED, FORKING, RESTING] {
            self.play(shard);
            self.pool.flush();
        }
        self.pool.trim();
        self.check();
        assert_eq!(self.live().iter().collect::<Vec<_>>(), orphans);
        let mut counted = 0;
        self.pool.for_each_tag(|count| counted += count.allocations - count.frees);
        assert!(counted <= orphans.len() as u64, "{counted} counted as live");
        assert_eq!(*self.pool.platform().found.borrow(), []);
    }
}

impl<R: Rules> Drop for World<R> {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; the pool does nothing any more, and has no drop that would look at it.
        unsafe { dealloc(self.memory.0.as_ptr(), self.memory.1) };
    }
}

/// Addresses that are taken: where each stretch begins and ends.
#[derive(Default)]
struct Extents(BTreeMap<u64, u64>);

impl Extents {
    fn add(&mut self, block: &Block) {
        let (first, end) = (block.address.0, block.address.0 + block.size.0.max(1));
        let before = self.0.range(..end).next_back();
        assert!(before.is_none_or(|(_, &end)| end <= first), "{block:?} is somebody's");
        self.0.insert(first, end);
    }
}

/// Whether the first bytes of a block are all this one.
fn holds(block: &Block, count: usize, byte: u8) -> bool {
    let first = with_exposed_provenance::<u8>(block.address.0 as usize);
    // SAFETY: the block is live and this module's, and one thread looks at it and writes to it.
    let bytes = unsafe { slice::from_raw_parts(first, count) };
    bytes.iter().all(|&found| found == byte)
}

/// What the owner of a block keeps in it.
fn color(block: &Block) -> u8 {
    (block.address.0 >> 4) as u8 | 1
}

fn paint(block: &Block) {
    fill(block.address, block.size.as_usize(), color(block));
}

fn is_painted(block: &Block) -> bool {
    holds(block, block.size.as_usize(), color(block))
}

/// What came of an operation that was interrupted at every step.
#[derive(Debug, Default)]
struct Outcome {
    /// How many copies were made.
    copies: usize,
    /// What went wrong in which.
    failures: Vec<String>,
}

/// Runs an operation and has the process copied before each of its steps, and once behind the last.
fn interrupt<R: Rules, T>(
    world: World<R>,
    in_copy: impl Fn(&World<R>) + 'static,
    operation: impl FnOnce(&World<R>) -> T,
) -> (Outcome, T) {
    let world = Rc::new(world);
    let outcome = Rc::new(RefCell::new(Outcome::default()));
    let look = {
        let (world, outcome) = (world.clone(), outcome.clone());
        Rc::new(move || {
            // The interrupted thread may be inside of a lock: who forks waits until it is not.
            let Ok(rest) = catch_unwind(AssertUnwindSafe(|| world.pool.quiesce())) else { return };
            let ended = copied(|| {
                drop(rest);
                in_copy(&world);
            });
            let mut outcome = outcome.borrow_mut();
            if let Err(what) = ended {
                let number = outcome.copies;
                outcome.failures.push(format!("copy {number}: {what}"));
            }
            outcome.copies += 1;
        })
    };
    let result = steps::looking(look.clone(), || operation(&world));
    look();
    (outcome.take(), result)
}

/// Runs `f` in a copy of this process; what it said if it did not end well.
fn copied(f: impl FnOnce()) -> Result<(), String> {
    let (mut said, mut says) = pipe().expect("there are descriptors");
    // SAFETY: the copy has this thread alone, and uses what is this thread's, the C library's allocator, which is whole
    // in a copy, and system calls.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "there is room for another process");
    if child == 0 {
        // SAFETY: takes no pointer. A copy that hangs shall not keep the first process waiting.
        unsafe { libc::alarm(TIMEOUT) };
        let ended = catch_unwind(AssertUnwindSafe(f)).map_err(|thrown| what(&*thrown));
        let status = match ended {
            Ok(()) => 0,
            Err(what) => {
                let _ = says.write_all(what.as_bytes());
                1
            }
        };
        // SAFETY: takes no pointer. Nothing of the first process is to be ended here: no destructor, no buffer.
        unsafe { libc::_exit(status) };
    }
    drop(says);
    let mut status = 0;
    // SAFETY: the status is a place for one.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child, "it is this process's child");
    let mut text = String::new();
    said.read_to_string(&mut text).expect("it is text");
    match status {
        0 => Ok(()),
        _ if text.is_empty() => Err(format!("wait status {status:#x}")),
        _ => Err(text),
    }
}

/// What a panic said.
fn what(thrown: &(dyn core::any::Any + Send)) -> String {
    if thrown.is::<Waits>() {
        return "waits for a lock that nobody opens".to_string();
    }
    let text = thrown.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| thrown.downcast_ref().cloned()).unwrap_or_else(|| "threw something".to_string())
}

/// What a copy does.
fn goes_on<R: Rules>(world: &World<R>) {
    world.abandon();
    world.work_on();
}

/// Demands that every copy goes on, and that there were at least so many.
#[track_caller]
fn demand(what: &str, least: usize, outcome: &Outcome) {
    let Outcome { copies, failures } = outcome;
    assert_eq!(*failures, Vec::<String>::new(), "{what}");
    assert!(*copies >= least, "{what}: {copies} copies");
}

/// Allocations of a size, ready and not: from the magazine, the depot, pages with free blocks, a fresh page.
fn interrupt_allocations<R: Rules>(size: usize) {
    for how in ["lived in", "retired", "flushed", "fresh"] {
        let world = if how == "fresh" { World::<R>::new() } else { World::lived_in() };
        match how {
            "retired" => world.pool.retire(),
            "flushed" => world.pool.flush(),
            _ => {}
        }
        let tag = world.pool.intern(PoolKind::NonPaged, TAG);
        let (outcome, block) = interrupt(world, goes_on, |world| {
            world.pool.allocate_interned(size, tag, Contents::Zeroed).is_some()
        });
        assert!(block);
        demand(&format!("{size} bytes, {how}"), 6, &outcome);
    }
}

#[test]
fn a_copy_made_at_any_step_of_an_allocation_works_on() {
    for size in [0, 100, 4096, 9000, HUGE as usize, 1 << 20 | 1] {
        interrupt_allocations::<Heap>(size);
    }
}

#[test]
fn a_copy_made_while_a_pool_that_checks_allocates_works_on() {
    for size in [16, 100, 9000, HUGE as usize] {
        interrupt_allocations::<Checked>(size);
    }
}

#[test]
fn a_copy_made_while_a_tag_is_first_used_works_on() {
    let tag = Tag::from_text(*b"new ");
    let (outcome, block) =
        interrupt(World::<Heap>::lived_in(), goes_on, |world| world.make(PoolKind::Paged, 100, tag));
    assert_eq!(block.tag, tag);
    demand("the tag's first allocation", 15, &outcome);
}

#[test]
fn a_copy_made_while_the_last_memory_is_looked_for_works_on() {
    let world = World::<Heap>::lived_in();
    let few: Vec<_> = core::iter::from_fn(|| world.try_make(PoolKind::NonPagedExecute, 2000, TAG)).collect();
    assert!(few.len() as u64 >= FEW_PAGES);
    few.iter().for_each(|block| world.end(block.address));
    let (outcome, block) = interrupt(world, goes_on, |world| {
        world.try_make(PoolKind::NonPagedExecute, FEW_PAGES * PAGE_SIZE.0, TAG)
    });
    assert!(block.is_some(), "there are pages when all magazines are empty");
    demand("an allocation of all pages", 25, &outcome);
}

/// Frees of a block that a shard's thread made, after so many others of its size were freed.
fn interrupt_frees<R: Rules>(size: u64, maker: usize, freed_before: &[usize]) {
    for &count in freed_before {
        let world = World::<R>::lived_in();
        world.pool.flush();
        let before: Vec<_> = (0..count).map(|_| world.made_by(RESTING, size)).collect();
        let address = world.made_by(maker, size);
        before.into_iter().for_each(|address| world.end(address));
        let (outcome, done) = interrupt(world, goes_on, |world| world.pool.free_fast(address));
        assert!(done);
        demand(&format!("{size} bytes of shard {maker} after {count}"), 8, &outcome);
    }
}

#[test]
fn a_copy_made_at_any_step_of_a_free_works_on() {
    // Room in the magazine; none yet, none any more, and none in the depot either.
    interrupt_frees::<Heap>(16, INTERRUPTED, &[0, 4, 64, 192]);
    interrupt_frees::<Heap>(16, RESTING, &[1, 64]);
    interrupt_frees::<Heap>(9000, FORKING, &[0, 2, 8]);
    interrupt_frees::<Heap>(HUGE, INTERRUPTED, &[0, 4]);
}

#[test]
fn a_copy_made_while_a_pool_that_checks_frees_works_on() {
    // Into a quarantine with room, and into a full one.
    interrupt_frees::<Checked>(100, INTERRUPTED, &[0, 3, 4, 60]);
    interrupt_frees::<Checked>(9000, FORKING, &[0, 5]);
    interrupt_frees::<Checked>(HUGE, INTERRUPTED, &[0, 4]);
}

#[test]
fn a_copy_made_at_any_step_of_a_free_of_paged_pool_or_a_refused_one_works_on() {
    let world = World::<Heap>::lived_in();
    let address = world.paged(300).address;
    let (outcome, done) = interrupt(world, goes_on, |world| world.pool.free_fast(address));
    assert!(done);
    demand("a paged block", 10, &outcome);
    let world = World::<Heap>::lived_in();
    let address = world.made_by(RESTING, 100);
    world.end(address);
    let (outcome, refused) =
        interrupt(world, goes_on, |world| world.pool.free(Claim { address, tag: None }).is_err());
    assert!(refused);
    demand("a second free", 8, &outcome);
}

#[test]
fn a_copy_made_at_any_step_of_a_resize_has_the_block_in_its_old_or_new_size() {
    for (old, new, stays) in [
        (100, 101, true),
        (100, 200, false),
        (100_000, 60_000, true),
        (HUGE, HUGE / 2, true),
        (HUGE, 2 * HUGE, true),
        (5 * HUGE, 3 * HUGE, true),
    ] {
        let mut world = World::<Heap>::lived_in();
        world.play(FORKING);
        let block = world.make(PoolKind::NonPaged, old, TAG);
        paint(&block);
        // What lies before it and behind it.
        for _ in 0..2 {
            let block = world.make(PoolKind::NonPaged, 5000, TAG);
            world.own(block);
        }
        world.play(INTERRUPTED);
        let usable = world.pool.usable(block.address).expect("it is live");
        let in_copy = move |world: &World<Heap>| {
            world.abandon();
            world.play(FORKING);
            let Place::Live(found) = world.pool.find(block.address) else { panic!("it is live") };
            let changed = found.size.0.wrapping_sub(new) < PAGE_SIZE.0;
            assert!(found.size == usable || changed, "{found:?}");
            let kept = Block { size: found.size.min(usable), ..found };
            assert!(is_painted(&kept), "it has its owner's bytes");
            world.end(block.address);
            world.work_on();
        };
        let (outcome, resized) =
            interrupt(world, in_copy, |world| world.pool.resize(block.address, Bytes(new)));
        assert_eq!(resized, stays, "{old} to {new}");
        demand(&format!("{old} to {new} bytes"), 4, &outcome);
    }
}

fn interrupt_upkeep<R: Rules>(what: &str, least: usize, run: fn(&World<R>)) {
    let (outcome, ()) = interrupt(World::lived_in(), goes_on, run);
    demand(what, least, &outcome);
}

#[test]
fn a_copy_made_while_the_pool_is_tidied_or_counted_works_on() {
    interrupt_upkeep::<Heap>("retire", 3, |world| world.pool.retire());
    interrupt_upkeep::<Checked>("retire with a quarantine", 3, |world| world.pool.retire());
    interrupt_upkeep::<Heap>("flush", 3, |world| world.pool.flush());
    interrupt_upkeep::<Heap>("flush and trim", 8, |world| {
        world.pool.flush();
        assert!(world.pool.trim() > PageCount(0), "there are pages to give back");
    });
    interrupt_upkeep::<Heap>("count", 3, |world| world.pool.for_each_tag(|_| ()));
}

#[test]
fn a_copy_that_does_not_abandon_is_found_out() {
    let (outcome, _) = interrupt(World::<Heap>::lived_in(), World::work_on, |world| {
        world.make(PoolKind::NonPaged, 100, TAG)
    });
    let lost = Inconsistency { invariant: Invariant::BlockSets, address: VirtualAddress::NULL }.to_string();
    let (_, lost) = lost.split_once(": ").expect("a place and what is wrong there");
    assert!(outcome.failures.iter().any(|what| what.contains(lost)), "{outcome:?}");
    assert!(outcome.failures.len() < outcome.copies, "there is a time when nothing would be lost");
}

#[test]
fn a_copy_that_dies_or_waits_is_found_out() {
    // SAFETY: takes no pointer, and ends the copy.
    let died = copied(|| unsafe { libc::_exit(3) });
    assert_eq!(died, Err("wait status 0x300".to_string()));
    let world = World::<Heap>::new();
    let rest = world.pool.quiesce();
    assert_eq!(copied(|| world.check()), Err("waits for a lock that nobody opens".to_string()));
    drop(rest);
    assert_eq!(copied(|| world.check()), Ok(()));
}

#[test]
fn what_a_shard_loses_hides_nothing_else_that_is_wrong() {
    let mut world = World::<Heap>::lived_in();
    world.abandon();
    world.check();
    let block = world.make(PoolKind::NonPaged, 100, TAG);
    world.own(block);
    world.end(block.address);
    world.check();
    // In the magazine, and live.
    let spot = world.pool.pages.block_beginning_at(block.address).expect("it is a block");
    slot::begin(world.pool.pages.slot(spot.1.slot), 1);
    let broken = Inconsistency { invariant: Invariant::BlockSets, address: block.address };
    assert_eq!(world.pool.check(), Err(broken));
}
