#![expect(unsafe_code, reason = "switches stacks between fibers, and between host and driver code")]
//! A flow of control in driver code, with a kernel stack for the driver and a host stack for the machine's routines.
//!
//! [`Fiber::call`] runs a routine of the driver's on the kernel stack; what the driver calls is served on the host stack
//! (the module `gate` has the ways between them). Calls may nest: an import may call the driver back, and so may
//! the machine after a trap. A fiber is suspended only in host code, by going on with another one
//! ([`KernelFiber::switch_to`]), so a routine of the machine that waits simply does not return for a while.
//!
//! # What this module promises
//! - Driver registers that the Windows calling convention preserves are preserved over an import.
//! - A call is given up only from a gate, after its Rust frames have returned: so no Rust frame is ever skipped.
//! - Calls may nest; each level has its own place on the host stack.

use crate::gate::{self, FullFrame, ImportFrame};
use crate::layout::{self, ARENA, Window};
use crate::sanitizer::Watched;
use crate::{HostError, arena, giant, guarded, host_stack, words};
use host_stack::HostStack;
use ntpool_machine::{
    Access, DriverMemory, Exit, Fault, Fiber, FullRegisters, MOST_ARGUMENTS, Registers, Trap, TrapKind,
    register,
};
use ntpool_memory::Protection;
use ntpool_types::{Bytes, PAGE_SIZE, ProcessorNumber, VirtualAddress};
use std::cell::Cell;
use std::convert::Infallible;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

pub use crate::gate::{THUNK_SIZE, thunk};

/// How driver code goes on that arrived at the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Behind the call of an import, with this value.
    Return(u64),
    /// With these registers.
    Resume(Box<FullRegisters>),
    /// Not at all: the call is given up, and the machine knows why.
    Stop,
    /// Not at all: the trap that it met ends the call.
    Unserved,
}

/// What the host asks of the machine while driver code runs.
///
/// Every method is called on the fiber that called [`Fiber::call`], while that call waits.
pub trait Kernel {
    /// Carries out the import bound under `index`, called with these registers.
    fn import(&self, index: u32, registers: &Registers) -> Verdict;

    /// Decides what becomes of driver code that trapped. It is called on the host stack, and may call driver code.
    fn trap(&self, trap: &Trap) -> Verdict {
        let _ = trap;
        Verdict::Unserved
    }

    /// Takes note that driver code was interrupted by the clock ([`ticks`](crate::ticks)); it goes on with the registers it
    /// had, or not at all.
    ///
    /// `turns` says that it turns in a loop in which no register changes, and that it was interrupted where every run would
    /// interrupt it.
    fn tick(&self, registers: &Registers, turns: bool) -> Verdict {
        let _ = (registers, turns);
        Verdict::Unserved
    }

    /// The thread that holds the machine now is this processor. Called where processors are threads only.
    fn run_as(&self, processor: ProcessorNumber) {
        let _ = processor;
    }

    /// The processor's level, which driver code may read from cr8.
    fn irql(&self) -> u8;

    /// Sets the processor's level, as a write to cr8 does.
    fn set_irql(&self, level: u8);

    /// The time stamp counter.
    fn time_stamp(&self) -> u64;

    /// Takes note that driver code reads a clock that lies in memory.
    fn clock_is_read(&self) {}

    /// The processor that runs.
    fn processor(&self) -> ProcessorNumber {
        ProcessorNumber(0)
    }

    /// Serves a page fault, if it can: whether the instruction may be tried again.
    ///
    /// With registers it is driver code's. Without, it is one on paged pool in the midst of the machine's own work, in a
    /// guarded copy for example: nothing that a routine of the machine may be using must be touched then.
    fn page_fault(&self, fault: &Fault, registers: Option<&Registers>) -> bool {
        let _ = (fault, registers);
        false
    }
}

