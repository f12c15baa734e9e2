//! Native code on a fiber, without a driver: hand-made instructions, and what the host makes of them.
#![forbid(unsafe_code)]

use ntpool_host::fiber::{self, Kernel, KernelFiber, Verdict};
use ntpool_host::layout::{IMAGES, SHARED_USER_DATA, SHARED_USER_DATA_SHADOW, Window, kernel_stack};
use ntpool_host::{arena, guarded, processor_area, trap};
use ntpool_machine::{Access, Exit, Fault, Fiber, FullRegisters, Registers, Trap, TrapKind, register};
use ntpool_memory::Protection;
use ntpool_types::{Bytes, PAGE_SIZE, ProcessorNumber, VirtualAddress};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// Where the tests put their code.
const CODE: Window = Window { base: IMAGES.base, size: PAGE_SIZE };
/// Where the thunks are.
const THUNKS: VirtualAddress = VirtualAddress(IMAGES.base.0 + 0x10_0000);
const STACK_SIZE: Bytes = Bytes::kib(24);

/// The arena, prepared once; one test at a time has it.
static ARENA: LazyLock<Mutex<()>> = LazyLock::new(|| {
    arena::reserve().unwrap();
    processor_area::prepare(2).unwrap();
    processor_area::become_processor(ProcessorNumber(0), VirtualAddress(0x1234)).unwrap();
    fiber::place_thunks(THUNKS, 4).unwrap();
    let stack = kernel_stack(0, STACK_SIZE);
    arena::map_anonymous(stack.base, stack.size, Protection::ReadWrite).unwrap();
    Mutex::new(())
});

/// A fiber on fresh code, for one test.
struct World {
    fiber: KernelFiber,
    _alone: MutexGuard<'static, ()>,
}

impl World {
    fn with_code(code: &[u8]) -> World {
        let alone = ARENA.lock().unwrap_or_else(PoisonError::into_inner);
        trap::install(|signal, at, address| {
            panic!("host hit by {signal} at {at:#x}, accessing {address:#x}")
        })
        .unwrap();
        arena::map_anonymous(CODE.base, CODE.size, Protection::ReadWrite).unwrap();
        guarded::write(CODE.base, code).unwrap();
        arena::protect(CODE.base, CODE.size, Protection::ReadExecute).unwrap();
        World { fiber: KernelFiber::new(kernel_stack(0, STACK_SIZE)).unwrap(), _alone: alone }
    }

    fn call<const N: usize>(&self, kernel: &dyn Kernel, arguments: [u64; N]) -> Exit {
        self.fiber.served_by(kernel).call(CODE.base, &arguments)
    }

    fn trap(&self) -> Trap {
        match self.call(&Plain::default(), [0; 4]) {
            Exit::Trapped(trap) => trap,
            other => panic!("{other:?}"),
        }
    }
}

/// A machine that does little: it answers imports with a fixed value.
#[derive(Default)]
struct Plain {
    answer: Cell<u64>,
    stop: Cell<bool>,
    level: Cell<u8>,
    seen: RefCell<Vec<(u32, Registers)>>,
}

impl Kernel for Plain {
    fn import(&self, index: u32, registers: &Registers) -> Verdict {
        self.seen.borrow_mut().push((index, *registers));
        if self.stop.get() { Verdict::Stop } else { Verdict::Return(self.answer.get()) }
    }

    fn irql(&self) -> u8 {
        self.level.get()
    }

    fn set_irql(&self, level: u8) {
        self.level.set(level);
    }

    fn time_stamp(&self) -> u64 {
        0x1_0000_0002
    }
}

/// What a machine with a [`Plain`] one inside leaves to it.
macro_rules! the_rest_as_plain {
    () => {
        fn irql(&self) -> u8 {
            self.inner.irql()
        }

        fn set_irql(&self, level: u8) {
            self.inner.set_irql(level);
        }

        fn time_stamp(&self) -> u64 {
            self.inner.time_stamp()
        }
    };
}

