//! Frees that ask questions, and those that a magazine has no room for: a claim is looked up, its block checked and ended.

use super::request::batch_of;
use super::{Outside, POISONED, Pool};
use crate::claim::Crime;
use crate::class::KEPT;
use crate::corruption::{Corruption, Damage};
use crate::shard::{Entry, ShardHandle};
use crate::tag_table::TagIndex;
use crate::{Claim, Freed, Platform, ShardHold, slot};
use ntpool_types::{Tag, Violation, VirtualAddress};

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
        let slot = self.pages.slot(entry.slot);
        let word = if Self::CHECKS.racing_frees { slot::end_exclusively(slot) } else { slot::end(slot) };
        if !word.is_live() {
            return Err(Crime::DoubleFree { block });
        }
        if Self::CHECKS.canary
            && let Some((offset, found)) =
                self.memory.canary_broken(address, block.size.as_usize(), entry.place as usize)
        {
            self.platform.found(&Corruption {
                damage: Damage::Overrun,
                block: address,
                size: block.size,
                address: VirtualAddress(address.0 + offset as u64),
                found: u64::from(found),
            });
        }
        if Self::CHECKS.poison {
            self.memory.poison(address, (entry.place as usize).min(POISONED));
        }
        let shard = self.shards.held(hold.shard());
        let freed = Entry::new(address, entry.slot);
        let mut leaving = Some((entry.arena * Self::CLASSES.count() + entry.class, freed));
        if Self::CHECKS.quarantine > 0 && entry.class != Self::CLASSES.huge() {
            leaving = shard.quarantine(freed).and_then(|oldest| Some((self.bin_of(oldest)?, oldest)));
        }
        if let Some((bin, entry)) = leaving
            && !shard.push(bin, entry)
        {
            self.overflow(hold.shard(), bin, entry);
        }
        Ok(block)
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
        let located = self.pages.locate(entry.address())?;
        let cut = self.pages.of(located.arena).cut(located.page);
        let spot = cut.block_beginning_at(Self::CLASSES, located.offset)?;
        Some(located.arena * Self::CLASSES.count() + spot.class)
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
