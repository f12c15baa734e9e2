//! What is done with memory that nobody needs: magazines are taken home, idle pages given back, shards handed on.

use super::{Pool, Quiesced};
use crate::central::Central;
use crate::shard::{Shard, ShardHandle};
use crate::sync::Ordering;
use crate::{Platform, ShardHold};
use ntpool_types::PageCount;

/// Dirty pages that stay when nobody needs them: enough for a burst, little enough to keep.
const RESERVE_PAGES: u64 = 64;

/// How long pages are idle before they are given back, in milliseconds.
const IDLE_PERIOD: u64 = 100;

/// How many turns of giving back one look at the clock makes at most.
pub(super) const TURNS: usize = 16;

impl<P: Platform> Pool<P> {
    /// Takes every free block out of the shard that the platform hands out now, and out of the depot, to its page.
    ///
    /// For want of memory, and for a measure of what is in use. Steps: the blocks in shard and depot.
    pub fn flush(&self) {
        let hold = self.hold();
        self.flush_shard(hold.shard());
    }

    /// Hands the free blocks of the shard that the platform hands out now to whoever needs them: its thread or processor
    /// goes away. The shard can be handed out again afterwards.
    ///
    /// Steps: the blocks in the shard.
    pub fn retire(&self) {
        let hold = self.hold();
        let shard = self.shards.held(hold.shard());
        let mut central = self.lock();
        if Self::CHECKS.quarantine > 0 {
            self.take_quarantined_home(shard, &mut central);
        }
        for bin in 0..self.pages.spans().len() * Self::CLASSES.count() {
            if bin % Self::CLASSES.count() == Self::CLASSES.huge() {
                // The depot has no requests for exactly a block's size.
                self.take_all_home(shard, &mut central, bin);
            } else if shard.count_in(bin) > 0 {
                central.take_back(&self.pages, bin, shard.entries(bin));
            }
            shard.forget(bin);
        }
    }

    /// Forgets what is in a shard: its blocks are lost to the pool, and nothing is done to them.
    ///
    /// For a process that was copied while another thread was within this shard: of what that thread was about, the copy
    /// may have any part. Lost for good are the free blocks of the shard, the block that the thread was allocating or
    /// freeing, which may stay live without an owner, its count, and pages that the thread was giving back; from now on
    /// [`check`](Pool::check) accepts that they are nowhere. Finding them would take a walk over the whole pool.
    ///
    /// Takes no lock. Steps: the bins.
    pub fn abandon(&self, hold: &impl ShardHold) {
        self.lossy.store(true, Ordering::Relaxed);
        let shard = self.shards.held(hold.shard());
        shard.empty_quarantine(drop);
        (0..self.pages.spans().len() * Self::CLASSES.count()).for_each(|bin| shard.forget(bin));
    }

    /// Gives idle pages back to the page source, as many as it takes; how many that were.
    ///
    /// IRQL: at or below DISPATCH_LEVEL if the page source can give back there. Steps: the runs of free pages.
    pub fn trim(&self) -> PageCount {
        let _hold = self.hold();
        PageCount(self.give_back_pages(u64::MAX, usize::MAX))
    }

    /// Waits until nobody is inside the pool's locks, and keeps everybody out until the result is dropped.
    pub fn quiesce(&self) -> Quiesced<'_> {
        let counting = self.counting.lock(|turn| self.platform.relax(turn));
        Quiesced { _counting: counting, _central: self.lock() }
    }

    /// Takes the shard's free blocks home, and those of the depot.
    pub(super) fn flush_shard(&self, shard: ShardHandle) {
        let shard = self.shards.held(shard);
        let mut central = self.lock();
        if Self::CHECKS.quarantine > 0 {
            self.take_quarantined_home(shard, &mut central);
        }
        for bin in 0..self.pages.spans().len() * Self::CLASSES.count() {
            self.take_all_home(shard, &mut central, bin);
            central.empty_depot(&self.pages, bin);
        }
    }

    /// Takes home what is in a shard's magazine, which is as if it had never been used afterwards.
    fn take_all_home(&self, shard: Shard<'_>, central: &mut Central, bin: usize) {
        if shard.count_in(bin) > 0 {
            central.take_home(&self.pages, bin, shard.entries(bin));
            shard.forget(bin);
        }
    }

    pub(super) fn take_quarantined_home(&self, shard: Shard<'_>, central: &mut Central) {
        shard.empty_quarantine(|entry| {
            if let Some(bin) = self.bin_of(entry) {
                central.take_home(&self.pages, bin, [entry].into_iter());
            }
        });
    }

    /// Looks at the clock, and gives back what has been idle for long: now and then the shard's large blocks go home, so that
    /// their pages are idle like others.
    pub(super) fn tick(&self, shard: Shard<'_>) {
        let Some(now) = self.platform.milliseconds() else { return };
        let Some(idle) = self.lock().idle_pages(now, IDLE_PERIOD, RESERVE_PAGES) else { return };
        let mut central = self.lock();
        for arena in 0..self.pages.spans().len() {
            for class in Self::CLASSES.scarce() {
                let bin = arena * Self::CLASSES.count() + class;
                self.take_all_home(shard, &mut central, bin);
                central.empty_depot(&self.pages, bin);
            }
        }
        drop(central);
        if idle > 0 {
            self.give_back_pages(idle, TURNS);
        }
    }

    /// Gives up to `most` free pages back, in so many turns; how many.
    pub(super) fn give_back_pages(&self, most: u64, turns: usize) -> u64 {
        let mut given = 0;
        for _ in 0..turns {
            let Some(leaving) = self.lock().begin_leaving(&self.pages, most - given) else { break };
            let runs = leaving.page_runs(&self.pages);
            let taken = self.platform.give_back(&runs[..leaving.count()]);
            self.lock().end_leaving(&self.pages, &leaving, taken);
            if !taken {
                break;
            }
            given += leaving.pages();
        }
        given
    }
}
