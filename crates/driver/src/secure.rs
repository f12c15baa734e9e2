//! Secure pool: blocks that driver code may read and only the machine writes.
//!
//! A secure block has pages of its own in nonpaged pool, which are read-only in the view that the driver has; the
//! machine writes them through its own view of physical memory. The block belongs to the pool whose handle it was
//! allocated with, and is known by handle, tag, address and cookie together.
//!
//! What the documents leave open (UNCONFIRMED POOL-163, and POOL-078's page says nothing): a secure block is freed only by
//! the routine that takes parameters, with its own, and only if it was made freeable; a pool is destroyed only when
//! it has no blocks.

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_abi::{
    SECURE_POOL_FLAGS_FREEABLE, SECURE_POOL_FLAGS_MODIFIABLE, SECURE_POOL_FLAGS_NONE, SecurePoolParameters,
};
use ntpool_host::layout::DIRECT_MAP;
use ntpool_machine::Fault;
use ntpool_memory::Protection;
use ntpool_pool::{Block, Claim, Contents, Placement, Request};
use ntpool_types::{Bytes, NtStatus, PAGE_SIZE, PageCount, PoolKind, Rule, Tag, VirtualAddress};
use ntpool_verifier::Allocation;
use std::collections::{BTreeMap, BTreeSet};

/// The first handle; handles are multiples of 4 that no driver would guess by counting from 0.
const FIRST_HANDLE: u64 = 0x5EC0_0004;

/// The secure pools and their blocks.
#[derive(Debug, Default)]
pub(crate) struct SecurePools {
    pools: BTreeSet<u64>,
    blocks: BTreeMap<VirtualAddress, SecureBlock>,
    made: u64,
}

/// A live secure block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SecureBlock {
    address: VirtualAddress,
    size: Bytes,
    tag: Tag,
    pool: u64,
    cookie: u64,
    flags: u32,
}

/// What a caller says to name a secure block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    pub(crate) pool: u64,
    pub(crate) tag: Tag,
    pub(crate) address: VirtualAddress,
    pub(crate) cookie: u64,
}

impl SecureBlock {
    fn pages(&self) -> PageCount {
        self.size.pages_rounded_up()
    }

    fn is_named_by(&self, named: &Named) -> bool {
        let Named { pool, tag, address, cookie } = *named;
        (self.pool, self.tag, self.address, self.cookie) == (pool, tag, address, cookie)
    }

    fn shown(&self) -> Block {
        Block { address: self.address, size: self.size, kind: PoolKind::NonPaged, tag: self.tag }
    }
}

impl SecurePools {
    /// Makes a pool and gives its handle.
    pub(crate) fn create(&mut self) -> u64 {
        let handle = FIRST_HANDLE + 4 * self.made;
        self.made += 1;
        self.pools.insert(handle);
        handle
    }

    /// The live block that these name, all of them rightly (POOL-076).
    fn block(&self, named: &Named) -> Option<&SecureBlock> {
        self.blocks.get(&named.address).filter(|block| block.is_named_by(named))
    }

    /// Whether a live block is named so.
    pub(crate) fn is_valid(&self, named: &Named) -> bool {
        self.block(named).is_some()
    }

    /// The live block whose pages hold the address.
    pub(crate) fn holding(&self, address: VirtualAddress) -> Option<Block> {
        let (_, block) = self.blocks.range(..=address).next_back()?;
        let offset = address.offset_from(block.address)?;
        (offset < block.pages().bytes()).then(|| block.shown())
    }

    fn blocks_of(&self, pool: u64) -> usize {
        self.blocks.values().filter(|block| block.pool == pool).count()
    }
}

impl Session {
    /// Whether a secure allocation can be made with these parameters.
    pub(crate) fn can_be_secure(&self, kind: PoolKind, parameters: &SecurePoolParameters) -> bool {
        let known = SECURE_POOL_FLAGS_NONE | SECURE_POOL_FLAGS_FREEABLE | SECURE_POOL_FLAGS_MODIFIABLE;
        kind == PoolKind::NonPaged
            && parameters.flags & !known == 0
            && self.secure.borrow().pools.contains(&parameters.secure_pool_handle)
    }

