//! The words of the house: units, addresses, levels, tags, and what can go wrong.
//!
//! Every crate above speaks in these types, so a byte count is never a page count and an address is never a
//! frame number. Nothing here allocates, touches memory or knows an operating system.
//!
//! One concept per file; the file's name is the concept.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod address;
mod bug_check;
mod bytes;
mod irql;
mod nt_status;
mod page;
mod pool_flags;
mod pool_kind;
mod pool_type;
mod processor;
mod rule;
mod tag;
mod violation;
mod windows_version;

pub use address::{PhysicalAddress, SYSTEM_SPACE_START, USER_SPACE_END, VirtualAddress};
pub use bug_check::{BugCheck, BugCheckCode};
pub use bytes::Bytes;
pub use irql::Irql;
pub use nt_status::NtStatus;
pub use page::{PAGE_SHIFT, PAGE_SIZE, PageCount, Pfn};
pub use pool_flags::{FlagsError, PoolFlags};
pub use pool_kind::PoolKind;
pub use pool_type::PoolType;
pub use processor::{NodeNumber, ProcessorNumber};
pub use rule::{Rule, Severity};
pub use tag::Tag;
pub use violation::Violation;
pub use windows_version::WindowsVersion;
