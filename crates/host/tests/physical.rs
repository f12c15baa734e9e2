//! Physical memory, its mappings, and the pool on top of them.
//!
//! One process has one arena, so this is one story in one test.
#![forbid(unsafe_code)]

use ntpool_host::layout::{DIRECT_MAP, IMAGES, NONPAGED_POOL, PAGED_POOL, POOL_METADATA};
use ntpool_host::physical::{self, LastLook, PhysicalMemory, PoolPlatform};
use ntpool_host::{arena, guarded, trap};
use ntpool_memory::{FrameUse, Protection};
use ntpool_pool::{Claim, Contents, Place, Pool, Request, TailModel};
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, Pfn, PoolKind, Tag, VirtualAddress, WindowsVersion};
use std::cell::RefCell;
use std::rc::Rc;

fn read(address: VirtualAddress) -> u8 {
    let mut byte = [0];
    guarded::read(address, &mut byte).unwrap();
    byte[0]
}

fn direct(memory: &PhysicalMemory, address: VirtualAddress) -> VirtualAddress {
    VirtualAddress(DIRECT_MAP.base.0 + memory.translate(address).unwrap().0)
}

// POOL-225
#[test]
fn frames_have_two_views_and_come_back_zeroed_and_the_pool_lives_on_them() {
    trap::install(|_, _, _| ()).unwrap();
    assert!(
        arena::map_anonymous(IMAGES.base, PAGE_SIZE, Protection::Read).is_err(),
        "nothing is reserved yet"
    );
    arena::reserve().unwrap();
    assert!(arena::reserve().is_err(), "the addresses are taken");
    for size in [Bytes::mib(15), Bytes::mib(64 * 1024)] {
        let error = PhysicalMemory::new(size).err().unwrap().to_string();
        assert!(error.contains(&size.to_string()) && error.contains("between"), "{error}");
    }
    let memory = Rc::new(PhysicalMemory::new(Bytes::mib(16)).unwrap());
    assert_eq!(memory.highest_frame(), Pfn(4095));
    assert_eq!(memory.translate(DIRECT_MAP.base), None, "frame 0 is a hole");

    // Two views of one frame.
    let page = IMAGES.base;
    memory.map(page, PageCount(2), Protection::ReadWrite, FrameUse::Image).unwrap();
    assert!(memory.map(page, PageCount(1), Protection::ReadWrite, FrameUse::Image).is_err(), "occupied");
    guarded::write(page, &[0xA5]).unwrap();
    let view = direct(&memory, page);
    assert_eq!(read(view), 0xA5);
    guarded::write(view, &[0x5A]).unwrap();
    assert_eq!(read(page), 0x5A);

    // A protection holds in its own view only, and an unmapped page is gone.
    memory.protect(page, PageCount(1), Protection::Read).unwrap();
    assert!(guarded::write(page, &[1]).is_err());
    guarded::write(view, &[0x66]).unwrap();
    memory.unmap(page, PageCount(1)).unwrap();
    assert!(guarded::read(page, &mut [0]).is_err());
    assert_eq!(memory.translate(page), None);
    assert_eq!(read(view), 0, "a freed frame is zeroed");
    assert!(memory.unmap(page, PageCount(1)).is_err());

    // The pool: blocks in the windows of their kinds, limited by three quarters of memory for good.
    let seen = Rc::new(Seen::default());
    let pool =
        physical::new_pool(&memory, WindowsVersion::WINDOWS_7, TailModel::Reuse, Rc::clone(&seen) as _)
            .unwrap();
    let limits = || PoolKind::ALL.map(|kind| pool.usage(kind).limit);
    assert_eq!(limits(), [PageCount(3072), PageCount(3072), PageCount(4096)]);
    let tag = Tag::from_text(*b"Test");
    let allocate = |size, kind| pool.allocate(Request { size, kind, tag, contents: Contents::Zeroed });
    let block = allocate(Bytes(96), PoolKind::NonPaged).unwrap();
    assert!(NONPAGED_POOL.contains(block.address));
    guarded::write(block.address, &[7; 96]).unwrap();
    assert_eq!(read(direct(&memory, block.address)), 7);
    let metadata = POOL_METADATA.base;
    let refused = [guarded::read(metadata, &mut [0]), guarded::write(metadata, &[1])].map(Result::unwrap_err);
    assert!(refused.iter().all(|fault| fault.address == metadata), "usable memory, and refused: {refused:?}");
    let paged = allocate(Bytes(96), PoolKind::Paged).unwrap();
    assert!(PAGED_POOL.contains(paged.address));
    assert!(allocate(Bytes::mib(13), PoolKind::NonPaged).is_err(), "more than three quarters");

    // Paged pool can be closed and opened, all of it or around an address; fresh pages are open.
    memory.close_paged_pool().unwrap();
    assert!(guarded::read(paged.address, &mut [0]).is_err());
    assert_eq!(read(block.address), 7, "nonpaged pool stays open");
    let page = VirtualAddress(PAGED_POOL.base.0 + (8 << 20));
    memory.map(page, PageCount(1), Protection::ReadWrite, FrameUse::PagedPool).unwrap();
    guarded::write(page, &[1]).unwrap();
    memory.close_paged_pool().unwrap();
    assert!(guarded::write(page, &[1]).is_err());
    assert!(memory.open_paged_pool_at(page).unwrap());
    assert!(!memory.open_paged_pool_at(page).unwrap(), "it is open there");
    guarded::write(page, &[1]).unwrap();
    assert!(guarded::write(paged.address, &[9]).is_err(), "far from there it is closed");
    memory.open_paged_pool().unwrap();
    guarded::write(paged.address, &[9]).unwrap();
    assert!(!memory.open_paged_pool_at(block.address).unwrap());
    memory.unmap(page, PageCount(1)).unwrap();

    let mut held = Vec::new();
    while let Ok(block) = allocate(PAGE_SIZE, PoolKind::NonPaged) {
        held.push(block.address);
    }
    assert!((2000..3072).contains(&held.len()), "{} pages", held.len());
    for address in held.into_iter().chain([block.address, paged.address]) {
        pool.free(Claim { address, tag: Some(tag) }).unwrap();
    }
    assert_eq!(limits(), [PageCount(3072), PageCount(3072), PageCount(4096)]);
    pool.check().unwrap();
    idle_pages_go_back(&memory, &pool, &seen);
}

