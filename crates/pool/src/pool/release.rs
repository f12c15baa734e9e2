//! Frees that ask questions, and those that a magazine has no room for: a claim is looked up, its block checked and ended.

use super::request::batch_of;
use super::{Outside, POISONED, Pool};
use crate::claim::Crime;
use crate::class::KEPT;
use crate::corruption::{Corruption, Damage};
use crate::cut::Spot;
use crate::shard::{Entry, ShardHandle};
use crate::tag_table::TagIndex;
use crate::{Claim, Freed, Platform, ShardHold, slot};
use ntpool_types::{Bytes, Tag, Violation, VirtualAddress};

impl<P: Platform> Pool<P> {
    /// Frees the block that the claim is to.
    ///
    /// IRQL: at or below DISPATCH_LEVEL; the block itself is not touched unless the pool poisons. Errors: the
    /// [`Violation`] when the address is not the first of a live block, or a tag is given and is not the block's; nothing
    /// has changed then. Which crimes can't be told apart is said in the crate's documentation.
    pub fn free(&self, claim: Claim) -> Result<Freed, Violation> {
        self.end(claim.address, claim.tag).map_err(|crime: Crime| crime.violation(claim, &self.platform))
    }

    /// Looks the claim up and ends its block.
    pub(super) fn end(&self, address: VirtualAddress, tag: Option<Tag>) -> Result<Freed, Crime> {
        let hold = self.hold();
        let Some(entry) = self.live_at(address) else { return Err(self.crime_at(address)) };
        let block = self.looking_without_lock(&entry);
        if entry.tag != TagIndex::OVERFLOW && tag.is_some_and(|tag| tag != block.tag) {
            return Err(Crime::WrongTag { block });
        }
        let spot = Spot { class: entry.class, slot: entry.slot };
        if !self.end_slot(spot.slot) {
            return Err(Crime::DoubleFree { block });
        }
        self.put_away(hold.shard(), address, entry.arena, spot, entry.place);
        Ok(block)
    }

    /// The frees of pools that check, whatever the block's tag; whether there was one.
    #[inline(never)]
    pub(super) fn free_checked(&self, address: VirtualAddress) -> bool {
        let hold = self.hold();
        let Some((arena, spot)) = self.pages.block_beginning_at(address) else { return false };
        if !self.end_slot(spot.slot) {
            return false;
        }
        let place = match Self::CLASSES.size(spot.class) as u64 {
            0 => {
                let bin = arena * Self::CLASSES.count() + spot.class;
                self.bytes_of_huge(bin, Entry::new(address, spot.slot))
            }
            size => size,
        };
        self.put_away(hold.shard(), address, arena, spot, place);
        true
    }

    /// Ends the block of a slot; whether there was one.
    fn end_slot(&self, slot: usize) -> bool {
        let slot = self.pages.slot(slot);
        let word = if Self::CHECKS.racing_frees { slot::end_exclusively(slot) } else { slot::end(slot) };
        word.is_live()
    }

    /// Looks at what a block that has ended left behind, and puts it where free blocks are.
    fn put_away(&self, shard: ShardHandle, address: VirtualAddress, arena: usize, spot: Spot, place: u64) {
        self.check_canary(address, place - self.slack_of(spot.slot), place);
        if Self::CHECKS.poison {
            self.memory.poison(address, (place as usize).min(POISONED));
        }
        let held = self.shards.held(shard);
        let freed = Entry::new(address, spot.slot);
        let mut leaving = Some((arena * Self::CLASSES.count() + spot.class, freed));
        if Self::CHECKS.quarantine > 0 && spot.class != Self::CLASSES.huge() {
            leaving = held.quarantine(freed).and_then(|oldest| Some((self.bin_of(oldest)?, oldest)));
        }
        if let Some((bin, entry)) = leaving
            && !held.push(bin, entry)
        {
            self.overflow(shard, bin, entry);
        }
    }

    /// Tells of what was written behind a block of so many bytes, where the pool keeps canaries.
    pub(super) fn check_canary(&self, address: VirtualAddress, size: u64, place: u64) {
        if Self::CHECKS.canary
            && let Some((offset, found)) = self.memory.canary_broken(address, size as usize, place as usize)
        {
            self.platform.found(&Corruption {
                damage: Damage::Overrun,
                block: address,
                size: Bytes(size),
                address: VirtualAddress(address.0 + offset as u64),
                found: u64::from(found),
            });
        }
    }

    /// Takes back a freed block that its magazine has no room for; always done.
    #[cold]
    #[inline(never)]
    pub(super) fn overflow(&self, shard: ShardHandle, bin: usize, entry: Entry) -> bool {
        let shard = self.shards.held(shard);
        let class = bin % Self::CLASSES.count();
        let bytes = match Self::CLASSES.size(class) as u64 {
            0 => self.bytes_of_huge(bin, entry),
            bytes => bytes,
        };
        let is_kept = bytes <= self.largest_kept(bin);
        if class == Self::CLASSES.huge() || !is_kept {
            let mut leaving = Some(entry);
            if is_kept && KEPT.contains(&bytes) {
                leaving = shard.keep(bin, entry, Self::CLASSES);
            }
            if leaving.is_some() {
                self.lock().take_home(&self.pages, bin, leaving.into_iter());
            }
            return true;
        }
        let full = shard.count_in(bin);
        if shard.widen(bin, Self::CLASSES) == full {
            let mut central = self.lock();
            central.take_back(&self.pages, bin, shard.entries(bin).take(batch_of(full)));
            shard.drop_oldest(bin, batch_of(full));
        }
        let pushed = shard.push(bin, entry);
        debug_assert!(pushed, "there is room now");
        true
    }

    /// The bin of a free block.
    pub(super) fn bin_of(&self, entry: Entry) -> Option<usize> {
        let (arena, spot) = self.pages.block_beginning_at(entry.address())?;
        Some(arena * Self::CLASSES.count() + spot.class)
    }

    /// Why an address is not the beginning of a live block. Inside a hold.
    #[cold]
    pub(super) fn crime_at(&self, address: VirtualAddress) -> Crime {
        if address == VirtualAddress::NULL {
            return Crime::Null;
        }
        if address < self.outside.system_space_start {
            return Crime::User { system_space_start: self.outside.system_space_start };
        }
        let Some(located) = self.pages.locate(address) else {
            let Outside { metadata_base, metadata_size, .. } = self.outside;
            let inside = address.offset_from(metadata_base).is_some_and(|offset| offset < metadata_size);
            return if inside { Crime::Metadata } else { Crime::Outside };
        };
        let kind = self.pages.span(located.arena).kind;
        let central = self.lock();
        let lookup = self.lookup(&central);
        let entry = lookup.find(located).map(|entry| (entry, lookup.block(&entry)));
        match entry {
            Some((entry, block)) if entry.address == address => Crime::DoubleFree { block },
            Some((entry, block)) if entry.live => Crime::Interior { block },
            _ if lookup.is_committed(located) => {
                Crime::NoBlock { region: self.pages.region(located.arena), kind }
            }
            _ => Crime::Uncommitted { kind },
        }
    }
}
