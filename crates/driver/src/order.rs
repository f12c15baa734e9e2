//! What the parent asks of the child: the first packet on the channel.

use crate::Schedule;
use serde::{Deserialize, Serialize};

/// A run to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The image's file name, such as `sample.sys`.
    pub name: String,
    /// What everything that is arbitrary is derived from.
    pub seed: u64,
    /// How many processors the machine has.
    pub processors: u32,
    /// Who goes on where more than one thread can.
    pub schedule: Schedule,
    /// Whether every processor is a thread of Linux, so that driver code really runs at the same time.
    pub free_running: bool,
    /// The machine's memory in bytes.
    pub memory: u64,
    /// The build of the Windows that the machine claims to be.
    pub windows_build: u32,
    /// Whether a free with another tag than the block's goes unnoticed unless the tag is protected.
    pub lenient_tags: bool,
    /// Whether the tails of large blocks are wasted, as before Windows Vista.
    pub waste_tails: bool,
    /// The command that repeats the run, for the findings.
    pub repeat: String,
}
