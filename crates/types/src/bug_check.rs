//! A bug check: the stop that Windows would make, with its code and four parameters.

use core::fmt;

/// The code of a bug check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BugCheckCode(pub u32);

macro_rules! codes {
    ($($name:ident = $value:literal;)*) => {
        #[expect(missing_docs, reason = "the names are the documentation pages' own; each page explains one code")]
        impl BugCheckCode {
            $(pub const $name: BugCheckCode = BugCheckCode($value);)*

            /// The code's symbolic name, or `None` for a code that ntpool has no name for, such as a driver's own.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    APC_INDEX_MISMATCH = 0x01;
    IRQL_NOT_LESS_OR_EQUAL = 0x0A;
    MAXIMUM_WAIT_OBJECTS_EXCEEDED = 0x0C;
    SPIN_LOCK_ALREADY_OWNED = 0x0F;
    SPIN_LOCK_NOT_OWNED = 0x10;
    REFERENCE_BY_POINTER = 0x18;
    BAD_POOL_HEADER = 0x19;
    MEMORY_MANAGEMENT = 0x1A;
    KMODE_EXCEPTION_NOT_HANDLED = 0x1E;
    KERNEL_APC_PENDING_DURING_EXIT = 0x20;
    PANIC_STACK_SWITCH = 0x2B;
    NO_MORE_IRP_STACK_LOCATIONS = 0x35;
    DEVICE_REFERENCE_COUNT_NOT_ZERO = 0x36;
    SYSTEM_EXIT_OWNED_MUTEX = 0x39;
    SYSTEM_SERVICE_EXCEPTION = 0x3B;
    MUST_SUCCEED_POOL_EMPTY = 0x41;
    PAGE_FAULT_IN_NONPAGED_AREA = 0x50;
    SYSTEM_THREAD_EXCEPTION_NOT_HANDLED = 0x7E;
    UNEXPECTED_KERNEL_MODE_TRAP = 0x7F;
    KERNEL_MODE_EXCEPTION_NOT_HANDLED = 0x8E;
    INVALID_KERNEL_HANDLE = 0x93;
    INVALID_WORK_QUEUE_ITEM = 0x96;
    ATTEMPTED_SWITCH_FROM_DPC = 0xB8;
    ATTEMPTED_WRITE_TO_READONLY_MEMORY = 0xBE;
    SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION = 0xC1;
    BAD_POOL_CALLER = 0xC2;
    DRIVER_VERIFIER_DETECTED_VIOLATION = 0xC4;
    DRIVER_CAUGHT_MODIFYING_FREED_POOL = 0xC6;
    TIMER_OR_DPC_INVALID = 0xC7;
    DRIVER_VERIFIER_IOMANAGER_VIOLATION = 0xC9;
    DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS = 0xCE;
    DRIVER_IRQL_NOT_LESS_OR_EQUAL = 0xD1;
    SYSTEM_SCAN_AT_RAISED_IRQL_CAUGHT_IMPROPER_DRIVER_UNLOAD = 0xD4;
    WORKER_THREAD_RETURNED_AT_BAD_IRQL = 0xE1;
    MANUALLY_INITIATED_CRASH = 0xE2;
    RESOURCE_NOT_OWNED = 0xE3;
    WORKER_INVALID = 0xE4;
    DRIVER_OVERRAN_STACK_BUFFER = 0xF7;
    ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY = 0xFC;
    DPC_WATCHDOG_VIOLATION = 0x133;
    KERNEL_SECURITY_CHECK_FAILURE = 0x139;
    ERESOURCE_INVALID_RELEASE = 0x16E;
    EXCEPTION_ON_INVALID_STACK = 0x1AA;
    UNWIND_ON_INVALID_STACK = 0x1AB;
    HYPERVISOR_ERROR = 0x20001;
    THREAD_TERMINATE_HELD_MUTEX = 0x4000_008A;
}

impl fmt::Debug for BugCheckCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for BugCheckCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{:#X} {name}", self.0),
            None => write!(f, "{:#X}", self.0),
        }
    }
}

/// A bug check with its parameters, as the blue screen shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BugCheck {
    /// What kind of stop.
    pub code: BugCheckCode,
    /// Four values whose meaning the code decides.
    pub parameters: [u64; 4],
}

impl BugCheck {
    /// A bug check of this code with these parameters.
    #[must_use]
    pub const fn new(code: BugCheckCode, parameters: [u64; 4]) -> BugCheck {
        BugCheck { code, parameters }
    }
}

impl fmt::Display for BugCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, two, three, four] = self.parameters;
        write!(f, "BUG CHECK {} ({one:#x}, {two:#x}, {three:#x}, {four:#x})", self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_bug_check_reads_as_the_blue_screen_shows_it() {
        let stop = BugCheck::new(BugCheckCode::BAD_POOL_CALLER, [7, 0, 0, 0x2000_1000_4c40]);
        assert_eq!(stop.to_string(), "BUG CHECK 0xC2 BAD_POOL_CALLER (0x7, 0x0, 0x0, 0x200010004c40)");
        assert_eq!(BugCheckCode(0xDEAD).to_string(), "0xDEAD");
    }
}
