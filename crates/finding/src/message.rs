//! What the child process tells its parent.

use crate::{DebugLine, DeviceRecord, Finding, Hex, Limit, Status, TagUsage};
use serde::{Deserialize, Serialize};

/// One packet from the child to the parent.
///
/// Each is sent as soon as it is known, so that a child that dies loses nothing it had found. The parent takes each
/// as a claim: a driver may have written over the process that sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// DriverEntry is about to be called.
    Entering,
    /// The driver printed something.
    Debug(DebugLine),
    /// The driver did something wrong.
    Finding(Box<Finding>),
    /// The machine could not go on, which is not the driver's fault.
    Limit(Limit),
    /// DriverEntry returned.
    Entered(Status),
    /// A device object that existed when DriverEntry had returned.
    Device(DeviceRecord),
    /// The unload routine is about to be called.
    Unloading,
    /// The unload routine returned.
    Unloaded,
    /// The most bytes of the kernel stack that the driver used so far.
    StackUsed(u64),
    /// How often there was a choice of who goes on.
    Choices(u64),
    /// Points at which another thread went on than the one that could stay, more of them: step, processor, thread.
    Switches(Vec<[u64; 3]>),
    /// A row of the table of tags.
    Tag(TagUsage),
    /// Something the reader should know that is neither wrong nor a limit.
    Note(String),
    /// The child's own code was hit by a signal and the child is about to die.
    Died {
        /// The signal's number.
        signal: i32,
        /// The instruction that was hit.
        instruction: Hex,
        /// The address it accessed.
        address: Hex,
    },
    /// Nothing more will come.
    Finished,
}