/// Set by the signal that asks driver code to stop, cleared when a call has been given up for it.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What belongs to a call into driver code, on that call's own frame.
struct KernelSlot {
    kernel: *const (dyn Kernel + 'static),
    exit: Cell<Option<Exit>>,
    /// The kernel stack that it runs on.
    stack: Window,
    /// Where that stack begins for it: what lies above is not its.
    top: u64,
    /// The driver's stack pointer while it waits for the machine: what lies above belongs to the driver.
    stack_pointer: Cell<u64>,
    /// How driver code arrived at the machine that it waits for.
    arrival: Cell<Arrival>,
    /// How it shall go on, while it does.
    departure: Cell<Option<FullFrame>>,
    outer: *const KernelSlot,
}

/// How driver code arrived at the machine.
#[derive(Clone, Copy)]
enum Arrival {
    /// It has not: it runs.
    Running,
    /// By calling an import.
    Import(*const ImportFrame),
    /// By a trap, or by a signal from outside.
    Trap(*const FullFrame),
}

/// Why a signal handler sends driver code to the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Summons {
    /// It trapped.
    Trap(TrapKind),
    /// The host's clock ticked.
    Tick {
        /// Whether it turns in a loop that only waits.
        turns: bool,
    },
    /// Its time is over.
    TimeOver,
}

/// A fiber's record, which stays where it is for as long as the fiber is.
pub(crate) struct Record {
    kernel_stack: Window,
    /// The stack for host code; `None` for a fiber on the stack that Linux gave its thread.
    host_stack: Option<HostStack>,
    /// Where host code was left, while the fiber is suspended.
    saved_stack_pointer: Cell<u64>,
    /// What the word of the host's stack is for this fiber, while it is suspended.
    saved_host_word: Cell<u64>,
    /// The innermost call into driver code.
    slot: Cell<*const KernelSlot>,
    /// Why a signal handler sent driver code to the trap gate.
    summons: Cell<Option<Summons>>,
    watched: Cell<Watched>,
    /// Below this address on its host stack no more calls into driver code are made.
    host_floor: u64,
    /// What the fiber is for, before it runs the first time.
    main: Cell<Option<Box<dyn FnOnce() -> Infallible>>>,
}

/// The gate's continuation in Rust: 0 returns to the driver, 1 gives the call up, anything else is the frame to go on with.
///
/// # Safety
/// 1. `frame` is one that the gate has just laid out on the host stack, and nobody else knows it.
pub(crate) unsafe extern "sysv64" fn serve_import(index: u32, frame: *mut ImportFrame) -> u64 {
    giant::enter();
    // SAFETY: the caller's promise 1; the gate reads it only after this function has returned.
    let registers = unsafe { (*frame).registers() };
    slot(|slot| {
        slot.stack_pointer.set(registers.stack_pointer() - 8);
        slot.arrival.set(Arrival::Import(frame));
    });
    let verdict = with_kernel(|kernel| kernel.import(index, &registers));
    let interrupted = take_interrupt();
    match verdict {
        Verdict::Return(_) | Verdict::Resume(_) if interrupted => give_up(Exit::InterruptedInCall(registers)),
        Verdict::Return(value) => {
            // SAFETY: as above.
            unsafe { (*frame).set_result(value) };
            slot(|slot| slot.arrival.set(Arrival::Running));
            giant::leave();
            RETURN
        }
        Verdict::Resume(full) => go_on(&full),
        Verdict::Stop | Verdict::Unserved => give_up(Exit::Stopped),
    }
}

/// What the gates do with driver code, beside going on with a frame whose address is told.
const RETURN: u64 = 0;
const GIVE_UP: u64 = 1;

fn give_up(exit: Exit) -> u64 {
    slot(|slot| slot.exit.set(Some(exit)));
    GIVE_UP
}

/// Lets the innermost call go on with these registers.
fn go_on(full: &FullRegisters) -> u64 {
    let frame = slot(|slot| {
        slot.arrival.set(Arrival::Running);
        slot.departure.set(Some(FullFrame::new(full)));
        // The option's payload is read by the gate before anything else happens on this fiber.
        // SAFETY: it was set just now, and the slot lives until the call returns.
        let frame = unsafe { (*slot.departure.as_ptr()).as_ref() };
        ptr::from_ref(frame.expect("it was set just now")) as u64
    });
    giant::leave();
    frame
}