/// `mov rax, address; call rax`.
fn call_to(address: u64) -> Vec<u8> {
    let mut code = vec![0x48, 0xB8];
    code.extend(address.to_le_bytes());
    code.extend([0xFF, 0xD0]);
    code
}

fn thunk(index: u64) -> u64 {
    THUNKS.0 + index * fiber::THUNK_SIZE as u64
}

/// A routine that calls the first thunk with what it was given, and returns what that gave.
fn forwarding(index: u64) -> Vec<u8> {
    let mut code = vec![0x48, 0x83, 0xEC, 0x28];
    code.extend(call_to(thunk(index)));
    code.extend([0x48, 0x83, 0xC4, 0x28, 0xC3]);
    code
}

#[test]
fn a_routine_gets_its_four_arguments_and_returns_its_value() {
    // lea rax, [rcx+rdx]; add rax, r8; add rax, r9; ret
    let world = World::with_code(&[0x48, 0x8D, 0x04, 0x11, 0x4C, 0x01, 0xC0, 0x4C, 0x01, 0xC8, 0xC3]);
    assert_eq!(world.call(&Plain::default(), [1, 20, 300, 4000]), Exit::Returned(4321));
}

#[test]
fn arguments_from_the_fifth_on_lie_above_the_home_space_of_the_first_four() {
    // xor eax, eax; add rax, [rsp+0x28] and so on, for as many arguments as there are: the sum tells each one's place
    let on_stack = [5, 60, 700, 8000];
    for count in 1..=4_usize {
        let mut code = vec![0x31, 0xC0];
        for place in 0..count {
            code.extend([0x48, 0x03, 0x44, 0x24, 0x28 + 8 * place as u8]);
        }
        code.push(0xC3);
        let world = World::with_code(&code);
        let mut arguments = vec![1, 2, 3, 4];
        arguments.extend(&on_stack[..count]);
        let exit = world.fiber.served_by(&Plain::default()).call(CODE.base, &arguments);
        assert_eq!(exit, Exit::Returned(on_stack[..count].iter().sum()), "{count} on the stack");
    }
}

#[test]
fn five_to_eight_arguments_each_arrive_at_an_aligned_entry() {
    // lea rax, [rsp+8]; ret: the stack pointer before the call
    let world = World::with_code(&[0x48, 0x8D, 0x44, 0x24, 0x08, 0xC3]);
    let end = kernel_stack(0, STACK_SIZE).end().0;
    let entry = |arguments: &[u64]| world.fiber.served_by(&Plain::default()).call(CODE.base, arguments);
    for (count, on_stack) in [(0, 0), (4, 0), (5, 0x10), (6, 0x10), (7, 0x20), (8, 0x20)] {
        let arguments: Vec<u64> = (1..=count).collect();
        assert_eq!(entry(&arguments), Exit::Returned(end - on_stack - 0x20), "{count} arguments");
    }
}

#[test]
fn eight_arguments_do_not_disturb_the_first_four() {
    // lea rax, [rcx+rdx]; add rax, r8; add rax, r9; sub rax, [rsp+0x40]; ret
    let code =
        [0x48, 0x8D, 0x04, 0x11, 0x4C, 0x01, 0xC0, 0x4C, 0x01, 0xC8, 0x48, 0x2B, 0x44, 0x24, 0x40, 0xC3];
    let world = World::with_code(&code);
    assert_eq!(world.call(&Plain::default(), [1, 20, 300, 4000, 0, 0, 0, 321]), Exit::Returned(4000));
}

#[test]
#[should_panic(expected = "a call of 9 arguments")]
fn nine_arguments_are_the_hosts_own_mistake() {
    World::with_code(&[0xC3]).call(&Plain::default(), [0; 9]);
}

