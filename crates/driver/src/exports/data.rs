//! Variables that a driver can import: the slot of such an import points to the variable, not to code.

use crate::memory;
use crate::session::Session;
use crate::system_objects::SystemKind;
use ntpool_machine::Fault;
use ntpool_types::VirtualAddress;

/// What a variable holds.
#[derive(Clone, Copy)]
enum Value {
    /// The address of the object that stands for a kind of objects.
    TypeOf(SystemKind),
    /// How many processors there are, in a byte.
    ProcessorCount,
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

const fn type_of(name: &'static str, kind: SystemKind) -> Variable {
    let holds = "the address of an object that stands for a kind of objects";
    Variable { name, dll: "ntoskrnl.exe", holds, value: Value::TypeOf(kind) }
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
        };
        memory::write(variable(base, place), value)?;
    }
    Ok(())
}
