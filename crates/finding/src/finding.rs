//! One thing a driver did wrong.

use crate::{Hex, Stack};
use serde::{Deserialize, Serialize};

/// What the driver was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Before the driver's first instruction.
    Load,
    /// In DriverEntry.
    DriverEntry,
    /// In the unload routine.
    Unload,
    /// In nothing that the system asked of it: what it had started went on.
    Idle,
    /// In a thread that the driver created.
    SystemThread,
    /// In a work item.
    WorkItem,
    /// In a deferred procedure call, a timer's included.
    Dpc,
    /// In an interrupt service routine, or another routine above DISPATCH_LEVEL that interrupted a thread.
    Interrupt,
    /// After the driver's last instruction.
    AfterUnload,
}

/// A pool block, alive or freed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its first byte.
    pub address: Hex,
    /// The bytes that were asked for.
    pub size: u64,
    /// `nonpaged`, `nonpaged executable` or `paged`.
    pub kind: String,
    /// Its tag in the order tools show it.
    pub tag: String,
}

/// One thing a driver did wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The stable id of the rule that was broken, such as `pool.double-free`.
    pub rule: String,
    /// The number of the bug check that Windows would make, for example `0xc2`.
    pub bug_check: Option<Hex>,
    /// The name of that bug check, where it has one.
    pub name: Option<String>,
    /// Its four parameters.
    pub parameters: Option<[Hex; 4]>,
    /// The Windows configuration that makes this bug check, where builds or settings differ.
    pub model: Option<String>,
    /// What happened, in a sentence that names the values.
    pub message: String,
    /// The pool block it is about.
    pub block: Option<Block>,
    /// How often it happened in the same way: leaked blocks of one allocation stack are one finding.
    pub count: u64,
    /// The bytes in all of them, for blocks left behind.
    pub bytes: Option<u64>,
    /// The stacks that explain it, in the order to read them.
    pub stacks: Vec<Stack>,
    /// What the driver was doing.
    pub phase: Phase,
    /// The processor it ran on.
    pub processor: u16,
    /// The processor's IRQL.
    pub irql: u8,
    /// The machine's time since its start, in units of 100 ns.
    pub time: u64,
    /// The command that repeats the run.
    pub repeat: String,
}
