//! The hold on a shard: what makes the fast paths safe without a lock.
#![expect(unsafe_code, reason = "who implements a hold promises that it is exclusive")]

use crate::ShardHandle;

/// Exclusive use of one shard.
///
/// # Safety
/// 1. The shard is one of the pool's whose platform handed the hold out (see [`ShardSet`](crate::ShardSet)).
/// 2. While the hold is there, nobody else has a hold on the same shard.
pub unsafe trait ShardHold {
    /// The shard.
    fn shard(&self) -> ShardHandle;

    /// The node of the processor that holds it: where memory is near (POOL-024).
    #[inline(always)]
    fn node(&self) -> crate::NodeNumber {
        crate::NodeNumber(0)
    }
}
