//! The file system library's pool routines: the older ones, raising whenever they fail (POOL-218).

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::ex::{Legacy, OnFailure, allocate_by_type};
use crate::call::Call;
use crate::session::Session;
use crate::stop::Answer;
use ntpool_types::{Bytes, PoolType};

fn allocate(session: &Session, call: &Call<'_>, quota: bool) -> Answer {
    let (pool_type, tag) = (PoolType(call.u32(0)?), call.tag(2)?);
    // The length is 32 bits wide in these routines.
    let size = Bytes(u64::from(call.u32(1)?));
    allocate_by_type(session, call, &Legacy { pool_type, size, tag, quota, on_failure: OnFailure::Raise })
}

pub(super) fn FsRtlAllocatePoolWithTag(session: &Session, call: &Call<'_>) -> Answer {
    allocate(session, call, false)
}

pub(super) fn FsRtlAllocatePoolWithQuotaTag(session: &Session, call: &Call<'_>) -> Answer {
    allocate(session, call, true)
}
