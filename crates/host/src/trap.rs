#![expect(unsafe_code, reason = "signal handlers read and change the interrupted registers")]
//! Traps: what Linux delivers as signals, turned into what a kernel would see.
//!
//! One handler serves all synchronous signals. It looks at where the processor was:
//!
//! - in a guarded copy: the machine may serve the fault, else the copy ends with it, as its caller expects;
//! - in driver code: what a kernel would carry out is carried out (cr8, the shared user data page, the time stamp
//!   counter) and the driver goes on; with anything else it is sent to the trap gate, where the machine decides;
//! - anywhere else: the host's own code was hit. Where it reached for paged pool, the machine may serve the fault; else
//!   the driver most likely wrote over it. The crash is announced and the process dies of the signal.
//!
//! A second handler serves the parent's request to stop, and a third the ticks of the host's clock.
//!
//! # What this module promises
//! - Rust code of the machine runs inside the handler only while driver code is interrupted synchronously, so it never
//!   meets a lock or a half-changed structure of the host. The one exception is a page fault on paged pool in a
//!   guarded copy or while the host zeroes a block, whose serving is told so ([`fiber::Kernel::page_fault`]).
//! - The handler runs on a stack of its own, since the driver's may be full or wrong.
//! - A handler that sends driver code to the trap gate has returned when the gate begins, whether Linux takes it there or the
//!   handler's own first instructions do; these give the processor back what Linux would.

use crate::emulate::{self, Divisor, Refused, Restore, SharedDataAccess};
use crate::fiber::Summons;
use crate::layout::{ARENA, PAGED_POOL, SHARED_USER_DATA, SHARED_USER_DATA_SHADOW};
use crate::spin::{Step, Watch};
use crate::{HostError, fiber, gate, guarded, processors, ticks};
use ntpool_machine::{Access, Fault, FullRegisters, Registers, TrapKind, register};
use ntpool_types::{Bytes, PAGE_SIZE, VirtualAddress};
#[cfg(not(ntpool_thread_sanitizer))]
use std::arch::naked_asm;
use std::cell::Cell;
#[cfg(not(ntpool_thread_sanitizer))]
use std::mem::offset_of;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The signal by which the parent asks driver code to stop.
pub const INTERRUPT_SIGNAL: i32 = libc::SIGUSR1;

const SIGNAL_STACK: usize = 256 * 1024;

/// The trap flag: the processor stops after one instruction.
const TRAP_FLAG: u64 = 1 << 8;
/// Flags that a driver may have set and host code does not expect: single step, direction, nested task, alignment check.
const UNEXPECTED_FLAGS: u64 = TRAP_FLAG | 1 << 10 | 1 << 14 | 1 << 18;

/// Clears the flags with which driver code was interrupted; Linux leaves the alignment check set in a handler.
#[inline(always)]
fn clear_flags() {
    // SAFETY: the flags become those of a program's start; the compiler knows of the stack's use.
    unsafe { std::arch::asm!("push 2", "popfq") };
}

/// Announces that the host's own code was hit: signal, instruction, address.
pub type CrashAnnouncement = fn(i32, u64, u64);

static ANNOUNCE_CRASH: OnceLock<CrashAnnouncement> = OnceLock::new();
static CRASHING: AtomicBool = AtomicBool::new(false);

/// A register to change back after one instruction.
#[derive(Clone, Copy)]
struct PendingStep {
    register: usize,
    /// What the register was changed to.
    moved: u64,
    restore: Restore,
}

thread_local! {
    static PENDING_STEP: Cell<Option<PendingStep>> = const { Cell::new(None) };
    /// Since a tick, while the processor stops after each instruction.
    static WATCH: Cell<Option<Watch>> = const { Cell::new(None) };
    /// A tick was met by code that trapped.
    static TICK_IS_DUE: Cell<bool> = const { Cell::new(false) };
}

/// Installs the handlers for this process, on a stack of their own for this thread.
///
/// # Errors
/// When Linux refuses.
pub fn install(announce_crash: CrashAnnouncement) -> Result<(), HostError> {
    let _ = ANNOUNCE_CRASH.set(announce_crash);
    use_own_signal_stack()?;
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGSYS] {
        set_handler(signal, trap_handler)?;
    }
    set_handler(INTERRUPT_SIGNAL, on_interrupt)?;
    set_handler(ticks::SIGNAL, on_tick)
}

