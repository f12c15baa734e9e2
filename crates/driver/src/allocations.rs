//! The driver's pool blocks: who asked for them, who freed them, what is left.

use crate::call::Call;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_finding::{Role, Stack};
use ntpool_host::guarded;
use ntpool_pool::{Block, Claim, Contents, Place, Placement, Priority, Request, Usage};
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, PoolKind, PoolType, Rule, Tag, Violation, VirtualAddress};
use ntpool_verifier::rules::{TagPolicy, TagVerdict};
use ntpool_verifier::{Allocation, FreedAllocation, StackId, rules};

/// A block that a driver wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) size: Bytes,
    pub(crate) kind: PoolKind,
    pub(crate) tag: Tag,
    pub(crate) contents: Contents,
    /// Whether to charge it to the current process.
    pub(crate) quota: bool,
}

/// A block that a driver wants freed, as it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Requested {
    pub(crate) address: VirtualAddress,
    pub(crate) tag: Option<Tag>,
}

impl Session {
    /// Reports what is wrong with asking for pool at this level or of this size.
    pub(crate) fn check_allocation(&self, call: &Call<'_>, kind: PoolKind, pool_type: u64, size: Bytes) {
        let irql = self.irql();
        for violation in rules::check_allocation(irql, kind, pool_type, size) {
            let message = match violation.rule {
                Rule::PoolZeroLength => format!("{kind} pool of no bytes was requested"),
                _ => format!("{size} of {kind} pool were allocated at {irql}"),
            };
            self.report(call, &violation, &message);
        }
    }

    /// Reports a pool type that no header defines.
    pub(crate) fn report_bad_pool_type(&self, call: &Call<'_>, pool_type: PoolType) {
        let message = match pool_type.name() {
            Some(name) if pool_type.kind().is_some() => {
                format!("pool type {name} was asked for, which Windows {} does not know", self.version)
            }
            Some(name) => format!("pool type {:#x} was asked for: {name}, which is no pool", pool_type.0),
            None => format!("pool type {:#x} was asked for, which no header defines", pool_type.0),
        };
        self.report_rule(call, Rule::PoolBadType, &message);
    }

    /// Gives the driver a block, or nothing when memory or quota is used up.
    pub(crate) fn allocate(&self, call: &Call<'_>, wanted: &Wanted) -> Option<VirtualAddress> {
        self.allocate_placed(call, wanted, Placement::ANY)
    }

    /// The same with a block that is placed so.
    pub(crate) fn allocate_placed(
        &self,
        call: &Call<'_>,
        wanted: &Wanted,
        placement: Placement,
    ) -> Option<VirtualAddress> {
        let _in_reach = self.reach_paged_pool();
        let Wanted { size, kind, tag, contents, quota } = *wanted;
        // No quota is charged from a page on (POOL-102; for the flag of the newer routines our choice, POOL-103).
        let charge = match quota && size < PAGE_SIZE {
            true => Some(self.processes.charge(kind, size).ok()?),
            false => None,
        };
        let Ok(block) = self.take_block(Request { size, kind, tag, contents }, placement) else {
            charge.into_iter().for_each(|charge| self.processes.give_back(charge));
            return None;
        };
        if let Some(charge) = charge {
            self.charged.borrow_mut().insert(block.address, charge);
        }
        if contents == Contents::Uninitialized {
            // The block is writable, so this can't fail; if it did, the driver would find out as it should.
            let _ = guarded::fill(block.address, size, self.rubbish);
        }
        self.mark_slack(block.address, size);
        self.note_given(block.address, true);
        let stack = self.intern(&self.trace(call.registers()));
        let Block { address, size, kind, tag } = block;
        let record =
            Allocation { address, size, kind, tag, stack, thread: self.running_number(), sequence: 0 };
        self.tracker.borrow_mut().record_allocation(record);
        Some(block.address)
    }

