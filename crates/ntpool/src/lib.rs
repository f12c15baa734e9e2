//! Runs unmodified x64 Windows drivers natively on Linux, on a faithful pool, and says what they do wrong with memory.
//!
//! ```no_run
//! use ntpool::{Driver, Machine};
//!
//! let driver = Driver::from_file("mydriver.sys".as_ref())?;
//! let outcome = Machine::new().seed(42).run(&driver)?;
//! assert!(outcome.findings.is_empty(), "{:#?}", outcome.findings);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The driver runs in a child process: the calling program, started again (see [`child`]). The parent trusts nothing
//! that comes from there, keeps what it has heard when the child dies, and looks up functions and lines in its own copy
//! of the image.

pub mod child;

mod driver;
mod imports;
mod machine;
mod reduction;
mod search;
mod supervision;
mod symbols;

pub use driver::{Driver, DriverError};
pub use imports::{Grade, ImportedRoutine, ImportedSymbol};
pub use machine::{DEFAULT_MEMORY, DEFAULT_PROCESSORS, DEFAULT_SEED, DEFAULT_TIMEOUT, Machine};
pub use ntpool_driver::{Schedule, ScheduleError, SwitchTo, TagPolicy, TailModel, exports};
pub use ntpool_finding::{
    Block, DebugLine, DeviceRecord, DriverRecord, ExitStatus, Finding, Frame, Hex, Limit, LimitKind, Outcome,
    Phase, Role, SCHEMA, SCHEMA_VERSION, Stack, Status, TagUsage,
};
pub use ntpool_host::HostError;
pub use ntpool_host::layout::MOST_PROCESSORS;
pub use ntpool_host::physical::{LEAST_MEMORY, MOST_MEMORY};
pub use ntpool_types::WindowsVersion;
pub use supervision::{Event, Watcher};
