//! Resources: locks that one thread owns exclusively, or several share, each as often as it likes.
//!
//! A request that can't be granted stands in line, unless its caller does not want to wait. The line is served in order:
//! an exclusive request takes a free resource alone, shared ones take it together. What shared requests think of
//! exclusive ones that wait is their kind ([`Access`]).
//!
//! # Invariants
//! - A resource has an exclusive owner or shared ones, never both, and each owner is in its list once.
//! - The first of the line could not be granted: whoever lets a resource go admits all that can be.

use crate::dispatcher::ThreadId;
use crate::{Grant, Recursive};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use ntpool_types::{Bytes, VirtualAddress};

/// Who owns a resource: a thread, or a pointer that stands for an owner that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A thread.
    Thread(ThreadId),
    /// A pointer whose two lowest bits are set.
    Pointer(u64),
}

impl Owner {
    fn thread(self) -> Option<ThreadId> {
        match self {
            Owner::Thread(thread) => Some(thread),
            Owner::Pointer(_) => None,
        }
    }
}

/// How a resource is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Alone.
    Exclusive,
    /// With others, behind exclusive requests that wait, unless the thread has it already (MACH-178).
    Shared,
    /// With others, whoever waits (MACH-179).
    SharedStarvingExclusive,
    /// With others, behind exclusive requests that wait, even where the thread shares it already (MACH-179).
    SharedAfterExclusive,
}

/// A resource as it can be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceView {
    /// The exclusive owner with its count, or the first of the shared ones.
    pub first_owner: Option<(Owner, u32)>,
    /// Whether the owner is the only one there can be.
    pub is_exclusive: bool,
    /// How many owners there are.
    pub owner_count: usize,
    /// How many requests for shared ownership wait.
    pub shared_waiter_count: u32,
    /// How many requests for exclusive ownership wait.
    pub exclusive_waiter_count: u32,
    /// How often a thread had to wait.
    pub contention_count: u32,
}

/// Every resource that was initialized and not deleted, by its address.
#[derive(Debug, Default)]
pub struct Resources {
    all: BTreeMap<VirtualAddress, Resource>,
}

#[derive(Debug, Default)]
struct Resource {
    exclusive: Option<(Owner, u32)>,
    shared: Vec<(Owner, u32)>,
    waiters: VecDeque<(ThreadId, Access)>,
    contention_count: u32,
}

impl Resource {
    fn is_in_use(&self) -> bool {
        self.exclusive.is_some() || !self.shared.is_empty() || !self.waiters.is_empty()
    }

    fn exclusive_waits(&self) -> bool {
        self.waiters.iter().any(|&(_, access)| access == Access::Exclusive)
    }

    fn a_thread_that_has_it(&self) -> Option<ThreadId> {
        self.exclusive.iter().chain(&self.shared).find_map(|(owner, _)| owner.thread())
    }

    fn count_of(&self, owner: Owner) -> u32 {
        let all = self.exclusive.iter().chain(&self.shared);
        all.filter(|(other, _)| *other == owner).map(|&(_, count)| count).sum()
    }

    fn may_have(&self, owner: Owner, access: Access) -> bool {
        let shares = self.shared.iter().any(|&(other, _)| other == owner);
        match (self.exclusive, access) {
            (Some((other, _)), _) => other == owner,
            (None, Access::Exclusive) => self.shared.is_empty(),
            (None, Access::Shared) => shares || !self.exclusive_waits(),
            (None, Access::SharedStarvingExclusive) => true,
            (None, Access::SharedAfterExclusive) => !self.exclusive_waits(),
        }
    }

    fn give(&mut self, owner: Owner, access: Access) {
        match (&mut self.exclusive, access) {
            (Some((_, count)), _) => *count += 1,
            (exclusive @ None, Access::Exclusive) => *exclusive = Some((owner, 1)),
            (None, _) => match self.shared.iter_mut().find(|(other, _)| *other == owner) {
                Some((_, count)) => *count += 1,
                None => self.shared.push((owner, 1)),
            },
        }
    }

    /// Grants whatever of the line can be granted now.
    fn admit(&mut self) -> Vec<ThreadId> {
        let mut admitted = Vec::new();
        let mut place = 0;
        let mut is_behind_exclusive = false;
        while let Some(&(thread, access)) = self.waiters.get(place) {
            let is_free = self.exclusive.is_none();
            let granted = match access {
                Access::Exclusive => is_free && self.shared.is_empty() && !is_behind_exclusive,
                Access::SharedStarvingExclusive => is_free,
                Access::Shared | Access::SharedAfterExclusive => is_free && !is_behind_exclusive,
            };
            if granted {
                self.waiters.remove(place);
                self.give(Owner::Thread(thread), access);
                admitted.push(thread);
            } else {
                is_behind_exclusive |= access == Access::Exclusive;
                place += 1;
            }
        }
        admitted
    }
}