#[test]
fn an_import_gets_the_registers_and_the_driver_its_answer() {
    let world = World::with_code(&forwarding(2));
    let kernel = Plain::default();
    kernel.answer.set(77);
    assert_eq!(world.call(&kernel, [5, 6, 7, 8]), Exit::Returned(77));
    let seen = kernel.seen.borrow();
    let [(2, registers)] = seen[..] else { panic!("{seen:?}") };
    let arguments =
        [register::RCX, register::RDX, register::R8, register::R9].map(|number| registers.general[number]);
    assert_eq!(arguments, [5, 6, 7, 8]);
    assert_eq!(registers.instruction, CODE.base.0 + 16, "where the call returns to");
    assert_eq!(registers.stack_pointer(), kernel_stack(0, STACK_SIZE).end().0 - 0x20 - 8 - 0x28);
}

#[test]
fn registers_that_the_convention_preserves_survive_an_import() {
    // push rdi; push rsi; sub rsp, 0x28; mov edi, 0x11; mov esi, 0x22; movq xmm6, rdi; call the import;
    // movq rax, xmm6; add rax, rdi; add rax, rsi; add rsp, 0x28; pop rsi; pop rdi; ret
    let mut code = vec![0x57, 0x56, 0x48, 0x83, 0xEC, 0x28, 0xBF, 0x11, 0, 0, 0, 0xBE, 0x22, 0, 0, 0];
    code.extend([0x66, 0x48, 0x0F, 0x6E, 0xF7]);
    code.extend(call_to(thunk(0)));
    code.extend([0x66, 0x48, 0x0F, 0x7E, 0xF0, 0x48, 0x01, 0xF8, 0x48, 0x01, 0xF0]);
    code.extend([0x48, 0x83, 0xC4, 0x28, 0x5E, 0x5F, 0xC3]);
    let world = World::with_code(&code);
    assert_eq!(world.call(&Plain::default(), [0; 4]), Exit::Returned(0x11 + 0x11 + 0x22));
}

#[test]
fn an_import_that_stops_gives_the_fiber_up_and_the_next_call_starts_afresh() {
    let world = World::with_code(&forwarding(1));
    let kernel = Plain::default();
    kernel.stop.set(true);
    assert_eq!(world.call(&kernel, [0; 4]), Exit::Stopped);
    kernel.stop.set(false);
    kernel.answer.set(9);
    assert_eq!(world.call(&kernel, [0; 4]), Exit::Returned(9));
}

/// A machine whose import calls the driver back, once.
struct Recursive<'a> {
    fiber: &'a KernelFiber,
    inner: Plain,
    depth: Cell<u32>,
}

impl Kernel for Recursive<'_> {
    fn import(&self, _: u32, registers: &Registers) -> Verdict {
        self.depth.set(self.depth.get() + 1);
        if self.depth.get() > 1 {
            return Verdict::Return(1000 + registers.general[register::RCX]);
        }
        match self.fiber.served_by(self).call(CODE.base, &[5]) {
            Exit::Returned(value) => Verdict::Return(value + 1),
            other => panic!("{other:?}"),
        }
    }

    the_rest_as_plain!();
}

#[test]
fn an_import_may_call_the_driver_back_below_the_frames_that_are_there() {
    let world = World::with_code(&forwarding(0));
    let kernel = Recursive { fiber: &world.fiber, inner: Plain::default(), depth: Cell::new(0) };
    assert_eq!(world.call(&kernel, [0; 4]), Exit::Returned(1006));
}

/// A machine whose inner import gives its call up for the outer one's caller to go on, as an unwind does.
struct Unwinding<'a> {
    fiber: &'a KernelFiber,
    inner: Plain,
    told: RefCell<Vec<&'static str>>,
}

/// A frame of the machine's that something depends on.
struct Frame<'a>(&'a RefCell<Vec<&'static str>>);

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().push("the frame between was left");
    }
}

