#![expect(unsafe_code, reason = "switches stacks between host and driver code")]
//! A flow of control in driver code, and the gate through which it calls the machine.
//!
//! Host code runs on the stack that Linux gave it, driver code on a kernel stack in the arena, of the size that
//! Windows has. [`Fiber::call`] goes from the first to the second; an import's thunk jumps to the *gate*, which goes back
//! to the host's stack, just below the frame of `call`, and later returns to the driver:
//!
//! ```text
//!   host stack                     kernel stack
//!   ─────────────                  ─────────────
//!   call() frame  ───enter──────▶  DriverEntry
//!   import frame  ◀───gate───────    calls an import
//!   the routine in Rust
//!        │ verdict: return ─────▶    goes on
//!        │ verdict: stop
//!   call() returns                 (left as it is)
//! ```
//!
//! # What this module promises
//! - Driver registers that the Windows calling convention preserves are preserved over an import.
//! - A fiber is given up only from the gate, after its Rust frames have returned, or from a trap in driver code, under
//!   which there are none: so no Rust frame is ever skipped.
//! - Calls may nest (an import may call the driver back); each level has its own place on the host stack.

use crate::layout::{self, ARENA, Window};
use crate::{HostError, arena, guarded};
use ntpool_machine::{
    Access, DriverMemory, Exit, Fault, Fiber, MOST_ARGUMENTS, Registers, Trap, TrapKind, register,
};
use ntpool_memory::Protection;
use ntpool_types::{Bytes, PAGE_SIZE, VirtualAddress};
use std::arch::naked_asm;
use std::cell::Cell;
use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

/// What the machine does with an import's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Return this value to the driver.
    Return(u64),
    /// Give the fiber up.
    Stop,
}

/// What the host asks of the machine while driver code runs.
///
/// Every method is called on the thread that called [`Fiber::call`], while that call waits.
pub trait Kernel {
    /// Carries out the import bound under `index`, called with these registers.
    fn import(&self, index: u32, registers: &Registers) -> Verdict;

    /// The processor's level, which driver code may read from cr8.
    fn irql(&self) -> u8;

    /// Sets the processor's level, as a write to cr8 does.
    fn set_irql(&self, level: u8);

    /// The time stamp counter.
    fn time_stamp(&self) -> u64;

    /// Serves a page fault, if it can: whether the instruction may be tried again.
    ///
    /// With registers it is driver code's. Without, it is one on paged pool in the midst of the machine's own work, in a
    /// guarded copy for example: nothing that a routine of the machine may be using must be touched then.
    fn page_fault(&self, fault: &Fault, registers: Option<&Registers>) -> bool {
        let _ = (fault, registers);
        false
    }
}

/// The registers at an import's call, as the gate lays them out on the host stack.
#[repr(C, align(16))]
struct ImportFrame {
    general: [u64; 16],
    return_address: u64,
    result: u64,
    preserved_vectors: [[u64; 2]; 10],
}

const _: () = assert!(size_of::<ImportFrame>().is_multiple_of(16));

/// The host's stack pointer below the innermost `enter`; zero while no driver code runs.
static HOST_STACK: AtomicU64 = AtomicU64::new(0);
/// What belongs to the innermost call, on that call's own frame: only set and read on the thread that runs the fiber.
static KERNEL: AtomicPtr<KernelSlot> = AtomicPtr::new(std::ptr::null_mut());
/// Set by the signal that asks driver code to stop, cleared when a fiber has been given up for it.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