impl Resources {
    /// Makes the memory at `address` a resource that nobody owns; whether a live one was there.
    pub fn initialize(&mut self, address: VirtualAddress) -> bool {
        self.all.insert(address, Resource::default()).is_some()
    }

    /// Deletes a resource; whether somebody owned it or waited for it, or `None` when there is no resource.
    pub fn delete(&mut self, address: VirtualAddress) -> Option<bool> {
        self.all.remove(&address).map(|resource| resource.is_in_use())
    }

    /// Whether a resource is at this address.
    #[must_use]
    pub fn contains(&self, address: VirtualAddress) -> bool {
        self.all.contains_key(&address)
    }

    /// A thread asks for a resource and waits if it has to; an address without one counts as free.
    ///
    /// # Errors
    /// [`Recursive`] when the thread shares the resource and wants it alone; nothing was changed (MACH-176).
    pub fn acquire(
        &mut self,
        address: VirtualAddress,
        thread: ThreadId,
        access: Access,
    ) -> Result<Grant, Recursive> {
        if self.try_acquire(address, thread, access) {
            return Ok(Grant::Now);
        }
        let resource = self.all.entry(address).or_default();
        if access == Access::Exclusive && resource.count_of(Owner::Thread(thread)) > 0 {
            return Err(Recursive);
        }
        resource.waiters.push_back((thread, access));
        resource.contention_count += 1;
        Ok(Grant::Later { owner: resource.a_thread_that_has_it() })
    }

    /// A thread asks for a resource and does not wait; whether it has it (MACH-176).
    pub fn try_acquire(&mut self, address: VirtualAddress, thread: ThreadId, access: Access) -> bool {
        let resource = self.all.entry(address).or_default();
        let owner = Owner::Thread(thread);
        let granted = resource.may_have(owner, access);
        if granted {
            resource.give(owner, access);
        }
        granted
    }

    /// An owner lets a resource go once; the threads that have it now.
    ///
    /// # Errors
    /// [`NotOwned`]; nothing was changed (MACH-180).
    pub fn release(&mut self, address: VirtualAddress, owner: Owner) -> Result<Vec<ThreadId>, NotOwned> {
        let resource = self.all.get_mut(&address).ok_or(NotOwned)?;
        match &mut resource.exclusive {
            Some((other, count)) if *other == owner => {
                *count -= 1;
                if *count == 0 {
                    resource.exclusive = None;
                }
            }
            _ => {
                let place = resource.shared.iter().position(|&(other, _)| other == owner).ok_or(NotOwned)?;
                resource.shared[place].1 -= 1;
                if resource.shared[place].1 == 0 {
                    resource.shared.remove(place);
                }
            }
        }
        Ok(resource.admit())
    }

    /// The exclusive owner shares the resource from now on, as often as it owned it; the threads that share it as well.
    ///
    /// # Errors
    /// [`NotOwned`] when the thread does not own it exclusively.
    pub fn share(&mut self, address: VirtualAddress, thread: ThreadId) -> Result<Vec<ThreadId>, NotOwned> {
        let resource = self.all.get_mut(&address).ok_or(NotOwned)?;
        match resource.exclusive.take_if(|(owner, _)| *owner == Owner::Thread(thread)) {
            Some(owned) => {
                resource.shared.push(owned);
                Ok(resource.admit())
            }
            None => Err(NotOwned),
        }
    }

    /// Gives what a thread owns to another owner.
    ///
    /// # Errors
    /// [`NotOwned`].
    pub fn set_owner(
        &mut self,
        address: VirtualAddress,
        thread: ThreadId,
        to: Owner,
    ) -> Result<(), NotOwned> {
        let resource = self.all.get_mut(&address).ok_or(NotOwned)?;
        let mine = Owner::Thread(thread);
        if let Some((owner, _)) = &mut resource.exclusive
            && *owner == mine
        {
            *owner = to;
            return Ok(());
        }
        let place = resource.shared.iter().position(|&(owner, _)| owner == mine).ok_or(NotOwned)?;
        let (_, count) = resource.shared.remove(place);
        match resource.shared.iter_mut().find(|(owner, _)| *owner == to) {
            Some((_, more)) => *more += count,
            None => resource.shared.push((to, count)),
        }
        Ok(())
    }

