//! Lookaside lists: what the arguments mean, and the calls back to a list's own routines.
//!
//! Drivers built with older headers take and give entries by inline code on the same structure, and call the routines
//! that it names. So it always names some: where the driver gave none, those of the pool.
//!
//! Where the documentation is silent, these are our choices (LOOK-020, LOOK-059):
//! - A list may hold 4 idle entries at first. Depths are adjusted when the machine's clock passes whole seconds, which
//!   it does only while the driver waits; `ntpool_pool::lookaside` has the policy.
//! - The reserved routine that adjusts depths carries out one adjustment of every list.
//! - An entry size beyond 32 bits becomes the largest of 32 bits, so no entry is ever smaller than was asked for.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::{ex, table};
use crate::call::Call;
use crate::lookasides::{DriverList, Form};
use crate::memory;
use crate::session::Session;
use crate::slist;
use crate::stop::{Answer, Stop};
use ntpool_abi::{
    EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE, EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL, GeneralLookaside,
    ListEntry, SLIST_ALIGNMENT, SListHeader,
};
use ntpool_machine::{Instant, Registers, register};
use ntpool_pool::lookaside::{self, Storage};
use ntpool_types::{Bytes, Irql, NtStatus, PoolType, Rule, VirtualAddress, WindowsVersion};
use ntpool_verifier::rules;

// ── Initializing ──────────────────────────────────────────────────────────────────────────────────────────────────

/// A list as a driver wants it.
struct NewList {
    at: VirtualAddress,
    form: Form,
    /// The routines, or NULL.
    allocate: VirtualAddress,
    free: VirtualAddress,
    /// What the first of them is given.
    pool_type: u32,
    size: Bytes,
    tag: u32,
    depth: u16,
    /// What is wrong with the arguments, as far as the form of list decides it.
    objections: Vec<String>,
}

/// The address of the routine of this name.
fn routine(session: &Session, name: &str) -> VirtualAddress {
    let place = table::place_of(name).expect("the table has the routines that it names itself");
    session.routine_address(place)
}

/// The routines of a list that was given none (LOOK-047).
fn default_allocate(session: &Session) -> VirtualAddress {
    routine(session, "ExAllocatePoolWithTag")
}

fn default_free(session: &Session) -> VirtualAddress {
    routine(session, "ExFreePool")
}

fn initialize(session: &Session, call: &Call<'_>, new: NewList) -> Result<(), Stop> {
    let NewList { at, form, allocate, free, pool_type, size, tag, depth, mut objections } = new;
    if !at.0.is_multiple_of(SLIST_ALIGNMENT) {
        objections.push(format!("its head is not aligned to {SLIST_ALIGNMENT} bytes"));
    }
    if let Some(place) = session.pageable(at) {
        objections.push(format!("its head is {place}"));
    }
    if depth != 0 {
        objections.push(format!("its depth, which is reserved, is {depth}"));
    }
    if !objections.is_empty() {
        let message =
            format!("the lookaside list at {at} was initialized, and {}", objections.join(", and "));
        session.report_rule(call, Rule::LookasideBadArgument, &message);
    }
    if let Some(violation) = rules::lookaside::check_entry_size(at, size) {
        session.report(
            call,
            &violation,
            &format!("the lookaside list at {at} was to have entries of {size}"),
        );
    }
    session.check_not_live(call, at);
    let given = |routine: VirtualAddress, default: fn(&Session) -> VirtualAddress| match routine {
        VirtualAddress::NULL => default(session).0,
        routine => routine.0,
    };
    let list = GeneralLookaside {
        list_head: SListHeader { counts: 0, region: 0 },
        depth: lookaside::INITIAL_DEPTH,
        maximum_depth: lookaside::MAXIMUM_DEPTH,
        total_allocates: 0,
        allocate_misses: 0,
        total_frees: 0,
        free_misses: 0,
        pool_type,
        tag,
        size: u32::try_from(size.0.max(rules::lookaside::SMALLEST_ENTRY.0)).unwrap_or(u32::MAX),
        allocate: given(allocate, default_allocate),
        free: given(free, default_free),
        // The machine keeps the lists that are live itself, so this one has no neighbours.
        list_entry: ListEntry {
            flink: GeneralLookaside::LIST_ENTRY.address_in(at.0),
            blink: GeneralLookaside::LIST_ENTRY.address_in(at.0),
        },
        last_total_allocates: 0,
        last_allocate_misses: 0,
        future: [0; 2],
    };
    memory::write(at, list)?;
    session.add_lookaside(call, at, form);
    Ok(())
}

