//! What the parent asks of the child: the first packet on the channel.

use serde::{Deserialize, Serialize};

/// A run to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The image's file name, such as `sample.sys`.
    pub name: String,
    /// What everything that is arbitrary is derived from.
    pub seed: u64,
    /// The machine's memory in bytes.
    pub memory: u64,
    /// The command that repeats the run, for the findings.
    pub repeat: String,
}
