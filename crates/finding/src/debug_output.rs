//! What the driver printed.

use serde::{Deserialize, Serialize};

/// The text of one debug print.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebugLine {
    /// The formatted text, its line end included.
    pub text: String,
    /// The component it was filed under.
    pub component: u32,
    /// The level it was filed under.
    pub level: u32,
    /// The machine's time since its start, in units of 100 ns.
    pub time: u64,
}
