//! Counted strings, large integers and the status block of an I/O request.

use crate::layout::nt_struct;

nt_struct! {
    /// A counted string of 16-bit characters, not necessarily terminated.
    UnicodeString = "UNICODE_STRING", 0x10 {
        /// The bytes in use, without a terminator.
        length: u16 = [0x0] LENGTH "Length",
        /// The bytes that the buffer holds.
        maximum_length: u16 = [0x2] MAXIMUM_LENGTH "MaximumLength",
        /// Padding.
        padding: [u8; 4],
        /// The address of the first character.
        buffer: u64 = [0x8] BUFFER "Buffer",
    }
}

impl UnicodeString {
    /// A string of `length` bytes in a buffer of `maximum_length` bytes at `buffer`.
    #[must_use]
    pub const fn new(length: u16, maximum_length: u16, buffer: u64) -> UnicodeString {
        UnicodeString { length, maximum_length, padding: [0; 4], buffer }
    }
}

nt_struct! {
    /// A counted string of 8-bit characters, not necessarily terminated.
    AnsiString = "ANSI_STRING", 0x10 {
        /// The bytes in use, without a terminator.
        length: u16 = [0x0] LENGTH "Length",
        /// The bytes that the buffer holds.
        maximum_length: u16 = [0x2] MAXIMUM_LENGTH "MaximumLength",
        /// Padding.
        padding: [u8; 4],
        /// The address of the first character.
        buffer: u64 = [0x8] BUFFER "Buffer",
    }
}

impl AnsiString {
    /// A string of `length` bytes in a buffer of `maximum_length` bytes at `buffer`.
    #[must_use]
    pub const fn new(length: u16, maximum_length: u16, buffer: u64) -> AnsiString {
        AnsiString { length, maximum_length, padding: [0; 4], buffer }
    }
}

nt_struct! {
    /// A signed 64-bit number that C code may also take apart into halves.
    LargeInteger = "LARGE_INTEGER", 0x8 {
        /// The number.
        quad_part: i64 = [0x0] QUAD_PART "QuadPart",
    }
    views {
        /// The lower half.
        LOW_PART: u32 = [0x0] "LowPart";
        /// The upper half.
        HIGH_PART: i32 = [0x4] "HighPart";
    }
}

nt_struct! {
    /// How an I/O request ended.
    IoStatusBlock = "IO_STATUS_BLOCK", 0x10 {
        /// The status value.
        status: u32 = [0x0] STATUS "Status",
        /// Padding: the member is in a union with a pointer.
        padding: [u8; 4],
        /// What the request's kind decides, most often a number of bytes.
        information: u64 = [0x8] INFORMATION "Information",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::IntoBytes;

    #[test]
    fn mach_210_a_counted_string_is_16_bytes_and_counts_bytes() {
        let text = UnicodeString::new(4, 6, 0x2000_0000_1000);
        assert_eq!(text.as_bytes(), [4, 0, 6, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0x20, 0, 0]);
    }
}