/// What was seen of pages that were given back: where, and their first byte.
#[derive(Default)]
struct Seen(RefCell<Vec<(VirtualAddress, u8)>>);

impl LastLook for Seen {
    fn look(&self, first: VirtualAddress, count: PageCount) {
        let pages = (0..count.0).map(|page| VirtualAddress(first.0 + PageCount(page).bytes().0));
        self.0.borrow_mut().extend(pages.map(|page| (page, read(page))));
    }
}

fn idle_pages_go_back(memory: &PhysicalMemory, pool: &Pool<PoolPlatform>, seen: &Seen) {
    let tag = Tag::from_text(*b"Idle");
    let allocate = |pages: u64, kind| {
        let size = PageCount(pages).bytes();
        pool.allocate(Request { size, kind, tag, contents: Contents::Zeroed }).map(|block| block.address)
    };
    let free = |address| pool.free(Claim { address, tag: None }).unwrap();
    let committed = || PoolKind::ALL.map(|kind| pool.usage(kind).committed.0);

    // Idle pages go back: their frames are free, the addresses map nothing, and they were shown before.
    pool.flush();
    pool.trim();
    let all_free = memory.free_pages();
    seen.0.borrow_mut().clear();
    let block = allocate(300, PoolKind::NonPaged).unwrap();
    guarded::write(block, &[0xA7]).unwrap();
    free(block);
    assert_eq!(memory.free_pages(), PageCount(all_free.0 - 300), "idle");
    assert_eq!(pool.trim(), PageCount(300));
    assert_eq!(memory.free_pages(), all_free);
    assert!(guarded::read(block, &mut [0]).is_err());
    assert_eq!(seen.0.borrow().len(), 300);
    assert_eq!(seen.0.borrow()[0], (block, 0xA7));
    assert!(matches!(pool.find(block), Place::Freed(_)), "it is known what was there");
    // What comes back is zero, whoever had the frames.
    let again = allocate(300, PoolKind::NonPaged).unwrap();
    assert_eq!(read(again), 0);
    free(again);
    pool.trim();

    // A request that needs freed pages and pages that were never used: paged pool has 4096 pages of addresses, and 3796
    // behind the freed ones.
    let [_, _, before] = committed();
    let first = allocate(300, PoolKind::Paged).unwrap();
    free(first);
    assert_eq!(committed()[2], before + 300, "idle pages stay until they are needed");
    let large = allocate(3900, PoolKind::Paged).unwrap();
    assert_eq!(large, first);
    assert_eq!([0, 3899].map(|page| read(VirtualAddress(large.0 + page * PAGE_SIZE.0))), [0, 0]);

    // Pages that went back are no part of what is closed and opened.
    free(large);
    pool.trim();
    memory.close_paged_pool().unwrap();
    assert!(!memory.open_paged_pool_at(large).unwrap(), "nothing is mapped there");
    let fresh = allocate(300, PoolKind::Paged).unwrap();
    guarded::write(fresh, &[1]).unwrap();
    memory.open_paged_pool().unwrap();
    free(fresh);
    pool.trim();
    assert_eq!(memory.free_pages(), all_free);
    pool.check().unwrap();
}