/// The trap gate's continuation in Rust: 1 gives the call up, anything else is the frame to go on with.
///
/// # Safety
/// 1. `frame` is what a signal handler has just laid out on the host stack, and nobody else knows it.
pub(crate) unsafe extern "sysv64" fn serve_trap(frame: *const FullFrame) -> u64 {
    giant::enter();
    // SAFETY: the caller's promise 1.
    let full = unsafe { (*frame).full() };
    let registers = full.registers;
    slot(|slot| {
        slot.stack_pointer.set(registers.stack_pointer());
        slot.arrival.set(Arrival::Trap(frame));
    });
    let summons = current().summons.take().expect("a signal handler says why it sends driver code here");
    let (verdict, otherwise) = match summons {
        Summons::TimeOver => (Verdict::Unserved, Some(Exit::Interrupted(registers))),
        Summons::Trap(kind) => {
            let trap = Trap { kind, registers };
            (with_kernel(|kernel| kernel.trap(&trap)), Some(Exit::Trapped(trap)))
        }
        Summons::Tick { turns } => (with_kernel(|kernel| kernel.tick(&registers, turns)), None),
    };
    match (verdict, otherwise) {
        (Verdict::Stop, _) => give_up(Exit::Stopped),
        _ if take_interrupt() => give_up(Exit::Interrupted(registers)),
        (Verdict::Resume(full), _) => go_on(&full),
        (_, Some(exit)) => give_up(exit),
        // As it was, to the last bit: the frame that the handler laid out has all of it.
        (_, None) => {
            slot(|slot| slot.arrival.set(Arrival::Running));
            giant::leave();
            frame as u64
        }
    }
}

/// The first routine of a fiber on a host stack of its own.
///
/// # Safety
/// 1. `record` is the address of the record of the fiber that begins.
pub(crate) unsafe extern "sysv64" fn main_routine(record: *const Record) -> ! {
    // SAFETY: the caller's promise 1; a fiber's record outlives its running.
    let main = unsafe { (*record).main.take() };
    match main.expect("a fiber begins once")() {}
}

fn current() -> &'static Record {
    let record = words::fiber() as *const Record;
    assert!(!record.is_null(), "driver code runs on fibers only");
    // SAFETY: the word holds the address of the running fiber's record, which lives for as long as it runs; the reference
    // is used at once and kept by nobody.
    unsafe { &*record }
}

/// The innermost call of the running fiber.
fn innermost() -> *const KernelSlot {
    if words::fiber() == 0 { ptr::null() } else { current().slot.get() }
}

fn slot<R>(use_it: impl FnOnce(&KernelSlot) -> R) -> R {
    let slot = innermost();
    assert!(!slot.is_null(), "driver code runs only inside a fiber's call");
    // SAFETY: `KernelFiber::call` keeps the slot alive on its own frame while the pointer is set.
    use_it(unsafe { &*slot })
}

/// Lets the innermost call's machine do something.
pub(crate) fn with_kernel<R>(use_it: impl FnOnce(&dyn Kernel) -> R) -> R {
    // SAFETY: `KernelFiber::call` borrows the machine for as long as the slot exists.
    let kernel = slot(|slot| unsafe { &*slot.kernel });
    use_it(kernel)
}

/// Lets the innermost call's machine do something for driver code that runs, and so does not hold the machine.
pub(crate) fn with_kernel_held<R>(use_it: impl FnOnce(&dyn Kernel) -> R) -> R {
    giant::enter();
    let result = with_kernel(use_it);
    giant::leave();
    result
}

/// Whether driver code is running on this fiber or waiting for the machine.
pub(crate) fn is_running() -> bool {
    !innermost().is_null()
}

/// Prepares for driver code to arrive at the trap gate with these registers: the stack pointer to go there with.
///
/// `state` is what the signal's frame holds of the floating-point and vector units, and which parts of it.
pub(crate) fn summon(summons: Summons, full: &FullRegisters, state: Option<(&[u8], u64)>) -> u64 {
    current().summons.set(Some(summons));
    let top = words::host_stack();
    let (area, features) = match state {
        // The processor wants it at a multiple of 64.
        Some((bytes, features)) => ((top - bytes.len() as u64) & !0x3F, features),
        None => (0, 0),
    };
    let frame = (if area == 0 { top } else { area } - size_of::<FullFrame>() as u64) & !0xF;
    // SAFETY: the fiber is in driver code, so nothing of the host's lies below the word on its host stack, which has
    // room for a frame and the state; the handler that calls this runs on another stack.
    unsafe {
        if let Some((bytes, _)) = state {
            ptr::copy_nonoverlapping(bytes.as_ptr(), area as *mut u8, bytes.len());
        }
        ptr::write(frame as *mut FullFrame, FullFrame::new(full).with_extended(area, features));
    }
    frame
}

