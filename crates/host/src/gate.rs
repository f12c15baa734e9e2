#![expect(unsafe_code, reason = "goes from stack to stack between host and driver code")]
//! The ways between host code and driver code, one instruction at a time.
//!
//! Host code runs on a stack of its own, driver code on a kernel stack in the arena. There are two ways in and three
//! ways out:
//!
//! ```text
//!   host stack                     kernel stack
//!   ─────────────                  ─────────────
//!   call() frame  ───enter──────▶  a routine of the driver's
//!   import frame  ◀───gate───────    calls an import
//!     the routine in Rust
//!        │ return ──────────────▶    goes on behind the call
//!   trap frame    ◀──trap gate───    traps (by way of a signal handler)
//!     the machine in Rust
//!        │ resume ──────────────▶    goes on anywhere, with every register given
//!        │ give up
//!   call() returns                 (left as it is)
//! ```
//!
//! # What this module promises
//! - Driver registers that the Windows calling convention preserves are preserved over an import, and all of them over a
//!   trap.
//! - Host code runs with the flags and the floating-point control word it expects, whatever the driver set.
//! - A call is given up only from a gate, after its Rust frames have returned: so no Rust frame is ever skipped.

use crate::fiber;
use ntpool_machine::{FullRegisters, Registers, register};
use std::arch::naked_asm;
use std::mem::offset_of;

/// The registers at an import's call, as the gate lays them out on the host stack.
#[repr(C, align(16))]
pub(crate) struct ImportFrame {
    general: [u64; 16],
    return_address: u64,
    result: u64,
    mxcsr: u32,
    padding: [u32; 3],
    preserved_vectors: [u128; 10],
}

const _: () = assert!(size_of::<ImportFrame>().is_multiple_of(16));

impl ImportFrame {
    /// Sets what the import returns.
    pub(crate) fn set_result(&mut self, value: u64) {
        self.result = value;
    }

    /// The registers as the caller will see them after the return.
    #[inline]
    pub(crate) fn registers(&self) -> Registers {
        let mut registers =
            Registers { instruction: self.return_address, general: self.general, flags: USUAL_FLAGS };
        registers.general[register::RSP] += 8;
        registers
    }

    /// The same with the vector registers that a call preserves; the others are zero.
    #[inline]
    pub(crate) fn full(&self) -> FullRegisters {
        let mut full = FullRegisters { registers: self.registers(), vectors: [0; 16], mxcsr: self.mxcsr };
        full.vectors[6..].copy_from_slice(&self.preserved_vectors);
        full
    }
}

/// Interrupts on, and the bit that is always set: what a driver's flags are where nobody knows better.
pub(crate) const USUAL_FLAGS: u64 = 0x202;

/// Flags that a register context may set: the arithmetic flags, trap, direction, nested task is not among them.
const SETTABLE_FLAGS: u64 = 0x4_0DD5;

/// Everything of the processor's that driver code can see: how it arrived by a trap, or how it shall go on.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub(crate) struct FullFrame {
    general: [u64; 16],
    instruction: u64,
    flags: u64,
    mxcsr: u32,
    padding: u32,
    /// Where the whole state of the floating-point and vector units lies, as the processor saves it; zero where only the
    /// vector registers here are known.
    extended: u64,
    /// Which parts of that state are there.
    features: u64,
    padding_2: u64,
    vectors: [u128; 16],
}

const _: () = assert!(size_of::<FullFrame>().is_multiple_of(16));

impl FullFrame {
    #[inline(always)]
    pub(crate) fn new(full: &FullRegisters) -> FullFrame {
        FullFrame {
            general: full.registers.general,
            instruction: full.registers.instruction,
            flags: full.registers.flags & SETTABLE_FLAGS | USUAL_FLAGS,
            // Reserved bits would make the load trap, in host code.
            mxcsr: full.mxcsr & 0xFFFF,
            padding: 0,
            extended: 0,
            features: 0,
            padding_2: 0,
            vectors: full.vectors,
        }
    }

    /// The same, with the whole state of the floating-point and vector units, which lies there until driver code goes on.
    pub(crate) fn with_extended(self, at: u64, features: u64) -> FullFrame {
        FullFrame { extended: at, features, ..self }
    }

    #[inline]
    pub(crate) fn full(&self) -> FullRegisters {
        FullRegisters { registers: self.registers(), vectors: self.vectors, mxcsr: self.mxcsr }
    }