/// Gives the calling thread a stack for its signal handlers.
///
/// # Errors
/// When Linux refuses.
pub(crate) fn use_own_signal_stack() -> Result<(), HostError> {
    let stack = Box::leak(vec![0u8; SIGNAL_STACK].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIGNAL_STACK };
    // SAFETY: the memory is leaked, so it stays for as long as the thread may use it.
    if unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) } != 0 {
        return Err(HostError::last("give signals a stack of their own"));
    }
    Ok(())
}

type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);

fn set_handler(signal: i32, handler: Handler) -> Result<(), HostError> {
    // SAFETY: all zero is a valid value of this plain structure.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER | libc::SA_RESTART;
    // SAFETY: the handler has the signature that SA_SIGINFO asks for and lives as long as the program.
    if unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) } == 0 {
        Ok(())
    } else {
        Err(HostError::last(format!("handle signal {signal}")))
    }
}

/// The order in which Linux stores the general registers, by x64 number.
const SAVED_ORDER: [i32; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// What Linux puts where the processor leaves room for others in a saved state, so that programs can find the size.
#[repr(C)]
struct StateWords {
    magic: u32,
    extended_size: u32,
    features: u64,
    size: u32,
}

/// Where those words lie in the state.
const STATE_WORDS: usize = 464;

/// The interrupted registers, which become the processor's again when the handler returns.
struct Interrupted<'a> {
    saved: &'a mut [i64; 23],
    vector_unit: Option<&'a libc::_libc_fpstate>,
}

impl<'a> Interrupted<'a> {
    /// The registers that the handler of this context will give back.
    ///
    /// # Safety
    /// 1. `context` is what Linux handed a handler installed with SA_SIGINFO, which is still running.
    unsafe fn of(context: *mut libc::c_void) -> Interrupted<'a> {
        // SAFETY: the caller's promise 1: the context is live, and nobody else uses it while the handler runs.
        let context = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext };
        // SAFETY: as above; the pointer is null where Linux saved no vector registers.
        Interrupted { saved: &mut context.gregs, vector_unit: unsafe { context.fpregs.as_ref() } }
    }

    fn get(&self, which: i32) -> u64 {
        self.saved[which as usize] as u64
    }

    fn set(&mut self, which: i32, value: u64) {
        self.saved[which as usize] = value as i64;
    }

    fn registers(&self) -> Registers {
        Registers {
            instruction: self.get(libc::REG_RIP),
            general: SAVED_ORDER.map(|which| self.get(which)),
            flags: self.get(libc::REG_EFL),
        }
    }

    fn set_general(&mut self, register: usize, value: u64) {
        self.set(SAVED_ORDER[register], value);
    }

    fn skip(&mut self, length: u64) {
        self.set(libc::REG_RIP, self.get(libc::REG_RIP).wrapping_add(length));
    }

    fn full(&self, registers: Registers) -> FullRegisters {
        let mut full = FullRegisters { registers, ..FullRegisters::default() };
        if let Some(unit) = self.vector_unit {
            full.mxcsr = unit.mxcsr;
            for (vector, saved) in full.vectors.iter_mut().zip(&unit._xmm) {
                let [a, b, c, d] = saved.element.map(u128::from);
                *vector = a | b << 32 | c << 64 | d << 96;
            }
        }
        full
    }

    /// The whole state of the floating-point and vector units as the processor saved it, and which parts of it.
    fn extended_state(&self) -> Option<(&[u8], u64)> {
        const MAGIC: u32 = 0x4650_5853;
        let state = ptr::from_ref(self.vector_unit?).cast::<u8>();
        // SAFETY: the state has 512 bytes at least, of which these words are the last 48; they need no alignment to be read.
        let StateWords { magic, size, features, .. } =
            unsafe { state.add(STATE_WORDS).cast::<StateWords>().read_unaligned() };
        if magic != MAGIC {
            return None;
        }
        // SAFETY: Linux says with the magic number that so many bytes were saved there; the frame lives while the handler runs.
        Some((unsafe { std::slice::from_raw_parts(state, size as usize) }, features))
    }

    /// Makes the handler's return lead to the trap gate; gives the stack pointer to be there with.
    fn summon(&mut self, summons: Summons, registers: Registers) -> u64 {
        // Only what may go on as it was needs more than the registers that everybody knows.
        let state = match summons {
            Summons::Tick { .. } => self.extended_state(),
            Summons::Trap(_) | Summons::TimeOver => None,
        };
        let frame = fiber::summon(summons, &self.full(registers), state);
        self.set(libc::REG_RSP, frame);
        self.set(libc::REG_RIP, gate::trap_gate_instruction());
        self.set(libc::REG_EFL, self.get(libc::REG_EFL) & !UNEXPECTED_FLAGS);
        frame
    }
}

