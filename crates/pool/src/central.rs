//! The part of the pool that all shards share: the three arenas and the table of tags, under one lock.

use crate::arena::{Arena, Entry};
use crate::claim::Crime;
use crate::metadata::{Carver, Tally};
use crate::tag_table::{TagIndex, TagTable};
use crate::{Block, Claim, Config, NoMemory, PageSource, Place, Region, Request, Usage};
use ntpool_types::{Bytes, PoolKind, VirtualAddress};

/// What all shards share.
pub(crate) struct Central {
    pub(crate) arenas: [Arena; 3],
    pub(crate) tags: TagTable,
    system_space_start: VirtualAddress,
    metadata_base: VirtualAddress,
    metadata_size: Bytes,
}

/// A block together with what the counters need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) block: Block,
    pub(crate) tag: TagIndex,
}

impl Central {
    /// Adds what the shared part of a pool with these regions needs.
    pub(crate) fn tally(tally: Tally, regions: &[Region; 3]) -> Tally {
        regions.iter().fold(TagTable::tally(tally), Arena::tally)
    }

    /// The shared part of a pool without a block.
    pub(crate) fn new(
        carver: &mut Carver,
        config: &Config,
        metadata_base: VirtualAddress,
        metadata_size: Bytes,
    ) -> Central {
        let tags = TagTable::new(carver);
        let arenas =
            PoolKind::ALL.map(|kind| Arena::new(carver, kind, config.regions[kind.index()], config.tail));
        Central { arenas, tags, system_space_start: config.system_space_start, metadata_base, metadata_size }
    }

    /// Takes a block.
    ///
    /// Errors: [`NoMemory`]; the tag may have become known, nothing else has changed.
    pub(crate) fn allocate(
        &mut self,
        request: Request,
        source: &impl PageSource,
    ) -> Result<Counted, NoMemory> {
        let tag = self.tags.intern(request.tag);
        let address = self.arenas[request.kind.index()].allocate(request.size, tag, source)?;
        let block = Block { address, size: request.size, kind: request.kind, tag: self.tags.tag(tag) };
        Ok(Counted { block, tag })
    }

    /// Looks the claim up and ends its block.
    ///
    /// Errors: the crime when it is no claim to a live block; nothing has changed.
    pub(crate) fn free(&mut self, claim: Claim) -> Result<Counted, Crime> {
        let (kind, entry) = self.validate(claim)?;
        self.arenas[kind.index()].free(entry.spot);
        Ok(Counted { block: self.block(kind, entry), tag: entry.tag })
    }

    /// What lies at an address.
    pub(crate) fn find(&self, address: VirtualAddress) -> Place {
        for arena in &self.arenas {
            if let Some((page, offset)) = arena.page_of(address) {
                return match arena.find(page, offset) {
                    Some(entry) if entry.live => Place::Live(self.block(arena.kind, entry)),
                    Some(entry) => Place::Freed(self.block(arena.kind, entry)),
                    None => Place::Unused(arena.kind),
                };
            }
        }
        let in_metadata =
            address.offset_from(self.metadata_base).is_some_and(|offset| offset < self.metadata_size);
        if in_metadata { Place::Metadata } else { Place::Outside }
    }

    /// The pages of one kind.
    pub(crate) fn usage(&self, kind: PoolKind) -> Usage {
        let arena = &self.arenas[kind.index()];
        Usage { in_use: arena.map.in_use(), committed: arena.map.committed(), limit: arena.region.limit }
    }

    /// The block that an entry of `kind`'s arena describes.
    pub(crate) fn block(&self, kind: PoolKind, entry: Entry) -> Block {
        Block { address: entry.address, size: entry.size, kind, tag: self.tags.tag(entry.tag) }
    }

    fn validate(&self, claim: Claim) -> Result<(PoolKind, Entry), Crime> {
        let address = claim.address;
        if address == VirtualAddress::NULL {
            return Err(Crime::Null);
        }
        if address < self.system_space_start {
            return Err(Crime::User { system_space_start: self.system_space_start });
        }
        let located = self.arenas.iter().find_map(|arena| Some((arena, arena.page_of(address)?)));
        let Some((arena, (page, offset))) = located else {
            return Err(if self.find(address) == Place::Metadata { Crime::Metadata } else { Crime::Outside });
        };
        if !arena.map.is_committed(page) {
            return Err(Crime::Uncommitted { kind: arena.kind });
        }
        let entry =
            arena.find(page, offset).ok_or(Crime::NoBlock { region: arena.region, kind: arena.kind })?;
        let block = self.block(arena.kind, entry);
        match (entry.live, entry.address == address) {
            (true, true)
                if entry.tag != TagIndex::OVERFLOW && claim.tag.is_some_and(|tag| tag != block.tag) =>
            {
                Err(Crime::WrongTag { block })
            }
            (true, true) => Ok((arena.kind, entry)),
            (true, false) => Err(Crime::Interior { block }),
            (false, true) => Err(Crime::DoubleFree { block }),
            (false, false) => Err(Crime::NoBlock { region: arena.region, kind: arena.kind }),
        }
    }
}