    #[inline]
    pub(crate) fn registers(&self) -> Registers {
        Registers { instruction: self.instruction, general: self.general, flags: self.flags }
    }
}

/// What `enter` returns: the routine's value, and whether the call was given up.
#[repr(C)]
pub(crate) struct Left {
    pub(crate) value: u64,
    pub(crate) abandoned: u64,
}

/// Calls `routine` on the stack that ends at `stack_top`, by the Windows calling convention: the arguments that are not
/// in registers lie from `stack_top` on.
///
/// Registers that a routine may not rely on are zero, so that every run starts alike.
///
/// # Safety
/// 1. `stack_top` is the top of a stack with room for the call, which nothing else uses from there downwards.
/// 2. The fiber's innermost slot says which machine serves the call.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn enter(routine: u64, arguments: *const [u64; 4], stack_top: u64) -> Left {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov rax, qword ptr [rip + ntpool_host_stack@GOTTPOFF]",
        "push qword ptr fs:[rax]",
        "mov fs:[rax], rsp",
        "mov rax, rdi",
        "mov rcx, [rsi]",
        "mov r8, [rsi + 16]",
        "mov r9, [rsi + 24]",
        "mov rsp, rdx",
        "mov rdx, [rsi + 8]",
        "sub rsp, 32",
        "xor ebx, ebx",
        "xor ebp, ebp",
        "xor esi, esi",
        "xor edi, edi",
        "xor r10d, r10d",
        "xor r11d, r11d",
        "xor r12d, r12d",
        "xor r13d, r13d",
        "xor r14d, r14d",
        "xor r15d, r15d",
        "call rax",
        "mov rcx, qword ptr [rip + ntpool_host_stack@GOTTPOFF]",
        "mov rsp, fs:[rcx]",
        "xor edx, edx",
        "jmp 2f",
        ".globl ntpool_fiber_abandon",
        "ntpool_fiber_abandon:",
        "mov rcx, qword ptr [rip + ntpool_host_stack@GOTTPOFF]",
        "mov rsp, fs:[rcx]",
        "mov edx, 1",
        "2:",
        "push 2",
        "popfq",
        // Host code expects the vector unit's default rounding and masks; a driver may have changed them.
        "mov dword ptr [rsp - 8], 0x1F80",
        "ldmxcsr [rsp - 8]",
        "pop qword ptr fs:[rcx]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
    )
}