/// What the processor said about the trap.
#[derive(Clone, Copy)]
struct Cause {
    signal: i32,
    number: u64,
    error: u64,
    address: u64,
}

impl Cause {
    /// What a page fault tells.
    fn fault(&self) -> Fault {
        let access = if self.error & 0x10 != 0 {
            Access::Execute
        } else if self.error & 0b10 != 0 {
            Access::Write
        } else {
            Access::Read
        };
        Fault { address: VirtualAddress(self.address), access, non_canonical: false }
    }
}

/// Processor trap numbers.
mod number {
    pub const DIVIDE: u64 = 0;
    pub const DEBUG: u64 = 1;
    pub const BREAKPOINT: u64 = 3;
    pub const INVALID_OPCODE: u64 = 6;
    pub const STACK: u64 = 12;
    pub const GENERAL_PROTECTION: u64 = 13;
    pub const PAGE: u64 = 14;
}

/// Serves a synchronous signal; where that sends driver code to the trap gate, goes there without asking Linux to, which
/// would take some hundreds of nanoseconds.
///
/// Linux would load the processor's state from the signal's frame and go on with the frame's registers. The state is loaded
/// here; of the registers the gate needs none but the stack pointer. The mask of signals is the same inside the handler and
/// outside, since nothing is blocked while it runs.
#[cfg(not(ntpool_thread_sanitizer))]
#[unsafe(naked)]
extern "C" fn trap_handler(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    naked_asm!(
        "push rdx",
        "call {on_trap}",
        "pop rdx",
        "test rax, rax",
        "jnz 2f",
        "ret",
        "2:",
        "mov r8, [rdx + {state}]",
        "mov r9, rax",
        "mov eax, [r8 + {features}]",
        "mov edx, [r8 + {features} + 4]",
        "xrstor64 [r8]",
        // Not before: on another stack than the handlers' the next signal would be given this frame's memory.
        "mov rsp, r9",
        "jmp {gate}",
        on_trap = sym on_trap,
        gate = sym gate::trap_gate,
        state = const offset_of!(libc::ucontext_t, uc_mcontext) + offset_of!(libc::mcontext_t, fpregs),
        features = const STATE_WORDS + offset_of!(StateWords, features),
    )
}

/// Serves a synchronous signal. The thread sanitizer, which calls handlers by one of its own, has to see it return.
#[cfg(ntpool_thread_sanitizer)]
extern "C" fn trap_handler(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    on_trap(signal, info, context);
}

/// Serves a synchronous signal: gives the stack pointer to go to the trap gate with, or 0 where Linux shall go on with the
/// registers of the signal's frame.
extern "C" fn on_trap(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) -> u64 {
    clear_flags();
    // SAFETY: this is such a handler.
    let mut interrupted = unsafe { Interrupted::of(context) };
    let mut cause = Cause {
        signal,
        number: interrupted.get(libc::REG_TRAPNO),
        error: interrupted.get(libc::REG_ERR),
        address: interrupted.get(libc::REG_CR2),
    };
    if signal == libc::SIGSYS {
        // SAFETY: the structure is live; for SIGSYS the kernel has filled in its number of the call after the fixed
        // head of three integers and the call's address.
        cause.number = unsafe { *info.cast::<u8>().add(24).cast::<i32>() } as u64;
    }
    let instruction = interrupted.get(libc::REG_RIP);
    let in_driver = fiber::is_running()
        && (ARENA.contains(VirtualAddress(instruction))
            || fiber::is_on_kernel_stack(interrupted.get(libc::REG_RSP)));
    if guarded::owns(instruction) && matches!(cause.number, number::PAGE | number::GENERAL_PROTECTION) {
        end_guarded_copy(&mut interrupted, &cause);
    } else if in_driver && !CRASHING.load(Ordering::Relaxed) {
        match on_driver_trap(&mut interrupted, &cause) {
            Trapped::GoesOn => stop_if_asked(&mut interrupted),
            Trapped::Watched => TICK_IS_DUE.set(false),
            Trapped::Sent(frame) => {
                TICK_IS_DUE.set(false);
                // Where Linux did not save the state in the form that can be loaded, it knows how to.
                return interrupted.extended_state().map_or(0, |_| frame);
            }
        }
    } else if !is_served_for_host(&cause) {
        crash(&interrupted, &cause);
    }
    0
}

