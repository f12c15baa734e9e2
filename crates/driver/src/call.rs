//! A call of the driver's to a routine of the machine: its arguments and where it comes from.

use crate::memory;
use ntpool_machine::{Fault, Registers, register};
use ntpool_types::{Bytes, Tag, VirtualAddress};

/// A call, by the Windows x64 convention: four arguments in registers, the rest on the stack, 8 bytes each.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    registers: &'a Registers,
}

impl<'a> Call<'a> {
    /// The call that was made with these registers, as they are after its return address is popped.
    pub(crate) fn new(registers: &'a Registers) -> Call<'a> {
        Call { registers }
    }

    /// The registers at the call.
    #[must_use]
    pub fn registers(&self) -> &'a Registers {
        self.registers
    }

    /// The argument at this place, from 0, as all its 64 bits; narrower ones have rubbish above them.
    ///
    /// # Errors
    /// The fault, when the stack can't be read.
    pub fn argument(&self, place: usize) -> Result<u64, Fault> {
        const IN_REGISTERS: [usize; 4] = [register::RCX, register::RDX, register::R8, register::R9];
        match IN_REGISTERS.get(place) {
            Some(&register) => Ok(self.registers.general[register]),
            None => {
                memory::read(VirtualAddress(self.registers.stack_pointer().wrapping_add(8 * place as u64)))
            }
        }
    }

    /// An argument that is an address.
    ///
    /// # Errors
    /// The fault, when the stack can't be read.
    pub fn address(&self, place: usize) -> Result<VirtualAddress, Fault> {
        self.argument(place).map(VirtualAddress)
    }

    /// An argument that is a size in bytes.
    ///
    /// # Errors
    /// The fault, when the stack can't be read.
    pub fn size(&self, place: usize) -> Result<Bytes, Fault> {
        self.argument(place).map(Bytes)
    }

    /// An argument of 32 bits.
    ///
    /// # Errors
    /// The fault, when the stack can't be read.
    pub fn u32(&self, place: usize) -> Result<u32, Fault> {
        self.argument(place).map(|value| value as u32)
    }

    /// An argument of 8 bits.
    ///
    /// # Errors
    /// The fault, when the stack can't be read.
    pub fn u8(&self, place: usize) -> Result<u8, Fault> {
        self.argument(place).map(|value| value as u8)
    }

    /// An argument that is a pool tag.
    ///
    /// # Errors
    /// The fault, when the stack can't be read.
    pub fn tag(&self, place: usize) -> Result<Tag, Fault> {
        self.u32(place).map(Tag)
    }
}
