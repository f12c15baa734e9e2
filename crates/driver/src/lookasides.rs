//! The driver's lookaside lists: which are live, which entries are idle in them, and what is wrong with either.
//!
//! A list's numbers and links are in the driver's memory, where drivers built with older headers change them by inline
//! code. Even those come here for every push and pop, so the machine knows on its own account which entries are idle.
//! What is kept here is never read back from the driver's memory, which may be gone or overwritten by then.
//!
//! # Invariants
//! - An entry is in the record of idle entries from the call that put it on a live list to the one that took it off, or
//!   to the end of the list's life. A driver that changes a list by its own hand makes the record stale, so before an
//!   entry is called idle its list is looked at.
//! - An entry that is not idle belongs to the call that took it last: the tracker holds that call's stack.

use crate::call::Call;
use crate::findings::Draft;
use crate::memory;
use crate::session::Session;
use crate::slist;
use crate::stop::Stop;
use ntpool_abi::{Field, GeneralLookaside, SLIST_ALIGNMENT};
use ntpool_finding::{Role, Stack};
use ntpool_host::physical::pool_window;
use ntpool_machine::Instant;
use ntpool_pool::lookaside::{Counter, Demand, Storage};
use ntpool_pool::{Block, Place};
use ntpool_types::{Bytes, Irql, PoolKind, PoolType, Rule, Tag, VirtualAddress};
use ntpool_verifier::{Allocation, StackId, rules};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// What the routines of a list are given, which is what tells the forms of lists apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The list, after what both forms are given.
    Extended,
    /// Not the list.
    Plain,
}

/// A list that is live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveList {
    pub(crate) form: Form,
    /// Where it was initialized.
    stack: StackId,
}

/// An entry that is idle.
#[derive(Clone, Copy, Debug)]
struct Idle {
    list: VirtualAddress,
    /// Where it was freed.
    stack: StackId,
}

/// The driver's lookaside lists.
#[derive(Debug, Default)]
pub(crate) struct Lookasides {
    live: RefCell<BTreeMap<VirtualAddress, LiveList>>,
    idle: RefCell<BTreeMap<VirtualAddress, Idle>>,
    /// When depths were adjusted last.
    pub(crate) adjusted: Cell<Instant>,
}

impl Lookasides {
    /// The live list at this address.
    pub(crate) fn live(&self, list: VirtualAddress) -> Option<LiveList> {
        self.live.borrow().get(&list).copied()
    }

    /// Every live list, in the order of their addresses.
    pub(crate) fn all(&self) -> Vec<(VirtualAddress, LiveList)> {
        self.live.borrow().iter().map(|(&list, &live)| (list, live)).collect()
    }

    /// Ends a list's life; what was idle in it is no longer.
    fn forget(&self, list: VirtualAddress) -> Vec<VirtualAddress> {
        self.live.borrow_mut().remove(&list);
        self.idle.borrow_mut().extract_if(.., |_, idle| idle.list == list).map(|(entry, _)| entry).collect()
    }
}

/// A list in the driver's memory, in one call of the driver's.
pub(crate) struct DriverList<'a> {
    pub(crate) session: &'a Session,
    pub(crate) call: &'a Call<'a>,
    pub(crate) at: VirtualAddress,
}

impl DriverList<'_> {
    fn field(counter: Counter) -> Field<u32> {
        match counter {
            Counter::Allocates => GeneralLookaside::TOTAL_ALLOCATES,
            Counter::AllocateMisses => GeneralLookaside::ALLOCATE_MISSES,
            Counter::Frees => GeneralLookaside::TOTAL_FREES,
            Counter::FreeMisses => GeneralLookaside::FREE_MISSES,
        }
    }
}

