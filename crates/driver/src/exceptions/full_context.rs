//! All the registers that driver code can be resumed with.

use ntpool_abi::zerocopy::FromZeros;
use ntpool_abi::{
    CONTEXT_CONTROL, CONTEXT_FLOATING_POINT, CONTEXT_INTEGER, CONTEXT_SEGMENTS, INITIAL_FPCSR, INITIAL_MXCSR,
    ProcessorContext,
};
use ntpool_image::Context;

/// The flags that a handler may change: carry, parity, auxiliary carry, zero, sign, direction and overflow. The others
/// belong to the machine, which single-steps with one of them.
const DRIVERS_FLAGS: u32 = 0xCD5;
/// Flags that driver code always runs with: the one that is always set, and interrupts.
const FIXED_FLAGS: u32 = 0x202;

/// The bits of the vector unit's control and status register that exist; a processor refuses the others.
const MX_CSR_BITS: u32 = 0xFFFF;

/// The kernel's segments.
const KERNEL_CODE: u16 = 0x10;
const KERNEL_STACK: u16 = 0x18;
const DATA: u16 = 0x2B;
const THREAD: u16 = 0x53;

/// All the registers that driver code can be resumed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullContext {
    /// The instruction pointer, the general registers and the vector registers.
    pub registers: Context,
    /// The flags.
    pub flags: u32,
    /// The vector unit's control and status register.
    pub mx_csr: u32,
}

impl FullContext {
    /// These registers, with flags and control register as a program starts with them.
    #[must_use]
    pub const fn new(registers: Context) -> FullContext {
        FullContext { registers, flags: FIXED_FLAGS, mx_csr: INITIAL_MXCSR }
    }

    /// The address of the instruction to go on with.
    #[must_use]
    pub const fn instruction(&self) -> u64 {
        self.registers.rip
    }

    /// The stack pointer.
    #[must_use]
    pub fn stack_pointer(&self) -> u64 {
        self.registers.rsp()
    }

    /// The registers as drivers see them.
    pub(crate) fn to_record(self) -> ProcessorContext {
        let mut record = ProcessorContext::new_zeroed();
        record.flags = CONTEXT_CONTROL | CONTEXT_INTEGER | CONTEXT_SEGMENTS | CONTEXT_FLOATING_POINT;
        record.mx_csr = self.mx_csr;
        (record.seg_cs, record.seg_ss) = (KERNEL_CODE, KERNEL_STACK);
        (record.seg_ds, record.seg_es, record.seg_fs, record.seg_gs) = (DATA, DATA, THREAD, DATA);
        record.e_flags = self.flags;
        self.write_registers(&mut record);
        // As the processor's own instruction lays it out: the control word first, the vector unit's register and its
        // mask from byte 24 on.
        record.float_head[..2].copy_from_slice(&(INITIAL_FPCSR as u16).to_le_bytes());
        record.float_head[24..28].copy_from_slice(&self.mx_csr.to_le_bytes());
        record.float_head[28..32].copy_from_slice(&MX_CSR_BITS.to_le_bytes());
        record
    }

    /// The registers of a record that a driver may have changed; what a processor would refuse is left out.
    pub(crate) fn from_record(record: &ProcessorContext) -> FullContext {
        FullContext {
            registers: Context { rip: record.rip, registers: record.general, xmm: record.xmm },
            flags: record.e_flags & DRIVERS_FLAGS | FIXED_FLAGS,
            mx_csr: record.mx_csr & MX_CSR_BITS,
        }
    }

    /// Puts the registers into a record whose other parts stay.
    pub(super) fn write_registers(&self, record: &mut ProcessorContext) {
        record.rip = self.registers.rip;
        record.general = self.registers.registers;
        record.xmm = self.registers.xmm;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_come_back_from_a_record_as_they_went_in() {
        let mut context = FullContext::new(Context { rip: 0x1234, ..Context::default() });
        context.registers.registers = std::array::from_fn(|number| number as u64 + 100);
        context.registers.xmm = std::array::from_fn(|number| number as u128 + 200);
        assert_eq!(FullContext::from_record(&context.to_record()), context);
    }

    #[test]
    fn what_a_processor_would_refuse_is_left_out() {
        let mut record = FullContext::new(Context::default()).to_record();
        record.e_flags = u32::MAX;
        record.mx_csr = u32::MAX;
        let context = FullContext::from_record(&record);
        assert_eq!((context.flags, context.mx_csr), (0xED7, 0xFFFF));
    }
}
