//! The frame database: what every physical page is used for.
//!
//! A frame's number is its place in the storage, and its physical address follows from it. Single frames come from
//! a list, in constant time; runs are found by a search from the top, so that low memory, which some devices cannot
//! do without, lasts longest. The list is threaded through the storage in both directions, since a run takes frames
//! out of its middle.
//!
//! # Invariants
//! - A frame is on the free list exactly when its use is [`FrameUse::Free`].
//! - The count of free frames is the length of that list.
//! - A hole is never handed out and never freed.
//!
//! [`FrameDatabase::check`] goes through all of them.

use core::fmt;
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, Pfn, PhysicalAddress};

/// What a frame is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameUse {
    /// The number names no memory.
    Hole,
    /// Nobody uses it.
    Free,
    /// Nonpaged pool.
    NonPagedPool,
    /// Paged pool.
    PagedPool,
    /// A loaded image.
    Image,
    /// A kernel stack.
    Stack,
    /// Contiguous memory that a driver asked for.
    Contiguous,
    /// Non-cached memory that a driver asked for.
    NonCached,
    /// Frames that a driver asked for by a memory descriptor list.
    DescriptorList,
    /// The system's own.
    System,
}

impl FrameUse {
    const fn is_owned(self) -> bool {
        !matches!(self, FrameUse::Hole | FrameUse::Free)
    }
}

/// The end of the free list.
const NONE: u32 = u32::MAX;

/// The database's record of one frame; the caller provides an array of these.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    usage: FrameUse,
    next: u32,
    previous: u32,
}

impl Frame {
    /// A record to fill the storage with before the database takes it.
    pub const HOLE: Frame = Frame { usage: FrameUse::Hole, next: NONE, previous: NONE };
}

/// Frames one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRun {
    /// The first frame.
    pub first: Pfn,
    /// How many there are.
    pub count: PageCount,
}

impl FrameRun {
    /// The run of `count` frames from `first` on.
    #[must_use]
    pub const fn new(first: Pfn, count: PageCount) -> FrameRun {
        FrameRun { first, count }
    }

    /// The physical address of the first byte.
    #[must_use]
    pub const fn address(self) -> PhysicalAddress {
        self.first.address()
    }

    /// The frames in order.
    pub fn frames(self) -> impl Iterator<Item = Pfn> {
        (self.first.0..self.first.0 + self.count.0).map(Pfn)
    }
}

/// Where a run of frames may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// No byte of the run lies below (SYS-021).
    pub lowest: PhysicalAddress,
    /// No byte of the run lies above (SYS-020).
    pub highest: PhysicalAddress,
    /// The run crosses no multiple of this power of two (SYS-022); `None` for no such limit (SYS-023).
    pub boundary: Option<Bytes>,
    /// The run's first byte is a multiple of this power of two; up to a page it says nothing.
    pub alignment: Bytes,
}

impl RunLimits {
    /// No limits.
    pub const ANYWHERE: RunLimits = RunLimits {
        lowest: PhysicalAddress(0),
        highest: PhysicalAddress(u64::MAX),
        boundary: None,
        alignment: PAGE_SIZE,
    };

    /// No byte above this address.
    #[must_use]
    pub const fn up_to(highest: PhysicalAddress) -> RunLimits {
        RunLimits { highest, ..RunLimits::ANYWHERE }
    }
}

/// Why the database did not do what was asked; nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// So many free frames, where a run was asked for in a row and within its limits, are not to be had.
    NoMemory(PageCount),
    /// A run of no frames, or a boundary or alignment that is no power of two.
    BadRequest,
    /// The frame is free, a hole, or beyond the last one, so that it cannot be freed.
    NotInUse(Pfn),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::NoMemory(count) => {
                write!(f, "no physical memory for {count}; free some or give the machine more")
            }
            FrameError::BadRequest => f.write_str(
                "a run needs at least one frame, and a power of two as its boundary and its alignment",
            ),
            FrameError::NotInUse(frame) => {
                write!(
                    f,
                    "frame {:#x} is not in use; free a frame once, by the number it was given by",
                    frame.0
                )
            }
        }
    }
}

