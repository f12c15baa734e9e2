//! The executive's pool routines: what their arguments mean.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::allocations::{Requested, Wanted};
use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_abi::PoolExtendedParameter;
use ntpool_machine::Fault;
use ntpool_pool::Contents;
use ntpool_types::{Bytes, NtStatus, PoolFlags, PoolKind, PoolType, Tag, VirtualAddress};
use ntpool_verifier::rules;

/// What happens when a request cannot be met.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnFailure {
    ReturnNull,
    Raise,
}

/// What a failed request becomes: NULL or an exception.
///
/// The documentation names no status for the exception; ours are STATUS_INSUFFICIENT_RESOURCES for want of memory or
/// quota, and STATUS_INVALID_PARAMETER for a request that is not valid (UNCONFIRMED POOL-036 and POOL-111: our choice).
fn fail(on_failure: OnFailure, status: NtStatus) -> Answer {
    match on_failure {
        OnFailure::ReturnNull => Ok(0),
        OnFailure::Raise => Err(Stop::Raise(status)),
    }
}

fn finish(block: Option<VirtualAddress>, on_failure: OnFailure) -> Answer {
    match block {
        Some(address) => Ok(address.0),
        None => fail(on_failure, NtStatus::INSUFFICIENT_RESOURCES),
    }
}

// ── The second generation: flags ──────────────────────────────────────────────────────────────────────────────────

fn allocate_by_flags(session: &Session, call: &Call<'_>, parameters: &[Parameter]) -> Answer {
    let flags = PoolFlags::from_bits_retain(call.argument(0)?);
    let size = call.size(1)?;
    let tag = call.tag(2)?;
    let on_failure =
        if flags.contains(PoolFlags::RAISE_ON_FAILURE) { OnFailure::Raise } else { OnFailure::ReturnNull };
    let invalid = || fail(on_failure, NtStatus::INVALID_PARAMETER);
    let Some(kind) = flags.kind() else { return invalid() };
    if tag == Tag(0) || !parameters.iter().all(|parameter| parameter.is_satisfiable(kind)) {
        return invalid();
    }
    session.check_allocation(call, kind, kind.bug_check_number(), size);
    if size == Bytes::ZERO {
        // UNCONFIRMED POOL-038: our choice. The finding has been made; the request fails.
        return invalid();
    }
    let contents =
        if flags.contains(PoolFlags::UNINITIALIZED) { Contents::Uninitialized } else { Contents::Zeroed };
    let quota = flags.contains(PoolFlags::USE_QUOTA);
    finish(session.allocate(call, &Wanted { size, kind, tag, contents, quota }), on_failure)
}

pub(super) fn ExAllocatePool2(session: &Session, call: &Call<'_>) -> Answer {
    allocate_by_flags(session, call, &[])
}

pub(super) fn ExAllocatePool3(session: &Session, call: &Call<'_>) -> Answer {
    let (array, count) = (call.address(3)?, call.u32(4)?);
    if count > MOST_PARAMETERS {
        return fail(OnFailure::ReturnNull, NtStatus::INVALID_PARAMETER);
    }
    let parameters = read_parameters(array, count)?;
    allocate_by_flags(session, call, &parameters)
}

/// The most extended parameters that a request may have: there are three types of them, and a count beyond reason is
/// rubbish.
const MOST_PARAMETERS: u32 = 256;

/// An extended parameter of ExAllocatePool3.
struct Parameter {
    kind: ParameterKind,
    optional: bool,
}

enum ParameterKind {
    Priority(u32),
    NumaNode(u32),
    Unsupported,
}

/// The bit of a node number that lets the allocation fall back to other nodes (POOL-071).
const MM_ANY_NODE_OK: u32 = 0x8000_0000;

/// The nine values of EX_POOL_PRIORITY (POOL-116 to POOL-121).
const PRIORITIES: [u32; 9] = [0, 8, 9, 16, 24, 25, 32, 40, 41];

/// Reads the parameters of a request. Each must be met, also where two have one type, and reserved bits are not looked
/// at (UNCONFIRMED POOL-079: our choice).
fn read_parameters(array: VirtualAddress, count: u32) -> Result<Vec<Parameter>, Fault> {
    (0..u64::from(count))
        .map(|place| {
            let at = VirtualAddress(array.0.wrapping_add(place * PoolExtendedParameter::SIZE));
            let parameter: PoolExtendedParameter = memory::read(at)?;
            // Bits 0 to 7 are the type, bit 8 says that it is optional (POOL-059).
            let kind = match parameter.bits as u8 {
                1 => ParameterKind::Priority(parameter.value as u32),
                3 => ParameterKind::NumaNode(parameter.value as u32),
                _ => ParameterKind::Unsupported,
            };
            Ok(Parameter { kind, optional: parameter.bits & 0x100 != 0 })
        })
        .collect()
}

