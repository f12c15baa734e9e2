//! What the newer timers are set and deleted with.
//!
//! The timer itself has no public layout, and the parameters for cancelling it are reserved: drivers pass none.

use crate::layout::{nt_constants, nt_struct};

nt_struct! {
    /// How a timer is set.
    ExtSetParameters = "EXT_SET_PARAMETERS", 0x10 {
        /// 0.
        version: u32 = [0x0] VERSION "Version",
        /// 0.
        reserved: u32 = [0x4] RESERVED "Reserved",
        /// How late it may expire if that spares waking the processor, in units of 100 ns.
        no_wake_tolerance: i64 = [0x8] NO_WAKE_TOLERANCE "NoWakeTolerance",
    }
}

nt_struct! {
    /// How a timer is deleted.
    ExtDeleteParameters = "EXT_DELETE_PARAMETERS", 0x18 {
        /// 0.
        version: u32 = [0x00] VERSION "Version",
        /// 0.
        reserved: u32 = [0x04] RESERVED "Reserved",
        /// The address of the routine to call when it is deleted, or 0.
        delete_callback: u64 = [0x08] DELETE_CALLBACK "DeleteCallback",
        /// That routine's context.
        delete_context: u64 = [0x10] DELETE_CONTEXT "DeleteContext",
    }
}

nt_constants! {
    /// The timer is accurate to less than a clock tick.
    EX_TIMER_HIGH_RESOLUTION: u32 = 0x4;
    /// The timer does not wake an idle processor.
    EX_TIMER_NO_WAKE: u32 = 0x8;
    /// The timer stays signalled until it is set again.
    EX_TIMER_NOTIFICATION: u32 = 0x8000_0000;
    /// A tolerance without a limit.
    EX_TIMER_UNLIMITED_TOLERANCE: u64 = u64::MAX;
}