pub(super) fn ExInitializeLookasideListEx(session: &Session, call: &Call<'_>) -> Answer {
    let (pool_type, flags) = (PoolType(call.u32(3)?), call.u32(4)?);
    // Modifiers come by the flags, not with the type.
    if session.kind_of(pool_type).is_none() || pool_type.0 != pool_type.base() {
        return Ok(u64::from(NtStatus::INVALID_PARAMETER_4.0));
    }
    let modifier = match flags {
        0 => 0,
        EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL => PoolType::RAISE_IF_ALLOCATION_FAILURE,
        EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE => PoolType::QUOTA_FAIL_INSTEAD_OF_RAISE,
        _ => return Ok(u64::from(NtStatus::INVALID_PARAMETER_5.0)),
    };
    let allocate = call.address(1)?;
    let mut objections = Vec::new();
    if flags == EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE && allocate == VirtualAddress::NULL {
        objections.push("the flag that is for routines charging quota came without a routine".to_owned());
    }
    let new = NewList {
        at: call.address(0)?,
        form: Form::Extended,
        allocate,
        free: call.address(2)?,
        pool_type: pool_type.0 | modifier,
        size: call.size(5)?,
        tag: call.u32(6)?,
        depth: call.argument(7)? as u16,
        objections,
    };
    initialize(session, call, new)?;
    Ok(u64::from(NtStatus::SUCCESS.0))
}

/// Initializes a list of an older form, of this pool type, with those of the flags that are documented for it; before
/// Windows 8 none are.
///
/// `meaningless` flags are accepted and do nothing.
fn initialize_older(
    session: &Session,
    call: &Call<'_>,
    base: u32,
    documented: u32,
    meaningless: u32,
) -> Answer {
    let has_flags = session.version.build >= WindowsVersion::WINDOWS_8.build;
    let (documented, meaningless) = if has_flags { (documented, meaningless) } else { (0, 0) };
    let flags = call.u32(3)?;
    let unknown = flags & !(documented | meaningless);
    let objections =
        if unknown == 0 { Vec::new() } else { vec![format!("its flags have the unknown bits {unknown:#x}")] };
    let new = NewList {
        at: call.address(0)?,
        form: Form::Plain,
        allocate: call.address(1)?,
        free: call.address(2)?,
        pool_type: base | flags & documented,
        size: call.size(4)?,
        tag: call.u32(5)?,
        depth: call.argument(6)? as u16,
        objections,
    };
    initialize(session, call, new)?;
    Ok(0)
}

pub(super) fn ExInitializeNPagedLookasideList(session: &Session, call: &Call<'_>) -> Answer {
    let documented = PoolType::RAISE_IF_ALLOCATION_FAILURE | PoolType::NX_BIT;
    initialize_older(session, call, 0, documented, 0)
}

pub(super) fn ExInitializePagedLookasideList(session: &Session, call: &Call<'_>) -> Answer {
    let documented = PoolType::RAISE_IF_ALLOCATION_FAILURE;
    initialize_older(session, call, PoolType::PAGED_BIT, documented, PoolType::NX_BIT)
}

// ── Taking and giving ─────────────────────────────────────────────────────────────────────────────────────────────

/// The registers of a call of the driver's, as if it had called with these arguments.
fn with_arguments(call: &Call<'_>, arguments: &[u64]) -> Registers {
    const IN_REGISTERS: [usize; 3] = [register::RCX, register::RDX, register::R8];
    let mut registers = *call.registers();
    for (register, &argument) in IN_REGISTERS.into_iter().zip(arguments) {
        registers.general[register] = argument;
    }
    registers
}

/// Has a list's routine make a new entry; NULL when it can't.
fn make_entry(list: &DriverList<'_>, form: Form) -> Answer {
    let DriverList { session, call, at } = *list;
    let general: GeneralLookaside = memory::read(at)?;
    let GeneralLookaside { pool_type, size, tag, allocate, .. } = general;
    let arguments = [u64::from(pool_type), u64::from(size), u64::from(tag), at.0];
    if allocate == default_allocate(session).0 {
        return ex::ExAllocatePoolWithTag(session, &Call::new(&with_arguments(call, &arguments[..3])));
    }
    let taken = if form == Form::Extended { 4 } else { 3 };
    let entry = session.call_back(VirtualAddress(allocate), &arguments[..taken])?;
    if entry != 0 {
        session.refuse_misfit(call, at, VirtualAddress(entry))?;
    }
    Ok(entry)
}

/// Has a list's routine let an entry go.
fn let_go(list: &DriverList<'_>, form: Form, entry: VirtualAddress) -> Result<(), Stop> {
    let DriverList { session, call, at } = *list;
    let free = memory::read_field(at, GeneralLookaside::FREE)?;
    if free == default_free(session).0 {
        ex::ExFreePool(session, &Call::new(&with_arguments(call, &[entry.0])))?;
        return Ok(());
    }
    let arguments = [entry.0, at.0];
    let taken = if form == Form::Extended { 2 } else { 1 };
    session.call_back(VirtualAddress(free), &arguments[..taken])?;
    Ok(())
}

/// The list of a call, with what is wrong with the call told.
fn list_of<'a>(session: &'a Session, call: &'a Call<'a>, form: Form) -> Result<DriverList<'a>, Stop> {
    let at = call.address(0)?;
    session.check_live(call, at);
    check_level(session, call, form, at)?;
    Ok(DriverList { session, call, at })
}

