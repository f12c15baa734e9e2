//! What unwinding works on: registers, and a view of the stack.

use crate::Register;

/// The registers that a frame can restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The address of the instruction to be executed next, or a return address.
    pub rip: u64,
    /// The general registers by their x64 number: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
    pub registers: [u64; 16],
    /// The vector registers by their number.
    pub xmm: [u128; 16],
}

impl Context {
    /// The stack pointer.
    #[must_use]
    pub fn rsp(&self) -> u64 {
        self.registers[Register::RSP.index()]
    }

    /// Sets the stack pointer.
    pub fn set_rsp(&mut self, rsp: u64) {
        self.registers[Register::RSP.index()] = rsp;
    }

    pub(crate) fn get(&self, register: Register) -> u64 {
        self.registers[register.index()]
    }

    pub(crate) fn set(&mut self, register: Register, value: u64) {
        self.registers[register.index()] = value;
    }
}

/// Where on the stack the registers lay that a step restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SavedRegisters {
    /// The addresses of the general registers by their x64 number.
    pub general: [Option<u64>; 16],
    /// The addresses of the vector registers by their number.
    pub xmm: [Option<u64>; 16],
}

/// The memory that a stack lies in.
pub trait StackMemory {
    /// The eight bytes at `address`, which need not be aligned, or `None` where they can't be read.
    fn read_u64(&self, address: u64) -> Option<u64>;
}
