//! Counted strings in the driver's memory.

use crate::memory;
use ntpool_abi::UnicodeString;
use ntpool_host::guarded;
use ntpool_machine::Fault;
use ntpool_types::{Bytes, VirtualAddress};

/// A counted string: where its counts and its characters lie. The 8-bit and the 16-bit kind have one layout.
#[derive(Clone, Copy)]
pub(super) struct Counted {
    header: VirtualAddress,
    /// The bytes in use.
    pub(super) length: u16,
    /// The bytes that the buffer holds.
    pub(super) maximum: u16,
    /// The first character.
    pub(super) buffer: VirtualAddress,
}

impl Counted {
    /// The string whose counts lie at `header`.
    pub(super) fn read(header: VirtualAddress) -> Result<Counted, Fault> {
        let string: UnicodeString = memory::read(header)?;
        Ok(Counted {
            header,
            length: string.length,
            maximum: string.maximum_length,
            buffer: VirtualAddress(string.buffer),
        })
    }

    /// The characters of a 16-bit string.
    pub(super) fn units(&self) -> Result<Vec<u16>, Fault> {
        memory::read_units(self.buffer, Bytes(u64::from(self.length)))
    }

    /// The characters of an 8-bit string.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Fault> {
        memory::read_bytes(self.buffer, Bytes(u64::from(self.length)))
    }

    /// Changes the bytes in use.
    pub(super) fn set_length(&self, length: u16) -> Result<(), Fault> {
        memory::write_field(self.header, UnicodeString::LENGTH, length)
    }

    /// Writes 16-bit characters at a byte offset of the buffer.
    pub(super) fn write_units(&self, offset: u16, units: &[u16]) -> Result<(), Fault> {
        memory::write_units(VirtualAddress(self.buffer.0.wrapping_add(u64::from(offset))), units)
    }

    /// Writes 8-bit characters at a byte offset of the buffer.
    pub(super) fn write_bytes(&self, offset: u16, bytes: &[u8]) -> Result<(), Fault> {
        guarded::write(VirtualAddress(self.buffer.0.wrapping_add(u64::from(offset))), bytes)
    }
}

/// Writes the counts and the buffer of a string.
pub(super) fn write_header(
    at: VirtualAddress,
    length: u16,
    maximum: u16,
    buffer: VirtualAddress,
) -> Result<(), Fault> {
    memory::write(at, UnicodeString::new(length, maximum, buffer.0))
}