impl core::error::Error for FrameError {}

/// A broken invariant: an error of ours, or of something that wrote over the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inconsistency {
    /// The list leads to a frame that is not free, does not exist, or does not point back.
    BadLink(Pfn),
    /// The list and the count of free frames, or the uses and the count of frames, disagree.
    BadCount,
}

/// The database of all frames.
pub struct FrameDatabase<'a> {
    frames: &'a mut [Frame],
    free_head: u32,
    free_count: u64,
    existing_count: u64,
}

impl<'a> FrameDatabase<'a> {
    /// Makes a database whose frame numbers are the places in `storage`; the frames in `present` exist and are free,
    /// the others are holes.
    ///
    /// Runs may touch and overlap. The lowest frames are handed out last.
    ///
    /// # Panics
    /// When a run ends beyond the storage, or the storage has 2^32 - 1 records (16 TiB) or more.
    #[must_use]
    pub fn new(storage: &'a mut [Frame], present: &[FrameRun]) -> FrameDatabase<'a> {
        assert!(storage.len() < NONE as usize, "a frame database has fewer than {NONE} frames");
        storage.fill(Frame::HOLE);
        let mut database =
            FrameDatabase { frames: storage, free_head: NONE, free_count: 0, existing_count: 0 };
        for frame in present.iter().flat_map(|run| run.frames()) {
            let index = database.index(frame).expect("present frames lie within the storage");
            database.frames[index].usage = FrameUse::System;
        }
        for index in 0..database.frames.len() {
            if database.frames[index].usage == FrameUse::System {
                database.existing_count += 1;
                database.push(index as u32);
            }
        }
        database
    }

    /// The frames that exist.
    #[must_use]
    pub fn existing_count(&self) -> PageCount {
        PageCount(self.existing_count)
    }

    /// The frames that nobody uses.
    #[must_use]
    pub fn free_count(&self) -> PageCount {
        PageCount(self.free_count)
    }

    /// The highest frame that exists, or `None` when none does.
    #[must_use]
    pub fn highest(&self) -> Option<Pfn> {
        let index = self.frames.iter().rposition(|frame| frame.usage != FrameUse::Hole)?;
        Some(Pfn(index as u64))
    }

    /// What a frame is used for; a number beyond the last frame is a hole.
    #[must_use]
    pub fn usage(&self, frame: Pfn) -> FrameUse {
        self.index(frame).map_or(FrameUse::Hole, |index| self.frames[index].usage)
    }

    /// Takes one frame for `usage`, in constant time.
    ///
    /// # Errors
    /// [`FrameError::NoMemory`] when no frame is free.
    ///
    /// # Panics
    /// When `usage` is no use: free or a hole.
    pub fn allocate(&mut self, usage: FrameUse) -> Result<Pfn, FrameError> {
        assert!(usage.is_owned(), "a frame is allocated for a use");
        if self.free_head == NONE {
            return Err(FrameError::NoMemory(PageCount(1)));
        }
        let index = self.free_head;
        self.take(index, usage);
        Ok(Pfn(u64::from(index)))
    }

    /// Takes `count` frames in a row within `limits` for `usage`; of several such runs, the highest.
    ///
    /// The search takes time in proportion to the number of frames.
    ///
    /// # Errors
    /// [`FrameError::NoMemory`] when there is no such run, be it that enough frames are free but scattered
    /// (SYS-041); [`FrameError::BadRequest`].
    ///
    /// # Panics
    /// When `usage` is no use: free or a hole.
    pub fn allocate_run(
        &mut self,
        count: PageCount,
        limits: RunLimits,
        usage: FrameUse,
    ) -> Result<FrameRun, FrameError> {
        assert!(usage.is_owned(), "a frame is allocated for a use");
        let is_power = |size: Bytes| size.0.is_power_of_two();
        if count.0 == 0 || !is_power(limits.alignment) || !limits.boundary.is_none_or(is_power) {
            return Err(FrameError::BadRequest);
        }
        let first = self.find_run(count, limits).ok_or(FrameError::NoMemory(count))?;
        let run = FrameRun { first: Pfn(first), count };
        for frame in run.frames() {
            self.take(frame.0 as u32, usage);
        }
        Ok(run)
    }

    /// Gives a frame back and says what it was used for.
    ///
    /// # Errors
    /// [`FrameError::NotInUse`].
    pub fn free(&mut self, frame: Pfn) -> Result<FrameUse, FrameError> {
        let usage = self.usage(frame);
        if !usage.is_owned() {
            return Err(FrameError::NotInUse(frame));
        }
        self.push(frame.0 as u32);
        Ok(usage)
    }

    /// Gives all frames of a run back, or none.
    ///
    /// # Errors
    /// [`FrameError::NotInUse`] with the first frame that is not in use.
    pub fn free_run(&mut self, run: FrameRun) -> Result<(), FrameError> {
        if let Some(frame) = run.frames().find(|&frame| !self.usage(frame).is_owned()) {
            return Err(FrameError::NotInUse(frame));
        }
        run.frames().for_each(|frame| self.push(frame.0 as u32));
        Ok(())
    }

    /// Goes through all invariants.
    ///
    /// # Errors
    /// The first one that does not hold.
    pub fn check(&self) -> Result<(), Inconsistency> {
        let (mut at, mut before, mut length) = (self.free_head, NONE, 0);
        while at != NONE {
            match self.frames.get(at as usize) {
                Some(frame)
                    if frame.usage == FrameUse::Free
                        && frame.previous == before
                        && length < self.free_count =>
                {
                    length += 1;
                    (before, at) = (at, frame.next);
                }
                _ => return Err(Inconsistency::BadLink(Pfn(u64::from(at)))),
            }
        }
        let count = |wanted: fn(FrameUse) -> bool| {
            self.frames.iter().filter(|frame| wanted(frame.usage)).count() as u64
        };
        let free = count(|usage| usage == FrameUse::Free);
        let existing = count(|usage| usage != FrameUse::Hole);
        if length != self.free_count || free != self.free_count || existing != self.existing_count {
            return Err(Inconsistency::BadCount);
        }
        Ok(())
    }

    fn index(&self, frame: Pfn) -> Option<usize> {
        usize::try_from(frame.0).ok().filter(|&index| index < self.frames.len())
    }

    /// The first frame of the highest run that fits.
    fn find_run(&self, count: PageCount, limits: RunLimits) -> Option<u64> {
        let lowest = limits.lowest.0.div_ceil(PAGE_SIZE.0);
        // The frame after the last one that lies below the limit as a whole.
        let end = (limits.highest.0.saturating_add(1) / PAGE_SIZE.0).min(self.frames.len() as u64);
        let aligned = |first: u64| Pfn(first).address().0 & (limits.alignment.0 - 1) == 0;
        let crosses = |first: u64| {
            limits.boundary.is_some_and(|boundary| {
                let last_byte = Pfn(first + count.0).address().0 - 1;
                Pfn(first).address().0 / boundary.0 != last_byte / boundary.0
            })
        };

        let mut candidate = end.checked_sub(count.0)?;
        // Frames from `candidate` up to here are known to be free.
        let mut free_from = candidate + count.0;
        loop {
            if candidate < lowest {
                return None;
            }
            // Only the frames that the step down has added are looked at.
            let taken = (candidate..free_from.min(candidate + count.0))
                .rev()
                .find(|&number| self.frames[number as usize].usage != FrameUse::Free);
            candidate = match taken {
                Some(number) => {
                    free_from = number;
                    number.checked_sub(count.0)?
                }
                None => {
                    free_from = candidate;
                    if aligned(candidate) && !crosses(candidate) {
                        return Some(candidate);
                    }
                    candidate.checked_sub(1)?
                }
            };
        }
    }

    /// Puts a frame at the head of the free list.
    fn push(&mut self, index: u32) {
        let old_head = self.free_head;
        self.frames[index as usize] = Frame { usage: FrameUse::Free, next: old_head, previous: NONE };
        if old_head != NONE {
            self.frames[old_head as usize].previous = index;
        }
        self.free_head = index;
        self.free_count += 1;
    }

    /// Takes a free frame out of the list.
    fn take(&mut self, index: u32, usage: FrameUse) {
        let Frame { usage: old, next, previous } = self.frames[index as usize];
        assert!(old == FrameUse::Free, "a frame on the free list is free");
        match previous {
            NONE => self.free_head = next,
            previous => self.frames[previous as usize].next = next,
        }
        if next != NONE {
            self.frames[next as usize].previous = previous;
        }
        self.frames[index as usize] = Frame { usage, next: NONE, previous: NONE };
        self.free_count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ops::Range;
    use std::vec;
    use std::vec::Vec;

    const LIST: FrameUse = FrameUse::DescriptorList;

    fn run(frames: Range<u64>) -> FrameRun {
        FrameRun::new(Pfn(frames.start), PageCount(frames.end - frames.start))
    }

    #[test]
    fn frames_are_handed_out_from_the_top_and_the_last_freed_comes_first() {
        let mut storage = [Frame::HOLE; 4];
        let mut database = FrameDatabase::new(&mut storage, &[run(0..4)]);
        let taken: Vec<u64> = (0..4).map(|_| database.allocate(LIST).unwrap().0).collect();
        assert_eq!(taken, [3, 2, 1, 0]);
        assert_eq!(database.allocate(LIST), Err(FrameError::NoMemory(PageCount(1))));
        assert_eq!(database.free(Pfn(2)), Ok(LIST));
        assert_eq!(database.allocate(FrameUse::Stack), Ok(Pfn(2)));
        assert_eq!(database.usage(Pfn(2)), FrameUse::Stack);
        assert_eq!(database.check(), Ok(()));
    }

    #[test]
    fn holes_are_neither_handed_out_nor_freed() {
        let mut storage = [Frame::HOLE; 10];
        let mut database = FrameDatabase::new(&mut storage, &[run(1..3), run(5..7)]);
        assert_eq!(database.existing_count(), PageCount(4));
        assert_eq!(database.highest(), Some(Pfn(6)));
        let mut taken: Vec<u64> =
            core::iter::from_fn(|| database.allocate(LIST).ok()).map(|frame| frame.0).collect();
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 5, 6]);
        for number in [0, 3, 9, 10, u64::MAX] {
            assert_eq!(database.free(Pfn(number)), Err(FrameError::NotInUse(Pfn(number))));
        }
        assert_eq!(database.check(), Ok(()));
    }