impl Storage for DriverList<'_> {
    type Entry = VirtualAddress;
    type Error = Stop;

    fn pop(&self) -> Result<Option<VirtualAddress>, Stop> {
        // Too high a level for the list has been told.
        let _in_reach = self.session.reach_paged_pool();
        self.session
            .pop_entry(self.call, self.at)
            .map(|entry| (entry != VirtualAddress::NULL).then_some(entry))
    }

    fn push(&self, entry: VirtualAddress) -> Result<Option<VirtualAddress>, Stop> {
        let _in_reach = self.session.reach_paged_pool();
        // What can't be an entry has been told, and is nobody's to free.
        self.session.push_entry(self.call, self.at, entry).map(|_| None)
    }

    fn idle(&self) -> Result<u16, Stop> {
        Ok(slist::depth(self.at)?)
    }

    fn depth(&self) -> Result<u16, Stop> {
        Ok(memory::read_field(self.at, GeneralLookaside::DEPTH)?)
    }

    fn maximum_depth(&self) -> Result<u16, Stop> {
        Ok(memory::read_field(self.at, GeneralLookaside::MAXIMUM_DEPTH)?)
    }

    fn set_depth(&self, depth: u16) -> Result<(), Stop> {
        Ok(memory::write_field(self.at, GeneralLookaside::DEPTH, depth)?)
    }

    fn count(&self, counter: Counter) -> Result<u32, Stop> {
        Ok(memory::read_field(self.at, DriverList::field(counter))?)
    }

    fn add_one(&self, counter: Counter) -> Result<(), Stop> {
        let count = self.count(counter)?.wrapping_add(1);
        Ok(memory::write_field(self.at, DriverList::field(counter), count)?)
    }

    fn remember(&self, now: Demand) -> Result<Demand, Stop> {
        const ALLOCATES: Field<u32> = GeneralLookaside::LAST_TOTAL_ALLOCATES;
        const MISSES: Field<u32> = GeneralLookaside::LAST_ALLOCATE_MISSES;
        let before = Demand {
            allocates: memory::read_field(self.at, ALLOCATES)?,
            misses: memory::read_field(self.at, MISSES)?,
        };
        memory::write_field(self.at, ALLOCATES, now.allocates)?;
        memory::write_field(self.at, MISSES, now.misses)?;
        Ok(before)
    }
}

/// Why something is no entry of a list, and whether it can be one nevertheless.
enum Misfit {
    Impossible(String),
    Wrong(String),
}

/// How a list's entries have to be.
struct Entries {
    size: Bytes,
    tag: Tag,
    paged: bool,
}

impl Entries {
    /// What the list in the driver's memory says.
    fn of(list: VirtualAddress) -> Result<Entries, Stop> {
        let pool_type = PoolType(memory::read_field(list, GeneralLookaside::TYPE)?);
        Ok(Entries {
            size: Bytes(u64::from(memory::read_field(list, GeneralLookaside::SIZE_OF_ENTRY)?)),
            tag: Tag(memory::read_field(list, GeneralLookaside::TAG)?),
            paged: pool_type.kind().is_some_and(PoolKind::is_paged),
        })
    }
}

impl Session {
    /// Makes a list live that has just been initialized.
    pub(crate) fn add_lookaside(&self, call: &Call<'_>, list: VirtualAddress, form: Form) {
        let stack = self.intern(&self.trace(call.registers()));
        self.lookasides.live.borrow_mut().insert(list, LiveList { form, stack });
    }

    /// Ends a list's life, because of which its idle entries are lost; they don't count as left behind.
    fn lose_lookaside(&self, list: VirtualAddress) {
        for entry in self.lookasides.forget(list) {
            self.tracker.borrow_mut().set_aside(entry);
        }
    }

    /// Reports that a list is initialized which is live (LOOK-060).
    pub(crate) fn check_not_live(&self, call: &Call<'_>, list: VirtualAddress) {
        if let Some(live) = self.lookasides.live(list) {
            let before = vec![self.stack(Role::At, live.stack)];
            let message = format!("the lookaside list at {list} was initialized again before it was deleted");
            let violation = rules::lookaside::initialized_twice(list);
            self.report_with(call, &violation, &message, None, before, Role::Again);
            self.lose_lookaside(list);
        }
    }

