//! NT structures as they lie in memory on x64.
//!
//! Drivers are compiled against these layouts, so they are facts, not choices. Each structure is a `#[repr(C)]`
//! type with its padding spelled out, so that it converts to and from plain bytes without unsafe code; the floors
//! above copy it into and out of a driver's memory, or one member of it with the help of a [`Field`]. Pointers are
//! plain `u64`: nothing here ever follows one.
//!
//! Names are Rust's; the NT name stands in each item's documentation and in [`LAYOUTS`]. Constants keep their header
//! names.
//!
//! # Invariants
//! - Every size and offset is asserted at compile time, beside the structure.
//! - `tests/layouts.rs` compares every size, offset and constant of [`LAYOUTS`] and [`CONSTANTS`] with what a C
//!   compiler makes of the public mingw-w64 headers, except for those that its list of differences names.
//!
//! # Source
//! The public mingw-w64 headers `ddk/wdm.h` and `ddk/ntddk.h`; Microsoft's reference pages where those are silent.
#![no_std]
#![forbid(unsafe_code)]

mod layout;

mod cancel_queue;
mod device_object;
mod dispatcher;
mod driver_object;
mod interrupt;
mod io_stack_location;
mod irp;
mod list;
mod lock;
mod lookaside;
mod mdl;
mod object;
mod pool_parameter;
mod processor;
mod registry;
mod rundown;
mod shared_data;
mod slist;
mod stack;
mod string;
mod timer_parameters;
mod version;
mod work_item;

pub use cancel_queue::*;
pub use device_object::*;
pub use dispatcher::*;
pub use driver_object::*;
pub use interrupt::*;
pub use io_stack_location::*;
pub use irp::*;
pub use layout::{Constant, Field, Member, Structure};
pub use list::*;
pub use lock::*;
pub use lookaside::*;
pub use mdl::*;
pub use object::*;
pub use pool_parameter::*;
pub use processor::*;
pub use registry::*;
pub use rundown::*;
pub use shared_data::*;
pub use slist::*;
pub use stack::*;
pub use string::*;
pub use timer_parameters::*;
pub use version::*;
pub use work_item::*;
pub use zerocopy;

/// Every structure of this crate.
pub const LAYOUTS: &[Structure] = &[
    ListEntry::LAYOUT,
    SingleListEntry::LAYOUT,
    UnicodeString::LAYOUT,
    AnsiString::LAYOUT,
    LargeInteger::LAYOUT,
    IoStatusBlock::LAYOUT,
    Mdl::LAYOUT,
    DispatcherHeader::LAYOUT,
    KEvent::LAYOUT,
    KSemaphore::LAYOUT,
    KMutex::LAYOUT,
    KTimer::LAYOUT,
    KDpc::LAYOUT,
    KWaitBlock::LAYOUT,
    KLockQueueHandle::LAYOUT,
    FastMutex::LAYOUT,
    GuardedMutex::LAYOUT,
    OwnerEntry::LAYOUT,
    EResource::LAYOUT,
    IoRemoveLock::LAYOUT,
    IoRemoveLockChecks::LAYOUT,
    RundownRef::LAYOUT,
    WorkQueueItem::LAYOUT,
    IoCsq::LAYOUT,
    IoCsqIrpContext::LAYOUT,
    ObjectAttributes::LAYOUT,
    ClientId::LAYOUT,
    GroupedProcessor::LAYOUT,
    GroupAffinity::LAYOUT,
    ConnectInterruptParameters::LAYOUT,
    ConnectFullySpecified::LAYOUT,
    ConnectLineBased::LAYOUT,
    ConnectMessageBased::LAYOUT,
    DisconnectInterruptParameters::LAYOUT,
    InterruptMessageEntry::LAYOUT,
    InterruptMessageTable::LAYOUT,
    ExtSetParameters::LAYOUT,
    ExtDeleteParameters::LAYOUT,
    DriverExtension::LAYOUT,
    DriverObject::LAYOUT,
    KDeviceQueueEntry::LAYOUT,
    KDeviceQueue::LAYOUT,
    DeviceObject::LAYOUT,
    Irp::LAYOUT,
    IoStackLocation::LAYOUT,
    KSystemTime::LAYOUT,
    KUserSharedData::LAYOUT,
    OsVersionInfo::LAYOUT,
    OsVersionInfoEx::LAYOUT,
    PoolExtendedParameter::LAYOUT,
    SecurePoolParameters::LAYOUT,
    PoolCreateParameters::LAYOUT,
    RegistryQuery::LAYOUT,
    SListHeader::LAYOUT,
    SListEntry::LAYOUT,
    GeneralLookaside::LAYOUT,
    LookasideListEx::LAYOUT,
    AlignedLookaside::LAYOUT,
    NPagedLookasideList::LAYOUT,
    PagedLookasideList::LAYOUT,
];

/// Every table of constants of this crate.
pub const CONSTANTS: &[&[Constant]] = &[
    mdl::CONSTANTS,
    dispatcher::CONSTANTS,
    driver_object::CONSTANTS,
    device_object::CONSTANTS,
    irp::CONSTANTS,
    io_stack_location::CONSTANTS,
    lock::CONSTANTS,
    lookaside::CONSTANTS,
    pool_parameter::CONSTANTS,
    registry::CONSTANTS,
    shared_data::CONSTANTS,
    stack::CONSTANTS,
    cancel_queue::CONSTANTS,
    interrupt::CONSTANTS,
    object::CONSTANTS,
    processor::CONSTANTS,
    timer_parameters::CONSTANTS,
    work_item::CONSTANTS,
];
