//! Resources: locks that are exclusive or shared, as often as their owner likes.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::fast_mutex::leave_critical_region;
use crate::call::Call;
use crate::findings::Draft;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_abi::{EResource, ListEntry, RESOURCE_OWNED_EXCLUSIVE};
use ntpool_finding::Role;
use ntpool_machine::dispatcher::{ThreadId, WaitReason};
use ntpool_machine::{Grant, NotOwned, Owner, ResourceAccess as Access};
use ntpool_pool::Place;
use ntpool_types::{BugCheck, BugCheckCode, NtStatus, Rule, Violation, VirtualAddress};

fn success() -> Answer {
    Ok(u64::from(NtStatus::SUCCESS.0))
}

impl Session {
    /// Shows in a resource who has it and who waits.
    fn show_resource(&self, resource: VirtualAddress) -> Result<(), Stop> {
        let Some(view) = self.locks.resources.borrow().view(resource) else { return Ok(()) };
        let (owner, count) = match view.first_owner {
            Some((Owner::Thread(thread), count)) => (self.dispatcher().thread(thread).object().0, count),
            Some((Owner::Pointer(pointer), count)) => (pointer, count),
            None => (0, 0),
        };
        let mut shown: EResource = memory::read(resource)?;
        shown.active_count = view.owner_count as i16;
        shown.flag &= !RESOURCE_OWNED_EXCLUSIVE;
        if view.is_exclusive {
            shown.flag |= RESOURCE_OWNED_EXCLUSIVE;
        }
        shown.owner_entry.owner_thread = owner;
        // The two lowest bits are flags of the entry's.
        shown.owner_entry.count_and_flags = count << 2;
        shown.active_entries = view.owner_count as u32;
        shown.contention_count = view.contention_count;
        shown.shared_waiter_count = view.shared_waiter_count;
        shown.exclusive_waiter_count = view.exclusive_waiter_count;
        Ok(memory::write(resource, shown)?)
    }

    /// Lets a resource go once for a thread; whether the thread had it.
    pub(crate) fn give_back_resource(
        &self,
        resource: VirtualAddress,
        thread: ThreadId,
    ) -> Result<bool, Stop> {
        let released = self.locks.resources.borrow_mut().release(resource, Owner::Thread(thread));
        match released {
            Ok(next) => {
                self.pass_resource_on(resource, &next)?;
                Ok(true)
            }
            Err(NotOwned) => Ok(false),
        }
    }

    fn pass_resource_on(&self, resource: VirtualAddress, next: &[ThreadId]) -> Result<(), Stop> {
        self.show_resource(resource)?;
        let owner = self.locks.resources.borrow().owner(resource);
        self.hand_on(resource, next, owner);
        Ok(())
    }
}

// ── Making and deleting ───────────────────────────────────────────────────────────────────────────────────────────

pub(super) fn ExInitializeResourceLite(session: &Session, call: &Call<'_>) -> Answer {
    let resource = call.address(0)?;
    let mut fresh: EResource = ntpool_abi::zerocopy::FromZeros::new_zeroed();
    fresh.system_resources_list = ListEntry { flink: resource.0, blink: resource.0 };
    fresh.address = 0;
    memory::write(resource, fresh)?;
    if let Place::Live(block) = session.pool.find(resource)
        && block.kind.is_paged()
    {
        let message =
            format!("the resource at {resource} was initialized in paged pool; it needs nonpaged memory");
        let stacks = session.allocated_at(block.address);
        let draft =
            Draft::new(Rule::ResourcePagedStorage, None, message).about(Some(&block)).explained_by(stacks);
        session.tell_once(call, draft, Role::At);
    }
    let was_live = session.locks.resources.borrow_mut().initialize(resource);
    if was_live {
        let message = format!("the resource at {resource} was initialized again and had not been deleted");
        session.report_rule(call, Rule::ResourceInUse, &message);
    }
    let stack = session.intern(&session.trace(call.registers()));
    session.locks.resources_made.borrow_mut().insert(resource, stack);
    success()
}

