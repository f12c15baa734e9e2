//! The executive's pool routines: what their arguments mean.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::allocations::{Requested, Wanted};
use crate::call::Call;
use crate::memory;
use crate::placement::{ON_CACHE_LINE, node_choice};
use crate::secure::Named;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_abi::{
    PARAMETER_NUMA_NODE, PARAMETER_PRIORITY, PARAMETER_SECURE_POOL, PoolExtendedParameter,
    SecurePoolParameters,
};
use ntpool_machine::Fault;
use ntpool_pool::{Contents, NodeChoice, Placement, Priority};
use ntpool_types::{
    Bytes, FlagsError, Irql, NtStatus, PoolFlags, PoolKind, PoolType, Rule, Tag, VirtualAddress,
};
use ntpool_verifier::rules;

/// What happens when a request cannot be met.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnFailure {
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

/// Carries out a request of the newer routines.
///
/// A request that is not valid fails, as documented, and that is no crime: a driver may try what an older system does
/// not know. So it gets a note. A pool type in place of flags can never be meant, so it gets a finding.
fn allocate_by_flags(session: &Session, call: &Call<'_>, parameters: &[PoolExtendedParameter]) -> Answer {
    let flags = PoolFlags::from_bits_retain(call.argument(0)?);
    let size = call.size(1)?;
    let tag = call.tag(2)?;
    let on_failure =
        if flags.contains(PoolFlags::RAISE_ON_FAILURE) { OnFailure::Raise } else { OnFailure::ReturnNull };
    let invalid = |why: &str| {
        session.note_once(call, &format!("a request for {size} of pool failed because {why}"));
        fail(on_failure, NtStatus::INVALID_PARAMETER)
    };
    let kind = match flags.check() {
        Ok(kind) => kind,
        Err(error @ FlagsError::PoolType(_)) => {
            let message = format!("a request for {size} of pool failed: {error}");
            session.report_rule(call, Rule::PoolTypeAsFlags, &message);
            return fail(on_failure, NtStatus::INVALID_PARAMETER);
        }
        Err(error) => return invalid(&format!("of its flags {:#x}: {error}", flags.bits())),
    };
    if tag == Tag(0) {
        return invalid("its tag is zero");
    }
    if !Tag(tag.0 & !Tag::PROTECTED).is_well_formed() {
        let what =
            format!("the tag {:#x} of a block has other characters than the printable ones of ASCII", tag.0);
        session.note_once(call, &what);
    }
    let extended = match Extended::of(session, parameters, kind, size)? {
        Ok(extended) => extended,
        Err(Unmet::Invalid(why)) => return invalid(why),
        Err(Unmet::Memory) => return finish(None, on_failure),
    };
    session.check_allocation(call, kind, kind.bug_check_number(), size);
    if size == Bytes::ZERO {
        // UNCONFIRMED POOL-038: our choice. The finding has been made; the request fails.
        return fail(on_failure, NtStatus::INVALID_PARAMETER);
    }
    if let Some(secure) = extended.secure {
        return finish(session.allocate_secure(call, size, tag, &secure)?, on_failure);
    }
    let contents =
        if flags.contains(PoolFlags::UNINITIALIZED) { Contents::Uninitialized } else { Contents::Zeroed };
    let quota = flags.contains(PoolFlags::USE_QUOTA);
    let wanted = Wanted { size, kind, tag, contents, quota };
    let anywhere = Placement { node: extended.node, ..Placement::ANY };
    // Best effort (POOL-187): where no cache line is free, any place will do.
    let aligned = flags
        .contains(PoolFlags::CACHE_ALIGNED)
        .then(|| session.allocate_placed(call, &wanted, Placement { node: extended.node, ..ON_CACHE_LINE }))
        .flatten();
    finish(aligned.or_else(|| session.allocate_placed(call, &wanted, anywhere)), on_failure)
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

/// Reads the parameters of a request.
fn read_parameters(array: VirtualAddress, count: u32) -> Result<Vec<PoolExtendedParameter>, Fault> {
    (0..u64::from(count))
        .map(|place| memory::read(VirtualAddress(array.0.wrapping_add(place * PoolExtendedParameter::SIZE))))
        .collect()
}

/// What the extended parameters of a request ask for, beyond what has been looked at.
#[derive(Default)]
struct Extended {
    secure: Option<SecurePoolParameters>,
    node: NodeChoice,
}

/// Why a parameter can't be met.
enum Unmet {
    /// It is not valid, for this reason.
    Invalid(&'static str),
    /// There is not enough memory for the request's priority.
    Memory,
}

impl Extended {
    /// Looks at each parameter. Each must be met or may be ignored, also where two have one type, and reserved bits are
    /// not looked at (POOL-063 to POOL-070, POOL-072; UNCONFIRMED POOL-079: our choice).
    fn of(
        session: &Session,
        parameters: &[PoolExtendedParameter],
        kind: PoolKind,
        size: Bytes,
    ) -> Result<Result<Extended, Unmet>, Fault> {
        let mut extended = Extended::default();
        for parameter in parameters {
            let met = match parameter.parameter_type() {
                PARAMETER_PRIORITY => match Priority::from_number(parameter.number()) {
                    None => Err(Unmet::Invalid("its priority is none of the nine values")),
                    Some(priority) if !session.admits(priority, kind, size) => Err(Unmet::Memory),
                    Some(_) => Ok(()),
                },
                PARAMETER_NUMA_NODE if kind != PoolKind::NonPaged => {
                    Err(Unmet::Invalid("a node is named, which only nonpaged pool has"))
                }
                PARAMETER_NUMA_NODE => match node_choice(parameter.number()) {
                    Some(node) => {
                        extended.node = node;
                        Ok(())
                    }
                    None => Err(Unmet::Invalid("the node it names is not there")),
                },
                PARAMETER_SECURE_POOL => match read_secure(session, kind, parameter.value)? {
                    Some(secure) => {
                        extended.secure = Some(secure);
                        Ok(())
                    }
                    None => Err(Unmet::Invalid("its secure pool, or the flags for it, are not there")),
                },
                _ => Err(Unmet::Invalid("the type of an extended parameter is unknown")),
            };
            if let (Err(unmet), false) = (met, parameter.is_optional()) {
                return Ok(Err(unmet));
            }
        }
        Ok(Ok(extended))
    }
}

/// The parameters of a secure allocation that can be made.
fn read_secure(session: &Session, kind: PoolKind, at: u64) -> Result<Option<SecurePoolParameters>, Fault> {
    if at == 0 || kind != PoolKind::NonPaged {
        return Ok(None);
    }
    let parameters: SecurePoolParameters = memory::read(VirtualAddress(at))?;
    Ok(session.can_be_secure(kind, &parameters).then_some(parameters))
}

// ── The first generation: pool types ──────────────────────────────────────────────────────────────────────────────

/// A request in the words of the legacy routines.
pub(super) struct Legacy {
    pub(super) pool_type: PoolType,
    pub(super) size: Bytes,
    pub(super) tag: Tag,
    pub(super) quota: bool,
    pub(super) on_failure: OnFailure,
}

pub(super) fn allocate_by_type(session: &Session, call: &Call<'_>, request: &Legacy) -> Answer {
    let Legacy { pool_type, size, tag, quota, on_failure } = *request;
    let number = pool_type.base();
    let caller = VirtualAddress(call.registers().instruction);
    if let Some(violation) = rules::check_legacy_tag(tag, pool_type, size, caller) {
        session.report(call, &violation, &format!("pool was asked for under the tag '{tag}' ({:#x})", tag.0));
    }
    let Some(kind) = session.kind_of(pool_type) else {
        session.report_bad_pool_type(call, pool_type);
        return fail(on_failure, NtStatus::INVALID_PARAMETER);
    };
    if let Some(violation) = rules::check_must_succeed(pool_type, size, tag) {
        session.report(call, &violation, &format!("pool type {number}, which must succeed, was asked for"));
    }
    session.check_allocation(call, kind, u64::from(number), size);
    if quota {
        session.check_quota_level(call, kind);
    }
    let zeroes = pool_type.has(PoolType::ZERO_ALLOCATION) && session.version.zeroes_by_type();
    let contents = if zeroes { Contents::Zeroed } else { Contents::Uninitialized };
    let placement = if pool_type.is_cache_aligned() { ON_CACHE_LINE } else { Placement::ANY };
    let block = session.allocate_placed(call, &Wanted { size, kind, tag, contents, quota }, placement);
    if block.is_none() && pool_type.has(PoolType::MUST_SUCCEED_BIT) {
        return Err(session.must_succeed_stop(kind, size));
    }
    finish(block, on_failure)
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
    let (pool_type, size) = (PoolType(call.u32(0)?), call.size(1)?);
    let Some(priority) = Priority::from_number(call.u32(3)?) else {
        session.note_once(
            call,
            &format!("a request for {size} of pool failed because its priority is none of the nine values"),
        );
        return fail(unless_raising(pool_type), NtStatus::INVALID_PARAMETER);
    };
    match session.kind_of(pool_type) {
        Some(kind) if !session.admits(priority, kind, size) => finish(None, unless_raising(pool_type)),
        _ => ExAllocatePoolWithTag(session, call),
    }
}

impl Session {
    /// The kind of pool that a type names in this version of Windows.
    pub(crate) fn kind_of(&self, pool_type: PoolType) -> Option<PoolKind> {
        let is_known = self.version.has_no_execute_pool() || !pool_type.has(PoolType::NX_BIT);
        pool_type.kind().filter(|_| is_known)
    }

    /// Reports a routine that charges quota when it is called at DISPATCH_LEVEL: its page allows that and the rule of the
    /// compliance checks does not (CONFLICT POOL-113). Higher levels are told of as those of any request.
    fn check_quota_level(&self, call: &Call<'_>, kind: PoolKind) {
        if self.irql() == Irql::DISPATCH && !kind.is_paged() {
            let message =
                "pool charged to a process was allocated at DISPATCH_LEVEL; its rule allows APC_LEVEL";
            self.report_rule(call, Rule::IrqlTooHigh, message);
        }
    }
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

/// UNCONFIRMED POOL-163: our choice. With a secure pool among its parameters it frees a block of that pool; otherwise it
/// frees like the tagged routine.
pub(super) fn ExFreePool2(session: &Session, call: &Call<'_>) -> Answer {
    let (address, tag, array, count) = (call.address(0)?, call.tag(1)?, call.address(2)?, call.u32(3)?);
    let parameters = read_parameters(array, count.min(MOST_PARAMETERS))?;
    let secure = parameters.iter().find(|parameter| parameter.parameter_type() == PARAMETER_SECURE_POOL);
    match secure {
        Some(parameter) => {
            let secure: SecurePoolParameters = memory::read(VirtualAddress(parameter.value))?;
            let named = Named { pool: secure.secure_pool_handle, tag, address, cookie: secure.cookie };
            session.free_secure(call, &named);
            Ok(0)
        }
        None => ExFreePoolWithTag(session, call),
    }
}