struct KernelSlot {
    kernel: *const (dyn Kernel + 'static),
    exit: Cell<Option<Exit>>,
    /// The driver's stack pointer while an import is being served: what lies above belongs to the driver.
    stack_pointer: Cell<u64>,
}

/// What `enter` returns: the routine's value, and whether the fiber was given up.
#[repr(C)]
struct Left {
    value: u64,
    abandoned: u64,
}

/// Calls `routine` on the stack that ends at `stack_top`, by the Windows calling convention: the arguments that are not
/// in registers lie from `stack_top` on.
///
/// Registers that a routine may not rely on are zero, so that every run starts alike.
#[unsafe(naked)]
unsafe extern "sysv64" fn enter(routine: u64, arguments: *const [u64; 4], stack_top: u64) -> Left {
    naked_asm!(
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "push qword ptr [rip + {host_stack}]",
        "mov [rip + {host_stack}], rsp",
        "mov rax, rdi",
        "mov rcx, [rsi]",
        "mov r8, [rsi + 16]",
        "mov r9, [rsi + 24]",
        "mov rsp, rdx",
        "mov rdx, [rsi + 8]",
        "sub rsp, 32",
        "xor ebx, ebx", "xor ebp, ebp", "xor esi, esi", "xor edi, edi", "xor r10d, r10d", "xor r11d, r11d",
        "xor r12d, r12d", "xor r13d, r13d", "xor r14d, r14d", "xor r15d, r15d",
        "call rax",
        "mov rsp, [rip + {host_stack}]",
        "xor edx, edx",
        "jmp 2f",
        ".globl ntpool_fiber_abandon",
        "ntpool_fiber_abandon:",
        "mov rsp, [rip + {host_stack}]",
        "mov edx, 1",
        "2:",
        "push 2",
        "popfq",
        // Host code expects the vector unit's default rounding and masks; a driver may have changed them.
        "mov dword ptr [rsp - 8], 0x1F80",
        "ldmxcsr [rsp - 8]",
        "pop qword ptr [rip + {host_stack}]",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "ret",
        host_stack = sym HOST_STACK,
    )
}

/// Where every import's thunk jumps, with the import's index in r10d.
#[unsafe(naked)]
unsafe extern "sysv64" fn gate() {
    naked_asm!(
        ".globl ntpool_gate_start",
        "ntpool_gate_start:",
        "mov r11, rsp",
        "mov rsp, [rip + {host_stack}]",
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
        // Flags that a driver may have set and host code does not expect: direction, alignment check, single step.
        "push 2",
        "popfq",
        "mov edi, r10d",
        "mov rsi, rsp",
        "call {serve}",
        "test eax, eax",
        "jnz ntpool_fiber_abandon",
        "movaps xmm6, [rsp + {vectors} + 16*0]", "movaps xmm7, [rsp + {vectors} + 16*1]",
        "movaps xmm8, [rsp + {vectors} + 16*2]", "movaps xmm9, [rsp + {vectors} + 16*3]",
        "movaps xmm10, [rsp + {vectors} + 16*4]", "movaps xmm11, [rsp + {vectors} + 16*5]",
        "movaps xmm12, [rsp + {vectors} + 16*6]", "movaps xmm13, [rsp + {vectors} + 16*7]",
        "movaps xmm14, [rsp + {vectors} + 16*8]", "movaps xmm15, [rsp + {vectors} + 16*9]",
        "mov rsi, [rsp + 8*6]",
        "mov rdi, [rsp + 8*7]",
        "mov rax, [rsp + {result}]",
        "mov rsp, [rsp + 8*4]",
        // What the host left in registers that belong to nobody is no business of the driver's, and differs by run.
        "xor ecx, ecx", "xor edx, edx", "xor r8d, r8d", "xor r9d, r9d", "xor r10d, r10d", "xor r11d, r11d",
        "pxor xmm0, xmm0", "pxor xmm1, xmm1", "pxor xmm2, xmm2", "pxor xmm3, xmm3", "pxor xmm4, xmm4",
        "pxor xmm5, xmm5",
        "ret",
        ".globl ntpool_gate_end",
        "ntpool_gate_end:",
        host_stack = sym HOST_STACK,
        frame = const size_of::<ImportFrame>(),
        return_address = const offset_of!(ImportFrame, return_address),
        result = const offset_of!(ImportFrame, result),
        vectors = const offset_of!(ImportFrame, preserved_vectors),
        serve = sym serve,
    )
}

unsafe extern "C" {
    safe static ntpool_fiber_abandon: u8;
    safe static ntpool_gate_start: u8;
    safe static ntpool_gate_end: u8;
}

/// The gate's continuation in Rust; non-zero gives the fiber up.
unsafe extern "sysv64" fn serve(index: u32, frame: *mut ImportFrame) -> u64 {
    // SAFETY: the gate passes a frame that it has just laid out on the host stack, and nobody else knows it.
    let frame = unsafe { &mut *frame };
    let mut registers = Registers { instruction: frame.return_address, general: frame.general, flags: 0 };
    // As the caller will see it after the return.
    registers.general[register::RSP] += 8;
    slot(|slot| slot.stack_pointer.set(frame.general[register::RSP]));
    let verdict = with_kernel(|kernel| kernel.import(index, &registers));
    let interrupted = take_interrupt();
    match verdict {
        Verdict::Return(_) if interrupted => {
            set_exit(Exit::InterruptedInCall(registers));
            1
        }
        Verdict::Return(value) => {
            frame.result = value;
            0
        }
        Verdict::Stop => {
            set_exit(Exit::Stopped);
            1
        }
    }
}

fn slot<R>(use_it: impl FnOnce(&KernelSlot) -> R) -> R {
    let slot = KERNEL.load(Ordering::Relaxed);
    assert!(!slot.is_null(), "driver code runs only inside a fiber's call");
    // SAFETY: `KernelFiber::call` keeps the slot alive on its own frame while the pointer is set.
    use_it(unsafe { &*slot })
}

/// Lets the innermost call's machine do something.
pub(crate) fn with_kernel<R>(use_it: impl FnOnce(&dyn Kernel) -> R) -> R {
    slot(|slot| {
        // SAFETY: `KernelFiber::call` borrows the machine for as long as the slot exists.
        use_it(unsafe { &*slot.kernel })
    })
}

/// Says why the fiber is about to be given up.
pub(crate) fn set_exit(exit: Exit) {
    slot(|slot| slot.exit.set(Some(exit)));
}

/// Whether driver code is running or waiting for an import.
pub(crate) fn is_running() -> bool {
    !KERNEL.load(Ordering::Relaxed).is_null()
}

/// Asks for the fiber to be given up at the end of the import that is being served.
pub(crate) fn interrupt_import() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Whether the fiber was asked to be given up since this was last asked.
pub(crate) fn take_interrupt() -> bool {
    INTERRUPTED.swap(false, Ordering::Relaxed)
}

/// The instruction that gives the fiber up, when the registers' other contents no longer matter.
pub(crate) fn abandon_instruction() -> u64 {
    std::ptr::from_ref(&ntpool_fiber_abandon) as u64
}

/// Whether the instruction is the gate's.
pub(crate) fn gate_owns(instruction: u64) -> bool {
    (std::ptr::from_ref(&ntpool_gate_start) as u64..std::ptr::from_ref(&ntpool_gate_end) as u64)
        .contains(&instruction)
}

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

/// The size of a thunk in bytes.
pub const THUNK_SIZE: usize = 32;

/// The driver's memory, through guarded copies.
#[derive(Clone, Copy, Debug, Default)]
pub struct GuardedMemory;

impl DriverMemory for GuardedMemory {
    fn read(&self, address: VirtualAddress, into: &mut [u8]) -> Result<(), Fault> {
        guarded::read(address, into)
    }