    /// How often a thread owns the resource, in whichever way.
    #[must_use]
    pub fn count_of(&self, address: VirtualAddress, thread: ThreadId) -> u32 {
        self.all.get(&address).map_or(0, |resource| resource.count_of(Owner::Thread(thread)))
    }

    /// What can be seen of a resource.
    #[must_use]
    pub fn view(&self, address: VirtualAddress) -> Option<ResourceView> {
        let resource = self.all.get(&address)?;
        let waiters = resource.waiters.len() as u32;
        let exclusive =
            resource.waiters.iter().filter(|&&(_, access)| access == Access::Exclusive).count() as u32;
        Some(ResourceView {
            first_owner: resource.exclusive.or_else(|| resource.shared.first().copied()),
            is_exclusive: resource.exclusive.is_some(),
            owner_count: resource.shared.len() + usize::from(resource.exclusive.is_some()),
            shared_waiter_count: waiters - exclusive,
            exclusive_waiter_count: exclusive,
            contention_count: resource.contention_count,
        })
    }

    /// A thread that has the resource.
    #[must_use]
    pub fn owner(&self, address: VirtualAddress) -> Option<ThreadId> {
        self.all.get(&address)?.a_thread_that_has_it()
    }

    /// The resources that a thread owns.
    #[must_use]
    pub fn held_by(&self, thread: ThreadId) -> Vec<VirtualAddress> {
        let owned =
            |(_, resource): &(&VirtualAddress, &Resource)| resource.count_of(Owner::Thread(thread)) > 0;
        self.all.iter().filter(owned).map(|(&address, _)| address).collect()
    }

    /// Forgets the resources from `base` on and returns their addresses.
    pub fn forget_range(&mut self, base: VirtualAddress, size: Bytes) -> Vec<VirtualAddress> {
        let end = VirtualAddress(base.0.saturating_add(size.0));
        self.all.extract_if(base..end, |_, _| true).map(|(address, _)| address).collect()
    }
}