/// Where every import's thunk jumps, with the import's index in r10d.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn gate() {
    naked_asm!(
        ".globl ntpool_gate_start",
        "ntpool_gate_start:",
        "mov r11, qword ptr [rip + ntpool_host_stack@GOTTPOFF]",
        "mov r11, fs:[r11]",
        "xchg r11, rsp",
        "sub rsp, {frame}",
        "mov [rsp + 8*0], rax", "mov [rsp + 8*1], rcx", "mov [rsp + 8*2], rdx", "mov [rsp + 8*3], rbx",
        "mov [rsp + 8*4], r11", "mov [rsp + 8*5], rbp", "mov [rsp + 8*6], rsi", "mov [rsp + 8*7], rdi",
        "mov [rsp + 8*8], r8", "mov [rsp + 8*9], r9", "mov [rsp + 8*10], r10", "mov [rsp + 8*11], r11",
        "mov [rsp + 8*12], r12", "mov [rsp + 8*13], r13", "mov [rsp + 8*14], r14", "mov [rsp + 8*15], r15",
        "mov rax, [r11]",
        "mov [rsp + {return_address}], rax",
        "movaps [rsp + {vectors} + 16*0], xmm6", "movaps [rsp + {vectors} + 16*1], xmm7",
        "movaps [rsp + {vectors} + 16*2], xmm8", "movaps [rsp + {vectors} + 16*3], xmm9",
        "movaps [rsp + {vectors} + 16*4], xmm10", "movaps [rsp + {vectors} + 16*5], xmm11",
        "movaps [rsp + {vectors} + 16*6], xmm12", "movaps [rsp + {vectors} + 16*7], xmm13",
        "movaps [rsp + {vectors} + 16*8], xmm14", "movaps [rsp + {vectors} + 16*9], xmm15",
        // Flags that a driver may have set and host code does not expect: direction, alignment check, single step. So with
        // the vector unit's rounding and masks, which hardly anybody changes.
        "push 2",
        "popfq",
        "stmxcsr [rsp + {mxcsr}]",
        "mov eax, [rsp + {mxcsr}]",
        "and eax, 0xFFC0",
        "cmp eax, 0x1F80",
        "je 2f",
        "mov dword ptr [rsp + {mxcsr} + 4], 0x1F80",
        "ldmxcsr [rsp + {mxcsr} + 4]",
        "2:",
        "mov edi, r10d",
        "mov rsi, rsp",
        "call {serve}",
        "test rax, rax",
        "jnz 4f",
        "mov eax, [rsp + {mxcsr}]",
        "and eax, 0xFFC0",
        "cmp eax, 0x1F80",
        "je 3f",
        "ldmxcsr [rsp + {mxcsr}]",
        "3:",
        "movaps xmm6, [rsp + {vectors} + 16*0]", "movaps xmm7, [rsp + {vectors} + 16*1]",
        "movaps xmm8, [rsp + {vectors} + 16*2]", "movaps xmm9, [rsp + {vectors} + 16*3]",
        "movaps xmm10, [rsp + {vectors} + 16*4]", "movaps xmm11, [rsp + {vectors} + 16*5]",
        "movaps xmm12, [rsp + {vectors} + 16*6]", "movaps xmm13, [rsp + {vectors} + 16*7]",
        "movaps xmm14, [rsp + {vectors} + 16*8]", "movaps xmm15, [rsp + {vectors} + 16*9]",
        "mov rsi, [rsp + 8*6]", "mov rdi, [rsp + 8*7]",
        "mov rax, [rsp + {result}]",
        "mov rsp, [rsp + 8*4]",
        // What the host left in registers that belong to nobody is no business of the driver's, and differs by run.
        "xor ecx, ecx", "xor edx, edx", "xor r8d, r8d", "xor r9d, r9d", "xor r10d, r10d", "xor r11d, r11d",
        "pxor xmm0, xmm0", "pxor xmm1, xmm1", "pxor xmm2, xmm2", "pxor xmm3, xmm3", "pxor xmm4, xmm4",
        "pxor xmm5, xmm5",
        "ret",
        "4:",
        "cmp rax, 1",
        "je ntpool_fiber_abandon",
        "mov rdi, rax",
        "jmp {resume}",
        ".globl ntpool_gate_end",
        "ntpool_gate_end:",
        frame = const size_of::<ImportFrame>(),
        return_address = const offset_of!(ImportFrame, return_address),
        result = const offset_of!(ImportFrame, result),
        mxcsr = const offset_of!(ImportFrame, mxcsr),
        vectors = const offset_of!(ImportFrame, preserved_vectors),
        serve = sym fiber::serve_import,
        resume = sym resume,
    )
}

/// Where a signal handler sends driver code that trapped, the stack pointer at a [`FullFrame`] on the host stack.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn trap_gate() {
    naked_asm!(
        "push 2",
        "popfq",
        "mov dword ptr [rsp - 8], 0x1F80",
        "ldmxcsr [rsp - 8]",
        "mov rdi, rsp",
        "call {serve}",
        "cmp rax, 1",
        "je ntpool_fiber_abandon",
        "mov rdi, rax",
        "jmp {resume}",
        serve = sym fiber::serve_trap,
        resume = sym resume,
    )
}