impl Parameter {
    /// Whether the request can go on: the parameter is met, or may be ignored (POOL-063 to POOL-066, 068 to 070, 072).
    /// The machine has one node, number 0.
    fn is_satisfiable(&self, kind: PoolKind) -> bool {
        let met = match self.kind {
            ParameterKind::Priority(priority) => PRIORITIES.contains(&priority),
            ParameterKind::NumaNode(node) => {
                kind == PoolKind::NonPaged && (node == 0 || node & MM_ANY_NODE_OK != 0)
            }
            ParameterKind::Unsupported => false,
        };
        met || self.optional
    }
}

// ── The first generation: pool types ──────────────────────────────────────────────────────────────────────────────

/// A request in the words of the legacy routines.
struct Legacy {
    pool_type: PoolType,
    size: Bytes,
    tag: Tag,
    quota: bool,
    on_failure: OnFailure,
}

fn allocate_by_type(session: &Session, call: &Call<'_>, request: &Legacy) -> Answer {
    let Legacy { pool_type, size, tag, quota, on_failure } = *request;
    let number = pool_type.base();
    let caller = VirtualAddress(call.registers().instruction);
    if let Some(violation) = rules::check_legacy_tag(tag, pool_type, size, caller) {
        session.report(call, &violation, &format!("pool was asked for under the tag '{tag}' ({:#x})", tag.0));
    }
    let Some(kind) = pool_type.kind() else {
        session.report_bad_pool_type(call, pool_type);
        return fail(on_failure, NtStatus::INVALID_PARAMETER);
    };
    if let Some(violation) = rules::check_must_succeed(pool_type, size, tag) {
        session.report(call, &violation, &format!("pool type {number}, which must succeed, was asked for"));
    }
    session.check_allocation(call, kind, u64::from(number), size);
    let contents =
        if pool_type.has(PoolType::ZERO_ALLOCATION) { Contents::Zeroed } else { Contents::Uninitialized };
    finish(session.allocate(call, &Wanted { size, kind, tag, contents, quota }), on_failure)
}

fn unless_raising(pool_type: PoolType) -> OnFailure {
    if pool_type.has(PoolType::RAISE_IF_ALLOCATION_FAILURE) {
        OnFailure::Raise
    } else {
        OnFailure::ReturnNull
    }
}

fn unless_failing(pool_type: PoolType) -> OnFailure {
    if pool_type.has(PoolType::QUOTA_FAIL_INSTEAD_OF_RAISE) {
        OnFailure::ReturnNull
    } else {
        OnFailure::Raise
    }
}

pub(super) fn ExAllocatePool(session: &Session, call: &Call<'_>) -> Answer {
    let (pool_type, size) = (PoolType(call.u32(0)?), call.size(1)?);
    let on_failure = OnFailure::ReturnNull;
    allocate_by_type(session, call, &Legacy { pool_type, size, tag: Tag::NONE, quota: false, on_failure })
}

pub(super) fn ExAllocatePoolWithTag(session: &Session, call: &Call<'_>) -> Answer {
    let (pool_type, size, tag) = (PoolType(call.u32(0)?), call.size(1)?, call.tag(2)?);
    let on_failure = unless_raising(pool_type);
    allocate_by_type(session, call, &Legacy { pool_type, size, tag, quota: false, on_failure })
}

pub(super) fn ExAllocatePoolWithQuota(session: &Session, call: &Call<'_>) -> Answer {
    let (pool_type, size) = (PoolType(call.u32(0)?), call.size(1)?);
    let on_failure = unless_failing(pool_type);
    allocate_by_type(session, call, &Legacy { pool_type, size, tag: Tag::NONE, quota: true, on_failure })
}

pub(super) fn ExAllocatePoolWithQuotaTag(session: &Session, call: &Call<'_>) -> Answer {
    let (pool_type, size, tag) = (PoolType(call.u32(0)?), call.size(1)?, call.tag(2)?);
    let on_failure = unless_failing(pool_type);
    allocate_by_type(session, call, &Legacy { pool_type, size, tag, quota: true, on_failure })
}

pub(super) fn ExAllocatePoolWithTagPriority(session: &Session, call: &Call<'_>) -> Answer {
    // The fourth argument, the priority, decides nothing while there is memory.
    ExAllocatePoolWithTag(session, call)
}

// ── Freeing ───────────────────────────────────────────────────────────────────────────────────────────────────────

pub(super) fn ExFreePool(session: &Session, call: &Call<'_>) -> Answer {
    session.free(call, Requested { address: call.address(0)?, tag: None });
    Ok(0)
}

pub(super) fn ExFreePoolWithTag(session: &Session, call: &Call<'_>) -> Answer {
    let tag = call.tag(1)?;
    // A tag of zero asks for no comparison, as the untagged routine does.
    session.free(call, Requested { address: call.address(0)?, tag: (tag != Tag(0)).then_some(tag) });
    Ok(0)
}

pub(super) fn ExFreePool2(session: &Session, call: &Call<'_>) -> Answer {
    // UNCONFIRMED POOL-163: our choice. It frees like the tagged routine.
    ExFreePoolWithTag(session, call)
}
