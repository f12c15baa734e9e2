//! Everything a run found out.

use crate::{DebugLine, Finding, Hex, SCHEMA_VERSION, Stack, TagUsage};
use serde::{Deserialize, Serialize};

/// The driver that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverRecord {
    /// The image's file name.
    pub name: String,
    /// The SHA-256 of the image's bytes, in hexadecimal.
    pub sha256: String,
    /// Whether it is the sample that ntpool brings along.
    pub embedded: bool,
}

/// A status value with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The value.
    pub value: Hex,
    /// The header name, where ntpool knows it.
    pub name: Option<String>,
    /// Whether it counts as success.
    pub success: bool,
}

/// A device object as it was after DriverEntry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// Its name, such as `\Device\Sample`.
    pub name: Option<String>,
    /// The symbolic links that lead to it.
    pub links: Vec<String>,
}

/// Why a run says less than it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitKind {
    /// The driver called a routine that this machine does not have.
    MissingExport,
    /// The driver called a routine that this machine refuses.
    RefusedExport,
    /// DriverEntry failed, so nothing of the driver was exercised.
    EntryFailed,
    /// The host could not provide what the run needs.
    Host,
}

/// A reason why a run ended early or exercised nothing, which is not the driver's fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// What kind of reason.
    pub kind: LimitKind,
    /// The reason in a sentence, with the way out.
    pub message: String,
    /// Where the driver was.
    pub stacks: Vec<Stack>,
}

/// The exit status that tells a script how a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Nothing was found.
    Clean = 0,
    /// Something was found.
    Findings = 1,
    /// The command line or the image could not be used.
    Unusable = 2,
    /// The host's limit was reached, or nothing was exercised.
    Limit = 3,
}

/// Everything a run found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The version of this form: [`SCHEMA_VERSION`].
    pub schema: u32,
    /// The version of ntpool.
    pub version: String,
    /// The driver that was run.
    pub driver: DriverRecord,
    /// The seed that repeats the run.
    pub seed: Hex,
    /// The command that repeats the run.
    pub repeat: String,
    /// What DriverEntry returned, if it returned.
    pub driver_entry: Option<Status>,
    /// Whether the unload routine was called and returned.
    pub unloaded: bool,
    /// The most bytes of the kernel stack (of 24,576) that the driver used.
    pub stack_used: Option<u64>,
    /// The device objects that existed when DriverEntry had returned.
    pub devices: Vec<DeviceRecord>,
    /// What the driver did wrong, in the order it was found.
    pub findings: Vec<Finding>,
    /// Why the run says less than it could.
    pub limits: Vec<Limit>,
    /// What else a reader should know.
    pub notes: Vec<String>,
    /// What the driver printed.
    pub debug_output: Vec<DebugLine>,
    /// What was allocated, per tag and kind of pool.
    pub tags: Vec<TagUsage>,
    /// The rows of `tags` that still have blocks.
    pub left: Vec<TagUsage>,
    /// How often there was a choice of who goes on. Not part of the report.
    #[serde(skip)]
    pub choices: u64,
    /// The points at which another thread went on than the one that could stay: step, processor, thread. Not part of the
    /// report, which has the command that repeats the run.
    #[serde(skip)]
    pub switches: Vec<[u64; 3]>,
}

impl Outcome {
    /// An outcome with nothing in it yet.
    #[must_use]
    pub fn new(driver: DriverRecord, seed: u64, repeat: String) -> Outcome {
        Outcome {
            schema: SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            driver,
            seed: Hex(seed),
            repeat,
            driver_entry: None,
            unloaded: false,
            stack_used: None,
            devices: Vec::new(),
            findings: Vec::new(),
            limits: Vec::new(),
            notes: Vec::new(),
            debug_output: Vec::new(),
            tags: Vec::new(),
            left: Vec::new(),
            choices: 0,
            switches: Vec::new(),
        }
    }

    /// The exit status of the run: findings win over limits.
    #[must_use]
    pub fn exit_status(&self) -> ExitStatus {
        if !self.findings.is_empty() {
            ExitStatus::Findings
        } else if !self.limits.is_empty() {
            ExitStatus::Limit
        } else {
            ExitStatus::Clean
        }
    }
}
