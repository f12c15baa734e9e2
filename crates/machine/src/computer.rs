//! What the machine needs of a real computer.

use ntpool_types::VirtualAddress;
use ntpool_verifier::Access;

/// An access that the processor refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The first address that could not be accessed.
    pub address: VirtualAddress,
    /// What was tried.
    pub access: Access,
    /// Whether the address is not canonical.
    pub non_canonical: bool,
}

/// Memory as driver code sees it, at the addresses that driver code uses.
///
/// A driver's pointer may point anywhere, and its memory may change at any moment: it is only ever copied.
pub trait DriverMemory {
    /// Copies memory out.
    ///
    /// # Errors
    /// The fault, when a byte can't be read.
    fn read(&self, address: VirtualAddress, into: &mut [u8]) -> Result<(), Fault>;

    /// Copies memory in.
    ///
    /// # Errors
    /// The fault, when a byte can't be written.
    fn write(&self, address: VirtualAddress, from: &[u8]) -> Result<(), Fault>;
}

/// The numbers of the general registers, as x64 encodes them.
#[expect(missing_docs, reason = "they are the registers' own names")]
pub mod register {
    pub const RAX: usize = 0;
    pub const RCX: usize = 1;
    pub const RDX: usize = 2;
    pub const RBX: usize = 3;
    pub const RSP: usize = 4;
    pub const RBP: usize = 5;
    pub const RSI: usize = 6;
    pub const RDI: usize = 7;
    pub const R8: usize = 8;
    pub const R9: usize = 9;
}

/// The registers of a fiber where it stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// The address of the instruction; for a call out of driver code the address it returns to.
    pub instruction: u64,
    /// The general registers by their number ([`register`]).
    pub general: [u64; 16],
    /// The flags.
    pub flags: u64,
}

impl Registers {
    /// The stack pointer.
    #[must_use]
    pub const fn stack_pointer(&self) -> u64 {
        self.general[register::RSP]
    }
}

/// Everything of the processor's that driver code can see of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FullRegisters {
    /// Instruction, general registers and flags.
    pub registers: Registers,
    /// The vector registers by their number, their lower 128 bits.
    pub vectors: [u128; 16],
    /// The vector unit's control and status word.
    pub mxcsr: u32,
}

/// Why driver code could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrapKind {
    /// A page fault.
    Page(Fault),
    /// A division by zero.
    Divide,
    /// A division whose result does not fit.
    DivideOverflow,
    /// Bytes that are no instruction.
    IllegalInstruction,
    /// An instruction that only the kernel of the real computer may execute.
    PrivilegedInstruction,
    /// An operand at this address that the instruction demands to be aligned.
    Misaligned(VirtualAddress),
    /// A breakpoint instruction.
    Breakpoint,
    /// A software interrupt, by its vector; 0x29 is the fast fail.
    SoftwareInterrupt(u8),
    /// A system call of the real computer, by its number; it was not carried out.
    SystemCall(u64),
    /// Any other trap, by its processor number.
    Other(u64),
}

/// A trap that driver code ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Why.
    pub kind: TrapKind,
    /// Where, with everything as it was.
    pub registers: Registers,
}

/// How a call into driver code ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The routine returned this.
    Returned(u64),
    /// A routine of the machine that it called ended the fiber; that routine knows why.
    Stopped,
    /// It ran into a trap.
    Trapped(Trap),
    /// It was interrupted from outside, at this instruction.
    Interrupted(Registers),
    /// It was interrupted from outside in a routine of the machine that it had called from here.
    InterruptedInCall(Registers),
}

/// The most arguments that a routine of the driver's is called with.
pub const MOST_ARGUMENTS: usize = 8;

/// A flow of control in driver code, with a kernel stack of its own.
pub trait Fiber {
    /// Calls a routine of the driver's with up to [`MOST_ARGUMENTS`] arguments and runs it until it ends.
    ///
    /// Where the stack has no room for the call, the routine is not entered and the exit is the page fault that its
    /// arguments meet.
    ///
    /// # Panics
    /// With more arguments.
    fn call(&self, routine: VirtualAddress, arguments: &[u64]) -> Exit;

    /// The most bytes of the kernel stack that have been used since the fiber was made.
    fn stack_used(&self) -> u64;
}