    /// Gives the driver a secure block with its first contents, or nothing when memory is used up.
    ///
    /// # Errors
    /// The fault, when the contents can't be read.
    pub(crate) fn allocate_secure(
        &self,
        call: &Call<'_>,
        size: Bytes,
        tag: Tag,
        parameters: &SecurePoolParameters,
    ) -> Result<Option<VirtualAddress>, Stop> {
        let kind = PoolKind::NonPaged;
        if size > self.physical.size() {
            return Ok(None);
        }
        // Whole pages, so that nobody else's block is made read-only with it.
        let request =
            Request { size: size.pages_rounded_up().bytes(), kind, tag, contents: Contents::Zeroed };
        let Ok(block) = self.take_block(request, Placement::ANY) else { return Ok(None) };
        let address = block.address;
        let contents = VirtualAddress(parameters.buffer);
        if contents != VirtualAddress::NULL
            && let Err(fault) = memory::copy(address, contents, size)
        {
            self.pool.free(Claim { address, tag: None }).expect("it was allocated just now");
            return Err(Stop::Fault(fault));
        }
        let secure = SecureBlock {
            address,
            size,
            tag,
            pool: parameters.secure_pool_handle,
            cookie: parameters.cookie,
            flags: parameters.flags,
        };
        if let Err(error) = self.physical.protect(address, secure.pages(), Protection::Read) {
            self.reporter.give_up(&error);
        }
        self.secure.borrow_mut().blocks.insert(address, secure);
        let stack = self.intern(&self.trace(call.registers()));
        let record =
            Allocation { address, size, kind, tag, stack, thread: self.running_number(), sequence: 0 };
        self.tracker.borrow_mut().record_allocation(record);
        Ok(Some(address))
    }

    /// Writes `size` bytes from `source` into a secure block (POOL-075).
    ///
    /// # Errors
    /// The fault, when the source can't be read; what was read before is written.
    pub(crate) fn update_secure(
        &self,
        named: &Named,
        offset: Bytes,
        size: Bytes,
        source: VirtualAddress,
    ) -> Result<NtStatus, Fault> {
        let secure = self.secure.borrow();
        if !secure.pools.contains(&named.pool) {
            return Ok(NtStatus::INVALID_HANDLE);
        }
        let Some(&block) = secure.block(named) else { return Ok(NtStatus::INVALID_PARAMETER) };
        drop(secure);
        if block.flags & SECURE_POOL_FLAGS_MODIFIABLE == 0 {
            return Ok(NtStatus::ACCESS_DENIED);
        }
        if offset.0.checked_add(size.0).is_none_or(|end| end > block.size.0) {
            return Ok(NtStatus::INVALID_PARAMETER);
        }
        let mut done = 0;
        while done < size.0 {
            let at = VirtualAddress(block.address.0 + offset.0 + done);
            let length = (PAGE_SIZE.0 - at.page_offset().0).min(size.0 - done);
            let frame = self.physical.translate(at).expect("a live block is mapped");
            let view = VirtualAddress(DIRECT_MAP.base.0 + frame.0);
            memory::copy(view, VirtualAddress(source.0.wrapping_add(done)), Bytes(length))?;
            done += length;
        }
        Ok(NtStatus::SUCCESS)
    }

    /// Frees a secure block for the driver, or reports why not.
    pub(crate) fn free_secure(&self, call: &Call<'_>, named: &Named) {
        let block = self.secure.borrow().block(named).copied();
        let Some(block) = block else {
            let message = format!(
                "{} was freed as a secure block by a handle, tag or cookie that is not its own",
                named.address
            );
            self.refuse_free(call, named.address, &message);
            return;
        };
        if block.flags & SECURE_POOL_FLAGS_FREEABLE == 0 {
            let message =
                format!("the secure block at {} was freed, which was not made freeable", named.address);
            self.refuse_free(call, named.address, &message);
            return;
        }
        if let Err(error) = self.physical.protect(block.address, block.pages(), Protection::ReadWrite) {
            self.reporter.give_up(&error);
        }
        self.secure.borrow_mut().blocks.remove(&block.address);
        let freed = self.pool.free(Claim { address: block.address, tag: None }).expect("the block was live");
        self.record_free(call, &freed);
    }