    #[test]
    fn a_frame_is_freed_once() {
        let mut storage = [Frame::HOLE; 2];
        let mut database = FrameDatabase::new(&mut storage, &[run(0..2)]);
        let frame = database.allocate(LIST).unwrap();
        assert_eq!(database.free(frame), Ok(LIST));
        assert_eq!(database.free(frame), Err(FrameError::NotInUse(frame)));
        assert_eq!(database.free_count(), PageCount(2));
    }

    #[test]
    fn sys_018_contiguous_frames_follow_one_another_and_avoid_holes_and_owners() {
        let mut storage = [Frame::HOLE; 16];
        let mut database = FrameDatabase::new(&mut storage, &[run(0..6), run(8..16)]);
        let run = database.allocate_run(PageCount(5), RunLimits::ANYWHERE, LIST).unwrap();
        assert_eq!(run, FrameRun { first: Pfn(11), count: PageCount(5) });
        let run = database.allocate_run(PageCount(4), RunLimits::ANYWHERE, LIST).unwrap();
        assert_eq!(run.first, Pfn(2), "8 to 10 are only three");
        assert!(run.frames().all(|frame| database.usage(frame) == LIST));
        assert_eq!(database.check(), Ok(()));
    }

    #[test]
    fn sys_020_no_byte_of_a_run_lies_above_the_highest_acceptable_address() {
        let mut storage = vec![Frame::HOLE; 64];
        let mut database = FrameDatabase::new(&mut storage, &[run(0..64)]);
        let limit = |highest| RunLimits::up_to(PhysicalAddress(highest));
        assert_eq!(database.allocate_run(PageCount(2), limit(0x9FFF), LIST).unwrap().first, Pfn(8));
        assert_eq!(
            database.allocate_run(PageCount(1), limit(0x7FFE), LIST).unwrap().first,
            Pfn(6),
            "frame 7 ends above the limit"
        );
        assert_eq!(
            database.allocate_run(PageCount(9), limit(0x7FFF), LIST),
            Err(FrameError::NoMemory(PageCount(9)))
        );
    }

