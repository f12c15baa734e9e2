//! What ntpool says about a driver: findings with their stacks, and the outcome of a run.
//!
//! These types are the report's data model and, through serde, its versioned JSON form
//! ([`SCHEMA_VERSION`], `schema/outcome.schema.json`). They know neither how a finding is made nor how it is shown:
//! the machine fills them in, the parent process adds names and lines, and the report crate draws them.
//!
//! Values of 64 bits are written as hexadecimal strings, since JSON readers round large numbers.
#![forbid(unsafe_code)]

mod debug_output;
mod finding;
mod hex;
mod message;
mod outcome;
mod stack;
mod tag_usage;

pub use debug_output::DebugLine;
pub use finding::{Block, Finding, Phase};
pub use hex::Hex;
pub use message::Message;
pub use outcome::{DeviceRecord, DriverRecord, ExitStatus, Limit, LimitKind, Outcome, Status};
pub use stack::{Frame, Role, Stack};
pub use tag_usage::TagUsage;

/// The version of the JSON form; it grows when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// The JSON schema of an [`Outcome`], as `--report json=PATH` writes it.
pub const SCHEMA: &str = include_str!("../schema/outcome.schema.json");