    /// Whether a list that is to be deleted is live; reports it where it is not (LOOK-061).
    pub(crate) fn is_lookaside(&self, call: &Call<'_>, list: VirtualAddress) -> bool {
        let live = self.lookasides.live(list).is_some();
        if !live {
            let message = format!("{list} was deleted as a lookaside list, which it is not");
            self.report(call, &rules::lookaside::deleted_uninitialized(list), &message);
        }
        live
    }

    /// Ends the life of a list that was deleted in order.
    pub(crate) fn forget_lookaside(&self, list: VirtualAddress) {
        self.lookasides.forget(list);
    }

    /// Reports that a list is used which is not live.
    pub(crate) fn check_live(&self, call: &Call<'_>, list: VirtualAddress) {
        if self.lookasides.live(list).is_none() {
            let message = format!("{list} was used as a lookaside list, which it is not");
            self.report_rule(call, Rule::LookasideNotInitialized, &message);
        }
    }

    /// Reports that a routine for a list with paged entries is called at DISPATCH_LEVEL (LOOK-040); above it no list may be
    /// used, which the table of routines says. Where inline code touches a paged entry there, the touch is found out.
    pub(crate) fn check_paged_level(&self, call: &Call<'_>, list: VirtualAddress) -> Result<(), Stop> {
        if self.irql() == Irql::DISPATCH && Entries::of(list)?.paged {
            let message = format!(
                "the lookaside list at {list} was used at {}; its entries are paged, so it may be used up to {}",
                Irql::DISPATCH,
                Irql::APC
            );
            self.report_rule(call, Rule::IrqlTooHigh, &message);
        }
        Ok(())
    }

    /// Why memory at this address may not stay resident, or nothing.
    pub(crate) fn pageable(&self, address: VirtualAddress) -> Option<String> {
        if pool_window(PoolKind::Paged).contains(address) {
            return Some("in paged pool".to_owned());
        }
        let section = self.image.section_name(self.image.offset_of(address)?)?;
        section.starts_with("PAGE").then(|| format!("in the pageable section {section}"))
    }

    /// Takes the first entry of a list, or NULL; an entry of a live list belongs to this call from now on.
    pub(crate) fn pop_entry(&self, call: &Call<'_>, head: VirtualAddress) -> Result<VirtualAddress, Stop> {
        let entry = slist::pop(head)?;
        self.take_over(call, entry);
        Ok(entry)
    }

    /// Takes every entry of a list: the first, linked to the others, or NULL.
    pub(crate) fn flush_entries(
        &self,
        call: &Call<'_>,
        head: VirtualAddress,
    ) -> Result<VirtualAddress, Stop> {
        let first = slist::flush(head)?;
        let idle: Vec<VirtualAddress> = {
            let idle = self.lookasides.idle.borrow();
            idle.iter().filter(|(_, idle)| idle.list == head).map(|(&entry, _)| entry).collect()
        };
        idle.into_iter().for_each(|entry| self.take_over(call, entry));
        Ok(first)
    }

    fn take_over(&self, call: &Call<'_>, entry: VirtualAddress) {
        if self.lookasides.idle.borrow_mut().remove(&entry).is_none() {
            return;
        }
        let mut tracker = self.tracker.borrow_mut();
        if let Some(record) = tracker.live(entry).copied() {
            let stack = self.intern(&self.trace(call.registers()));
            tracker.record_allocation(Allocation { stack, thread: self.running_number(), ..record });
        }
    }

    /// An entry was taken, of a live list or of its routine: the locks in it are new ones. One that is still held was left so
    /// by whoever had the entry before, which only looks wrong in the entry's new life.
    pub(crate) fn renew_locks(&self, list: VirtualAddress, entry: VirtualAddress) -> Result<(), Stop> {
        if self.lookasides.live(list).is_some() && entry != VirtualAddress::NULL {
            let size = Entries::of(list)?.size;
            self.locks.order.borrow_mut().forget_range(entry, size);
            self.spin_locks.forget_range(entry, size);
        }
        Ok(())
    }

