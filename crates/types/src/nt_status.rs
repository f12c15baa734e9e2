//! NTSTATUS: the result of a system call as a driver sees it.

use core::fmt;

/// A status value; negative as a signed number means failure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtStatus(pub u32);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $nt:literal;)*) => {
        impl NtStatus {
            $($(#[$doc])* pub const $name: NtStatus = NtStatus($value);)*

            /// The header name of the status where it is one that ntpool uses.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($nt),)*
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    /// The operation succeeded.
    SUCCESS = 0, "STATUS_SUCCESS";
    /// A wait took a mutex whose owner had ended without releasing it; the status of the first of several objects.
    ABANDONED_WAIT_0 = 0x80, "STATUS_ABANDONED_WAIT_0";
    /// A wait ended because a procedure call for user mode was delivered.
    USER_APC = 0xC0, "STATUS_USER_APC";
    /// A wait ended because the thread was alerted.
    ALERTED = 0x101, "STATUS_ALERTED";
    /// A wait ended by its time limit.
    TIMEOUT = 0x102, "STATUS_TIMEOUT";
    /// The operation goes on.
    PENDING = 0x103, "STATUS_PENDING";
    /// The object was there already; a success.
    OBJECT_NAME_EXISTS = 0x4000_0000, "STATUS_OBJECT_NAME_EXISTS";
    /// The output did not fit; part of it was written. A warning.
    BUFFER_OVERFLOW = 0x8000_0005, "STATUS_BUFFER_OVERFLOW";
    /// A breakpoint instruction.
    BREAKPOINT = 0x8000_0003, "STATUS_BREAKPOINT";
    /// A single step.
    SINGLE_STEP = 0x8000_0004, "STATUS_SINGLE_STEP";
    /// A misaligned address.
    DATATYPE_MISALIGNMENT = 0x8000_0002, "STATUS_DATATYPE_MISALIGNMENT";
    /// The operation failed for no better reason.
    UNSUCCESSFUL = 0xC000_0001, "STATUS_UNSUCCESSFUL";
    /// Nobody implements the operation.
    NOT_IMPLEMENTED = 0xC000_0002, "STATUS_NOT_IMPLEMENTED";
    /// An access to an address that cannot be accessed.
    ACCESS_VIOLATION = 0xC000_0005, "STATUS_ACCESS_VIOLATION";
    /// The handle is not one that the system gave out.
    INVALID_HANDLE = 0xC000_0008, "STATUS_INVALID_HANDLE";
    /// An argument is not valid.
    INVALID_PARAMETER = 0xC000_000D, "STATUS_INVALID_PARAMETER";
    /// Not enough memory.
    NO_MEMORY = 0xC000_0017, "STATUS_NO_MEMORY";
    /// What was asked for is not there.
    NOT_FOUND = 0xC000_0225, "STATUS_NOT_FOUND";
    /// The device does not take this request.
    INVALID_DEVICE_REQUEST = 0xC000_0010, "STATUS_INVALID_DEVICE_REQUEST";
    /// The caller may not do this.
    ACCESS_DENIED = 0xC000_0022, "STATUS_ACCESS_DENIED";
    /// Bytes that are no instruction.
    ILLEGAL_INSTRUCTION = 0xC000_001D, "STATUS_ILLEGAL_INSTRUCTION";
    /// The buffer is too small; nothing was written.
    BUFFER_TOO_SMALL = 0xC000_0023, "STATUS_BUFFER_TOO_SMALL";
    /// What was found is of another type than was asked for.
    OBJECT_TYPE_MISMATCH = 0xC000_0024, "STATUS_OBJECT_TYPE_MISMATCH";
    /// The name is not well formed.
    OBJECT_NAME_INVALID = 0xC000_0033, "STATUS_OBJECT_NAME_INVALID";
    /// No object has this name.
    OBJECT_NAME_NOT_FOUND = 0xC000_0034, "STATUS_OBJECT_NAME_NOT_FOUND";
    /// Another object has this name.
    OBJECT_NAME_COLLISION = 0xC000_0035, "STATUS_OBJECT_NAME_COLLISION";
    /// The process has used up its quota.
    QUOTA_EXCEEDED = 0xC000_0044, "STATUS_QUOTA_EXCEEDED";
    /// The caller does not own the mutex.
    MUTANT_NOT_OWNED = 0xC000_0046, "STATUS_MUTANT_NOT_OWNED";
    /// The semaphore's count would pass its limit.
    SEMAPHORE_LIMIT_EXCEEDED = 0xC000_0047, "STATUS_SEMAPHORE_LIMIT_EXCEEDED";
    /// The revision is not the one asked for.
    REVISION_MISMATCH = 0xC000_0059, "STATUS_REVISION_MISMATCH";
    /// A division by zero.
    INTEGER_DIVIDE_BY_ZERO = 0xC000_0094, "STATUS_INTEGER_DIVIDE_BY_ZERO";
    /// An arithmetic overflow.
    INTEGER_OVERFLOW = 0xC000_0095, "STATUS_INTEGER_OVERFLOW";
    /// An instruction that kernel code may use and this code may not.
    PRIVILEGED_INSTRUCTION = 0xC000_0096, "STATUS_PRIVILEGED_INSTRUCTION";
    /// No memory or no room.
    INSUFFICIENT_RESOURCES = 0xC000_009A, "STATUS_INSUFFICIENT_RESOURCES";
    /// The device is about to go.
    DELETE_PENDING = 0xC000_0056, "STATUS_DELETE_PENDING";
    /// The first argument is not valid.
    INVALID_PARAMETER_1 = 0xC000_00EF, "STATUS_INVALID_PARAMETER_1";
    /// The third argument is not valid.
    INVALID_PARAMETER_3 = 0xC000_00F1, "STATUS_INVALID_PARAMETER_3";
    /// The fourth argument is not valid.
    INVALID_PARAMETER_4 = 0xC000_00F2, "STATUS_INVALID_PARAMETER_4";
    /// The fifth argument is not valid.
    INVALID_PARAMETER_5 = 0xC000_00F3, "STATUS_INVALID_PARAMETER_5";
    /// The request is not supported.
    NOT_SUPPORTED = 0xC000_00BB, "STATUS_NOT_SUPPORTED";
    /// An assertion of the driver's failed.
    ASSERTION_FAILURE = 0xC000_0420, "STATUS_ASSERTION_FAILURE";
    /// The kernel stack is used up.
    STACK_OVERFLOW = 0xC000_00FD, "STATUS_STACK_OVERFLOW";
    /// A character has no translation.
    UNMAPPABLE_CHARACTER = 0xC000_0162, "STATUS_UNMAPPABLE_CHARACTER";
}

impl NtStatus {
    /// Whether the status counts as success: success and informational values do, warnings and errors do not
    /// (MACH-063).
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 < 0x8000_0000
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({:#010x})", self.0),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mach_063_success_and_information_pass_warnings_and_errors_do_not() {
        for status in [0, 0x102, 0x103, 0x4000_0000, 0x7FFF_FFFF] {
            assert!(NtStatus(status).is_success(), "{status:#x}");
        }
        for status in [0x8000_0000, 0x8000_0005, 0xC000_0001, 0xFFFF_FFFF] {
            assert!(!NtStatus(status).is_success(), "{status:#x}");
        }
    }
}