/// Whether the host's own code may go on: it reached for paged pool on the machine's behalf, to zero a block.
fn is_served_for_host(cause: &Cause) -> bool {
    let fault = cause.fault();
    cause.number == number::PAGE
        && PAGED_POOL.contains(fault.address)
        && fiber::is_running()
        && fiber::with_kernel(|kernel| kernel.page_fault(&fault, None))
}

fn end_guarded_copy(interrupted: &mut Interrupted<'_>, cause: &Cause) {
    if is_served_for_host(cause) {
        return;
    }
    let writing = cause.error & 0b10 != 0;
    interrupted.set(libc::REG_RAX, if writing { guarded::FAULTED_WRITING } else { guarded::FAULTED_READING });
    interrupted.set(libc::REG_RDX, cause.address);
    let give_up: unsafe extern "sysv64" fn() -> () = guarded::give_up;
    interrupted.set(libc::REG_RIP, give_up as usize as u64);
}

/// The host's own code was hit: says so, and dies of the signal when the instruction is tried again.
fn crash(interrupted: &Interrupted<'_>, cause: &Cause) {
    if !CRASHING.swap(true, Ordering::Relaxed)
        && let Some(announce) = ANNOUNCE_CRASH.get()
    {
        announce(cause.signal, interrupted.get(libc::REG_RIP), cause.address);
    }
    // SAFETY: the default action for a signal is always valid.
    unsafe { libc::signal(cause.signal, libc::SIG_DFL) };
}

/// What became of a trap in driver code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trapped {
    /// It was served, and driver code goes on.
    GoesOn,
    /// Driver code goes on for one more instruction.
    Watched,
    /// It is sent to the machine, with this stack pointer at the trap gate.
    Sent(u64),
}

/// Gives the fiber up where driver code is about to go on, if the parent asked for that while the trap was served. A loop
/// that traps all the time would hardly be met outside the handler.
fn stop_if_asked(interrupted: &mut Interrupted<'_>) {
    if PENDING_STEP.get().is_some() {
        return;
    }
    let is_due = TICK_IS_DUE.take();
    if fiber::take_interrupt() {
        let registers = interrupted.registers();
        interrupted.summon(Summons::TimeOver, registers);
    } else if is_due {
        let registers = interrupted.registers();
        interrupted.summon(Summons::Tick { turns: false }, registers);
    }
}

/// Goes on watching driver code, or takes it off its processor.
fn watch_step(interrupted: &mut Interrupted<'_>, mut watch: Watch) -> Trapped {
    let registers = interrupted.registers();
    let is_in_driver = ARENA.contains(VirtualAddress(registers.instruction));
    let writes =
        is_in_driver && emulate::writes_memory(&instruction_bytes(registers.instruction), &registers);
    match watch.step(&registers, writes) {
        // Whoever leaves the driver's code calls somebody.
        _ if !is_in_driver => {}
        Step::Again => {
            WATCH.set(Some(watch));
            interrupted.set(libc::REG_EFL, registers.flags | TRAP_FLAG);
            return Trapped::Watched;
        }
        Step::Take { turns } => {
            let registers = Registers { flags: registers.flags & !TRAP_FLAG, ..registers };
            return Trapped::Sent(interrupted.summon(Summons::Tick { turns }, registers));
        }
    }
    interrupted.set(libc::REG_EFL, registers.flags & !TRAP_FLAG);
    Trapped::GoesOn
}