/// Tells of a resource that somebody still has or waits for.
fn check_unused(
    session: &Session,
    call: &Call<'_>,
    resource: VirtualAddress,
    deed: &str,
) -> Result<(), Stop> {
    let view = session.locks.resources.borrow().view(resource);
    let view = view.ok_or_else(|| session.no_lock("resource", resource))?;
    let waiters = view.shared_waiter_count + view.exclusive_waiter_count;
    if view.owner_count > 0 || waiters > 0 {
        let message = format!(
            "the resource at {resource} was {deed} with {} owners and {waiters} waiting requests",
            view.owner_count
        );
        session.report_rule(call, Rule::ResourceInUse, &message);
    }
    Ok(())
}

pub(super) fn ExReinitializeResourceLite(session: &Session, call: &Call<'_>) -> Answer {
    let resource = call.address(0)?;
    check_unused(session, call, resource, "initialized again")?;
    session.locks.resources.borrow_mut().initialize(resource);
    session.show_resource(resource)?;
    success()
}

pub(super) fn ExDeleteResourceLite(session: &Session, call: &Call<'_>) -> Answer {
    let resource = call.address(0)?;
    check_unused(session, call, resource, "deleted")?;
    session.locks.resources.borrow_mut().delete(resource);
    session.locks.resources_made.borrow_mut().remove(&resource);
    success()
}

pub(super) fn ExDisableResourceBoostLite(session: &Session, call: &Call<'_>) -> Answer {
    live(session, call.address(0)?)?;
    Ok(0)
}

// ── Acquiring ─────────────────────────────────────────────────────────────────────────────────────────────────────

fn live(session: &Session, resource: VirtualAddress) -> Result<(), Stop> {
    let is_live = session.locks.resources.borrow().contains(resource);
    if is_live { Ok(()) } else { Err(session.no_lock("resource", resource)) }
}

/// Asks for a resource; whether the thread has it, as it has in any case when it is ready to wait.
fn acquire(
    session: &Session,
    call: &Call<'_>,
    resource: VirtualAddress,
    access: Access,
    wait: bool,
) -> Result<bool, Stop> {
    live(session, resource)?;
    session.check_apcs_disabled(call, &format!("the resource at {resource} was acquired"));
    let thread = session.thread();
    if !wait {
        let granted = session.locks.resources.borrow_mut().try_acquire(resource, thread, access);
        session.show_resource(resource)?;
        return Ok(granted);
    }
    let granted = session.locks.resources.borrow_mut().acquire(resource, thread, access);
    session.show_resource(resource)?;
    match granted {
        Ok(Grant::Now) => {}
        Ok(Grant::Later { owner }) => {
            let reason = match access {
                Access::Exclusive => WaitReason::ResourceExclusive,
                _ => WaitReason::ResourceShared,
            };
            session.wait_for_lock(resource, reason, owner)?;
        }
        Err(_) => {
            return Err(Stop::Misuse {
                rule: Rule::LockRecursive,
                message: format!(
                    "the resource at {resource} was acquired exclusively by a thread that shares it and waits for itself"
                ),
            });
        }
    }
    Ok(true)
}

fn acquire_as_asked(session: &Session, call: &Call<'_>, access: Access) -> Answer {
    let (resource, wait) = (call.address(0)?, call.u8(1)? != 0);
    Ok(u64::from(acquire(session, call, resource, access, wait)?))
}

pub(super) fn ExAcquireResourceExclusiveLite(session: &Session, call: &Call<'_>) -> Answer {
    acquire_as_asked(session, call, Access::Exclusive)
}

pub(super) fn ExAcquireResourceSharedLite(session: &Session, call: &Call<'_>) -> Answer {
    acquire_as_asked(session, call, Access::Shared)
}

pub(super) fn ExAcquireSharedStarveExclusive(session: &Session, call: &Call<'_>) -> Answer {
    acquire_as_asked(session, call, Access::SharedStarvingExclusive)
}