    /// Frees a block for the driver, or reports why not.
    pub(crate) fn free(&self, call: &Call<'_>, requested: Requested) {
        let Requested { address, tag } = requested;
        if self.refuses_free(call, address) || self.refuses_ordinary_free(call, address) {
            return;
        }
        let _in_reach = self.reach_paged_pool();
        let mut compared = tag;
        if let Place::Live(block) = self.pool.find(address)
            && block.address == address
        {
            let irql = self.irql();
            if let Some(violation) = rules::check_free(irql, block.kind, address) {
                let message = format!("{} of {} pool were freed at {irql}", block.size, block.kind);
                self.report_about(call, &violation, &message, &block, self.allocated_at(address));
            }
            self.check_slack(call, &block);
            self.locks_in_freed(call, &block);
            compared = self.tag_to_compare(call, tag, &block);
        }
        match self.pool.free(Claim { address, tag: compared }) {
            Ok(freed) => self.record_free(call, &freed),
            Err(violation) => self.report_free_crime(call, requested, &violation),
        }
    }

    /// The tag that the pool is to compare with the block's, if any; a tag that is missing is reported here.
    fn tag_to_compare(&self, call: &Call<'_>, given: Option<Tag>, block: &Block) -> Option<Tag> {
        let policy = if self.order.lenient_tags { TagPolicy::OnlyProtected } else { TagPolicy::Always };
        match policy.verdict(block.tag, given.is_some()) {
            TagVerdict::Compare => given,
            TagVerdict::Ignore => None,
            TagVerdict::Missing => {
                let violation = rules::wrong_tag(block.address, block.tag, Tag(0));
                let message =
                    format!("a block whose tag {:#x} is protected was freed without its tag", block.tag.0);
                self.report_about(call, &violation, &message, block, self.allocated_at(block.address));
                None
            }
        }
    }

    /// Reports bytes behind a block that is about to be freed and that belong to nobody, when they were written.
    fn check_slack(&self, call: &Call<'_>, block: &Block) {
        let Some(size) = self.tracker.borrow().live(block.address).map(|known| known.size) else { return };
        if let Some(written) = self.written_slack(block.address, size) {
            let block = Block { size, ..*block };
            let violation = rules::overrun(block.address, size, written.found);
            let stacks = self.allocated_at(block.address);
            self.report_about(call, &violation, &written.to_string(), &block, stacks);
        }
    }

    /// Whether there is enough memory for a request of this priority.
    pub(crate) fn admits(&self, priority: Priority, kind: PoolKind, size: Bytes) -> bool {
        self.admits_now(priority, kind, size) || {
            // Freed blocks that are kept back are nobody's need.
            self.pool.flush();
            self.admits_now(priority, kind, size)
        }
    }

    fn admits_now(&self, priority: Priority, kind: PoolKind, size: Bytes) -> bool {
        let pool = self.pool.usage(kind);
        // What the pool holds and does not use is free memory to its callers.
        let idle = pool.committed.0.saturating_sub(pool.in_use.0);
        let limit = self.physical.size().pages_rounded_up();
        let in_use = PageCount(limit.0.saturating_sub(self.physical.free_pages().0 + idle));
        let memory = Usage { in_use, committed: in_use, limit };
        priority.admits(&pool, size) && priority.admits(&memory, size)
    }

    /// The stop for a request that must succeed and can't be met.
    pub(crate) fn must_succeed_stop(&self, kind: PoolKind, size: Bytes) -> Stop {
        let usage = self.pool.usage(kind);
        let available = PageCount(self.physical.free_pages().0.min(usage.limit.0 - usage.in_use.0));
        let large = u64::from(size > PAGE_SIZE);
        Stop::Crime {
            violation: rules::must_succeed_empty(size, usage.in_use, large, available),
            message: format!("{size} of {kind} pool that must succeed could not be had"),
        }
    }

    pub(crate) fn record_free(&self, call: &Call<'_>, freed: &Block) {
        let stack = self.intern(&self.trace(call.registers()));
        self.record_free_at(freed, stack);
    }