impl Kernel for Unwinding<'_> {
    fn import(&self, _: u32, _: &Registers) -> Verdict {
        if !self.told.borrow().is_empty() {
            self.told.borrow_mut().push("the inner call was given up");
            return Verdict::Stop;
        }
        self.told.borrow_mut().push("called back");
        let mut target = fiber::arrival().expect("it has just arrived");
        let frame = Frame(&self.told);
        assert_eq!(self.fiber.served_by(self).call(CODE.base, &[]), Exit::Stopped);
        drop(frame);
        target.registers.general[register::RAX] = 7;
        Verdict::Resume(Box::new(target))
    }

    the_rest_as_plain!();
}

#[test]
fn an_unwind_past_a_frame_of_the_machine_leaves_it_and_skips_none() {
    let world = World::with_code(&forwarding(0));
    let kernel = Unwinding { fiber: &world.fiber, inner: Plain::default(), told: RefCell::default() };
    assert_eq!(world.call(&kernel, []), Exit::Returned(7));
    let told = ["called back", "the inner call was given up", "the frame between was left"];
    assert_eq!(*kernel.told.borrow(), told);
    assert_eq!(fiber::segment_count(), 0);
}

/// A machine whose import calls the driver back where the stack may have no room, and keeps how that ended.
struct Cramped<'a> {
    fiber: &'a KernelFiber,
    inner: Plain,
    ended: Cell<Option<Exit>>,
}

impl Kernel for Cramped<'_> {
    fn import(&self, _: u32, _: &Registers) -> Verdict {
        self.ended.set(Some(self.fiber.served_by(self).call(CODE.base, &[0; 6])));
        Verdict::Stop
    }

    the_rest_as_plain!();
}

#[test]
fn a_call_back_for_which_the_stack_has_no_room_is_a_fault_on_the_guard_page() {
    // mov rsp, the lowest bytes of the stack; call the import
    let base = kernel_stack(0, STACK_SIZE).base.0;
    for room in [0x10, 0x18, 0x38] {
        let mut code = vec![0x48, 0xBC];
        code.extend((base + room).to_le_bytes());
        code.extend(call_to(thunk(0)));
        let world = World::with_code(&code);
        let kernel = Cramped { fiber: &world.fiber, inner: Plain::default(), ended: Cell::new(None) };
        assert_eq!(world.call(&kernel, []), Exit::Stopped);
        let Some(Exit::Trapped(Trap { kind: TrapKind::Page(fault), registers })) = kernel.ended.get() else {
            panic!("{:?} with {room:#x} bytes left", kernel.ended.get())
        };
        assert_eq!(fault.access, Access::Write);
        assert!((base - 0x1000..base).contains(&fault.address.0), "{fault:?}");
        assert_eq!(registers.instruction, CODE.base.0, "the routine that was to be called");
    }
}

#[test]
fn a_trap_says_what_and_where_with_the_registers_as_they_were() {
    let cases: [(&[u8], TrapKind); 7] = [
        (&[0x0F, 0x0B], TrapKind::IllegalInstruction),
        (&[0x31, 0xC0, 0x31, 0xC9, 0xF7, 0xF1], TrapKind::Divide),
        (&[0xCC], TrapKind::Breakpoint),
        (&[0xCD, 0x29], TrapKind::SoftwareInterrupt(0x29)),
        (&[0xCD, 0x2D], TrapKind::SoftwareInterrupt(0x2D)),
        (&[0xF4], TrapKind::PrivilegedInstruction),
        (&[0x0F, 0x22, 0xC0], TrapKind::PrivilegedInstruction),
    ];
    for (code, kind) in cases {
        // mov r12d, 0xABC first
        let mut whole = vec![0x41, 0xBC, 0xBC, 0x0A, 0, 0];
        whole.extend(code);
        let trap = World::with_code(&whole).trap();
        assert_eq!(trap.kind, kind, "{code:x?}");
        assert_eq!(trap.registers.general[12], 0xABC);
        let divide = if kind == TrapKind::Divide { 4 } else { 0 };
        assert_eq!(trap.registers.instruction, CODE.base.0 + 6 + divide, "{code:x?}");
    }
}