pub(super) fn ExAcquireSharedWaitForExclusive(session: &Session, call: &Call<'_>) -> Answer {
    acquire_as_asked(session, call, Access::SharedAfterExclusive)
}

pub(super) fn ExTryToAcquireResourceExclusiveLite(session: &Session, call: &Call<'_>) -> Answer {
    Ok(u64::from(acquire(session, call, call.address(0)?, Access::Exclusive, false)?))
}

/// Enters a critical region and acquires; NULL stands for the user interface's thread, which no thread here has.
fn enter_and_acquire(session: &Session, call: &Call<'_>, access: Access) -> Answer {
    session.dispatcher().enter_critical_region();
    acquire(session, call, call.address(0)?, access, true)?;
    Ok(0)
}

pub(super) fn ExEnterCriticalRegionAndAcquireResourceExclusive(session: &Session, call: &Call<'_>) -> Answer {
    enter_and_acquire(session, call, Access::Exclusive)
}

pub(super) fn ExEnterCriticalRegionAndAcquireResourceShared(session: &Session, call: &Call<'_>) -> Answer {
    enter_and_acquire(session, call, Access::Shared)
}

pub(super) fn ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(
    session: &Session,
    call: &Call<'_>,
) -> Answer {
    enter_and_acquire(session, call, Access::SharedAfterExclusive)
}

// ── Releasing ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// The bug check for a release by a thread, or for one, that does not own the resource (MACH-180).
fn not_owned(resource: VirtualAddress, owner: u64) -> Result<Stop, Stop> {
    let table: u64 = memory::read_field(resource, EResource::OWNER_TABLE)?;
    Ok(Stop::Crime {
        violation: Violation {
            rule: Rule::LockNotOwned,
            bug_check: BugCheck::new(BugCheckCode::RESOURCE_NOT_OWNED, [resource.0, owner, table, 0]),
            subject: resource,
        },
        message: format!("the resource at {resource} was released for {owner:#x}, which does not own it"),
    })
}

fn release(session: &Session, call: &Call<'_>, resource: VirtualAddress, owner: Owner) -> Result<(), Stop> {
    live(session, resource)?;
    session.check_apcs_disabled(call, &format!("the resource at {resource} was released"));
    let released = session.locks.resources.borrow_mut().release(resource, owner);
    match released {
        Ok(next) => session.pass_resource_on(resource, &next),
        Err(NotOwned) => {
            let owner = match owner {
                Owner::Thread(thread) => session.dispatcher().thread(thread).object().0,
                Owner::Pointer(pointer) => pointer,
            };
            Err(not_owned(resource, owner)?)
        }
    }
}

pub(super) fn ExReleaseResourceLite(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call, call.address(0)?, Owner::Thread(session.thread()))?;
    Ok(0)
}

pub(super) fn ExReleaseResourceAndLeaveCriticalRegion(session: &Session, call: &Call<'_>) -> Answer {
    ExReleaseResourceLite(session, call)?;
    leave_critical_region(session, call);
    Ok(0)
}

/// In an owner's pointer that is no thread: both bits are set, which no thread's address has.
const OWNER_POINTER: u64 = 3;

pub(super) fn ExReleaseResourceForThreadLite(session: &Session, call: &Call<'_>) -> Answer {
    let (resource, target) = (call.address(0)?, call.argument(1)?);
    let thread = session.dispatcher().find_by_object(VirtualAddress(target));
    let owner = match thread {
        Some(thread) => Owner::Thread(thread),
        None if target & OWNER_POINTER == OWNER_POINTER => Owner::Pointer(target),
        None => {
            let parameters = [resource.0, session.thread_object().0, target, 0];
            return Err(Stop::Crime {
                violation: Violation {
                    rule: Rule::LockNotOwned,
                    bug_check: BugCheck::new(BugCheckCode::ERESOURCE_INVALID_RELEASE, parameters),
                    subject: resource,
                },
                message: format!(
                    "the resource at {resource} was released for {target:#x}, which is no thread"
                ),
            });
        }
    };
    release(session, call, resource, owner)?;
    Ok(0)
}