/// Asks for the fiber to be given up at the end of the import that is being served.
pub(crate) fn interrupt_import() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Whether driver code was asked to stop since this was last asked. Who is told has to stop it.
pub fn take_interrupt() -> bool {
    INTERRUPTED.swap(false, Ordering::Relaxed)
}

/// A run of driver frames on the running fiber, between the machine's call that began it and the driver's arrival at the
/// machine that ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where its stack begins: its frames lie below.
    pub top: VirtualAddress,
    /// The stack that it lies on.
    pub stack: Window,
    /// The driver's registers where it had arrived at the machine that then made this call; `None` for the fiber's first, and for one
    /// on another stack, which interrupted what the fiber was doing.
    pub caller: Option<FullRegisters>,
}

/// The segments of the running fiber, the innermost at depth 0.
#[must_use]
pub fn segment(depth: usize) -> Option<Segment> {
    let mut slot = innermost();
    for _ in 0..depth {
        // SAFETY: slots live while their calls do, and an outer call outlives an inner one.
        slot = unsafe { slot.as_ref()? }.outer;
    }
    // SAFETY: as above.
    let slot = unsafe { slot.as_ref()? };
    // SAFETY: as above. A call on another stack interrupted the outer one: its frames are nobody's callers.
    let caller = unsafe { slot.outer.as_ref() }
        .filter(|outer| outer.stack == slot.stack)
        .and_then(KernelSlot::arrived);
    Some(Segment { top: VirtualAddress(slot.top), stack: slot.stack, caller })
}

/// The registers with which driver code of the running fiber arrived at the machine; `None` when it has not.
#[must_use]
pub fn arrival() -> Option<FullRegisters> {
    // SAFETY: as in `segment`.
    unsafe { innermost().as_ref() }.and_then(KernelSlot::arrived)
}

/// Takes bytes of the driver's stack below all that it uses, aligned to 16; calls into the driver lie below them until
/// driver code goes on.
#[must_use]
pub fn reserve(size: Bytes) -> VirtualAddress {
    slot(|slot| {
        let bottom = slot.stack_pointer.get().wrapping_sub(size.0) & !0xF;
        slot.stack_pointer.set(bottom);
        VirtualAddress(bottom)
    })
}

impl KernelSlot {
    fn arrived(&self) -> Option<FullRegisters> {
        match self.arrival.get() {
            Arrival::Running => None,
            // SAFETY: frames lie on the host stack until driver code goes on, which clears this.
            Arrival::Import(frame) => Some(unsafe { (*frame).full() }),
            // SAFETY: as above.
            Arrival::Trap(frame) => Some(unsafe { (*frame).full() }),
        }
    }
}

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
pub struct KernelFiber {
    record: Box<Record>,
}

/// What untouched stack memory holds, so that the deepest use can be told afterwards.
const STACK_PAINT: u8 = 0xDB;

/// Makes a kernel stack, which is mapped and writable, look untouched.
///
/// # Errors
/// When it is not mapped and writable.
pub fn paint_stack(stack: Window) -> Result<(), HostError> {
    guarded::fill(stack.base, stack.size, STACK_PAINT)
        .map_err(|fault| HostError::plain(format!("write a new kernel stack at {}", fault.address)))
}

/// The most bytes of a kernel stack that have been used since it was painted.
#[must_use]
pub fn stack_used(stack: Window) -> u64 {
    let mut page = [0; PAGE_SIZE.0 as usize];
    for start in (stack.base.0..stack.end().0).step_by(page.len()) {
        if guarded::read(VirtualAddress(start), &mut page).is_err() {
            return stack.size.0;
        }
        if let Some(offset) = page.iter().position(|&byte| byte != STACK_PAINT) {
            return stack.end().0 - (start + offset as u64);
        }
    }
    0
}