/// Looks at the level where the entries decide it; the older forms have routines of their own for each kind of entry.
fn check_level(session: &Session, call: &Call<'_>, form: Form, list: VirtualAddress) -> Result<(), Stop> {
    match form {
        Form::Extended => session.check_paged_level(call, list),
        Form::Plain => Ok(()),
    }
}

fn allocate(session: &Session, call: &Call<'_>, form: Form) -> Answer {
    let list = list_of(session, call, form)?;
    let entry = match lookaside::take(&list)? {
        Some(entry) => entry,
        None => VirtualAddress(make_entry(&list, form)?),
    };
    session.renew_locks(list.at, entry)?;
    Ok(entry.0)
}

fn free(session: &Session, call: &Call<'_>, form: Form) -> Answer {
    let list = list_of(session, call, form)?;
    if let Some(entry) = lookaside::give(&list, call.address(1)?)? {
        let_go(&list, form, entry)?;
    }
    Ok(0)
}

/// Lets every idle entry go.
fn empty(list: &DriverList<'_>, form: Form) -> Result<(), Stop> {
    // A routine that puts entries back would keep this going for ever.
    for _ in 0..slist::depth(list.at)? {
        match list.pop()? {
            Some(entry) => let_go(list, form, entry)?,
            None => break,
        }
    }
    Ok(())
}

fn delete(session: &Session, call: &Call<'_>, form: Form) -> Answer {
    let at = call.address(0)?;
    if session.is_lookaside(call, at) {
        check_level(session, call, form, at)?;
        empty(&DriverList { session, call, at }, form)?;
        session.forget_lookaside(at);
    }
    Ok(0)
}

pub(super) fn ExAllocateFromLookasideListEx(session: &Session, call: &Call<'_>) -> Answer {
    allocate(session, call, Form::Extended)
}

pub(super) fn ExFreeToLookasideListEx(session: &Session, call: &Call<'_>) -> Answer {
    free(session, call, Form::Extended)
}

pub(super) fn ExFlushLookasideListEx(session: &Session, call: &Call<'_>) -> Answer {
    empty(&list_of(session, call, Form::Extended)?, Form::Extended)?;
    Ok(0)
}

pub(super) fn ExDeleteLookasideListEx(session: &Session, call: &Call<'_>) -> Answer {
    delete(session, call, Form::Extended)
}

pub(super) fn ExAllocateFromNPagedLookasideList(session: &Session, call: &Call<'_>) -> Answer {
    allocate(session, call, Form::Plain)
}

pub(super) fn ExFreeToNPagedLookasideList(session: &Session, call: &Call<'_>) -> Answer {
    free(session, call, Form::Plain)
}

pub(super) fn ExDeleteNPagedLookasideList(session: &Session, call: &Call<'_>) -> Answer {
    delete(session, call, Form::Plain)
}

pub(super) fn ExAllocateFromPagedLookasideList(session: &Session, call: &Call<'_>) -> Answer {
    allocate(session, call, Form::Plain)
}

pub(super) fn ExFreeToPagedLookasideList(session: &Session, call: &Call<'_>) -> Answer {
    free(session, call, Form::Plain)
}

pub(super) fn ExDeletePagedLookasideList(session: &Session, call: &Call<'_>) -> Answer {
    delete(session, call, Form::Plain)
}

// ── Adjusting ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// How often depths are adjusted, in units of the clock: once a second.
const INTERVAL: u64 = 1000 * Instant::PER_MILLISECOND;

/// The most adjustments that one wait makes up for. A list that nobody asks for anything has the least depth after
/// eight, whatever it was.
const MOST_ROUNDS: u64 = 16;

/// Adjusts every list's depth and lets surplus entries go; says whether another round could change anything.
fn adjust_all(session: &Session, call: &Call<'_>) -> Result<bool, Stop> {
    let mut unsettled = false;
    for (at, live) in session.lookasides.all() {
        // A routine that was called back for another list may have deleted this one.
        if session.lookasides.live(at).is_some() {
            let list = DriverList { session, call, at };
            unsettled |= lookaside::adjust(&list)?;
            // A routine that puts entries back would keep this going for ever.
            for _ in 0..slist::depth(at)? {
                match lookaside::surplus(&list)? {
                    Some(entry) => let_go(&list, live.form, entry)?,
                    None => break,
                }
            }
        }
    }
    Ok(unsettled)
}

/// Makes up for the adjustments that were due while the driver waited.
///
/// They belong to a thread of the system's, which runs while the caller waits; below DISPATCH_LEVEL it can.
pub(super) fn adjust_as_time_passed(session: &Session, call: &Call<'_>) -> Result<(), Stop> {
    let now = session.now();
    let due = now.0 / INTERVAL - session.lookasides.adjusted.replace(now).0 / INTERVAL;
    if session.irql() < Irql::DISPATCH {
        for _ in 0..due.min(MOST_ROUNDS) {
            if !adjust_all(session, call)? {
                break;
            }
        }
    }
    Ok(())
}

pub(super) fn ExAdjustLookasideDepth(session: &Session, call: &Call<'_>) -> Answer {
    adjust_all(session, call)?;
    Ok(0)
}