    fn write(&self, address: VirtualAddress, from: &[u8]) -> Result<(), Fault> {
        guarded::write(address, from)
    }
}

/// A fiber with its kernel stack.
#[derive(Debug)]
pub struct KernelFiber {
    stack: Window,
}

/// What untouched stack memory holds, so that the deepest use can be told afterwards.
const STACK_PAINT: u8 = 0xDB;

impl KernelFiber {
    /// A fiber on a kernel stack that is mapped and writable.
    ///
    /// # Errors
    /// When it is not.
    pub fn new(stack: Window) -> Result<KernelFiber, HostError> {
        guarded::fill(stack.base, stack.size, STACK_PAINT)
            .map_err(|fault| HostError::plain(format!("write a new kernel stack at {}", fault.address)))?;
        Ok(KernelFiber { stack })
    }

    /// The addresses of its stack.
    #[must_use]
    pub fn stack(&self) -> Window {
        self.stack
    }

    /// The fiber, with the machine that serves it.
    #[must_use]
    pub fn served_by<'a>(&'a self, kernel: &'a dyn Kernel) -> ServedFiber<'a> {
        ServedFiber { fiber: self, kernel }
    }

    fn call(&self, kernel: &dyn Kernel, routine: VirtualAddress, arguments: &[u64]) -> Exit {
        if !ARENA.contains(routine) {
            return no_code_at(routine);
        }
        let kernel: *const dyn Kernel = kernel;
        // SAFETY: only the lifetime changes; the pointer is dropped before this call returns.
        let kernel =
            unsafe { std::mem::transmute::<*const dyn Kernel, *const (dyn Kernel + 'static)>(kernel) };
        let (in_registers, top) = match push_arguments(self.free_top(), arguments) {
            Ok(pushed) => pushed,
            Err(fault) => return overflowed(routine, fault),
        };
        let mut slot = KernelSlot { kernel, exit: Cell::new(None), stack_pointer: Cell::new(top) };
        let outer = KERNEL.swap(&raw mut slot, Ordering::Relaxed);
        // SAFETY: the stack belongs to this fiber, and the frame that was just written on it says that it is mapped and
        // writable from the return address up; `enter` comes back once, whatever the routine does, because a trap in
        // driver code ends at `ntpool_fiber_abandon`.
        let left = unsafe { enter(routine.0, &raw const in_registers, top) };
        KERNEL.store(outer, Ordering::Relaxed);
        if outer.is_null() {
            // A request that came too late for this call is not meant for the next one.
            take_interrupt();
        }
        match left.abandoned {
            0 => Exit::Returned(left.value),
            _ => slot.exit.take().expect("a fiber is given up for a reason"),
        }
    }

    /// Where a call's stack begins: at the top, or below what the driver uses when one of its imports calls it back.
    fn free_top(&self) -> u64 {
        if is_running() {
            let inner = slot(|slot| slot.stack_pointer.get());
            if self.stack.contains(VirtualAddress(inner)) {
                return inner & !0xF;
            }
        }
        self.stack.end().0
    }

    fn stack_used(&self) -> u64 {
        let mut page = [0; PAGE_SIZE.0 as usize];
        for start in (self.stack.base.0..self.stack.end().0).step_by(page.len()) {
            if guarded::read(VirtualAddress(start), &mut page).is_err() {
                return self.stack.size.0;
            }
            if let Some(offset) = page.iter().position(|&byte| byte != STACK_PAINT) {
                return self.stack.end().0 - (start + offset as u64);
            }
        }
        0
    }
}

/// The arguments that are passed in registers, and the bytes that a caller leaves free for the routine to keep them in.
const REGISTER_ARGUMENTS: usize = 4;
const HOME_SPACE: usize = 8 * REGISTER_ARGUMENTS;

/// Lays the arguments of a call out below `top`, which is aligned to 16 bytes: gives those that go in registers, and the
/// address from which the others lie, 16-byte aligned as well.
///
/// The whole frame is written, down to where the return address will be, so that a stack without room for it is noticed
/// here and not by an instruction of the host's.
fn push_arguments(top: u64, arguments: &[u64]) -> Result<([u64; REGISTER_ARGUMENTS], u64), Fault> {
    assert!(arguments.len() <= MOST_ARGUMENTS, "a call of {} arguments", arguments.len());
    let in_registers = std::array::from_fn(|place| arguments.get(place).copied().unwrap_or_default());
    let on_stack = arguments.get(REGISTER_ARGUMENTS..).unwrap_or_default();
    const RETURN_ADDRESS: usize = 8;
    let mut frame = vec![0; RETURN_ADDRESS + HOME_SPACE];
    frame.extend(on_stack.iter().flat_map(|argument| argument.to_le_bytes()));
    let size = (8 * on_stack.len() as u64).next_multiple_of(16);
    let arguments_at = top - size;
    let bottom = arguments_at - (RETURN_ADDRESS + HOME_SPACE) as u64;
    guarded::write(VirtualAddress(bottom), &frame)?;
    Ok((in_registers, arguments_at))
}

/// The end of a call to where no driver's code can be: what the processor would say if it were tried.
fn no_code_at(routine: VirtualAddress) -> Exit {
    let fault = Fault { address: routine, access: Access::Execute, non_canonical: !routine.is_canonical() };
    let registers = Registers { instruction: routine.0, ..Registers::default() };
    Exit::Trapped(Trap { kind: TrapKind::Page(fault), registers })
}

/// The end of a call for which the stack has no room.
fn overflowed(routine: VirtualAddress, fault: Fault) -> Exit {
    let mut registers = Registers { instruction: routine.0, ..Registers::default() };
    registers.general[register::RSP] = fault.address.0;
    Exit::Trapped(Trap { kind: TrapKind::Page(fault), registers })
}

/// A fiber together with the machine that serves it.
pub struct ServedFiber<'a> {
    fiber: &'a KernelFiber,
    kernel: &'a dyn Kernel,
}

impl Fiber for ServedFiber<'_> {
    fn call(&self, routine: VirtualAddress, arguments: &[u64]) -> Exit {
        self.fiber.call(self.kernel, routine, arguments)
    }

    fn stack_used(&self) -> u64 {
        self.fiber.stack_used()
    }
}

/// Whether the stack pointer is on a kernel stack or its guard pages.
pub(crate) fn is_on_kernel_stack(stack_pointer: u64) -> bool {
    layout::STACKS.contains(VirtualAddress(stack_pointer))
}

/// Makes `pages` of memory hold thunks for the imports 0 to `count`, readable and executable by driver code.
///
/// # Errors
/// When Linux refuses.
pub fn place_thunks(base: VirtualAddress, count: u32) -> Result<Window, HostError> {
    let bytes: Vec<u8> = (0..count).flat_map(thunk).collect();
    let size = Bytes(bytes.len().max(1) as u64).pages_rounded_up().bytes();
    arena::map_anonymous(base, size, Protection::ReadWrite)?;
    guarded::write(base, &bytes)
        .map_err(|fault| HostError::plain(format!("write an import thunk at {}", fault.address)))?;
    arena::protect(base, size, Protection::ReadExecute)?;
    Ok(Window { base, size })
}