impl KernelFiber {
    /// The fiber of the calling thread of Linux, on a kernel stack that is mapped and writable.
    ///
    /// # Errors
    /// When it is not.
    pub fn new(stack: Window) -> Result<KernelFiber, HostError> {
        paint_stack(stack)?;
        Ok(KernelFiber { record: Box::new(Record::new(stack, None, None)) })
    }

    /// A fiber that runs `main` on a host stack of its own when it is first switched to. What `main` does at its end is
    /// switch to another fiber, and never come back.
    ///
    /// # Errors
    /// When the kernel stack is not mapped and writable, or Linux has no memory for the host stack.
    pub fn with_routine(
        stack: Window,
        main: Box<dyn FnOnce() -> Infallible>,
    ) -> Result<KernelFiber, HostError> {
        paint_stack(stack)?;
        let host_stack = HostStack::new()?;
        let fiber = KernelFiber { record: Box::new(Record::new(stack, Some(host_stack), Some(main))) };
        let record = ptr::from_ref::<Record>(&fiber.record) as u64;
        let host_stack = fiber.record.host_stack.as_ref().expect("it was given one just now");
        fiber.record.saved_stack_pointer.set(host_stack.push_words(&gate::new_stack_words(record)));
        Ok(fiber)
    }

    /// The addresses of its kernel stack.
    #[must_use]
    pub fn stack(&self) -> Window {
        self.record.kernel_stack
    }

    /// The registers with which driver code of this fiber arrived at the machine; `None` when it has not.
    #[must_use]
    pub fn arrival(&self) -> Option<FullRegisters> {
        // SAFETY: as in `segment`; a suspended fiber's calls stay where they are.
        unsafe { self.record.slot.get().as_ref() }.and_then(KernelSlot::arrived)
    }

    /// The fiber, with the machine that serves it.
    #[must_use]
    pub fn served_by<'a>(&'a self, kernel: &'a dyn Kernel) -> ServedFiber<'a> {
        ServedFiber { fiber: self, kernel }
    }

    /// Makes it the running fiber of the calling thread of Linux, whose stack it is on.
    ///
    /// # Panics
    /// For a fiber with a host stack of its own.
    pub fn begin(&self) {
        assert!(self.record.host_stack.is_none(), "a fiber with a stack of its own begins by a switch");
        words::set_fiber(ptr::from_ref::<Record>(&self.record) as u64);
    }

    /// Whether it is the one that runs.
    #[must_use]
    pub fn is_current(&self) -> bool {
        words::fiber() == ptr::from_ref::<Record>(&self.record) as u64
    }

    /// Suspends the running fiber and goes on with this one; returns when somebody switches back.
    ///
    /// # Panics
    /// When no fiber runs on this thread.
    #[inline(never)]
    pub fn switch_to(&self) {
        if self.is_current() {
            return;
        }
        let from = current();
        from.saved_host_word.set(words::host_stack());
        words::set_fiber(ptr::from_ref::<Record>(&self.record) as u64);
        words::set_host_stack(self.record.saved_host_word.get());
        self.record.watched.get().goes_on();
        // SAFETY: a fiber that does not run was left by this very function, or has the stack that `with_routine` laid
        // out; nothing runs on its stack, since it is not the running one.
        unsafe {
            gate::switch_stacks(from.saved_stack_pointer.as_ptr(), self.record.saved_stack_pointer.get())
        };
    }

    /// Calls a routine of the driver's on this fiber, which must be the running one, or one of the calling thread's own.
    ///
    /// On its own kernel stack, or on another one that nothing uses but nested calls: each call goes below what is in
    /// use.
    pub fn call_on(
        &self,
        kernel: &dyn Kernel,
        stack: Window,
        routine: VirtualAddress,
        arguments: &[u64],
    ) -> Exit {
        let before = words::fiber();
        let own = ptr::from_ref::<Record>(&self.record) as u64;
        if before != own {
            assert!(self.record.host_stack.is_none(), "driver code is called on the running fiber");
            words::set_fiber(own);
        }
        let exit = self.call(kernel, stack, routine, arguments);
        if before != own {
            words::set_fiber(before);
        }
        exit
    }