fn on_driver_trap(interrupted: &mut Interrupted<'_>, cause: &Cause) -> Trapped {
    if let Some(watch) = WATCH.take() {
        if cause.number == number::DEBUG && PENDING_STEP.get().is_none() {
            return watch_step(interrupted, watch);
        }
        // Code that traps does more than wait: it is taken off its processor when the trap has been served.
        interrupted.set(libc::REG_EFL, interrupted.get(libc::REG_EFL) & !TRAP_FLAG);
        TICK_IS_DUE.set(true);
    }
    if cause.number != number::DEBUG {
        // The single step met another trap: the report shows the register as the driver had it.
        end_step(interrupted);
    }
    let registers = interrupted.registers();
    let kind = match (cause.signal, cause.number) {
        (libc::SIGSYS, call) => TrapKind::SystemCall(call),
        (_, number::PAGE) => match on_page_fault(interrupted, &registers, cause) {
            Some(kind) => kind,
            None => return Trapped::GoesOn,
        },
        (_, number::GENERAL_PROTECTION | number::STACK) => match on_refused(interrupted, &registers, cause) {
            Some(kind) => kind,
            None => return Trapped::GoesOn,
        },
        (_, number::DEBUG) if end_step(interrupted) => return Trapped::GoesOn,
        (_, number::DIVIDE) => divide_trap(&registers),
        (_, number::BREAKPOINT) => TrapKind::Breakpoint,
        (_, number::INVALID_OPCODE) if instruction_bytes(registers.instruction).starts_with(&SYSENTER) => {
            TrapKind::SystemCall(registers.general[register::RAX])
        }
        (_, number::INVALID_OPCODE) => TrapKind::IllegalInstruction,
        (_, other) => TrapKind::Other(other),
    };
    let mut registers = registers;
    match kind {
        // The processor reports these behind the instruction.
        TrapKind::Breakpoint => registers.instruction -= 1,
        TrapKind::SystemCall(_) if cause.signal == libc::SIGSYS => registers.instruction -= 2,
        _ => {}
    }
    Trapped::Sent(interrupted.summon(Summons::Trap(kind), registers))
}

/// Which of the two reasons a division had for its trap, which is one for both.
fn divide_trap(registers: &Registers) -> TrapKind {
    let divisor = match emulate::divisor(&instruction_bytes(registers.instruction), registers) {
        Some(Divisor::Value(value)) => value,
        Some(Divisor::Memory(address, size)) => {
            let mut bytes = [0; 8];
            let read = bytes.get_mut(..size).map(|bytes| guarded::read(address, bytes));
            // The division has read it, so it can be read.
            read.map_or(0, |_| u64::from_le_bytes(bytes))
        }
        None => 0,
    };
    if divisor == 0 { TrapKind::Divide } else { TrapKind::DivideOverflow }
}

/// The system call instruction of 32-bit programs, which some processors refuse in 64-bit ones.
const SYSENTER: [u8; 2] = [0x0F, 0x34];

/// Serves a page fault on the shared user data page, or says what the fault is.
fn on_page_fault(
    interrupted: &mut Interrupted<'_>,
    registers: &Registers,
    cause: &Cause,
) -> Option<TrapKind> {
    let address = VirtualAddress(cause.address);
    if SHARED_USER_DATA.contains(address) {
        fiber::with_kernel_held(|kernel| kernel.clock_is_read());
        let bytes = instruction_bytes(registers.instruction);
        match emulate::shared_data_access(&bytes, registers) {
            Some(SharedDataAccess::Rebase { register, restore }) => {
                let moved = registers.general[register].wrapping_add(emulate::SHARED_USER_DATA_DISTANCE);
                interrupted.set_general(register, moved);
                interrupted.set(libc::REG_EFL, registers.flags | TRAP_FLAG);
                PENDING_STEP.set(Some(PendingStep { register, moved, restore }));
                return None;
            }
            Some(SharedDataAccess::LoadAccumulator { offset, width, length }) => {
                let mut loaded = match width {
                    // Loads of 4 bytes clear the upper half, smaller ones keep the rest.
                    1 | 2 => registers.general[register::RAX].to_le_bytes(),
                    _ => [0; 8],
                };
                let from = VirtualAddress(SHARED_USER_DATA_SHADOW.0 + offset);
                if guarded::read(from, &mut loaded[..width]).is_ok() {
                    interrupted.set_general(register::RAX, u64::from_le_bytes(loaded));
                    interrupted.skip(length);
                    return None;
                }
            }
            None => {}
        }
    }
    let fault = cause.fault();
    let served = fiber::with_kernel_held(|kernel| kernel.page_fault(&fault, Some(registers)));
    (!served).then_some(TrapKind::Page(fault))
}

/// Ends the single step that served a read of the shared user data page.
fn end_step(interrupted: &mut Interrupted<'_>) -> bool {
    let Some(step) = PENDING_STEP.take() else { return false };
    let now = interrupted.registers().general[step.register];
    let restore = match step.restore {
        Restore::Always => true,
        Restore::IfUnchanged => now == step.moved,
        Restore::Never => false,
    };
    if restore {
        interrupted.set_general(step.register, now.wrapping_sub(emulate::SHARED_USER_DATA_DISTANCE));
    }
    interrupted.set(libc::REG_EFL, interrupted.get(libc::REG_EFL) & !TRAP_FLAG);
    true
}