    /// Whether the address is a secure block's, which no ordinary routine frees; that is reported.
    pub(crate) fn refuses_ordinary_free(&self, call: &Call<'_>, address: VirtualAddress) -> bool {
        let is_secure = self.secure.borrow().blocks.contains_key(&address);
        if is_secure {
            let message =
                format!("the secure block at {address} was freed without the parameters of its pool");
            self.refuse_free(call, address, &message);
        }
        is_secure
    }

    fn refuse_free(&self, call: &Call<'_>, address: VirtualAddress, message: &str) {
        self.report_rule(call, Rule::PoolSecureMisuse, message);
        // One mistake is told once: the block is not left behind as well.
        self.tracker.borrow_mut().set_aside(address);
    }

    /// Destroys a secure pool, or reports why not (POOL-078).
    pub(crate) fn destroy_secure_pool(&self, call: &Call<'_>, handle: u64) {
        let (known, blocks) = {
            let secure = self.secure.borrow();
            (secure.pools.contains(&handle), secure.blocks_of(handle))
        };
        if !known {
            let message = format!("{handle:#x} was destroyed as a secure pool, which it is not");
            self.report_rule(call, Rule::PoolSecureMisuse, &message);
        } else if blocks > 0 {
            let message = format!(
                "the secure pool {handle:#x} was destroyed with {blocks} of its blocks still allocated"
            );
            self.report_rule(call, Rule::PoolSecureMisuse, &message);
        } else {
            self.secure.borrow_mut().pools.remove(&handle);
        }
    }

    /// Reports the secure pools that are still there when the driver is gone.
    pub(crate) fn report_secure_pools_left(&self) {
        let pools: Vec<u64> = self.secure.borrow().pools.iter().copied().collect();
        for handle in pools {
            let message = format!("the secure pool {handle:#x} was not destroyed");
            self.report_afterwards(Rule::PoolSecureLeft, &message, Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: SecureBlock = SecureBlock {
        address: VirtualAddress(0x2000_1000_4000),
        size: Bytes(5000),
        tag: Tag::from_text(*b"Secr"),
        pool: FIRST_HANDLE,
        cookie: 77,
        flags: SECURE_POOL_FLAGS_FREEABLE,
    };

    #[test]
    fn pool_076_a_block_is_valid_only_by_its_handle_tag_address_and_cookie_together() {
        let mut pools = SecurePools::default();
        assert_eq!(pools.create(), FIRST_HANDLE);
        let other = pools.create();
        let right = Named { pool: FIRST_HANDLE, tag: BLOCK.tag, address: BLOCK.address, cookie: 77 };
        assert!(!pools.is_valid(&right), "not live");
        pools.blocks.insert(BLOCK.address, BLOCK);
        assert!(pools.is_valid(&right));
        assert!(!pools.is_valid(&Named { pool: other, ..right }));
        assert!(!pools.is_valid(&Named { tag: Tag(1), ..right }));
        assert!(!pools.is_valid(&Named { address: VirtualAddress(BLOCK.address.0 + 16), ..right }));
        assert!(!pools.is_valid(&Named { cookie: 78, ..right }));
    }

    #[test]
    fn a_block_holds_the_addresses_of_its_pages() {
        let mut pools = SecurePools::default();
        pools.blocks.insert(BLOCK.address, BLOCK);
        let holds = |offset: u64| pools.holding(VirtualAddress(BLOCK.address.0 + offset)).is_some();
        assert!(holds(0) && holds(8191));
        assert!(!holds(8192));
        assert_eq!(pools.holding(VirtualAddress(BLOCK.address.0 - 1)), None);
    }
}