    /// An entry is idle from now on: in which order its locks were taken means nothing any more. A spin lock that is held
    /// stays so, because it may still be let go.
    fn end_lock_order(&self, list: VirtualAddress, entry: VirtualAddress) -> Result<(), Stop> {
        let size = Entries::of(list)?.size;
        self.locks.order.borrow_mut().forget_range(entry, size);
        Ok(())
    }

    /// Puts an entry on a list, unless it can't be one, and says which entry was the first before.
    pub(crate) fn push_entry(
        &self,
        call: &Call<'_>,
        head: VirtualAddress,
        entry: VirtualAddress,
    ) -> Result<VirtualAddress, Stop> {
        if self.lookasides.live(head).is_none() {
            return Ok(slist::push(head, entry)?);
        }
        if self.refuse_idle(call, entry) || self.refuse_misfit(call, head, entry)? {
            return Ok(slist::first(head)?);
        }
        self.end_lock_order(head, entry)?;
        let before = slist::push(head, entry)?;
        let stack = self.intern(&self.trace(call.registers()));
        self.lookasides.idle.borrow_mut().insert(entry, Idle { list: head, stack });
        Ok(before)
    }

    /// Puts a chain of entries on a list, and says which entry was the first before.
    pub(crate) fn push_chain(
        &self,
        call: &Call<'_>,
        head: VirtualAddress,
        chain: VirtualAddress,
        end: VirtualAddress,
        count: u16,
    ) -> Result<VirtualAddress, Stop> {
        if self.lookasides.live(head).is_none() {
            return Ok(slist::push_chain(head, chain, end, count)?);
        }
        let before = slist::first(head)?;
        let mut entries = vec![chain];
        while entries.len() < usize::from(count) && entries.last() != Some(&end) {
            let last = entries[entries.len() - 1];
            entries.push(VirtualAddress(memory::read(last)?));
        }
        for &entry in entries.iter().rev() {
            self.push_entry(call, head, entry)?;
        }
        Ok(before)
    }

    /// Reports an entry that does not fit its list (LOOK-046); says whether it can't be one at all.
    pub(crate) fn refuse_misfit(
        &self,
        call: &Call<'_>,
        list: VirtualAddress,
        entry: VirtualAddress,
    ) -> Result<bool, Stop> {
        let (refused, why) = match self.misfit(&Entries::of(list)?, entry) {
            None => return Ok(false),
            Some(Misfit::Impossible(why)) => (true, why),
            Some(Misfit::Wrong(why)) => (false, why),
        };
        let message = format!("{entry} was made an entry of the lookaside list at {list}, and {why}");
        self.report_entry(call, Rule::LookasideBadEntry, &message, entry, Vec::new(), Role::At);
        Ok(refused)
    }

    fn misfit(&self, entries: &Entries, entry: VirtualAddress) -> Option<Misfit> {
        if !entry.0.is_multiple_of(SLIST_ALIGNMENT) {
            return Some(Misfit::Impossible(format!("is not aligned to {SLIST_ALIGNMENT} bytes")));
        }
        let block = match self.pool.find(entry) {
            Place::Live(block) => block,
            // Static memory, or another allocator's: entries need not come from pool.
            Place::Outside => return None,
            _ => return Some(Misfit::Impossible(format!("is {}", self.describe(entry)))),
        };
        if block.kind.is_paged() != entries.paged {
            let wanted = if entries.paged { "paged" } else { "nonpaged" };
            return Some(Misfit::Wrong(format!(
                "is in {} pool where the list has {wanted} entries",
                block.kind
            )));
        }
        // A routine that hands out parts of larger blocks has tags and sizes of its own.
        if block.address != entry {
            return None;
        }
        if block.size < entries.size {
            return Some(Misfit::Wrong(format!("has {} where the list has {}", block.size, entries.size)));
        }
        (block.tag != entries.tag).then(|| {
            Misfit::Wrong(format!("has the tag '{}' where the list has '{}'", block.tag, entries.tag))
        })
    }