/// Goes on with every register as the [`FullFrame`] at rdi has it.
#[unsafe(naked)]
unsafe extern "sysv64" fn resume() {
    naked_asm!(
        "mov r8, [rdi + {extended}]",
        "test r8, r8",
        "jz 2f",
        "mov eax, [rdi + {features}]",
        "mov edx, [rdi + {features} + 4]",
        "xrstor64 [r8]",
        "jmp 3f",
        "2:",
        "ldmxcsr [rdi + {mxcsr}]",
        "movaps xmm0, [rdi + {vectors} + 16*0]", "movaps xmm1, [rdi + {vectors} + 16*1]",
        "movaps xmm2, [rdi + {vectors} + 16*2]", "movaps xmm3, [rdi + {vectors} + 16*3]",
        "movaps xmm4, [rdi + {vectors} + 16*4]", "movaps xmm5, [rdi + {vectors} + 16*5]",
        "movaps xmm6, [rdi + {vectors} + 16*6]", "movaps xmm7, [rdi + {vectors} + 16*7]",
        "movaps xmm8, [rdi + {vectors} + 16*8]", "movaps xmm9, [rdi + {vectors} + 16*9]",
        "movaps xmm10, [rdi + {vectors} + 16*10]", "movaps xmm11, [rdi + {vectors} + 16*11]",
        "movaps xmm12, [rdi + {vectors} + 16*12]", "movaps xmm13, [rdi + {vectors} + 16*13]",
        "movaps xmm14, [rdi + {vectors} + 16*14]", "movaps xmm15, [rdi + {vectors} + 16*15]",
        "3:",
        // The stack segment, stack pointer, flags, code segment and instruction are loaded all at once.
        "mov eax, ss", "push rax",
        "push qword ptr [rdi + 8*4]",
        "push qword ptr [rdi + {flags}]",
        "mov eax, cs", "push rax",
        "push qword ptr [rdi + {instruction}]",
        "mov rax, [rdi + 8*0]", "mov rcx, [rdi + 8*1]", "mov rdx, [rdi + 8*2]", "mov rbx, [rdi + 8*3]",
        "mov rbp, [rdi + 8*5]", "mov rsi, [rdi + 8*6]",
        "mov r8, [rdi + 8*8]", "mov r9, [rdi + 8*9]", "mov r10, [rdi + 8*10]", "mov r11, [rdi + 8*11]",
        "mov r12, [rdi + 8*12]", "mov r13, [rdi + 8*13]", "mov r14, [rdi + 8*14]", "mov r15, [rdi + 8*15]",
        "mov rdi, [rdi + 8*7]",
        "iretq",
        mxcsr = const offset_of!(FullFrame, mxcsr),
        vectors = const offset_of!(FullFrame, vectors),
        flags = const offset_of!(FullFrame, flags),
        extended = const offset_of!(FullFrame, extended),
        features = const offset_of!(FullFrame, features),
        instruction = const offset_of!(FullFrame, instruction),
    )
}

/// Leaves this stack for another one: keeps where it was at `from`, goes on where `to` was left.
///
/// # Safety
/// 1. `to` was written by this function, or by the making of a stack that begins as this function leaves one.
/// 2. Nothing runs on that stack.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn switch_stacks(from: *mut u64, to: u64) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
    )
}

/// Where a new host stack begins: calls the fiber's main routine with what was left for it in rbx.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn begin_fiber() {
    naked_asm!("mov rdi, rbx", "xor ebp, ebp", "call {main}", "ud2", main = sym fiber::main_routine)
}

/// The words at the bottom of a new host stack, as [`switch_stacks`] leaves one: r15, r14, r13, r12, rbp, rbx, and the
/// instruction to go on at.
pub(crate) fn new_stack_words(argument: u64) -> [u64; 7] {
    let begin: unsafe extern "sysv64" fn() = begin_fiber;
    [0, 0, 0, 0, 0, argument, begin as usize as u64]
}

unsafe extern "C" {
    safe static ntpool_gate_start: u8;
    safe static ntpool_gate_end: u8;
}

/// Whether the instruction is the gate's.
pub(crate) fn owns(instruction: u64) -> bool {
    (std::ptr::from_ref(&ntpool_gate_start) as u64..std::ptr::from_ref(&ntpool_gate_end) as u64)
        .contains(&instruction)
}

/// The trap gate's first instruction.
pub(crate) fn trap_gate_instruction() -> u64 {
    let gate: unsafe extern "sysv64" fn() = trap_gate;
    gate as usize as u64
}

/// The size of a thunk in bytes.
pub const THUNK_SIZE: usize = 32;

/// The bytes of a thunk: driver code that calls it calls the import of this index.
#[must_use]
pub fn thunk(index: u32) -> [u8; THUNK_SIZE] {
    let mut code = [0xCC; THUNK_SIZE];
    // mov r10d, index; mov r11, gate; jmp r11: these two registers belong to nobody at a call.
    code[..2].copy_from_slice(&[0x41, 0xBA]);
    code[2..6].copy_from_slice(&index.to_le_bytes());
    code[6..8].copy_from_slice(&[0x49, 0xBB]);
    let gate: unsafe extern "sysv64" fn() = gate;
    code[8..16].copy_from_slice(&(gate as usize as u64).to_le_bytes());
    code[16..19].copy_from_slice(&[0x41, 0xFF, 0xE3]);
    code
}
