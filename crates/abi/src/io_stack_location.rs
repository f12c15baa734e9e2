//! A driver's part of an I/O request.

use crate::layout::{nt_constants, nt_struct};

nt_struct! {
    /// What one driver of a stack is asked to do (MACH-110).
    IoStackLocation = "IO_STACK_LOCATION", 0x48 {
        /// What kind of request.
        major_function: u8 = [0x00] MAJOR_FUNCTION "MajorFunction",
        /// Which request of that kind.
        minor_function: u8 = [0x01] MINOR_FUNCTION "MinorFunction",
        /// Flags that the kind of request decides.
        flags: u8 = [0x02] FLAGS "Flags",
        /// The `SL_` control bits.
        control: u8 = [0x03] CONTROL "Control",
        /// Padding.
        padding: [u8; 4],
        /// Arguments that the kind of request decides.
        parameters: [u64; 4] = [0x08] PARAMETERS "Parameters",
        /// The device it is sent to.
        device_object: u64 = [0x28] DEVICE_OBJECT "DeviceObject",
        /// The file object it was made through.
        file_object: u64 = [0x30] FILE_OBJECT "FileObject",
        /// The routine to call when lower drivers are done, or 0.
        completion_routine: u64 = [0x38] COMPLETION_ROUTINE "CompletionRoutine",
        /// That routine's context.
        context: u64 = [0x40] CONTEXT "Context",
    }
    views {
        /// A read: the bytes to read.
        READ_LENGTH: u32 = [0x08] "Parameters.Read.Length";
        /// A read: where to begin.
        READ_BYTE_OFFSET: i64 = [0x18] "Parameters.Read.ByteOffset";
        /// A write: the bytes to write.
        WRITE_LENGTH: u32 = [0x08] "Parameters.Write.Length";
        /// A write: where to begin.
        WRITE_BYTE_OFFSET: i64 = [0x18] "Parameters.Write.ByteOffset";
        /// Device control: the bytes of the output buffer.
        OUTPUT_BUFFER_LENGTH: u32 = [0x08] "Parameters.DeviceIoControl.OutputBufferLength";
        /// Device control: the bytes of the input buffer.
        INPUT_BUFFER_LENGTH: u32 = [0x10] "Parameters.DeviceIoControl.InputBufferLength";
        /// Device control: the control code.
        IO_CONTROL_CODE: u32 = [0x18] "Parameters.DeviceIoControl.IoControlCode";
        /// Device control: the input buffer's address as the requester gave it.
        TYPE3_INPUT_BUFFER: u64 = [0x20] "Parameters.DeviceIoControl.Type3InputBuffer";
    }
}

nt_constants! {
    /// The driver marked the request pending.
    SL_PENDING_RETURNED: u8 = 0x01;
    /// The completion routine is called for a cancelled request.
    SL_INVOKE_ON_CANCEL: u8 = 0x20;
    /// The completion routine is called for a success.
    SL_INVOKE_ON_SUCCESS: u8 = 0x40;
    /// The completion routine is called for an error.
    SL_INVOKE_ON_ERROR: u8 = 0x80;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mach_110_a_stack_location_has_its_x64_layout() {
        let offsets = [
            (IoStackLocation::MAJOR_FUNCTION.offset(), 0x00),
            (IoStackLocation::CONTROL.offset(), 0x03),
            (IoStackLocation::PARAMETERS.offset(), 0x08),
            (IoStackLocation::DEVICE_OBJECT.offset(), 0x28),
            (IoStackLocation::FILE_OBJECT.offset(), 0x30),
            (IoStackLocation::COMPLETION_ROUTINE.offset(), 0x38),
            (IoStackLocation::CONTEXT.offset(), 0x40),
            (IoStackLocation::SIZE, 0x48),
        ];
        for (ours, theirs) in offsets {
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn mach_111_control_bits_have_their_values() {
        let bits = [SL_PENDING_RETURNED, SL_INVOKE_ON_CANCEL, SL_INVOKE_ON_SUCCESS, SL_INVOKE_ON_ERROR];
        assert_eq!(bits, [0x01, 0x20, 0x40, 0x80]);
    }
}