    fn call(&self, kernel: &dyn Kernel, stack: Window, routine: VirtualAddress, arguments: &[u64]) -> Exit {
        if !ARENA.contains(routine) {
            return no_code_at(routine);
        }
        let kernel: *const dyn Kernel = kernel;
        // SAFETY: only the lifetime changes; the pointer is dropped before this call returns.
        let kernel =
            unsafe { std::mem::transmute::<*const dyn Kernel, *const (dyn Kernel + 'static)>(kernel) };
        if !self.record.has_room() {
            // The machine's own stack counts as the driver's: nested calls like these have no end.
            let below = VirtualAddress(stack.base.0 - 8);
            return overflowed(
                routine,
                Fault { address: below, access: Access::Write, non_canonical: false },
            );
        }
        let (in_registers, top) = match push_arguments(self.free_top(stack), arguments) {
            Ok(pushed) => pushed,
            Err(fault) => return overflowed(routine, fault),
        };
        let slot = KernelSlot {
            kernel,
            exit: Cell::new(None),
            stack,
            top,
            stack_pointer: Cell::new(top),
            arrival: Cell::new(Arrival::Running),
            departure: Cell::new(None),
            outer: self.record.slot.get(),
        };
        self.record.slot.set(&raw const slot);
        giant::leave();
        // SAFETY: the stack is for this fiber's calls, and the frame that was just written on it says that it is mapped and
        // writable from the return address up; `enter` comes back once, whatever the routine does, because a trap in
        // driver code that nobody serves ends at the label behind the call.
        let left = unsafe { gate::enter(routine.0, &raw const in_registers, top) };
        if left.abandoned == 0 {
            // A call that is given up has come back by a gate, which holds the lock.
            giant::enter();
        }
        self.record.slot.set(slot.outer);
        match left.abandoned {
            0 => Exit::Returned(left.value),
            _ => slot.exit.take().expect("a fiber is given up for a reason"),
        }
    }

    /// Where a call's stack begins: at the top, or below what the driver uses of it already.
    fn free_top(&self, stack: Window) -> u64 {
        let mut slot = self.record.slot.get();
        // SAFETY: slots live while their calls do, and an outer call outlives an inner one.
        while let Some(call) = unsafe { slot.as_ref() } {
            let inner = call.stack_pointer.get();
            if call.stack == stack {
                if stack.contains(VirtualAddress(inner)) {
                    return inner & !0xF;
                }
                break;
            }
            slot = call.outer;
        }
        stack.end().0
    }
}

impl Drop for KernelFiber {
    fn drop(&mut self) {
        if self.is_current() {
            words::set_fiber(0);
        }
    }
}

/// How much of the stack that Linux gave a thread calls into driver code may use, of 2 MiB at least.
const OWN_STACK_USE: u64 = 1 << 20;

impl Record {
    /// Whether the host stack has room for another call into driver code.
    fn has_room(&self) -> bool {
        let here = 0_u8;
        (&raw const here) as u64 > self.host_floor
    }

    fn new(
        kernel_stack: Window,
        host_stack: Option<HostStack>,
        main: Option<Box<dyn FnOnce() -> Infallible>>,
    ) -> Record {
        let watched = if host_stack.is_some() { Watched::new() } else { Watched::own() };
        let here = ptr::from_ref(&watched) as u64;
        let host_floor = host_stack.as_ref().map_or(here.saturating_sub(OWN_STACK_USE), HostStack::floor);
        Record {
            kernel_stack,
            host_stack,
            saved_stack_pointer: Cell::new(0),
            saved_host_word: Cell::new(0),
            slot: Cell::new(ptr::null()),
            summons: Cell::new(None),
            watched: Cell::new(watched),
            host_floor,
            main: Cell::new(main),
        }
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
        self.fiber.call_on(self.kernel, self.fiber.stack(), routine, arguments)
    }

    fn stack_used(&self) -> u64 {
        stack_used(self.fiber.stack())
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
