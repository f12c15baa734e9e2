//! Variables that a driver can import: the slot of such an import points to the variable, not to code.

use crate::memory;
use crate::session::Session;
use crate::system_objects::SystemKind;
use ntpool_host::layout;
use ntpool_machine::Fault;
use ntpool_types::{SYSTEM_SPACE_START, USER_SPACE_END, VirtualAddress};

/// What a variable holds.
#[derive(Clone, Copy)]
enum Value {
    /// The address of the object that stands for a kind of objects.
    TypeOf(SystemKind),
    /// How many processors there are, in a byte.
    ProcessorCount,
    /// An address that is the same in every run.
    Address(VirtualAddress),
}

/// A variable that a driver can import.
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The image that exports it on Windows.
    pub dll: &'static str,
    /// What it holds, in a word or two.
    pub holds: &'static str,
    value: Value,
}

const LAST_USER_ADDRESS: VirtualAddress = VirtualAddress(USER_SPACE_END.0 - 1);

const fn type_of(name: &'static str, kind: SystemKind) -> Variable {
    let holds = "the address of an object that stands for a kind of objects";
    Variable { name, dll: "ntoskrnl.exe", holds, value: Value::TypeOf(kind) }
}

const fn address(name: &'static str, holds: &'static str, address: VirtualAddress) -> Variable {
    Variable { name, dll: "ntoskrnl.exe", holds, value: Value::Address(address) }
}

static VARIABLES: &[Variable] = &[
    type_of("ExEventObjectType", SystemKind::Event),
    type_of("ExSemaphoreObjectType", SystemKind::Semaphore),
    type_of("IoDeviceObjectType", SystemKind::Device),
    type_of("IoDriverObjectType", SystemKind::Driver),
    type_of("IoFileObjectType", SystemKind::File),
    Variable {
        name: "KeNumberProcessors",
        dll: "ntoskrnl.exe",
        holds: "how many processors there are, in a byte",
        value: Value::ProcessorCount,
    },
    address(
        "MmBadPointer",
        "an address that is never valid, nor is the rest of its page",
        layout::BAD_POINTER.base,
    ),
    // MACH-023: no source gives the values of x64, and a Linux process could not have them.
    address("MmHighestUserAddress", "the last address that a program can own", LAST_USER_ADDRESS),
    address("MmSystemRangeStart", "where system space begins", SYSTEM_SPACE_START),
    address("MmUserProbeAddress", "the first address that a probe refuses", USER_SPACE_END),
    type_of("PsProcessType", SystemKind::Process),
    type_of("PsThreadType", SystemKind::Thread),
];

/// Every variable that a driver can import.
#[must_use]
pub fn variables() -> &'static [Variable] {
    VARIABLES
}

/// The place of the variable of this name in this image; image names are compared without regard to case.
#[must_use]
pub fn variable_place(dll: &str, name: &str) -> Option<usize> {
    VARIABLES.iter().position(|it| it.name == name && it.dll.eq_ignore_ascii_case(dll))
}

/// The address of the variable at this place, with the first one at `base`.
pub(crate) fn variable(base: VirtualAddress, place: usize) -> VirtualAddress {
    VirtualAddress(base.0 + 8 * place as u64)
}

/// Writes every variable, the first one to `base`.
pub(crate) fn fill_in_data(session: &Session, base: VirtualAddress) -> Result<(), Fault> {
    for (place, it) in VARIABLES.iter().enumerate() {
        let value = match it.value {
            Value::TypeOf(kind) => kind.type_object().0,
            Value::ProcessorCount => u64::from(session.order.processors),
            Value::Address(address) => address.0,
        };
        memory::write(variable(base, place), value)?;
    }
    Ok(())
}