pub(super) fn ExConvertExclusiveToSharedLite(session: &Session, call: &Call<'_>) -> Answer {
    let resource = call.address(0)?;
    live(session, resource)?;
    session.check_apcs_disabled(call, &format!("the resource at {resource} was converted"));
    let shared = session.locks.resources.borrow_mut().share(resource, session.thread());
    match shared {
        Ok(next) => session.pass_resource_on(resource, &next)?,
        Err(NotOwned) => {
            return Err(Stop::Misuse {
                rule: Rule::LockNotOwned,
                message: format!(
                    "the resource at {resource} was to be shared by a thread that does not have it exclusively"
                ),
            });
        }
    }
    Ok(0)
}

// ── Owners that are no threads ────────────────────────────────────────────────────────────────────────────────────

fn set_owner(session: &Session, call: &Call<'_>, to: Owner) -> Result<(), Stop> {
    let resource = call.address(0)?;
    live(session, resource)?;
    let set = session.locks.resources.borrow_mut().set_owner(resource, session.thread(), to);
    match set {
        Ok(()) => session.show_resource(resource),
        Err(NotOwned) => Err(not_owned(resource, session.thread_object().0)?),
    }
}

/// An owner's pointer that lacks its marks could be a thread's address, so it is told of and taken as it is.
fn check_pointer(session: &Session, call: &Call<'_>, pointer: u64) {
    if pointer & OWNER_POINTER != OWNER_POINTER {
        let message =
            format!("{pointer:#x} was made the owner of a resource; the two lowest bits of it must be set");
        session.report_rule(call, Rule::ResourceOwnerPointer, &message);
    }
}

pub(super) fn ExSetResourceOwnerPointer(session: &Session, call: &Call<'_>) -> Answer {
    let pointer = call.argument(1)?;
    check_pointer(session, call, pointer);
    set_owner(session, call, Owner::Pointer(pointer | OWNER_POINTER))?;
    Ok(0)
}

pub(super) fn ExSetResourceOwnerPointerEx(session: &Session, call: &Call<'_>) -> Answer {
    let (pointer, flags) = (call.argument(1)?, call.u32(2)?);
    let thread = session.dispatcher().find_by_object(VirtualAddress(pointer));
    let owner = match thread {
        Some(thread) if flags & ntpool_abi::FLAG_OWNER_POINTER_IS_THREAD != 0 => Owner::Thread(thread),
        _ => {
            check_pointer(session, call, pointer);
            Owner::Pointer(pointer | OWNER_POINTER)
        }
    };
    set_owner(session, call, owner)?;
    Ok(0)
}

// ── Looking ───────────────────────────────────────────────────────────────────────────────────────────────────────

pub(super) fn ExIsResourceAcquiredExclusiveLite(session: &Session, call: &Call<'_>) -> Answer {
    let resource = call.address(0)?;
    live(session, resource)?;
    let resources = session.locks.resources.borrow();
    let is_exclusive = resources.view(resource).is_some_and(|view| view.is_exclusive);
    Ok(u64::from(is_exclusive && resources.count_of(resource, session.thread()) > 0))
}

pub(super) fn ExIsResourceAcquiredSharedLite(session: &Session, call: &Call<'_>) -> Answer {
    let resource = call.address(0)?;
    live(session, resource)?;
    Ok(u64::from(session.locks.resources.borrow().count_of(resource, session.thread())))
}

pub(super) fn ExGetExclusiveWaiterCount(session: &Session, call: &Call<'_>) -> Answer {
    let resource = call.address(0)?;
    live(session, resource)?;
    let view = session.locks.resources.borrow().view(resource).unwrap_or_default();
    Ok(u64::from(view.exclusive_waiter_count))
}

pub(super) fn ExGetSharedWaiterCount(session: &Session, call: &Call<'_>) -> Answer {
    let resource = call.address(0)?;
    live(session, resource)?;
    let view = session.locks.resources.borrow().view(resource).unwrap_or_default();
    Ok(u64::from(view.shared_waiter_count))
}