/// Carries out an instruction that user mode may not execute and a kernel would, or says what it is.
fn on_refused(interrupted: &mut Interrupted<'_>, registers: &Registers, cause: &Cause) -> Option<TrapKind> {
    let bytes = instruction_bytes(registers.instruction);
    match emulate::refused(&bytes, registers, cause.error) {
        Refused::ReadLevel(register) => {
            interrupted.set_general(register, fiber::with_kernel_held(|kernel| u64::from(kernel.irql())));
            interrupted.skip(CONTROL_REGISTER_MOVE);
            None
        }
        Refused::WriteLevel(level) if level <= 15 => {
            fiber::with_kernel_held(|kernel| kernel.set_irql(level as u8));
            interrupted.skip(CONTROL_REGISTER_MOVE);
            None
        }
        // A real processor refuses reserved bits of cr8, too.
        Refused::WriteLevel(_) => Some(TrapKind::PrivilegedInstruction),
        Refused::ReadTimeStamp { with_processor } => {
            let stamp = fiber::with_kernel_held(|kernel| kernel.time_stamp());
            interrupted.set_general(register::RAX, stamp & 0xFFFF_FFFF);
            interrupted.set_general(register::RDX, stamp >> 32);
            if with_processor {
                let number = fiber::with_kernel_held(|kernel| kernel.processor());
                interrupted.set_general(register::RCX, u64::from(number.0));
            }
            interrupted.skip(if with_processor { 3 } else { 2 });
            None
        }
        Refused::SoftwareInterrupt(vector @ (0x2E | 0x80)) => {
            let _ = vector;
            Some(TrapKind::SystemCall(registers.general[register::RAX]))
        }
        Refused::SoftwareInterrupt(vector) => Some(TrapKind::SoftwareInterrupt(vector)),
        Refused::Privileged => Some(TrapKind::PrivilegedInstruction),
        Refused::NonCanonical(fault) => Some(TrapKind::Page(fault)),
        Refused::Misaligned(address) => Some(TrapKind::Misaligned(address)),
        Refused::Other => Some(TrapKind::Other(cause.number)),
    }
}

/// The length of a move from or to cr8.
const CONTROL_REGISTER_MOVE: u64 = 4;

/// The bytes at an instruction: up to 15, fewer where a page that can't be read begins.
fn instruction_bytes(instruction: u64) -> Vec<u8> {
    let start = VirtualAddress(instruction);
    let to_page_end = PAGE_SIZE.0 - start.page_offset().0;
    let mut bytes = vec![0; 15];
    if guarded::read(start, &mut bytes).is_ok() {
        return bytes;
    }
    bytes.truncate(Bytes(to_page_end.min(15)).as_usize());
    if guarded::read(start, &mut bytes).is_err() {
        bytes.clear();
    }
    bytes
}

/// Passes a signal on to the other processors, unless it was passed on to this one.
fn pass_on(signal: i32, info: *mut libc::siginfo_t) {
    // SAFETY: SA_SIGINFO handlers get a live structure.
    let was_passed_on = unsafe { (*info).si_code } == libc::SI_TKILL;
    if !was_passed_on {
        processors::pass_on(signal);
    }
}

extern "C" fn on_interrupt(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    clear_flags();
    pass_on(signal, info);
    // SAFETY: this is such a handler.
    let mut interrupted = unsafe { Interrupted::of(context) };
    let registers = interrupted.registers();
    if fiber::is_running() && is_between_instructions(&registers) {
        WATCH.set(None);
        let registers = Registers { flags: registers.flags & !TRAP_FLAG, ..registers };
        interrupted.summon(Summons::TimeOver, registers);
    } else {
        fiber::interrupt_import();
    }
}

extern "C" fn on_tick(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    clear_flags();
    pass_on(signal, info);
    // SAFETY: this is such a handler.
    let mut interrupted = unsafe { Interrupted::of(context) };
    let registers = interrupted.registers();
    // A watch whose single step the driver has taken away itself is over.
    let is_watched = WATCH.get().is_some() && registers.flags & TRAP_FLAG != 0;
    if fiber::is_running() && is_between_instructions(&registers) && !is_watched {
        WATCH.set(Some(Watch::from(registers)));
        interrupted.set(libc::REG_EFL, registers.flags | TRAP_FLAG);
    }
}

/// Whether driver code was interrupted where it may be taken off its processor.
fn is_between_instructions(registers: &Registers) -> bool {
    ARENA.contains(VirtualAddress(registers.instruction))
        && !gate::owns(registers.instruction)
        && PENDING_STEP.get().is_none()
}