fn page_fault(code: &[u8]) -> Fault {
    match World::with_code(code).trap().kind {
        TrapKind::Page(fault) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bad_address_is_a_fault_with_its_access() {
    let at = |address, access| Fault { address: VirtualAddress(address), access, non_canonical: false };
    // mov eax, [0x18]; mov [0x18], eax; jmp 0
    assert_eq!(page_fault(&[0x8B, 0x04, 0x25, 0x18, 0, 0, 0]), at(0x18, Access::Read));
    assert_eq!(page_fault(&[0x89, 0x04, 0x25, 0x18, 0, 0, 0]), at(0x18, Access::Write));
    assert_eq!(page_fault(&[0x31, 0xC0, 0xFF, 0xE0]), at(0, Access::Execute));
    // lea rax, [rip]; mov [rax], al: the code is read-only
    let own = at(CODE.base.0 + 7, Access::Write);
    assert_eq!(page_fault(&[0x48, 0x8D, 0x05, 0, 0, 0, 0, 0x88, 0x00]), own);
}

#[test]
fn a_system_address_that_nothing_maps_is_a_fault_there() {
    // mov rax, 0xFFFFA00000001000; mov [rax], eax: Linux itself lives in that half.
    let mut code = vec![0x48, 0xB8];
    code.extend(0xFFFF_A000_0000_1000_u64.to_le_bytes());
    code.extend([0x89, 0x00]);
    let fault = page_fault(&code);
    assert_eq!((fault.address.0, fault.access), (0xFFFF_A000_0000_1000, Access::Write));
}

#[test]
fn a_non_canonical_address_is_found_through_any_base() {
    let bases: [(&[u8], &[u8]); 3] = [
        (&[0x48, 0xB8], &[0x8B, 0x00]),
        // rbp as base goes through the stack segment
        (&[0x48, 0xBD], &[0x8B, 0x45, 0x00]),
        (&[0x48, 0xBC], &[0x8B, 0x04, 0x24]),
    ];
    for (load, access) in bases {
        let mut code = load.to_vec();
        code.extend(0xDEAD_BEEF_0000_0000_u64.to_le_bytes());
        code.extend(access);
        let fault = page_fault(&code);
        assert_eq!(fault.address.0, 0xDEAD_BEEF_0000_0000, "{load:x?}");
        assert!(fault.non_canonical);
    }
}

#[test]
fn a_recursion_without_end_stops_at_the_guard_pages_and_the_whole_stack_counts_as_used() {
    // sub rsp, 0x400; call itself
    let world = World::with_code(&[0x48, 0x81, 0xEC, 0, 4, 0, 0, 0xE8, 0xF4, 0xFF, 0xFF, 0xFF]);
    let TrapKind::Page(fault) = world.trap().kind else { panic!() };
    let stack = kernel_stack(0, STACK_SIZE);
    assert!(fault.address < stack.base && fault.address.0 > stack.base.0 - 0x1000, "{fault:?}");
    assert!(world.fiber.served_by(&Plain::default()).stack_used() > STACK_SIZE.0 - 0x800);
}

#[test]
fn cr8_is_the_machines_level() {
    // mov rax, cr8; mov ecx, 2; mov cr8, rcx; ret
    let world = World::with_code(&[0x44, 0x0F, 0x20, 0xC0, 0xB9, 2, 0, 0, 0, 0x44, 0x0F, 0x22, 0xC1, 0xC3]);
    let kernel = Plain::default();
    kernel.level.set(1);
    assert_eq!(world.call(&kernel, [0; 4]), Exit::Returned(1));
    assert_eq!(kernel.level.get(), 2);
}

#[test]
fn shared_user_data_is_read_at_the_address_that_windows_gives_it() {
    // mov rdx, 0xFFFFF78000000000; mov rax, [rdx+0x320]; sub rdx, 0xFFFFF78000000000 (in r8); add rax, rdx; ret
    let mut code = vec![0x48, 0xBA];
    code.extend(SHARED_USER_DATA.base.0.to_le_bytes());
    code.extend([0x48, 0x8B, 0x82, 0x20, 3, 0, 0, 0x49, 0xB8]);
    code.extend(SHARED_USER_DATA.base.0.to_le_bytes());
    code.extend([0x4C, 0x29, 0xC2, 0x48, 0x01, 0xD0, 0xC3]);
    let world = World::with_code(&code);
    show(0x1122_3344_5566_7788);
    let exit = world.call(&Plain::default(), [0; 4]);
    assert_eq!(exit, Exit::Returned(0x1122_3344_5566_7788), "the base register is as it was");
    drop(world);
    // movabs eax, [0xFFFFF78000000320]; ret
    let mut code = vec![0xA1];
    code.extend((SHARED_USER_DATA.base.0 + 0x320).to_le_bytes());
    code.push(0xC3);
    let world = World::with_code(&code);
    show(0x5566_7788);
    assert_eq!(world.call(&Plain::default(), [0; 4]), Exit::Returned(0x5566_7788));
}

/// Writes the shared user data page, while a test has the arena for itself.
fn show(value: u64) {
    guarded::write(VirtualAddress(SHARED_USER_DATA_SHADOW.0 + 0x320), &value.to_le_bytes()).unwrap();
}

#[test]
fn a_guarded_copy_ends_at_the_first_byte_that_faults_and_never_leaves_the_arena() {
    let world = World::with_code(&[0xC3]);
    let mut bytes = [0; 16];
    let unmapped = VirtualAddress(CODE.end().0 + 0x1000);
    let fault = guarded::read(VirtualAddress(unmapped.0 - 8), &mut bytes).unwrap_err();
    assert_eq!((fault.address, fault.access), (VirtualAddress(unmapped.0 - 8), Access::Read));
    let fault = guarded::write(CODE.base, &[1]).unwrap_err();
    assert_eq!((fault.address, fault.access), (CODE.base, Access::Write), "code is read-only");
    let host = VirtualAddress(bytes.as_ptr() as u64);
    assert_eq!(guarded::write(host, &[1]).unwrap_err().address, host, "the host's own memory is refused");
    assert_eq!(bytes[0], 0);
    assert!(guarded::read(VirtualAddress(u64::MAX - 3), &mut bytes).is_err(), "a range that wraps");
    assert!(guarded::read(VirtualAddress::NULL, &mut []).is_ok(), "nothing to copy is never wrong");
    drop(world);
}

#[test]
fn the_current_thread_stands_where_gs_points() {
    // mov rax, gs:[0x188]; ret
    let world = World::with_code(&[0x65, 0x48, 0x8B, 0x04, 0x25, 0x88, 1, 0, 0, 0xC3]);
    processor_area::prepare(2).unwrap();
    processor_area::become_processor(ProcessorNumber(0), VirtualAddress(0x1234)).unwrap();
    assert_eq!(world.call(&Plain::default(), [0; 4]), Exit::Returned(0x1234));
}

/// A machine that lets driver code go on after a trap, with registers that it changed.
struct Mending {
    inner: Plain,
    seen: RefCell<Vec<FullRegisters>>,
}

impl Kernel for Mending {
    fn import(&self, index: u32, registers: &Registers) -> Verdict {
        self.inner.import(index, registers)
    }

    fn trap(&self, trap: &Trap) -> Verdict {
        let mut full = fiber::arrival().expect("it has just arrived");
        assert_eq!(full.registers, trap.registers);
        self.seen.borrow_mut().push(full);
        // Over the instruction of two bytes, with another value in r12 and in xmm3.
        full.registers.instruction += 2;
        full.registers.general[12] = 0x77;
        full.vectors[3] = 0xFACE_0000_0000_0000_0005;
        Verdict::Resume(Box::new(full))
    }

    the_rest_as_plain!();
}

#[test]
fn driver_code_goes_on_after_a_trap_with_every_register_given() {
    // mov r12d, 5; mov eax, 9; movd xmm3, eax; stc; ud2; setc al; movzx eax, al; movd ecx, xmm3; add eax, ecx;
    // add rax, r12; ret
    let world = World::with_code(&[
        0x41, 0xBC, 5, 0, 0, 0, 0xB8, 9, 0, 0, 0, 0x66, 0x0F, 0x6E, 0xD8, 0xF9, 0x0F, 0x0B, 0x0F, 0x92, 0xC0,
        0x0F, 0xB6, 0xC0, 0x66, 0x0F, 0x7E, 0xD9, 0x01, 0xC8, 0x4C, 0x01, 0xE0, 0xC3,
    ]);
    let kernel = Mending { inner: Plain::default(), seen: RefCell::default() };
    assert_eq!(world.call(&kernel, []), Exit::Returned(1 + 5 + 0x77), "the carry, xmm3, and r12");
    let seen = kernel.seen.borrow();
    assert_eq!((seen[0].registers.general[12], seen[0].vectors[3]), (5, 9));
}

#[test]
fn the_machine_has_its_own_rounding_and_the_driver_keeps_its() {
    /// Sums that round: up or down, whatever the vector unit is told.
    struct Rounding(Cell<f64>);
    impl Kernel for Rounding {
        fn import(&self, _: u32, _: &Registers) -> Verdict {
            self.0.set(std::hint::black_box(1.0) + std::hint::black_box(f64::EPSILON / 4.0));
            Verdict::Return(0)
        }
        fn irql(&self) -> u8 {
            0
        }
        fn set_irql(&self, _: u8) {}
        fn time_stamp(&self) -> u64 {
            0
        }
    }
    // sub rsp, 0x28; mov dword [rsp+0x20], 0x5F80 (round up); ldmxcsr [rsp+0x20]; call the import; stmxcsr [rsp+0x20];
    // mov eax, [rsp+0x20]; add rsp, 0x28; ret
    let mut code = vec![0x48, 0x83, 0xEC, 0x28, 0xC7, 0x44, 0x24, 0x20, 0x80, 0x5F, 0, 0];
    code.extend([0x0F, 0xAE, 0x54, 0x24, 0x20]);
    code.extend(call_to(thunk(0)));
    code.extend([0x0F, 0xAE, 0x5C, 0x24, 0x20, 0x8B, 0x44, 0x24, 0x20, 0x48, 0x83, 0xC4, 0x28, 0xC3]);
    let world = World::with_code(&code);
    let kernel = Rounding(Cell::new(0.0));
    assert_eq!(world.call(&kernel, []), Exit::Returned(0x5F80), "the driver's word is as it was");
    assert_eq!(kernel.0.get(), 1.0, "the machine rounds to nearest");
    assert_eq!(std::hint::black_box(1.0) + std::hint::black_box(f64::EPSILON / 4.0), 1.0, "and so do we");
}

/// A machine whose imports go on with the other of two fibers.
struct Turns {
    fibers: RefCell<Vec<Rc<KernelFiber>>>,
    log: RefCell<Vec<(usize, u64)>>,
}

impl Turns {
    fn current(&self) -> usize {
        self.fibers.borrow().iter().position(|fiber| fiber.is_current()).unwrap()
    }

    fn give_way(&self) {
        let next = Rc::clone(&self.fibers.borrow()[1 - self.current()]);
        next.switch_to();
    }
}

impl Kernel for Turns {
    fn import(&self, _: u32, registers: &Registers) -> Verdict {
        let me = self.current();
        self.log.borrow_mut().push((me, registers.general[register::RCX]));
        self.give_way();
        assert_eq!(self.current(), me);
        Verdict::Return(registers.general[register::RCX] + 1)
    }

    fn irql(&self) -> u8 {
        0
    }

    fn set_irql(&self, _: u8) {}

    fn time_stamp(&self) -> u64 {
        0
    }
}

#[test]
fn two_fibers_take_turns_in_their_imports_each_with_its_own_registers() {
    // push rbx; sub rsp, 0x20; mov ebx, 3; again: call the import; mov rcx, rax; dec ebx; jnz again; add rsp, 0x20; pop rbx; ret
    let mut code = vec![0x53, 0x48, 0x83, 0xEC, 0x20, 0xBB, 3, 0, 0, 0];
    code.extend(call_to(thunk(0)));
    code.extend([0x48, 0x89, 0xC1, 0xFF, 0xCB, 0x75, 0xED, 0x48, 0x83, 0xC4, 0x20, 0x5B, 0xC3]);
    let world = World::with_code(&code);
    let second_stack = kernel_stack(1, STACK_SIZE);
    arena::map_anonymous(second_stack.base, second_stack.size, Protection::ReadWrite).unwrap();
    let turns: &'static Turns =
        Box::leak(Box::new(Turns { fibers: RefCell::default(), log: RefCell::default() }));
    let first = Rc::new(KernelFiber::new(kernel_stack(0, STACK_SIZE)).unwrap());
    first.begin();
    let main = move || {
        let me = Rc::clone(&turns.fibers.borrow()[1]);
        let exit = me.served_by(turns).call(CODE.base, &[200]);
        turns.log.borrow_mut().push((1, u64::from(exit == Exit::Returned(203))));
        loop {
            turns.give_way();
        }
    };
    let second = Rc::new(KernelFiber::with_routine(second_stack, Box::new(main)).unwrap());
    turns.fibers.borrow_mut().extend([Rc::clone(&first), second]);
    assert_eq!(first.served_by(turns).call(CODE.base, &[100]), Exit::Returned(103));
    turns.give_way();
    assert_eq!(*turns.log.borrow(), [(0, 100), (1, 200), (0, 101), (1, 201), (0, 102), (1, 202), (1, 1)]);
    drop(world);
}

#[test]
fn the_frames_between_two_passages_through_the_machine_are_a_segment() {
    struct Nested<'a> {
        fiber: &'a KernelFiber,
        segments: RefCell<Vec<(fiber::Segment, Option<FullRegisters>)>>,
    }
    impl Kernel for Nested<'_> {
        fn import(&self, index: u32, _: &Registers) -> Verdict {
            if index == 0 {
                let record = fiber::reserve(Bytes(0x98)).expect("the stack has room");
                guarded::write(record, &[0xEE; 0x98]).unwrap();
                // The second routine calls the second import.
                self.fiber.served_by(self).call(VirtualAddress(CODE.base.0 + 0x100), &[]);
                let mut kept = [0; 0x98];
                guarded::read(record, &mut kept).unwrap();
                assert_eq!(kept, [0xEE; 0x98], "what is reserved is not written over");
            } else {
                let told = |depth| Some((fiber::segment(depth)?, fiber::caller(depth)));
                self.segments.borrow_mut().extend((0..).map_while(told));
            }
            Verdict::Return(0)
        }
        fn irql(&self) -> u8 {
            0
        }
        fn set_irql(&self, _: u8) {}
        fn time_stamp(&self) -> u64 {
            0
        }
    }
    let mut code = forwarding(0);
    code.resize(0x100, 0xCC);
    code.extend(forwarding(1));
    let world = World::with_code(&code);
    let kernel = Nested { fiber: &world.fiber, segments: RefCell::default() };
    assert_eq!(world.call(&kernel, []), Exit::Returned(0));
    let segments = kernel.segments.borrow();
    let [(inner, caller), (outer, nobody)] = segments[..] else { panic!("two segments: {segments:?}") };
    assert_eq!(outer.top, world.fiber.stack().end());
    assert_eq!(nobody, None, "nobody called the machine before");
    let caller = caller.expect("the first routine called an import");
    assert_eq!(caller.registers.instruction, CODE.base.0 + 16, "behind its call");
    assert!(inner.top.0 < caller.registers.stack_pointer() - 0x98);
}