    #[test]
    fn no_byte_of_a_run_lies_below_the_lowest_acceptable_address() {
        let mut storage = [Frame::HOLE; 16];
        let mut database = FrameDatabase::new(&mut storage, &[run(0..16)]);
        let limits = RunLimits { lowest: PhysicalAddress(0xD001), ..RunLimits::ANYWHERE };
        assert_eq!(database.allocate_run(PageCount(2), limits, LIST).unwrap().first, Pfn(14));
        assert_eq!(
            database.allocate_run(PageCount(1), limits, LIST),
            Err(FrameError::NoMemory(PageCount(1))),
            "frame 13 begins one byte too low"
        );
    }

    #[test]
    fn a_run_crosses_no_multiple_of_its_boundary() {
        let mut storage = [Frame::HOLE; 16];
        let mut database = FrameDatabase::new(&mut storage, &[run(0..15)]);
        let limits = RunLimits { boundary: Some(Bytes(0x4000)), ..RunLimits::ANYWHERE };
        assert_eq!(database.allocate_run(PageCount(3), limits, LIST).unwrap().first, Pfn(12));
        assert_eq!(database.allocate_run(PageCount(3), limits, LIST).unwrap().first, Pfn(9));
        assert_eq!(
            database.allocate_run(PageCount(5), limits, LIST),
            Err(FrameError::NoMemory(PageCount(5))),
            "a run longer than the boundary always crosses one"
        );
        let odd = RunLimits { boundary: Some(Bytes(0x3000)), ..RunLimits::ANYWHERE };
        assert_eq!(database.allocate_run(PageCount(1), odd, LIST), Err(FrameError::BadRequest));
    }