/// A resource is let go by an owner that does not own it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOwned;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const RESOURCE: VirtualAddress = VirtualAddress(0x1000);
    const A: ThreadId = ThreadId(1);
    const B: ThreadId = ThreadId(2);
    const C: ThreadId = ThreadId(3);
    const D: ThreadId = ThreadId(4);

    fn resources() -> Resources {
        let mut resources = Resources::default();
        assert!(!resources.initialize(RESOURCE));
        resources
    }

    fn waits(grant: Result<Grant, Recursive>) -> bool {
        matches!(grant, Ok(Grant::Later { .. }))
    }

    #[test]
    fn mach_176_the_exclusive_owner_has_it_again_and_a_shared_owner_would_wait_for_itself() {
        let mut it = resources();
        assert_eq!(it.acquire(RESOURCE, A, Access::Exclusive), Ok(Grant::Now));
        assert_eq!(it.acquire(RESOURCE, A, Access::Exclusive), Ok(Grant::Now));
        assert_eq!(it.count_of(RESOURCE, A), 2);
        assert!(!it.try_acquire(RESOURCE, B, Access::Exclusive));
        assert_eq!(it.release(RESOURCE, Owner::Thread(A)), Ok(vec![]));
        assert_eq!(it.release(RESOURCE, Owner::Thread(A)), Ok(vec![]));
        assert_eq!(it.acquire(RESOURCE, B, Access::Shared), Ok(Grant::Now));
        assert!(!it.try_acquire(RESOURCE, B, Access::Exclusive));
        assert_eq!(it.acquire(RESOURCE, B, Access::Exclusive), Err(Recursive));
    }

    #[test]
    fn mach_177_an_exclusive_owner_that_asks_to_share_is_exclusive_once_more() {
        let mut it = resources();
        it.acquire(RESOURCE, A, Access::Exclusive).unwrap();
        for access in [Access::Shared, Access::SharedStarvingExclusive, Access::SharedAfterExclusive] {
            assert_eq!(it.acquire(RESOURCE, A, access), Ok(Grant::Now));
        }
        let view = it.view(RESOURCE).unwrap();
        assert_eq!((view.is_exclusive, view.first_owner), (true, Some((Owner::Thread(A), 4))));
        assert!(!it.try_acquire(RESOURCE, B, Access::Shared));
    }

    #[test]
    fn mach_178_sharing_stands_behind_an_exclusive_request_unless_the_thread_has_it_already() {
        let mut it = resources();
        it.acquire(RESOURCE, A, Access::Shared).unwrap();
        assert!(waits(it.acquire(RESOURCE, B, Access::Exclusive)));
        assert!(!it.try_acquire(RESOURCE, C, Access::Shared));
        assert_eq!(it.acquire(RESOURCE, A, Access::Shared), Ok(Grant::Now));
        assert!(waits(it.acquire(RESOURCE, C, Access::Shared)));
        assert_eq!(it.release(RESOURCE, Owner::Thread(A)), Ok(vec![]));
        assert_eq!(it.release(RESOURCE, Owner::Thread(A)), Ok(vec![B]));
        assert_eq!(it.release(RESOURCE, Owner::Thread(B)), Ok(vec![C]));
    }

    #[test]
    fn mach_179_one_kind_of_sharing_passes_exclusive_requests_and_another_yields_even_as_an_owner() {
        let mut it = resources();
        it.acquire(RESOURCE, A, Access::Shared).unwrap();
        assert!(waits(it.acquire(RESOURCE, B, Access::Exclusive)));
        assert_eq!(it.acquire(RESOURCE, C, Access::SharedStarvingExclusive), Ok(Grant::Now));
        assert!(!it.try_acquire(RESOURCE, A, Access::SharedAfterExclusive));
        assert!(waits(it.acquire(RESOURCE, D, Access::SharedAfterExclusive)));
        assert_eq!(it.release(RESOURCE, Owner::Thread(C)), Ok(vec![]));
        assert_eq!(it.release(RESOURCE, Owner::Thread(A)), Ok(vec![B]));
        assert!(waits(it.acquire(RESOURCE, A, Access::Exclusive)));
        assert!(waits(it.acquire(RESOURCE, C, Access::SharedStarvingExclusive)));
        assert_eq!(it.release(RESOURCE, Owner::Thread(B)), Ok(vec![D, C]), "it passes the exclusive one");
    }

    #[test]
    fn mach_180_only_an_owner_releases_a_resource() {
        let mut it = resources();
        assert_eq!(it.release(RESOURCE, Owner::Thread(A)), Err(NotOwned));
        it.acquire(RESOURCE, A, Access::Shared).unwrap();
        assert_eq!(it.release(RESOURCE, Owner::Thread(B)), Err(NotOwned));
        assert_eq!(it.share(RESOURCE, A), Err(NotOwned), "it is shared already");
        assert_eq!(it.release(VirtualAddress(0x10), Owner::Thread(A)), Err(NotOwned));
    }

    #[test]
    fn an_exclusive_owner_that_shares_lets_those_in_who_wait_to_share() {
        let mut it = resources();
        it.acquire(RESOURCE, A, Access::Exclusive).unwrap();
        assert!(waits(it.acquire(RESOURCE, B, Access::Shared)));
        assert!(waits(it.acquire(RESOURCE, C, Access::Exclusive)));
        assert!(waits(it.acquire(RESOURCE, D, Access::Shared)));
        assert_eq!(it.share(RESOURCE, A), Ok(vec![B]));
        let view = it.view(RESOURCE).unwrap();
        assert_eq!((view.is_exclusive, view.owner_count), (false, 2));
        assert_eq!((view.shared_waiter_count, view.exclusive_waiter_count), (1, 1));
        assert_eq!(view.contention_count, 3);
    }

    #[test]
    fn an_owner_can_be_a_pointer_and_is_then_nobodys_thread() {
        let mut it = resources();
        it.acquire(RESOURCE, A, Access::Exclusive).unwrap();
        it.set_owner(RESOURCE, A, Owner::Pointer(0x2003)).unwrap();
        assert_eq!(it.set_owner(RESOURCE, A, Owner::Pointer(0x2003)), Err(NotOwned));
        assert_eq!((it.count_of(RESOURCE, A), it.owner(RESOURCE)), (0, None));
        assert_eq!(it.release(RESOURCE, Owner::Thread(A)), Err(NotOwned));
        assert_eq!(it.release(RESOURCE, Owner::Pointer(0x2003)), Ok(vec![]));
        it.acquire(RESOURCE, A, Access::Shared).unwrap();
        it.set_owner(RESOURCE, A, Owner::Thread(B)).unwrap();
        assert_eq!(it.held_by(B), [RESOURCE]);
    }

    #[test]
    fn a_deleted_resource_says_whether_it_was_in_use() {
        let mut it = resources();
        assert_eq!(it.delete(RESOURCE), Some(false));
        assert_eq!(it.delete(RESOURCE), None);
        it.initialize(RESOURCE);
        it.acquire(RESOURCE, A, Access::Shared).unwrap();
        assert_eq!(it.delete(RESOURCE), Some(true));
        it.initialize(RESOURCE);
        assert!(it.initialize(RESOURCE) && it.contains(RESOURCE));
        assert_eq!(it.forget_range(RESOURCE, Bytes(0x68)), [RESOURCE]);
        assert!(!it.contains(RESOURCE));
    }
}