    /// Keeps account of a block that was freed by the call at `stack`.
    pub(crate) fn record_free_at(&self, freed: &Block, stack: StackId) {
        let thread = self.running_number();
        let allocation = self.tracker.borrow_mut().record_free(freed.address, stack, thread);
        if let Some(allocation) = allocation {
            self.watch_freed(FreedAllocation { allocation, stack, thread });
        }
        self.note_given(freed.address, false);
        if let Some(charge) = self.charged.borrow_mut().remove(&freed.address) {
            self.processes.give_back(charge);
        }
        self.memory_freed(stack, freed.address, freed.size);
    }

    fn report_free_crime(&self, call: &Call<'_>, requested: Requested, violation: &Violation) {
        let Requested { address, tag } = requested;
        let place = self.pool.find(address);
        match (violation.rule, place) {
            (Rule::PoolWrongTag, Place::Live(block)) => {
                let supplied = tag.unwrap_or_default();
                let message = format!("a block with tag '{}' was freed with tag '{supplied}'", block.tag);
                self.report_about(call, violation, &message, &block, self.allocated_at(address));
                // The crime is told; carrying the free out keeps it from being told again as a leak.
                if let Ok(freed) = self.pool.free(Claim { address, tag: None }) {
                    self.record_free(call, &freed);
                }
            }
            (Rule::PoolInteriorFree, Place::Live(block)) => {
                let offset = address.offset_from(block.address).unwrap_or_default();
                let message = format!("{address} was freed, which is {offset} into a block");
                self.report_about(call, violation, &message, &block, self.allocated_at(block.address));
                self.tracker.borrow_mut().set_aside(block.address);
            }
            (Rule::PoolDoubleFree, _) => self.report_double_free(call, address, violation),
            // The pool forgets a block when its memory is cut anew or given back; the tracker remembers it.
            (Rule::PoolForeignFree, _) if self.freed_block_at(address).is_some_and(begins_at(address)) => {
                self.report_double_free(call, address, &rules::double_free(address));
            }
            _ => {
                let message = format!("{address} was freed, which is {}", self.describe(address));
                self.report(call, violation, &message);
            }
        }
    }

    fn report_double_free(&self, call: &Call<'_>, address: VirtualAddress, violation: &Violation) {
        let record = self.tracker.borrow().last_freed(address).copied();
        let mut message = violation.rule.title().to_owned();
        let (block, stacks) = match record {
            Some(freed) => {
                let Allocation { address, size, kind, tag, .. } = freed.allocation;
                message += &self.threads_of(&freed);
                (Some(Block { address, size, kind, tag }), self.history(&freed))
            }
            None => match self.pool.find(address) {
                Place::Freed(block) => (Some(block), Vec::new()),
                _ => (None, Vec::new()),
            },
        };
        self.report_with(call, violation, &message, block.as_ref(), stacks, Role::Again);
    }

    /// The number of the thread that runs, under which allocations and frees are recorded.
    pub(crate) fn running_number(&self) -> u64 {
        self.number_of(self.thread())
    }

    /// Whose block a freed one was, for the end of a message; nothing when only the thread that runs had to do with it.
    pub(crate) fn threads_of(&self, freed: &FreedAllocation) -> String {
        let (made, ended) = (freed.allocation.thread, freed.thread);
        if [made, ended] == [self.running_number(); 2] {
            return String::new();
        }
        format!("; thread {made} had allocated it and thread {ended} freed it")
    }

    /// Where the live block at this address was allocated.
    pub(crate) fn allocated_at(&self, address: VirtualAddress) -> Vec<Stack> {
        let stack: Option<StackId> = self.tracker.borrow().live(address).map(|block| block.stack);
        stack.map(|stack| self.stack(Role::Allocated, stack)).into_iter().collect()
    }
}

/// Whether a freed block begins at this address.
fn begins_at(address: VirtualAddress) -> impl Fn(FreedAllocation) -> bool {
    move |freed| freed.allocation.address == address
}