    /// Reports the free of an entry that is idle; says whether it is.
    fn refuse_idle(&self, call: &Call<'_>, entry: VirtualAddress) -> bool {
        let Some(idle) = self.lookasides.idle.borrow().get(&entry).copied() else { return false };
        if !self.is_linked(idle.list, entry) {
            // The driver changed the list by its own hand, as it may: only it knows what is idle then.
            self.lookasides.idle.borrow_mut().remove(&entry);
            return false;
        }
        let message =
            format!("{entry} was freed, which is an idle entry of the lookaside list at {}", idle.list);
        let mut stacks = self.allocated_at(entry);
        stacks.push(self.stack(Role::Freed, idle.stack));
        self.report_entry(call, Rule::LookasideDoubleFree, &message, entry, stacks, Role::Again);
        true
    }

    /// Whether the driver's memory leads from the list to the entry.
    fn is_linked(&self, list: VirtualAddress, entry: VirtualAddress) -> bool {
        let _in_reach = self.reach_paged_pool();
        let mut next = slist::first(list);
        for _ in 0..=u16::MAX {
            match next {
                Ok(found) if found == entry => return true,
                Ok(VirtualAddress::NULL) | Err(_) => return false,
                Ok(found) => next = memory::read(found).map(VirtualAddress),
            }
        }
        false
    }

    fn report_entry(
        &self,
        call: &Call<'_>,
        rule: Rule,
        message: &str,
        entry: VirtualAddress,
        stacks: Vec<Stack>,
        role: Role,
    ) {
        let block = match self.pool.find(entry) {
            Place::Live(block) if block.address == entry => Some(block),
            _ => None,
        };
        let draft = Draft::new(rule, None, message).about(block.as_ref()).explained_by(stacks);
        self.tell_once(call, draft, role);
    }

    /// Looks at a free of pool before it takes place: says whether it must not, since an idle entry would go, and
    /// reports the live lists that go with the block (LOOK-062).
    pub(crate) fn refuses_free(&self, call: &Call<'_>, address: VirtualAddress) -> bool {
        if self.lookasides.live.borrow().is_empty() {
            return false;
        }
        if self.refuse_idle(call, address) {
            return true;
        }
        if let Place::Live(block) = self.pool.find(address)
            && block.address == address
        {
            self.report_lookasides_in(call, &block);
        }
        false
    }

    fn report_lookasides_in(&self, call: &Call<'_>, block: &Block) {
        let end = VirtualAddress(block.address.0.saturating_add(block.size.0));
        let lists: Vec<(VirtualAddress, LiveList)> = {
            let live = self.lookasides.live.borrow();
            live.range(block.address..end).map(|(&list, &live)| (list, live)).collect()
        };
        for (list, live) in lists {
            let violation = rules::lookaside::in_freed_pool(list, block.address, block.size);
            let message =
                format!("a block of {} was freed that holds the live lookaside list at {list}", block.size);
            let stacks = vec![self.stack(Role::Allocated, live.stack)];
            self.report_with(call, &violation, &message, Some(block), stacks, Role::At);
            self.lose_lookaside(list);
        }
    }

    /// Reports the lists that are still live (LOOK-014, LOOK-064).
    pub(crate) fn report_lookasides_left(&self) {
        for (list, live) in self.lookasides.all() {
            let message = format!("the lookaside list at {list} was left behind");
            let stop = rules::lookaside::left(list, self.image.base, self.image.end());
            let draft = Draft::new(Rule::LookasideLeft, Some(stop), message);
            self.tell(draft.explained_by(vec![self.stack(Role::At, live.stack)]));
            self.lose_lookaside(list);
        }
    }
}