    #[test]
    fn without_a_boundary_a_run_may_lie_across_anything() {
        let mut storage = [Frame::HOLE; 16];
        let mut database = FrameDatabase::new(&mut storage, &[run(2..14)]);
        let run = database.allocate_run(PageCount(12), RunLimits::ANYWHERE, LIST).unwrap();
        assert_eq!(run.first, Pfn(2));
    }

    #[test]
    fn sys_041_scattered_frames_do_not_make_a_run() {
        let mut storage = [Frame::HOLE; 16];
        let mut database = FrameDatabase::new(&mut storage, &[run(0..16)]);
        let run = database.allocate_run(PageCount(16), RunLimits::ANYWHERE, LIST).unwrap();
        run.frames().filter(|frame| frame.0 % 2 == 0).for_each(|frame| {
            database.free(frame).unwrap();
        });
        assert_eq!(database.free_count(), PageCount(8));
        assert_eq!(
            database.allocate_run(PageCount(2), RunLimits::ANYWHERE, LIST),
            Err(FrameError::NoMemory(PageCount(2)))
        );
    }

    #[test]
    fn a_run_begins_at_a_multiple_of_its_alignment() {
        let mut storage = [Frame::HOLE; 16];
        let mut database = FrameDatabase::new(&mut storage, &[run(0..15)]);
        let limits = RunLimits { alignment: Bytes(0x4000), ..RunLimits::ANYWHERE };
        assert_eq!(database.allocate_run(PageCount(2), limits, LIST).unwrap().first, Pfn(12));
        assert_eq!(database.allocate_run(PageCount(4), limits, LIST).unwrap().first, Pfn(8));
    }

    #[test]
    fn a_run_is_freed_as_a_whole_or_not_at_all() {
        let mut storage = [Frame::HOLE; 8];
        let mut database = FrameDatabase::new(&mut storage, &[run(0..8)]);
        let run = database.allocate_run(PageCount(4), RunLimits::ANYWHERE, LIST).unwrap();
        let longer = FrameRun { count: PageCount(5), first: Pfn(3) };
        assert_eq!(database.free_run(longer), Err(FrameError::NotInUse(Pfn(3))));
        assert_eq!(database.free_count(), PageCount(4));
        assert_eq!(database.free_run(run), Ok(()));
        assert_eq!(database.free_count(), PageCount(8));
    }

    /// Drives a long history against a plain model: a vector of uses, searched by brute force.
    #[test]
    fn a_long_history_agrees_with_a_plain_model() {
        let mut storage = vec![Frame::HOLE; 48];
        let present = [2..20, 24..40, 41..47];
        let mut database = FrameDatabase::new(&mut storage, &present.clone().map(run));
        let mut model: Vec<Option<bool>> = (0..48)
            .map(|number| present.iter().any(|range| range.contains(&number)).then_some(false))
            .collect();
        let mut random = 0x1234_5678_9ABC_DEF1_u64;
        for _ in 0..4000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let count = 1 + (random >> 8) % 5;
            if random.is_multiple_of(3) {
                let number = (random >> 16) % 48;
                let owned = model[number as usize] == Some(true);
                assert_eq!(database.free(Pfn(number)).is_ok(), owned);
                if owned {
                    model[number as usize] = Some(false);
                }
            } else {
                let limits = RunLimits {
                    lowest: PhysicalAddress((random >> 20) % 0x8000),
                    highest: PhysicalAddress(0x10000 + (random >> 24) % 0x20000),
                    boundary: (random & 1 << 40 != 0).then_some(Bytes(0x4000)),
                    alignment: Bytes(0x1000 << ((random >> 41) % 3)),
                };
                let fits = |first: u64| {
                    let (begin, end) = (first << 12, (first + count) << 12);
                    begin >= limits.lowest.0
                        && end - 1 <= limits.highest.0
                        && begin % limits.alignment.0 == 0
                        && limits.boundary.is_none_or(|boundary| begin / boundary.0 == (end - 1) / boundary.0)
                        && (first..first + count).all(|number| model[number as usize] == Some(false))
                };
                let expected = (0..=48 - count).rev().find(|&first| fits(first));
                let run = database.allocate_run(PageCount(count), limits, LIST);
                assert_eq!(run.ok().map(|run| run.first.0), expected);
                for number in expected.into_iter().flat_map(|first| first..first + count) {
                    model[number as usize] = Some(true);
                }
            }
            assert_eq!(database.check(), Ok(()));
        }
    }

    #[test]
    fn the_check_finds_a_broken_link_and_a_wrong_count() {
        let mut storage = [Frame::HOLE; 8];
        let mut database = FrameDatabase::new(&mut storage, &[run(0..8)]);
        database.frames[3].previous = 7;
        assert_eq!(database.check(), Err(Inconsistency::BadLink(Pfn(3))));
        database.frames[3].previous = 4;
        database.frames[3].usage = FrameUse::Stack;
        assert_eq!(database.check(), Err(Inconsistency::BadLink(Pfn(3))));
        database.frames[3].usage = FrameUse::Free;
        database.existing_count = 9;
        assert_eq!(database.check(), Err(Inconsistency::BadCount));
    }
}
